"""What crosses from the store to its ledger for MLS, moderation and first contact, and what comes back.

See `requests.py`. A time to live travels beside `now`; both are the caller's.
"""

import msgspec

from protocol import AccountDid, ConversationId, DeviceId
from router.store.contacts import (
    ChatRequest,
    Complaint,
    HeldMessage,
    RequestEnded,
    RequestKept,
    RequestPending,
    RequestSettings,
    RequestSettled,
    RequestUnknown,
    RequestVerdict,
    SenderBlocked,
    TooManyRequests,
)
from router.store.groups import AdditionEnd, AdditionHeld, AdditionLeased, AdditionUnknown, Evidence
from router.store.key_packages import (
    ClaimedPackage,
    KeyPackage,
    KeyPackageHeld,
    KeyPackageReserved,
    KeyPackageSpent,
    KeyPackageUnknown,
    NoSuchDevice,
    Published,
)
from router.store.moderation import (
    Invite,
    InviteKept,
    InviteRevoked,
    InviteUnknown,
    Report,
    ReportAction,
    ReportFiled,
    ReportResolved,
    ReportSettled,
    ReportUnknown,
    TooManyInvites,
    TooManyReports,
)
from router.store.preferences import ConvoSettings
from router.store.values import Expired, Retention, StoredResult
from router.store.welcomes import (
    Welcome,
    WelcomeEnded,
    WelcomeSettled,
    WelcomeUnknown,
    WelcomeVerdict,
)


class PublishKeyPackages(msgspec.Struct, frozen=True, tag="publish-key-packages"):
    """Take packages into a device's stock."""

    account: AccountDid
    device: DeviceId
    packages: tuple[KeyPackage, ...]
    now: int
    max_packages: int
    idempotency: tuple[StoredResult, ...]


class ClaimKeyPackages(msgspec.Struct, frozen=True, tag="claim-key-packages", gc=False):
    """Give a package of each device out."""

    claimer: AccountDid
    target: AccountDid
    suite: int | None
    device: DeviceId | None
    besides: DeviceId | None
    now: int
    ttl: int


class ReserveKeyPackage(msgspec.Struct, frozen=True, tag="reserve-key-package", gc=False):
    """Hold a package for its owner."""

    account: AccountDid
    ref: bytes
    now: int
    ttl: int


class DropKeyPackages(msgspec.Struct, frozen=True, tag="drop-key-packages"):
    """Withdraw packages."""

    account: AccountDid
    refs: tuple[bytes, ...]
    device: DeviceId | None
    now: int


class FetchWelcome(msgspec.Struct, frozen=True, tag="fetch-welcome", gc=False):
    """Give a Welcome to its device."""

    conversation: ConversationId
    device: DeviceId
    now: int


class SettleWelcome(msgspec.Struct, frozen=True, tag="settle-welcome", gc=False):
    """What a device says of its Welcome."""

    conversation: ConversationId
    device: DeviceId
    verdict: WelcomeVerdict
    reason: str | None
    now: int
    key_package: bytes | None = None


class KeepEvidence(msgspec.Struct, frozen=True, tag="keep-evidence"):
    """Keep refused bytes."""

    evidence: Evidence


class LeaseAddition(msgspec.Struct, frozen=True, tag="lease-addition", gc=False):
    """Let one device add another."""

    conversation: ConversationId
    device: DeviceId
    to: DeviceId
    now: int
    ttl: int


class EndAddition(msgspec.Struct, frozen=True, tag="end-addition", gc=False):
    """Give a lease back."""

    conversation: ConversationId
    device: DeviceId
    by: DeviceId
    now: int


class FileReport(msgspec.Struct, frozen=True, tag="file-report"):
    """Keep a report."""

    report: Report
    max_pending: int


class ResolveReport(msgspec.Struct, frozen=True, tag="resolve-report", gc=False):
    """Close a report."""

    report: str
    by: AccountDid
    action: ReportAction
    notes: str | None
    now: int


class KeepInvite(msgspec.Struct, frozen=True, tag="keep-invite"):
    """Keep an invite."""

    invite: Invite
    max_open: int


class RevokeInvite(msgspec.Struct, frozen=True, tag="revoke-invite", gc=False):
    """End an invite."""

    invite: str
    by: AccountDid
    now: int


class UseInvite(msgspec.Struct, frozen=True, tag="use-invite", gc=False):
    """Count a use of an invite."""

    conversation: ConversationId
    psk_hash: bytes
    account: AccountDid
    now: int


class OptIn(msgspec.Struct, frozen=True, tag="opt-in", gc=False):
    """Note who wants to be reached."""

    account: AccountDid
    now: int


class OptOut(msgspec.Struct, frozen=True, tag="opt-out", gc=False):
    """Forget it."""

    account: AccountDid


class SetRequestSettings(msgspec.Struct, frozen=True, tag="set-request-settings"):
    """Keep an account's settings."""

    account: AccountDid
    settings: RequestSettings


class PutChatRequest(msgspec.Struct, frozen=True, tag="put-chat-request"):
    """Keep a chat request."""

    request: ChatRequest
    held: tuple[HeldMessage, ...]
    now: int
    max_pending: int


class SettleChatRequest(msgspec.Struct, frozen=True, tag="settle-chat-request", gc=False):
    """The recipient's answer."""

    recipient: AccountDid
    request: str
    verdict: RequestVerdict
    conversation: ConversationId | None
    complaint: Complaint | None
    now: int


class BlockSender(msgspec.Struct, frozen=True, tag="block-sender", gc=False):
    """Want no requests of somebody."""

    recipient: AccountDid
    sender: AccountDid
    complaint: Complaint | None
    now: int


class UnblockSender(msgspec.Struct, frozen=True, tag="unblock-sender", gc=False):
    """Want them again."""

    recipient: AccountDid
    sender: AccountDid


class SetConvoSettings(msgspec.Struct, frozen=True, tag="set-convo-settings"):
    """Keep what an account wants of a conversation."""

    account: AccountDid
    conversation: ConversationId
    settings: ConvoSettings


class Expire(msgspec.Struct, frozen=True, tag="expire"):
    """End and delete what is over."""

    now: int
    limit: int
    retention: Retention


MlsRequest = (
    PublishKeyPackages
    | ClaimKeyPackages
    | ReserveKeyPackage
    | DropKeyPackages
    | FetchWelcome
    | SettleWelcome
    | KeepEvidence
    | LeaseAddition
    | EndAddition
    | FileReport
    | ResolveReport
    | KeepInvite
    | RevokeInvite
    | UseInvite
    | OptIn
    | OptOut
    | SetRequestSettings
    | PutChatRequest
    | SettleChatRequest
    | BlockSender
    | UnblockSender
    | SetConvoSettings
    | Expire
)


class PackagesClaimed(msgspec.Struct, frozen=True, tag="packages-claimed"):
    """One for each device that had any."""

    packages: tuple[ClaimedPackage, ...]


class PackagesDropped(msgspec.Struct, frozen=True, tag="packages-dropped"):
    """Refs of those that were in stock."""

    refs: tuple[bytes, ...]


class WelcomeFetched(msgspec.Struct, frozen=True, tag="welcome-fetched"):
    """The newest one, if there is any."""

    welcome: Welcome | None


class AdditionEnded(msgspec.Struct, frozen=True, tag="addition-ended", gc=False):
    """How a lease ended."""

    end: AdditionEnd


class OptedIn(msgspec.Struct, frozen=True, tag="opted-in", gc=False):
    """Since when."""

    since: int


class Counted(msgspec.Struct, frozen=True, tag="counted", gc=False):
    """How many it were."""

    count: int


MlsOutcome = (
    Published
    | NoSuchDevice
    | PackagesClaimed
    | KeyPackageReserved
    | KeyPackageHeld
    | KeyPackageSpent
    | KeyPackageUnknown
    | PackagesDropped
    | WelcomeFetched
    | WelcomeSettled
    | WelcomeEnded
    | WelcomeUnknown
    | AdditionLeased
    | AdditionHeld
    | AdditionUnknown
    | AdditionEnded
    | ReportFiled
    | TooManyReports
    | ReportResolved
    | ReportUnknown
    | ReportSettled
    | InviteKept
    | TooManyInvites
    | InviteUnknown
    | InviteRevoked
    | OptedIn
    | RequestKept
    | RequestPending
    | SenderBlocked
    | TooManyRequests
    | RequestSettled
    | RequestUnknown
    | RequestEnded
    | Counted
    | Expired
)
