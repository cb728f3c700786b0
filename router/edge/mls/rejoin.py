"""Coming back: a device that lost its state asks to be added again.

Nobody comes in by asking: the request is told to the members, one of which adds the device by a commit. A
removed account is not heard, since its removal is a tombstone. How often a device may ask is limited by the
hour (`rate.rejoin`), and by a pause after it got a leaf (`GroupFrozen`).
"""

from __future__ import annotations

from typing import Final

from msgspec import UnsetType

from protocol import (
    CONVO_NOT_FOUND,
    NOT_MEMBER,
    Conversation,
    ConversationKind,
    DeviceId,
    Standing,
    may_come_back,
    standing,
)
from router.edge.commands import named_conversation
from router.edge.errors import Refusal
from router.edge.handlers_device import edge_bucket
from router.edge.mls.asking import Asked, ask_for_help, nobody_else
from router.edge.mls.packages import Offered
from router.edge.mls.stock import judged, publish, publisher
from router.edge.services import Call, Edge
from router.limits import REJOIN
from schema.wire import given, mls

_LONGEST_REASON: Final = 128


async def request_rejoin(edge: Edge, call: Call) -> mls.RequestRejoinOutput:
    """Ask with a fresh key package, in the words of the seed contract."""
    body = call.value(mls.RequestRejoinInput)
    asked = await _rejoin(edge, call, body.convo_id, body.key_package, body.reason, body.device_id)
    return mls.RequestRejoinOutput(request_id=asked.id, pending=True)


async def rejoin(edge: Edge, call: Call) -> mls.RejoinOutput:
    """The same under its later name."""
    body = call.value(mls.RejoinInput)
    asked = await _rejoin(edge, call, body.convo_id, body.key_package, body.reason, body.device_id)
    return mls.RejoinOutput(request_id=asked.id, pending=True)


async def readdition(edge: Edge, call: Call) -> mls.ReadditionOutput:
    """Ask without a key package: one of those in stock is taken."""
    body = call.value(mls.ReadditionInput)
    state = await _returnable(edge, call, body.convo_id)
    device = (await publisher(edge, call.caller, body.device_id, ())).id
    if nobody_else(state, device):
        raise Refusal("NoActiveMembers", "Nobody else is in this conversation.", retry_after=60)
    _count(edge, state, device)
    await ask_for_help(edge, state, call.account, device, cause="lost")
    online = set(edge.devices.connected_devices())
    helpers = sum(1 for each in state.members if each != device and each in online)
    return mls.ReadditionOutput(requested=True, active_members=helpers)


async def _rejoin(
    edge: Edge,
    call: Call,
    convo_id: str,
    key_package: str,
    reason: str | UnsetType,
    device_id: str | UnsetType,
) -> Asked:
    state = await _returnable(edge, call, convo_id)
    offers = (Offered(key_package),)
    device = await publisher(edge, call.caller, device_id, offers)
    welcome = await edge.store.welcome(state.id, device.id)
    if welcome is not None and welcome.state == "pending" and welcome.fetched is None:
        raise Refusal(
            "AlreadyMember", "A commit has added this device: fetch its Welcome, or reject it with a reason."
        )
    (package,) = await judged(edge, device, offers, int(edge.now()))
    if isinstance(package, Refusal):
        raise package
    _count(edge, state, device.id)
    (refusal,) = await publish(edge, device, (package,), edge_bucket(edge))
    if refusal is not None:
        raise refusal
    text = given(reason)
    return await ask_for_help(
        edge,
        state,
        call.account,
        device.id,
        cause="lost",
        reason=None if text is None else text[:_LONGEST_REASON],
    )


async def _returnable(edge: Edge, call: Call, convo_id: str) -> Conversation:
    """The conversation, if the account is in or may come back."""
    state = await edge.store.conversation(named_conversation(convo_id))
    if (
        state is None
        or state.kind is not ConversationKind.MLS
        or standing(state, call.account) is Standing.STRANGER
    ):
        raise Refusal.of(CONVO_NOT_FOUND)
    if not may_come_back(state, call.account):
        raise Refusal.of(NOT_MEMBER)
    return state


def _count(edge: Edge, state: Conversation, device: DeviceId) -> None:
    """A request that stands already is asked for again as often as one likes."""
    if device not in state.group.needs_rejoin:
        edge.admission.once_in_a_while(REJOIN, state.id, device)
