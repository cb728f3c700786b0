"""The transitions that only an MLS group, the roles and the notices have. See `_evolve.py`."""

from msgspec.structs import replace

from protocol._digest import commit_id, next_digest, proposal_id
from protocol._errors import BrokenLog
from protocol._evolve_checks import check_settled, check_uncounted, expect, fact_of, joining
from protocol._evolve_group import group_after
from protocol._facts import (
    AccountNamed,
    BlockConflict,
    CommitMade,
    GroupInfoKept,
    GroupInfoRefreshRequested,
    GroupReset,
    LeafReplaced,
    NewDevice,
    Notice,
    PolicyChanged,
    ProposalMade,
    ReadditionRequested,
    RoleChanged,
    Warned,
    WelcomeReissueRequested,
    decode_fact,
)
from protocol._facts_devices import KeyPackagesLow, KeyPackagesRestocked, WelcomeReissued
from protocol._ids import AccountDid, DeviceId
from protocol._log import ConversationKind, Entry, body_hash
from protocol._policy import Role
from protocol._state import Conversation, by_account


def commit(state: Conversation, entry: Entry) -> Conversation:
    """The group is in its next epoch."""
    check_settled(state)
    if state.kind is not ConversationKind.MLS or entry.epoch != state.epoch + 1:
        raise BrokenLog("a commit moves an MLS group to the next epoch")
    fact = expect(entry, CommitMade)
    if entry.msg_id != commit_id(fact.commit) or entry.body_hash != body_hash(fact.commit):
        raise BrokenLog("a commit is named by its bytes")
    if entry.app_count != state.app_count or fact.changes < 0:
        raise BrokenLog("a commit is not counted as a message")
    if fact.digest != next_digest(state.group.digest, fact.commit):
        raise BrokenLog("a commit continues the digest")
    if not state.is_member(fact.committer) and not (fact.external and fact.changes):
        raise BrokenLog("a member commits, or one who joins by it")
    if fact.external is not (fact.device is not None):
        raise BrokenLog("an external commit names the device that joins, and no other does")
    return replace(state, last_seq=entry.seq, epoch=entry.epoch, group=group_after(state.group, entry, fact))


def proposal(state: Conversation, entry: Entry) -> Conversation:
    """A proposal of the current epoch."""
    check_settled(state)
    if state.kind is not ConversationKind.MLS or entry.epoch != state.epoch:
        raise BrokenLog("a proposal is for the current epoch of an MLS group")
    fact = expect(entry, ProposalMade)
    if entry.msg_id != proposal_id(fact.message) or entry.body_hash != body_hash(fact.message):
        raise BrokenLog("a proposal is named by its bytes")
    if entry.app_count != state.app_count or not state.is_member(fact.proposer):
        raise BrokenLog("a member proposes, and it is not counted as a message")
    if fact.ref is not None and fact.ref in state.group.proposals:
        raise BrokenLog("a proposal waits once")
    return replace(state, last_seq=entry.seq, group=group_after(state.group, entry, fact))


def role_changed(state: Conversation, entry: Entry) -> Conversation:
    """An account became admin or moderator, or is neither any more."""
    check_settled(state)
    fact = fact_of(state, entry, RoleChanged)
    target, role = fact.target, fact.role
    if fact.actor not in state.admins and not (fact.actor == target and role == "member"):
        raise BrokenLog("an admin changes roles, or somebody gives up its own")
    if not state.is_member(target) or role == role_of(state, target):
        raise BrokenLog("a member's role changes")
    admins = state.admins | {target} if role == "admin" else state.admins - {target}
    if not admins or (role == "moderator" and target in state.admins):
        raise BrokenLog("a conversation has an admin, and an admin is no moderator besides")
    return replace(state, last_seq=entry.seq, admins=admins, group=group_after(state.group, entry, fact))


def policy_changed(state: Conversation, entry: Entry) -> Conversation:
    """Other rules hold."""
    check_settled(state)
    fact = fact_of(state, entry, PolicyChanged)
    if fact.actor not in state.admins:
        raise BrokenLog("an admin changes the policy")
    return replace(state, last_seq=entry.seq, group=group_after(state.group, entry, fact))


def group_reset(state: Conversation, entry: Entry) -> Conversation:
    """Another group carries the conversation."""
    check_settled(state)
    check_uncounted(entry, state.app_count)
    fact = expect(entry, GroupReset)
    if state.kind is not ConversationKind.MLS or fact.generation != state.group.generation + 1:
        raise BrokenLog("a reset begins the next generation of an MLS group")
    if entry.epoch < 0 or fact.actor not in state.admins:
        raise BrokenLog("an admin resets, to an epoch")
    kept = {member.device: member for member in fact.kept}
    joined = joining(fact.joined, entry)
    if not kept.keys() <= state.members.keys() or joined.keys() & state.members.keys():
        raise BrokenLog("who stays was in, and who joins was not")
    if state.members.keys() - kept.keys() != set(fact.gone) or len(kept) != len(fact.kept):
        raise BrokenLog("who has no place in the new group is out")
    members = {
        device: replace(member, leaf=kept[device].leaf)
        for device, member in state.members.items()
        if device in kept
    } | joined
    inside = by_account(members.values())
    if fact.actor not in inside or not state.removed.isdisjoint(inside):
        raise BrokenLog("who resets is in, and a tombstone stays")
    outside = {account: role_of(state, account) for account in state.accounts() if account not in inside}
    returned = {account: role for account, role in state.group.displaced.items() if account in inside}
    if fact.displaced != outside or fact.returned != returned:
        raise BrokenLog("roles are kept for who is out, and given back to who is in")
    back = {account for account, role in returned.items() if role == "admin"}
    return replace(
        state,
        last_seq=entry.seq,
        epoch=entry.epoch,
        group_id=fact.group_id,
        cipher_suite=fact.cipher_suite,
        members=members,
        devices_by_account=inside,
        admins=(state.admins - outside.keys()) | back,
        left=state.left - inside.keys(),
        group=group_after(state.group, entry, fact),
    )


def notice(state: Conversation, entry: Entry) -> Conversation:
    """Members are told something."""
    check_uncounted(entry, state.app_count)
    if entry.epoch != state.epoch:
        raise BrokenLog("a notice belongs to the current epoch")
    fact = decode_fact(entry.body)
    if not isinstance(fact, Notice):
        raise BrokenLog(f"a {type(fact).__name__} is no notice")
    if not isinstance(fact, LeafReplaced):
        check_settled(state)
    if not _tellable(state, fact):
        raise BrokenLog(f"nobody could have told this: {type(fact).__name__}")
    after = replace(state, last_seq=entry.seq, group=group_after(state.group, entry, fact))
    if isinstance(fact, LeafReplaced):
        member = replace(state.members[fact.device], leaf=fact.leaf)
        return replace(after, members={**state.members, fact.device: member})
    if isinstance(fact, AccountNamed):
        named = {fact.account}
        return replace(after, removed=state.removed - named, left=state.left - named)
    return after


def _tellable(state: Conversation, fact: Notice) -> bool:
    """Whether a decision at `state` could have told this."""
    mls = state.kind is ConversationKind.MLS
    match fact:
        case AccountNamed(actor=actor, account=account):
            barred = actor not in state.admins and account in state.removed
            return mls and state.is_member(actor) and not state.is_member(account) and not barred
        case LeafReplaced(account=account, device=device):
            return state.group.owed > 0 and device in state.devices_of(account)
        case NewDevice(account=account, device=device):
            return mls and state.is_member(account) and device not in state.members
        case GroupInfoRefreshRequested(by=by):
            return mls and may_come_back(state, by)
        case GroupInfoKept(by=by):
            return mls and state.is_member(by)
        case (
            ReadditionRequested(account=account, attempt=attempt, leased_to=leased)
            | WelcomeReissueRequested(account=account, attempt=attempt, leased_to=leased)
        ):
            helped = leased is None or leased in state.members
            return mls and may_come_back(state, account) and attempt > 0 and helped
        case WelcomeReissued(by=by, account=account, device=device):
            waits = device in state.group.needs_rejoin and device in state.devices_of(account)
            return mls and state.is_member(by) and waits
        case KeyPackagesLow(account=account, device=device, suite=suite):
            return (
                state.kind is ConversationKind.ACCOUNT
                and account == state.creator
                and not _told_low(state, device, suite)
            )
        case KeyPackagesRestocked(account=account, device=device, suite=suite):
            return account == state.creator and _told_low(state, device, suite)
        case BlockConflict(by=by, blocker=blocker, blocked=blocked, stands=stands, audience=audience):
            inside = state.is_member(blocker) and state.is_member(blocked)
            news = (state.group.conflict(blocker, blocked) is None) is stands
            theirs = by in (blocker, blocked) and blocker != blocked
            return mls and inside and news and theirs and audience == admin_devices(state)
        case Warned(by=by, account=account):  # pragma: no branch - the union is closed, mypy checks it
            warner = by in state.admins or by in state.group.moderators
            return warner and state.is_member(account) and account not in state.admins


def _told_low(state: Conversation, device: DeviceId, suite: int) -> bool:
    return suite in state.group.low.get(device, ())


def may_come_back(state: Conversation, account: AccountDid) -> bool:
    """Whether the account is in, waits to be in, or went by itself and may come back by itself."""
    group = state.group
    waits = account in group.pending or account in group.displaced
    return state.is_member(account) or waits or (account in state.left and group.policy.rejoin)


def admin_devices(state: Conversation) -> tuple[DeviceId, ...]:
    """The devices of all admins that are in, sorted."""
    members = state.members.values()
    return tuple(sorted(member.device for member in members if member.account in state.admins))


def role_of(state: Conversation, account: AccountDid) -> Role:
    """The role of a member account."""
    if account in state.admins:
        return "admin"
    return "moderator" if account in state.group.moderators else "member"
