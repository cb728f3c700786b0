"""Rules for what members are told: a new device, a GroupInfo wanted or brought, a device to add again."""

from protocol._answers import Accepted, Changed, Duplicate, Outcome, Rejected
from protocol._evolve_mls import admin_devices, may_come_back
from protocol._facts import (
    BlockConflict,
    GroupInfoKept,
    GroupInfoRefreshRequested,
    NewDevice,
    Notice,
    ReadditionRequested,
    WelcomeReissueRequested,
)
from protocol._group_commands import (
    AnnounceDevice,
    RefreshGroupInfo,
    RequestReadd,
    TellBlock,
    UpdateGroupInfo,
)
from protocol._ids import DeviceId
from protocol._log import ConversationKind, EntryKind
from protocol._rules_effects import group_info_effect
from protocol._standing import (
    ALREADY_MEMBER,
    NO_GROUP,
    NOT_MEMBER,
    NOT_THE_TARGET,
    NOT_THIS_DEVICE,
    TWO_OWNERS,
    Turn,
    fact_entry,
    wrong_epoch,
)
from protocol._state import Conversation

MOST_CONFLICTS = 100
"""Standing block conflicts that a conversation keeps: its whole state is written with each entry."""

_NOT_HERE = Rejected("InvalidRequest", "Only a device that is in can be asked to add another one.")
_OUT_OF_TURN = Rejected("InvalidRequest", "A request is passed on one step at a time.")
_NOT_ONES_OWN = Rejected("Forbidden", "Only who blocks or is blocked tells of it.")
_MANY_CONFLICTS = Rejected("NotEnoughResources", "The admins were told of as many blocks as fit.")


def announce(state: Conversation, command: AnnounceDevice, turn: Turn) -> Outcome:
    """A member account has another device; told once, until it is in."""
    if state.kind is not ConversationKind.MLS:
        return NO_GROUP
    present = state.members.get(command.device)
    told = state.group.announced.get(command.device)
    if present is not None:
        return ALREADY_MEMBER if present.account == command.account else TWO_OWNERS
    if told is not None:
        return Duplicate(Changed(told.seq, state.epoch)) if told.account == command.account else TWO_OWNERS
    fact = NewDevice(command.account, command.device, command.device_name, command.addition_id)
    return _told(state, fact, turn)


def refresh_group_info(state: Conversation, command: RefreshGroupInfo, turn: Turn) -> Outcome:
    """Somebody needs a GroupInfo to come in by; asked for once in a while, however many need it."""
    if state.kind is not ConversationKind.MLS:
        return NO_GROUP
    if not may_come_back(state, command.account):
        return NOT_MEMBER
    asked = state.group.refresh
    if asked is not None and turn.received < asked.at + turn.limits.refresh_pause:
        return Duplicate(Changed(asked.seq, state.epoch))
    return _told(state, GroupInfoRefreshRequested(command.account), turn)


def update_group_info(state: Conversation, command: UpdateGroupInfo, turn: Turn) -> Outcome:
    """A member brings the GroupInfo of the current epoch."""
    if state.kind is not ConversationKind.MLS:
        return NO_GROUP
    brought, held = command.group_info, state.group.group_info_hash
    if brought.epoch != state.epoch:
        return wrong_epoch(state)
    if held == brought.hash:
        return Accepted((), Changed(state.last_seq, state.epoch))
    if command.verified_against != held:
        return wrong_epoch(state)  # it was compared with another tree than the one that holds
    entry = fact_entry(state, EntryKind.NOTICE, GroupInfoKept(command.account, brought.hash), turn)
    effect = group_info_effect(brought, state.group.generation)
    return Accepted((entry,), Changed(entry.seq, state.epoch), (effect,))


def request_readd(state: Conversation, command: RequestReadd, turn: Turn) -> Outcome:
    """A device lost its state, or its Welcome was of no use: one member device is asked to add it again."""
    if state.kind is not ConversationKind.MLS:
        return NO_GROUP
    account, device, leased_to = command.account, command.device, command.leased_to
    if not may_come_back(state, account):
        return NOT_MEMBER
    present = state.members.get(device)
    if present is not None and present.account != account:
        return NOT_THIS_DEVICE
    if leased_to is not None and (leased_to == device or leased_to not in state.members):
        return _NOT_HERE
    standing = state.group.needs_rejoin.get(device)
    wait = _cooling(state, device, turn) if standing is None and command.cause == "lost" else 0
    if wait > 0:
        return Rejected("GroupFrozen", "This device has just got another leaf.", retry_after=float(wait))
    if standing is not None:
        if standing.account != account:
            return NOT_THIS_DEVICE
        if command.attempt <= standing.attempt:
            return Duplicate(Changed(standing.seq, state.epoch))
    if command.attempt != (1 if standing is None else standing.attempt + 1):
        return _OUT_OF_TURN
    fact: Notice = ReadditionRequested(account, device, command.attempt, leased_to)
    if command.cause == "welcome":
        fact = WelcomeReissueRequested(account, device, command.attempt, leased_to, command.reason)
    return _told(state, fact, turn)


def tell_block(state: Conversation, command: TellBlock, turn: Turn) -> Outcome:
    """Two members and a block between them, or none any more: the admins are told, once."""
    blocker, blocked = command.blocker, command.blocked
    if state.kind is not ConversationKind.MLS:
        return NO_GROUP
    if command.account not in (blocker, blocked) or blocker == blocked:
        return _NOT_ONES_OWN
    if not (state.is_member(blocker) and state.is_member(blocked)):
        return NOT_THE_TARGET
    told = state.group.conflict(blocker, blocked)
    if told is None and not command.stands:
        return Accepted((), Changed(state.last_seq, state.epoch))
    if told is not None and command.stands:
        return Duplicate(Changed(told.seq, state.epoch))
    if command.stands and len(state.group.conflicts) >= MOST_CONFLICTS:
        return _MANY_CONFLICTS
    audience = admin_devices(state)
    return _told(state, BlockConflict(command.account, blocker, blocked, command.stands, audience), turn)


def _cooling(state: Conversation, device: DeviceId, turn: Turn) -> int:
    """Seconds until a device that got another leaf may ask for the next one."""
    last = state.group.external_by_device.get(device)
    if last is None or device not in state.members:
        return 0
    return max(0, last + turn.limits.device_external_cooldown - turn.received)


def _told(state: Conversation, fact: Notice, turn: Turn) -> Accepted:
    entry = fact_entry(state, EntryKind.NOTICE, fact, turn)
    return Accepted((entry,), Changed(entry.seq, state.epoch))
