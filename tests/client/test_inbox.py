"""The inbox's law: every event once, in order, in bounded memory, under any schedule of failures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import ConversationId, MsgId
from router.client.errors import BadAnswer
from router.client.events import Event, InfoEvent, MessageEvent
from router.client.inbox import Inbox

ROOK = ConversationId("rook")


def message(seq: int, convo: ConversationId = ROOK) -> MessageEvent:
    return MessageEvent(convo, seq, MsgId(f"m{seq}"), b"sealed", 0, "2026-01-01T00:00:00Z")


def test_events_come_out_in_the_order_in_which_they_arrived() -> None:
    inbox = Inbox(window=4)
    assert inbox.resume().credit == 4
    for seq in (1, 2, 3):
        assert inbox.offer(message(seq))
    assert [inbox.take(), inbox.take(), inbox.take(), inbox.take()] == [
        message(1),
        message(2),
        message(3),
        None,
    ]


def test_a_cursor_moves_only_when_everything_before_it_was_taken() -> None:
    inbox = Inbox(window=4)
    inbox.resume()
    inbox.offer(message(1))
    inbox.mark_cursor("one")
    inbox.offer(message(2))
    before = inbox.resume().cursor
    assert before is None
    inbox.offer(message(1))
    inbox.mark_cursor("one")
    inbox.offer(message(2))
    inbox.take()
    assert inbox.cursor == "one"
    inbox.take()
    assert inbox.cursor == "one"
    assert inbox.resume().seen == {ROOK: 2}


def test_what_was_buffered_and_not_taken_is_asked_for_again() -> None:
    inbox = Inbox(window=4)
    inbox.resume()
    inbox.offer(message(1))
    inbox.offer(message(2))
    inbox.take()
    again = inbox.resume()
    assert (again.seen, again.credit, len(inbox)) == ({ROOK: 1}, 4, 0)
    assert inbox.offer(message(2))


def test_a_server_that_sends_without_credit_is_caught() -> None:
    inbox = Inbox(window=1)
    inbox.resume()
    inbox.offer(message(1))
    with pytest.raises(BadAnswer, match="without credit"):
        inbox.offer(message(2))


def test_a_word_that_belongs_to_no_log_passes_through() -> None:
    inbox = Inbox(window=2)
    inbox.resume()
    assert inbox.offer(InfoEvent("hello"))
    assert inbox.offer(InfoEvent("hello"))
    assert inbox.resume().seen == {}


def test_marks_that_two_cursors_have_passed_are_forgotten_beyond_the_bound() -> None:
    inbox = Inbox(window=8, max_marks=2)
    inbox.resume()
    for number in range(4):
        inbox.offer(message(1, ConversationId(f"c{number}")))
        inbox.take()
        inbox.mark_cursor(str(number))
    assert len(inbox.marks) <= 3


CONVERSATIONS = [ConversationId(name) for name in ("a", "b", "c")]


class Server:
    """A model of the other side: a log, a cursor that is an index, credit and `seen` honoured."""

    def __init__(self, log: list[MessageEvent]) -> None:
        self.log = log
        self.at = 0
        self.seen: dict[ConversationId, int] = {}
        self.credit = 0

    def connect(self, inbox: Inbox) -> None:
        resume = inbox.resume()
        self.at = int(resume.cursor or 0)
        self.seen = resume.seen
        self.credit = resume.credit

    def next_event(self) -> MessageEvent | None:
        while self.at < len(self.log) and self.credit:
            event = self.log[self.at]
            self.at += 1
            if event.seq > self.seen.get(event.convo, 0):
                self.credit -= 1
                return event
        return None


@given(
    order=st.lists(st.sampled_from(CONVERSATIONS), max_size=30),
    window=st.integers(1, 5),
    acts=st.lists(st.sampled_from(["send", "repeat", "cursor", "take", "lose"]), max_size=120),
)
def test_every_event_is_taken_once_and_in_order_under_any_schedule(
    order: list[ConversationId], window: int, acts: list[str]
) -> None:
    """The log arrives whole, whatever is lost, repeated or late; memory never exceeds the window."""
    counts: dict[ConversationId, int] = {}
    log = []
    for convo in order:
        counts[convo] = counts.get(convo, 0) + 1
        log.append(message(counts[convo], convo))
    inbox, server, taken = Inbox(window=window), Server(log), list[Event]()
    server.connect(inbox)
    sent: list[MessageEvent] = []

    def act(name: str) -> None:
        match name:
            case "send":
                event = server.next_event()
                if event is not None:
                    sent.append(event)
                    inbox.offer(event)
            case "repeat" if sent and server.credit:  # a server that breaks its promise costs credit only
                server.credit -= 1
                inbox.offer(sent[-1])
            case "cursor":
                inbox.mark_cursor(str(server.at))
            case "take":
                event_taken = inbox.take()
                if event_taken is not None:
                    taken.append(event_taken)
                server.credit += inbox.grant()
            case _:
                server.connect(inbox)
                sent.clear()
        assert len(inbox) <= window

    for name in acts:
        act(name)
    server.connect(inbox)
    sent.clear()
    for _ in range(2 * len(log) + 2):
        act("send")
        act("take")
    assert len(taken) == len(log)
    for convo in CONVERSATIONS:
        assert [e for e in taken if e.convo == convo] == [e for e in log if e.convo == convo]
