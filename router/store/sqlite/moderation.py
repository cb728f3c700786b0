"""The ledger's and the reader's page for reports and invites: each public function is one request or read."""

from typing import Any

import msgspec
from msgspec.structs import replace

from protocol import AccountDid, ConversationId, decode_group
from router.store.audit import AuditFact
from router.store.moderation import (
    Invite,
    InviteKept,
    InviteRevoked,
    InviteUnknown,
    Report,
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
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.mls_requests import (
    FileReport,
    KeepInvite,
    ResolveReport,
    RevokeInvite,
    UseInvite,
)
from router.store.sqlite.requests import Poisoned
from router.store.values import Retention

_NO_LIMIT = 2**62

# -- reports ---------------------------------------------------------------------------------------------


def file_report(execute: Execute, _: Record, request: FileReport) -> ReportFiled | TooManyReports | Poisoned:
    report = request.report
    key = _conversation(execute, report.conversation)
    if key is None:
        return Poisoned("a report in a conversation that does not exist")
    if execute(SQL["report_exists"], (report.id,)).fetchone() is not None:
        return ReportFiled()
    (pending,) = execute(SQL["count_pending_reports"], (key, report.reporter)).fetchone()
    if pending >= request.max_pending:
        return TooManyReports(request.max_pending)
    execute(
        SQL["insert_report"],
        (
            report.id,
            key,
            report.reporter,
            report.reported,
            report.category,
            report.content,
            msgspec.json.encode(report.message_ids).decode(),
            report.submitted,
        ),
    )
    return ReportFiled()


def resolve(execute: Execute, record: Record, request: ResolveReport) -> ResolveOutcome:
    report = read_report(execute, request.report)
    if report is None:
        return ReportUnknown()
    if report.status != "pending":
        return ReportSettled(report)
    closed = replace(
        report,
        status=status_after(request.action),
        resolved_by=request.by,
        resolved=request.now,
        action=request.action,
        notes=request.notes,
    )
    execute(
        SQL["resolve_report"],
        (closed.status, closed.resolved_by, closed.resolved, closed.action, closed.notes, closed.id),
    )
    act = AuditFact(
        "report.resolved", request.by, report.reported, report.conversation, detail=request.action
    )
    record((act,), request.now)
    return ReportResolved(closed)


def read_report(execute: Execute, report: str) -> Report | None:
    """See `Store.report`."""
    row = execute(SQL["report"], (report,)).fetchone()
    return None if row is None else _report(row)[1]


def read_reports(
    execute: Execute,
    conversation: ConversationId,
    status: ReportStatus | None,
    before: int | None,
    limit: int,
) -> ReportPage:
    """See `Store.reports`."""
    asked = (conversation, _NO_LIMIT if before is None else before, status, status, limit + 1)
    found = [_report(row) for row in execute(SQL["reports"], asked).fetchall()]
    following = found[limit - 1][0] if len(found) > limit else None
    return ReportPage([report for _, report in found[:limit]], following)


def read_counts(execute: Execute, conversation: ConversationId | None, since: int) -> ReportCounts:
    """See `Store.report_counts`."""
    if conversation is None:
        rows = execute(SQL["report_counts_scan"], (since,)).fetchall()
    else:
        rows = execute(SQL["report_counts"], (conversation, since)).fetchall()
    resolved = sum(closed for _, _, closed, _, _ in rows)
    return ReportCounts(
        pending=sum(total for _, total, _, _, _ in rows) - resolved,
        resolved=resolved,
        removals=sum(removals for _, _, _, removals, _ in rows),
        by_category={category: total for category, total, _, _, _ in rows},
        resolution_seconds=sum(seconds for _, _, _, _, seconds in rows),
    )


def read_conflicts_resolved(execute: Execute) -> int:
    """See `Store.conflicts_resolved`. A row at a time: the states of all groups may be large."""
    return sum(decode_group(column).conflicts_resolved for (column,) in execute(SQL["group_states_scan"]))


def _report(row: tuple[Any, ...]) -> tuple[int, Report]:
    (key, name, conversation, reporter, reported, category, content, message_ids, *rest) = row
    ids = msgspec.json.decode(message_ids, type=tuple[str, ...])
    return key, Report(name, conversation, reporter, reported, category, content, ids, *rest)


# -- invites ---------------------------------------------------------------------------------------------


def keep_invite(
    execute: Execute, record: Record, request: KeepInvite
) -> InviteKept | TooManyInvites | Poisoned:
    invite = request.invite
    key = _conversation(execute, invite.conversation)
    if key is None:
        return Poisoned("an invite to a conversation that does not exist")
    known = read_invite(execute, invite.id)
    if known is not None:
        return InviteKept(known)
    others = read_invites(execute, invite.conversation, revoked=False)
    if sum(other.open_at(invite.created) for other in others) >= request.max_open:
        return TooManyInvites(request.max_open)
    execute(
        SQL["insert_invite"],
        (
            invite.id,
            key,
            invite.created_by,
            invite.created,
            invite.psk_hash,
            invite.target,
            invite.expires,
            invite.max_uses,
            invite.uses,
        ),
    )
    _record_invite(record, "invite.created", invite, invite.created_by, invite.created)
    return InviteKept(invite)


def revoke_invite(
    execute: Execute, record: Record, request: RevokeInvite
) -> InviteKept | InviteRevoked | InviteUnknown:
    known = read_invite(execute, request.invite)
    if known is None:
        return InviteUnknown()
    if known.revoked is not None:
        return InviteRevoked(known)
    execute(SQL["revoke_invite"], (request.now, request.by, known.id))
    _record_invite(record, "invite.revoked", known, request.by, request.now)
    return InviteKept(replace(known, revoked=request.now, revoked_by=request.by))


def use_invite(execute: Execute, record: Record, request: UseInvite) -> InviteKept | InviteUnknown:
    rows = execute(SQL["invites_by_psk"], (request.conversation, request.psk_hash)).fetchall()
    for row in rows:
        known = Invite(*row)
        if known.serves(request.account, request.now):
            execute(SQL["use_invite"], (known.id,))
            _record_invite(record, "invite.used", known, request.account, request.now)
            return InviteKept(replace(known, uses=known.uses + 1))
    return InviteUnknown()


def read_invite(execute: Execute, invite: str) -> Invite | None:
    """See `Store.invite`."""
    row = execute(SQL["invite"], (invite,)).fetchone()
    return None if row is None else Invite(*row)


def read_invites(execute: Execute, conversation: ConversationId, *, revoked: bool) -> list[Invite]:
    """See `Store.invites`."""
    return [Invite(*row) for row in execute(SQL["invites"], (conversation, revoked)).fetchall()]


def _record_invite(record: Record, action: str, invite: Invite, actor: AccountDid, now: int) -> None:
    record((AuditFact(action, actor, invite.target, invite.conversation, detail=invite.id),), now)


# -- upkeep ----------------------------------------------------------------------------------------------


def expire(execute: Execute, now: int, limit: int, retention: Retention) -> int:
    """Delete reports and invites that ended long ago; how many of the kind of which there were more."""
    before = now - retention.ended
    reports = execute(SQL["sweep_reports"], (now - retention.report, limit)).rowcount
    invites = execute(SQL["sweep_invites"], (before, limit, before, limit)).rowcount
    return max(reports, invites)


def _conversation(execute: Execute, conversation: ConversationId) -> int | None:
    row = execute(SQL["conversation_key"], (conversation,)).fetchone()
    return None if row is None else int(row[0])
