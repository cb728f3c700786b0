"""What may be asked of a conversation, and what it may answer.

`Send` carries the caller because membership must be judged; that is where the caller ends: no entry,
no answer and no refusal has a field for it. Refusals are values with a name of `schema/errors.json`.
"""

from typing import Literal

import msgspec

from protocol._errors import BrokenLog
from protocol._ids import AccountDid, ConversationId, DeviceId, MsgId
from protocol._log import ConversationKind, Entry, MemberDevice
from protocol._state import Conversation


class IdempotencyKey(msgspec.Struct, frozen=True, gc=False):
    """A retry key as the router hands it in: nothing of the caller can be read back from it."""

    scope: bytes
    """32 bytes: keyed hash of caller, endpoint and the client's key."""
    fingerprint: bytes
    """32 bytes: hash of the request's body."""


class Framing(msgspec.Struct, frozen=True, gc=False):
    """What the framing of an MLS message says in clear (RFC 9420 section 6); read by `crypto`."""

    group_id: bytes
    epoch: int
    content_type: Literal["application", "proposal", "commit"]
    private: bool = True
    """PrivateMessage; False is a PublicMessage."""


class Create(msgspec.Struct, frozen=True, tag="create"):
    """Begin a conversation. `members` are devices already, the creator's own among them."""

    conversation: ConversationId
    account: AccountDid
    kind: ConversationKind
    group_id: str
    cipher_suite: str
    name: str | None
    description: str | None
    members: tuple[MemberDevice, ...]
    epoch: int = 0
    """The epoch the creator's group stands at (mls only)."""
    idempotency: IdempotencyKey | None = None


class Send(msgspec.Struct, frozen=True, tag="send", gc=False):
    """Append one message. `account` and `device` are judged and forgotten."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId | None
    msg_id: MsgId
    epoch: int
    body: bytes
    framing: Framing | None = None


class AddMembers(msgspec.Struct, frozen=True, tag="add"):
    """Bring devices in; those that are in already are passed over."""

    conversation: ConversationId
    account: AccountDid
    members: tuple[MemberDevice, ...]
    idempotency: IdempotencyKey | None = None


class RemoveMember(msgspec.Struct, frozen=True, tag="remove"):
    """An admin puts an account out."""

    conversation: ConversationId
    account: AccountDid
    target: AccountDid
    reason: str | None = None
    idempotency: IdempotencyKey | None = None


class Leave(msgspec.Struct, frozen=True, tag="leave"):
    """Go; or, with a `target` that is somebody else, the same as `RemoveMember`."""

    conversation: ConversationId
    account: AccountDid
    target: AccountDid | None = None
    idempotency: IdempotencyKey | None = None


Command = Create | Send | AddMembers | RemoveMember | Leave


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


class Changed(msgspec.Struct, frozen=True, tag="changed", gc=False):
    """Membership changed; `seq` is the last entry of the change."""

    seq: int
    epoch: int


Answer = CreateAnswer | Sent | Changed

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
    answer: Answer


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
