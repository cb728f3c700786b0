"""The part of a conversation's state that only its MLS group and its roles need.

It is one value, so that a store can keep it as one column (`encode_group`) and move it on with
`evolve_group`, which needs nothing but this value and the next entry.
"""

from typing import Literal

import msgspec
from msgspec.structs import replace

from protocol._errors import BrokenLog
from protocol._ids import AccountDid, DeviceId
from protocol._policy import Policy, Role


class Rejoin(msgspec.Struct, frozen=True, gc=False):
    """A device that cannot read any more and asked to be added again."""

    account: AccountDid
    attempt: int
    """1, 2, 3 … each time the request is passed on."""
    leased_to: DeviceId | None
    """The member device that is asked to do it; None while none is online."""
    since: int
    """Bucket of the first request, Unix seconds."""
    offered: int
    """Bucket in which it was last passed on."""
    seq: int
    """The entry that tells so."""
    tried: tuple[DeviceId, ...] = ()
    """Whom it was offered to, in order, the last one included."""
    cause: Literal["lost", "welcome"] = "lost"
    """`welcome`: it has a leaf, and could not use its Welcome."""


class Announced(msgspec.Struct, frozen=True, gc=False):
    """A device of a member account that waits to be added."""

    account: AccountDid
    seq: int
    """The entry that tells so."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A question that stands: where in the log it was asked, and when."""

    seq: int
    at: int
    """Bucket, Unix seconds."""


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """A block between two members that the admins were told of."""

    blocker: AccountDid
    blocked: AccountDid
    seq: int
    """The entry that tells so."""
    at: int
    """Bucket, Unix seconds."""


class Group(msgspec.Struct, frozen=True, omit_defaults=True):
    """See the module. Made by `evolve_group` only; its dicts are never changed in place."""

    generation: int = 0
    """How often the group was reset."""
    digest: bytes = b""
    """32 bytes, the chain over the commits of this generation (`_digest.py`); empty in an opaque one."""
    group_info_hash: bytes | None = None
    """`GroupInfo.hash` of the stored GroupInfo of the current epoch; None while there is none."""
    proposals: dict[bytes, AccountDid] = {}
    """Public proposals of the current epoch: reference → who made it."""
    moderators: frozenset[AccountDid] = frozenset()
    """Members who are no admins and may warn and see reports."""
    policy: Policy = Policy()
    pending: frozenset[AccountDid] = frozenset()
    """Named by a member, and not in: a commit must add a leaf of theirs first."""
    displaced: dict[AccountDid, Role] = {}
    """Were in when the group was reset, and have no leaf in the new one yet; with the role they get back."""
    announced: dict[DeviceId, Announced] = {}
    """Devices of member accounts that wait for a commit that adds them."""
    needs_rejoin: dict[DeviceId, Rejoin] = {}
    stale_leaves: dict[DeviceId, int | None] = {}
    """Devices that are out while their leaf is still in the tree: a commit has to remove it. With the leaf's
    index, if it was known."""
    last_external: int | None = None
    """Bucket of the last external commit."""
    external_by_device: dict[DeviceId, int] = {}
    """Bucket in which each device last got another leaf in place of its own or came in by itself, of the last
    hour."""
    refresh: Asked | None = None
    """A fresh GroupInfo was asked for and has not come yet."""
    conflicts: tuple[Conflict, ...] = ()
    """Blocks between members that stand, in the order in which they were told."""
    conflicts_resolved: int = 0
    """How many of them stand no more: taken back, or one of the two went."""
    low: dict[DeviceId, tuple[int, ...]] = {}
    """Of an account's own log: suites of which a device has few key packages left, which was told."""
    owed: int = 0
    """Entries that the last commit still owes: 0 between appends."""
    external: bool = False
    """The last commit was external: while entries are owed, its joiner acts for itself."""

    def conflict(self, blocker: AccountDid, blocked: AccountDid) -> Conflict | None:
        """The block of the one by the other, if it stands."""
        pair = (blocker, blocked)
        return next((each for each in self.conflicts if (each.blocker, each.blocked) == pair), None)


class _Column(msgspec.Struct, frozen=True, array_like=True):
    """The state as it is encoded: an encoder that sorts takes no mapping whose keys are bytes."""

    group: Group
    proposals: tuple[tuple[bytes, AccountDid], ...]


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(_Column)


def encode_group(group: Group) -> bytes:
    """The group's state as a store keeps it. Equal states give equal bytes."""
    return _encoder.encode(_Column(replace(group, proposals={}), tuple(sorted(group.proposals.items()))))


def decode_group(body: bytes) -> Group:
    """The state a store kept; `BrokenLog` when the bytes are none."""
    try:
        column = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise BrokenLog("these bytes hold no group state") from error
    return replace(column.group, proposals=dict(column.proposals))
