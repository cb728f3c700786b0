"""Conversations: begin one, list one's own, change who is in, learn the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

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
    IdempotencyKey,
    Leave,
    RemoveMember,
    parse_account_did,
)
from router.edge.commands import ask, id_of_creation, id_of_group, idempotency, named_conversation
from router.edge.errors import Refusal
from router.edge.members import devices_of, readable
from router.edge.services import Call, Edge
from router.edge.views import mls_convo, rookery_convo
from schema.wire import given, mls, rookery

CIPHER_SUITES: Final = frozenset(
    {
        "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
        "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
        "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
        "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
        "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
        "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
    }
)
"""RFC 9420 section 17.1, suites 1 to 6: the known values of the lexicon."""


async def create_mls(edge: Edge, call: Call) -> mls.ConvoView:
    """Register an MLS group."""
    body = call.value(mls.CreateConvoInput)
    _no_handshake(body.welcome_message, body.key_package_hashes)
    if body.cipher_suite not in CIPHER_SUITES:
        raise Refusal("InvalidCipherSuite", "The cipher suite is not one this server accepts.")
    cover = given(body.metadata) or mls.CreateConvoMetadataInput()
    answer = await _create(
        edge,
        call,
        conversation=id_of_group(edge.secrets, body.group_id),
        kind=ConversationKind.MLS,
        group_id=body.group_id,
        cipher_suite=body.cipher_suite,
        cover=(given(cover.name), given(cover.description)),
        others=given(body.initial_members) or (),
        absent="KeyPackageNotFound",
        key=idempotency(edge, call, body.idempotency_key),
    )
    return mls_convo(answer.conversation)


async def create_rookery(edge: Edge, call: Call) -> rookery.ConvoView:
    """Begin a conversation of sealed bytes."""
    body = call.value(rookery.CreateConvoInput)
    cover = given(body.metadata) or rookery.CreateConvoMetadataInput()
    answer = await _create(
        edge,
        call,
        conversation=id_of_creation(edge.secrets, call.account, body.idempotency_key),
        kind=ConversationKind.OPAQUE,
        group_id="",
        cipher_suite="",
        cover=(given(cover.name), given(cover.description)),
        others=given(body.initial_members) or (),
        absent="MemberNotFound",
        key=idempotency(edge, call, body.idempotency_key),
    )
    return rookery_convo(answer.conversation)


async def _create(
    edge: Edge,
    call: Call,
    *,
    conversation: ConversationId,
    kind: ConversationKind,
    group_id: str,
    cipher_suite: str,
    cover: tuple[str | None, str | None],
    others: Sequence[str],
    absent: str,
    key: IdempotencyKey | None,
) -> CreateAnswer:
    own = await devices_of(edge.store, (call.account,), absent="DeviceNotFound")
    joined = await devices_of(edge.store, (did for did in others if did != call.account), absent=absent)
    name, description = cover
    command = Create(
        conversation, call.account, kind, group_id, cipher_suite, name, description, own + joined, 0, key
    )
    try:
        return await ask(edge, command, CreateAnswer)
    except Refusal as refusal:
        if refusal.error == CONVO_NOT_FOUND.error:  # it exists, and the caller has no part in it
            raise Refusal("Forbidden", "You cannot begin this conversation.") from None
        raise


async def list_mls(edge: Edge, call: Call) -> mls.GetConvosOutput:
    """A page of the caller's MLS conversations, oldest first."""
    params = call.value(mls.GetConvosParams)
    found, unread, cursor = await _list(edge, call, ConversationKind.MLS, params.limit, params.cursor)
    views = tuple(mls_convo(state, unread.get(state.id)) for state in found)
    return mls.GetConvosOutput(conversations=views, cursor=cursor)


async def list_rookery(edge: Edge, call: Call) -> rookery.GetConvosOutput:
    """A page of the caller's conversations, oldest first."""
    params = call.value(rookery.GetConvosParams)
    found, unread, cursor = await _list(edge, call, ConversationKind.OPAQUE, params.limit, params.cursor)
    views = tuple(rookery_convo(state, unread.get(state.id)) for state in found)
    return rookery.GetConvosOutput(conversations=views, cursor=cursor)


async def _list(
    edge: Edge, call: Call, kind: ConversationKind, limit: int, cursor: str | UnsetType
) -> tuple[list[Conversation], Mapping[ConversationId, int], str | UnsetType]:
    """A page is full or the last one: conversations of the other family take no room on it."""
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


async def get_epoch(edge: Edge, call: Call) -> mls.GetEpochOutput:
    """The epoch the server stands at."""
    params = call.value(mls.GetEpochParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    return mls.GetEpochOutput(convo_id=state.id, current_epoch=state.epoch)


async def add_mls(edge: Edge, call: Call) -> mls.AddMembersOutput:
    """Bring accounts in, with every device they have here."""
    body = call.value(mls.AddMembersInput)
    _no_handshake(body.commit, body.welcome_message, body.key_package_hashes)
    key = idempotency(edge, call, body.idempotency_key)
    changed = await _add(edge, call, body.convo_id, body.did_list, "KeyPackageNotFound", key)
    return mls.AddMembersOutput(success=True, new_epoch=changed.epoch)


async def add_rookery(edge: Edge, call: Call) -> rookery.AddMembersOutput:
    """Bring accounts in, with every device they have here."""
    body = call.value(rookery.AddMembersInput)
    key = idempotency(edge, call, body.idempotency_key)
    changed = await _add(edge, call, body.convo_id, body.did_list, "MemberNotFound", key)
    return rookery.AddMembersOutput(new_epoch=changed.epoch, seq=changed.seq)


async def _add(
    edge: Edge, call: Call, convo_id: str, dids: Sequence[str], absent: str, key: IdempotencyKey | None
) -> Changed:
    conversation = named_conversation(convo_id)
    members = await devices_of(edge.store, dids, absent=absent)
    return await ask(edge, AddMembers(conversation, call.account, members, key), Changed)


async def remove_mls(edge: Edge, call: Call) -> mls.RemoveMemberOutput:
    """An admin puts an account out."""
    body = call.value(mls.RemoveMemberInput)
    changed = await _remove(edge, call, body.convo_id, body.target_did, body.reason, body.idempotency_key)
    return mls.RemoveMemberOutput(ok=True, epoch_hint=changed.epoch)


async def remove_rookery(edge: Edge, call: Call) -> rookery.RemoveMemberOutput:
    """An admin puts an account out."""
    body = call.value(rookery.RemoveMemberInput)
    changed = await _remove(edge, call, body.convo_id, body.target_did, body.reason, body.idempotency_key)
    return rookery.RemoveMemberOutput(new_epoch=changed.epoch, seq=changed.seq)


async def _remove(
    edge: Edge, call: Call, convo_id: str, target: str, reason: str | UnsetType, key: str
) -> Changed:
    command = RemoveMember(
        named_conversation(convo_id),
        call.account,
        parse_account_did(target),
        given(reason),
        idempotency(edge, call, key),
    )
    return await ask(edge, command, Changed)


async def leave_mls(edge: Edge, call: Call) -> mls.LeaveConvoOutput:
    """Go, or as an admin put `targetDid` out."""
    body = call.value(mls.LeaveConvoInput)
    _no_handshake(body.commit)
    target = given(body.target_did)
    command = Leave(
        named_conversation(body.convo_id),
        call.account,
        None if target is None else parse_account_did(target),
        idempotency(edge, call, body.idempotency_key),
    )
    changed = await ask(edge, command, Changed)
    return mls.LeaveConvoOutput(success=True, new_epoch=changed.epoch)


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


def _no_handshake(*fields: object) -> None:
    """Refuse commits and Welcomes until this server can keep them.

    To take them and drop them would leave every other member in the old epoch (RFC 9420 section 12.4: a
    commit begins the next one, for those who process it).
    """
    if any(field is not UNSET and field != () for field in fields):
        raise Refusal("MethodNotImplemented", "This server does not take commits and Welcomes yet.")
