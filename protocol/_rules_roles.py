"""Rules for roles, the policy and warnings. Roles are of accounts: two devices of one admin are one admin."""

from msgspec.structs import replace

from protocol._answers import Accepted, Changed, Outcome, Rejected
from protocol._evolve_mls import role_of
from protocol._facts import PolicyChanged, RoleChanged, Warned
from protocol._group_commands import ChangeRole, UpdatePolicy, Warn
from protocol._ids import AccountDid
from protocol._log import EntryKind
from protocol._policy import MIN_MEMBERS, Role
from protocol._standing import NOT_ADMIN, NOT_MEMBER, NOT_THE_TARGET, Turn, fact_entry
from protocol._state import Conversation

_ALREADY_ADMIN = Rejected("AlreadyAdmin", "The account is an admin already.")
_ALREADY_MODERATOR = Rejected("AlreadyModerator", "The account is a moderator already.")
_IS_ADMIN = Rejected("IsAdmin", "An admin may do all that a moderator may.")
_NO_ADMIN = Rejected("NotAdminTarget", "The account named is no admin.")
_NO_MODERATOR = Rejected("NotModerator", "The account named is no moderator.")
_LAST_ADMIN = Rejected("LastAdmin", "A conversation has at least one admin.")
_NO_FIELDS = Rejected("NoFieldsProvided", "Say what is to change.")
_TARGET = Rejected("TargetNotMember", "The account named is not a member of this conversation.")
_WARN_ADMIN = Rejected("CannotWarnAdmin", "An admin is not warned.")

_PRESENT: dict[tuple[Role, Role], Rejected] = {
    ("admin", "admin"): _ALREADY_ADMIN,
    ("moderator", "moderator"): _ALREADY_MODERATOR,
    ("admin", "moderator"): _IS_ADMIN,
}
"""Role of the target × role asked for → refusal."""
_ABSENT: dict[Role, Rejected] = {"admin": _NO_ADMIN, "moderator": _NO_MODERATOR}


def change_role(state: Conversation, command: ChangeRole, turn: Turn) -> Outcome:
    """An admin gives or takes a role."""
    target = command.target
    if not state.is_member(target):
        return NOT_THE_TARGET
    present = role_of(state, target)
    if command.role == "member":
        if present != command.was:
            return _ABSENT[command.was]
        if state.admins == {target}:
            return _LAST_ADMIN
    elif (present, command.role) in _PRESENT:
        return _PRESENT[present, command.role]
    fact = RoleChanged(command.account, target, command.role)
    entry = fact_entry(state, EntryKind.ROLE_CHANGED, fact, turn)
    return Accepted((entry,), Changed(entry.seq, state.epoch))


def give_up_role(state: Conversation, command: ChangeRole, turn: Turn) -> Outcome:
    """Who is no admin changes its own role only, and only downwards."""
    if command.target != command.account or command.role != "member":
        return NOT_ADMIN
    return change_role(state, command, turn)


def update_policy(state: Conversation, command: UpdatePolicy, turn: Turn) -> Outcome:
    """An admin changes the rules."""
    fields = command.fields
    if fields.empty:
        return _NO_FIELDS
    most = fields.max_members
    least = max(MIN_MEMBERS, len(state.devices_by_account))
    if most is not None and not least <= most <= turn.limits.max_members:
        return Rejected("InvalidMaxMembers", f"maxMembers is from {least} to {turn.limits.max_members} here.")
    plain = replace(state.group.policy, updated=0, updated_by=None)
    entry = fact_entry(
        state, EntryKind.POLICY_CHANGED, PolicyChanged(command.account, fields.of(plain)), turn
    )
    return Accepted((entry,), Changed(entry.seq, state.epoch))


def warn(state: Conversation, command: Warn, turn: Turn) -> Outcome:
    """An admin or moderator warns a member."""
    if not state.is_member(command.target):
        return _TARGET
    if command.target in state.admins:
        return _WARN_ADMIN
    fact = Warned(
        by=command.account,
        account=command.target,
        warning_id=command.warning_id,
        reason_hash=command.reason_hash,
        expires=command.expires,
    )
    entry = fact_entry(state, EntryKind.NOTICE, fact, turn)
    return Accepted((entry,), Changed(entry.seq, state.epoch))


def may_invite(state: Conversation, account: AccountDid) -> Rejected | None:
    """Why the account may not make invites; None where it may."""
    if not state.is_member(account):
        return NOT_MEMBER
    policy = state.group.policy
    allowed = account in state.admins or (policy.allow_invites and not policy.admin_only_invites)
    return None if allowed and policy.allow_invites else NOT_ADMIN
