"""A Hypothesis state machine of `rookery.v1` sessions: a server's half against a client that may do anything.

The owner is honest: it answers each hello and each send once and offers what credit allows. A model of a few
counters says what may come: no event without credit, no answer nobody asked for, silence after the close,
one close at the end and by name, and every frame one of the lexicon, in the format of the session.
"""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol import (
    Action,
    Close,
    CloseReason,
    CursorDue,
    DeviceId,
    Emit,
    EncodedEvent,
    Entry,
    EntryKind,
    Granted,
    MsgId,
    Rejected,
    Resume,
    Sent,
    Session,
    SessionLimits,
    SessionState,
    Submit,
    decode_dagcbor,
    encode_dagcbor,
)
from schema import ERRORS
from schema.wire import convert_server_frame, decode_server_frame
from schema.wire.rookery import SessionError, SessionServerFrame

from ._cast import BOB, CONVO, ciphertext, device
from ._require import require, require_equal
from ._wire import junk_frames

SESSION_LIMITS = SessionLimits(max_in_flight=3, max_frame_bytes=2048, max_credit=6)
"""Small, so that each of them is met."""
DEVICE = device(BOB)
CLOSE_CODES = frozenset({1003, 1008, 1009, 1011, 1012, 1013})

Frame = str | bytes
Encode = Callable[[object], Frame]

_EVENT = EncodedEvent(Entry(CONVO, 2, EntryKind.MESSAGE, 0, MsgId("m"), b"x", b"", 1, 1_000_000, 1))


def as_json(value: object) -> str:
    """A frame of a session of text: bytes are `{"$bytes": base64}`."""
    return json.dumps(value, default=lambda raw: {"$bytes": base64.b64encode(raw).decode()})


def as_cbor(value: object) -> bytes:
    """A frame of a session of bytes."""
    return encode_dagcbor(value)


def send_frame(request: int = 1, msg_id: str = "m", **changes: object) -> dict[str, object]:
    """A client's `send`, as data."""
    frame = {"type": "send", "id": request, "convoId": CONVO, "msgId": msg_id, "ciphertext": ciphertext()}
    return {**frame, **changes}


SENSIBLE: tuple[dict[str, object], ...] = (
    {"type": "hello", "credit": 3},
    {"type": "hello", "credit": 2, "cursor": "c", "deviceId": DEVICE, "seen": [{"convoId": CONVO, "seq": 3}]},
    *(send_frame(request, f"m{request}") for request in range(5)),
    {"type": "credit", "n": 1},
    {"type": "credit", "n": 3},
    {"type": "ping"},
    {"type": "ping", "id": 4},
)
"""What a client may say at the right time."""
ODD: tuple[object, ...] = (
    {"type": "hello", "credit": 7},
    {"type": "hello"},
    send_frame(1, "bad id"),
    send_frame(9, ciphertext=b"x" * 2000),
    {"type": "credit", "n": 0},
    {"type": "typing", "id": 2},
    {"type": "presence"},
    {},
    [],
    7,
)
"""What it may not."""


class SessionSubject(Protocol):
    """What is tried: the methods of `protocol.Session`, which see."""

    @property
    def state(self) -> SessionState: ...
    @property
    def binary(self) -> bool: ...
    @property
    def credit(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    def receive(self, frame: Frame, now: float) -> list[Action]: ...
    def welcome(self, device: DeviceId, cursor: str, now: float) -> list[Action]: ...
    def turn_away(self, refusal: Rejected) -> list[Action]: ...
    def acked(self, request: int, sent: Sent) -> list[Action]: ...
    def refused(self, request: int, refusal: Rejected) -> list[Action]: ...
    def offer(self, events: Sequence[EncodedEvent]) -> list[Action]: ...
    def cursor_at(self, cursor: str, now: float) -> list[Action]: ...
    def close(
        self,
        reason: CloseReason,
        message: str,
        *,
        cursor: str | None = None,
        reconnect_after: int | None = None,
    ) -> list[Action]: ...
    def disconnected(self) -> None: ...
    def deadline(self) -> float | None: ...
    def tick(self, now: float) -> list[Action]: ...


def server_frame(frame: bytes, *, binary: bool) -> SessionServerFrame:
    """A server's frame as its wire type; `InvalidWire` or `InvalidDagCbor` where it is none."""
    return convert_server_frame(decode_dagcbor(frame)) if binary else decode_server_frame(frame)


class SessionMachine(RuleBasedStateMachine):
    """Subclass it and let `build` make what is to be tried; add rules of your own, which give what they are
    answered to `take`."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.session: SessionSubject = self.build(SESSION_LIMITS, self.now)
        self.encode: Encode = as_json
        self.pending: list[int] = []
        """Sends that were submitted and are unanswered."""
        self.credit = 0
        self.said_close = False

    def build(self, limits: SessionLimits, now: float) -> SessionSubject:
        """The server's half of a new connection: by default `protocol.Session`."""
        return Session(limits, now)

    @initialize(binary=st.booleans(), begin=st.sampled_from(["open", "open", "open", "hello", "silent"]))
    def begin(self, binary: bool, begin: str) -> None:
        """The client chooses a format; mostly it says hello and is welcome, so that more is tried."""
        self.encode = as_cbor if binary else as_json
        if begin != "silent":
            self.receive(self.encode(SENSIBLE[0]))
        if begin == "open":
            self.take(self.session.welcome(DEVICE, "c0", self.now))

    def take(self, actions: Sequence[Action]) -> None:
        """What is to be done, held against what may be asked for now."""
        require(not (actions and self.said_close), f"not silent after the close: {actions!r}")
        for action in actions:
            match action:
                case Emit(frame=frame):
                    self._check_frame(frame)
                case Submit(id=request):
                    require(request not in self.pending, f"send {request} submitted twice")
                    self.pending.append(request)
                case Granted(credit=credit):
                    self.credit = credit
                case Close(code=code, reason=reason):
                    require(action is actions[-1], "something follows the close")
                    require(code in CLOSE_CODES and bool(reason), f"closed with {code} and {reason!r}")
                    self.said_close = True
                case Resume(device=named):
                    require(named in (None, DEVICE), f"resumes {named}, which nobody named")
                case CursorDue():
                    pass

    def _check_frame(self, frame: bytes) -> None:
        told = server_frame(frame, binary=self.session.binary)
        if isinstance(told, SessionError):
            require(told.error in ERRORS, f"{told.error} is in no catalogue")
            require(bool(told.message), "an error without a sentence")

    def receive(self, frame: Frame) -> None:
        """A frame of the client."""
        before = self.session.state
        self.take(self.session.receive(frame, self.now))
        if before is SessionState.EXPECTING and self.session.state is SessionState.RESUMING:
            self.credit = _credit_of(frame)

    def _reads(self) -> bool:
        return self.session.state is not SessionState.RESUMING

    def _open(self) -> bool:
        return self.session.state is SessionState.OPEN

    @precondition(_open)
    @rule(request=st.integers(0, 4))
    def client_sends(self, request: int) -> None:
        """A message, now and then under an id that is in use."""
        self.receive(self.encode(send_frame(request, f"m{request}")))

    @precondition(_open)
    @rule(more=st.integers(1, 4))
    def client_grants(self, more: int) -> None:
        """Credit, now and then too much of it."""
        self.receive(self.encode({"type": "credit", "n": more}))

    @precondition(_reads)
    @rule(value=st.sampled_from(SENSIBLE))
    def client_is_sensible(self, value: object) -> None:
        """It says what may be said, if not always when."""
        self.receive(self.encode(value))

    @precondition(_reads)
    @rule(odd=st.sampled_from(ODD), binary=st.booleans(), junk=junk_frames(), mad=st.booleans())
    def client_is_odd(self, odd: object, binary: bool, junk: Frame, mad: bool) -> None:
        """It says what is wrong in one place, or in the other format, or anything."""
        self.receive(junk if mad else as_cbor(odd) if binary else as_json(odd))

    @precondition(lambda self: self.session.state is SessionState.RESUMING)
    @rule(welcome=st.sampled_from([True, True, True, False]))
    def owner_judges_the_hello(self, welcome: bool) -> None:
        """Device and cursor are good, or not."""
        if welcome:
            self.take(self.session.welcome(DEVICE, "c0", self.now))
        else:
            self.take(self.session.turn_away(Rejected("FutureCursor", "no")))

    @precondition(lambda self: self.pending)
    @rule(data=st.data(), accept=st.booleans())
    def owner_answers_a_send(self, data: st.DataObject, accept: bool) -> None:
        """Each once, in any order, also when the client is gone."""
        request = data.draw(st.sampled_from(self.pending))
        self.pending.remove(request)
        if accept:
            self.take(self.session.acked(request, Sent(MsgId("m"), 2, 0, 1_000_000)))
        else:
            self.take(self.session.refused(request, Rejected("EpochMismatch", "no", epoch=3)))

    @precondition(_open)
    @rule(data=st.data())
    def owner_offers_what_credit_allows(self, data: st.DataObject) -> None:
        """One frame for each event."""
        count = data.draw(st.integers(0, self.session.credit))
        self.credit -= count
        actions = self.session.offer([_EVENT] * count)
        require_equal(len(actions), count, "frames for events")
        self.take(actions)

    @precondition(_open)
    @rule()
    def owner_tells_a_cursor(self) -> None:
        """A resume point."""
        self.take(self.session.cursor_at("c1", self.now))

    @rule(seconds=st.sampled_from([0.1, 1.0, 9.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        """Nothing happens before the deadline; at the deadline something does."""
        deadline = self.session.deadline()
        self.now += seconds
        actions = self.session.tick(self.now)
        due = deadline is not None and self.now >= deadline
        require(bool(actions) is due, f"at {self.now} with deadline {deadline}: {actions!r}")
        self.take(actions)

    @rule(end=st.sampled_from(["no", "no", "no", "no", "no", "no", "no", "drain", "cut"]))
    def it_may_end(self, end: str) -> None:
        """By the owner, or by the network."""
        if end == "drain":
            self.take(self.session.close(CloseReason.DRAINING, "bye", cursor="c2"))
        elif end == "cut":
            self.session.disconnected()

    @invariant()
    def bounds_hold(self) -> None:
        """What is counted on both sides is the same, and within bounds."""
        require_equal(self.session.in_flight, len(self.pending), "sends in flight")
        require(len(self.pending) <= SESSION_LIMITS.max_in_flight, "more sends in flight than may be")
        require_equal(self.session.credit, self.credit if self._open() else 0, "credit")
        require(0 <= self.session.credit <= SESSION_LIMITS.max_credit, "credit out of bounds")


def _credit_of(hello: Frame) -> int:
    frame: Any = json.loads(hello) if isinstance(hello, str) else decode_dagcbor(hello)
    return int(frame["credit"])
