"""`evolve`: from a state and what happened next to the next state. The only maker of states.

It accepts exactly what `decide` can emit: each rule below repeats, as a check, what the decision promised.
An entry that breaks one is not a refusal but damage (a store that lost or swapped rows), so it raises
`BrokenLog` and the state stays as it was. Live and replayed states are equal because both come from here.
Bodies of messages are never read: retention may have taken them. The rules of what only an MLS group has
are in `_evolve_mls.py`, its part of the state moves in `_evolve_group.py`.
"""

from collections.abc import Callable

from msgspec.structs import replace

from protocol._errors import BrokenLog
from protocol._evolve_checks import (
    check_settled,
    check_uncounted,
    expect,
    fact_of,
    joining,
    one_account,
    without_devices,
)
from protocol._evolve_group import group_after
from protocol._evolve_mls import commit, group_reset, notice, policy_changed, proposal, role_changed
from protocol._facts import Created, MemberRemoved, MembersAdded
from protocol._group import Group
from protocol._log import ConversationKind, Entry, EntryKind
from protocol._state import Conversation, by_account


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


def epoch_accepted(state: Conversation, epoch: int) -> bool:
    """Whether a message of this epoch may be appended: `epoch - window … epoch` of the conversation."""
    return max(0, state.epoch - state.window) <= epoch <= state.epoch


def _message(state: Conversation, entry: Entry) -> Conversation:
    check_settled(state)
    if entry.msg_id is None or entry.app_count != state.app_count + 1:
        raise BrokenLog("a message has an id and is counted once")
    if not epoch_accepted(state, entry.epoch):
        raise BrokenLog("a message belongs to an epoch of the window")
    return replace(state, last_seq=entry.seq, app_count=entry.app_count, last_message=entry.received)


def _members_added(state: Conversation, entry: Entry) -> Conversation:
    fact = fact_of(state, entry, MembersAdded)
    account = one_account(fact.members)
    if state.kind is ConversationKind.ACCOUNT and account != state.creator:
        raise BrokenLog("an account's log is for its own devices")
    group = state.group
    if (group.owed > 0) is not (state.kind is ConversationKind.MLS):
        raise BrokenLog("who joins an MLS group joins by a commit")
    joins_itself = group.owed > 0 and group.external and fact.actor == account
    if not state.is_member(fact.actor) and not joins_itself:
        raise BrokenLog("only a member adds")
    if account in state.removed and fact.actor not in state.admins:
        raise BrokenLog("only an admin brings a removed account back")
    if fact.role != group.displaced.get(account, "member"):
        raise BrokenLog("a displaced account gets back the role it had, and nobody else one")
    joined = joining(fact.members, entry)
    if joined.keys() & state.members.keys():
        raise BrokenLog("a device joins once")
    return replace(
        state,
        last_seq=entry.seq,
        members=state.members | joined,
        devices_by_account=state.devices_by_account | {account: (*state.devices_of(account), *joined)},
        admins=state.admins | {account} if fact.role == "admin" else state.admins,
        removed=state.removed - {account},
        left=state.left - {account},
        group=group if group == _NO_GROUP else group_after(group, entry, fact),
    )


def _member_removed(state: Conversation, entry: Entry) -> Conversation:
    fact = fact_of(state, entry, MemberRemoved)
    account = fact.account
    own = state.devices_of(account)
    if fact.action == "device":
        if (
            not fact.devices
            or not set(fact.devices) < set(own)
            or len(set(fact.devices)) != len(fact.devices)
        ):
            raise BrokenLog("some of the devices go, and others stay")
    elif fact.devices != own:
        raise BrokenLog("a removal names the account's devices, all of them")
    elif not own and account not in state.group.pending and account not in state.group.displaced:
        raise BrokenLog("who is not in and was not named cannot go")
    _check_actor(state, fact)
    if fact.stale.keys() - set(fact.devices):
        raise BrokenLog("only what goes leaves a stale leaf behind")
    if state.group.owed == 0:
        stays = fact.devices if state.kind is ConversationKind.MLS else ()
        if fact.stale.keys() != set(stays):
            raise BrokenLog("without a commit every leaf stays in the tree")
    return replace(
        state,
        last_seq=entry.seq,
        **without_devices(state, fact.devices),
        admins=_admins_after(state, fact),
        removed=state.removed | {account} if fact.action == "removed" else state.removed,
        left=state.left | {account} if fact.action == "left" else state.left,
        group=state.group if state.group == _NO_GROUP else group_after(state.group, entry, fact),
    )


def _check_actor(state: Conversation, fact: MemberRemoved) -> None:
    actor, account = fact.actor, fact.account
    if actor is None:
        if fact.action == "removed":
            raise BrokenLog("somebody removes")
        return
    if fact.action == "left":
        raise BrokenLog("who leaves acts alone")
    by_rule = (
        state.group.policy.allow_member_remove and state.is_member(actor) and account not in state.admins
    )
    if actor == account or not (actor in state.admins or by_rule):
        raise BrokenLog("only an admin removes, and not itself")


def _admins_after(state: Conversation, fact: MemberRemoved) -> frozenset[str]:
    admins = state.admins if fact.action == "device" else state.admins - {fact.account}
    if (fact.successor is not None) is bool(admins):
        raise BrokenLog("a successor is named when, and only when, no admin is left")
    if fact.successor is None:
        return admins
    if fact.successor == fact.account or not state.is_member(fact.successor):
        raise BrokenLog("the successor is another member")
    return frozenset({fact.successor})


_TRANSITIONS: dict[EntryKind, Callable[[Conversation, Entry], Conversation]] = {
    EntryKind.MESSAGE: _message,
    EntryKind.MEMBERS_ADDED: _members_added,
    EntryKind.MEMBER_REMOVED: _member_removed,
    EntryKind.COMMIT: commit,
    EntryKind.PROPOSAL: proposal,
    EntryKind.ROLE_CHANGED: role_changed,
    EntryKind.POLICY_CHANGED: policy_changed,
    EntryKind.GROUP_RESET: group_reset,
    EntryKind.NOTICE: notice,
}
_NO_GROUP = Group()


def _created(entry: Entry) -> Conversation:
    fact = expect(entry, Created)
    check_uncounted(entry, 0)
    if entry.seq != 1:
        raise BrokenLog("CREATED is seq 1")
    if entry.epoch < 0 or (fact.kind is not ConversationKind.MLS and entry.epoch != 0):
        raise BrokenLog("without an MLS group there is epoch 0 only")
    members = joining(fact.members, entry)
    devices_by_account = by_account(members.values())
    if fact.creator not in devices_by_account:
        raise BrokenLog("the creator is a member")
    if fact.kind is not ConversationKind.MLS and (fact.pending or fact.group_info is not None):
        raise BrokenLog("only an MLS group has somebody waiting, or a GroupInfo")
    if fact.kind is ConversationKind.ACCOUNT and devices_by_account.keys() != {fact.creator}:
        raise BrokenLog("an account's log is for its own devices")
    if not devices_by_account.keys().isdisjoint(fact.pending):
        raise BrokenLog("who is in does not wait")
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
        group=group_after(_NO_GROUP, entry, fact),
    )
