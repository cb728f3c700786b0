"""The shell around `protocol.Session`: one WebSocket, subprotocol `rookery.v1`, three tasks.

    reader    takes a message, asks the machine, posts sends in the order they came
    clock     sleeps until the machine or an overdue answer wants the time told, for the whole session
    writer    the only one that writes: answers to posted sends as they come (one conversation's in order,
              none waits for another's), what else the machine wants said, and events as credit allows

A message never gets a task of its own: a task per send would reorder them, and cost more than the send.
The writer parks at one bell, rung by a new word, by an answer and by the feed. When it
wakes it looks at all three without a wait in between, and everything that waits for the client leaves in
one write; a wait for each of them, and a deadline on each wait, cost more than the write.

Bounded: unanswered sends by the machine (`max_in_flight`), events by credit and by the feed, words by
`_MAX_WORDS`: a client that asks and does not listen is not read any further.
"""

from __future__ import annotations

import math
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import NamedTuple

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, WebsocketScope

from actors import Reply as PostedReply
from protocol import (
    SUBPROTOCOL,
    Action,
    Answer,
    Close,
    CloseReason,
    CursorDue,
    DeviceId,
    Emit,
    Granted,
    Rejected,
    Resume,
    Send,
    Sent,
    Session,
    SessionLimits,
    SessionState,
    Submit,
)
from router.conversation.service import Busy, answer_nowait
from router.device.feed import Feed, FeedClosed
from router.device.published import Published
from router.edge.asgi import fields_of
from router.edge.bell import Bell
from router.edge.cursors import FUTURE_CURSOR
from router.edge.errors import Refusal, refusal_of
from router.edge.exchange import Exchange
from router.edge.mls.messages import read_framing
from router.edge.opening import (
    StreamCaller,
    listening_device,
    open_feed,
    reconnect_after,
    refuse_when_draining,
    stream_caller,
)
from router.edge.routes import Route
from router.edge.services import Edge
from router.edge.sockets import Socket, Stalled, open_or_turn_down
from router.edge.xrpc import read_input
from router.identity.errors import AuthError, TokenFault

_BATCH = 256
_MAX_WORDS = 256 * 1024
_ANSWER_SECONDS = 30.0
_LAST_ANSWERS_SECONDS = 2.0

_FAULT = Rejected("InternalServerError", "The server has a fault; send the same bytes again.")
_LOST = Rejected("UpstreamTimeout", "The answer took too long; send the same bytes again.", retry_after=1)
_ENDS = {
    "draining": CloseReason.DRAINING,
    "overloaded": CloseReason.OVERLOADED,
    "replaced": CloseReason.OVERLOADED,
}


async def serve_session(
    edge: Edge,
    route: Route,
    scope: WebsocketScope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
    exchange: Exchange,
) -> None:
    """Open a session and keep it until one side ends it."""
    with ExitStack() as ear:
        caller = await open_or_turn_down(edge, scope, send, exchange, lambda: _open(edge, route, scope, ear))
        if caller is None:
            return
        exchange.transport = "websocket"
        socket = Socket(scope, receive, send, edge.settings.server.send_timeout, exchange)
        with edge.observer.connection("websocket"):
            await socket.accept(SUBPROTOCOL)
            await _Connection(edge, caller, socket, exchange).run()


async def _open(edge: Edge, route: Route, scope: WebsocketScope, ear: ExitStack) -> StreamCaller:
    refuse_when_draining(edge)
    read_input(route, scope["query_string"], b"")
    if SUBPROTOCOL not in scope["subprotocols"]:
        raise Refusal("InvalidRequest", f"Offer the WebSocket subprotocol {SUBPROTOCOL}.")
    return await stream_caller(edge, route, fields_of(scope), scope, ear)


def _limits(edge: Edge) -> SessionLimits:
    chosen = edge.settings.session
    return SessionLimits(
        max_in_flight=chosen.max_in_flight,
        max_frame_bytes=chosen.max_frame_bytes,
        max_credit=chosen.max_credit,
        hello_timeout=chosen.hello_timeout,
        heartbeat=chosen.heartbeat_seconds,
        cursor_interval=chosen.cursor_interval,
    )


class _Posted(NamedTuple):
    """A send on its way to the log."""

    request: int
    reply: PostedReply[Answer | Rejected]
    overdue: float
    """When its outcome counts as unknown."""


class _Connection:
    """One session from its 101 to its close frame."""

    def __init__(self, edge: Edge, caller: StreamCaller, socket: Socket, exchange: Exchange) -> None:
        self._edge = edge
        self._caller = caller
        self._account = caller.principal.account
        self._socket = socket
        self._exchange = exchange
        self._session = Session(_limits(edge), trio.current_time())
        self._cursors = edge.cursors
        self._feed: Feed | None = None
        self._resume: Resume | None = None
        self._words: list[bytes] = []
        self._words_bytes = 0
        self._goodbye: Close | None = None
        self._held: Submit | None = None  # a send for whose conversation there is no room just now
        self._posted: dict[int, _Posted] = {}  # by the client's id, the longest waiting first
        self._settled: list[_Posted] = []
        self._alarm = trio.CancelScope()  # the clock's sleep
        self._bell = Bell()  # the writer waits at it
        self._may_read = Bell()

    async def run(self) -> None:
        """Say hello, then serve until the end. Everything in memory goes with it."""
        self._caller.watch.on_end(self._revoked)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read, nursery.cancel_scope)
                nursery.start_soon(self._keep_time)
                await self._greet()
                resume = self._resume
                if resume is not None:
                    await self._serve(resume)
                await self._say_goodbye()
                nursery.cancel_scope.cancel()
        finally:
            self._session.disconnected()

    async def _greet(self) -> None:
        """Write until hello has come, or until the machine gives up on it."""
        while self._resume is None and self._goodbye is None:
            if self._words:
                await self._flush()
            else:
                await self._bell.wait()

    async def _serve(self, resume: Resume) -> None:
        async with AsyncExitStack() as stack:
            try:
                with trio.fail_after(self._edge.answer_timeout):
                    device, after = await self._where_from(resume)
                    opened = open_feed(self._edge, device, after=after, seen=resume.seen)
                    feed = await stack.enter_async_context(opened)
            except Exception as error:  # noqa: BLE001 - told by name; what is ours is reported
                if self._goodbye is None:
                    self._do(self._session.turn_away(self._as_refusal(error)))
                return
            if self._goodbye is not None:  # revoked while we looked
                return
            cursor = self._cursors.at(device, 0 if after is None else after)
            self._do(self._session.welcome(device, cursor, trio.current_time()))
            self._feed = feed
            self._wake_at(self._deadline())
            self._may_read.ring()
            await self._write(feed)

    async def _where_from(self, resume: Resume) -> tuple[DeviceId, int | None]:
        device = await listening_device(self._edge, self._caller, resume.device)
        if resume.cursor is None:
            return device, None
        position = self._cursors.position(device, resume.cursor)
        if position > await self._edge.store.head():
            raise FUTURE_CURSOR
        return device, position

    # -- reader ----------------------------------------------------------------------------------

    async def _read(self, everything: trio.CancelScope) -> None:
        while True:
            message = await self._socket.receive()
            if message is None:
                everything.cancel()
                return
            while self._session.state is SessionState.RESUMING or self._words_bytes > _MAX_WORDS:
                await self._may_read.wait()
            self._do(self._session.receive(message, trio.current_time()))
            if self._held is not None:
                await self._post_in_turn(self._held)

    def _do(self, actions: list[Action]) -> None:
        """Carry out what the machine wants, in order. Never waits."""
        for action in actions:
            match action:
                case Emit(frame=frame):
                    self._words.append(frame)
                    self._words_bytes += len(frame)
                case Submit():
                    self._post(action)
                    continue  # nothing to write, so nobody to wake
                case Resume():
                    self._resume = action
                case CursorDue():
                    if self._feed is not None and self._session.device is not None:
                        cursor = self._cursors.at(self._session.device, self._feed.cursor)
                        self._do(self._session.cursor_at(cursor, trio.current_time()))
                case Close():
                    self._goodbye = action
                case Granted():
                    pass  # the writer looks at the credit when it wakes
            self._bell.ring()

    def _post(self, submit: Submit) -> None:
        """Put a send into its conversation's mailbox, or hold it until there is room: in the order they came.

        No await. A message makes one send at most, and the reader reads no further while one is held.
        """
        try:
            self._edge.admission.send(self._account)
            self._posted_as(submit, self._edge.conversations.post(self._command(submit)))
        except Busy:
            self._held = submit
        except Exception as error:  # noqa: BLE001 - told to this send; the session goes on
            self._do(self._session.refused(submit.id, self._as_refusal(error)))

    async def _post_in_turn(self, submit: Submit) -> None:
        """Wait for room with the send that is held: the client feels it as a socket that is not read."""
        try:
            reply = await self._edge.conversations.post_in_turn(self._command(submit))
        except Exception as error:  # noqa: BLE001 - told to this send; the session goes on
            self._do(self._session.refused(submit.id, self._as_refusal(error)))
        else:
            self._posted_as(submit, reply)
        self._held = None

    def _command(self, submit: Submit) -> Send:
        return Send(
            submit.conversation,
            self._account,
            self._session.device,
            submit.msg_id,
            submit.epoch,
            submit.body,
            read_framing(submit.body),
        )

    def _posted_as(self, submit: Submit, reply: PostedReply[Answer | Rejected]) -> None:
        overdue = trio.current_time() + _ANSWER_SECONDS
        posted = self._posted[submit.id] = _Posted(submit.id, reply, overdue)
        self._wake_at(overdue)
        reply.call_when_done(partial(self._on_answer, posted))

    # -- answers ---------------------------------------------------------------------------------

    def _on_answer(self, posted: _Posted) -> None:
        """An actor has answered."""
        self._settled.append(posted)
        self._bell.ring()

    def _take_answers(self) -> None:
        """Tell the machine what is answered or overdue. Never waits."""
        settled, self._settled = self._settled, []
        for posted in settled:
            if self._posted.get(posted.request) is posted:  # else it was given up, and the id may be in use
                del self._posted[posted.request]
                answer = self._answer_of(posted.reply)
                if isinstance(answer, Sent):
                    self._do(self._session.acked(posted.request, answer))
                else:
                    self._do(self._session.refused(posted.request, answer))
        now = trio.current_time()
        while (oldest := self._longest_waiting()) is not None and oldest.overdue <= now:
            del self._posted[oldest.request]
            self._do(self._session.refused(oldest.request, _LOST))

    def _longest_waiting(self) -> _Posted | None:
        return next(iter(self._posted.values()), None)

    def _answer_of(self, reply: PostedReply[Answer | Rejected]) -> Sent | Rejected:
        try:
            answer = answer_nowait(reply)
        except Exception as error:  # noqa: BLE001 - told to this send; the session goes on
            return self._as_refusal(error)
        if isinstance(answer, Sent | Rejected):
            return answer
        self._edge.report("session_answer", TypeError(type(answer).__name__))
        return _FAULT

    def _as_refusal(self, error: Exception) -> Rejected:
        refusal = refusal_of(error)
        if refusal is None:
            self._edge.report("session_send", error)
            return _FAULT
        return Rejected(refusal.error, refusal.sentence, retry_after=refusal.retry_after)

    # -- clock -----------------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        """Tell the machine the time when it wants to know. A deadline that moved away is found out late."""
        while True:
            with trio.CancelScope(deadline=self._deadline()) as self._alarm:
                await trio.sleep_forever()
            self._do(self._session.tick(trio.current_time()))
            self._take_answers()

    def _deadline(self) -> float:
        deadline = self._session.deadline()
        oldest = self._longest_waiting()
        overdue = math.inf if oldest is None else oldest.overdue
        return overdue if deadline is None else min(deadline, overdue)

    def _wake_at(self, deadline: float) -> None:
        """Have the clock wake at `deadline` if not before."""
        if deadline < self._alarm.deadline:
            self._alarm.deadline = deadline

    # -- writer ----------------------------------------------------------------------------------

    async def _write(self, feed: Feed) -> None:
        """Write answers, words and events until the session ends. Raises nothing but cancellation."""
        feed.listen(self._on_feed)
        try:
            while self._goodbye is None:
                # No await from here to the flush or the wait: what comes meanwhile rings in vain.
                self._take_answers()
                credit = self._session.credit
                if credit:
                    if batch := feed.take_nowait(min(_BATCH, credit)):
                        self._offer(batch)
                elif feed.end is not None:
                    raise feed.end  # what is queued may not be sent; it stays after the cursor
                if self._words:
                    await self._flush()
                else:
                    await self._bell.wait()
        except FeedClosed as end:
            await self._finish_sends()
            self._end(feed, end)
        except Stalled:
            self._session.disconnected()
            self._exchange.ended(1008, "ConsumerTooSlow")

    def _on_feed(self) -> None:
        """The feed has news; without credit events wait where they are."""
        if self._session.credit or (self._feed is not None and self._feed.closed):
            self._bell.ring()

    def _offer(self, batch: list[Published]) -> None:
        self._do(self._session.offer([published.event for published in batch]))
        if due := self._session.riding_cursor(trio.current_time()):
            self._do(due)
        self._wake_at(self._deadline())
        self._edge.observer.delivered("websocket", len(batch))

    async def _flush(self) -> None:
        words, self._words = self._words, []
        self._words_bytes = 0
        self._may_read.ring()
        await self._socket.send_all(words, text=not self._session.binary)

    async def _finish_sends(self) -> None:
        """Give the answers that are due, as far as they come soon: who hears none sends again."""
        with trio.move_on_after(_LAST_ANSWERS_SECONDS):
            while self._posted and self._goodbye is None:
                self._take_answers()
                if self._words:
                    await self._flush()
                else:
                    await self._bell.wait()

    def _end(self, feed: Feed, end: FeedClosed) -> None:
        device = self._session.device
        self._do(
            self._session.close(
                _ENDS.get(end.reason, CloseReason.FAILED),
                end.message,
                cursor=None if device is None else self._cursors.at(device, feed.cursor),
                reconnect_after=reconnect_after(self._edge) if end.reason == "draining" else None,
            )
        )

    def _revoked(self, end: AuthError) -> None:
        """End in this moment: nothing that still comes is read, nothing that is queued is given."""
        why = CloseReason.DISABLED if end.fault is TokenFault.ACCOUNT_DISABLED else CloseReason.REVOKED
        self._do(self._session.close(why, end.message))

    async def _say_goodbye(self) -> None:
        try:
            await self._flush()
        except Stalled:
            self._exchange.ended(1008, "ConsumerTooSlow")
            return
        goodbye = self._goodbye
        if goodbye is not None:
            self._exchange.ended(goodbye.code, goodbye.reason)
            await self._socket.close(goodbye.code, goodbye.reason)
