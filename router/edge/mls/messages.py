"""Application messages of MLS groups: send one, and move one's read mark."""

from __future__ import annotations

from typing import Final

from crypto.mls import FramingError, PrivateMessage, read_padded_message
from protocol import ConversationKind, Framing, Send, Sent, bucket_text, parse_msg_id
from router.edge.commands import ask, named_conversation
from router.edge.errors import Refusal
from router.edge.handlers_message import mark, sending_device, seq_at, seq_of
from router.edge.members import acting_device, readable
from router.edge.services import Call, Edge
from schema.wire import mls

_FIRST: Final = b"\0"
"""Of a message's version, and of its envelope's length, which is below 2**24. No envelope of ours begins so:
a session, which does not know whose message it has, asks for nothing by looking."""
_PRIVATE: Final = b"\0\1\0\2"
"""How a PrivateMessage begins, bare or behind the length of an envelope."""


async def send(edge: Edge, call: Call) -> mls.SendMessageOutput:
    """Append one padded MLS message. What its framing says in clear is read here, judged by the actor."""
    body = call.value(mls.SendMessageInput)
    size = len(body.ciphertext)
    if body.padded_size != size or body.declared_size > size:
        raise Refusal("InvalidAsset", f"The ciphertext has {size} bytes, which is not what was declared.")
    command = Send(
        named_conversation(body.convo_id),
        call.account,
        sending_device(call, body.device_id),
        parse_msg_id(body.msg_id),
        body.epoch,
        bytes(body.ciphertext),
        read_framing(body.ciphertext),
    )
    sent = await ask(edge, command, Sent)
    return mls.SendMessageOutput(
        message_id=sent.msg_id, received_at=bucket_text(sent.received), seq=sent.seq, epoch=sent.epoch
    )


def read_framing(ciphertext: bytes) -> Framing | None:
    """What an encrypted MLS message says in clear; None for bytes that are none.

    What is not encrypted is no application message (RFC 9420 section 6), and is not read: of ten megabytes of
    commit every proposal would be looked at, of an encrypted message the head is.
    """
    if ciphertext[:1] != _FIRST or _PRIVATE not in (ciphertext[:4], ciphertext[4:8]):
        return None
    try:
        message = read_padded_message(ciphertext)
    except FramingError:
        return None
    if not isinstance(message, PrivateMessage):
        return None
    kind = message.content_type.name.lower()
    return Framing(message.group_id, message.epoch, kind)  # type: ignore[arg-type]  # the enum's names


async def update_cursor(edge: Edge, call: Call) -> mls.UpdateCursorOutput:
    """Move the mark to a message, or to where an event's cursor stands."""
    body = call.value(mls.UpdateCursorInput)
    state = await readable(edge, call.account, body.convo_id, ConversationKind.MLS)
    device = await acting_device(edge.store, call.caller, body.device_id)
    seq = await seq_of(edge, state.id, body.cursor)
    if seq is None and body.cursor.isascii() and body.cursor.isdigit() and len(body.cursor) < 17:
        seq = int(body.cursor)
    if seq is None:
        seq = await seq_at(edge, state, edge.cursors.position(device, body.cursor))
    return mls.UpdateCursorOutput(success=True, seq=await mark(edge, state, device, seq))
