"""Messages: send one, read the log of one conversation, move one's read mark."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from crypto.mls import FramingError, PrivateMessage, PublicMessage, read_padded_message
from protocol import (
    Conversation,
    ConversationId,
    ConversationKind,
    DeviceId,
    Entry,
    EntryKind,
    Framing,
    InvalidCursor,
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
from router.edge.views import mls_message, rookery_message
from schema.wire import given, mls, rookery

_MESSAGES: Final = frozenset({EntryKind.MESSAGE})


async def send_mls(edge: Edge, call: Call) -> mls.SendMessageOutput:
    """Append one padded MLS message. What its framing says in clear is read here, judged by the actor."""
    body = call.value(mls.SendMessageInput)
    size = len(body.ciphertext)
    if body.padded_size != size or body.declared_size > size:
        raise Refusal("InvalidAsset", f"The ciphertext has {size} bytes, which is not what was declared.")
    command = Send(
        named_conversation(body.convo_id),
        call.account,
        _device(call, body.device_id),
        parse_msg_id(body.msg_id),
        body.epoch,
        bytes(body.ciphertext),
        read_framing(body.ciphertext),
    )
    sent = await ask(edge, command, Sent)
    return mls.SendMessageOutput(
        message_id=sent.msg_id, received_at=bucket_text(sent.received), seq=sent.seq, epoch=sent.epoch
    )


async def send_rookery(edge: Edge, call: Call) -> rookery.SendMessageOutput:
    """Append one padded message of sealed bytes."""
    body = call.value(rookery.SendMessageInput)
    command = Send(
        named_conversation(body.convo_id),
        call.account,
        _device(call, body.device_id),
        parse_msg_id(body.msg_id),
        0,
        bytes(body.ciphertext),
    )
    sent = await ask(edge, command, Sent)
    return rookery.SendMessageOutput(
        message_id=sent.msg_id, seq=sent.seq, epoch=sent.epoch, received_at=bucket_text(sent.received)
    )


def read_framing(ciphertext: bytes) -> Framing | None:
    """What an MLS message says in clear; None for bytes that are no MLS message of a group."""
    try:
        header = read_padded_message(ciphertext)
    except FramingError:
        return None
    match header:
        case PrivateMessage(group_id=group, epoch=epoch, content_type=content):
            return Framing(group, epoch, content.name.lower())  # type: ignore[arg-type]  # the enum's names
        case PublicMessage(group_id=group, epoch=epoch, content_type=content):
            return Framing(group, epoch, content.name.lower(), private=False)  # type: ignore[arg-type]  # same
        case _:
            return None


def _device(call: Call, named: str | UnsetType) -> DeviceId | None:
    """The sending device, if the client names it. Whether it is the caller's own, the conversation judges."""
    text = named_device(call.caller, named)
    if text is None:
        return None
    try:
        return parse_device_id(text)
    except InvalidId:
        raise Refusal("DeviceNotFound", "The device named is not one of yours.") from None


# -- reading -----------------------------------------------------------------------------------------


async def read_mls(edge: Edge, call: Call) -> mls.GetMessagesOutput:
    """Messages after a seq or a message, in order."""
    params = call.value(mls.GetMessagesParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    since = given(params.since_seq)
    after_message = given(params.since_message)
    if after_message is not None:
        if since is not None:
            raise Refusal("InvalidRequest", "Give sinceSeq or sinceMessage, not both.")
        since = await _seq_of(edge, state.id, after_message)
        if since is None:
            raise InvalidCursor("no such message")
    entries, more, examined = await _page(edge, call, state, since or 0, params.limit, params.device_id)
    return mls.GetMessagesOutput(
        messages=tuple(mls_message(entry) for entry in entries),
        cursor=entries[-1].msg_id or UNSET if more else UNSET,
        last_seq=examined,
    )


async def read_rookery(edge: Edge, call: Call) -> rookery.GetMessagesOutput:
    """Messages after a seq, in order."""
    params = call.value(rookery.GetMessagesParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.OPAQUE)
    since = given(params.since_seq) or 0
    entries, more, examined = await _page(edge, call, state, since, params.limit, params.device_id)
    return rookery.GetMessagesOutput(
        messages=tuple(rookery_message(entry) for entry in entries), last_seq=examined, has_more=more
    )


async def _page(
    edge: Edge, call: Call, state: Conversation, since: int, limit: int, device: str | UnsetType
) -> tuple[list[Entry], bool, int]:
    """Messages after `since` that the caller may see: (entries, whether more follow, last seq examined).

    Bounded by the state that was judged: what is appended meanwhile may be behind the caller's removal.
    """
    since = max(since, _first_seq(state, call, named_device(call.caller, device)) - 1)
    limits = edge.settings.limits
    found = await edge.store.conversation_entries(
        state.id,
        after_seq=since,
        upto_seq=state.last_seq,
        max_entries=limit + 1,
        max_bytes=limits.page_bytes,
        kinds=_MESSAGES,
    )
    entries, more = found[:limit], len(found) > limit
    if entries and not more:  # the page may have ended at its bound in bytes
        rest = await edge.store.conversation_entries(
            state.id,
            after_seq=entries[-1].seq,
            upto_seq=state.last_seq,
            max_entries=1,
            max_bytes=1,
            kinds=_MESSAGES,
        )
        more = bool(rest)
    return entries, more, entries[-1].seq if more else max(since, state.last_seq)


def _first_seq(state: Conversation, call: Call, named: str | None) -> int:
    """Where the caller's view begins: its named device's interval, or the earliest of its devices."""
    own = state.devices_of(call.account)
    if named is not None:
        if named not in own:
            raise Refusal("DeviceNotFound", "The device named is not one of yours in this conversation.")
        own = (DeviceId(named),)
    return min(state.members[device].from_seq for device in own)


async def _seq_of(edge: Edge, conversation: ConversationId, msg_id: str) -> int | None:
    try:
        name: MsgId = parse_msg_id(msg_id)
    except InvalidId:
        return None
    known = await edge.store.known_sends(conversation, [name])
    return known[name].seq if name in known else None


# -- read marks --------------------------------------------------------------------------------------


async def mark_mls(edge: Edge, call: Call) -> mls.UpdateCursorOutput:
    """Move the mark to a message, or to where an event's cursor stands."""
    body = call.value(mls.UpdateCursorInput)
    state = await readable(edge, call.account, body.convo_id, ConversationKind.MLS)
    device = await acting_device(edge.store, call.caller, body.device_id)
    seq = await _seq_of(edge, state.id, body.cursor)
    if seq is None and body.cursor.isascii() and body.cursor.isdigit() and len(body.cursor) < 17:
        seq = int(body.cursor)
    if seq is None:
        seq = await _seq_at(edge, state, edge.cursors.position(device, body.cursor))
    return mls.UpdateCursorOutput(success=True, seq=await _mark(edge, state, device, seq))


async def mark_rookery(edge: Edge, call: Call) -> rookery.UpdateCursorOutput:
    """Move the mark to a seq."""
    body = call.value(rookery.UpdateCursorInput)
    state = await readable(edge, call.account, body.convo_id, ConversationKind.OPAQUE)
    device = await acting_device(edge.store, call.caller, body.device_id)
    return rookery.UpdateCursorOutput(seq=await _mark(edge, state, device, body.seq))


async def _mark(edge: Edge, state: Conversation, device: DeviceId, seq: int) -> int:
    if device not in state.members:
        raise Refusal("NotMember", "This device is not in the conversation.")
    if seq > state.last_seq:
        raise FUTURE_CURSOR
    return await edge.store.set_read_mark(device, state.id, seq)


async def _seq_at(edge: Edge, state: Conversation, position: int) -> int:
    """The last seq of the conversation that lies at or before a position of the log; by halving."""
    low, high = 0, state.last_seq
    while low < high:
        middle = (low + high + 1) // 2
        (entry,) = await edge.store.conversation_entries(
            state.id, after_seq=middle - 1, upto_seq=middle, max_entries=1, max_bytes=1
        )
        low, high = (middle, high) if entry.position <= position else (low, middle - 1)
    return low
