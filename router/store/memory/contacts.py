"""The memory store's opt-ins and chat requests."""

from collections.abc import Mapping, Sequence

import attrs
import trio
from msgspec.structs import replace

from protocol import AccountDid, ConversationId
from router.store import bounds
from router.store.contacts import (
    ChatRequest,
    Complaint,
    ComplaintPage,
    HeldMessage,
    PutRequestOutcome,
    RequestEnded,
    RequestKept,
    RequestPage,
    RequestPending,
    RequestSettings,
    RequestStatus,
    RequestUnknown,
    RequestVerdict,
    SenderBlocked,
    SettleRequestOutcome,
    TooManyRequests,
    as_of,
)
from router.store.contacts import RequestSettled as Settled
from router.store.errors import PoisonRequest
from router.store.memory.base import Base
from router.store.values import Retention


@attrs.define
class _Told:
    number: int
    complaint: Complaint


@attrs.define
class _Kept:
    number: int
    request: ChatRequest
    held: tuple[HeldMessage, ...]


class MemoryContacts(Base):
    """See `Contacts`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._opted_in: dict[AccountDid, int] = {}
        self._request_settings: dict[AccountDid, RequestSettings] = {}
        self._requests: dict[str, _Kept] = {}
        self._request_number = 0
        self._blocked: set[tuple[AccountDid, AccountDid]] = set()
        self._complaints: dict[tuple[AccountDid, AccountDid], _Told] = {}
        self._complaint_number = 0

    # -- opt-in ----------------------------------------------------------------------------------------

    async def opt_in(self, account: AccountDid, *, now: int) -> int:
        await trio.lowlevel.checkpoint()
        return self._opted_in.setdefault(account, now)

    async def opt_out(self, account: AccountDid) -> bool:
        await trio.lowlevel.checkpoint()
        return self._opted_in.pop(account, None) is not None

    async def opted_in(self, accounts: Sequence[AccountDid]) -> Mapping[AccountDid, int]:
        await trio.lowlevel.checkpoint()
        return {account: self._opted_in[account] for account in accounts if account in self._opted_in}

    # -- chat requests ---------------------------------------------------------------------------------

    async def request_settings(self, account: AccountDid) -> RequestSettings:
        await trio.lowlevel.checkpoint()
        return self._request_settings.get(account, RequestSettings())

    async def set_request_settings(self, account: AccountDid, settings: RequestSettings) -> None:
        await trio.lowlevel.checkpoint()
        bounds.check_settings(settings)
        self._request_settings[account] = settings

    async def put_chat_request(
        self, request: ChatRequest, held: Sequence[HeldMessage], *, now: int, max_pending: int
    ) -> PutRequestOutcome:
        await trio.lowlevel.checkpoint()
        bounds.check_request(request, held)
        if (request.recipient, request.sender) in self._blocked:
            return SenderBlocked()
        if request.id in self._requests:
            raise PoisonRequest("a chat request under an id that is taken")
        waiting = [kept for kept in self._requests.values() if kept.request.recipient == request.recipient]
        waiting = [kept for kept in waiting if as_of(kept.request, now).status == "pending"]
        for kept in waiting:
            if kept.request.sender == request.sender:
                return RequestPending(kept.request)
        if len(waiting) >= max_pending:
            return TooManyRequests(max_pending)
        self._request_number += 1
        given = replace(request, held=len(held), status="pending", settled=None, conversation=None)
        self._requests[request.id] = _Kept(self._request_number, given, tuple(held))
        return RequestKept()

    async def chat_request(self, request: str, *, now: int) -> ChatRequest | None:
        await trio.lowlevel.checkpoint()
        kept = self._requests.get(request)
        return None if kept is None else as_of(kept.request, now)

    async def chat_requests(
        self,
        recipient: AccountDid,
        *,
        status: RequestStatus | None = None,
        before: int | None = None,
        now: int,
        limit: int,
    ) -> RequestPage:
        await trio.lowlevel.checkpoint()
        found = [
            (kept.number, as_of(kept.request, now))
            for kept in reversed(self._requests.values())
            if kept.request.recipient == recipient and (before is None or kept.number < before)
        ]
        found = [(number, request) for number, request in found if status in (None, request.status)]
        following = found[limit - 1][0] if len(found) > limit else None
        return RequestPage([request for _, request in found[:limit]], following)

    async def count_chat_requests(self, recipient: AccountDid, *, now: int) -> tuple[int, int | None]:
        await trio.lowlevel.checkpoint()
        waiting = [
            kept.request.created
            for kept in self._requests.values()
            if kept.request.recipient == recipient and as_of(kept.request, now).status == "pending"
        ]
        return len(waiting), max(waiting, default=None)

    async def settle_chat_request(
        self,
        recipient: AccountDid,
        request: str,
        verdict: RequestVerdict,
        *,
        conversation: ConversationId | None = None,
        complaint: Complaint | None = None,
        now: int,
    ) -> SettleRequestOutcome:
        await trio.lowlevel.checkpoint()
        bounds.check_complaint(complaint)
        kept = self._requests.get(request)
        if kept is None or kept.request.recipient != recipient:
            return RequestUnknown()
        standing = as_of(kept.request, now)
        if standing.status == verdict == "accepted":
            return Settled(standing, kept.held)
        if standing.status != "pending":
            return RequestEnded(standing)
        self._end_request(kept, verdict, now)
        if verdict == "accepted":
            kept.request = replace(kept.request, conversation=conversation)
        if verdict == "blocked":
            self._blocked.add((recipient, kept.request.sender))
        self._complain(complaint)
        return Settled(kept.request, kept.held)

    def _end_request(self, kept: _Kept, status: RequestStatus, now: int) -> None:
        kept.request = replace(kept.request, status=status, settled=now, preview=None)
        if status != "accepted":
            kept.held = ()

    def _complain(self, complaint: Complaint | None) -> None:
        if complaint is not None:
            pair = (complaint.recipient, complaint.sender)
            self._complaints.pop(pair, None)
            self._complaint_number += 1
            self._complaints[pair] = _Told(self._complaint_number, complaint)

    async def complaints(self, *, before: int | None = None, limit: int) -> ComplaintPage:
        await trio.lowlevel.checkpoint()
        found = [
            told for told in reversed(self._complaints.values()) if before is None or told.number < before
        ]
        following = found[limit - 1].number if len(found) > limit else None
        return ComplaintPage([told.complaint for told in found[:limit]], following)

    async def block_sender(
        self, recipient: AccountDid, sender: AccountDid, *, complaint: Complaint | None = None, now: int
    ) -> int:
        await trio.lowlevel.checkpoint()
        bounds.check_complaint(complaint)
        self._blocked.add((recipient, sender))
        self._complain(complaint)
        waiting = [
            kept
            for kept in self._requests.values()
            if (kept.request.recipient, kept.request.sender) == (recipient, sender)
            and as_of(kept.request, now).status == "pending"
        ]
        for kept in waiting:
            self._end_request(kept, "blocked", now)
        return len(waiting)

    async def unblock_sender(self, recipient: AccountDid, sender: AccountDid) -> bool:
        await trio.lowlevel.checkpoint()
        if (recipient, sender) not in self._blocked:
            return False
        self._blocked.remove((recipient, sender))
        return True

    def _expire_requests(self, now: int, limit: int, retention: Retention) -> tuple[int, int]:
        """Those that nobody answered in time, and those that ended long ago."""
        late = [
            kept
            for kept in self._requests.values()
            if kept.request.status == "pending" and kept.request.expires <= now
        ][:limit]
        for kept in late:
            self._end_request(kept, "expired", now)
        old = [
            name
            for name, kept in self._requests.items()
            if kept.request.settled is not None and kept.request.settled <= now - retention.ended
        ][:limit]
        for name in old:
            del self._requests[name]
        dated = [
            pair for pair, told in self._complaints.items() if told.complaint.made <= now - retention.report
        ][:limit]
        for pair in dated:
            del self._complaints[pair]
        return len(late), max(len(old), len(dated))
