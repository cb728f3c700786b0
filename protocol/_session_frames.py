"""The frames of `rookery.v1`: what they look like, in JSON and in CBOR. No behaviour, no state.

A frame is one object told apart by its `type`. JSON travels in text frames, with bytes as
`{"$bytes": base64}`; DAG-CBOR travels in binary frames, with bytes as bytes. Fields that are absent are
left out, never null. Unknown fields are refused: a misspelt field is a mistake to be told, not to be passed
over. The shapes and their bounds are those of the lexicon `chat.rookery.session`, by way of the wire types
generated from it; the worked bytes are in the README.
"""

from collections.abc import Mapping

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
from schema import InvalidWire
from schema.wire import convert, decode_client_frame, encode, given, plain
from schema.wire.rookery import (
    SessionAck,
    SessionClientFrame,
    SessionClose,
    SessionCredit,
    SessionCursor,
    SessionError,
    SessionHello,
    SessionPing,
    SessionPong,
    SessionSend,
    SessionWelcome,
)


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
            return _typed(decode_client_frame(frame))
        return _typed(_from_data(decode_dagcbor(frame)))
    except (InvalidWire, InvalidDagCbor, InvalidId) as error:
        return _flaw(frame, error)


_KINDS: Mapping[object, type[SessionHello | SessionSend | SessionCredit | SessionPing]] = {
    "hello": SessionHello,
    "send": SessionSend,
    "credit": SessionCredit,
    "ping": SessionPing,
}


def _from_data(data: object) -> SessionClientFrame:
    """The union is told apart here: msgspec prepares a struct once, but a union at every call, in 15 µs."""
    name = data.get("type") if isinstance(data, dict) else None
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise InvalidWire("$.type", "Expected the name of a frame")
    return convert(kind, data)


def _typed(frame: SessionClientFrame) -> ClientFrame:
    match frame:
        case SessionSend():
            return ClientSend(
                frame.id,
                parse_conversation_id(frame.convo_id),
                parse_msg_id(frame.msg_id),
                frame.epoch,
                bytes(frame.ciphertext),
            )
        case SessionCredit():
            return CreditFrame(frame.n)
        case SessionPing():
            return Ping(given(frame.id))
        case SessionHello():  # pragma: no branch - the union is closed, mypy checks it
            seen: dict[ConversationId, int] = {}
            for mark in given(frame.seen, ()) or ():
                convo = parse_conversation_id(mark.convo_id)
                seen[convo] = max(mark.seq, seen.get(convo, 0))
            device = given(frame.device_id)
            return Hello(
                None if device is None else parse_device_id(device), given(frame.cursor), seen, frame.credit
            )


class _Envelope(msgspec.Struct, frozen=True):
    """As much of a frame as is needed to say what is wrong with it."""

    type: str
    id: object = None


_envelope_decoder = msgspec.json.Decoder(_Envelope)


def _flaw(frame: str | bytes, error: Exception) -> Flaw:
    envelope = _envelope(frame)
    if envelope is None:
        return Flaw("InvalidRequest", "A frame is an object with a text field named type.", fatal=True)
    request = envelope.id if type(envelope.id) is int and 0 <= envelope.id <= MAX_SAFE_INTEGER else None
    if envelope.type not in _KINDS:
        return Flaw("MethodNotImplemented", "This server does not know this type of frame.", request)
    if envelope.type == "send" and request is not None:
        return Flaw("InvalidRequest", f"This send was not understood: {error}", request)
    return Flaw("InvalidRequest", f"This {envelope.type} was not understood: {error}", fatal=True)


def _envelope(frame: str | bytes) -> _Envelope | None:
    try:
        if isinstance(frame, str):
            return _envelope_decoder.decode(frame)
        return msgspec.convert(decode_dagcbor(frame), _Envelope)
    except (ValueError, RecursionError):  # not JSON, not the shape, not Unicode, nested too deep
        return None


ServerFrame = SessionWelcome | SessionAck | SessionError | SessionCursor | SessionPong | SessionClose


def encode_frame(frame: ServerFrame, *, binary: bool) -> bytes:
    """The bytes of a frame, for a binary (DAG-CBOR) or a text (JSON) WebSocket message."""
    return encode_dagcbor(plain(frame)) if binary else encode(frame)
