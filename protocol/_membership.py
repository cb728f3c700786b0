"""Who may see which entry: membership intervals, inclusive on both ends.

A device's interval begins with the entry that lets it in and ends with the entry that puts it out; it
sees both. A device that comes back begins a new interval and never sees what lay between. Authorisation
is this comparison, made for each entry at delivery, live and in replay alike.

`membership_change` is all that an entry does to rows about members, told by the entry alone: a store that
keeps rows needs no state to keep them right. It agrees with `evolve`, and a law says so.
"""

import msgspec

from protocol._facts import (
    AccountNamed,
    BlockConflict,
    Created,
    GroupReset,
    LeafReplaced,
    MemberRemoved,
    MembersAdded,
    RoleChanged,
    decode_fact,
)
from protocol._ids import AccountDid, DeviceId
from protocol._log import Entry, EntryKind, MemberDevice


class Interval(msgspec.Struct, frozen=True, gc=False):
    """The seqs of one conversation that a device may see."""

    from_seq: int
    to_seq: int | None = None
    """None while the device is in."""

    def shows(self, seq: int) -> bool:
        """Whether the entry at `seq` belongs to the interval."""
        return self.from_seq <= seq and (self.to_seq is None or seq <= self.to_seq)


def audience(entry: Entry) -> frozenset[DeviceId] | None:
    """The only devices that may see an entry, of those whose interval shows it; None: all of these.

    It is written in the entry, so who is let in or becomes admin later sees no more by it, and who asks is
    answered alike whenever and however. A cursor moves over what it does not show.
    """
    if entry.kind is not EntryKind.NOTICE:
        return None
    fact = decode_fact(entry.body)
    return frozenset(fact.audience) if isinstance(fact, BlockConflict) else None


class MembershipChange(msgspec.Struct, frozen=True):
    """What an entry does to rows. A device is in one of `joined`, `gone` and `leaves` at most."""

    joined: tuple[MemberDevice, ...] = ()
    """Their interval begins at the entry's seq."""
    gone: tuple[DeviceId, ...] = ()
    """Their interval ends at the entry's seq."""
    leaves: tuple[tuple[DeviceId, int | None], ...] = ()
    """Devices that stay in with another leaf."""
    returned: tuple[AccountDid, ...] = ()
    """Accounts that are in or wait to be: neither removed nor left any more. An admin stays one."""
    left: tuple[AccountDid, ...] = ()
    """Accounts that went, and are no admins any more."""
    removed: tuple[AccountDid, ...] = ()
    """Accounts with a tombstone from here on, and no admins any more."""
    promoted: tuple[AccountDid, ...] = ()
    """Accounts that are admins from here on (after `left` and `removed`)."""
    demoted: tuple[AccountDid, ...] = ()
    """Accounts that are no admins any more, and in or displaced."""


_NONE = MembershipChange()
_WITHOUT = frozenset({EntryKind.MESSAGE, EntryKind.COMMIT, EntryKind.PROPOSAL, EntryKind.POLICY_CHANGED})


def membership_change(entry: Entry) -> MembershipChange:
    """What an entry does to rows about members; `BrokenLog` when its fact cannot be read."""
    if entry.kind in _WITHOUT:
        return _NONE
    match decode_fact(entry.body):
        case Created(creator=creator, members=members):
            return MembershipChange(joined=members, promoted=(creator,))
        case MembersAdded(members=members, role=role):
            accounts = tuple(dict.fromkeys(member.account for member in members))
            return MembershipChange(
                joined=members, returned=accounts, promoted=accounts if role == "admin" else ()
            )
        case MemberRemoved() as fact:
            return MembershipChange(
                gone=fact.devices,
                left=(fact.account,) if fact.action == "left" else (),
                removed=(fact.account,) if fact.action == "removed" else (),
                promoted=() if fact.successor is None else (fact.successor,),
            )
        case RoleChanged(target=target, role=role):
            return (
                MembershipChange(promoted=(target,))
                if role == "admin"
                else MembershipChange(demoted=(target,))
            )
        case GroupReset() as fact:
            return MembershipChange(
                joined=fact.joined,
                gone=fact.gone,
                leaves=tuple((member.device, member.leaf) for member in fact.kept),
                returned=tuple(dict.fromkeys(member.account for member in fact.joined)),
                promoted=tuple(account for account, role in fact.returned.items() if role == "admin"),
                demoted=tuple(account for account, role in fact.displaced.items() if role == "admin"),
            )
        case AccountNamed(account=account):
            return MembershipChange(returned=(account,))
        case LeafReplaced(device=device, leaf=leaf):
            return MembershipChange(leaves=((device, leaf),))
        case _:
            return _NONE
