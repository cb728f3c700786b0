"""The frames of `rookery.v1` as a client writes and reads them (JSON, text frames).

The shapes are those of the lexicon `chat.rookery.session`; the server's own codec is in `protocol`.
"""

import msgspec

from router.client.errors import BadAnswer
from router.client.events import LexBytes
from router.client.inbox import Resume
from router.client.outbox import Outgoing

SUBPROTOCOL = "rookery.v1"


class _Frame(msgspec.Struct, frozen=True, rename="camel", tag_field="type", omit_defaults=True):
    pass


class _Seen(msgspec.Struct, frozen=True, rename="camel"):
    convo_id: str
    seq: int


class _Hello(_Frame, frozen=True, tag="hello"):
    credit: int
    device_id: str | None = None
    cursor: str | None = None
    seen: list[_Seen] = []


class _Send(_Frame, frozen=True, tag="send"):
    id: int
    convo_id: str
    msg_id: str
    ciphertext: LexBytes
    epoch: int = 0


class _Credit(_Frame, frozen=True, tag="credit"):
    n: int


class _Ping(_Frame, frozen=True, tag="ping"):
    pass


class Welcome(_Frame, frozen=True, tag="welcome"):
    """The server listens as `device_id`; it pings every `heartbeat` seconds."""

    device_id: str
    cursor: str
    heartbeat: float
    max_in_flight: int
    max_frame_bytes: int


class Ack(_Frame, frozen=True, tag="ack"):
    """Send `id` is in the log, for good."""

    id: int
    message_id: str
    seq: int
    epoch: int
    received_at: str


class Error(_Frame, frozen=True, tag="error"):
    """A refusal: of send `id`, or, without one, of the session."""

    error: str
    message: str = ""
    id: int | None = None
    retry_after: float | None = None


class EventFrame(_Frame, frozen=True, tag="event"):
    """One event, not decoded yet; it costs one credit."""

    event: msgspec.Raw


class Cursor(_Frame, frozen=True, tag="cursor"):
    """Everything before this frame is covered by `cursor`."""

    cursor: str


class Pong(_Frame, frozen=True, tag="pong"):
    """The answer to a ping."""


class Close(_Frame, frozen=True, tag="close"):
    """The server's last frame: why, and in how many seconds to come back."""

    reason: str
    message: str = ""
    reconnect_after: float | None = None


ServerFrame = Welcome | Ack | Error | EventFrame | Cursor | Pong | Close

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)


def _text(frame: _Frame) -> str:
    return _encoder.encode(frame).decode()


def hello(resume: Resume, device: str | None) -> str:
    """The first frame of a connection."""
    seen = [_Seen(convo, seq) for convo, seq in resume.seen.items()]
    return _text(_Hello(credit=resume.credit, device_id=device, cursor=resume.cursor, seen=seen))


def send(frame_id: int, message: Outgoing) -> str:
    """A message to append."""
    ciphertext = LexBytes.of(message.ciphertext)
    return _text(_Send(frame_id, message.convo, message.msg_id, ciphertext, message.epoch))


def credit(n: int) -> str:
    """Let the server send `n` events more."""
    return _text(_Credit(n))


def ping() -> str:
    """Ask for a sign of life."""
    return _text(_Ping())


def read_frame(frame: str | bytes) -> ServerFrame:
    """A frame of the server; raises `BadAnswer` when it is none."""
    try:
        return _decoder.decode(frame)
    except msgspec.MsgspecError as error:
        raise BadAnswer(f"not a frame of {SUBPROTOCOL}: {error}") from error
