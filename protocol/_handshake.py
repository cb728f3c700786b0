"""What a handshake message is to a decision: its bytes, and what was read and verified in them.

Nothing here is believed for being said. Of a public commit the edge has verified everything that public
data can show (`verified_against` names the GroupInfo it did so with); of a private one the client states
what it does, and a GroupInfo sent along must agree. Either way the conversation compares epochs.
"""

from typing import Literal

import msgspec

from protocol._ids import AccountDid, DeviceId
from protocol._log import MemberDevice


class Framing(msgspec.Struct, frozen=True, gc=False):
    """What the framing of an MLS message says in clear (RFC 9420 section 6); read by `crypto`."""

    group_id: bytes
    epoch: int
    content_type: Literal["application", "proposal", "commit"]
    private: bool = True
    """PrivateMessage; False is a PublicMessage."""


class LeafAdd(msgspec.Struct, frozen=True, gc=False):
    """A device that a commit adds to the tree."""

    member: MemberDevice
    key_package: bytes | None = None
    """KeyPackageRef of the key package that the Add consumes (RFC 9420 section 5.2)."""
    leaf: int | None = None
    """Index of its leaf in the new tree, where it is known."""

    def placed(self) -> MemberDevice:
        """The device with its leaf."""
        member = self.member
        leaf = member.leaf if self.leaf is None else self.leaf
        return MemberDevice(member.account, member.device, member.device_name, leaf)


class GroupInfo(msgspec.Struct, frozen=True, gc=False):
    """A GroupInfo that the edge has verified."""

    epoch: int
    body: bytes
    hash: bytes
    """`body_hash(body)`: 16 bytes."""


class WelcomeFor(msgspec.Struct, frozen=True, gc=False):
    """A Welcome, cut for the one device that it is for."""

    account: AccountDid
    device: DeviceId
    key_package: bytes | None
    """KeyPackageRef it is encrypted for, where it is known."""
    body: bytes


class Handshake(msgspec.Struct, frozen=True):
    """A commit: the bytes, and what they do to the group."""

    body: bytes
    """As it was sent, padding included: a resend is told by these bytes."""
    base_epoch: int
    """The epoch it was made in, from its framing."""
    group_id: bytes
    private: bool
    adds: tuple[LeafAdd, ...] = ()
    """Of an external commit: the joiner's own leaf, and no other."""
    removes: tuple[DeviceId, ...] = ()
    """Devices whose leaf goes, those of `Conversation.group.stale_leaves` among them."""
    committer_device: DeviceId | None = None
    """The device whose leaf made it, where that is known; of an external commit the joining one."""
    external: bool = False
    proposals: tuple[bytes, ...] = ()
    """References to pending proposals that it commits. Of a private commit nobody can know them."""
    verified_against: bytes | None = None
    """`GroupInfo.hash` of what the edge verified a public commit with; None when there was none."""
    group_info: GroupInfo | None = None
    """Of the epoch the commit begins."""
    welcomes: tuple[WelcomeFor, ...] = ()
    consented: tuple[DeviceId, ...] = ()
    """Those of `removes` whose own account proposed the removal: they leave, they are not put out."""
