"""The memory store's reports and invites."""

from collections import Counter

import attrs
import trio
from msgspec.structs import replace

from protocol import AccountDid, ConversationId
from router.store import bounds
from router.store.audit import AuditFact
from router.store.memory.base import Base
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
    status_after,
)
from router.store.values import Retention


@attrs.define
class _Filed:
    number: int
    report: Report


class MemoryModeration(Base):
    """See `Moderation`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._reports: dict[str, _Filed] = {}
        self._report_number = 0
        self._invites: dict[str, Invite] = {}

    # -- reports ---------------------------------------------------------------------------------------

    async def file_report(self, report: Report, *, max_pending: int) -> ReportFiled | TooManyReports:
        await trio.lowlevel.checkpoint()
        bounds.check_report(report)
        self._log_of(report.conversation)
        if report.id in self._reports:
            return ReportFiled()
        pending = sum(
            filed.report.conversation == report.conversation
            and filed.report.reporter == report.reporter
            and filed.report.status == "pending"
            for filed in self._reports.values()
        )
        if pending >= max_pending:
            return TooManyReports(max_pending)
        self._report_number += 1
        self._reports[report.id] = _Filed(self._report_number, report)
        return ReportFiled()

    async def report(self, report: str) -> Report | None:
        await trio.lowlevel.checkpoint()
        filed = self._reports.get(report)
        return None if filed is None else filed.report

    async def reports(
        self,
        conversation: ConversationId,
        *,
        status: ReportStatus | None = None,
        before: int | None = None,
        limit: int,
    ) -> ReportPage:
        await trio.lowlevel.checkpoint()
        found = [
            filed
            for filed in reversed(self._reports.values())
            if filed.report.conversation == conversation
            and status in (None, filed.report.status)
            and (before is None or filed.number < before)
        ]
        following = found[limit - 1].number if len(found) > limit else None
        return ReportPage([filed.report for filed in found[:limit]], following)

    async def resolve_report(
        self, report: str, *, by: AccountDid, action: ReportAction, notes: str | None, now: int
    ) -> ResolveOutcome:
        await trio.lowlevel.checkpoint()
        bounds.check_notes(notes)
        filed = self._reports.get(report)
        if filed is None:
            return ReportUnknown()
        if filed.report.status != "pending":
            return ReportSettled(filed.report)
        filed.report = replace(
            filed.report,
            status=status_after(action),
            resolved_by=by,
            resolved=now,
            action=action,
            notes=notes,
        )
        act = AuditFact(
            "report.resolved", by, filed.report.reported, filed.report.conversation, detail=action
        )
        self._record((act,), now)
        return ReportResolved(filed.report)

    async def report_counts(
        self, conversation: ConversationId | None = None, *, since: int = 0
    ) -> ReportCounts:
        await trio.lowlevel.checkpoint()
        chosen = [
            filed.report
            for filed in self._reports.values()
            if conversation in (None, filed.report.conversation) and filed.report.submitted >= since
        ]
        resolved = [report for report in chosen if report.resolved is not None]
        return ReportCounts(
            pending=len(chosen) - len(resolved),
            resolved=len(resolved),
            removals=sum(report.action == "removed_member" for report in resolved),
            by_category=dict(Counter(report.category for report in chosen)),
            resolution_seconds=sum((report.resolved or 0) - report.submitted for report in resolved),
        )

    async def conflicts_resolved(self) -> int:
        await trio.lowlevel.checkpoint()
        return sum(log.state.group.conflicts_resolved for log in self._logs.values())

    # -- invites ---------------------------------------------------------------------------------------

    async def keep_invite(self, invite: Invite, *, max_open: int) -> InviteKept | TooManyInvites:
        await trio.lowlevel.checkpoint()
        bounds.check_invite(invite)
        self._log_of(invite.conversation)
        known = self._invites.get(invite.id)
        if known is not None:
            return InviteKept(known)
        others = [other for other in self._invites.values() if other.conversation == invite.conversation]
        if sum(other.open_at(invite.created) for other in others) >= max_open:
            return TooManyInvites(max_open)
        self._invites[invite.id] = invite
        self._record_invite("invite.created", invite, invite.created_by, invite.created)
        return InviteKept(invite)

    async def invite(self, invite: str) -> Invite | None:
        await trio.lowlevel.checkpoint()
        return self._invites.get(invite)

    async def invites(self, conversation: ConversationId, *, revoked: bool = False) -> list[Invite]:
        await trio.lowlevel.checkpoint()
        return [
            invite
            for invite in self._invites.values()
            if invite.conversation == conversation and (revoked or invite.revoked is None)
        ]

    async def revoke_invite(
        self, invite: str, *, by: AccountDid, now: int
    ) -> InviteKept | InviteRevoked | InviteUnknown:
        await trio.lowlevel.checkpoint()
        known = self._invites.get(invite)
        if known is None:
            return InviteUnknown()
        if known.revoked is not None:
            return InviteRevoked(known)
        known = self._invites[invite] = replace(known, revoked=now, revoked_by=by)
        self._record_invite("invite.revoked", known, by, now)
        return InviteKept(known)

    async def use_invite(
        self, conversation: ConversationId, psk_hash: bytes, *, account: AccountDid, now: int
    ) -> InviteKept | InviteUnknown:
        await trio.lowlevel.checkpoint()
        for known in self._invites.values():
            named = (known.conversation, known.psk_hash) == (conversation, psk_hash)
            if named and known.serves(account, now):
                used = self._invites[known.id] = replace(known, uses=known.uses + 1)
                self._record_invite("invite.used", used, account, now)
                return InviteKept(used)
        return InviteUnknown()

    def _record_invite(self, action: str, invite: Invite, actor: AccountDid, now: int) -> None:
        self._record((AuditFact(action, actor, invite.target, invite.conversation, detail=invite.id),), now)

    def _expire_moderation(self, now: int, limit: int, retention: Retention) -> int:
        """Reports and invites that ended long ago, whichever were more."""
        reports = [
            name
            for name, filed in self._reports.items()
            if filed.report.resolved is not None and filed.report.resolved <= now - retention.report
        ][:limit]
        for name in reports:
            del self._reports[name]
        invites = [
            name
            for name, invite in self._invites.items()
            if (invite.revoked is not None and invite.revoked <= now - retention.ended)
            or (invite.expires is not None and invite.expires <= now - retention.ended)
        ][:limit]
        for name in invites:
            del self._invites[name]
        return max(len(reports), len(invites))
