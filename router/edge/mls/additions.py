"""New devices of members, which another member adds: who waits, who adds it, whether it is in.

    waits ──claim──▶ leased to one device for a minute ──its commit──▶ in
      ▲                 │ the lease lapses, or ends without a commit
      └─────────────────┘

Nothing of this is stored but the lease: who waits follows from who is registered and who is in. An account
does not claim its own devices: another device of it that is in adds them by a commit without asking anybody.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from protocol import (
    NOT_MEMBER,
    Conversation,
    ConversationId,
    ConversationKind,
    DeviceId,
    InvalidId,
    parse_conversation_id,
    parse_device_id,
)
from router.edge.errors import Refusal
from router.edge.handlers_device import day_text, edge_bucket
from router.edge.members import acting_device
from router.edge.mls.departures import addition_id
from router.edge.mls.devices import mls_did
from router.edge.mls.keypackages import claim, claimed_view
from router.edge.mls.suites import suite_number
from router.edge.services import Call, Edge
from router.store.groups import AdditionHeld, AdditionLeased, AdditionUnknown, PendingAddition
from schema.wire import given, mls

_NOT_FOUND: Final = Refusal("PendingAdditionNotFound", "No such device waits in a conversation of yours.")


async def list_pending(edge: Edge, call: Call) -> mls.GetPendingDeviceAdditionsOutput:
    """Devices that wait in the caller's conversations, its own included."""
    params = call.value(mls.GetPendingDeviceAdditionsParams)
    named = given(params.convo_ids)
    conversations = None if named is None else tuple(_conversations(named))
    found = await edge.store.pending_additions(
        call.account, conversations=conversations, now=edge_bucket(edge), limit=params.limit
    )
    return mls.GetPendingDeviceAdditionsOutput(
        pending_additions=tuple([await _view(edge, each) for each in found])
    )


def _conversations(texts: tuple[str, ...]) -> list[ConversationId]:
    found = []
    for text in texts:
        try:
            found.append(parse_conversation_id(text))
        except InvalidId:
            continue  # what cannot be an id is as unknown as an id nobody has
    return found


async def _view(edge: Edge, addition: PendingAddition) -> mls.GetPendingDeviceAdditionsPendingDeviceAddition:
    holder = None if addition.leased_to is None else await edge.store.device(addition.leased_to)
    return mls.GetPendingDeviceAdditionsPendingDeviceAddition(
        id=addition_id(addition.conversation, addition.device),
        convo_id=addition.conversation,
        user_did=addition.account,
        device_id=addition.device,
        device_name=addition.device_name or UNSET,
        device_credential_did=mls_did(addition.account, addition.device),
        status="pending" if addition.leased_to is None else "in_progress",
        claimed_by=UNSET if holder is None else holder.account,
        created_at=day_text(addition.registered_day),
    )


async def claim_addition(edge: Edge, call: Call) -> mls.ClaimPendingDeviceAdditionOutput:
    """Lease an addition to the calling device, and give it the key package to add."""
    body = call.value(mls.ClaimPendingDeviceAdditionInput)
    by, state, device = await _named(edge, call, body.pending_addition_id, body.device_id)
    now = edge_bucket(edge)
    owner = await _waiting(edge, call, state, device, now)
    credential = mls_did(owner.account, device)
    if owner.account == call.account:
        return mls.ClaimPendingDeviceAdditionOutput(
            claimed=False, convo_id=state.id, device_credential_did=credential
        )
    if owner.leased_to in (None, by):
        edge.admission.take_key_packages((owner.account,), by=call.account)
    outcome = await edge.store.lease_addition(
        state.id, device, to=by, now=now, ttl=edge.settings.mls.addition_lease
    )
    match outcome:
        case AdditionHeld(leased_to=leased_to):
            holder = state.members.get(leased_to)
            return mls.ClaimPendingDeviceAdditionOutput(
                claimed=False,
                convo_id=state.id,
                device_credential_did=credential,
                claimed_by=UNSET if holder is None else holder.account,
            )
        case AdditionUnknown():
            raise _NOT_FOUND
        case AdditionLeased():
            taken = await claim(
                edge, call, owner.account, suite=suite_number(state.cipher_suite), device=device
            )
    if not taken:
        await edge.store.end_addition(state.id, device, by=by, now=now)
        raise Refusal("KeyPackageNotFound", "The device has no key package of the group's suite left.")
    return mls.ClaimPendingDeviceAdditionOutput(
        claimed=True,
        convo_id=state.id,
        device_credential_did=credential,
        key_package=claimed_view(owner.account, taken[0]),
        claimed_by=call.account,
    )


async def complete_addition(edge: Edge, call: Call) -> mls.CompletePendingDeviceAdditionOutput:
    """Give the lease back: after the commit the device is in, without one it waits for somebody else."""
    body = call.value(mls.CompletePendingDeviceAdditionInput)
    by, state, device = await _named(edge, call, body.pending_addition_id, body.device_id)
    if body.new_epoch > state.epoch:
        return _not_yet(f"The group is at epoch {state.epoch}.")
    ended = await edge.store.end_addition(state.id, device, by=by, now=edge_bucket(edge))
    if ended == "completed" or (ended == "not-claimed" and device in state.members):
        return mls.CompletePendingDeviceAdditionOutput(success=True)
    if ended == "not-claimed":
        raise Refusal("NotClaimed", "You do not hold the lease of this addition.")
    return _not_yet("No commit has added the device; it waits for somebody else.")


def _not_yet(error: str) -> mls.CompletePendingDeviceAdditionOutput:
    return mls.CompletePendingDeviceAdditionOutput(success=False, error=error)


async def _named(
    edge: Edge, call: Call, pending_addition_id: str, device_id: str | UnsetType
) -> tuple[DeviceId, Conversation, DeviceId]:
    """The acting device, which is in, the conversation, and the device that waits."""
    convo, _, waiting = pending_addition_id.partition(":")
    try:
        conversation, device = parse_conversation_id(convo), parse_device_id(waiting)
    except InvalidId:
        raise _NOT_FOUND from None
    by = await acting_device(edge.store, call.caller, device_id)
    state = await edge.store.conversation(conversation)
    if state is None or state.kind is not ConversationKind.MLS:
        raise _NOT_FOUND
    if by not in state.members:
        if state.is_member(call.account) or state.was_member(call.account):
            raise Refusal.of(NOT_MEMBER)
        raise _NOT_FOUND
    return by, state, device


async def _waiting(
    edge: Edge, call: Call, state: Conversation, device: DeviceId, now: int
) -> PendingAddition:
    found = await edge.store.pending_additions(
        call.account, conversations=(state.id,), now=now, limit=edge.settings.limits.max_members
    )
    for each in found:
        if each.device == device:
            return each
    raise _NOT_FOUND
