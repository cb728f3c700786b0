"""Another MLS group for a conversation whose group is stuck; its id, its log and its tombstones stay."""

from __future__ import annotations

from typing import Final

from crypto.mls import GroupInfo as PublicGroupInfo
from crypto.mls import InvalidGroupInfo, PublicGroup, open_group
from protocol import (
    CONVO_NOT_FOUND,
    INSIDE,
    NOT_MEMBER,
    NOT_YET_MEMBER,
    Changed,
    Conversation,
    ConversationId,
    ConversationKind,
    DeviceId,
    GroupInfo,
    GroupReset,
    ResetGroup,
    Standing,
    bucket,
    decode_fact,
    names_group,
    standing,
)
from router.edge.commands import ask, id_of_group, idempotency, named_conversation
from router.edge.errors import Refusal
from router.edge.members import acting_device
from router.edge.mls.bytes import group_info_refusal, read_the_group_info, verifying
from router.edge.mls.groups_stored import to_store
from router.edge.mls.leaves import Leaves
from router.edge.mls.suites import POLICY, new_suite
from router.edge.services import Call, Edge
from schema.wire import given, mls_chat

_MAX_GROUP_ID: Final = 128
_MAX_REASON: Final = 500
"""Bytes, as the contract's other methods have them."""
_ALONE = Refusal("GroupInfoMismatch", "The new group's tree must hold your device alone: others are added.")


async def reset_group(edge: Edge, call: Call) -> mls_chat.ResetGroupOutput:
    """An admin's device begins the conversation's next group, alone; everybody else is added to it after."""
    body = call.value(mls_chat.ResetGroupInput)
    suite = new_suite(edge.settings.mls, body.cipher_suite)
    conversation = named_conversation(body.convo_id)
    key = idempotency(edge, call, body.idempotency_key)
    state = await edge.store.conversation(conversation)
    who = standing(state, call.account)
    if state is None or state.kind is not ConversationKind.MLS or who is Standing.STRANGER:
        raise Refusal.of(CONVO_NOT_FOUND)
    if who not in INSIDE:
        raise Refusal.of(NOT_YET_MEMBER if who is Standing.PENDING else NOT_MEMBER)
    if not 0 < len(body.new_group_id.encode()) <= _MAX_GROUP_ID:
        raise Refusal("InvalidRequest", f"newGroupId has 1 to {_MAX_GROUP_ID} bytes.")
    if len((given(body.reason) or "").encode()) > _MAX_REASON:
        raise Refusal("InvalidRequest", f"reason has at most {_MAX_REASON} bytes.")
    device = await acting_device(edge.store, call.caller, body.device_id)
    generation = given(body.generation)
    now = bucket(edge.now(), edge.settings.log.received_bucket_seconds)
    again = key is not None and await edge.store.idempotent(key.scope, now=now) is not None
    kept: GroupInfo | None = None
    leaf: int | None = None
    if not again:
        if await edge.store.conversation(id_of_group(edge.secrets, body.new_group_id)) is not None:
            raise Refusal("GroupIdAlreadyExists", "The MLS group id is in use.")
        data = given(body.group_info)
        if data is not None:
            kept, leaf = await _alone(edge, state, body.new_group_id, suite, device, bytes(data))
    command = ResetGroup(
        conversation,
        call.account,
        device,
        body.new_group_id,
        body.cipher_suite,
        (state.group.generation if generation is None else generation) + 1,
        leaf=leaf,
        group_info=kept,
        reason=given(body.reason),
        idempotency=key,
    )
    changed = await ask(edge, command, Changed)
    return mls_chat.ResetGroupOutput(
        success=True,
        new_group_id=body.new_group_id,
        reset_generation=await _generation(edge, changed, conversation),
        new_epoch=changed.epoch,
    )


async def _alone(
    edge: Edge, state: Conversation, group_id: str, suite: int, device: DeviceId, data: bytes
) -> tuple[GroupInfo, int]:
    """The GroupInfo of a group that holds this device and nobody else, with the device's leaf."""

    def work() -> tuple[PublicGroupInfo, PublicGroup]:
        read = read_the_group_info(data)
        try:
            return read, open_group(read, POLICY)
        except InvalidGroupInfo as error:
            raise group_info_refusal(error) from None

    read, group = await verifying(edge, len(data), work)
    if not names_group(group_id, group.group_id) or group.suite.number != suite:
        raise Refusal("GroupInfoMismatch", "The GroupInfo is of another group or suite than stated.")
    if len(group.members) != 1:
        raise _ALONE
    (member,) = group.members
    registered = await Leaves(edge.store, group.suite, state).registered(member)
    if registered is None or registered.device != device:
        raise _ALONE
    return to_store(read), member.leaf_index


async def _generation(edge: Edge, changed: Changed, conversation: ConversationId) -> int:
    """The generation that a reset in the log began; of a repeat it may be past."""
    (entry,) = await edge.store.conversation_entries(
        conversation, after_seq=changed.seq - 1, upto_seq=changed.seq, max_entries=1, max_bytes=1
    )
    fact = decode_fact(entry.body)
    if not isinstance(fact, GroupReset):
        raise TypeError("a reset is answered with its own entry")
    return fact.generation
