"""Who wants to be reached by MLS chat, and whom an account lets through without a request."""

from __future__ import annotations

from msgspec import UNSET

from protocol import bucket_text, parse_account_did
from router.edge.handlers_device import edge_bucket
from router.edge.members import own_device
from router.edge.services import Call, Edge
from router.store.contacts import RequestSettings
from schema.wire import given, mls


async def opt_in(edge: Edge, call: Call) -> mls.OptInOutput:
    """The account wants to be reached; since when, if it wanted to be before."""
    body = call.value(mls.OptInInput)
    await _check_device(edge, call, given(body.device_id))
    since = await edge.store.opt_in(call.account, now=edge_bucket(edge))
    return mls.OptInOutput(opted_in=True, opted_in_at=bucket_text(since))


async def opt_out(edge: Edge, call: Call) -> mls.OptOutOutput:
    """The account wants to be found no more."""
    body = call.value(mls.OptOutInput)
    await _check_device(edge, call, given(body.device_id))
    await edge.store.opt_out(call.account)
    return mls.OptOutOutput(success=True)


async def _check_device(edge: Edge, call: Call, named: str | None) -> None:
    """What is chosen is the account's; a device that is named all the same must be its own."""
    if named is not None:
        await own_device(edge.store, call.account, named)


async def get_opt_in_status(edge: Edge, call: Call) -> mls.GetOptInStatusOutput:
    """Which of these accounts want to be reached, in the order asked."""
    params = call.value(mls.GetOptInStatusParams)
    asked = tuple(dict.fromkeys(parse_account_did(did) for did in params.dids))
    since = await edge.store.opted_in(asked)
    return mls.GetOptInStatusOutput(
        statuses=tuple(
            mls.GetOptInStatusOptInStatus(
                did=account,
                opted_in=account in since,
                opted_in_at=bucket_text(since[account]) if account in since else UNSET,
            )
            for account in asked
        )
    )


async def get_settings(edge: Edge, call: Call) -> mls.GetChatRequestSettingsOutput:
    """The caller's settings."""
    settings = await edge.store.request_settings(call.account)
    return mls.GetChatRequestSettingsOutput(
        allow_followers_bypass=settings.allow_followers,
        allow_following_bypass=settings.allow_following,
        auto_expire_days=settings.expire_days,
    )


async def update_settings(edge: Edge, call: Call) -> mls.UpdateChatRequestSettingsOutput:
    """Change those of the caller's settings that are named."""
    body = call.value(mls.UpdateChatRequestSettingsInput)
    old = await edge.store.request_settings(call.account)
    settings = RequestSettings(
        given(body.allow_followers_bypass, old.allow_followers),
        given(body.allow_following_bypass, old.allow_following),
        given(body.auto_expire_days, old.expire_days),
    )
    if settings != old:
        await edge.store.set_request_settings(call.account, settings)
    return mls.UpdateChatRequestSettingsOutput(
        allow_followers_bypass=settings.allow_followers,
        allow_following_bypass=settings.allow_following,
        auto_expire_days=settings.expire_days,
    )
