"""Who may log in to the caller's account at an identity provider: shown, linked, unlinked.

For accounts only (`Auth.ACCOUNT`): no device and no API key decides who its account opens to.
"""

from __future__ import annotations

from msgspec import UNSET

from router.edge.handlers_device import day_text
from router.edge.services import Call, Edge
from router.login.identities import Shown
from schema.wire import rookery


async def list_all(edge: Edge, call: Call) -> rookery.ListIdentitiesOutput:
    """Everybody who may."""
    shown = await edge.login.identities.list(call.account)
    return rookery.ListIdentitiesOutput(identities=tuple(map(_view, shown)))


async def link(edge: Edge, call: Call) -> rookery.LinkIdentityOutput:
    """Let the person behind a code log in to the account, too."""
    body = call.value(rookery.LinkIdentityInput)
    linked = await edge.login.identities.link(
        call.account,
        body.code,
        verifier=body.code_verifier,
        redirect_uri=body.redirect_uri,
        still=call.still,
    )
    return rookery.LinkIdentityOutput(identity=_view(linked))


async def unlink(edge: Edge, call: Call) -> rookery.UnlinkIdentityOutput:
    """Let one of them log in no more."""
    body = call.value(rookery.UnlinkIdentityInput)
    unlinked = await edge.login.identities.unlink(call.account, body.identity_id)
    return rookery.UnlinkIdentityOutput(unlinked=unlinked)


def _view(shown: Shown) -> rookery.IdentityView:
    return rookery.IdentityView(
        identity_id=shown.id,
        provider=UNSET if shown.provider is None else shown.provider,
        provider_name=UNSET if shown.provider_name is None else shown.provider_name,
        linked_at=UNSET if shown.day is None else day_text(shown.day),
    )
