"""From a call to the conversation that it concerns: idempotency keys, ids, and the ask itself."""

from __future__ import annotations

import hashlib
from typing import TypeVar

from msgspec import UnsetType

from protocol import (
    CONVO_NOT_FOUND,
    AccountDid,
    Answer,
    Command,
    ConversationId,
    IdempotencyKey,
    InvalidId,
    Rejected,
    conversation_id_from_bytes,
    parse_conversation_id,
)
from router.edge.errors import Refusal
from router.edge.services import Call, Edge
from router.identity.secrets import ServerSecrets
from schema.wire import encode, given

A = TypeVar("A", bound=Answer)


async def ask(edge: Edge, command: Command, kind: type[A]) -> A:
    """The conversation's answer; for a repeat the first one. Raises `Refusal` and what `ask` raises."""
    answer = await edge.conversations.ask(command)
    if isinstance(answer, Rejected):
        raise Refusal.of(answer)
    if not isinstance(answer, kind):
        raise TypeError(f"{type(command).__name__} was answered with {type(answer).__name__}")
    return answer


def named_conversation(convo_id: str) -> ConversationId:
    """The conversation a request names. What cannot be an id is as unknown as an id nobody has."""
    try:
        return parse_conversation_id(convo_id)
    except InvalidId:
        raise Refusal.of(CONVO_NOT_FOUND) from None


def idempotency(edge: Edge, call: Call, key: str | UnsetType) -> IdempotencyKey | None:
    """The retry key of this call, if it has one: scoped to caller and method, bound to the whole input.

    The input is hashed as it was understood: a client may spell the same JSON differently the second time.
    """
    text = given(key)
    if text is None:
        return None
    scope = edge.secrets.idempotency_scope(call.account, call.route.nsid, text)
    return IdempotencyKey(scope, hashlib.blake2b(encode(call.given), digest_size=32).digest())


def id_of_group(secrets: ServerSecrets, group_id: str) -> ConversationId:
    """The conversation of an MLS group: the same for everybody who names the group, aimed at by nobody.

    Clients write the id in hex or as it is; hex counts in any case, as in `protocol.names_group`.
    """
    try:
        name = bytes.fromhex(group_id).hex() if group_id.isalnum() else group_id
    except ValueError:
        name = group_id
    return conversation_id_from_bytes(secrets.conversation_id(b"group\0" + name.encode()))


def id_of_creation(secrets: ServerSecrets, account: AccountDid, key: str) -> ConversationId:
    """The conversation that `account` creates under an idempotency key. A DID holds no NUL."""
    return conversation_id_from_bytes(secrets.conversation_id(b"creation\0" + f"{account}\0{key}".encode()))
