"""Messages of sealed bytes: send one, read the log of one conversation, move one's read mark.

The pages and marks are those of MLS conversations too (`mls/reading.py`, `mls/messages.py`).
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import UnsetType

from protocol import (
    Conversation,
    ConversationId,
    ConversationKind,
    DeviceId,
    Entry,
    EntryKind,
    InvalidId,
    MsgId,
    Send,
    Sent,
    bucket_text,
    parse_device_id,
    parse_msg_id,
)
from router.edge.commands import ask, named_conversation
from router.edge.cursors import FUTURE_CURSOR
from router.edge.errors import Refusal
from router.edge.members import acting_device, named_device, readable
from router.edge.services import Call, Edge
from router.edge.views import rookery_message
from schema.wire import given, rookery

_MESSAGES: Final = frozenset({EntryKind.MESSAGE})
_HANDSHAKE_NAME: Final = re.compile(r"(commit|proposal)![0-9a-f]{32}")


async def send_rookery(edge: Edge, call: Call) -> rookery.SendMessageOutput:
    """Append one padded message of sealed bytes."""
    body = call.value(rookery.SendMessageInput)
    command = Send(
        named_conversation(body.convo_id),
        call.account,
        sending_device(call, body.device_id),
        parse_msg_id(body.msg_id),
        0,
        bytes(body.ciphertext),
    )
    sent = await ask(edge, command, Sent)
    return rookery.SendMessageOutput(
        message_id=sent.msg_id, seq=sent.seq, epoch=sent.epoch, received_at=bucket_text(sent.received)
    )


def sending_device(call: Call, named: str | UnsetType) -> DeviceId | None:
    """The sending device, if the client names it. Whether it is the caller's own, the conversation judges."""
    text = named_device(call.caller, named)
    if text is None:
        return None
    try:
        return parse_device_id(text)
    except InvalidId:
        raise Refusal("DeviceNotFound", "The device named is not one of yours.") from None


# -- reading -----------------------------------------------------------------------------------------


async def read_rookery(edge: Edge, call: Call) -> rookery.GetMessagesOutput:
    """Messages after a seq, in order."""
    params = call.value(rookery.GetMessagesParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.OPAQUE)
    since = given(params.since_seq) or 0
    entries, more, examined = await page(edge, call, state, since, params.limit, params.device_id)
    return rookery.GetMessagesOutput(
        messages=tuple(rookery_message(entry) for entry in entries), last_seq=examined, has_more=more
    )


async def page(
    edge: Edge,
    call: Call,
    state: Conversation,
    since: int,
    limit: int,
    device: str | UnsetType,
    kinds: frozenset[EntryKind] = _MESSAGES,
) -> tuple[list[Entry], bool, int]:
    """Entries after `since` that the caller may see: (entries, whether more follow, last seq examined).

    Bounded by the state that was judged: what is appended meanwhile may be behind the caller's removal.
    """
    since = max(since, first_seq(state, call, named_device(call.caller, device)) - 1)
    limits = edge.settings.limits
    found = await edge.store.conversation_entries(
        state.id,
        after_seq=since,
        upto_seq=state.last_seq,
        max_entries=limit + 1,
        max_bytes=limits.page_bytes,
        kinds=kinds,
    )
    entries, more = found[:limit], len(found) > limit
    if entries and not more:  # the page may have ended at its bound in bytes
        rest = await edge.store.conversation_entries(
            state.id,
            after_seq=entries[-1].seq,
            upto_seq=state.last_seq,
            max_entries=1,
            max_bytes=1,
            kinds=kinds,
        )
        more = bool(rest)
    return entries, more, entries[-1].seq if more else max(since, state.last_seq)


def first_seq(state: Conversation, call: Call, named: str | None) -> int:
    """Where the caller's view begins: its named device's interval, or the earliest of its devices."""
    own = state.devices_of(call.account)
    if named is not None:
        if named not in own:
            raise Refusal("DeviceNotFound", "The device named is not one of yours in this conversation.")
        own = (DeviceId(named),)
    return min(state.members[device].from_seq for device in own)


async def seq_of(edge: Edge, conversation: ConversationId, msg_id: str) -> int | None:
    """Where a message, or a handshake by the name that its bytes give it, lies; None where there is none."""
    name = MsgId(msg_id)
    if _HANDSHAKE_NAME.fullmatch(msg_id) is None:
        try:
            name = parse_msg_id(msg_id)
        except InvalidId:
            return None
    known = await edge.store.known_sends(conversation, [name])
    return known[name].seq if name in known else None


# -- read marks --------------------------------------------------------------------------------------


async def mark_rookery(edge: Edge, call: Call) -> rookery.UpdateCursorOutput:
    """Move the mark to a seq."""
    body = call.value(rookery.UpdateCursorInput)
    state = await readable(edge, call.account, body.convo_id, ConversationKind.OPAQUE)
    device = await acting_device(edge.store, call.caller, body.device_id)
    return rookery.UpdateCursorOutput(seq=await mark(edge, state, device, body.seq))


async def mark(edge: Edge, state: Conversation, device: DeviceId, seq: int) -> int:
    """Move a device's mark forward to a seq that the conversation has; where it stands then."""
    if device not in state.members:
        raise Refusal("NotMember", "This device is not in the conversation.")
    if seq > state.last_seq:
        raise FUTURE_CURSOR
    return await edge.store.set_read_mark(device, state.id, seq)


async def seq_at(edge: Edge, state: Conversation, position: int) -> int:
    """The last seq of the conversation that lies at or before a position of the log; by halving."""
    low, high = 0, state.last_seq
    while low < high:
        middle = (low + high + 1) // 2
        (entry,) = await edge.store.conversation_entries(
            state.id, after_seq=middle - 1, upto_seq=middle, max_entries=1, max_bytes=1
        )
        low, high = (middle, high) if entry.position <= position else (low, middle - 1)
    return low
