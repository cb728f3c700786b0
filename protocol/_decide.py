"""`decide`: from a state and a command to what happens. Pure and total: it returns, it never raises.

States. A conversation is absent (`None`) or alive; alive is for ever, since the last member cannot
leave. What moves is the *standing* of each account in it:

    STRANGER ──named by a member (mls)──────▶ PENDING ──a commit adds a leaf of it────▶ MEMBER
    STRANGER ──add by a member (opaque)─────▶ MEMBER ──leaves──────▶ LEFT
    LEFT ─────add by a member, or external commit by itself────────▶ MEMBER ──put out──▶ REMOVED
    REMOVED ──add or naming by an admin, nothing else──────────────▶ MEMBER or PENDING
    MEMBER ◀──▶ MODERATOR ◀──▶ ADMIN          by an admin; the last admin left, longest here ──▶ ADMIN
    ADMIN ────leaves / put out by another admin────────────────────▶ LEFT / REMOVED
    MEMBER, MODERATOR, ADMIN ──a reset without a leaf for it────────▶ PENDING, keeps its role

The tables at the end are the whole machine: command × standing of the caller → rule. Standing belongs
to accounts: the devices of an account go with it, and two devices of one admin are one admin. The rules
are in `_rules_*.py`, and so is what the group of an MLS conversation does besides.

What can never happen:
- A stranger learns nothing: an unknown conversation and a foreign one give the identical refusal.
- A conversation without an admin: when the last one leaves, the account that has been in longest (lowest
  seq of its devices; the lower DID breaks a tie) becomes admin in the same entry; and the last one is not
  demoted, however many demotions are on their way at once.
- A removed account comes back by itself or through a friend who is no admin.
- A member of an MLS conversation without a leaf in its group. Named is not in.
- A send, a commit or a proposal is refused before its bytes were looked up, if the caller is or was a
  member: the same bytes get the first answer, whatever moved since (epoch, membership), and other bytes
  under a msgId get IdempotencyConflict. A stranger's is not looked up: it cannot have been accepted, and
  looking would tell it whether a message with these bytes exists.
- An entry that names the sender of a message, or a time finer than its bucket.

Retries of other commands are settled by idempotency key (`_batch.py`), not here.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from protocol._answers import Known, Limits, Outcome, Rejected
from protocol._commands import AddMembers, Create, Leave, RemoveMember, Send
from protocol._device_commands import ReissueWelcome, TellAccount
from protocol._group_commands import (
    AnnounceDevice,
    ChangeRole,
    Command,
    Commit,
    Propose,
    RefreshGroupInfo,
    RequestReadd,
    ResetGroup,
    TellBlock,
    UpdateGroupInfo,
    UpdatePolicy,
    Warn,
)
from protocol._log import ConversationKind
from protocol._rules_account import tell_account
from protocol._rules_commit import (
    commit,
    commit_of_one_removed,
    commit_of_one_who_left,
    commit_of_one_who_waits,
    leave_by_commit,
    remove_by_commit,
    resent_by_one_who_went,
)
from protocol._rules_members import add, create, decline, exists, leave, remove
from protocol._rules_notices import (
    announce,
    refresh_group_info,
    request_readd,
    tell_block,
    update_group_info,
)
from protocol._rules_propose import propose, propose_of_one_who_waits, propose_of_one_who_went
from protocol._rules_reset import reset_group
from protocol._rules_roles import change_role, give_up_role, update_policy, warn
from protocol._rules_send import send, send_of_one_who_waits, send_of_one_who_went
from protocol._rules_welcome import reissue_welcome
from protocol._standing import (
    CONVO_NOT_FOUND,
    NOT_ADMIN,
    NOT_MEMBER,
    NOT_THE_TARGET,
    NOT_YET_MEMBER,
    Standing,
    Turn,
    standing,
)
from protocol._state import Conversation
from protocol._time import bucket


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

    `known` is what the log has under the command's `named_entry`, if it has been looked up (`looked_up`) or
    is known anyway. A `Rejected` with `lookup` set is provisional: look up and ask again. An `Accepted` one
    that was not looked up is optimistic: the store's unique index has the last word.
    """
    turn = Turn(bucket(now, limits.bucket_seconds), limits, known, looked_up or known is not None)
    return decide_at(state, command, turn)


def decide_at(state: Conversation | None, command: Command, turn: Turn) -> Outcome:
    """`decide` with the time quantised already; a batch computes it once."""
    if isinstance(command, TellAccount):
        return tell_account(state, command, turn)
    if state is None:
        return create(command, turn) if isinstance(command, Create) else CONVO_NOT_FOUND
    if state.kind is ConversationKind.ACCOUNT:
        return CONVO_NOT_FOUND
    who = standing(state, command.account)
    match command:
        case Send():
            return SEND[who](state, command, turn)
        case Commit():
            return COMMIT[who](state, command, turn)
        case Propose():
            return PROPOSE[who](state, command, turn)
        case AddMembers():
            return ADD_MEMBERS[who](state, command, turn)
        case RemoveMember():
            return REMOVE_MEMBER[who](state, command, turn)
        case Leave():
            return LEAVE[who](state, command, turn)
        case Create():
            return CREATE[who](state, command, turn)
        case ChangeRole():
            return CHANGE_ROLE[who](state, command, turn)
        case UpdatePolicy():
            return UPDATE_POLICY[who](state, command, turn)
        case Warn():
            return WARN[who](state, command, turn)
        case TellBlock():
            return TELL_BLOCK[who](state, command, turn)
        case AnnounceDevice():
            return ANNOUNCE_DEVICE[who](state, command, turn)
        case RequestReadd():
            return REQUEST_READD[who](state, command, turn)
        case RefreshGroupInfo():
            return REFRESH_GROUP_INFO[who](state, command, turn)
        case UpdateGroupInfo():
            return UPDATE_GROUP_INFO[who](state, command, turn)
        case ReissueWelcome():
            return REISSUE_WELCOME[who](state, command, turn)
        case ResetGroup():  # pragma: no branch - the union is closed, mypy checks it
            return RESET_GROUP[who](state, command, turn)


# -- rules for who is not in, and the choice between with and without a commit -----------------------


def _unknown(_state: Conversation, _command: Command, _turn: Turn) -> Outcome:
    return CONVO_NOT_FOUND


def _gone(_state: Conversation, _command: Command, _turn: Turn) -> Outcome:
    return NOT_MEMBER


def _waits(_state: Conversation, _command: Command, _turn: Turn) -> Outcome:
    return NOT_YET_MEMBER


def _not_admin(_state: Conversation, _command: Command, _turn: Turn) -> Outcome:
    return NOT_ADMIN


def _remove(state: Conversation, command: RemoveMember, turn: Turn) -> Outcome:
    handshake = command.handshake
    if handshake is None:
        return remove(state, command, turn)
    return remove_by_commit(state, command, command.target, handshake, turn)


def _leave(state: Conversation, command: Leave, turn: Turn) -> Outcome:
    handshake, target = command.handshake, command.target
    if handshake is None:
        return _of_the_target(state, leave(state, command, turn))
    if target is not None and target != command.account:
        return _of_the_target(state, remove_by_commit(state, command, target, handshake, turn))
    return leave_by_commit(state, command, handshake, turn)


def _of_the_target(state: Conversation, outcome: Outcome) -> Outcome:
    """The contract's leaveConvo has a name of its own for a target that is not in."""
    if (
        state.kind is ConversationKind.MLS
        and isinstance(outcome, Rejected)
        and outcome.message == NOT_THE_TARGET.message
    ):
        return replace(outcome, error="TargetNotMember")
    return outcome


def _gone_with_a_commit(_state: Conversation, command: RemoveMember | Leave, turn: Turn) -> Outcome:
    return NOT_MEMBER if command.handshake is None else resent_by_one_who_went(turn)


def _decline(state: Conversation, command: Leave, turn: Turn) -> Outcome:
    if command.handshake is not None:
        return resent_by_one_who_went(turn)
    return decline(state, command, turn)


# -- the tables: command × standing of the caller ---------------------------------------------------

_C = TypeVar("_C", bound=Command)
_Rule = Callable[[Conversation, _C, Turn], Outcome]
_Row = Mapping[Standing, _Rule[_C]]


def _row(
    *,
    pending: _Rule[_C],
    member: _Rule[_C],
    moderator: _Rule[_C],
    admin: _Rule[_C],
    left: _Rule[_C],
    removed: _Rule[_C],
) -> _Row[_C]:
    """A row of a table: no rule for a stranger is any other than that there is nothing."""
    return {
        Standing.STRANGER: _unknown,
        Standing.PENDING: pending,
        Standing.MEMBER: member,
        Standing.MODERATOR: moderator,
        Standing.ADMIN: admin,
        Standing.LEFT: left,
        Standing.REMOVED: removed,
    }


CREATE: _Row[Create] = _row(
    pending=exists, member=exists, moderator=exists, admin=exists, left=exists, removed=exists
)
SEND: _Row[Send] = _row(
    pending=send_of_one_who_waits,
    member=send,
    moderator=send,
    admin=send,
    left=send_of_one_who_went,
    removed=send_of_one_who_went,
)
COMMIT: _Row[Commit] = _row(
    pending=commit_of_one_who_waits,
    member=commit,
    moderator=commit,
    admin=commit,
    left=commit_of_one_who_left,
    removed=commit_of_one_removed,
)
PROPOSE: _Row[Propose] = _row(
    pending=propose_of_one_who_waits,
    member=propose,
    moderator=propose,
    admin=propose,
    left=propose_of_one_who_went,
    removed=propose_of_one_who_went,
)
ADD_MEMBERS: _Row[AddMembers] = _row(
    pending=_waits, member=add, moderator=add, admin=add, left=_gone, removed=_gone
)
REMOVE_MEMBER: _Row[RemoveMember] = _row(
    pending=_waits,
    member=_remove,
    moderator=_remove,
    admin=_remove,
    left=_gone_with_a_commit,
    removed=_gone_with_a_commit,
)
LEAVE: _Row[Leave] = _row(
    pending=_decline,
    member=_leave,
    moderator=_leave,
    admin=_leave,
    left=_gone_with_a_commit,
    removed=_gone_with_a_commit,
)
CHANGE_ROLE: _Row[ChangeRole] = _row(
    pending=_waits,
    member=give_up_role,
    moderator=give_up_role,
    admin=change_role,
    left=_gone,
    removed=_gone,
)
UPDATE_POLICY: _Row[UpdatePolicy] = _row(
    pending=_waits,
    member=_not_admin,
    moderator=_not_admin,
    admin=update_policy,
    left=_gone,
    removed=_gone,
)
WARN: _Row[Warn] = _row(
    pending=_waits, member=_not_admin, moderator=warn, admin=warn, left=_gone, removed=_gone
)
TELL_BLOCK: _Row[TellBlock] = _row(
    pending=_waits, member=tell_block, moderator=tell_block, admin=tell_block, left=_gone, removed=_gone
)
ANNOUNCE_DEVICE: _Row[AnnounceDevice] = _row(
    pending=_waits, member=announce, moderator=announce, admin=announce, left=_gone, removed=_gone
)
REQUEST_READD: _Row[RequestReadd] = _row(
    pending=request_readd,
    member=request_readd,
    moderator=request_readd,
    admin=request_readd,
    left=request_readd,
    removed=_gone,
)
REISSUE_WELCOME: _Row[ReissueWelcome] = _row(
    pending=_waits,
    member=reissue_welcome,
    moderator=reissue_welcome,
    admin=reissue_welcome,
    left=_gone,
    removed=_gone,
)
REFRESH_GROUP_INFO: _Row[RefreshGroupInfo] = _row(
    pending=refresh_group_info,
    member=refresh_group_info,
    moderator=refresh_group_info,
    admin=refresh_group_info,
    left=refresh_group_info,
    removed=_gone,
)
UPDATE_GROUP_INFO: _Row[UpdateGroupInfo] = _row(
    pending=_waits,
    member=update_group_info,
    moderator=update_group_info,
    admin=update_group_info,
    left=_gone,
    removed=_gone,
)
RESET_GROUP: _Row[ResetGroup] = _row(
    pending=_waits,
    member=_not_admin,
    moderator=_not_admin,
    admin=reset_group,
    left=_gone,
    removed=_gone,
)
