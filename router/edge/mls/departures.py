"""A device that ends goes out of its MLS groups, one conversation at a time.

Where the account has another device in, only this one goes, and its leaf is stale until a commit removes it.
Where it was the only one in, there are two cases. If the account has another device here, that one is to be
added: the account keeps its place and its roles, the members are told of the device (once), and the ended
one stays named as a member to which nothing is delivered any more, until the new device's commit removes its
leaf. If it has none, the account leaves. The last member of a conversation stays.

Conversations without an MLS group are left alone: there a member is an account.
"""

from __future__ import annotations

import trio

from protocol import (
    AccountDid,
    AnnounceDevice,
    Conversation,
    ConversationId,
    ConversationKind,
    DeviceId,
    Leave,
    Rejected,
)
from router.edge.errors import Refusal
from router.edge.services import Edge
from router.store.values import Device

_AT_ONCE = 16
"""Conversations asked at the same time."""
_HARMLESS = frozenset({"LastMember", "NotMember", "ConvoNotFound"})
"""It cannot go, or somebody else put it out meanwhile."""


def addition_id(conversation: ConversationId, device: DeviceId) -> str:
    """How a device that waits to be added to a conversation is named: the same wherever it is asked for."""
    return f"{conversation}:{device}"


async def leave_groups(edge: Edge, account: AccountDid, device: DeviceId) -> int:
    """Take the device out of every MLS group; how many conversations it is out of. May be repeated.

    Raises what an ask raises, with some of it done.
    """
    others = [each for each in await edge.store.devices_of(account) if each.id != device]
    limiter = trio.CapacityLimiter(_AT_ONCE)
    left = 0

    async def leave(conversation: ConversationId) -> None:
        nonlocal left
        async with limiter:
            left += await _leave(edge, account, device, others, conversation)

    memberships = await edge.store.memberships(device)
    try:
        async with trio.open_nursery() as nursery:
            for each in memberships:
                if each.to_seq is None:
                    nursery.start_soon(leave, each.conversation)
    except ExceptionGroup as errors:
        raise first_error(errors) from errors
    return left


async def _leave(
    edge: Edge, account: AccountDid, device: DeviceId, others: list[Device], conversation: ConversationId
) -> bool:
    state = await edge.store.conversation(conversation)
    if state is None or state.kind is not ConversationKind.MLS:
        return False
    if others and state.devices_of(account) == (device,):
        for other in others:
            await announce(edge, state, other)
        return False
    answer = await edge.conversations.ask(Leave(conversation, account, only=device))
    if isinstance(answer, Rejected):
        if answer.error in _HARMLESS:
            return False
        raise Refusal.of(answer)
    return True


async def announce(edge: Edge, state: Conversation, device: Device) -> bool:
    """Tell the members of a device of theirs that waits to be added; whether it waits."""
    if device.id in state.members or not state.is_member(device.account):
        return False
    answer = await edge.conversations.ask(
        AnnounceDevice(state.id, device.account, device.id, device.name, addition_id(state.id, device.id))
    )
    return not isinstance(answer, Rejected)


def first_error(errors: BaseExceptionGroup[Exception]) -> BaseException:
    """One of a group's errors: what a caller, who asked for one thing, is told."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
