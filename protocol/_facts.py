"""The facts that entries carry in their bodies: all that replay has to know.

One union of tagged structs. A field that was added later has a default, so that older rows stay readable.
"""

from typing import Literal

import msgspec

from protocol._errors import BrokenLog
from protocol._facts_devices import AccountFact, WelcomeReissued
from protocol._ids import AccountDid, DeviceId
from protocol._log import ConversationKind, MemberDevice
from protocol._policy import Policy, Role


class Created(msgspec.Struct, frozen=True, tag="created", omit_defaults=True):
    """The conversation begins, with its creator as first admin and these devices in it."""

    creator: AccountDid
    kind: ConversationKind
    group_id: str
    cipher_suite: str
    name: str | None
    description: str | None
    members: tuple[MemberDevice, ...]
    window: int = 3
    """How many past epochs are still accepted. Fixed here, so that replay needs no settings."""
    pending: tuple[AccountDid, ...] = ()
    """Named by the creator, with no leaf in the group."""
    group_info: bytes | None = None
    """Hash of the GroupInfo that came with it."""


class MembersAdded(msgspec.Struct, frozen=True, tag="added", omit_defaults=True):
    """Devices of one account joined. An ask that names ten accounts makes ten entries in one append:
    an entry is one event, so a cursor between two of them is always exact."""

    actor: AccountDid
    members: tuple[MemberDevice, ...]
    """At least one, all of one account."""
    role: Role = "member"
    """What the account gets back, if a reset had displaced it."""


class MemberRemoved(msgspec.Struct, frozen=True, tag="removed", omit_defaults=True):
    """An account is out with all its devices; or some of its devices are, and it stays."""

    account: AccountDid
    actor: AccountDid | None
    """Who removed it; None when it left by itself."""
    action: Literal["left", "removed", "device"]
    """`device`: only `devices` are out, and others of the account stay."""
    reason: str | None
    devices: tuple[DeviceId, ...]
    """None of them: the account was named or displaced, and not in."""
    successor: AccountDid | None = None
    """The account that becomes admin in this same entry, when the last admin left."""
    stale: dict[DeviceId, int | None] = {}
    """Those of `devices` whose leaf stays in the tree until a commit removes it."""


class CommitMade(msgspec.Struct, frozen=True, tag="commit", omit_defaults=True):
    """The group is in its next epoch."""

    commit: bytes
    """As it was sent, padding included."""
    committer: AccountDid
    digest: bytes
    """`next_digest` over the one before and `commit`."""
    changes: int = 0
    """How many entries on membership follow in the same append."""
    external: bool = False
    device: DeviceId | None = None
    """Of an external commit, the device that joined by it."""
    group_info: bytes | None = None
    """Hash of the GroupInfo of the new epoch; None when none came, and the one before is dropped."""
    cleared: tuple[DeviceId, ...] = ()
    """Devices whose stale leaf it removed."""


class ProposalMade(msgspec.Struct, frozen=True, tag="proposal", omit_defaults=True):
    """A proposal for the current epoch."""

    message: bytes
    """As it was sent, padding included."""
    ref: bytes | None
    """Its ProposalRef (RFC 9420 section 5.2); None for a private one, which nobody here can name."""
    proposer: AccountDid


class RoleChanged(msgspec.Struct, frozen=True, tag="role"):
    """An account became admin or moderator, or is neither any more."""

    actor: AccountDid
    target: AccountDid
    role: Role


class PolicyChanged(msgspec.Struct, frozen=True, tag="policy"):
    """The whole policy that holds from here on, without the time and the name, which the entry tells."""

    actor: AccountDid
    policy: Policy


class GroupReset(msgspec.Struct, frozen=True, tag="reset", omit_defaults=True):
    """Another group carries the conversation. Who has a leaf in it is in; the others wait outside."""

    actor: AccountDid
    group_id: str
    cipher_suite: str
    generation: int
    kept: tuple[MemberDevice, ...] = ()
    """Were in and stay, with their new leaf."""
    joined: tuple[MemberDevice, ...] = ()
    """Were not in and are now."""
    gone: tuple[DeviceId, ...] = ()
    """Were in and have no leaf in the new group."""
    displaced: dict[AccountDid, Role] = {}
    """Accounts of which no device is left in, with what they are to get back."""
    returned: dict[AccountDid, Role] = {}
    """Accounts that an earlier reset displaced and that are in again, with what they get back."""
    reason: str | None = None
    group_info: bytes | None = None


class AccountNamed(msgspec.Struct, frozen=True, tag="named"):
    """An account is to be a member as soon as a commit adds a leaf of it."""

    actor: AccountDid
    account: AccountDid


class LeafReplaced(msgspec.Struct, frozen=True, tag="leafReplaced", omit_defaults=True):
    """A device that was in has another leaf: it was added again, or came back by an external commit."""

    actor: AccountDid
    account: AccountDid
    device: DeviceId
    leaf: int | None = None


class NewDevice(msgspec.Struct, frozen=True, tag="newDevice", omit_defaults=True):
    """A member account has another device, which a commit is to add."""

    account: AccountDid
    device: DeviceId
    device_name: str
    addition_id: str


class GroupInfoRefreshRequested(msgspec.Struct, frozen=True, tag="refreshRequested"):
    """Somebody needs the GroupInfo of the current epoch."""

    by: AccountDid


class GroupInfoKept(msgspec.Struct, frozen=True, tag="groupInfo"):
    """A member brought the GroupInfo of the current epoch."""

    by: AccountDid
    hash: bytes


class ReadditionRequested(msgspec.Struct, frozen=True, tag="readdition", omit_defaults=True):
    """A device cannot read any more; one member device is asked to add it again."""

    account: AccountDid
    device: DeviceId
    attempt: int
    leased_to: DeviceId | None = None


class WelcomeReissueRequested(msgspec.Struct, frozen=True, tag="reissue", omit_defaults=True):
    """A device could not use its Welcome; one member device is asked to add it again."""

    account: AccountDid
    device: DeviceId
    attempt: int
    leased_to: DeviceId | None = None
    reason: str | None = None


class Warned(msgspec.Struct, frozen=True, tag="warned", omit_defaults=True):
    """An admin or moderator warned a member. What it is about travels sealed; here is its hash."""

    by: AccountDid
    account: AccountDid
    warning_id: str
    reason_hash: bytes | None = None
    expires: int | None = None
    """Bucket, Unix seconds."""


class BlockConflict(msgspec.Struct, frozen=True, tag="block", omit_defaults=True):
    """A block came to stand between two members, or stands no more. Only the admins are told."""

    by: AccountDid
    """Who said so: one of the two."""
    blocker: AccountDid
    blocked: AccountDid
    stands: bool
    audience: tuple[DeviceId, ...]
    """The devices of the admins of the moment: nobody else ever sees the entry, whoever is admin later."""


Notice = (
    AccountNamed
    | LeafReplaced
    | NewDevice
    | GroupInfoRefreshRequested
    | GroupInfoKept
    | ReadditionRequested
    | WelcomeReissueRequested
    | Warned
    | BlockConflict
    | WelcomeReissued
    | AccountFact
)
"""What an entry of kind NOTICE holds."""

Fact = (
    Created
    | MembersAdded
    | MemberRemoved
    | CommitMade
    | ProposalMade
    | RoleChanged
    | PolicyChanged
    | GroupReset
    | Notice
)

_fact_encoder = msgspec.msgpack.Encoder()
_fact_decoder: msgspec.msgpack.Decoder[Fact] = msgspec.msgpack.Decoder(Fact)


def encode_fact(fact: Fact) -> bytes:
    """The body of a fact's entry."""
    return _fact_encoder.encode(fact)


def decode_fact(body: bytes) -> Fact:
    """The fact in an entry's body; `BrokenLog` when there is none."""
    try:
        return _fact_decoder.decode(body)
    except msgspec.DecodeError as error:
        raise BrokenLog("the body of this entry holds no fact") from error
