"""Conversations of sealed bytes: begin one, list one's own, change who is in.

Those of MLS groups are in `mls/`; the pages of conversations are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import UNSET, UnsetType

from protocol import (
    CONVO_NOT_FOUND,
    AccountDid,
    AddMembers,
    Changed,
    Conversation,
    ConversationId,
    ConversationKind,
    Create,
    CreateAnswer,
    Leave,
    RemoveMember,
    parse_account_did,
)
from router.edge.commands import ask, id_of_creation, idempotency, named_conversation
from router.edge.errors import Refusal
from router.edge.members import devices_of
from router.edge.services import Call, Edge
from router.edge.views import rookery_convo
from schema.wire import given, rookery


async def create_rookery(edge: Edge, call: Call) -> rookery.ConvoView:
    """Begin a conversation of sealed bytes."""
    body = call.value(rookery.CreateConvoInput)
    cover = given(body.metadata) or rookery.CreateConvoMetadataInput()
    others = given(body.initial_members) or ()
    own = await devices_of(edge.store, (call.account,), absent="DeviceNotFound")
    joined = await devices_of(
        edge.store, (did for did in others if did != call.account), absent="MemberNotFound"
    )
    command = Create(
        conversation=id_of_creation(edge.secrets, call.account, body.idempotency_key),
        account=call.account,
        kind=ConversationKind.OPAQUE,
        group_id="",
        cipher_suite="",
        name=given(cover.name),
        description=given(cover.description),
        members=own + joined,
        idempotency=idempotency(edge, call, body.idempotency_key),
    )
    try:
        answer = await ask(edge, command, CreateAnswer)
    except Refusal as refusal:
        if refusal.error == CONVO_NOT_FOUND.error:  # it exists, and the caller has no part in it
            raise Refusal("Forbidden", "You cannot begin this conversation.") from None
        raise
    return rookery_convo(answer.conversation)


async def list_rookery(edge: Edge, call: Call) -> rookery.GetConvosOutput:
    """A page of the caller's conversations, oldest first."""
    params = call.value(rookery.GetConvosParams)
    found, unread, cursor = await listed(edge, call, ConversationKind.OPAQUE, params.limit, params.cursor)
    views = tuple(rookery_convo(state, unread.get(state.id)) for state in found)
    return rookery.GetConvosOutput(conversations=views, cursor=cursor)


async def listed(
    edge: Edge, call: Call, kind: ConversationKind, limit: int, cursor: str | UnsetType
) -> tuple[list[Conversation], Mapping[ConversationId, int], str | UnsetType]:
    """A page of the caller's conversations of one kind, with their unread counts and where the next begins.

    It is full or the last one: conversations of the other family take no room on it.
    """
    text = given(cursor)
    row = None if text is None else edge.cursors.row(call.account, text)
    found: list[Conversation] = []
    while True:
        page = await edge.store.conversations_of(call.account, after=row, limit=limit - len(found))
        found += [state for state in page.conversations if state.kind is kind]
        row = page.next
        if row is None or len(found) >= limit:
            break
    unread = await _unread(edge, call.account, [state.id for state in found])
    return found, unread, UNSET if row is None else edge.cursors.page(call.account, row)


async def _unread(
    edge: Edge, account: AccountDid, conversations: Sequence[ConversationId]
) -> Mapping[ConversationId, int]:
    """Unread messages by conversation: what was read on one device is read."""
    least: dict[ConversationId, int] = {}
    if conversations:
        for device in await edge.store.devices_of(account):
            for conversation, count in (await edge.store.unread(device.id, conversations)).items():
                least[conversation] = min(count, least.get(conversation, count))
    return least


async def add_rookery(edge: Edge, call: Call) -> rookery.AddMembersOutput:
    """Bring accounts in, with every device they have here."""
    body = call.value(rookery.AddMembersInput)
    members = await devices_of(edge.store, body.did_list, absent="MemberNotFound")
    command = AddMembers(
        named_conversation(body.convo_id),
        call.account,
        members,
        idempotency(edge, call, body.idempotency_key),
    )
    changed = await ask(edge, command, Changed)
    return rookery.AddMembersOutput(new_epoch=changed.epoch, seq=changed.seq)


async def remove_rookery(edge: Edge, call: Call) -> rookery.RemoveMemberOutput:
    """An admin puts an account out."""
    body = call.value(rookery.RemoveMemberInput)
    command = RemoveMember(
        named_conversation(body.convo_id),
        call.account,
        parse_account_did(body.target_did),
        given(body.reason),
        idempotency(edge, call, body.idempotency_key),
    )
    changed = await ask(edge, command, Changed)
    return rookery.RemoveMemberOutput(new_epoch=changed.epoch, seq=changed.seq)


async def leave_rookery(edge: Edge, call: Call) -> rookery.LeaveConvoOutput:
    """Go."""
    body = call.value(rookery.LeaveConvoInput)
    command = Leave(
        named_conversation(body.convo_id),
        call.account,
        idempotency=idempotency(edge, call, body.idempotency_key),
    )
    changed = await ask(edge, command, Changed)
    return rookery.LeaveConvoOutput(new_epoch=changed.epoch, seq=changed.seq)
