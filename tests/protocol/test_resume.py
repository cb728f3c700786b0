"""Two ends and a network that cuts: whatever it drops, a device gets its log once and in order."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from protocol import (
    Action,
    ConversationId,
    Cursor,
    CursorDue,
    Emit,
    EncodedEvent,
    Entry,
    EntryKind,
    Interval,
    MsgId,
    Resume,
    Session,
    SessionLimits,
    conversation_id_from_bytes,
    decode_cursor,
    encode_cursor,
)
from protocol.testing import as_json
from protocol.testing._session_machine import DEVICE
from schema.wire import decode_server_frame
from schema.wire.rookery import SessionCursor, SessionEvent, SessionWelcome, StreamEventsMessageEvent

LOG_ID = b"log-0001"
CONVOS = tuple(conversation_id_from_bytes(bytes([number]) * 16) for number in range(3))
Place = tuple[ConversationId, int]


@dataclass
class Server:
    """The log, the device's intervals in it, and the feed of the one connection that lives."""

    intervals: dict[ConversationId, Interval]
    log: list[Entry] = field(default_factory=list)
    position: int = 0
    seen: dict[ConversationId, int] = field(default_factory=dict)
    session: Session = field(default_factory=lambda: Session(SessionLimits(), 0.0))

    def append(self, convo: ConversationId) -> None:
        seq = 1 + sum(entry.conversation == convo for entry in self.log)
        place = len(self.log) + 1
        msg_id = MsgId(f"m{place}")
        self.log.append(Entry(convo, seq, EntryKind.MESSAGE, 0, msg_id, b"x", b"", seq, 0, position=place))

    def cursor(self) -> str:
        return encode_cursor(Cursor(LOG_ID, DEVICE, self.position)).hex()

    def connect(self, hello: str, now: float) -> list[bytes]:
        self.session = Session(SessionLimits(), now)
        (resume,) = self.session.receive(hello, now)
        assert isinstance(resume, Resume)
        self.position = 0 if resume.cursor is None else decode_cursor(bytes.fromhex(resume.cursor)).position
        self.seen = resume.seen
        return frames(self.session.welcome(DEVICE, self.cursor(), now))

    def pump(self, most: int) -> list[bytes]:
        """Offer what comes next and is due: in an interval, not seen, within the credit."""
        due: list[EncodedEvent] = []
        while self.position < len(self.log) and len(due) < min(most, self.session.credit):
            entry = self.log[self.position]
            self.position += 1
            if self.shows(entry) and entry.seq > self.seen.get(entry.conversation, 0):
                due.append(EncodedEvent(entry))
        return frames(self.session.offer(due))

    def tick(self, now: float) -> list[bytes]:
        actions = self.session.tick(now)
        return frames(self.session.cursor_at(self.cursor(), now)) if actions == [CursorDue()] else []

    def shows(self, entry: Entry) -> bool:
        return self.intervals[entry.conversation].shows(entry.seq)

    def owed(self) -> list[Place]:
        return [(entry.conversation, entry.seq) for entry in self.log if self.shows(entry)]


def frames(actions: Sequence[Action]) -> list[bytes]:
    return [action.frame for action in actions if isinstance(action, Emit)]


@dataclass
class Client:
    """Keeps its last cursor and what it saw after it; that is all a client has to remember."""

    credit: int
    forgets: bool = False
    cursor: str | None = None
    seen: dict[ConversationId, int] = field(default_factory=dict)
    received: list[Place] = field(default_factory=list)

    def hello(self) -> str:
        marks = [{"convoId": convo, "seq": seq} for convo, seq in self.seen.items()]
        hello: dict[str, object] = {"type": "hello", "credit": self.credit}
        if not self.forgets:
            hello["seen"] = marks
        return as_json(hello if self.cursor is None else hello | {"cursor": self.cursor})

    def take(self, raw: bytes) -> None:
        match decode_server_frame(raw):
            case SessionEvent(event=StreamEventsMessageEvent(message=message)):
                place = (ConversationId(message.convo_id), message.seq)
                self.received.append(place)
                self.seen[place[0]] = max(place[1], self.seen.get(place[0], 0))
            case SessionCursor(cursor=cursor):
                self.cursor, self.seen = cursor, {}
            case SessionWelcome():
                pass
            case other:
                raise AssertionError(other)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 2)),
        st.tuples(st.just("pump"), st.integers(1, 4)),
        st.tuples(st.just("deliver"), st.integers(1, 6)),
        st.tuples(st.just("credit"), st.integers(1, 4)),
        st.tuples(st.just("second"), st.just(1)),
        st.tuples(st.just("cut"), st.just(0)),
    ),
    max_size=40,
)
spans = st.builds(
    lambda start, length: Interval(start, None if length is None else start + length),
    st.integers(1, 3),
    st.none() | st.integers(0, 6),
)


def run(server: Server, client: Client, schedule: list[tuple[str, int]]) -> None:
    """Let the schedule happen; a cut loses everything that is on the wire, both ways."""
    now = 0.0
    wire: deque[bytes] = deque(server.connect(client.hello(), now))
    for step, number in schedule:
        match step:
            case "append":
                server.append(CONVOS[number])
            case "pump":
                wire += server.pump(number)
            case "deliver":
                for _ in range(min(number, len(wire))):
                    client.take(wire.popleft())
            case "credit":
                server.session.receive(as_json({"type": "credit", "n": number}), now)
            case "second":
                now += 1.0
                wire += server.tick(now)
            case _:
                server.session.disconnected()
                wire = deque(server.connect(client.hello(), now))
    server.session.disconnected()
    client.credit = 1000
    for raw in (*server.connect(client.hello(), now), *server.pump(1000)):
        client.take(raw)


@given(spans, spans, spans, st.integers(1, 5), steps)
def test_after_any_disconnects_a_device_has_its_part_of_the_log_once_and_in_order(
    a: Interval, b: Interval, c: Interval, credit: int, schedule: list[tuple[str, int]]
) -> None:
    server = Server(dict(zip(CONVOS, (a, b, c), strict=True)))
    client = Client(credit)
    run(server, client, schedule)
    assert client.received == server.owed()


@given(spans, spans, spans, st.integers(1, 5), steps)
def test_a_client_that_leaves_out_what_it_saw_gets_repeats_after_its_cursor_but_never_gaps(
    a: Interval, b: Interval, c: Interval, credit: int, schedule: list[tuple[str, int]]
) -> None:
    server = Server(dict(zip(CONVOS, (a, b, c), strict=True)))
    client = Client(credit, forgets=True)
    run(server, client, schedule)
    assert list(dict.fromkeys(client.received)) == server.owed()


def test_an_event_that_was_covered_by_a_cursor_is_not_sent_again() -> None:
    """The example: two events, a cursor, a third event, a cut; the third is named as seen."""
    server = Server(dict.fromkeys(CONVOS, Interval(1)))
    client = Client(credit=10)
    for _ in range(3):
        server.append(CONVOS[0])
    for raw in (*server.connect(client.hello(), 0.0), *server.pump(2), *server.tick(2.0), *server.pump(1)):
        client.take(raw)
    assert client.cursor is not None
    assert client.seen == {CONVOS[0]: 3}
    assert server.connect(client.hello(), 3.0)
    assert server.pump(10) == []
    assert client.received == server.owed()
