"""What a commit does to membership, and the entries that say so.

A device that is added and removed by the same commit has another leaf and stays in: its interval goes on.
Order of the entries: who joins, who has another leaf, who is put out, who leaves. So the successor of a last
admin who leaves is never somebody that the same commit puts out.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from protocol._digest import commit_id, next_digest
from protocol._evolve import evolve
from protocol._facts import CommitMade, Fact, LeafReplaced, MemberRemoved, MembersAdded, encode_fact
from protocol._handshake import Handshake
from protocol._ids import AccountDid, DeviceId
from protocol._log import Entry, EntryKind, MemberDevice, body_hash
from protocol._standing import Turn, fact_entry, successor
from protocol._state import Conversation


class Changes(msgspec.Struct, frozen=True):
    """A commit's leaves against those that there were."""

    joining: dict[AccountDid, tuple[MemberDevice, ...]]
    replaced: tuple[MemberDevice, ...]
    """Were in, and have another leaf."""
    going: dict[AccountDid, tuple[DeviceId, ...]]
    cleared: tuple[DeviceId, ...]
    """Were out, and their leaf was still there."""
    consented: frozenset[DeviceId]
    """Those that go because their own account proposed it."""


def changes_of(state: Conversation, handshake: Handshake) -> Changes:
    """What this commit does at this state, whether it may or not."""
    joining: dict[AccountDid, tuple[MemberDevice, ...]] = {}
    replaced: list[MemberDevice] = []
    for each in handshake.adds:
        member = each.placed()
        if member.device in state.members:
            replaced.append(member)
        else:
            joining[member.account] = (*joining.get(member.account, ()), member)
    again = {member.device for member in replaced}
    going: dict[AccountDid, tuple[DeviceId, ...]] = {}
    for device in handshake.removes:
        present = state.members.get(device)
        if present is not None and device not in again:
            going[present.account] = (*going.get(present.account, ()), device)
    return Changes(
        joining=joining,
        replaced=tuple(replaced),
        going=going,
        cleared=tuple(device for device in handshake.removes if device in state.group.stale_leaves),
        consented=frozenset(handshake.consented),
    )


def entries_of(
    state: Conversation,
    account: AccountDid,
    handshake: Handshake,
    changes: Changes,
    turn: Turn,
    *,
    leaves: bool,
    reason: str | None,
) -> tuple[Entry, ...]:
    """The commit's entry and those it owes. With `leaves`, the account goes with all its devices."""
    going = {other: devices for other, devices in changes.going.items() if not (leaves and other == account)}
    owed = len(changes.joining) + len(changes.replaced) + len(going) + leaves
    entries = [_made(state, account, handshake, changes, owed, turn)]
    scratch = evolve(state, entries[0])

    def say(kind: EntryKind, fact: Fact) -> None:
        nonlocal scratch
        entries.append(fact_entry(scratch, kind, fact, turn))
        scratch = evolve(scratch, entries[-1])

    for other, members in changes.joining.items():
        role = scratch.group.displaced.get(other, "member")
        say(EntryKind.MEMBERS_ADDED, MembersAdded(account, members, role))
    for member in changes.replaced:
        say(EntryKind.NOTICE, LeafReplaced(account, member.account, member.device, member.leaf))
    for other, action in sorted(_actions(scratch, changes, going), key=lambda each: _ORDER[each[1]]):
        own = scratch.devices_of(other)
        devices = tuple(device for device in own if device in going[other])
        by_itself = action == "left" or other == account or changes.consented.issuperset(devices)
        say(
            EntryKind.MEMBER_REMOVED,
            MemberRemoved(
                account=other,
                actor=None if by_itself else account,
                action=action,
                reason=None if by_itself else reason,
                devices=devices,
                successor=successor(scratch, other) if action == "left" else None,
            ),
        )
    if leaves:
        own = scratch.devices_of(account)
        removed = set(handshake.removes)
        stale = {device: scratch.members[device].leaf for device in own if device not in removed}
        heir = successor(scratch, account)
        say(EntryKind.MEMBER_REMOVED, MemberRemoved(account, None, "left", None, own, heir, stale))
    return tuple(entries)


_ORDER = {"removed": 0, "device": 1, "left": 2}


def _actions(
    scratch: Conversation,
    changes: Changes,
    going: dict[AccountDid, tuple[DeviceId, ...]],
) -> Iterator[tuple[AccountDid, Literal["removed", "device", "left"]]]:
    for other, devices in going.items():
        if set(devices) != set(scratch.devices_of(other)):
            yield other, "device"
        else:
            yield other, "left" if changes.consented.issuperset(devices) else "removed"


def _made(
    state: Conversation, account: AccountDid, handshake: Handshake, changes: Changes, owed: int, turn: Turn
) -> Entry:
    joiner = handshake.adds[0].member.device if handshake.external else None
    fact = CommitMade(
        commit=handshake.body,
        committer=account,
        digest=next_digest(state.group.digest, handshake.body),
        changes=owed,
        external=handshake.external,
        device=joiner,
        group_info=None if handshake.group_info is None else handshake.group_info.hash,
        cleared=changes.cleared,
    )
    return Entry(
        state.id,
        state.last_seq + 1,
        EntryKind.COMMIT,
        state.epoch + 1,
        commit_id(handshake.body),
        encode_fact(fact),
        body_hash(handshake.body),
        state.app_count,
        turn.received,
    )
