"""What an account is to a conversation, and what every rule is given.

A device is in or out; the standing is the account's, and two devices of one admin are one admin.
"""

import enum

import msgspec

from protocol._answers import Known, Limits, Rejected
from protocol._facts import Fact, encode_fact
from protocol._ids import AccountDid, ConversationId, DeviceId
from protocol._log import Entry, EntryKind, body_hash
from protocol._state import Conversation


class Standing(enum.Enum):
    """What an account is to a conversation."""

    STRANGER = "stranger"
    PENDING = "pending"
    """Named by a member, or displaced by a reset: knows of the conversation and is not in."""
    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"
    LEFT = "left"
    REMOVED = "removed"


INSIDE = frozenset({Standing.MEMBER, Standing.MODERATOR, Standing.ADMIN})
"""The standings of accounts with a device in the conversation."""


def standing(state: Conversation | None, account: AccountDid) -> Standing:
    """The standing of `account`; in a conversation that does not exist everybody is a stranger."""
    if state is None:
        return Standing.STRANGER
    group = state.group
    if account in state.devices_by_account:
        if account in state.admins:
            return Standing.ADMIN
        return Standing.MODERATOR if account in group.moderators else Standing.MEMBER
    if account in group.pending or account in group.displaced:
        return Standing.PENDING
    if account in state.removed:
        return Standing.REMOVED
    return Standing.LEFT if account in state.left else Standing.STRANGER


class Turn(msgspec.Struct, frozen=True, gc=False):
    """What a rule is given besides state and command."""

    received: int
    """Bucket, Unix seconds."""
    limits: Limits
    known: Known | None = None
    looked_up: bool = False


CONVO_NOT_FOUND = Rejected("ConvoNotFound", "There is no such conversation.")
NOT_MEMBER = Rejected("NotMember", "You are not a member of this conversation any more.")
NOT_YET_MEMBER = Rejected("NotMember", "You are not a member of this conversation yet.")
NOT_THIS_DEVICE = Rejected("NotMember", "This device is not in the conversation.")
NOT_THE_TARGET = Rejected("NotMember", "The account named is not a member of this conversation.")
NOT_ADMIN = Rejected("NotAdmin", "Only an admin of the conversation may do this.")
TOMBSTONE = Rejected("NotAdmin", "Only an admin may add an account again that was removed.")
NOT_ONESELF = Rejected("CannotRemoveSelf", "To go yourself, use leaveConvo.")
LAST_MEMBER = Rejected("LastMember", "The last member cannot leave.")
ALREADY_MEMBER = Rejected("AlreadyMember", "Every device named is in the conversation already.")
EXISTS = Rejected("IdempotencyConflict", "This conversation was created before.")
TWO_OWNERS = Rejected("InvalidRequest", "A device belongs to one account.")
NO_GROUP = Rejected("InvalidRequest", "This conversation has no MLS group.")


def too_many(capacity: int) -> Rejected:
    """More accounts than the conversation takes."""
    return Rejected("TooManyMembers", f"A conversation has at most {capacity} accounts.")


def wrong_epoch(state: Conversation) -> Rejected:
    """It belongs to another epoch than it may: seal it anew in the current one."""
    return Rejected("EpochMismatch", f"The current epoch is {state.epoch}.", epoch=state.epoch)


def has_device(state: Conversation, account: AccountDid, device: DeviceId) -> bool:
    """Whether the account's device is in."""
    member = state.members.get(device)
    return member is not None and member.account == account


def names_group(group_id: str, raw: bytes) -> bool:
    """Whether the contract's text names the group whose MLS id is `raw`: in hex of any case, or as it is."""
    return group_id.lower() == raw.hex() or group_id.encode("utf-8", "surrogatepass") == raw


def successor(state: Conversation, leaving: AccountDid) -> AccountDid | None:
    """Who becomes admin when `leaving` goes; None while another admin stays. A function of the values
    alone, so that every store and every replay finds the same account."""
    if state.admins != {leaving}:
        return None
    _, account = min((m.from_seq, m.account) for m in state.members.values() if m.account != leaving)
    return account


def first_entry(conversation: ConversationId, fact: Fact, turn: Turn, epoch: int = 0) -> Entry:
    """The entry that begins a conversation."""
    body = encode_fact(fact)
    return Entry(conversation, 1, EntryKind.CREATED, epoch, None, body, body_hash(body), 0, turn.received)


def fact_entry(state: Conversation, kind: EntryKind, fact: Fact, turn: Turn, *, place: int = 1) -> Entry:
    """The entry of a fact of the current epoch, `place` behind the last one."""
    body = encode_fact(fact)
    return Entry(
        state.id,
        state.last_seq + place,
        kind,
        state.epoch,
        None,
        body,
        body_hash(body),
        state.app_count,
        turn.received,
    )
