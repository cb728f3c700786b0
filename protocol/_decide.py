"""`decide`: from a state and a command to what happens. Pure and total: it returns, it never raises.

States. A conversation is absent (`None`) or alive; alive is for ever, since the last member cannot
leave. What moves is the *standing* of each account in it:

    STRANGER ──add by a member──────────────▶ MEMBER ──leaves──────▶ LEFT
    LEFT ─────add by a member───────────────▶ MEMBER ──put out─────▶ REMOVED
    REMOVED ──add by an admin, nobody else──▶ MEMBER ──last admin left, longest here──▶ ADMIN
    ADMIN ────leaves / put out by another admin──▶ LEFT / REMOVED

The tables at the end are the whole machine: command × standing of the caller → rule. Standing belongs
to accounts: the devices of an account go with it, and two devices of one admin are one admin.

What can never happen:
- A stranger learns nothing: an unknown conversation and a foreign one give the identical refusal.
- A conversation without an admin: when the last one leaves, the account that has been in longest (lowest
  seq of its devices; the lower DID breaks a tie) becomes admin in the same entry.
- A removed account comes back by itself or through a friend who is no admin.
- A send is refused before its msgId was looked up, if the caller is or was a member: the same bytes get
  the first answer, whatever moved since (epoch, membership), and other bytes get IdempotencyConflict.
  A stranger's send is not looked up: it cannot have been accepted, and looking would tell it whether
  a message with these bytes exists.
- An entry that names the sender of a message, or a time finer than its bucket.

Order for a send: standing → duplicate → size class → epoch → framing. Retries of the membership
commands are settled by idempotency key (`_batch.py`), not here.
"""

import enum
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from protocol._answers import (
    Accepted,
    Changed,
    CreateAnswer,
    Duplicate,
    Known,
    Limits,
    Outcome,
    Rejected,
    Sent,
)
from protocol._commands import AddMembers, Create, Leave, RemoveMember, Send
from protocol._evolve import epoch_accepted, evolve
from protocol._facts import Created, Fact, MemberRemoved, MembersAdded, encode_fact
from protocol._group_commands import Command
from protocol._ids import MAX_SAFE_INTEGER, AccountDid, DeviceId
from protocol._log import ConversationKind, Entry, EntryKind, MemberDevice, body_hash
from protocol._padding import MAX_BODY_BYTES, is_size_class, profile_of
from protocol._state import Conversation
from protocol._time import bucket


class Standing(enum.Enum):
    """What an account is to a conversation."""

    STRANGER = "stranger"
    MEMBER = "member"
    ADMIN = "admin"
    LEFT = "left"
    REMOVED = "removed"


def standing(state: Conversation | None, account: AccountDid) -> Standing:
    """The standing of `account`; in a conversation that does not exist everybody is a stranger."""
    if state is None:
        return Standing.STRANGER
    if account in state.devices_by_account:
        return Standing.ADMIN if account in state.admins else Standing.MEMBER
    if account in state.removed:
        return Standing.REMOVED
    return Standing.LEFT if account in state.left else Standing.STRANGER


CONVO_NOT_FOUND = Rejected("ConvoNotFound", "There is no such conversation.")
NOT_MEMBER = Rejected("NotMember", "You are not a member of this conversation any more.")
_NOT_THIS_DEVICE = Rejected("NotMember", "This device is not in the conversation.")
_NOT_THE_TARGET = Rejected("NotMember", "The account named is not a member of this conversation.")
_NOT_ADMIN = Rejected("NotAdmin", "Only an admin of the conversation may do this.")
_TOMBSTONE = Rejected("NotAdmin", "Only an admin may add an account again that was removed.")
_NOT_ONESELF = Rejected("CannotRemoveSelf", "To go yourself, use leaveConvo.")
_LAST_MEMBER = Rejected("LastMember", "The last member cannot leave.")
_ALREADY_MEMBER = Rejected("AlreadyMember", "Every device named is in the conversation already.")
_EXISTS = Rejected("IdempotencyConflict", "This conversation was created before.")
_OTHER_BYTES = Rejected("IdempotencyConflict", "This msgId was used for other bytes.")
_TOO_LARGE = Rejected("MessageTooLarge", f"A ciphertext has at most {MAX_BODY_BYTES} bytes.")
_NO_SIZE_CLASS = Rejected("InvalidAsset", "The length of the ciphertext is none of the padding sizes.")
_NOT_MLS = Rejected(
    "InvalidAsset", "The ciphertext is not an application message of MLS in a PrivateMessage."
)
_WRONG_FRAMING = Rejected("InvalidAsset", "The message's framing names another group or another epoch.")


def decide(
    state: Conversation | None,
    command: Command,
    *,
    now: float,
    known: Known | None = None,
    limits: Limits,
    looked_up: bool = False,
) -> Outcome:
    """What `command` leads to at `state`; `now` is Unix seconds and leaves only as a bucket.

    `known` is what the log has under a send's msgId, if it has been looked up (`looked_up`) or is known
    anyway. A `Rejected` with `lookup` set is provisional: look up and ask again. An `Accepted` send that
    was not looked up is optimistic: the store's unique index has the last word.
    """
    turn = Turn(bucket(now, limits.bucket_seconds), limits, known, looked_up or known is not None)
    return decide_at(state, command, turn)


class Turn(msgspec.Struct, frozen=True, gc=False):
    """What a rule is given besides state and command."""

    received: int
    """Bucket, Unix seconds."""
    limits: Limits
    known: Known | None = None
    looked_up: bool = False


def decide_at(state: Conversation | None, command: Command, turn: Turn) -> Outcome:
    """`decide` with the time quantised already; a batch computes it once."""
    if state is None:
        return _create(command, turn) if isinstance(command, Create) else CONVO_NOT_FOUND
    who = standing(state, command.account)
    match command:
        case Send():
            return SEND[who](state, command, turn)
        case AddMembers():
            return ADD_MEMBERS[who](state, command, turn)
        case RemoveMember():
            return REMOVE_MEMBER[who](state, command, turn)
        case Leave():
            return LEAVE[who](state, command, turn)
        case Create():
            return CREATE[who](state, command, turn)
        case _:
            return Rejected("MethodNotImplemented", "Not built yet.")


# -- rules ------------------------------------------------------------------------------------------


def _unknown(_state: Conversation, _command: Command, _turn: Turn) -> Outcome:
    return CONVO_NOT_FOUND


def _gone(_state: Conversation, _command: Command, _turn: Turn) -> Outcome:
    return NOT_MEMBER


def _not_admin(_state: Conversation, _command: Command, _turn: Turn) -> Outcome:
    return _NOT_ADMIN


def _exists(_state: Conversation, _command: Create, _turn: Turn) -> Outcome:
    return _EXISTS


def _send(state: Conversation, command: Send, turn: Turn) -> Outcome:
    hashed = body_hash(command.body)
    if turn.known is not None:
        return _retried(command, turn.known, hashed)
    refusal = _send_refusal(state, command)
    if refusal is not None:
        return refusal if turn.looked_up else replace(refusal, lookup=True)
    seq = state.last_seq + 1
    entry = Entry(
        state.id,
        seq,
        EntryKind.MESSAGE,
        command.epoch,
        command.msg_id,
        command.body,
        hashed,
        state.app_count + 1,
        turn.received,
    )
    return Accepted((entry,), Sent(command.msg_id, seq, command.epoch, turn.received))


def _send_of_one_who_went(_state: Conversation, command: Send, turn: Turn) -> Outcome:
    if turn.known is not None:
        return _retried(command, turn.known, body_hash(command.body))
    return NOT_MEMBER if turn.looked_up else replace(NOT_MEMBER, lookup=True)


def _retried(command: Send, known: Known, hashed: bytes) -> Outcome:
    if known.body_hash != hashed:
        return _OTHER_BYTES
    return Duplicate(Sent(command.msg_id, known.seq, known.epoch, known.received))


def _send_refusal(state: Conversation, command: Send) -> Rejected | None:
    if command.device is not None and not _has_device(state, command.account, command.device):
        return _NOT_THIS_DEVICE
    if not is_size_class(len(command.body), profile_of(state.kind)):
        return _TOO_LARGE if len(command.body) > MAX_BODY_BYTES else _NO_SIZE_CLASS
    if not epoch_accepted(state, command.epoch):
        return Rejected("EpochMismatch", f"The current epoch is {state.epoch}.", epoch=state.epoch)
    if state.kind is ConversationKind.OPAQUE:
        return None
    framing = command.framing
    if framing is None or not framing.private or framing.content_type != "application":
        return _NOT_MLS
    if framing.epoch != command.epoch or not names_group(state.group_id, framing.group_id):
        return _WRONG_FRAMING
    return None


def _has_device(state: Conversation, account: AccountDid, device: DeviceId) -> bool:
    member = state.members.get(device)
    return member is not None and member.account == account


def names_group(group_id: str, raw: bytes) -> bool:
    """Whether the contract's text names the group whose MLS id is `raw`: in hex of any case, or as it is."""
    return group_id.lower() == raw.hex() or group_id.encode("utf-8", "surrogatepass") == raw


def _create(command: Create, turn: Turn) -> Outcome:
    members = _distinct(command.members)
    if members is None:
        return Rejected("InvalidRequest", "A device belongs to one account.")
    if not any(member.account == command.account for member in members):
        return Rejected("InvalidRequest", "Register a device of your own first.")
    if len({member.account for member in members}) > turn.limits.max_members:
        return _too_many(turn)
    opaque = command.kind is ConversationKind.OPAQUE
    if not 0 <= command.epoch <= (0 if opaque else MAX_SAFE_INTEGER):
        return Rejected("InvalidRequest", "An opaque conversation has epoch 0, and no epoch is negative.")
    if not opaque and not command.group_id:
        return Rejected("InvalidRequest", "An MLS conversation needs its group id.")
    fact = Created(
        creator=command.account,
        kind=command.kind,
        group_id=command.group_id,
        cipher_suite=command.cipher_suite,
        name=command.name,
        description=command.description,
        members=members,
        window=turn.limits.epoch_window,
    )
    body = encode_fact(fact)
    entry = Entry(
        command.conversation,
        1,
        EntryKind.CREATED,
        command.epoch,
        None,
        body,
        body_hash(body),
        0,
        turn.received,
    )
    return Accepted((entry,), CreateAnswer(evolve(None, entry)))


def _add(state: Conversation, command: AddMembers, turn: Turn) -> Outcome:
    members = _distinct(command.members)
    if members is None or not all(_fits(state, member) for member in members):
        return Rejected("InvalidRequest", "A device belongs to one account.")
    joining: dict[AccountDid, list[MemberDevice]] = {}
    for member in members:
        if member.device not in state.members:
            joining.setdefault(member.account, []).append(member)
    if not joining:
        return _ALREADY_MEMBER
    if command.account not in state.admins and not state.removed.isdisjoint(joining):
        return _TOMBSTONE
    if len(joining.keys() | state.devices_by_account.keys()) > turn.limits.max_members:
        return _too_many(turn)
    entries = tuple(
        _fact_entry(
            state,
            place,
            EntryKind.MEMBERS_ADDED,
            MembersAdded(actor=command.account, members=tuple(devices)),
            turn,
        )
        for place, devices in enumerate(joining.values(), state.last_seq + 1)
    )
    return Accepted(entries, Changed(entries[-1].seq, state.epoch))


def _remove(state: Conversation, command: RemoveMember, turn: Turn) -> Outcome:
    return _put_out(state, command.account, command.target, command.reason, turn)


def _leave(state: Conversation, command: Leave, turn: Turn) -> Outcome:
    if command.target is not None and command.target != command.account:
        if command.account not in state.admins:
            return _NOT_ADMIN
        return _put_out(state, command.account, command.target, None, turn)
    if len(state.devices_by_account) == 1:
        return _LAST_MEMBER
    fact = MemberRemoved(
        account=command.account,
        actor=None,
        action="left",
        reason=None,
        devices=state.devices_of(command.account),
        successor=_successor(state, command.account),
    )
    return _one_fact(state, EntryKind.MEMBER_REMOVED, fact, turn)


def _put_out(
    state: Conversation, admin: AccountDid, target: AccountDid, reason: str | None, turn: Turn
) -> Outcome:
    if target == admin:
        return _NOT_ONESELF
    if not state.is_member(target):
        return _NOT_THE_TARGET
    fact = MemberRemoved(
        account=target, actor=admin, action="removed", reason=reason, devices=state.devices_of(target)
    )
    return _one_fact(state, EntryKind.MEMBER_REMOVED, fact, turn)


def _successor(state: Conversation, leaving: AccountDid) -> AccountDid | None:
    """Who becomes admin when `leaving` goes; None while another admin stays. A function of the values
    alone, so that every store and every replay finds the same account."""
    if state.admins != {leaving}:
        return None
    _, account = min((m.from_seq, m.account) for m in state.members.values() if m.account != leaving)
    return account


def _distinct(members: tuple[MemberDevice, ...]) -> tuple[MemberDevice, ...] | None:
    """Each device once, in the order given; None when a device is claimed for two accounts."""
    by_device: dict[DeviceId, MemberDevice] = {}
    for member in members:
        if by_device.setdefault(member.device, member).account != member.account:
            return None
    return tuple(by_device.values())


def _fits(state: Conversation, member: MemberDevice) -> bool:
    present = state.members.get(member.device)
    return present is None or present.account == member.account


def _too_many(turn: Turn) -> Rejected:
    return Rejected("TooManyMembers", f"A conversation has at most {turn.limits.max_members} accounts.")


def _one_fact(state: Conversation, kind: EntryKind, fact: Fact, turn: Turn) -> Accepted:
    entry = _fact_entry(state, state.last_seq + 1, kind, fact, turn)
    return Accepted((entry,), Changed(entry.seq, state.epoch))


def _fact_entry(state: Conversation, seq: int, kind: EntryKind, fact: Fact, turn: Turn) -> Entry:
    body = encode_fact(fact)
    return Entry(
        state.id, seq, kind, state.epoch, None, body, body_hash(body), state.app_count, turn.received
    )


# -- the table: command × standing of the caller ----------------------------------------------------

_C = TypeVar("_C", bound=Command)
_Row = Mapping[Standing, Callable[[Conversation, _C, Turn], Outcome]]

CREATE: _Row[Create] = {
    Standing.STRANGER: _unknown,
    Standing.MEMBER: _exists,
    Standing.ADMIN: _exists,
    Standing.LEFT: _exists,
    Standing.REMOVED: _exists,
}
SEND: _Row[Send] = {
    Standing.STRANGER: _unknown,
    Standing.MEMBER: _send,
    Standing.ADMIN: _send,
    Standing.LEFT: _send_of_one_who_went,
    Standing.REMOVED: _send_of_one_who_went,
}
ADD_MEMBERS: _Row[AddMembers] = {
    Standing.STRANGER: _unknown,
    Standing.MEMBER: _add,
    Standing.ADMIN: _add,
    Standing.LEFT: _gone,
    Standing.REMOVED: _gone,
}
REMOVE_MEMBER: _Row[RemoveMember] = {
    Standing.STRANGER: _unknown,
    Standing.MEMBER: _not_admin,
    Standing.ADMIN: _remove,
    Standing.LEFT: _gone,
    Standing.REMOVED: _gone,
}
LEAVE: _Row[Leave] = {
    Standing.STRANGER: _unknown,
    Standing.MEMBER: _leave,
    Standing.ADMIN: _leave,
    Standing.LEFT: _gone,
    Standing.REMOVED: _gone,
}
