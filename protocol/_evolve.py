"""`evolve`: from a state and what happened next to the next state. The only maker of states.

It accepts exactly what `decide` can emit (and the reserved COMMIT): each rule below repeats, as a
check, what the decision promised. An entry that breaks one is not a refusal but damage (a store that
lost or swapped rows), so it raises `BrokenLog` and the state stays as it was. Live and replayed states
are equal because both come from here. Bodies of messages are never read: retention may have taken them.
"""

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from protocol._errors import BrokenLog
from protocol._facts import Created, Fact, MemberRemoved, MembersAdded, decode_fact
from protocol._ids import AccountDid, DeviceId
from protocol._log import ConversationKind, Entry, EntryKind, MemberDevice
from protocol._state import Conversation, Member, by_account

_F = TypeVar("_F", bound=Fact)


def evolve(state: Conversation | None, entry: Entry) -> Conversation:
    """The state after `entry`; raises `BrokenLog` when no decision at `state` could have made it."""
    if state is None:
        if entry.kind is not EntryKind.CREATED:
            raise BrokenLog("a log begins with CREATED")
        return _created(entry)
    if entry.conversation != state.id or entry.seq != state.last_seq + 1:
        raise BrokenLog(f"after seq {state.last_seq} cannot come seq {entry.seq}")
    transition = _TRANSITIONS.get(entry.kind)
    if transition is None:
        raise BrokenLog(f"{entry.kind!r} cannot follow a first entry")
    return transition(state, entry)


def _message(state: Conversation, entry: Entry) -> Conversation:
    if entry.msg_id is None or entry.app_count != state.app_count + 1:
        raise BrokenLog("a message has an id and is counted once")
    if not epoch_accepted(state, entry.epoch):
        raise BrokenLog("a message belongs to an epoch of the window")
    return replace(state, last_seq=entry.seq, app_count=entry.app_count, last_message=entry.received)


def _members_added(state: Conversation, entry: Entry) -> Conversation:
    fact = _fact_of(state, entry, MembersAdded)
    account = _one_account(fact.members)
    if not state.is_member(fact.actor):
        raise BrokenLog("only a member adds")
    if account in state.removed and fact.actor not in state.admins:
        raise BrokenLog("only an admin brings a removed account back")
    joining = _joining(fact.members, entry)
    if joining.keys() & state.members.keys():
        raise BrokenLog("a device joins once")
    return replace(
        state,
        last_seq=entry.seq,
        members=state.members | joining,
        devices_by_account=state.devices_by_account | {account: (*state.devices_of(account), *joining)},
        removed=state.removed - {account},
        left=state.left - {account},
    )


def _member_removed(state: Conversation, entry: Entry) -> Conversation:
    fact = _fact_of(state, entry, MemberRemoved)
    account = fact.account
    if fact.devices != state.devices_of(account) or not fact.devices:
        raise BrokenLog("a removal names the account's devices, all of them")
    if fact.action == "removed" and (fact.actor not in state.admins or fact.actor == account):
        raise BrokenLog("only an admin removes, and not itself")
    if fact.action == "left" and fact.actor is not None:
        raise BrokenLog("who leaves acts alone")
    admins = state.admins - {account}
    if (fact.successor is not None) is bool(admins):
        raise BrokenLog("a successor is named when, and only when, no admin is left")
    if fact.successor is not None:
        if fact.successor == account or not state.is_member(fact.successor):
            raise BrokenLog("the successor is another member")
        admins = frozenset({fact.successor})
    gone = frozenset(fact.devices)
    return replace(
        state,
        last_seq=entry.seq,
        members={device: member for device, member in state.members.items() if device not in gone},
        devices_by_account={a: d for a, d in state.devices_by_account.items() if a != account},
        admins=admins,
        removed=state.removed | {account} if fact.action == "removed" else state.removed,
        left=state.left | {account} if fact.action == "left" else state.left,
    )


def _commit(state: Conversation, entry: Entry) -> Conversation:
    if state.kind is not ConversationKind.MLS or entry.epoch != state.epoch + 1:
        raise BrokenLog("a commit moves an MLS group to the next epoch")
    _check_uncounted(entry, state.app_count)
    return replace(state, last_seq=entry.seq, epoch=entry.epoch)


_TRANSITIONS: dict[EntryKind, Callable[[Conversation, Entry], Conversation]] = {
    EntryKind.MESSAGE: _message,
    EntryKind.MEMBERS_ADDED: _members_added,
    EntryKind.MEMBER_REMOVED: _member_removed,
    EntryKind.COMMIT: _commit,
}


def _created(entry: Entry) -> Conversation:
    fact = _expect(entry, Created)
    _check_uncounted(entry, 0)
    if entry.seq != 1:
        raise BrokenLog("CREATED is seq 1")
    if entry.epoch < 0 or (fact.kind is ConversationKind.OPAQUE and entry.epoch != 0):
        raise BrokenLog("an opaque conversation has epoch 0 only")
    members = _joining(fact.members, entry)
    devices_by_account = by_account(members.values())
    if fact.creator not in devices_by_account:
        raise BrokenLog("the creator is a member")
    return Conversation(
        id=entry.conversation,
        kind=fact.kind,
        group_id=fact.group_id,
        cipher_suite=fact.cipher_suite,
        creator=fact.creator,
        name=fact.name,
        description=fact.description,
        created=entry.received,
        epoch=entry.epoch,
        last_seq=1,
        app_count=0,
        last_message=None,
        members=members,
        admins=frozenset({fact.creator}),
        removed=frozenset(),
        left=frozenset(),
        window=fact.window,
        devices_by_account=devices_by_account,
    )


def epoch_accepted(state: Conversation, epoch: int) -> bool:
    """Whether a message of this epoch may be appended: `epoch - window … epoch` of the conversation."""
    return max(0, state.epoch - state.window) <= epoch <= state.epoch


def _fact_of(state: Conversation, entry: Entry, kind: type[_F]) -> _F:
    _check_uncounted(entry, state.app_count)
    if entry.epoch != state.epoch:
        raise BrokenLog("a fact belongs to the current epoch")
    return _expect(entry, kind)


def _expect(entry: Entry, kind: type[_F]) -> _F:
    fact = decode_fact(entry.body)
    if not isinstance(fact, kind):
        raise BrokenLog(f"the fact of this entry is a {type(fact).__name__}")
    return fact


def _check_uncounted(entry: Entry, app_count: int) -> None:
    if entry.msg_id is not None or entry.app_count != app_count:
        raise BrokenLog("only messages have an id and are counted")


def _one_account(members: tuple[MemberDevice, ...]) -> AccountDid:
    accounts = {member.account for member in members}
    if len(accounts) != 1:
        raise BrokenLog("an entry adds devices of one account")
    return accounts.pop()


def _joining(members: tuple[MemberDevice, ...], entry: Entry) -> dict[DeviceId, Member]:
    joining = {
        m.device: Member(m.account, m.device, entry.seq, entry.received, m.device_name) for m in members
    }
    if len(joining) != len(members):
        raise BrokenLog("a device joins once")
    return joining
