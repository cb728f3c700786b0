"""Rules for membership: begin, bring in, put out, go. With a commit, `_rules_commit.py` goes on."""

from collections.abc import Iterable

from protocol._answers import Accepted, Changed, CreateAnswer, Duplicate, Outcome, Rejected
from protocol._commands import AddMembers, Create, Leave, RemoveMember
from protocol._effects import Effect
from protocol._evolve import evolve
from protocol._facts import AccountNamed, Created, MemberRemoved, MembersAdded
from protocol._ids import MAX_SAFE_INTEGER, AccountDid, DeviceId
from protocol._log import ConversationKind, EntryKind, MemberDevice
from protocol._rules_effects import group_info_effect, welcome_effects, welcomes_fit
from protocol._standing import (
    ALREADY_MEMBER,
    EXISTS,
    LAST_MEMBER,
    NOT_ADMIN,
    NOT_ONESELF,
    NOT_THE_TARGET,
    NOT_THIS_DEVICE,
    TOMBSTONE,
    TWO_OWNERS,
    Standing,
    Turn,
    fact_entry,
    first_entry,
    has_device,
    standing,
    successor,
    too_many,
)
from protocol._state import Conversation

_NO_OWN_DEVICE = Rejected("InvalidRequest", "Register a device of your own first.")
_WHICH_DEVICE = Rejected("InvalidRequest", "Several devices of yours: name the one that has the group.")
_NO_EPOCH = Rejected("InvalidRequest", "An opaque conversation has epoch 0, and no epoch is negative.")
_UNTOLD_EPOCH = Rejected(
    "InvalidRequest", "A group with others in it is past epoch 0: state currentEpoch or send groupInfo."
)
_TWO_EPOCHS = Rejected("InvalidRequest", "The GroupInfo is of another epoch than the one stated.")
_NOT_CREATED = Rejected("InvalidRequest", "An account's own log begins by itself.")
_NO_GROUP_ID = Rejected("InvalidRequest", "An MLS conversation needs its group id.")


def exists(_state: Conversation, _command: Create, _turn: Turn) -> Outcome:
    """It was begun before."""
    return EXISTS


def create(command: Create, turn: Turn) -> Outcome:
    """A conversation begins."""
    members = _distinct(command.members)
    if members is None:
        return TWO_OWNERS
    if command.kind is ConversationKind.ACCOUNT:
        return _NOT_CREATED
    if not any(member.account == command.account for member in members):
        return _NO_OWN_DEVICE
    if command.kind is ConversationKind.MLS:
        return _create_mls(command, members, turn)
    if len({member.account for member in members}) > turn.limits.max_members:
        return too_many(turn.limits.max_members)
    if command.epoch != 0:
        return _NO_EPOCH
    return _began(command, members, (), 0, turn)


def _create_mls(command: Create, members: tuple[MemberDevice, ...], turn: Turn) -> Outcome:
    own = [member for member in members if member.account == command.account]
    if command.device is not None:
        own = [member for member in own if member.device == command.device]
    if not own:
        return NOT_THIS_DEVICE
    if len(own) > 1:
        return _WHICH_DEVICE
    inside = _distinct((own[0], *(each.placed() for each in command.adds)))
    if inside is None or len(inside) != 1 + len(command.adds):
        return TWO_OWNERS
    accounts = {member.account for member in inside}
    named = dict.fromkeys((*(member.account for member in members), *command.pending))
    pending = tuple(account for account in named if account not in accounts)
    if len(accounts) + len(pending) > turn.limits.max_members:
        return too_many(turn.limits.max_members)
    epoch = command.epoch if command.group_info is None else command.group_info.epoch
    if command.epoch not in (0, epoch):
        return _TWO_EPOCHS
    if not 0 <= epoch <= MAX_SAFE_INTEGER:
        return _NO_EPOCH
    if command.adds and epoch == 0:
        return _UNTOLD_EPOCH
    if not command.group_id:
        return _NO_GROUP_ID
    mismatch = welcomes_fit(command.adds, command.welcomes)
    if mismatch is not None:
        return mismatch
    effects = welcome_effects(command.account, command.adds, command.welcomes, epoch, 0, turn)
    if command.group_info is not None:
        effects = (*effects, group_info_effect(command.group_info, 0))
    return _began(command, inside, pending, epoch, turn, effects)


def _began(
    command: Create,
    members: tuple[MemberDevice, ...],
    pending: tuple[AccountDid, ...],
    epoch: int,
    turn: Turn,
    effects: tuple[Effect, ...] = (),
) -> Accepted:
    fact = Created(
        creator=command.account,
        kind=command.kind,
        group_id=command.group_id,
        cipher_suite=command.cipher_suite,
        name=command.name,
        description=command.description,
        members=members,
        window=turn.limits.epoch_window,
        pending=pending,
        group_info=None if command.group_info is None else command.group_info.hash,
    )
    entry = first_entry(command.conversation, fact, turn, epoch)
    return Accepted((entry,), CreateAnswer(evolve(None, entry)), effects)


def add(state: Conversation, command: AddMembers, turn: Turn) -> Outcome:
    """A member brings in devices; into an MLS group only a commit does, so there they are named."""
    members = _distinct(command.members)
    if members is None or not all(_fits(state, member) for member in members):
        return TWO_OWNERS
    wanted: dict[AccountDid, list[MemberDevice]] = {}
    for member in members:
        if member.device not in state.members:
            wanted.setdefault(member.account, []).append(member)
    if state.kind is ConversationKind.MLS:
        return _name(state, command, [a for a in wanted if not state.is_member(a)], turn)
    if not wanted:
        return ALREADY_MEMBER
    refusal = may_bring_in(state, command.account, wanted.keys(), turn)
    if refusal is not None:
        return refusal
    entries = tuple(
        fact_entry(
            state,
            EntryKind.MEMBERS_ADDED,
            MembersAdded(actor=command.account, members=tuple(devices)),
            turn,
            place=place,
        )
        for place, devices in enumerate(wanted.values(), 1)
    )
    return Accepted(entries, Changed(entries[-1].seq, state.epoch))


def _name(state: Conversation, command: AddMembers, accounts: list[AccountDid], turn: Turn) -> Outcome:
    if not accounts:
        return ALREADY_MEMBER
    waiting = state.group.pending | state.group.displaced.keys()
    fresh = tuple(account for account in accounts if account not in waiting)
    if not fresh:
        return Duplicate(Changed(state.last_seq, state.epoch))
    refusal = may_bring_in(state, command.account, fresh, turn)
    if refusal is not None:
        return refusal
    entries = tuple(
        fact_entry(state, EntryKind.NOTICE, AccountNamed(command.account, account), turn, place=place)
        for place, account in enumerate(fresh, 1)
    )
    return Accepted(entries, Changed(entries[-1].seq, state.epoch))


def may_bring_in(
    state: Conversation, actor: AccountDid, accounts: Iterable[AccountDid], turn: Turn
) -> Rejected | None:
    """Why `actor` may not bring in these accounts; None where it may. Who is in or waits was let in."""
    group = state.group
    inside = state.devices_by_account.keys() | group.pending | group.displaced.keys()
    fresh = set(accounts) - inside
    capacity = group.policy.capacity(turn.limits.max_members)
    if actor not in state.admins:
        if not state.removed.isdisjoint(fresh):
            return TOMBSTONE
        if fresh and (group.policy.require_admin_approval or not group.policy.allow_member_add):
            return NOT_ADMIN
    return too_many(capacity) if fresh and len(inside | fresh) > capacity else None


def remove(state: Conversation, command: RemoveMember, turn: Turn) -> Outcome:
    """An account is put out, without a commit: its leaves are stale until one removes them."""
    return put_out(state, command.account, command.target, command.reason, turn)


def leave(state: Conversation, command: Leave, turn: Turn) -> Outcome:
    """Somebody goes, without a commit; or one of its devices does; or it puts out somebody else."""
    target = command.target
    if target is not None and target != command.account:
        return put_out(state, command.account, target, None, turn)
    only = command.only
    if only is not None:
        if not has_device(state, command.account, only):
            return NOT_THIS_DEVICE
        if len(state.devices_of(command.account)) > 1:
            return _one_device_less(state, command.account, only, turn)
    if len(state.devices_by_account) == 1:
        return LAST_MEMBER
    devices = state.devices_of(command.account)
    fact = MemberRemoved(
        account=command.account,
        actor=None,
        action="left",
        reason=None,
        devices=devices,
        successor=successor(state, command.account),
        stale=stale_leaves(state, devices),
    )
    return _one_fact(state, fact, turn)


def decline(state: Conversation, command: Leave, turn: Turn) -> Outcome:
    """Who waits to be in does not want to."""
    if command.target is not None and command.target != command.account:
        return NOT_ADMIN
    fact = MemberRemoved(account=command.account, actor=None, action="left", reason=None, devices=())
    return _one_fact(state, fact, turn)


def put_out(
    state: Conversation, actor: AccountDid, target: AccountDid, reason: str | None, turn: Turn
) -> Outcome:
    """`actor` puts `target` out, or strikes it from those who wait."""
    refusal = may_put_out(state, actor, target)
    if refusal is not None:
        return refusal
    devices = state.devices_of(target)
    fact = MemberRemoved(
        account=target,
        actor=actor,
        action="removed",
        reason=reason,
        devices=devices,
        stale=stale_leaves(state, devices),
    )
    return _one_fact(state, fact, turn)


def may_put_out(state: Conversation, actor: AccountDid, target: AccountDid) -> Rejected | None:
    """Why `actor` may not put `target` out; None where it may."""
    if actor not in state.admins and (not state.group.policy.allow_member_remove or target in state.admins):
        return NOT_ADMIN
    if target == actor:
        return NOT_ONESELF
    there = state.is_member(target) or standing(state, target) is Standing.PENDING
    return None if there else NOT_THE_TARGET


def stale_leaves(state: Conversation, devices: Iterable[DeviceId]) -> dict[DeviceId, int | None]:
    """The leaves that these devices leave behind in the tree."""
    if state.kind is ConversationKind.OPAQUE:
        return {}
    return {device: state.members[device].leaf for device in devices}


def _one_device_less(state: Conversation, account: AccountDid, device: DeviceId, turn: Turn) -> Outcome:
    fact = MemberRemoved(
        account=account,
        actor=None,
        action="device",
        reason=None,
        devices=(device,),
        stale=stale_leaves(state, (device,)),
    )
    return _one_fact(state, fact, turn)


def _one_fact(state: Conversation, fact: MemberRemoved, turn: Turn) -> Accepted:
    entry = fact_entry(state, EntryKind.MEMBER_REMOVED, fact, turn)
    return Accepted((entry,), Changed(entry.seq, state.epoch))


def _distinct(members: Iterable[MemberDevice]) -> tuple[MemberDevice, ...] | None:
    """Each device once, in the order given; None when a device is claimed for two accounts."""
    by_device: dict[DeviceId, MemberDevice] = {}
    for member in members:
        if by_device.setdefault(member.device, member).account != member.account:
            return None
    return tuple(by_device.values())


def _fits(state: Conversation, member: MemberDevice) -> bool:
    present = state.members.get(member.device)
    return present is None or present.account == member.account
