"""The store's face for reports and invites."""

from protocol import AccountDid, ConversationId
from router.store import bounds
from router.store.moderation import (
    Invite,
    InviteKept,
    InviteRevoked,
    InviteUnknown,
    Report,
    ReportAction,
    ReportCounts,
    ReportFiled,
    ReportPage,
    ReportResolved,
    ReportSettled,
    ReportStatus,
    ReportUnknown,
    ResolveOutcome,
    TooManyInvites,
    TooManyReports,
)
from router.store.sqlite import moderation
from router.store.sqlite.mls_requests import (
    FileReport,
    KeepInvite,
    ResolveReport,
    RevokeInvite,
    UseInvite,
)
from router.store.sqlite.parts import SqliteParts


class ModerationFace(SqliteParts):
    """See `Moderation`."""

    async def file_report(self, report: Report, *, max_pending: int) -> ReportFiled | TooManyReports:
        bounds.check_report(report)
        return await self._write(FileReport(report, max_pending), ReportFiled, TooManyReports)

    async def report(self, report: str) -> Report | None:
        return await self._short(lambda reader: moderation.read_report(reader.execute, report))

    async def reports(
        self,
        conversation: ConversationId,
        *,
        status: ReportStatus | None = None,
        before: int | None = None,
        limit: int,
    ) -> ReportPage:
        return await self._long(
            lambda reader: moderation.read_reports(reader.execute, conversation, status, before, limit)
        )

    async def resolve_report(
        self, report: str, *, by: AccountDid, action: ReportAction, notes: str | None, now: int
    ) -> ResolveOutcome:
        bounds.check_notes(notes)
        request = ResolveReport(report, by, action, notes, now)
        return await self._write(request, ReportResolved, ReportUnknown, ReportSettled)

    async def report_counts(
        self, conversation: ConversationId | None = None, *, since: int = 0
    ) -> ReportCounts:
        return await self._long(lambda reader: moderation.read_counts(reader.execute, conversation, since))

    async def conflicts_resolved(self) -> int:
        return await self._long(lambda reader: moderation.read_conflicts_resolved(reader.execute))

    async def keep_invite(self, invite: Invite, *, max_open: int) -> InviteKept | TooManyInvites:
        bounds.check_invite(invite)
        return await self._write(KeepInvite(invite, max_open), InviteKept, TooManyInvites)

    async def invite(self, invite: str) -> Invite | None:
        return await self._short(lambda reader: moderation.read_invite(reader.execute, invite))

    async def invites(self, conversation: ConversationId, *, revoked: bool = False) -> list[Invite]:
        return await self._long(
            lambda reader: moderation.read_invites(reader.execute, conversation, revoked=revoked)
        )

    async def revoke_invite(
        self, invite: str, *, by: AccountDid, now: int
    ) -> InviteKept | InviteRevoked | InviteUnknown:
        return await self._write(RevokeInvite(invite, by, now), InviteKept, InviteRevoked, InviteUnknown)

    async def use_invite(
        self, conversation: ConversationId, psk_hash: bytes, *, account: AccountDid, now: int
    ) -> InviteKept | InviteUnknown:
        return await self._write(UseInvite(conversation, psk_hash, account, now), InviteKept, InviteUnknown)
