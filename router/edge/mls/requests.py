"""First contact: requests that wait for an answer.

A request is advice between clients, with a few sealed messages that are held until it is accepted; it makes
no conversation, and none is needed to make one: who must not be spoken to is kept off by blocks. It leads to
the conversation whose MLS group has the id that the request names, or the request's own id where it names
none; whoever begins that one calls `createConvo` with that group id and adds the other there.

Who is in a conversation with the recipient already needs no request (`bypassed`). Who follows whom is not
known here: `allowFollowersBypass` and `allowFollowingBypass` are kept and told for clients, which can read
the records, and let nobody through by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET

from protocol import (
    AccountDid,
    Conversation,
    ConversationId,
    ConversationKind,
    PaddingProfile,
    bucket_text,
    is_size_class,
    parse_account_did,
)
from router.edge.commands import id_of_group
from router.edge.errors import Refusal
from router.edge.handlers_device import edge_bucket
from router.edge.mls.blocks import check_cohabitation
from router.edge.mls.kept import row_id
from router.edge.services import Call, Edge
from router.store import bounds
from router.store.contacts import (
    ChatRequest,
    Complaint,
    HeldMessage,
    RequestEnded,
    RequestKept,
    RequestPending,
    RequestSettled,
    RequestUnknown,
    SenderBlocked,
    TooManyRequests,
)
from schema.wire import Octets, given, mls

MAX_PENDING: Final = 200
"""Requests that wait for one account."""

_DAY: Final = 86_400
_PAGE: Final = 50
_COMMON_PAGES: Final = 10
"""How far a common conversation is looked for. Who has more of them sends a request that waits."""
_UNTIL_SOME_ARE_ANSWERED: Final = 3_600.0

_NOT_FOUND: Final = Refusal("RequestNotFound", "No such request waits for you.")
_PROCESSED: Final = Refusal("AlreadyProcessed", "The request was answered before, or its time is over.")


# -- the sender's side -------------------------------------------------------------------------------


async def send_request(edge: Edge, call: Call) -> mls.SendChatRequestOutput:
    """Ask an account to talk. What is held waits for the recipient's days, then it is gone."""
    body = call.value(mls.SendChatRequestInput)
    recipient, group_id = parse_account_did(body.recipient_did), _group_named(body)
    if recipient == call.account:
        raise Refusal("SelfRequest", "An account cannot ask itself.")
    held = _held(given(body.held_messages) or ())
    await _check_reachable(edge, recipient)
    await _check_blocks(edge, call.account, recipient)
    now = edge_bucket(edge)
    common = None if held or group_id is not None else await _common(edge, call.account, recipient)
    if common is not None:
        at = bucket_text(now)
        return mls.SendChatRequestOutput(
            request_id=row_id(None), status="bypassed", created_at=at, expires_at=at, convo_id=common
        )
    settings = await edge.store.request_settings(recipient)
    request = ChatRequest(
        row_id(None),
        call.account,
        recipient,
        now,
        now + settings.expire_days * _DAY,
        given(body.preview_text),
        group_id,
    )
    match await edge.store.put_chat_request(request, held, now=now, max_pending=MAX_PENDING):
        case RequestKept():
            return mls.SendChatRequestOutput(
                request_id=request.id,
                status="pending",
                created_at=bucket_text(request.created),
                expires_at=bucket_text(request.expires),
            )
        case RequestPending():
            raise Refusal("DuplicateRequest", "A request of yours waits with this account already.")
        case SenderBlocked():
            raise _BLOCKED
        case TooManyRequests():
            message = "Too many requests wait for this account."
            raise Refusal("RateLimited", message, retry_after=_UNTIL_SOME_ARE_ANSWERED)


_BLOCKED: Final = Refusal("BlockedByRecipient", "This account takes no requests of yours.")


def _group_named(body: mls.SendChatRequestInput) -> str | None:
    group_id = given(body.group_id)
    if body.is_group_invite is not (group_id is not None):
        raise Refusal("InvalidRequest", "groupId names the group of an invitation, and goes with one.")
    if group_id is not None and not 0 < len(group_id.encode()) <= _MAX_GROUP_ID:
        raise Refusal("InvalidRequest", f"groupId has 1 to {_MAX_GROUP_ID} bytes.")
    return group_id


_MAX_GROUP_ID: Final = 128
"""As in createConvo."""


def _held(messages: Sequence[mls.SendChatRequestHeldMessage]) -> tuple[HeldMessage, ...]:
    """What is to be held: few, of a padding size each, as long as they say they are."""
    if len(messages) > bounds.MAX_HELD:
        raise Refusal("InvalidRequest", f"At most {bounds.MAX_HELD} messages are held for a request.")
    for message in messages:
        size = len(message.ciphertext)
        if size > bounds.MAX_HELD_BYTES:
            raise Refusal("MessageTooLarge", f"A held message has at most {bounds.MAX_HELD_BYTES} bytes.")
        if message.padded_size != size or not is_size_class(size, PaddingProfile.CATBIRD):
            raise Refusal("InvalidAsset", f"The ciphertext has {size} bytes, not the padding size declared.")
    return tuple(
        HeldMessage(bytes(message.ciphertext), bytes(given(message.eph_pub_key) or b""))
        for message in messages
    )


async def _check_reachable(edge: Edge, recipient: AccountDid) -> None:
    if not await edge.store.devices_of(recipient) and not await edge.store.opted_in((recipient,)):
        raise Refusal("RecipientNotFound", "The account to ask is not known here.")


async def _check_blocks(edge: Edge, sender: AccountDid, recipient: AccountDid) -> None:
    """Refuse where a block record stands between the two, whoever made it, or where none can be looked up."""
    try:
        await check_cohabitation(edge, (), (sender, recipient))
    except Refusal as refusal:
        if refusal.error == "MutualBlockDetected":
            raise _BLOCKED from None
        raise


async def _common(edge: Edge, one: AccountDid, other: AccountDid) -> ConversationId | None:
    """A conversation that both are in, the oldest of `one`'s; None where none was found in so many."""
    row: int | None = None
    for _ in range(_COMMON_PAGES):
        page = await edge.store.conversations_of(one, after=row, limit=_PAGE)
        for state in page.conversations:
            if _both_in(state, other):
                return state.id
        row = page.next
        if row is None:
            break
    return None


def _both_in(state: Conversation, other: AccountDid) -> bool:
    return state.kind is ConversationKind.MLS and state.is_member(other)


# -- the recipient's side ----------------------------------------------------------------------------


async def accept_request(edge: Edge, call: Call) -> mls.AcceptChatRequestOutput:
    """Take what was held; again the same, should the first answer be lost."""
    body = call.value(mls.AcceptChatRequestInput)
    if body.welcome_data is not UNSET:
        message = "A Welcome goes with the commit that adds its reader: call createConvo or addMembers."
        raise Refusal("InvalidRequest", message)
    now = edge_bucket(edge)
    request = await edge.store.chat_request(body.request_id, now=now)
    if request is None or request.recipient != call.account:
        raise _NOT_FOUND
    conversation = id_of_group(edge.secrets, request.group_id or request.id)
    outcome = await edge.store.settle_chat_request(
        call.account, request.id, "accepted", conversation=conversation, now=now
    )
    match outcome:
        case RequestSettled(request=settled, held=held):
            return mls.AcceptChatRequestOutput(
                convo_id=conversation,
                held_messages=_delivered(settled, held),
                accepted_at=bucket_text(now if settled.settled is None else settled.settled),
            )
        case RequestEnded(request=ChatRequest(status="expired")):
            raise Refusal("RequestExpired", "The request has lapsed.")
        case RequestEnded():
            raise _PROCESSED
        case RequestUnknown():
            raise _NOT_FOUND


def _delivered(
    request: ChatRequest, held: Sequence[HeldMessage]
) -> tuple[mls.AcceptChatRequestDeliveredMessage, ...]:
    return tuple(
        mls.AcceptChatRequestDeliveredMessage(
            id=f"{request.id}:{place}",
            ciphertext=Octets(message.body),
            padded_size=len(message.body),
            sequence=place,
            eph_pub_key=Octets(message.eph_pub_key) if message.eph_pub_key else UNSET,
        )
        for place, message in enumerate(held, 1)
    )


async def decline_request(edge: Edge, call: Call) -> mls.DeclineChatRequestOutput:
    """Refuse a request; its messages are gone. To refuse it again is to refuse it."""
    body = call.value(mls.DeclineChatRequestInput)
    now = edge_bucket(edge)
    request = await edge.store.chat_request(body.request_id, now=now)
    if request is None or request.recipient != call.account:
        raise _NOT_FOUND
    reason, details = given(body.report_reason), given(body.report_details)
    if reason is None and details is not None:
        raise Refusal("InvalidRequest", "reportDetails go with a reportReason.")
    complaint = None
    if reason is not None:
        complaint = Complaint(call.account, request.sender, reason, details, now)
    outcome = await edge.store.settle_chat_request(
        call.account, request.id, "declined", complaint=complaint, now=now
    )
    match outcome:
        case RequestSettled() | RequestEnded(request=ChatRequest(status="declined")):
            return mls.DeclineChatRequestOutput(success=True)
        case RequestEnded():
            raise _PROCESSED
        case RequestUnknown():
            raise _NOT_FOUND


async def block_sender(edge: Edge, call: Call) -> mls.BlockChatSenderOutput:
    """Take no requests of an account any more; those that wait are refused. A reason is for the operator."""
    body = call.value(mls.BlockChatSenderInput)
    sender = parse_account_did(body.sender_did)
    now = edge_bucket(edge)
    named = given(body.request_id)
    request = None if named is None else await edge.store.chat_request(named, now=now)
    if request is not None and request.recipient == call.account and request.sender != sender:
        raise Refusal("InvalidRequest", "The request named is of another account.")
    reason = given(body.reason)
    complaint = None if reason is None else Complaint(call.account, sender, reason, None, now)
    count = await edge.store.block_sender(call.account, sender, complaint=complaint, now=now)
    return mls.BlockChatSenderOutput(success=True, blocked_count=count)


async def list_requests(edge: Edge, call: Call) -> mls.ListChatRequestsOutput:
    """A page of the requests to the caller, newest first."""
    params = call.value(mls.ListChatRequestsParams)
    text = given(params.cursor)
    page = await edge.store.chat_requests(
        call.account,
        status=given(params.status),
        before=None if text is None else edge.cursors.row(call.account, text),
        now=edge_bucket(edge),
        limit=params.limit,
    )
    return mls.ListChatRequestsOutput(
        requests=tuple(_view(request) for request in page.requests),
        cursor=UNSET if page.next is None else edge.cursors.page(call.account, page.next),
    )


async def count_requests(edge: Edge, call: Call) -> mls.GetRequestCountOutput:
    """How many wait for the caller."""
    count, newest = await edge.store.count_chat_requests(call.account, now=edge_bucket(edge))
    return mls.GetRequestCountOutput(
        pending_count=count, last_request_at=UNSET if newest is None else bucket_text(newest)
    )


def _view(request: ChatRequest) -> mls.ListChatRequestsChatRequest:
    return mls.ListChatRequestsChatRequest(
        id=request.id,
        sender_did=request.sender,
        status=request.status,
        created_at=bucket_text(request.created),
        expires_at=bucket_text(request.expires),
        preview_text=UNSET if request.preview is None else request.preview,
        message_count=request.held,
        is_group_invite=request.group_id is not None,
        group_id=UNSET if request.group_id is None else request.group_id,
    )
