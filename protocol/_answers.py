"""What a conversation may answer. Refusals are values with a name of `schema/errors.json`."""

import msgspec

from protocol._effects import Effect
from protocol._errors import BrokenLog
from protocol._ids import MsgId
from protocol._log import Entry
from protocol._state import Conversation


class Known(msgspec.Struct, frozen=True, gc=False):
    """A message the log has already: all that a retry needs to be judged and answered."""

    seq: int
    body_hash: bytes
    epoch: int
    received: int


class CreateAnswer(msgspec.Struct, frozen=True, tag="created"):
    """The conversation as it stands after its first entry."""

    conversation: Conversation


class Sent(msgspec.Struct, frozen=True, tag="sent", gc=False):
    """The message's place; the same for the first try and for every retry."""

    msg_id: MsgId
    seq: int
    epoch: int
    received: int


class Committed(msgspec.Struct, frozen=True, tag="committed", gc=False):
    """The commit won; the same for the first try and for every resend of the same bytes."""

    seq: int
    """Of the commit's entry; those on membership follow it."""
    epoch: int
    """The epoch it began."""
    received: int


class Changed(msgspec.Struct, frozen=True, tag="changed", gc=False):
    """It is in the log; `seq` is the last entry of the change, or the entry of the commit that made it."""

    seq: int
    epoch: int


Answer = CreateAnswer | Sent | Committed | Changed

_answer_encoder = msgspec.msgpack.Encoder()
_answer_decoder: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def encode_answer(answer: Answer) -> bytes:
    """An answer as it is stored under an idempotency key."""
    return _answer_encoder.encode(answer)


def decode_answer(body: bytes) -> Answer:
    """The answer stored under an idempotency key; `BrokenLog` when the bytes are none."""
    try:
        return _answer_decoder.decode(body)
    except msgspec.DecodeError as error:
        raise BrokenLog("these bytes hold no answer") from error


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """It will have happened once `entries` are appended; `answer` holds only then."""

    entries: tuple[Entry, ...]
    """May be none: what was asked for holds already."""
    answer: Answer
    effects: tuple[Effect, ...] = ()
    """Committed in the same transaction, in this order."""


class Duplicate(msgspec.Struct, frozen=True, tag="duplicate"):
    """It happened before; `answer` is the first one, and nothing is appended."""

    answer: Answer


class Rejected(msgspec.Struct, frozen=True, tag="rejected"):
    """No, with a name of the error catalogue. Nothing is appended."""

    error: str
    message: str
    epoch: int | None = None
    """The current epoch, where the refusal is about epochs."""
    retry_after: float | None = None
    """Seconds, where trying the same again can help."""
    lookup: bool = False
    """Provisional: look `msg_id` up in the log and decide again with what was found."""


Outcome = Accepted | Duplicate | Rejected


class Limits(msgspec.Struct, frozen=True, gc=False):
    """The operator's numbers that a decision needs."""

    max_members: int = 1000
    """Accounts in a conversation."""
    epoch_window: int = 3
    """Past epochs a new conversation accepts."""
    bucket_seconds: int = 2
    """Width of the buckets that time is kept in."""
    max_proposals: int = 256
    """Public proposals that may wait for a commit."""
    external_cooldown: int = 30
    """Seconds between two external commits to one conversation."""
    device_external_cooldown: int = 60
    """Seconds between two external commits of one device."""
    readdition_lease: int = 3
    """Seconds that a member device has to add another one again before the next is asked."""
    refresh_pause: int = 10
    """Seconds for which a request for a fresh GroupInfo stands before it is told again."""
