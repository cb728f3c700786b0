"""Welcomes: fetched until they are confirmed, rejected with a reason, made anew.

Each is for one device in one conversation and needs nothing else that is stored. What the old contract calls
*in flight* is a pending Welcome that was fetched: it stays there, however often and however late it is
fetched again. A device that cannot use its Welcome rejects it; a member is asked to help (`asking.py`), and
either adds the device again by a commit, or, if it made the Welcome, makes another for the same key package.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from crypto.mls import FramingError, cut_welcome, encode_message, read_welcome
from protocol import (
    Changed,
    Conversation,
    ConversationId,
    ConversationKind,
    DeviceId,
    EntryKind,
    InvalidId,
    ReissueWelcome,
    WelcomeFor,
    WelcomeReissueRequested,
    bucket_text,
    decode_fact,
    parse_conversation_id,
    parse_device_id,
)
from router.edge.commands import ask
from router.edge.errors import Refusal
from router.edge.handlers_device import edge_bucket
from router.edge.members import acting_device, readable
from router.edge.mls.asking import ask_for_help, nobody_else
from router.edge.mls.bytes import read_the_welcome, to_base64
from router.edge.mls.keypackages import refs_of
from router.edge.mls.suites import suite_number
from router.edge.services import Call, Edge
from router.limits import REISSUE_WELCOME
from router.store.key_packages import (
    KeyPackageHeld,
    KeyPackageReserved,
    KeyPackageSpent,
    KeyPackageUnknown,
)
from router.store.welcomes import Welcome, WelcomeSettled
from schema.wire import given, mls, mls_chat

_MLS: Final = ConversationKind.MLS
_NONE: Final = Refusal("WelcomeNotFound", "No Welcome waits for this device.")
_NO_REQUEST: Final = Refusal("RequestNotFound", "No device waits for a Welcome by this request.")
_NO_PACKAGE: Final = Refusal("KeyPackageNotFound", "No key package of this device belongs to the Welcome.")


def welcome_id(welcome: Welcome) -> str:
    """A name for a Welcome: of one device, a later one has another."""
    return f"{welcome.conversation}:{welcome.device}:{welcome.generation}.{welcome.epoch}"


# -- fetched and answered ----------------------------------------------------------------------------------


async def get_welcome(edge: Edge, call: Call) -> mls.GetWelcomeOutput:
    """What waits for the calling device."""
    params = call.value(mls.GetWelcomeParams)
    state, device = await _place(edge, call, params.convo_id, params.device_id)
    welcome = await edge.store.fetch_welcome(state.id, device, now=edge_bucket(edge))
    if welcome is None or welcome.state != "pending":
        raise _NONE
    return mls.GetWelcomeOutput(
        convo_id=state.id,
        welcome=to_base64(welcome.body),
        group_id=state.group_id,
        epoch=welcome.epoch,
        generation=welcome.generation,
        key_package_hash=UNSET if welcome.key_package is None else welcome.key_package.hex(),
        welcome_id=welcome_id(welcome),
    )


async def confirm(edge: Edge, call: Call) -> mls.ConfirmWelcomeOutput:
    """It was used, or this attempt failed and it may be fetched again."""
    body = call.value(mls.ConfirmWelcomeInput)
    state, device = await _place(edge, call, body.convo_id, body.device_id)
    outcome = await edge.store.settle_welcome(
        state.id,
        device,
        "acknowledged" if body.success else "failed",
        key_package=_ref(body.key_package_hash),
        reason=given(body.error_details),
        now=edge_bucket(edge),
    )
    if not isinstance(outcome, WelcomeSettled):
        raise _NONE
    return mls.ConfirmWelcomeOutput(confirmed=True)


async def invalidate(edge: Edge, call: Call) -> mls.InvalidateWelcomeOutput:
    """It cannot be used: a member is asked to help. A repeat asks nobody twice."""
    body = call.value(mls.InvalidateWelcomeInput)
    state, device = await _place(edge, call, body.convo_id, body.device_id)
    reason = _reason(body.reason)
    outcome = await edge.store.settle_welcome(
        state.id,
        device,
        "rejected",
        key_package=_ref(body.key_package_hash),
        reason=reason,
        now=edge_bucket(edge),
    )
    if not isinstance(outcome, WelcomeSettled):
        raise _NONE
    if device in state.members:
        await ask_for_help(edge, state, call.account, device, cause="welcome", reason=reason)
    return mls.InvalidateWelcomeOutput(invalidated=True, welcome_id=welcome_id(outcome.welcome))


async def _place(
    edge: Edge, call: Call, convo_id: str, device_id: str | UnsetType
) -> tuple[Conversation, DeviceId]:
    """The conversation, of which the caller's account is a member, and the caller's device."""
    state = await readable(edge, call.account, convo_id, _MLS)
    return state, await acting_device(edge.store, call.caller, device_id)


def _ref(text: str | UnsetType) -> bytes | None:
    value = given(text)
    return None if value is None else refs_of((value,), _NONE)[0]


_LONGEST_REASON: Final = 1024


def _reason(text: str) -> str:
    return text[:_LONGEST_REASON]


# -- looked at before it is used ---------------------------------------------------------------------------


async def validate(edge: Edge, call: Call) -> mls.ValidateWelcomeOutput:
    """Whether a Welcome is for a key package of the calling device that is still there, which is reserved."""
    body = call.value(mls.ValidateWelcomeInput)
    device = await acting_device(edge.store, call.caller, body.device_id)
    refs = read_the_welcome(bytes(body.welcome_message)).key_package_refs
    now = edge_bucket(edge)
    others = False
    for ref in refs:
        record = await edge.store.key_package(ref)
        if record is None:
            continue
        if record.account != call.account or record.device != device:
            others = True
            continue
        outcome = await edge.store.reserve_key_package(
            call.account, ref, now=now, ttl=edge.settings.mls.reserve_time
        )
        match outcome:
            case KeyPackageReserved(until=until):
                return mls.ValidateWelcomeOutput(
                    valid=True,
                    key_package_hash=ref.hex(),
                    recipient_did=call.account,
                    reserved=True,
                    reserved_until=bucket_text(until),
                )
            case KeyPackageSpent():
                raise Refusal("KeyPackageAlreadyConsumed", "The key package was used.")
            case KeyPackageHeld():
                raise Refusal(
                    "KeyPackageReserved", "Somebody else has taken the key package.", retry_after=60
                )
            case KeyPackageUnknown():
                continue
    if others:
        raise Refusal("RecipientMismatch", "The Welcome is for another device.")
    raise _NO_PACKAGE


# -- made anew ---------------------------------------------------------------------------------------------


async def reissue(edge: Edge, call: Call) -> mls_chat.ReissueWelcomeOutput:
    """Ask for another Welcome for a device of the caller's that got one."""
    body = call.value(mls_chat.ReissueWelcomeInput)
    state = await readable(edge, call.account, body.convo_id, _MLS)
    account, _, named = body.recipient_device_did.partition("#")
    if account != call.account or call.caller.device not in (None, named):
        raise _NONE
    try:
        device = parse_device_id(named)
    except InvalidId:
        raise _NONE from None
    welcome = await edge.store.welcome(state.id, device)
    if welcome is None or device not in state.members:
        raise _NONE
    if nobody_else(state, device):
        raise Refusal("NoAdminToReissue", "Nobody else is in this conversation.", retry_after=60)
    if device not in state.group.needs_rejoin:
        edge.admission.once_in_a_while(REISSUE_WELCOME, state.id, device, error="RateLimited")
    asked = await ask_for_help(
        edge, state, call.account, device, cause="welcome", reason=_reason(body.reason)
    )
    return mls_chat.ReissueWelcomeOutput(
        welcome_requested=True,
        request_id=asked.id,
        requested_at=bucket_text(asked.at),
        inviter_device=asked.leased_to or UNSET,
    )


async def respond(edge: Edge, call: Call) -> mls_chat.ReissueWelcomeRespondOutput:
    """Another Welcome for the key package that the device was added by, from who made the first one."""
    body = call.value(mls_chat.ReissueWelcomeRespondInput)
    by = await acting_device(edge.store, call.caller, body.device_id)
    state, seq = await _request(edge, body.request_id)
    if by not in state.members:
        raise (
            _NO_REQUEST
            if not state.was_member(call.account)
            else Refusal("Unauthorized", "Only a device that is in can make a Welcome.")
        )
    fact = await _asked(edge, state.id, seq)
    before = await edge.store.welcome(state.id, fact.device)
    if before is None:
        raise _NO_REQUEST
    blob = await _blob(edge, state, before, bytes(body.welcome_blob), given(body.key_package_hash))
    if before.state != "pending" or before.body != blob.body:  # else a repeat: it is there
        command = ReissueWelcome(state.id, call.account, by, seq, blob, before.epoch)
        await ask(edge, command, Changed)
    return mls_chat.ReissueWelcomeRespondOutput(
        stored=True,
        request_id=body.request_id,
        welcome_blob_id=welcome_id(before),
        responded_at=bucket_text(edge_bucket(edge)),
    )


async def _request(edge: Edge, request_id: str) -> tuple[Conversation, int]:
    convo, _, number = request_id.partition(":")
    try:
        state = await edge.store.conversation(parse_conversation_id(convo))
    except InvalidId:
        state = None
    if state is None or state.kind is not _MLS or not number.isdecimal() or len(number) > 16:
        raise _NO_REQUEST
    return state, int(number)


async def _asked(edge: Edge, conversation: ConversationId, seq: int) -> WelcomeReissueRequested:
    entries = await edge.store.conversation_entries(
        conversation, after_seq=seq - 1, upto_seq=seq, max_entries=1, max_bytes=1
    )
    if entries and entries[0].kind is EntryKind.NOTICE:
        fact = decode_fact(entries[0].body)
        if isinstance(fact, WelcomeReissueRequested):
            return fact
    raise _NO_REQUEST


async def _blob(
    edge: Edge, state: Conversation, before: Welcome, data: bytes, named: str | None
) -> WelcomeFor:
    """The Welcome, cut for its device; refuses one for another key package than the device was added by."""
    try:
        welcome = read_welcome(data)
    except FramingError as fault:
        raise Refusal("InvalidWelcome", f"The Welcome cannot be read: {fault}.") from None
    refs = welcome.key_package_refs
    ref = before.key_package if named is None else refs_of((named,), _NO_PACKAGE)[0]
    if ref is None:
        ref = refs[0] if len(refs) == 1 else None
    if (
        ref is None
        or ref not in refs
        or before.key_package not in (None, ref)
        or welcome.cipher_suite != suite_number(state.cipher_suite)
    ):
        raise Refusal("WelcomeMismatch", "The Welcome is not for the key package the device was added by.")
    if before.key_package is None:
        record = await edge.store.key_package(ref)
        if record is None or record.device != before.device:
            raise _NO_PACKAGE
    return WelcomeFor(before.account, before.device, ref, encode_message(cut_welcome(welcome, ref)))
