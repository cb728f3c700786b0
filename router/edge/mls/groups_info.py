"""The GroupInfo of the current epoch: given out to who may come in, brought by members, asked for."""

from __future__ import annotations

from crypto.mls import GroupInfo as PublicGroupInfo
from crypto.mls import InvalidGroupInfo, PublicGroup, check_group_info, open_group
from protocol import (
    CONVO_NOT_FOUND,
    INSIDE,
    NOT_MEMBER,
    NOT_YET_MEMBER,
    Changed,
    Conversation,
    ConversationKind,
    RefreshGroupInfo,
    Standing,
    UpdateGroupInfo,
    may_come_back,
    names_group,
    standing,
)
from router.edge.commands import ask, named_conversation
from router.edge.errors import Refusal
from router.edge.mls.bytes import (
    from_base64,
    group_info_refusal,
    read_the_group_info,
    to_base64,
    verifying,
)
from router.edge.mls.commits_private import held_against_all
from router.edge.mls.groups_stored import Base, Moved, stored_base, to_store
from router.edge.mls.leaves import Leaves
from router.edge.mls.suites import NUMBERS, POLICY
from router.edge.services import Call, Edge
from schema.wire import Octets, mls

_READS = 4


async def get_group_info(edge: Edge, call: Call) -> mls.GetGroupInfoOutput:
    """What an external commit is built on: for members, and for accounts that may come in by one."""
    params = call.value(mls.GetGroupInfoParams)
    for _ in range(_READS):
        state = await _approachable(edge, call, params.convo_id)
        try:
            base = await stored_base(edge, state)
        except Moved:
            continue
        if base is None:
            break
        return mls.GetGroupInfoOutput(
            group_info=to_base64(base.info.body),
            epoch=base.info.epoch,
            group_id=state.group_id,
            generation=state.group.generation,
            digest=Octets(state.group.digest),
        )
    raise Refusal("GroupInfoUnavailable", "No GroupInfo of the current epoch is here: groupInfoRefresh asks.")


async def _approachable(edge: Edge, call: Call, convo_id: str) -> Conversation:
    """The conversation, if the caller is in, or may come in by itself."""
    state = await edge.store.conversation(named_conversation(convo_id))
    who = standing(state, call.account)
    if state is None or state.kind is not ConversationKind.MLS or who is Standing.STRANGER:
        raise Refusal.of(CONVO_NOT_FOUND)
    if not may_come_back(state, call.account):
        raise Refusal.of(NOT_MEMBER)
    return state


async def update_group_info(edge: Edge, call: Call) -> mls.UpdateGroupInfoOutput:
    """A member brings the GroupInfo of the current epoch.

    Where one is here, the new one must be of exactly the same state. Where none is, its tree must hold the
    members' devices and no others; of the rest of its state there is nothing to hold it against. So whoever
    brings it, or sends one beside an encrypted commit, could give a false transcript, with which no commit in
    clear would verify: an admin may put another in its place, under the same condition.
    """
    body = call.value(mls.UpdateGroupInfoInput)
    data = from_base64("groupInfo", "InvalidGroupInfo", body.group_info)
    for _ in range(_READS):
        state = await edge.store.conversation(named_conversation(body.convo_id))
        who = standing(state, call.account)
        if state is None or state.kind is not ConversationKind.MLS or who is Standing.STRANGER:
            raise Refusal.of(CONVO_NOT_FOUND)
        if who not in INSIDE:
            raise Refusal.of(NOT_YET_MEMBER if who is Standing.PENDING else NOT_MEMBER)
        if body.epoch != state.epoch:
            raise Refusal("EpochMismatch", f"The current epoch is {state.epoch}.")
        try:
            base = await stored_base(edge, state)
        except Moved:
            continue
        return await _update(edge, call, state, base, data)
    raise Refusal("NotEnoughResources", "The group goes on faster than it is read.", retry_after=1)


async def _update(
    edge: Edge, call: Call, state: Conversation, base: Base | None, data: bytes
) -> mls.UpdateGroupInfoOutput:
    size = len(data) + (0 if base is None else base.size)
    mends = call.account in state.admins
    read, group = await verifying(edge, size, lambda: _verified(state, base, data, mends=mends))
    if group is not None:
        await held_against_all(Leaves(edge.store, group.suite, state), state, group.members, (), ())
    brought = to_store(read)
    held = state.group.group_info_hash
    command = UpdateGroupInfo(state.id, call.account, brought, held)
    await ask(edge, command, Changed)
    return mls.UpdateGroupInfoOutput(updated=held != brought.hash)


def _verified(
    state: Conversation, base: Base | None, data: bytes, *, mends: bool
) -> tuple[PublicGroupInfo, PublicGroup | None]:
    """The GroupInfo; with its group, where its members have still to be held against the conversation's."""
    read = read_the_group_info(data)
    context = read.group_context
    if state.group.generation and not names_group(state.group_id, context.group_id):
        raise Refusal("GroupReset", "The GroupInfo is not of the group that carries the conversation now.")
    if not names_group(state.group_id, context.group_id) or context.epoch != state.epoch:
        raise Refusal("GroupInfoMismatch", "The GroupInfo is not of the group's current epoch.")
    if context.cipher_suite != NUMBERS.get(state.cipher_suite):
        raise Refusal("GroupInfoMismatch", "The GroupInfo is of another cipher suite.")
    try:
        if base is not None:
            check_group_info(base.group(), read)
            return read, None
    except InvalidGroupInfo as error:
        if not mends:
            raise group_info_refusal(error, against=True) from None
    try:
        return read, open_group(read, POLICY)
    except InvalidGroupInfo as error:
        raise group_info_refusal(error) from None


async def refresh_group_info(edge: Edge, call: Call) -> mls.GroupInfoRefreshOutput:
    """Ask the members for one. They are asked once in a while, however many need it."""
    body = call.value(mls.GroupInfoRefreshInput)
    conversation = named_conversation(body.convo_id)
    await ask(edge, RefreshGroupInfo(conversation, call.account), Changed)
    state = await edge.store.conversation(conversation)
    online = frozenset(edge.devices.connected_devices())
    members = () if state is None else state.members.values()
    active = {member.account for member in members if member.device in online} - {call.account}
    return mls.GroupInfoRefreshOutput(requested=True, active_members=len(active))
