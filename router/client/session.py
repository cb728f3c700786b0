"""A device's session: one lasting conversation with the server over connections that come and go.

The application sees neither: it sends and awaits receipts, and it receives events once and in order.

    run: connect ─▶ hello(cursor, seen, credit) ─▶ welcome ─▶ read ║ write ─▶ lost ─▶ wait ─▶ connect …
                                                                               └─▶ final: failed

What is decided lies elsewhere and without IO: `inbox` (order, once, credit), `outbox` (pipelining,
repeats), `retry` (whether and when to connect again). Here is only the doing.

Bounded: at most `window` events and `max_unanswered` sends are in memory, whatever the server does.
"""

import contextlib
from collections.abc import AsyncIterator, Callable

import attrs
import trio

from protocol import ConversationId, DeviceId, MsgId
from router.client import frames
from router.client.client import RookeryClient, new_msg_id
from router.client.errors import (
    BadAnswer,
    ClientError,
    OutcomeUnknown,
    SessionEnded,
    Unavailable,
    xrpc_error,
)
from router.client.events import Event, read_event
from router.client.inbox import Inbox, InboxStatistics
from router.client.outbox import Outbox, Outgoing
from router.client.retry import Backoff, Lost, plan_reconnect
from router.client.state import DeviceState
from router.client.wire import Connector, Wire, WireLost, websocket_connector
from router.client.xrpc import SYSTEM_DICE, Dice


@attrs.frozen
class SessionOptions:
    """The knobs of a session; times in seconds."""

    window: int = 256
    """Events held for the application at most, and the credit the server gets."""
    max_unanswered: int = 256
    """Sends under way at most; `send` waits beyond it."""
    max_send_attempts: int = 50
    """How often one send is put on the wire before its receipt fails."""
    backoff: Backoff = attrs.field(factory=lambda: Backoff(initial=0.1, maximum=10.0))
    stable: float = 5.0
    """A connection that lived so long clears the count of failures."""
    max_heartbeat: float = 30.0
    """The server hears from us at least this often, or as often as its welcome asks; silence for
    twice that counts as a lost connection, since our pings go unanswered."""


DEFAULT_OPTIONS = SessionOptions()


@attrs.frozen
class Sent:
    """A message's place in its conversation, durable; a repeat of the same bytes gets the same one."""

    msg_id: MsgId
    seq: int
    epoch: int
    received_at: str


class Receipt:
    """The answer to one send, as soon as there is one."""

    def __init__(self, message: Outgoing) -> None:
        self.message = message
        self._done = trio.Event()
        self._answer: Sent | ClientError | None = None

    @property
    def answered(self) -> bool:
        """True when `wait` returns or raises at once."""
        return self._done.is_set()

    async def wait(self) -> Sent:
        """Where the message is. Raises `Refused`, `Unavailable`, or `OutcomeUnknown`: the session ended."""
        await self._done.wait()
        if isinstance(self._answer, Sent):
            return self._answer
        raise self._answer or OutcomeUnknown("no answer")

    def settle(self, answer: Sent | ClientError) -> None:
        """Give the answer; the first one stays."""
        if not self._done.is_set():
            self._answer = answer
            self._done.set()


@attrs.define
class SessionStatistics:
    """Counts since the session was opened."""

    connections: int = 0
    acknowledged: int = 0
    refused: int = 0
    repeated: int = 0


class Session:
    """Made by `open_session` or `open_session_on`. One task receives; any number may send."""

    def __init__(
        self,
        connect: Connector,
        state: DeviceState,
        *,
        options: SessionOptions,
        dice: Dice,
        save: Callable[[DeviceState], None] | None,
    ) -> None:
        self._connect = connect
        self._options = options
        self._dice = dice
        self._save = save
        self._saved = state
        self._saving = trio.Lock()
        self._device = state.device
        self._inbox = Inbox(window=options.window, cursor=state.cursor, marks=state.marks)
        self._outbox = Outbox(max_unanswered=options.max_unanswered)
        self._receipts: dict[int, Receipt] = {}
        for message in state.pending:
            self._queue(message)
        self._failure: ClientError | None = None
        self._welcomed: float | None = None
        self._complaint: ClientError | None = None  # what the server said before it closed
        self._heartbeat = options.max_heartbeat  # until the welcome says better
        self._to_write = trio.lowlevel.ParkingLot()
        self._to_read = trio.lowlevel.ParkingLot()
        self._changed = trio.lowlevel.ParkingLot()  # connected, answered, failed
        self.statistics = SessionStatistics()

    # What the application calls.

    @property
    def connected(self) -> bool:
        """True while the server has welcomed us and the connection is not known to be lost."""
        return self._welcomed is not None

    @property
    def inbox_statistics(self) -> InboxStatistics:
        """Counts of what came in."""
        return self._inbox.statistics

    @property
    def state(self) -> DeviceState:
        """What a later session must be opened with to go on from here."""
        return DeviceState(self._device, self._inbox.cursor, self._inbox.marks, tuple(self._outbox.pending()))

    async def wait_connected(self) -> None:
        """Return once the server has welcomed us; raises what ended the session for good."""
        while not self.connected:
            self._raise_if_failed()
            await self._changed.park()

    async def send(
        self, convo: ConversationId, ciphertext: bytes, *, msg_id: MsgId | None = None, epoch: int = 0
    ) -> Receipt:
        """Queue a sealed message and return its receipt; sends go out in the order of these calls.

        Waits while `max_unanswered` are under way. With a state file the message is on disk before
        this returns. A cancel while waiting sends nothing; a cancel while saving leaves it queued.
        """
        while self._outbox.full:
            self._raise_if_failed()
            await self._changed.park()
        self._raise_if_failed()
        receipt = self._queue(Outgoing(convo, msg_id or new_msg_id(), ciphertext, epoch))
        if self._save is not None:
            await self._persist()
        self._to_write.unpark_all()
        return receipt

    async def receive(self) -> Event:
        """The next event; each comes once, and each conversation's in the order of its log.

        Asking for the next one says that the last is dealt with: only then may a saved state stand
        behind it. Raises what ended the session for good. A cancel loses nothing.
        """
        if self._save is not None and self._inbox.cursor != self._saved.cursor:
            await self._persist()
        while (event := self._inbox.take()) is None:
            self._raise_if_failed()
            await self._to_read.park()
        # No await from here on: a taken event must reach its taker.
        self._to_write.unpark_all()  # credit may be due
        return event

    def __aiter__(self) -> "Session":
        return self

    async def __anext__(self) -> Event:
        return await self.receive()

    async def drain(self) -> None:
        """Return once every send is answered; raises what ended the session before."""
        while len(self._outbox):
            self._raise_if_failed()
            await self._changed.park()

    # The life of the session.

    async def run(self) -> None:
        """Connect, and again, until cancelled or until a failure that no connection can cure."""
        attempt = 0
        try:
            while True:
                lost = await self._one_connection()
                plan = plan_reconnect(
                    lost,
                    attempt=attempt,
                    backoff=self._options.backoff,
                    stable=self._options.stable,
                    jitter=self._dice.jitter(),
                )
                if plan is None:
                    self._fail(lost.failure)
                    return
                attempt = plan.attempt
                await trio.sleep(plan.delay)
        finally:
            self._fail(SessionEnded("closed", "the session was closed"))

    async def save(self) -> None:
        """Write the state file now, if there is one."""
        if self._save is not None:
            await self._persist()

    async def _one_connection(self) -> Lost:
        self._complaint = None
        lost = Lost(OutcomeUnknown("the connection was lost"))
        try:
            async with self._connect() as wire:
                lost = await self._talk(wire)
        except ClientError as failure:
            lost = Lost(failure, retry_after=getattr(failure, "retry_after", None))
        return lost

    async def _talk(self, wire: Wire) -> Lost:
        async with trio.open_nursery() as nursery:
            try:
                resume = self._inbox.resume()
                await wire.send(frames.hello(resume, self._device))
                nursery.start_soon(self._write_until_lost, wire)
                while True:
                    ended = self._take_in(await self._next_frame(wire))
                    if ended is not None:
                        return ended
            except WireLost as gone:
                return self._ended(self._complaint or OutcomeUnknown(f"the connection was {gone}"))
            except BadAnswer as failure:
                return self._ended(failure)
            finally:
                self._welcomed = None
                nursery.cancel_scope.cancel()

    async def _next_frame(self, wire: Wire) -> str | bytes:
        """The next frame; a peer that answers no ping counts as lost."""
        with trio.move_on_after(2 * self._heartbeat):
            return await wire.receive()
        raise WireLost(1006, "the server is silent")

    async def _write_until_lost(self, wire: Wire) -> None:
        try:
            while True:
                due = self._frames_to_write()
                for frame in due:
                    await wire.send(frame)
                if not due and not await self._wait_for_work():
                    await wire.send(frames.ping())
        except WireLost:
            return  # the reader sees it too, with the reason

    def _frames_to_write(self) -> list[str]:
        if not self.connected:
            return []
        out = []
        if granted := self._inbox.grant():
            out.append(frames.credit(granted))
        for frame_id, message in self._outbox.next_frames(self._dice.monotonic()):
            self.statistics.repeated += self._outbox.attempts(frame_id) > 1
            out.append(frames.send(frame_id, message))
        return out

    async def _wait_for_work(self) -> bool:
        """Wait until there may be something to write; False when it is time for a sign of life."""
        now = self._dice.monotonic()
        held = self._outbox.held_until(now)
        quiet = self._heartbeat / 2
        with trio.move_on_after(quiet if held is None else min(quiet, held - now)) as waiting:
            await self._to_write.park()
        return not waiting.cancelled_caught or (held is not None and held - now < quiet)

    # What a frame does; no await in here.

    def _take_in(self, data: str | bytes) -> Lost | None:
        match frames.read_frame(data):
            case frames.Welcome() as welcome:
                self._welcomed = self._dice.monotonic()
                self._device = DeviceId(welcome.device_id)
                self._heartbeat = min(self._options.max_heartbeat, max(1.0, welcome.heartbeat))
                self._outbox.connected(limit=welcome.max_in_flight)
                self.statistics.connections += 1
                self._to_write.unpark_all()
                self._changed.unpark_all()
            case frames.Ack() as ack:
                self._outbox.answered(ack.id)
                self.statistics.acknowledged += 1
                self._settle(ack.id, Sent(MsgId(ack.message_id), ack.seq, ack.epoch, ack.received_at))
            case frames.Error(id=None) as error:
                self._complaint = _failure(error)
            case frames.Error() as error:
                self._refused(error)
            case frames.EventFrame(event=raw):
                event, cursor = read_event(bytes(raw))
                if self._inbox.offer(event):
                    self._to_read.unpark_all()
                else:
                    self._to_write.unpark_all()  # its credit goes back
                if cursor is not None:
                    self._inbox.mark_cursor(cursor)
            case frames.Cursor(cursor=cursor):
                self._inbox.mark_cursor(cursor)
            case frames.Pong():
                pass
            case frames.Close() as close:
                return self._ended(SessionEnded(close.reason, close.message), close.reconnect_after)
        return None

    def _refused(self, error: frames.Error) -> None:
        assert error.id is not None  # noqa: S101 - the caller's pattern; told to the type checker
        failure = _failure(error)
        again = self._outbox.attempts(error.id) < self._options.max_send_attempts
        if isinstance(failure, Unavailable) and again:
            attempts = self._outbox.attempts(error.id)
            delay = self._options.backoff.delay(max(1, attempts), self._dice.jitter())
            until = self._dice.monotonic() + max(delay, error.retry_after or 0.0)
            self._outbox.put_back(error.id, not_before=until)
            self._to_write.unpark_all()
            return
        self._outbox.answered(error.id)
        self.statistics.refused += 1
        self._settle(error.id, failure)

    def _settle(self, frame_id: int, answer: Sent | ClientError) -> None:
        self._receipts.pop(frame_id).settle(answer)
        self._to_write.unpark_all()  # a place in flight is free
        self._changed.unpark_all()

    def _ended(self, failure: ClientError, retry_after: float | None = None) -> Lost:
        lived = 0.0 if self._welcomed is None else self._dice.monotonic() - self._welcomed
        return Lost(failure, lived, retry_after)

    def _queue(self, message: Outgoing) -> Receipt:
        frame_id = self._outbox.add(message)
        receipt = self._receipts[frame_id] = Receipt(message)
        return receipt

    def _fail(self, failure: ClientError) -> None:
        if self._failure is not None:
            return
        self._failure = failure
        for receipt in self._receipts.values():
            receipt.settle(OutcomeUnknown(f"the session ended before the answer ({failure})"))
        for lot in (self._to_read, self._to_write, self._changed):
            lot.unpark_all()

    def _raise_if_failed(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _persist(self) -> None:
        async with self._saving:  # a later state must not be overtaken by an earlier one
            state, save = self.state, self._save
            if save is not None:
                await trio.to_thread.run_sync(save, state)
                self._saved = state


def _failure(error: frames.Error) -> ClientError:
    return xrpc_error(0, error.error, error.message, error.retry_after)


@contextlib.asynccontextmanager
async def open_session_on(
    connect: Connector,
    state: DeviceState,
    *,
    options: SessionOptions = DEFAULT_OPTIONS,
    dice: Dice = SYSTEM_DICE,
    save: Callable[[DeviceState], None] | None = None,
) -> AsyncIterator[Session]:
    """A session over connections made by `connect`; see `open_session`."""
    session = Session(connect, state, options=options, dice=dice, save=save)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        try:
            yield session
        finally:
            nursery.cancel_scope.cancel()
            with trio.move_on_after(5, shield=True):
                await session.save()


def open_session(
    client: RookeryClient,
    device: DeviceId,
    *,
    state: DeviceState | None = None,
    options: SessionOptions = DEFAULT_OPTIONS,
    save: Callable[[DeviceState], None] | None = None,
) -> contextlib.AbstractAsyncContextManager[Session]:
    """A session of `device`, alive for the block; it reconnects and resumes by itself.

    `state` is what a former session left (its cursor, what was seen, unanswered sends, which go out
    first); `save` writes it, in a thread, whenever a send is queued or the cursor has moved.
    """
    nsid = client.chat.nsid("session")
    connect = websocket_connector(
        client.websocket_url(nsid), lambda: client.xrpc.bearer(nsid), wall=client.xrpc.dice.wall
    )
    return open_session_on(
        connect,
        state or DeviceState(device),
        options=options,
        dice=client.xrpc.dice,
        save=save,
    )
