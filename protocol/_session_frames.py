"""The frames of `rookery.v1`: what they look like, in JSON and in CBOR. No behaviour, no state.

A frame is one object told apart by its `type`. JSON travels in text frames, with bytes as
`{"$bytes": base64}` (padding optional); DAG-CBOR travels in binary frames, with bytes as bytes. Fields
that are absent are left out, never null. Unknown fields are refused: a misspelt field is a mistake to be
told, not to be passed over. The lexicon is `chat.rookery.session`; the worked bytes are in the README.
"""

import binascii
from typing import Annotated

import msgspec

from protocol._dagcbor import InvalidDagCbor, decode_dagcbor, encode_dagcbor
from protocol._errors import InvalidId
from protocol._ids import (
    MAX_SAFE_INTEGER,
    ConversationId,
    DeviceId,
    MsgId,
    parse_conversation_id,
    parse_device_id,
    parse_msg_id,
)

_Natural = Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INTEGER)]
_Positive = Annotated[int, msgspec.Meta(ge=1, le=MAX_SAFE_INTEGER)]
_Opaque = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


# -- as they come: wire structs -----------------------------------------------------------------------


class _Incoming(
    msgspec.Struct, frozen=True, rename="camel", tag_field="type", forbid_unknown_fields=True, gc=False
):
    pass


class _Seen(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, gc=False):
    convo_id: str
    seq: _Natural


class _Hello(_Incoming, frozen=True, tag="hello"):
    credit: _Positive
    device_id: str | None = None
    cursor: _Opaque | None = None
    seen: tuple[_Seen, ...] = ()


class _Base64(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, rename={"text": "$bytes"}):
    text: str


class _SendJson(_Incoming, frozen=True, tag="send"):
    id: _Natural
    convo_id: str
    msg_id: str
    ciphertext: _Base64
    epoch: _Natural = 0


class _SendCbor(_Incoming, frozen=True, tag="send"):
    id: _Natural
    convo_id: str
    msg_id: str
    ciphertext: bytes
    epoch: _Natural = 0


class _Credit(_Incoming, frozen=True, tag="credit"):
    n: _Positive


class _Ping(_Incoming, frozen=True, tag="ping"):
    id: _Natural | None = None


class _Envelope(msgspec.Struct, frozen=True):
    """As much of a frame as is needed to say what is wrong with it."""

    type: str
    id: object = None


_JsonFrame = _Hello | _SendJson | _Credit | _Ping
_CborFrame = _Hello | _SendCbor | _Credit | _Ping
_json_decoder: msgspec.json.Decoder[_JsonFrame] = msgspec.json.Decoder(_JsonFrame)
_envelope_decoder = msgspec.json.Decoder(_Envelope)
_KNOWN = frozenset({"hello", "send", "credit", "ping"})

# What the decoder may raise on a stranger's text: not JSON, not the shape, nested too deep, not Unicode.
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)


# -- as the machine takes them ------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True):
    """The first frame: which device, from where, and how many events may come."""

    device: DeviceId | None
    cursor: str | None
    seen: dict[ConversationId, int]
    credit: int


class ClientSend(msgspec.Struct, frozen=True, gc=False):
    """A message to append; `id` is the client's, to know the answer by."""

    id: int
    conversation: ConversationId
    msg_id: MsgId
    epoch: int
    body: bytes


class CreditFrame(msgspec.Struct, frozen=True, gc=False):
    """`n` more events may come."""

    n: int


class Ping(msgspec.Struct, frozen=True, gc=False):
    """A sign of life that wants one back."""

    id: int | None


class Flaw(msgspec.Struct, frozen=True, gc=False):
    """A frame that is none. A send that gives its id, or a type not known here, is answered and
    forgiven; anything else is `fatal`."""

    error: str
    message: str
    id: int | None = None
    fatal: bool = False


ClientFrame = Hello | ClientSend | CreditFrame | Ping


def parse_frame(frame: str | bytes) -> ClientFrame | Flaw:
    """The frame in a text (JSON) or binary (DAG-CBOR) WebSocket message. Never raises."""
    try:
        if isinstance(frame, str):
            return _typed(_json_decoder.decode(frame))
        return _typed(msgspec.convert(decode_dagcbor(frame), _CborFrame, builtin_types=(bytes,)))
    except (*_UNREADABLE, InvalidDagCbor, InvalidId, binascii.Error) as error:
        return _flaw(frame, error)


def _typed(frame: _JsonFrame | _CborFrame) -> ClientFrame:
    match frame:
        case _SendJson():
            return _send(frame, _from_base64(frame.ciphertext.text))
        case _SendCbor():
            return _send(frame, frame.ciphertext)
        case _Credit():
            return CreditFrame(frame.n)
        case _Ping():
            return Ping(frame.id)
        case _Hello():
            seen: dict[ConversationId, int] = {}
            for mark in frame.seen:
                convo = parse_conversation_id(mark.convo_id)
                seen[convo] = max(mark.seq, seen.get(convo, 0))
            device = None if frame.device_id is None else parse_device_id(frame.device_id)
            return Hello(device, frame.cursor, seen, frame.credit)


def _send(frame: _SendJson | _SendCbor, body: bytes) -> ClientSend:
    return ClientSend(
        frame.id, parse_conversation_id(frame.convo_id), parse_msg_id(frame.msg_id), frame.epoch, body
    )


def _from_base64(text: str) -> bytes:
    """Standard alphabet, padding optional, nothing else (data model of AT Protocol)."""
    return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)


def _flaw(frame: str | bytes, error: Exception) -> Flaw:
    envelope = _envelope(frame)
    if envelope is None:
        return Flaw("InvalidRequest", "A frame is an object with a text field named type.", fatal=True)
    request = envelope.id
    numbered = type(request) is int and 0 <= request <= MAX_SAFE_INTEGER
    named = request if numbered and isinstance(request, int) else None
    if envelope.type not in _KNOWN:
        return Flaw("MethodNotImplemented", "This server does not know this type of frame.", named)
    if envelope.type == "send" and named is not None:
        return Flaw("InvalidRequest", f"This send was not understood: {error}", named)
    return Flaw("InvalidRequest", f"This {envelope.type} was not understood: {error}", fatal=True)


def _envelope(frame: str | bytes) -> _Envelope | None:
    try:
        if isinstance(frame, str):
            return _envelope_decoder.decode(frame)
        return msgspec.convert(decode_dagcbor(frame), _Envelope)
    except (*_UNREADABLE, InvalidDagCbor):
        return None


# -- as they go ---------------------------------------------------------------------------------------


class _Outgoing(msgspec.Struct, frozen=True, rename="camel", tag_field="type", omit_defaults=True, gc=False):
    pass


class Welcome(_Outgoing, frozen=True, tag="welcome"):
    """The session is open; events begin after `cursor`."""

    device_id: str
    cursor: str
    heartbeat: int
    """Seconds. The client sends something at least this often."""
    max_in_flight: int
    max_frame_bytes: int


class Ack(_Outgoing, frozen=True, tag="ack"):
    """The send `id` is in the log, for good."""

    id: int
    message_id: str
    seq: int
    epoch: int
    received_at: str


class ErrorFrame(_Outgoing, frozen=True, tag="error"):
    """Something was refused: the send `id`, or without one the session itself."""

    error: str
    message: str
    id: int | None = None
    retry_after: int | None = None
    """Seconds."""
    epoch: int | None = None
    """The current epoch, with EpochMismatch."""


class CursorFrame(_Outgoing, frozen=True, tag="cursor"):
    """All events before this frame are covered by this cursor."""

    cursor: str


class Pong(_Outgoing, frozen=True, tag="pong"):
    """The answer to a ping."""

    id: int | None = None


class CloseFrame(_Outgoing, frozen=True, tag="close"):
    """The server's last frame."""

    reason: str
    message: str
    reconnect_after: int | None = None
    """Seconds; the client adds jitter of its own."""


ServerFrame = Welcome | Ack | ErrorFrame | CursorFrame | Pong | CloseFrame

_json_encode = msgspec.json.Encoder().encode


def encode_frame(frame: ServerFrame, *, binary: bool) -> bytes:
    """The bytes of a frame, for a binary (DAG-CBOR) or a text (JSON) WebSocket message."""
    if binary:
        return encode_dagcbor(msgspec.to_builtins(frame, builtin_types=(bytes,)))
    return _json_encode(frame)
