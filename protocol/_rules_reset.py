"""The rule for a reset: another MLS group carries the conversation, whose id, log and tombstones stay.

Who has a leaf in the new group is in; everybody else who was in is *displaced*: outside, as a device without
a leaf is, but known, and with its role when a commit brings it back. So there is no member that cannot read.
"""

from protocol._answers import Accepted, Changed, Outcome, Rejected
from protocol._evolve_mls import role_of
from protocol._facts import GroupReset, encode_fact
from protocol._group_commands import ResetGroup
from protocol._ids import MAX_SAFE_INTEGER
from protocol._log import ConversationKind, Entry, EntryKind, MemberDevice, body_hash
from protocol._rules_effects import renewed_group_info, welcome_effects, welcomes_fit
from protocol._standing import NO_GROUP, NOT_THE_TARGET, NOT_THIS_DEVICE, TWO_OWNERS, Turn, has_device
from protocol._state import Conversation

_GENERATION = Rejected("GroupReset", "The group was reset meanwhile.")
_SAME_GROUP = Rejected("GroupIdAlreadyExists", "A reset needs a group id of its own.")
_EPOCH = Rejected("InvalidRequest", "The epoch stated is not the one of the new group.")


def reset_group(state: Conversation, command: ResetGroup, turn: Turn) -> Outcome:
    """An admin moves the conversation to another group."""
    if state.kind is not ConversationKind.MLS:
        return NO_GROUP
    if command.generation != state.group.generation + 1:
        return _GENERATION
    if not command.new_group_id or command.new_group_id.lower() == state.group_id.lower():
        return _SAME_GROUP
    if not has_device(state, command.account, command.device):
        return NOT_THIS_DEVICE
    group_info = command.group_info
    epoch = command.epoch if group_info is None else group_info.epoch
    alone = not command.adds
    if command.epoch not in (0, epoch) or not (0 if alone else 1) <= epoch <= MAX_SAFE_INTEGER:
        return _EPOCH
    refusal = _placed_refusal(state, command) or welcomes_fit(command.adds, command.welcomes)
    if refusal is not None:
        return refusal
    fact = _fact(state, command)
    body = encode_fact(fact)
    entry = Entry(
        state.id,
        state.last_seq + 1,
        EntryKind.GROUP_RESET,
        epoch,
        None,
        body,
        body_hash(body),
        state.app_count,
        turn.received,
    )
    effects = (
        *welcome_effects(command.account, command.adds, command.welcomes, epoch, fact.generation, turn),
        *renewed_group_info(state, group_info, fact.generation),
    )
    return Accepted((entry,), Changed(entry.seq, epoch), effects)


def _placed_refusal(state: Conversation, command: ResetGroup) -> Rejected | None:
    """Only who is in or waits has a place: a reset is no way to bring in somebody else."""
    group = state.group
    owners = {command.device: command.account}
    for each in command.adds:
        member = each.member
        present = state.members.get(member.device)
        if member.device in owners or (present is not None and present.account != member.account):
            return TWO_OWNERS
        owners[member.device] = member.account
        waits = member.account in group.pending or member.account in group.displaced
        if not state.is_member(member.account) and not waits:
            return NOT_THE_TARGET
    return None


def _fact(state: Conversation, command: ResetGroup) -> GroupReset:
    own = state.members[command.device]
    mine = MemberDevice(own.account, own.device, own.device_name, command.leaf)
    placed = (mine, *(each.placed() for each in command.adds))
    devices = {member.device for member in placed}
    accounts = {member.account for member in placed}
    return GroupReset(
        actor=command.account,
        group_id=command.new_group_id,
        cipher_suite=command.cipher_suite,
        generation=command.generation,
        kept=tuple(member for member in placed if member.device in state.members),
        joined=tuple(member for member in placed if member.device not in state.members),
        gone=tuple(device for device in state.members if device not in devices),
        displaced={
            account: role_of(state, account) for account in state.accounts() if account not in accounts
        },
        returned={account: role for account, role in state.group.displaced.items() if account in accounts},
        reason=command.reason,
        group_info=None if command.group_info is None else command.group_info.hash,
    )
