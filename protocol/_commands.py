"""What may be asked of any conversation; what only a group or its roles need is in `_group_commands.py`.

`Send` carries the caller because membership must be judged; that is where the caller ends: no entry,
no answer and no refusal has a field for it.
"""

import msgspec

from protocol._handshake import Framing, GroupInfo, Handshake, LeafAdd, WelcomeFor
from protocol._ids import AccountDid, ConversationId, DeviceId, MsgId
from protocol._log import ConversationKind, MemberDevice


class IdempotencyKey(msgspec.Struct, frozen=True, gc=False):
    """A retry key as the router hands it in: nothing of the caller can be read back from it."""

    scope: bytes
    """32 bytes: keyed hash of caller, endpoint and the client's key."""
    fingerprint: bytes
    """32 bytes: hash of the request's body."""


class Create(msgspec.Struct, frozen=True, tag="create"):
    """Begin a conversation.

    In an opaque one all `members` are in from the start. In an MLS one only `device` is (or the creator's
    only device in `members`) and whom `adds` name, since these have a leaf; all other accounts, of `members`
    and of `pending`, wait for a commit.
    """

    conversation: ConversationId
    account: AccountDid
    kind: ConversationKind
    group_id: str
    cipher_suite: str
    name: str | None
    description: str | None
    members: tuple[MemberDevice, ...]
    epoch: int = 0
    """The epoch the creator's group stands at (mls only); 0 where `group_info` tells it."""
    idempotency: IdempotencyKey | None = None
    device: DeviceId | None = None
    """The creating device: the one leaf the creator has."""
    pending: tuple[AccountDid, ...] = ()
    """Accounts that are to be members, of which no device is in the group."""
    adds: tuple[LeafAdd, ...] = ()
    """Devices that the group already holds besides."""
    welcomes: tuple[WelcomeFor, ...] = ()
    """One for each of `adds`."""
    group_info: GroupInfo | None = None


class Send(msgspec.Struct, frozen=True, tag="send", gc=False):
    """Append one message. `account` and `device` are judged and forgotten."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId | None
    msg_id: MsgId
    epoch: int
    body: bytes
    framing: Framing | None = None


class AddMembers(msgspec.Struct, frozen=True, tag="add"):
    """Bring devices in; those that are in already are passed over.

    In an MLS conversation their accounts are only named: a `Commit` has to add their leaves.
    """

    conversation: ConversationId
    account: AccountDid
    members: tuple[MemberDevice, ...]
    idempotency: IdempotencyKey | None = None


class RemoveMember(msgspec.Struct, frozen=True, tag="remove"):
    """An admin puts an account out, at once; with the commit that removes its leaves, or before it."""

    conversation: ConversationId
    account: AccountDid
    target: AccountDid
    reason: str | None = None
    idempotency: IdempotencyKey | None = None
    handshake: Handshake | None = None
    device: DeviceId | None = None
    """The caller's device that made the commit."""


class Leave(msgspec.Struct, frozen=True, tag="leave"):
    """Go; or, with a `target` that is somebody else, the same as `RemoveMember`."""

    conversation: ConversationId
    account: AccountDid
    target: AccountDid | None = None
    idempotency: IdempotencyKey | None = None
    handshake: Handshake | None = None
    device: DeviceId | None = None
    """The caller's device that made the commit."""
    only: DeviceId | None = None
    """Only this device of the caller's goes; the account stays while it has another one in."""
