"""What happened: the entries of a conversation's log and the facts some of them carry.

All values of this package are frozen `msgspec.Struct`s: plain data that compares by value and crosses
a process border as MessagePack. Three words are kept apart: a *command* was asked, an *entry* happened,
a *hint* says look again (and is not here). No entry names the sender of a message.
"""

import enum
import hashlib
from typing import Literal

import msgspec

from protocol._errors import BrokenLog
from protocol._ids import AccountDid, ConversationId, DeviceId, MsgId


def body_hash(body: bytes) -> bytes:
    """The 16 bytes by which a retry is judged: BLAKE2b-128 (RFC 7693) of the padded ciphertext.

    No key: both sides of a comparison come from senders who hold the bytes, and the log stores the
    bytes beside it.
    """
    return hashlib.blake2b(body, digest_size=16).digest()


class ConversationKind(enum.StrEnum):
    """What a conversation carries: MLS messages whose framing is read, or bytes nobody here reads."""

    MLS = "mls"
    OPAQUE = "opaque"


class EntryKind(enum.IntEnum):
    """What happened. The numbers are stored; they are never reused."""

    CREATED = 1
    MESSAGE = 2
    MEMBERS_ADDED = 3
    MEMBER_REMOVED = 4
    COMMIT = 5
    """Reserved: replay understands it (the epoch rises by one), no command of this version makes it."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened in a conversation, for ever. Its place is `seq`; it names no sender."""

    conversation: ConversationId
    seq: int
    """1, 2, 3 … in its conversation."""
    kind: EntryKind
    epoch: int
    """The epoch it belongs to; of a COMMIT, the epoch it begins. Always 0 in an opaque conversation."""
    msg_id: MsgId | None
    """Set for messages only; unique in the conversation."""
    body: bytes
    """The padded ciphertext of a message, or `encode_fact` of a fact."""
    body_hash: bytes
    """`body_hash(body)`: 16 bytes. Rows outlive their bodies, retries are judged by this."""
    app_count: int
    """Messages up to and including this entry, so that unread is a difference of two numbers."""
    received: int
    """Bucket, Unix seconds."""
    position: int = 0
    """Place in the whole log; 0 until it is committed."""


class MemberDevice(msgspec.Struct, frozen=True, gc=False):
    """A device about to become a member. Membership is by device: each is a leaf of its own."""

    account: AccountDid
    device: DeviceId
    device_name: str = ""


class Created(msgspec.Struct, frozen=True, tag="created"):
    """The conversation begins, with its creator as first admin and these devices in it."""

    creator: AccountDid
    kind: ConversationKind
    group_id: str
    cipher_suite: str
    name: str | None
    description: str | None
    members: tuple[MemberDevice, ...]
    window: int = 3
    """How many past epochs are still accepted. Fixed here, so that replay needs no settings."""


class MembersAdded(msgspec.Struct, frozen=True, tag="added"):
    """Devices of one account joined. An ask that names ten accounts makes ten entries in one append:
    an entry is one event, so a cursor between two of them is always exact."""

    actor: AccountDid
    members: tuple[MemberDevice, ...]
    """At least one, all of one account."""


class MemberRemoved(msgspec.Struct, frozen=True, tag="removed"):
    """An account is out with all its devices."""

    account: AccountDid
    actor: AccountDid | None
    """Who removed it; None when it left by itself."""
    action: Literal["left", "removed"]
    reason: str | None
    devices: tuple[DeviceId, ...]
    successor: AccountDid | None = None
    """The account that becomes admin in this same entry, when the last admin left."""


Fact = Created | MembersAdded | MemberRemoved

_fact_encoder = msgspec.msgpack.Encoder()
_fact_decoder: msgspec.msgpack.Decoder[Fact] = msgspec.msgpack.Decoder(Fact)


def encode_fact(fact: Fact) -> bytes:
    """The body of a fact's entry."""
    return _fact_encoder.encode(fact)


def decode_fact(body: bytes) -> Fact:
    """The fact in an entry's body; `BrokenLog` when there is none."""
    try:
        return _fact_decoder.decode(body)
    except msgspec.DecodeError as error:
        raise BrokenLog("the body of this entry holds no fact") from error
