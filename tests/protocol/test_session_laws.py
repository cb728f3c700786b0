"""What holds of every session, whatever a client sends in whatever order and at whatever time."""

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol import (
    Action,
    Close,
    CloseReason,
    CursorDue,
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
    Violation,
    decode_dagcbor,
)
from schema import ERRORS
from schema.wire import convert_server_frame, decode_server_frame
from schema.wire.rookery import (
    SessionAck,
    SessionClose,
    SessionCursor,
    SessionError,
    SessionEvent,
    SessionPong,
    SessionServerFrame,
)
from tests.protocol.test_session import DEVICE, Encode, Frame, as_cbor, as_json, send_frame
from tests.protocol.worlds import CONVO

LIMITS = SessionLimits(max_in_flight=3, max_frame_bytes=2048, max_credit=6)
EVENT = EncodedEvent(Entry(CONVO, 2, EntryKind.MESSAGE, 0, MsgId("m"), b"x", b"", 1, 1_000_000, 1))

SENSIBLE: list[dict[str, object]] = [
    {"type": "hello", "credit": 3},
    {"type": "hello", "credit": 2, "cursor": "c", "deviceId": DEVICE, "seen": [{"convoId": CONVO, "seq": 3}]},
    *(send_frame(request, f"m{request}") for request in range(5)),
    {"type": "credit", "n": 1},
    {"type": "credit", "n": 3},
    {"type": "ping"},
    {"type": "ping", "id": 4},
]
ODD: list[object] = [
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
]
ENCODERS: tuple[Encode, Encode] = (as_json, as_cbor)
formats = st.sampled_from(ENCODERS)
junk = st.text(max_size=20) | st.binary(max_size=20) | st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "id", "n"]), inner),
    max_leaves=6,
).flatmap(lambda value: formats.map(lambda encode: encode(value)))  # fmt: skip


def server_frame(frame: bytes, *, binary: bool) -> SessionServerFrame:
    return convert_server_frame(decode_dagcbor(frame)) if binary else decode_server_frame(frame)


def check_frames(actions: Sequence[Action], *, binary: bool) -> None:
    """Each emitted frame is one of the lexicon, in the session's format; errors are catalogued."""
    for action in actions:
        if isinstance(action, Emit):
            frame = (
                convert_server_frame(decode_dagcbor(action.frame))
                if binary
                else decode_server_frame(action.frame)
            )
            if isinstance(frame, SessionError):
                assert frame.error in ERRORS
                assert frame.message


class SessionMachine(RuleBasedStateMachine):
    """An honest owner against a client that may do anything; a model of ten lines keeps count."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.session = Session(LIMITS, self.now)
        self.encode: Encode = as_json
        self.pending: list[int] = []
        self.credit = 0
        self.said_close = False
        self.last_tick = self.now

    @initialize(binary=st.booleans(), begin=st.booleans())
    def begin(self, binary: bool, begin: bool) -> None:
        self.encode = ENCODERS[binary]
        if begin:
            self.receive(self.encode(SENSIBLE[0]))

    def take(self, actions: Sequence[Action]) -> None:
        assert not (actions and self.said_close), "silence after the close"
        check_frames(actions, binary=self.session.binary)
        for action in actions:
            match action:
                case Submit(id=request):
                    assert request not in self.pending
                    self.pending.append(request)
                case Granted(credit=credit):
                    self.credit = credit
                case Close(code=code, reason=reason):
                    assert action is actions[-1]
                    assert code in (1003, 1008, 1009, 1012)
                    assert reason
                    self.said_close = True
                case Resume(device=device):
                    assert device in (None, DEVICE)
                case Emit() | CursorDue():
                    pass

    def receive(self, frame: Frame) -> None:
        before = self.session.state
        self.take(self.session.receive(frame, self.now))
        if before is SessionState.EXPECTING and self.session.state is SessionState.RESUMING:
            self.credit = json.loads(frame)["credit"] if isinstance(frame, str) else _credit_of(frame)

    def _reads(self) -> bool:
        return self.session.state is not SessionState.RESUMING

    def _open(self) -> bool:
        return self.session.state is SessionState.OPEN

    @precondition(_reads)
    @rule(value=st.sampled_from(SENSIBLE))
    def client_is_sensible(self, value: object) -> None:
        self.receive(self.encode(value))

    @precondition(_reads)
    @rule(value=st.sampled_from(ODD), binary=st.booleans())
    def client_is_odd(self, value: object, binary: bool) -> None:
        self.receive(ENCODERS[binary](value))

    @precondition(_reads)
    @rule(frame=junk)
    def client_is_mad(self, frame: Frame) -> None:
        self.receive(frame)

    @precondition(lambda self: self.session.state is SessionState.RESUMING)
    @rule(welcome=st.sampled_from([True, True, True, False]))
    def owner_judges_the_hello(self, welcome: bool) -> None:
        if welcome:
            self.take(self.session.welcome(DEVICE, "c0", self.now))
        else:
            self.take(self.session.turn_away(Rejected("FutureCursor", "no")))

    @precondition(lambda self: self.pending)
    @rule(data=st.data(), accept=st.booleans())
    def owner_answers_a_send(self, data: st.DataObject, accept: bool) -> None:
        request = data.draw(st.sampled_from(self.pending))
        self.pending.remove(request)
        if accept:
            self.take(self.session.acked(request, Sent(MsgId("m"), 2, 0, 1_000_000)))
        else:
            self.take(self.session.refused(request, Rejected("EpochMismatch", "no", epoch=3)))

    @precondition(_open)
    @rule(data=st.data())
    def owner_offers_what_credit_allows(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(0, self.session.credit))
        self.credit -= count
        actions = self.session.offer([EVENT] * count)
        assert len(actions) == count
        self.take(actions)

    @precondition(_open)
    @rule()
    def owner_tells_a_cursor(self) -> None:
        self.take(self.session.cursor_at("c1", self.now))

    @rule(seconds=st.sampled_from([0.1, 1.0, 9.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        """Nothing happens before the deadline; at the deadline something does."""
        deadline = self.session.deadline()
        self.now += seconds
        actions = self.session.tick(self.now)
        assert bool(actions) is (deadline is not None and self.now >= deadline)
        self.take(actions)

    @rule(end=st.sampled_from(["drain", "cut", "no", "no", "no", "no"]))
    def it_may_end(self, end: str) -> None:
        if end == "drain":
            self.take(self.session.close(CloseReason.DRAINING, "bye", cursor="c2"))
        elif end == "cut":
            self.session.disconnected()

    @invariant()
    def bounds_hold(self) -> None:
        assert self.session.in_flight == len(self.pending) <= LIMITS.max_in_flight
        assert self.session.credit == (self.credit if self._open() else 0)
        assert 0 <= self.session.credit <= LIMITS.max_credit


def _credit_of(frame: bytes) -> int:
    value = decode_dagcbor(frame)
    assert isinstance(value, dict)
    credit = value["credit"]
    assert isinstance(credit, int)
    return credit


TestSessionMachine = SessionMachine.TestCase


@given(st.lists(junk | st.sampled_from(SENSIBLE).flatmap(lambda v: formats.map(lambda e: e(v))), max_size=12))
def test_the_first_wrong_frame_is_answered_once_and_nothing_after_it(frames: list[Frame]) -> None:
    session = Session(LIMITS, 0.0)
    closed_by: list[Close] = []
    for frame in frames:
        actions = session.receive(frame, 1.0)
        assert not (actions and closed_by)
        closed_by += [action for action in actions if isinstance(action, Close)]
        if session.state is SessionState.RESUMING:
            session.welcome(DEVICE, "c", 1.0)
    assert len(closed_by) == (session.state is SessionState.CLOSED)
    for close in closed_by:
        assert close.reason in {violation.reason for violation in Violation}


@given(st.lists(st.sampled_from(SENSIBLE + ODD), max_size=12))
def test_both_formats_lead_to_the_same_actions(values: list[object]) -> None:
    """Frames aside: what is asked of the owner does not depend on how the client spells."""
    histories = []
    for encode in (as_json, as_cbor):
        session = Session(LIMITS, 0.0)
        history: list[object] = []
        for value in values:
            actions = session.receive(encode(value), 1.0)
            history += [_meaning(action, binary=session.binary) for action in actions]
            if session.state is SessionState.RESUMING:
                session.welcome(DEVICE, "c", 1.0)
        histories.append(history)
    assert histories[0] == histories[1]


def _meaning(action: Action, *, binary: bool) -> object:
    if not isinstance(action, Emit):
        return action
    frame = (
        convert_server_frame(decode_dagcbor(action.frame)) if binary else decode_server_frame(action.frame)
    )
    if isinstance(frame, SessionError):
        return (frame.error, frame.id)  # its sentence may name the format
    assert isinstance(frame, SessionAck | SessionClose | SessionCursor | SessionEvent | SessionPong)
    return frame
