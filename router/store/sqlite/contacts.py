"""The ledger's and the reader's page for first contact: each public function is one request or one read."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from protocol import AccountDid
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
    SenderBlocked,
    SettleRequestOutcome,
    TooManyRequests,
    as_of,
)
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
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
from router.store.sqlite.requests import Changed, Done, Poisoned
from router.store.values import Retention

_NO_LIMIT = 2**62

# -- opt-in ----------------------------------------------------------------------------------------------


def opt_in(execute: Execute, _: Record, request: OptIn) -> OptedIn:
    # fetchall runs a statement with RETURNING to its end
    ((since,),) = execute(SQL["opt_in"], (request.account, request.now)).fetchall()
    return OptedIn(since)


def opt_out(execute: Execute, _: Record, request: OptOut) -> Changed:
    return Changed(changed=bool(execute(SQL["opt_out"], (request.account,)).rowcount))


def read_opted_in(execute: Execute, accounts: Sequence[AccountDid]) -> dict[AccountDid, int]:
    """See `Store.opted_in`."""
    asked = msgspec.json.encode(list(dict.fromkeys(accounts))).decode()
    return dict(execute(SQL["opted_in"], (asked,)).fetchall())


# -- settings --------------------------------------------------------------------------------------------


def set_settings(execute: Execute, _: Record, request: SetRequestSettings) -> Done:
    wanted = request.settings
    execute(
        SQL["set_request_settings"],
        (request.account, wanted.allow_followers, wanted.allow_following, wanted.expire_days),
    )
    return Done()


def read_settings(execute: Execute, account: AccountDid) -> RequestSettings:
    """See `Store.request_settings`."""
    row = execute(SQL["request_settings"], (account,)).fetchone()
    if row is None:
        return RequestSettings()
    followers, following, days = row
    return RequestSettings(bool(followers), bool(following), days)


# -- requests --------------------------------------------------------------------------------------------


def put(execute: Execute, _: Record, request: PutChatRequest) -> PutRequestOutcome | Poisoned:
    wanted, now = request.request, request.now
    pair = (wanted.recipient, wanted.sender)
    if execute(SQL["is_blocked"], pair).fetchone() is not None:
        return SenderBlocked()
    if execute(SQL["chat_request"], (wanted.id,)).fetchone() is not None:
        return Poisoned("a chat request under an id that is taken")
    standing = execute(SQL["pending_request_from"], (*pair, now)).fetchone()
    if standing is not None:
        return RequestPending(_request(standing)[1])
    (waiting, _newest) = execute(SQL["count_pending_requests"], (wanted.recipient, now)).fetchone()
    if waiting >= request.max_pending:
        return TooManyRequests(request.max_pending)
    key = execute(
        SQL["insert_request"],
        (
            wanted.id,
            wanted.sender,
            wanted.recipient,
            wanted.created,
            wanted.expires,
            wanted.preview,
            wanted.group_id,
            len(request.held),
        ),
    ).lastrowid
    for message in request.held:
        execute(SQL["insert_held"], (key, message.eph_pub_key, message.body))
    return RequestKept()


def settle(execute: Execute, _: Record, request: SettleChatRequest) -> SettleRequestOutcome:
    row = execute(SQL["chat_request"], (request.request,)).fetchone()
    if row is None or row[3] != request.recipient:
        return RequestUnknown()
    key, stored = _request(row)
    standing = as_of(stored, request.now)
    accepted = request.verdict == "accepted"
    if accepted and standing.status == "accepted":
        return RequestSettled(standing, _held(execute, key))
    if standing.status != "pending":
        return RequestEnded(standing)
    held = _held(execute, key) if accepted else ()
    conversation = request.conversation if accepted else None
    _settle_one(execute, key, request.verdict, request.now, conversation)
    if request.verdict == "blocked":
        execute(SQL["block_sender"], (stored.recipient, stored.sender))
    _complain(execute, request.complaint)
    settled = replace(
        stored, status=request.verdict, settled=request.now, preview=None, conversation=conversation
    )
    return RequestSettled(settled, held)


def block(execute: Execute, _: Record, request: BlockSender) -> Counted:
    pair = (request.recipient, request.sender)
    execute(SQL["block_sender"], pair)
    _complain(execute, request.complaint)
    waiting = execute(SQL["pending_requests_from"], (*pair, request.now)).fetchall()
    for (key,) in waiting:
        _settle_one(execute, key, "blocked", request.now)
    return Counted(len(waiting))


def unblock(execute: Execute, _: Record, request: UnblockSender) -> Changed:
    cursor = execute(SQL["unblock_sender"], (request.recipient, request.sender))
    return Changed(changed=bool(cursor.rowcount))


def expire(execute: Execute, now: int, limit: int, retention: Retention) -> tuple[int, int]:
    """End what nobody answered in time, delete what ended long ago; how many of each."""
    late = execute(SQL["late_requests"], (now, limit)).fetchall()
    for (key,) in late:
        _settle_one(execute, key, "expired", now)
    old = execute(SQL["ended_requests"], (now - retention.ended, limit)).fetchall()
    for (key,) in old:
        execute(SQL["delete_held"], (key,))
        execute(SQL["delete_request"], (key,))
    dated = execute(SQL["sweep_complaints"], (now - retention.report, limit)).rowcount
    return len(late), max(len(old), dated)


def _settle_one(
    execute: Execute, key: int, status: RequestStatus, now: int, conversation: str | None = None
) -> None:
    execute(SQL["settle_request"], (status, now, conversation, key))
    if status != "accepted":
        execute(SQL["delete_held"], (key,))


def _complain(execute: Execute, complaint: Complaint | None) -> None:
    if complaint is not None:
        pair = (complaint.recipient, complaint.sender)
        execute(SQL["delete_complaint"], pair)  # so that the new one has the place of a new one
        execute(SQL["insert_complaint"], (*pair, complaint.reason, complaint.details, complaint.made))


def read_complaints(execute: Execute, before: int | None, limit: int) -> ComplaintPage:
    """See `Store.complaints`."""
    rows = execute(SQL["complaints"], (_NO_LIMIT if before is None else before, limit + 1)).fetchall()
    following = rows[limit - 1][0] if len(rows) > limit else None
    return ComplaintPage([Complaint(*fields) for _, *fields in rows[:limit]], following)


def _held(execute: Execute, key: int) -> tuple[HeldMessage, ...]:
    return tuple(HeldMessage(*row) for row in execute(SQL["held_messages"], (key,)).fetchall())


def read_request(execute: Execute, request: str, now: int) -> ChatRequest | None:
    """See `Store.chat_request`."""
    row = execute(SQL["chat_request"], (request,)).fetchone()
    return None if row is None else as_of(_request(row)[1], now)


def read_requests(
    execute: Execute,
    recipient: AccountDid,
    status: RequestStatus | None,
    before: int | None,
    now: int,
    limit: int,
) -> RequestPage:
    """See `Store.chat_requests`."""
    asked = (recipient, _NO_LIMIT if before is None else before, status, now, status, limit + 1)
    found = [_request(row) for row in execute(SQL["chat_requests"], asked).fetchall()]
    following = found[limit - 1][0] if len(found) > limit else None
    return RequestPage([as_of(request, now) for _, request in found[:limit]], following)


def read_count(execute: Execute, recipient: AccountDid, now: int) -> tuple[int, int | None]:
    """See `Store.count_chat_requests`."""
    count, newest = execute(SQL["count_pending_requests"], (recipient, now)).fetchone()
    return count, newest


def _request(row: tuple[Any, ...]) -> tuple[int, ChatRequest]:
    key, *fields = row
    return key, ChatRequest(*fields)
