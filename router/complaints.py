"""What recipients of chat requests tell the operator of their senders.

People write this to the operator, on purpose: declineChatRequest and blockChatSender with a reason. It names
who complains of whom and holds their words; nothing of it is in logs or metrics, and it goes with time
(`Retention.report`).
"""

from __future__ import annotations

import attrs
import msgspec

from protocol import bucket_text
from router.admin import CommandFailed
from router.store.interface import Store

_MOST = 1_000


class ComplaintsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest ones, `limit` at most; or those before a `next` that was given."""

    before: int | None = None
    limit: int = 100


class ComplaintRow(msgspec.Struct, frozen=True, rename="camel"):
    """One complaint."""

    made: str
    sender: str
    """Who is complained of."""
    recipient: str
    reason: str
    details: str | None


class ComplaintsTold(msgspec.Struct, frozen=True):
    """Some complaints, newest first."""

    complaints: list[ComplaintRow]
    next: int | None
    """Ask with it as `before` for the rest."""


@attrs.frozen
class Complaints:
    """The command, over one store."""

    store: Store

    async def list(self, asked: ComplaintsAsked) -> ComplaintsTold:
        """The newest first."""
        if not 1 <= asked.limit <= _MOST:
            raise CommandFailed("InvalidRequest", f"{_MOST} complaints are shown at most")
        page = await self.store.complaints(before=asked.before, limit=asked.limit)
        rows = [
            ComplaintRow(bucket_text(each.made), each.sender, each.recipient, each.reason, each.details)
            for each in page.complaints
        ]
        return ComplaintsTold(rows, page.next)
