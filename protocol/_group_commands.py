"""What may be asked of a conversation's MLS group, of its roles and its rules."""

from typing import Literal

import msgspec

from protocol._commands import (
    AddMembers,
    Create,
    IdempotencyKey,
    Leave,
    RemoveMember,
    Send,
)
from protocol._device_commands import ReissueWelcome, TellAccount
from protocol._digest import commit_id, proposal_id
from protocol._handshake import Framing, GroupInfo, Handshake, LeafAdd, WelcomeFor
from protocol._ids import AccountDid, ConversationId, DeviceId, MsgId
from protocol._policy import PolicyChange, Role

Purpose = Literal["add", "remove", "leave", "update", "external", "rejoin"]


class Commit(msgspec.Struct, frozen=True, tag="commit"):
    """Move the group to its next epoch, with everything that follows from it."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId | None
    """The caller's device that made it; of an external commit the one that joins."""
    handshake: Handshake
    purpose: Purpose = "update"
    """What the caller meant: a commit that does otherwise is refused. `update` may do anything a member
    may; `rejoin` is an external commit of an account that is or was in."""
    reason: str | None = None
    """Of a removal; members are told."""
    idempotency: IdempotencyKey | None = None


class Propose(msgspec.Struct, frozen=True, tag="propose"):
    """Append a proposal of the current epoch."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId | None
    body: bytes
    ref: bytes | None
    """ProposalRef of a public one; None for a private one."""
    framing: Framing | None
    idempotency: IdempotencyKey | None = None


class ChangeRole(msgspec.Struct, frozen=True, tag="role"):
    """Make an account admin or moderator, or neither."""

    conversation: ConversationId
    account: AccountDid
    target: AccountDid
    role: Role
    was: Literal["admin", "moderator"] = "admin"
    """With the role `member`: which role is to end."""
    idempotency: IdempotencyKey | None = None


class UpdatePolicy(msgspec.Struct, frozen=True, tag="policy"):
    """Change the rules of the conversation."""

    conversation: ConversationId
    account: AccountDid
    fields: PolicyChange
    idempotency: IdempotencyKey | None = None


class Warn(msgspec.Struct, frozen=True, tag="warn"):
    """Warn a member."""

    conversation: ConversationId
    account: AccountDid
    target: AccountDid
    warning_id: str
    reason_hash: bytes | None = None
    expires: int | None = None
    """Bucket, Unix seconds."""
    idempotency: IdempotencyKey | None = None


class TellBlock(msgspec.Struct, frozen=True, tag="block"):
    """Tell the admins of a block between two members that was looked up, or that one is gone."""

    conversation: ConversationId
    account: AccountDid
    """Who says so: one of the two."""
    blocker: AccountDid
    blocked: AccountDid
    stands: bool
    idempotency: IdempotencyKey | None = None


class AnnounceDevice(msgspec.Struct, frozen=True, tag="announce"):
    """Tell the members of another device of the caller's, which one of them is to add."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId
    device_name: str
    addition_id: str
    idempotency: IdempotencyKey | None = None


class RequestReadd(msgspec.Struct, frozen=True, tag="readd"):
    """Ask for a device of the caller's to be added again. Passed on by the same command with the next
    attempt; who is asked is chosen by `next_offer`."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId
    leased_to: DeviceId | None
    attempt: int = 1
    cause: Literal["lost", "welcome"] = "lost"
    """`welcome`: the Welcome it got is of no use to it."""
    reason: str | None = None
    idempotency: IdempotencyKey | None = None


class RefreshGroupInfo(msgspec.Struct, frozen=True, tag="refresh"):
    """Ask the members for the GroupInfo of the current epoch."""

    conversation: ConversationId
    account: AccountDid
    idempotency: IdempotencyKey | None = None


class UpdateGroupInfo(msgspec.Struct, frozen=True, tag="group-info"):
    """Bring the GroupInfo of the current epoch."""

    conversation: ConversationId
    account: AccountDid
    group_info: GroupInfo
    verified_against: bytes | None = None
    """Hash of the stored GroupInfo that the edge compared it with; None when there was none."""
    idempotency: IdempotencyKey | None = None


class ResetGroup(msgspec.Struct, frozen=True, tag="reset"):
    """Let another MLS group carry the conversation."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId
    """The caller's device, which has a leaf in the new group."""
    new_group_id: str
    cipher_suite: str
    generation: int
    """The one it begins: one more than the current."""
    epoch: int = 0
    """The epoch the new group stands at; 0 where `group_info` tells it."""
    leaf: int | None = 0
    """The leaf of `device`."""
    adds: tuple[LeafAdd, ...] = ()
    """The other devices that the new group holds."""
    welcomes: tuple[WelcomeFor, ...] = ()
    group_info: GroupInfo | None = None
    reason: str | None = None
    idempotency: IdempotencyKey | None = None


Command = (
    Create
    | Send
    | AddMembers
    | RemoveMember
    | Leave
    | Commit
    | Propose
    | ChangeRole
    | UpdatePolicy
    | Warn
    | TellBlock
    | AnnounceDevice
    | RequestReadd
    | RefreshGroupInfo
    | UpdateGroupInfo
    | ResetGroup
    | TellAccount
    | ReissueWelcome
)


def payload_bytes(command: Command) -> int:
    """Bytes that the command carries besides its few words: for the bounds of who queues it."""
    match command:
        case Send(body=body) | Propose(body=body):
            return len(body)
        case Commit(handshake=handshake):
            return _handshake_bytes(handshake)
        case RemoveMember(handshake=Handshake() as handshake) | Leave(handshake=Handshake() as handshake):
            return _handshake_bytes(handshake)
        case (
            Create(welcomes=welcomes, group_info=group_info)
            | ResetGroup(welcomes=welcomes, group_info=group_info)
        ):
            return _bytes_beside(welcomes, group_info)
        case UpdateGroupInfo(group_info=group_info):
            return len(group_info.body)
        case ReissueWelcome(welcome=welcome):
            return len(welcome.body)
        case _:
            return 0


def _handshake_bytes(handshake: Handshake) -> int:
    return len(handshake.body) + _bytes_beside(handshake.welcomes, handshake.group_info)


def _bytes_beside(welcomes: tuple[WelcomeFor, ...], group_info: GroupInfo | None) -> int:
    return sum(len(welcome.body) for welcome in welcomes) + (
        0 if group_info is None else len(group_info.body)
    )


def named_entry(command: Command) -> MsgId | None:
    """The id under which the log knows what the command appends, if it has one: how a resend is found."""
    match command:
        case Send(msg_id=msg_id):
            return msg_id
        case Commit(handshake=handshake):
            return commit_id(handshake.body)
        case RemoveMember(handshake=Handshake(body=body)) | Leave(handshake=Handshake(body=body)):
            return commit_id(body)
        case Propose(body=body):
            return proposal_id(body)
        case _:
            return None
