"""`evolve_group`: what an entry does to the group's part of the state, told by that part and the entry alone.

It checks nothing: `evolve` has (or the entry was appended by who did). So a store that keeps rows can move
its column on without reading who is a member.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from msgspec.structs import replace

from protocol._digest import first_digest
from protocol._facts import (
    AccountNamed,
    BlockConflict,
    CommitMade,
    Created,
    Fact,
    GroupInfoKept,
    GroupInfoRefreshRequested,
    GroupReset,
    LeafReplaced,
    MemberRemoved,
    MembersAdded,
    NewDevice,
    PolicyChanged,
    ProposalMade,
    ReadditionRequested,
    RoleChanged,
    Warned,
    WelcomeReissueRequested,
    decode_fact,
)
from protocol._facts_devices import KeyPackagesLow, KeyPackagesRestocked, WelcomeReissued
from protocol._group import Announced, Asked, Conflict, Group, Rejoin
from protocol._ids import AccountDid, DeviceId
from protocol._log import ConversationKind, Entry, EntryKind

_REMEMBERED_SECONDS = 3600
"""How long the last external commit of a device is kept: longer than any cooldown."""

_K = TypeVar("_K")
_V = TypeVar("_V")
_Owned = TypeVar("_Owned", Announced, Rejoin)


def evolve_group(group: Group, entry: Entry) -> Group:
    """The group after an entry; of the first entry, after `Group()`. `BrokenLog` for an unreadable fact."""
    return group if entry.kind is EntryKind.MESSAGE else group_after(group, entry, decode_fact(entry.body))


def group_after(group: Group, entry: Entry, fact: Fact) -> Group:
    """`evolve_group` with the fact read already."""
    match fact:
        case Created(kind=kind, group_id=group_id, pending=pending, group_info=group_info):
            if kind is not ConversationKind.MLS:
                return Group()
            return Group(
                digest=first_digest(group_id, 0), group_info_hash=group_info, pending=frozenset(pending)
            )
        case MembersAdded():
            return _added(group, fact)
        case MemberRemoved():
            return _removed(group, fact)
        case CommitMade():
            return _commit(group, entry, fact)
        case ProposalMade(ref=ref, proposer=proposer):
            return group if ref is None else replace(group, proposals={**group.proposals, ref: proposer})
        case RoleChanged(target=target, role=role):
            others = group.moderators - {target}
            return replace(group, moderators=others | {target} if role == "moderator" else others)
        case PolicyChanged(actor=actor, policy=policy):
            return replace(group, policy=replace(policy, updated=entry.received, updated_by=actor))
        case GroupReset():
            return _reset(group, fact)
        case AccountNamed(account=account):
            return replace(group, pending=group.pending | {account})
        case LeafReplaced(device=device):
            return replace(
                group,
                needs_rejoin=_without(group.needs_rejoin, (device,)),
                external_by_device=_lately(group, entry, device),
                owed=max(0, group.owed - 1),
            )
        case WelcomeReissued(device=device):
            return replace(group, needs_rejoin=_without(group.needs_rejoin, (device,)))
        case KeyPackagesLow(device=device, suite=suite):
            suites = sorted({*group.low.get(device, ()), suite})
            return replace(group, low={**group.low, device: tuple(suites)})
        case KeyPackagesRestocked(device=device, suite=suite):
            short = tuple(each for each in group.low.get(device, ()) if each != suite)
            fine = _without(group.low, (device,))
            return replace(group, low={**fine, device: short} if short else fine)
        case NewDevice(account=account, device=device):
            return replace(group, announced={**group.announced, device: Announced(account, entry.seq)})
        case GroupInfoRefreshRequested():
            return replace(group, refresh=Asked(entry.seq, entry.received))
        case GroupInfoKept(hash=hashed):
            return replace(group, group_info_hash=hashed, refresh=None)
        case ReadditionRequested() | WelcomeReissueRequested():
            rejoin = _rejoin(group.needs_rejoin.get(fact.device), entry, fact)
            return replace(group, needs_rejoin={**group.needs_rejoin, fact.device: rejoin})
        case BlockConflict(blocker=blocker, blocked=blocked, stands=True):
            conflict = Conflict(blocker, blocked, entry.seq, entry.received)
            return replace(group, conflicts=(*group.conflicts, conflict))
        case BlockConflict(blocker=blocker, blocked=blocked):
            return _resolved(group, lambda each: (each.blocker, each.blocked) == (blocker, blocked))
        case Warned():  # pragma: no branch - the union is closed, mypy checks it
            return group


def _added(group: Group, fact: MembersAdded) -> Group:
    account = fact.members[0].account
    devices = {member.device for member in fact.members}
    return replace(
        group,
        moderators=group.moderators | {account} if fact.role == "moderator" else group.moderators,
        pending=group.pending - {account},
        displaced=_without(group.displaced, (account,)),
        announced=_without(group.announced, devices),
        needs_rejoin=_without(group.needs_rejoin, devices),
        owed=max(0, group.owed - 1),
    )


def _removed(group: Group, fact: MemberRemoved) -> Group:
    account = fact.account
    stays = fact.action == "device"
    if not stays:
        group = _resolved(group, lambda each: account in (each.blocker, each.blocked))
    return replace(
        group,
        moderators=group.moderators if stays else group.moderators - {account, fact.successor},
        pending=group.pending if stays else group.pending - {account},
        displaced=group.displaced if stays else _without(group.displaced, (account,)),
        announced=group.announced if stays else _of_others(group.announced, account),
        needs_rejoin=_without(group.needs_rejoin, fact.devices)
        if stays
        else _of_others(group.needs_rejoin, account),
        stale_leaves={**group.stale_leaves, **fact.stale},
        low=_without(group.low, fact.devices),
        owed=max(0, group.owed - 1),
    )


def _commit(group: Group, entry: Entry, fact: CommitMade) -> Group:
    last_external, by_device = group.last_external, group.external_by_device
    if fact.external and fact.device is not None:
        last_external = entry.received
        by_device = _lately(group, entry, fact.device)
    return replace(
        group,
        digest=fact.digest,
        group_info_hash=fact.group_info,
        proposals={},
        stale_leaves=_without(group.stale_leaves, fact.cleared),
        last_external=last_external,
        external_by_device=by_device,
        refresh=group.refresh if fact.group_info is None else None,
        owed=fact.changes,
        external=fact.external,
    )


def _lately(group: Group, entry: Entry, device: DeviceId) -> dict[DeviceId, int]:
    """When devices got another leaf, this one now; what is longer ago than any cooldown is forgotten."""
    since = entry.received - _REMEMBERED_SECONDS
    recent = {other: at for other, at in group.external_by_device.items() if at > since}
    return {**recent, device: entry.received}


def _reset(group: Group, fact: GroupReset) -> Group:
    inside = {member.account for member in (*fact.kept, *fact.joined)}
    back = {account for account, role in fact.returned.items() if role == "moderator"}
    group = _resolved(group, lambda each: not {each.blocker, each.blocked}.isdisjoint(fact.displaced))
    return Group(
        generation=fact.generation,
        digest=first_digest(fact.group_id, fact.generation),
        group_info_hash=fact.group_info,
        moderators=(group.moderators - fact.displaced.keys()) | back,
        policy=group.policy,
        pending=group.pending - inside,
        displaced={**_without(group.displaced, inside), **fact.displaced},
        announced=_without(group.announced, {member.device for member in fact.joined}),
        conflicts=group.conflicts,
        conflicts_resolved=group.conflicts_resolved,
    )


def _resolved(group: Group, over: Callable[[Conflict], bool]) -> Group:
    """Without the conflicts that are over, which are counted."""
    standing = tuple(each for each in group.conflicts if not over(each))
    gone = len(group.conflicts) - len(standing)
    if not gone:
        return group
    return replace(group, conflicts=standing, conflicts_resolved=group.conflicts_resolved + gone)


def _rejoin(
    before: Rejoin | None, entry: Entry, fact: ReadditionRequested | WelcomeReissueRequested
) -> Rejoin:
    passed_on = before is not None and fact.attempt > 1
    tried = before.tried if before is not None and passed_on else ()
    if fact.leased_to is not None:
        tried = (*(device for device in tried if device != fact.leased_to), fact.leased_to)
    return Rejoin(
        account=fact.account,
        attempt=fact.attempt,
        leased_to=fact.leased_to,
        since=before.since if before is not None and passed_on else entry.received,
        offered=entry.received,
        seq=entry.seq,
        tried=tried,
        cause="welcome" if isinstance(fact, WelcomeReissueRequested) else "lost",
    )


def _without(mapping: Mapping[_K, _V], keys: Collection[_K]) -> dict[_K, _V]:
    return {key: value for key, value in mapping.items() if key not in keys}


def _of_others(mapping: Mapping[DeviceId, _Owned], account: AccountDid) -> dict[DeviceId, _Owned]:
    return {device: value for device, value in mapping.items() if value.account != account}
