"""The other side of a session, in memory: the real session machine of `protocol` over a log that is a list.

Everything happens inside the client's own calls, without a task, so a schedule of failures is exactly
repeatable. A connection has a *budget* of frames; when it is spent, the connection is cut, before or
after the frame took effect, as a network would.
"""

import contextlib
import math
from collections.abc import AsyncIterator, Iterable, Sequence

import trio

from protocol import (
    Close,
    CloseReason,
    ConversationId,
    CursorDue,
    DeviceId,
    Emit,
    EncodedEvent,
    Entry,
    EntryKind,
    MsgId,
    Rejected,
    Sent,
    SessionLimits,
    Submit,
    body_hash,
)
from protocol import Resume as ResumeAction
from protocol import Session as Machine
from router.client.errors import ClientError, OutcomeUnknown
from router.client.wire import Wire, WireLost

DEVICE = DeviceId("5f0c5a8e-8a0e-4f43-9d1a-0c6f5f1f1a01")
CONVO = ConversationId("aaaaaaaaaaaaaaaaaaaaaaaaaa")
OTHER = ConversationId("baaaaaaaaaaaaaaaaaaaaaaaaa")


class SessionServer:
    """A router of one device. `budgets` are the frames that each connection lives for; then they last."""

    def __init__(
        self,
        *,
        budgets: Iterable[int] = (),
        cursor_every: int = 3,
        limits: SessionLimits = SessionLimits(),  # noqa: B008 - frozen
    ) -> None:
        self.log: list[Entry] = []
        self.connections: list[Connection] = []
        self.refusals: list[Rejected] = []  # one for each of the next sends
        self.turned_away: list[ClientError] = []  # one for each of the next connections
        self.away = False
        self.greeting_refused: Rejected | None = None
        self.submitted: list[MsgId] = []
        self.limits = limits
        self.cursor_every = cursor_every
        self._budgets = list(budgets)

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Wire]:
        """The client's connector."""
        await trio.lowlevel.checkpoint()
        if self.away:
            raise OutcomeUnknown("nobody is there")
        if self.turned_away:
            raise self.turned_away.pop(0)
        budget = self._budgets.pop(0) if self._budgets else math.inf
        connection = Connection(self, budget)
        self.connections.append(connection)
        try:
            yield connection
        finally:
            connection.cut()

    def append(self, convo: ConversationId, msg_id: MsgId, body: bytes) -> Sent | Rejected:
        """What the log says to a send: its place, the first place again, or a conflict."""
        for entry in self.log:
            if entry.conversation == convo and entry.msg_id == msg_id:
                if entry.body != body:
                    return Rejected("IdempotencyConflict", "other bytes under this msgId")
                return Sent(msg_id, entry.seq, 0, entry.received)
        seq = 1 + sum(entry.conversation == convo for entry in self.log)
        position = len(self.log) + 1
        entry = Entry(
            convo, seq, EntryKind.MESSAGE, 0, msg_id, body, body_hash(body), seq, 1_700_000_000, position
        )
        self.log.append(entry)
        for connection in self.connections:
            connection.pump()
        return Sent(msg_id, seq, 0, entry.received)

    def cut_all(self) -> None:
        """The network is gone for a moment."""
        for connection in self.connections:
            connection.cut()

    def close_all(self, reason: CloseReason, *, reconnect_after: float | None = None) -> None:
        """The server ends every session in good order."""
        for connection in self.connections:
            connection.end(reason, reconnect_after)


class Connection:
    """One WebSocket, as the client holds it."""

    def __init__(self, server: SessionServer, budget: float) -> None:
        self._server = server
        self._budget = budget
        self._machine = Machine(server.limits, trio.current_time())
        self._out, self._in = trio.open_memory_channel[str](math.inf)
        self._position = 0
        self._unmarked = 0
        self._seen: dict[ConversationId, int] = {}
        self._open = False
        self.closed = False
        self.muted = False

    async def send(self, frame: str) -> None:
        """The client's frame: takes effect at once, unless the connection is gone."""
        await trio.lowlevel.checkpoint()
        self._spend()
        if self.muted:
            return
        self._do(self._machine.receive(frame, trio.current_time()))
        self.pump()

    async def receive(self) -> str:
        """The next frame for the client."""
        try:
            frame = await self._in.receive()
        except trio.EndOfChannel:
            raise WireLost(1006, "") from None
        return frame

    def pump(self) -> None:
        """Offer what the client has credit for."""
        while (
            self._open and not self.closed and self._machine.credit and self._position < len(self._server.log)
        ):
            entry = self._server.log[self._position]
            self._position += 1
            if entry.seq > self._seen.get(entry.conversation, 0):
                self._do(self._machine.offer([EncodedEvent(entry)]))
                self._unmarked += 1
            if self._unmarked >= self._server.cursor_every:
                self._unmarked = 0
                self._do(self._machine.cursor_at(str(self._position), trio.current_time()))

    def end(self, reason: CloseReason, reconnect_after: float | None) -> None:
        """Close in good order."""
        cursor = str(self._position)
        self._do(self._machine.close(reason, "as you wish", cursor=cursor, reconnect_after=reconnect_after))

    def cut(self) -> None:
        """The connection is gone; frames under way are lost."""
        if not self.closed:
            self.closed = True
            self._machine.disconnected()
            self._out.close()
            with contextlib.suppress(trio.WouldBlock, trio.EndOfChannel):
                while True:
                    self._in.receive_nowait()

    def _spend(self) -> None:
        if self.closed:
            raise WireLost(1006, "")
        self._budget -= 1
        if self._budget < 0:
            self.cut()
            raise WireLost(1006, "")

    def _do(self, actions: Sequence[object]) -> None:
        for action in actions:
            match action:
                case ResumeAction(cursor=cursor, seen=seen):
                    if self._server.greeting_refused is not None:
                        self._do(self._machine.turn_away(self._server.greeting_refused))
                        continue
                    self._position, self._seen = int(cursor or 0), dict(seen)
                    self._do(self._machine.welcome(DEVICE, cursor or "0", trio.current_time()))
                    self._open = True
                case Submit() as submit:
                    self._submit(submit)
                case Emit(frame=frame):
                    self._emit(frame)
                case Close():
                    self._out.close()
                    self.closed = True
                case CursorDue():
                    pass
                case _:
                    pass

    def _submit(self, submit: Submit) -> None:
        server = self._server
        server.submitted.append(submit.msg_id)
        if server.refusals:
            answer: Sent | Rejected = server.refusals.pop(0)
        else:
            answer = server.append(submit.conversation, submit.msg_id, submit.body)
        if isinstance(answer, Sent):
            self._do(self._machine.acked(submit.id, answer))
        else:
            self._do(self._machine.refused(submit.id, answer))

    def _emit(self, frame: bytes) -> None:
        if self.closed:
            return
        self._budget -= 1
        if self._budget < 0:
            self.cut()  # it took effect, and the client will not hear of it
        else:
            self._out.send_nowait(frame.decode())
