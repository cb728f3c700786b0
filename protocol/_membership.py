"""Who may see which entry: membership intervals, inclusive on both ends.

A device's interval begins with the entry that lets it in and ends with the entry that puts it out; it
sees both. A device that comes back begins a new interval and never sees what lay between. Authorisation
is this comparison, made for each entry at delivery, live and in replay alike.
"""

import msgspec

from protocol._ids import DeviceId
from protocol._log import Created, Entry, EntryKind, MemberDevice, MemberRemoved, MembersAdded, decode_fact


class Interval(msgspec.Struct, frozen=True, gc=False):
    """The seqs of one conversation that a device may see."""

    from_seq: int
    to_seq: int | None = None
    """None while the device is in."""

    def shows(self, seq: int) -> bool:
        """Whether the entry at `seq` belongs to the interval."""
        return self.from_seq <= seq and (self.to_seq is None or seq <= self.to_seq)


class MembershipChange(msgspec.Struct, frozen=True):
    """What an entry does to intervals: `joined` begin at its seq, `gone` end at it."""

    joined: tuple[MemberDevice, ...] = ()
    gone: tuple[DeviceId, ...] = ()


_NONE = MembershipChange()


def membership_change(entry: Entry) -> MembershipChange:
    """The intervals an entry opens and closes; `BrokenLog` when its fact cannot be read."""
    if entry.kind is EntryKind.MESSAGE or entry.kind is EntryKind.COMMIT:
        return _NONE
    match decode_fact(entry.body):
        case Created(members=members) | MembersAdded(members=members):
            return MembershipChange(joined=members)
        case MemberRemoved(devices=devices):  # pragma: no branch - the union is closed, mypy checks it
            return MembershipChange(gone=devices)
