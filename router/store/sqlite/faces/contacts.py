"""The store's face for first contact: opt-ins and chat requests."""

from collections.abc import Mapping, Sequence

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
    RequestSettled,
    RequestStatus,
    RequestUnknown,
    RequestVerdict,
    SenderBlocked,
    SettleRequestOutcome,
    TooManyRequests,
)
from router.store.sqlite import contacts
from router.store.sqlite.mls_requests import (
    BlockSender,
    Counted,
    OptedIn,
    OptIn,
    OptOut,
    PutChatRequest,
    SetRequestSettings,
    SettleChatRequest,
    UnblockSender,
)
from router.store.sqlite.parts import SqliteParts
from router.store.sqlite.requests import Changed, Done


class ContactFace(SqliteParts):
    """See `Contacts`."""

    async def opt_in(self, account: AccountDid, *, now: int) -> int:
        return (await self._write(OptIn(account, now), OptedIn)).since

    async def opt_out(self, account: AccountDid) -> bool:
        return (await self._write(OptOut(account), Changed)).changed

    async def opted_in(self, accounts: Sequence[AccountDid]) -> Mapping[AccountDid, int]:
        return await self._short(lambda reader: contacts.read_opted_in(reader.execute, accounts))

    async def request_settings(self, account: AccountDid) -> RequestSettings:
        return await self._short(lambda reader: contacts.read_settings(reader.execute, account))

    async def set_request_settings(self, account: AccountDid, settings: RequestSettings) -> None:
        bounds.check_settings(settings)
        await self._write(SetRequestSettings(account, settings), Done)

    async def put_chat_request(
        self, request: ChatRequest, held: Sequence[HeldMessage], *, now: int, max_pending: int
    ) -> PutRequestOutcome:
        bounds.check_request(request, held)
        asked = PutChatRequest(request, tuple(held), now, max_pending)
        return await self._write(asked, RequestKept, RequestPending, SenderBlocked, TooManyRequests)

    async def chat_request(self, request: str, *, now: int) -> ChatRequest | None:
        return await self._short(lambda reader: contacts.read_request(reader.execute, request, now))

    async def chat_requests(
        self,
        recipient: AccountDid,
        *,
        status: RequestStatus | None = None,
        before: int | None = None,
        now: int,
        limit: int,
    ) -> RequestPage:
        return await self._long(
            lambda reader: contacts.read_requests(reader.execute, recipient, status, before, now, limit)
        )

    async def count_chat_requests(self, recipient: AccountDid, *, now: int) -> tuple[int, int | None]:
        return await self._short(lambda reader: contacts.read_count(reader.execute, recipient, now))

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
        bounds.check_complaint(complaint)
        asked = SettleChatRequest(recipient, request, verdict, conversation, complaint, now)
        return await self._write(asked, RequestSettled, RequestUnknown, RequestEnded)

    async def block_sender(
        self, recipient: AccountDid, sender: AccountDid, *, complaint: Complaint | None = None, now: int
    ) -> int:
        bounds.check_complaint(complaint)
        return (await self._write(BlockSender(recipient, sender, complaint, now), Counted)).count

    async def complaints(self, *, before: int | None = None, limit: int) -> ComplaintPage:
        return await self._long(lambda reader: contacts.read_complaints(reader.execute, before, limit))

    async def unblock_sender(self, recipient: AccountDid, sender: AccountDid) -> bool:
        return (await self._write(UnblockSender(recipient, sender), Changed)).changed
