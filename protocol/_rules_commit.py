"""Rules for commits: compare-and-set on the epoch, and one atomic transition.

    resend? ─▶ group ─▶ epoch ─▶ verified ─▶ policy ─▶ references ─▶ leaves ─▶ rights ─▶ Welcomes
                                                                                           │ accepted
      COMMIT, MEMBERS_ADDED …, leaf replaced …, MEMBER_REMOVED …   and in the same append ◀┘
      ConsumeKeyPackage …, PutWelcome …, PutGroupInfo or DropGroupInfo

What can never happen:
- Two commits of one epoch. The second is told the current epoch, and may be made anew on it.
- The same bytes refused after they were accepted: who sends them again gets the first answer, whatever the
  epoch is by then, and whoever it is now.
- A member without a leaf: nobody joins but by an entry that its commit owes.
- A pending public proposal that a public commit passes over.
- An account that is put out by somebody who may not, or that is brought back over its tombstone.

Which entries a commit owes is in `_commit_changes.py`; commits from outside are in `_rules_external.py`.
"""

import msgspec
from msgspec.structs import replace

from protocol._answers import Accepted, Answer, Changed, Committed, Duplicate, Known, Outcome, Rejected
from protocol._commands import Leave, RemoveMember
from protocol._commit_changes import Changes, changes_of, entries_of
from protocol._group_commands import Commit, Purpose
from protocol._handshake import Handshake
from protocol._ids import MAX_SAFE_INTEGER, AccountDid, DeviceId
from protocol._log import ConversationKind
from protocol._rules_effects import renewed_group_info, welcome_effects, welcomes_fit
from protocol._rules_external import external_refusal
from protocol._rules_members import may_bring_in, may_put_out
from protocol._standing import (
    ALREADY_MEMBER,
    LAST_MEMBER,
    NO_GROUP,
    NOT_MEMBER,
    NOT_ONESELF,
    NOT_THE_TARGET,
    NOT_THIS_DEVICE,
    NOT_YET_MEMBER,
    Turn,
    has_device,
    names_group,
    wrong_epoch,
)
from protocol._state import Conversation

_OTHER_GROUP = Rejected("InvalidCommit", "The commit's framing names another group.")
_NOT_YOUR_LEAF = Rejected("InvalidCommit", "The commit was made by a leaf that is not this device's.")
_FRAMING = Rejected("InvalidCommit", "The conversation does not take handshakes with this framing.")
_NO_SUCH_LEAF = Rejected("InvalidCommit", "The commit removes a device that has no leaf in the group.")
_OWN_LEAF = Rejected("InvalidCommit", "A commit cannot remove the leaf that made it.")
_STALE_LEAF = Rejected("InvalidCommit", "The device has an old leaf, which the same commit must remove.")
_LEAF_OF_ANOTHER = Rejected("InvalidCommit", "A device belongs to one account and is added once.")
_OTHER_PURPOSE = Rejected("InvalidCommit", "The commit does something else than what was asked for.")
_MISSING = Rejected("CommitMissingReferences", "The commit must reference every proposal that is pending.")
_UNKNOWN = Rejected("MissingProposal", "The commit references a proposal that is not pending.")
_OTHER_GROUP_INFO = Rejected("InvalidGroupInfo", "The GroupInfo is not of the epoch that the commit begins.")
_NOT_ASKED_FOR = Rejected(
    "InvalidCommit", "Another account's device gets a new leaf when it has asked for one, or from an admin."
)


def commit(state: Conversation, command: Commit, turn: Turn) -> Outcome:
    """Somebody who is in, or who may come in by itself, commits."""
    ask = _Ask(command.account, command.device, command.purpose, command.reason)
    return _decided(state, ask, command.handshake, turn)


def commit_of_one_who_waits(state: Conversation, command: Commit, turn: Turn) -> Outcome:
    """Who was named or displaced may come in by an external commit, and by nothing else."""
    if command.handshake.external:
        return commit(state, command, turn)
    return _resent(turn, NOT_YET_MEMBER)


def commit_of_one_who_left(state: Conversation, command: Commit, turn: Turn) -> Outcome:
    """Who went by itself may come back by an external commit, where the policy says so."""
    if command.handshake.external and state.group.policy.rejoin:
        return commit(state, command, turn)
    return _resent(turn, NOT_MEMBER)


def commit_of_one_removed(_state: Conversation, _command: Commit, turn: Turn) -> Outcome:
    """A tombstone: nothing that the account does itself brings it back."""
    return _resent(turn, NOT_MEMBER)


def remove_by_commit(
    state: Conversation, command: RemoveMember | Leave, target: AccountDid, handshake: Handshake, turn: Turn
) -> Outcome:
    """The account is put out by the commit that removes its leaves."""
    reason = command.reason if isinstance(command, RemoveMember) else None
    ask = _Ask(command.account, command.device, "remove", reason, target=target, brief=True)
    return _decided(state, ask, handshake, turn)


def leave_by_commit(state: Conversation, command: Leave, handshake: Handshake, turn: Turn) -> Outcome:
    """The account goes; the commit removes what leaves it can, its own is removed by another's."""
    ask = _Ask(command.account, command.device, "leave", None, leaves=True, brief=True)
    return _decided(state, ask, handshake, turn)


def resent_by_one_who_went(turn: Turn) -> Outcome:
    """What the log has already is answered as the first time; nothing new is taken."""
    if turn.known is not None:
        return Duplicate(Changed(turn.known.seq, turn.known.epoch))
    return NOT_MEMBER if turn.looked_up else replace(NOT_MEMBER, lookup=True)


class _Ask(msgspec.Struct, frozen=True, gc=False):
    account: AccountDid
    device: DeviceId | None
    purpose: Purpose
    reason: str | None
    target: AccountDid | None = None
    """Who is to be out by it."""
    leaves: bool = False
    """The whole account goes by it."""
    brief: bool = False
    """Answered with `Changed`, as without a commit."""

    def answer(self, known: Known) -> Answer:
        if self.brief:
            return Changed(known.seq, known.epoch)
        return Committed(known.seq, known.epoch, known.received)


def _resent(turn: Turn, refusal: Rejected) -> Outcome:
    if turn.known is not None:
        return Duplicate(Committed(turn.known.seq, turn.known.epoch, turn.known.received))
    return refusal if turn.looked_up else replace(refusal, lookup=True)


def _decided(state: Conversation, ask: _Ask, handshake: Handshake, turn: Turn) -> Outcome:
    if turn.known is not None:
        return Duplicate(ask.answer(turn.known))
    refusal = _group_refusal(state, ask, handshake, turn)
    if refusal is None:
        changes = changes_of(state, handshake)
        refusal = _leaf_refusal(state, ask, handshake) or _right_refusal(state, ask, changes, turn)
        if refusal is None:
            return _accepted(state, ask, handshake, changes, turn)
    return refusal if turn.looked_up else replace(refusal, lookup=True)


def _group_refusal(state: Conversation, ask: _Ask, handshake: Handshake, turn: Turn) -> Rejected | None:
    """What stands against the commit as one of this group and epoch."""
    if state.kind is not ConversationKind.MLS:
        return NO_GROUP
    policy, group_info = state.group.policy, handshake.group_info
    if handshake.external:
        refusal = external_refusal(state, ask.account, ask.device, handshake, turn)
        if refusal is not None:
            return refusal
    else:
        if ask.device is not None and not has_device(state, ask.account, ask.device):
            return NOT_THIS_DEVICE
        maker = handshake.committer_device
        if maker is not None and (
            not has_device(state, ask.account, maker) or ask.device not in (None, maker)
        ):
            return _NOT_YOUR_LEAF
        if policy.handshake != "any" and handshake.private is not (policy.handshake == "private"):
            return _FRAMING
    if not names_group(state.group_id, handshake.group_id):
        return _OTHER_GROUP
    if handshake.base_epoch != state.epoch or state.epoch >= MAX_SAFE_INTEGER:
        return wrong_epoch(state)
    if not handshake.private and handshake.verified_against != state.group.group_info_hash:
        return wrong_epoch(state)  # the tree it was verified with is not the one that holds
    if group_info is not None and group_info.epoch != state.epoch + 1:
        return _OTHER_GROUP_INFO
    return _reference_refusal(state, handshake)


def _reference_refusal(state: Conversation, handshake: Handshake) -> Rejected | None:
    if handshake.private:
        return None
    referenced = set(handshake.proposals)
    if referenced - state.group.proposals.keys():
        return _UNKNOWN
    # An external commit cannot reference what members proposed (RFC 9420 section 12.4.3.2).
    return _MISSING if not handshake.external and state.group.proposals.keys() - referenced else None


def _leaf_refusal(state: Conversation, ask: _Ask, handshake: Handshake) -> Rejected | None:
    """Whether the leaves it adds and removes can be, given those that there are."""
    stale = state.group.stale_leaves
    removed = set(handshake.removes)
    if len(removed) != len(handshake.removes) or removed - state.members.keys() - stale.keys():
        return _NO_SUCH_LEAF
    if not handshake.external:
        maker = handshake.committer_device or ask.device
        if maker in removed or removed.issuperset(state.devices_of(ask.account)):
            return _OWN_LEAF
    added = {each.member.device for each in handshake.adds}
    if len(added) != len(handshake.adds):
        return _LEAF_OF_ANOTHER
    for each in handshake.adds:
        present = state.members.get(each.member.device)
        if present is not None and present.account != each.member.account:
            return _LEAF_OF_ANOTHER
        if each.member.device not in removed:
            if present is not None:
                return ALREADY_MEMBER
            if each.member.device in stale:
                return _STALE_LEAF
    return None if handshake.external else welcomes_fit(handshake.adds, handshake.welcomes)


def _right_refusal(state: Conversation, ask: _Ask, changes: Changes, turn: Turn) -> Rejected | None:
    """Whether the account may do that, and does what it was asked for."""
    account = ask.account
    refusal = may_bring_in(state, account, changes.joining, turn)
    if refusal is not None:
        return refusal
    for other, devices in changes.going.items():
        if other != account and not changes.consented.issuperset(devices):
            refusal = may_put_out(state, account, other)
            if refusal is not None:
                return refusal
    for member in changes.replaced:
        asked = member.device in state.group.needs_rejoin
        if member.account != account and not asked and may_put_out(state, account, member.account):
            return _NOT_ASKED_FOR
    return _purpose_refusal(state, ask, changes)


def _purpose_refusal(state: Conversation, ask: _Ask, changes: Changes) -> Rejected | None:
    target = ask.target
    if target is not None:
        if target == ask.account:
            return NOT_ONESELF
        if not state.is_member(target) and not changes.cleared:
            return NOT_THE_TARGET
        if set(changes.going.get(target, ())) != set(state.devices_of(target)):
            return _OTHER_PURPOSE
    if ask.leaves:
        if len(state.devices_by_account) == 1:
            return LAST_MEMBER
        if changes.joining or changes.replaced or changes.going.keys() - {ask.account}:
            return _OTHER_PURPOSE
    match ask.purpose:
        case "add":
            fits = bool(changes.joining or changes.replaced)
        case "remove":
            fits = bool(changes.going or changes.cleared)
        case _:
            fits = True
    return None if fits else _OTHER_PURPOSE


def _accepted(state: Conversation, ask: _Ask, handshake: Handshake, changes: Changes, turn: Turn) -> Accepted:
    entries = entries_of(state, ask.account, handshake, changes, turn, leaves=ask.leaves, reason=ask.reason)
    made = entries[0]
    return Accepted(
        entries,
        ask.answer(Known(made.seq, made.body_hash, made.epoch, made.received)),
        (
            *welcome_effects(
                ask.account, handshake.adds, handshake.welcomes, made.epoch, state.group.generation, turn
            ),
            *renewed_group_info(state, handshake.group_info),
        ),
    )
