"""Reports: a member tells the admins of another, sealed for them; they look, act and close it.

The server knows who reports whom and in which category, and cannot read the rest. Admins and moderators see
the reports of their conversation, admins close them. Closing one as `removed_member` removes nobody: it says
what an admin has done with `removeMember`, and is refused while the account is still in, so that what is
counted is true.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from protocol import (
    INSIDE,
    NOT_MEMBER,
    NOT_YET_MEMBER,
    Conversation,
    ConversationKind,
    Standing,
    bucket_text,
    parse_account_did,
    parse_msg_id,
    standing,
)
from router.edge.commands import idempotency, named_conversation
from router.edge.errors import Refusal
from router.edge.handlers_device import edge_bucket
from router.edge.members import readable
from router.edge.mls.kept import OTHER_REQUEST, moment, row_id
from router.edge.services import Call, Edge
from router.store.moderation import (
    Report,
    ReportAction,
    ReportCounts,
    ReportResolved,
    ReportSettled,
    ReportStatus,
    ReportUnknown,
    TooManyReports,
)
from schema.wire import Octets, given, mls

CATEGORIES: Final = {
    "harassment": "harassment",
    "spam": "spam",
    "hate_speech": "hate_speech",
    "violence": "violence",
    "sexual_content": "sexual_content",
    "impersonation": "impersonation",
    "privacy_violation": "privacy_violation",
    "other": "other_category",
}
"""The categories there are, and the field of the statistics that counts each."""
_STATUSES: Final[tuple[ReportStatus, ...]] = ("pending", "resolved", "dismissed")
_ACTIONS: Final[tuple[ReportAction, ...]] = ("removed_member", "dismissed", "no_action")

MAX_PENDING: Final = 20
"""Reports of one member that wait in one conversation: nobody floods its admins."""
_UNTIL_SOME_ARE_CLOSED: Final = 3_600.0

_UNKNOWN: Final = Refusal("ReportNotFound", "There is no such report.")


async def report_member(edge: Edge, call: Call) -> mls.ReportMemberOutput:
    """Keep a report for the admins. A retry under its key gets the first answer, whatever moved since."""
    body = call.value(mls.ReportMemberInput)
    reported = parse_account_did(body.reported_did)
    if body.category not in CATEGORIES:
        raise Refusal("InvalidRequest", f"category is one of {', '.join(CATEGORIES)}.")
    key = idempotency(edge, call, body.idempotency_key)
    wanted = Report(
        row_id(key),
        named_conversation(body.convo_id),
        call.account,
        reported,
        body.category,
        bytes(body.encrypted_content),
        tuple(parse_msg_id(message) for message in given(body.message_ids) or ()),
        edge_bucket(edge),
    )
    kept = None if key is None else await edge.store.report(wanted.id)
    if kept is None:
        await _file(edge, wanted)
        kept = wanted if key is None else await edge.store.report(wanted.id) or wanted  # a twin was faster
    if _said(kept) != _said(wanted):
        raise OTHER_REQUEST
    return mls.ReportMemberOutput(report_id=kept.id, submitted_at=bucket_text(kept.submitted))


async def _file(edge: Edge, report: Report) -> None:
    """Keep a new report, if its author and whom it is about are both in the conversation."""
    state = await readable(edge, report.reporter, report.conversation, ConversationKind.MLS)
    if report.reported == report.reporter:
        raise Refusal("CannotReportSelf", "An account cannot report itself.")
    if not state.is_member(report.reported):
        raise Refusal("TargetNotMember", "The account named is not in the conversation.")
    outcome = await edge.store.file_report(report, max_pending=MAX_PENDING)
    if isinstance(outcome, TooManyReports):
        message = f"{outcome.limit} reports of yours wait here; the admins close some of them first."
        raise Refusal("RateLimitExceeded", message, retry_after=_UNTIL_SOME_ARE_CLOSED)


def _said(report: Report) -> tuple[object, ...]:
    """What its author said: of a retry the same."""
    return (
        report.conversation,
        report.reporter,
        report.reported,
        report.category,
        report.content,
        report.message_ids,
    )


async def get_reports(edge: Edge, call: Call) -> mls.GetReportsOutput:
    """A page of a conversation's reports, newest first, for its admins and moderators."""
    params = call.value(mls.GetReportsParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    if standing(state, call.account) not in (Standing.ADMIN, Standing.MODERATOR):
        raise Refusal("NotAdmin", "Only admins and moderators of the conversation see its reports.")
    text = given(params.cursor)
    page = await edge.store.reports(
        state.id,
        status=_status(params.status),
        before=None if text is None else edge.cursors.row(call.account, text),
        limit=params.limit,
    )
    return mls.GetReportsOutput(
        reports=tuple(_view(report) for report in page.reports),
        cursor=UNSET if page.next is None else edge.cursors.page(call.account, page.next),
    )


async def resolve_report(edge: Edge, call: Call) -> mls.ResolveReportOutput:
    """An admin closes a report."""
    body = call.value(mls.ResolveReportInput)
    action = next((known for known in _ACTIONS if known == body.action), None)
    if action is None:
        raise Refusal("InvalidRequest", f"action is one of {', '.join(_ACTIONS)}.")
    report = await edge.store.report(body.report_id)
    state = None if report is None else await edge.store.conversation(report.conversation)
    who = standing(state, call.account)
    if report is None or state is None or who is Standing.STRANGER:
        raise _UNKNOWN
    if who not in INSIDE:
        raise Refusal.of(NOT_YET_MEMBER if who is Standing.PENDING else NOT_MEMBER)
    if who is not Standing.ADMIN:
        raise Refusal("NotAdmin", "Only admins of the conversation close its reports.")
    if action == "removed_member" and report.status == "pending" and state.is_member(report.reported):
        raise Refusal("InvalidRequest", "The account is in the conversation: removeMember comes first.")
    outcome = await edge.store.resolve_report(
        report.id, by=call.account, action=action, notes=given(body.notes), now=edge_bucket(edge)
    )
    match outcome:
        case ReportResolved():
            return mls.ResolveReportOutput(ok=True)
        case ReportSettled():
            raise Refusal("AlreadyResolved", "The report was closed before.")
        case ReportUnknown():
            raise _UNKNOWN


async def get_admin_stats(edge: Edge, call: Call) -> mls.GetAdminStatsOutput:
    """Counts of moderation: of a conversation for its admins, of the whole server for its operators."""
    params = call.value(mls.GetAdminStatsParams)
    since = given(params.since)
    start = 0 if since is None else moment(edge, "since", since)
    convo_id = given(params.convo_id)
    state = None
    if convo_id is not None:
        state = await readable(edge, call.account, convo_id, ConversationKind.MLS)
        allowed = call.account in state.admins
    else:
        allowed = edge.is_superadmin(call.account)
    if not allowed:
        raise Refusal("NotAuthorized", "These counts are for admins of the conversation, or of the server.")
    counts = await edge.store.report_counts(None if state is None else state.id, since=start)
    return mls.GetAdminStatsOutput(
        stats=_statistics(counts, await _conflicts_resolved(edge, state)),
        generated_at=bucket_text(edge_bucket(edge)),
        convo_id=UNSET if state is None else state.id,
    )


async def _conflicts_resolved(edge: Edge, state: Conversation | None) -> int:
    return await edge.store.conflicts_resolved() if state is None else state.group.conflicts_resolved


def _statistics(counts: ReportCounts, conflicts: int) -> mls.GetAdminStatsModerationStats:
    by_category = {field: counts.by_category.get(category, 0) for category, field in CATEGORIES.items()}
    return mls.GetAdminStatsModerationStats(
        total_reports=counts.pending + counts.resolved,
        pending_reports=counts.pending,
        resolved_reports=counts.resolved,
        total_removals=counts.removals,
        block_conflicts_resolved=conflicts,
        reports_by_category=mls.GetAdminStatsReportCategoryCounts(**by_category),
        average_resolution_time_hours=_hours(counts),
    )


def _hours(counts: ReportCounts) -> int | UnsetType:
    """The mean, to the nearest hour; nothing where nothing was closed yet."""
    if not counts.resolved:
        return UNSET
    whole = 3_600 * counts.resolved
    return (2 * counts.resolution_seconds + whole) // (2 * whole)


def _status(text: str | UnsetType) -> ReportStatus | None:
    wanted = given(text)
    if wanted is None:
        return None
    for status in _STATUSES:
        if status == wanted:
            return status
    raise Refusal("InvalidRequest", f"status is one of {', '.join(_STATUSES)}.")


def _view(report: Report) -> mls.GetReportsReportView:
    return mls.GetReportsReportView(
        id=report.id,
        reporter_did=report.reporter,
        reported_did=report.reported,
        encrypted_content=Octets(report.content),
        created_at=bucket_text(report.submitted),
        status=report.status,
        resolved_by=UNSET if report.resolved_by is None else report.resolved_by,
        resolved_at=UNSET if report.resolved is None else bucket_text(report.resolved),
        category=report.category,
        message_ids=report.message_ids,
        resolution=UNSET if report.action is None else report.action,
        notes=UNSET if report.notes is None else report.notes,
    )
