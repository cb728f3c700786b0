"""What happened: the entries of a conversation's log. What a fact's body holds is in `_facts.py`.

All values of this package are frozen `msgspec.Struct`s: plain data that compares by value and crosses
a process border as MessagePack. Three words are kept apart: a *command* was asked, an *entry* happened,
a *hint* says look again (and is not here). No entry names the sender of an application message.
"""

import enum
import hashlib

import msgspec

from protocol._ids import AccountDid, ConversationId, DeviceId, MsgId


def body_hash(body: bytes) -> bytes:
    """The 16 bytes by which a retry is judged: BLAKE2b-128 (RFC 7693) of the padded ciphertext.

    No key: both sides of a comparison come from senders who hold the bytes, and the log stores the
    bytes beside it.
    """
    return hashlib.blake2b(body, digest_size=16).digest()


class ConversationKind(enum.StrEnum):
    """What a conversation carries: MLS messages whose framing is read, bytes nobody here reads, or none."""

    MLS = "mls"
    OPAQUE = "opaque"
    ACCOUNT = "account"
    """An account's own log: facts that concern it alone, for its devices (`_rules_account.py`)."""


class EntryKind(enum.IntEnum):
    """What happened. The numbers are stored; they are never reused."""

    CREATED = 1
    MESSAGE = 2
    MEMBERS_ADDED = 3
    MEMBER_REMOVED = 4
    COMMIT = 5
    """The MLS group moves to its next epoch. What that does to membership follows in the same append."""
    PROPOSAL = 6
    ROLE_CHANGED = 7
    POLICY_CHANGED = 8
    GROUP_RESET = 9
    """Another MLS group carries the conversation from here on."""
    NOTICE = 10
    """Something that members are told."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened in a conversation, for ever. Its place is `seq`; it names no sender."""

    conversation: ConversationId
    seq: int
    """1, 2, 3 … in its conversation."""
    kind: EntryKind
    epoch: int
    """The epoch it belongs to; of a COMMIT, the epoch it begins. Always 0 in an opaque conversation."""
    msg_id: MsgId | None
    """Of messages the sender's, of commits and proposals `commit_id` and `proposal_id`; others have none.
    Unique in the conversation."""
    body: bytes
    """The padded ciphertext of a message, or `encode_fact` of a fact."""
    body_hash: bytes
    """16 bytes: `body_hash` of the body, or of the bytes of the commit or proposal that is in it. Rows
    outlive their bodies, retries are judged by this."""
    app_count: int
    """Messages up to and including this entry, so that unread is a difference of two numbers."""
    received: int
    """Bucket, Unix seconds."""
    position: int = 0
    """Place in the whole log; 0 until it is committed."""


class MemberDevice(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A device about to become a member. Membership is by device: each is a leaf of its own."""

    account: AccountDid
    device: DeviceId
    device_name: str = ""
    leaf: int | None = None
    """Index of its leaf in the ratchet tree, where it is known."""
