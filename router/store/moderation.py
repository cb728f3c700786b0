"""The part of the store that admins of a conversation stand on: reports and invites.

A report's content is sealed for the admins; the server knows who reported whom, in which category. Every act
of an admin here has its audit record in the same transaction.
"""

import abc
from collections.abc import Mapping
from typing import Literal

import msgspec

from protocol import AccountDid, ConversationId

ReportStatus = Literal["pending", "resolved", "dismissed"]
ReportAction = Literal["removed_member", "dismissed", "no_action"]


class Report(msgspec.Struct, frozen=True, gc=False):
    """A member's report to the admins of a conversation."""

    id: str
    conversation: ConversationId
    reporter: AccountDid
    reported: AccountDid
    category: str
    content: bytes
    """Sealed for the admins."""
    message_ids: tuple[str, ...]
    submitted: int
    """Bucket, Unix seconds."""
    status: ReportStatus = "pending"
    resolved_by: AccountDid | None = None
    resolved: int | None = None
    action: ReportAction | None = None
    notes: str | None = None


class ReportFiled(msgspec.Struct, frozen=True, tag="report-filed", gc=False):
    """The admins can see it."""


class TooManyReports(msgspec.Struct, frozen=True, tag="too-many-reports", gc=False):
    """The reporter has as many pending ones in this conversation as it may have. Nothing was written."""

    limit: int


class ReportResolved(msgspec.Struct, frozen=True, tag="report-resolved"):
    """The report as it stands now."""

    report: Report


class ReportUnknown(msgspec.Struct, frozen=True, tag="report-unknown", gc=False):
    """There is no such report. Nothing was written."""


class ReportSettled(msgspec.Struct, frozen=True, tag="report-settled"):
    """Somebody has resolved it already. Nothing was written."""

    report: Report


ResolveOutcome = ReportResolved | ReportUnknown | ReportSettled


class ReportCounts(msgspec.Struct, frozen=True):
    """Reports of one conversation, or of all."""

    pending: int
    resolved: int
    """Dismissed ones included."""
    removals: int
    """Of the resolved ones, those that ended in a removal."""
    by_category: Mapping[str, int]
    resolution_seconds: int
    """Of all resolved ones together: the mean is this by their number."""


class ReportPage(msgspec.Struct, frozen=True):
    """Some reports, newest first."""

    reports: list[Report]
    next: int | None
    """Pass as `before` for the rest. A row number of this server: seal it for clients."""


class Invite(msgspec.Struct, frozen=True, gc=False):
    """An admin's leave to join a conversation: who knows the PSK may."""

    id: str
    conversation: ConversationId
    created_by: AccountDid
    created: int
    """Bucket, Unix seconds."""
    psk_hash: bytes
    """32 bytes, SHA-256."""
    target: AccountDid | None = None
    expires: int | None = None
    max_uses: int | None = None
    uses: int = 0
    revoked: int | None = None
    revoked_by: AccountDid | None = None

    def serves(self, account: AccountDid, now: int) -> bool:
        """Whether this account may use it now."""
        return self.target in (None, account) and self.open_at(now)

    def open_at(self, now: int) -> bool:
        """Whether anybody may use it now."""
        return (
            self.revoked is None
            and (self.expires is None or self.expires > now)
            and (self.max_uses is None or self.uses < self.max_uses)
        )


class InviteKept(msgspec.Struct, frozen=True, tag="invite-kept"):
    """The invite as it stands."""

    invite: Invite


class TooManyInvites(msgspec.Struct, frozen=True, tag="too-many-invites", gc=False):
    """The conversation has as many as it may have that still serve. Nothing was written."""

    limit: int


class InviteUnknown(msgspec.Struct, frozen=True, tag="invite-unknown", gc=False):
    """No such invite, or none that this account may use now. Nothing was written."""


class InviteRevoked(msgspec.Struct, frozen=True, tag="invite-revoked"):
    """It was revoked before. Nothing was written."""

    invite: Invite


def status_after(action: ReportAction) -> ReportStatus:
    """What a report is once it was closed like this. Pure; every store's rule."""
    return "dismissed" if action == "dismissed" else "resolved"


class Moderation(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods.

    `PoisonRequest` for a conversation that does not exist: the caller has looked.
    """

    # -- reports ---------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def file_report(self, report: Report, *, max_pending: int) -> ReportFiled | TooManyReports:
        """Keep a new report; the same id again changes nothing."""

    @abc.abstractmethod
    async def report(self, report: str) -> Report | None:
        """The report of this id."""

    @abc.abstractmethod
    async def reports(
        self,
        conversation: ConversationId,
        *,
        status: ReportStatus | None = None,
        before: int | None = None,
        limit: int,
    ) -> ReportPage:
        """Reports of a conversation, newest first."""

    @abc.abstractmethod
    async def resolve_report(
        self, report: str, *, by: AccountDid, action: ReportAction, notes: str | None, now: int
    ) -> ResolveOutcome:
        """Close a report. Whether `by` may is the caller's to judge."""

    @abc.abstractmethod
    async def report_counts(
        self, conversation: ConversationId | None = None, *, since: int = 0
    ) -> ReportCounts:
        """Count what was submitted since a bucket in a conversation, or everywhere."""

    @abc.abstractmethod
    async def conflicts_resolved(self) -> int:
        """Block conflicts between members that stand no more, of all conversations since each began.

        Looks at every conversation: for an operator who asks, not for a metric.
        """

    # -- invites ---------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def keep_invite(self, invite: Invite, *, max_open: int) -> InviteKept | TooManyInvites:
        """Keep a new invite; the same id again finds it made."""

    @abc.abstractmethod
    async def invite(self, invite: str) -> Invite | None:
        """The invite of this id."""

    @abc.abstractmethod
    async def invites(self, conversation: ConversationId, *, revoked: bool = False) -> list[Invite]:
        """The conversation's invites, oldest first; revoked ones if asked for."""

    @abc.abstractmethod
    async def revoke_invite(
        self, invite: str, *, by: AccountDid, now: int
    ) -> InviteKept | InviteRevoked | InviteUnknown:
        """Let nobody use it any more."""

    @abc.abstractmethod
    async def use_invite(
        self, conversation: ConversationId, psk_hash: bytes, *, account: AccountDid, now: int
    ) -> InviteKept | InviteUnknown:
        """Count one use of an invite that serves this account now (`Invite.serves`)."""
