"""The part of the store for first contact: who wants to be reached, and requests that wait for an answer.

    pending ─▶ accepted · declined · blocked · expired
                  │
                  └─ again: the same messages, as long as the request is remembered

A request is one stranger's wish to talk, with a few sealed messages that are held until it is accepted.
Between two accounts at most one is pending. Who is blocked asks in vain until he is unblocked.
"""

import abc
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from protocol import AccountDid, ConversationId

RequestStatus = Literal["pending", "accepted", "declined", "blocked", "expired"]
RequestVerdict = Literal["accepted", "declined", "blocked"]


class HeldMessage(msgspec.Struct, frozen=True, gc=False):
    """A sealed message that waits for its request."""

    body: bytes
    eph_pub_key: bytes = b""


class ChatRequest(msgspec.Struct, frozen=True, gc=False):
    """One wish to talk."""

    id: str
    sender: AccountDid
    recipient: AccountDid
    created: int
    """Bucket, Unix seconds."""
    expires: int
    preview: str | None = None
    """Text its sender chose to show."""
    group_id: str | None = None
    """The group it is an invitation to, if it is one."""
    held: int = 0
    """How many messages are held."""
    status: RequestStatus = "pending"
    settled: int | None = None
    conversation: ConversationId | None = None
    """Where it led, once it was accepted."""


class RequestSettings(msgspec.Struct, frozen=True, gc=False):
    """Whom an account lets through, and how long requests wait."""

    allow_followers: bool = True
    allow_following: bool = False
    expire_days: int = 7


class RequestKept(msgspec.Struct, frozen=True, tag="request-kept", gc=False):
    """It waits for its recipient."""


class RequestPending(msgspec.Struct, frozen=True, tag="request-pending"):
    """There is one between the two already. Nothing was written."""

    request: ChatRequest


class SenderBlocked(msgspec.Struct, frozen=True, tag="sender-blocked", gc=False):
    """The recipient wants none from this sender. Nothing was written."""


class TooManyRequests(msgspec.Struct, frozen=True, tag="too-many-requests", gc=False):
    """As many wait for the recipient as may. Nothing was written."""

    limit: int


class RequestSettled(msgspec.Struct, frozen=True, tag="request-settled"):
    """The request as it stands, and what was held for it: given out when it is accepted, and to no other end.

    Accepting what is accepted settles nothing and gives the same again: the first answer may be lost.
    """

    request: ChatRequest
    held: tuple[HeldMessage, ...]


class RequestUnknown(msgspec.Struct, frozen=True, tag="request-unknown", gc=False):
    """The recipient has no such request. Nothing was written."""


class RequestEnded(msgspec.Struct, frozen=True, tag="request-ended"):
    """It has ended already, or its time is over. Nothing was written."""

    request: ChatRequest


class Complaint(msgspec.Struct, frozen=True, gc=False):
    """What a recipient tells the operator of a sender: one for each two accounts, the last one."""

    recipient: AccountDid
    """Who complains."""
    sender: AccountDid
    reason: str
    details: str | None
    made: int
    """Bucket, Unix seconds."""


class ComplaintPage(msgspec.Struct, frozen=True):
    """Some complaints, newest first."""

    complaints: list[Complaint]
    next: int | None
    """Pass as `before` for the rest."""


PutRequestOutcome = RequestKept | RequestPending | SenderBlocked | TooManyRequests
SettleRequestOutcome = RequestSettled | RequestUnknown | RequestEnded


class RequestPage(msgspec.Struct, frozen=True):
    """Some requests, newest first."""

    requests: list[ChatRequest]
    next: int | None
    """Pass as `before` for the rest. A row number of this server: seal it for clients."""


def as_of(request: ChatRequest, now: int) -> ChatRequest:
    """The request as it reads at `now`: one whose time is over is expired, whoever noted it. Pure."""
    if request.status == "pending" and request.expires <= now:
        return replace(request, status="expired")
    return request


class Contacts(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods."""

    # -- opt-in ----------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def opt_in(self, account: AccountDid, *, now: int) -> int:
        """Note that the account wants to be reached; the bucket since when."""

    @abc.abstractmethod
    async def opt_out(self, account: AccountDid) -> bool:
        """Undo it; False if there was nothing to undo."""

    @abc.abstractmethod
    async def opted_in(self, accounts: Sequence[AccountDid]) -> Mapping[AccountDid, int]:
        """Those of these accounts that want to be reached, and since when."""

    # -- chat requests ---------------------------------------------------------------------------------

    @abc.abstractmethod
    async def request_settings(self, account: AccountDid) -> RequestSettings:
        """The account's settings; the defaults where it has none."""

    @abc.abstractmethod
    async def set_request_settings(self, account: AccountDid, settings: RequestSettings) -> None:
        """Keep the account's settings."""

    @abc.abstractmethod
    async def put_chat_request(
        self, request: ChatRequest, held: Sequence[HeldMessage], *, now: int, max_pending: int
    ) -> PutRequestOutcome:
        """Keep a new request with its messages; at most `bounds.MAX_HELD`, else `PoisonRequest`."""

    @abc.abstractmethod
    async def chat_request(self, request: str, *, now: int) -> ChatRequest | None:
        """The request of this id; one whose time is over reads `expired`."""

    @abc.abstractmethod
    async def chat_requests(
        self,
        recipient: AccountDid,
        *,
        status: RequestStatus | None = None,
        before: int | None = None,
        now: int,
        limit: int,
    ) -> RequestPage:
        """Requests to an account, newest first; those whose time is over read `expired`."""

    @abc.abstractmethod
    async def count_chat_requests(self, recipient: AccountDid, *, now: int) -> tuple[int, int | None]:
        """How many wait for the account, and the bucket of the newest."""

    @abc.abstractmethod
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
        """The recipient's answer; `blocked` blocks its sender too. A complaint is kept if this settles it."""

    @abc.abstractmethod
    async def block_sender(
        self, recipient: AccountDid, sender: AccountDid, *, complaint: Complaint | None = None, now: int
    ) -> int:
        """Want no requests of this sender any more; how many pending ones that ended."""

    @abc.abstractmethod
    async def complaints(self, *, before: int | None = None, limit: int) -> ComplaintPage:
        """What operators were told of senders, newest first. They go with `Retention.report`."""

    @abc.abstractmethod
    async def unblock_sender(self, recipient: AccountDid, sender: AccountDid) -> bool:
        """Undo it; False if there was nothing to undo."""
