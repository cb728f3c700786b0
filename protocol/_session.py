"""The server's half of a `rookery.v1` session: one WebSocket, many sends in flight, events under credit.

States, and who moves them:

    EXPECTING ──hello──▶ RESUMING ──welcome()──▶ OPEN ──close() / violation / time-out──▶ CLOSED
        │                    └──turn_away()────────────────────────────────────────────────▲
        └──violation / hello time-out──────────────────────────────────────────────────────┘

- EXPECTING: connected and authenticated, nothing said. The client's first frame is hello, and whether it
  is text or binary settles the format (JSON or CBOR) for both directions.
- RESUMING: the owner checks device and cursor. It does not read on meanwhile: frames pipelined behind
  the hello wait in the socket, which is back-pressure at no cost. (`receive` here is the owner's mistake.)
- OPEN: sends, credit and pings come in; acks, errors, events and cursors go out.
- CLOSED: whatever still comes is dropped. An answer that comes too late is dropped too: for the client the
  send's outcome is unknown, and it sends the same bytes again.

`TRANSITIONS` is the whole table of what a frame does in a state; every violation has a name and a close
code in `Violation`. The machine has no clock: each call that needs the time is given it (seconds, any
origin, never running back), and `deadline()` says when `tick` wants to be called next.

What can never happen: more events than credit; more than `max_in_flight` unanswered sends; two unanswered
sends of one id; an event before welcome; a frame after the close frame; an exception caused by anything a
client sends. A send that names its id but is malformed is answered by id and the session stays; so is a
frame of a type not known here (typing, presence and receipt, for now). Everything else that is wrong ends
the session, after one error frame.

Resume: the client gives the last cursor it was sent and, per conversation, the highest seq it saw after
it; leaving some out costs repeats, never gaps. Cursor frames are small and rare (at most once a second while
events flow, in the same write as events where there are any, and before an orderly close), so events
themselves carry none and are shared byte for byte.
"""

import enum
import math
from collections.abc import Mapping, Sequence

from msgspec import UNSET, UnsetType

from protocol._answers import Rejected, Sent
from protocol._errors import SessionMisuse
from protocol._events import EncodedEvent
from protocol._ids import DeviceId
from protocol._session_actions import (
    Action,
    Close,
    CloseReason,
    CursorDue,
    Emit,
    Granted,
    Resume,
    SessionLimits,
    Submit,
)
from protocol._session_frames import (
    ClientSend,
    CreditFrame,
    Flaw,
    Hello,
    Ping,
    ServerFrame,
    encode_frame,
    parse_frame,
)
from protocol._time import bucket_text
from schema.wire.rookery import (
    SessionAck,
    SessionClose,
    SessionCursor,
    SessionError,
    SessionPong,
    SessionWelcome,
)

SUBPROTOCOL = "rookery.v1"
"""What the WebSocket handshake negotiates."""

Parsed = Hello | ClientSend | CreditFrame | Ping | Flaw


class SessionState(enum.Enum):
    """See the head of this file."""

    EXPECTING = "expecting"
    RESUMING = "resuming"
    OPEN = "open"
    CLOSED = "closed"


class Violation(enum.Enum):
    """What ends a session by the client's fault: the catalogue's error and the close code.

    The error goes into the error frame; the violation's own name is the reason of the WebSocket close
    (RFC 6455 section 7.4.1 has the codes).
    """

    INVALID_FRAME = ("InvalidFrame", "InvalidRequest", 1008, "A frame was not understood.")
    FORMAT_CHANGED = ("FormatChanged", "UnsupportedMediaType", 1003, "A session stays text or binary.")
    FRAME_TOO_LARGE = ("FrameTooLarge", "PayloadTooLarge", 1009, "A frame exceeds maxFrameBytes.")
    HELLO_EXPECTED = ("HelloExpected", "InvalidRequest", 1008, "The first frame is a hello.")
    HELLO_REPEATED = ("HelloRepeated", "InvalidRequest", 1008, "A session has one hello.")
    HELLO_TIMEOUT = ("HelloTimeout", "RequestTimeout", 1008, "No hello came in time.")
    IDLE_TIMEOUT = ("IdleTimeout", "RequestTimeout", 1008, "Nothing was heard for two heartbeats.")
    TOO_MANY_IN_FLIGHT = ("TooManyInFlight", "RateLimitExceeded", 1008, "More than maxInFlight sends.")
    ID_IN_USE = ("RequestIdInUse", "InvalidRequest", 1008, "A send with this id is unanswered.")
    CREDIT_EXCEEDED = ("CreditExceeded", "RateLimitExceeded", 1008, "The credit in all is too large.")

    def __init__(self, reason: str, error: str, code: int, message: str) -> None:
        self.reason = reason
        self.error = error
        self.code = code
        self.message = message


TRANSITIONS: Mapping[SessionState, Mapping[type[Parsed], SessionState | Violation]] = {
    SessionState.EXPECTING: {
        Hello: SessionState.RESUMING,
        ClientSend: Violation.HELLO_EXPECTED,
        CreditFrame: Violation.HELLO_EXPECTED,
        Ping: Violation.HELLO_EXPECTED,
        Flaw: Violation.INVALID_FRAME,
    },
    SessionState.OPEN: {
        Hello: Violation.HELLO_REPEATED,
        ClientSend: SessionState.OPEN,
        CreditFrame: SessionState.OPEN,
        Ping: SessionState.OPEN,
        Flaw: SessionState.OPEN,
    },
}
"""State × frame → next state or violation; in OPEN a frame may still break a bound, and a flaw may be fatal.
RESUMING reads nothing and CLOSED drops everything, so they have no row."""


class Session:
    """One connection. `receive` takes a client's frame; the other methods are the owner's news.

    Every method returns what is to be done, in order. The owner may join the bytes of several `Emit`s
    into one write of its socket.
    """

    __slots__ = (
        "_credit",
        "_heard",
        "_last_cursor",
        "_limits",
        "_moved",
        "_pending",
        "_state",
        "_text",
        "device",
    )

    def __init__(self, limits: SessionLimits, now: float) -> None:
        self._limits = limits
        self._state = SessionState.EXPECTING
        self._text: bool | None = None
        self._credit = 0
        self._pending: set[int] = set()
        self._heard = now
        self._last_cursor = now
        self._moved = False
        self.device: DeviceId | None = None
        """Set by `welcome`."""

    def __repr__(self) -> str:
        return f"<Session {self._state.value} credit={self._credit} in_flight={len(self._pending)}>"

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self._state

    @property
    def binary(self) -> bool:
        """Whether frames are CBOR in binary messages. JSON until the client has spoken."""
        return self._text is False

    @property
    def credit(self) -> int:
        """How many events may be offered; 0 unless the session is open."""
        return self._credit if self._state is SessionState.OPEN else 0

    @property
    def in_flight(self) -> int:
        """Sends that are not answered yet."""
        return len(self._pending)

    # -- from the client ----------------------------------------------------------------------------

    def receive(self, frame: str | bytes, now: float) -> list[Action]:
        """What a client's message leads to. Raises only `SessionMisuse`, when called while RESUMING."""
        if self._state is SessionState.CLOSED:
            return []
        if self._state is SessionState.RESUMING:
            raise SessionMisuse("answer Resume before reading on")
        self._heard = now
        text = isinstance(frame, str)
        if self._text is None:
            self._text = text
        elif self._text is not text:
            return self._violate(Violation.FORMAT_CHANGED)
        if len(frame) > self._limits.max_frame_bytes:
            return self._violate(Violation.FRAME_TOO_LARGE)
        return self._take(parse_frame(frame))

    def _take(self, frame: Parsed) -> list[Action]:
        step = TRANSITIONS[self._state][type(frame)]
        if isinstance(step, Violation):
            return self._violate(step, frame.message if isinstance(frame, Flaw) else "")
        self._state = step
        match frame:
            case Hello():
                return self._hello(frame)
            case ClientSend():
                return self._send(frame)
            case CreditFrame():
                return self._grant(frame)
            case Ping():
                return [self._emit(SessionPong(id=_present(frame.id)))]
            case Flaw():  # pragma: no branch - the union is closed, mypy checks it
                return self._flawed(frame)

    def _hello(self, frame: Hello) -> list[Action]:
        if frame.credit > self._limits.max_credit:
            return self._violate(Violation.CREDIT_EXCEEDED)
        self._credit = frame.credit
        return [Resume(frame.device, frame.cursor, frame.seen)]

    def _send(self, frame: ClientSend) -> list[Action]:
        if frame.id in self._pending:
            return self._violate(Violation.ID_IN_USE)
        if len(self._pending) >= self._limits.max_in_flight:
            return self._violate(Violation.TOO_MANY_IN_FLIGHT)
        self._pending.add(frame.id)
        return [Submit(frame.id, frame.conversation, frame.msg_id, frame.epoch, frame.body)]

    def _grant(self, frame: CreditFrame) -> list[Action]:
        if self._credit + frame.n > self._limits.max_credit:
            return self._violate(Violation.CREDIT_EXCEEDED)
        self._credit += frame.n
        return [Granted(self._credit)]

    def _flawed(self, frame: Flaw) -> list[Action]:
        if frame.fatal:
            return self._violate(Violation.INVALID_FRAME, frame.message)
        if frame.id in self._pending:
            return self._violate(Violation.ID_IN_USE)
        return [self._emit(SessionError(error=frame.error, message=frame.message, id=_present(frame.id)))]

    # -- from the owner -----------------------------------------------------------------------------

    def welcome(self, device: DeviceId, cursor: str, now: float) -> list[Action]:
        """Accept the hello: events after `cursor` may be offered to `device` from now on."""
        self._require(SessionState.RESUMING)
        self._state = SessionState.OPEN
        self._heard = self._last_cursor = now
        self.device = device
        limits = self._limits
        frame = SessionWelcome(
            device_id=device,
            cursor=cursor,
            heartbeat=limits.heartbeat,
            max_in_flight=limits.max_in_flight,
            max_frame_bytes=limits.max_frame_bytes,
        )
        return [self._emit(frame)]

    def turn_away(self, refusal: Rejected) -> list[Action]:
        """Refuse the hello: a foreign device, a cursor of another log. Ends the session."""
        self._require(SessionState.RESUMING)
        self._state = SessionState.CLOSED
        return [self._emit(_refusal(refusal, None)), Close(1008, refusal.error)]

    def acked(self, request: int, answer: Sent) -> list[Action]:
        """The send `request` is in the log."""
        frame = SessionAck(
            id=request,
            message_id=answer.msg_id,
            seq=answer.seq,
            epoch=answer.epoch,
            received_at=bucket_text(answer.received),
        )
        return self._answer(request, frame)

    def refused(self, request: int, refusal: Rejected) -> list[Action]:
        """The send `request` was refused, or its outcome is unknown; the session goes on."""
        return self._answer(request, _refusal(refusal, request))

    def offer(self, events: Sequence[EncodedEvent]) -> list[Action]:
        """Send these events, in order; there must be credit for all of them."""
        if self._state is SessionState.CLOSED:
            return []
        self._require(SessionState.OPEN)
        if len(events) > self._credit:
            raise SessionMisuse(f"{len(events)} events for a credit of {self._credit}")
        self._credit -= len(events)
        self._moved = self._moved or bool(events)
        if self._text:
            return [Emit(event.session_json()) for event in events]
        return [Emit(event.session_cbor()) for event in events]

    def cursor_at(self, cursor: str, now: float) -> list[Action]:
        """Tell the client the cursor that covers all events offered so far."""
        if self._state is SessionState.CLOSED:
            return []
        self._require(SessionState.OPEN)
        self._moved = False
        self._last_cursor = now
        return [self._emit(SessionCursor(cursor=cursor))]

    def deadline(self) -> float | None:
        """When `tick` wants to be called, if nothing else happens before; None when it never does."""
        match self._state:
            case SessionState.EXPECTING:
                return self._heard + self._limits.hello_timeout
            case SessionState.OPEN:
                idle = self._heard + 2 * self._limits.heartbeat
                return min(idle, self._last_cursor + self._lone_interval) if self._moved else idle
            case (
                SessionState.RESUMING | SessionState.CLOSED
            ):  # pragma: no branch - the union is closed, mypy checks it
                return None

    def tick(self, now: float) -> list[Action]:
        """What the passing of time leads to; nothing before `deadline()`."""
        if self._state is SessionState.EXPECTING and now >= self._heard + self._limits.hello_timeout:
            return self._violate(Violation.HELLO_TIMEOUT)
        if self._state is not SessionState.OPEN:
            return []
        if now >= self._heard + 2 * self._limits.heartbeat:
            return self._violate(Violation.IDLE_TIMEOUT)
        return self._cursor_due(now, self._lone_interval)

    def riding_cursor(self, now: float) -> list[Action]:
        """Whether a cursor may leave together with the events just offered; the owner asks after `offer`.

        A frame of its own costs as much as an event, so a cursor waits for events to ride with: after one
        `cursor_interval` it goes with the next ones, and only after two of them alone (`tick`).
        """
        if self._state is not SessionState.OPEN:
            return []
        return self._cursor_due(now, self._limits.cursor_interval)

    def close(
        self,
        reason: CloseReason,
        message: str,
        *,
        cursor: str | None = None,
        reconnect_after: float | None = None,
    ) -> list[Action]:
        """End the session in good order, in any state: last cursor, close frame, close. Idempotent."""
        if self._state is SessionState.CLOSED:
            return []
        last: list[Action] = []
        if cursor is not None and self._state is SessionState.OPEN:
            last.append(self._emit(SessionCursor(cursor=cursor)))
        self._state = SessionState.CLOSED
        wait = _whole_seconds(reconnect_after)
        last.append(self._emit(SessionClose(reason=reason.reason, message=message, reconnect_after=wait)))
        last.append(Close(reason.code, reason.reason))
        return last

    def disconnected(self) -> None:
        """The socket is gone, by whoever's doing: nothing is to be sent any more. Idempotent."""
        self._state = SessionState.CLOSED

    # -- inside -------------------------------------------------------------------------------------

    def _answer(self, request: int, frame: ServerFrame) -> list[Action]:
        if request not in self._pending:
            raise SessionMisuse(f"send {request} is not waiting for an answer")
        self._pending.remove(request)
        return [] if self._state is SessionState.CLOSED else [self._emit(frame)]

    def _violate(self, violation: Violation, message: str = "") -> list[Action]:
        self._state = SessionState.CLOSED
        error = SessionError(error=violation.error, message=message or violation.message)
        return [self._emit(error), Close(violation.code, violation.reason)]

    def _emit(self, frame: ServerFrame) -> Emit:
        return Emit(encode_frame(frame, binary=self.binary))

    def _cursor_due(self, now: float, interval: float) -> list[Action]:
        if not self._moved or now < self._last_cursor + interval:
            return []
        self._last_cursor = now  # asked once an interval, even if the owner does not follow
        return [CursorDue()]

    @property
    def _lone_interval(self) -> float:
        return 2 * self._limits.cursor_interval

    def _require(self, state: SessionState) -> None:
        if self._state is not state:
            raise SessionMisuse(f"a session that is {self._state.value} is not {state.value}")


def _refusal(refusal: Rejected, request: int | None) -> SessionError:
    return SessionError(
        error=refusal.error,
        message=refusal.message,
        id=_present(request),
        retry_after=_whole_seconds(refusal.retry_after),
        epoch=_present(refusal.epoch),
    )


def _whole_seconds(seconds: float | None) -> int | UnsetType:
    """Rounded up: a client that waits as told is never early."""
    return UNSET if seconds is None else math.ceil(seconds)


def _present(value: int | None) -> int | UnsetType:
    """A field's value as the wire types want it: absent is UNSET."""
    return UNSET if value is None else value
