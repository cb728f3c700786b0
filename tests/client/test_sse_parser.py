"""The event-stream grammar, and that the pieces in which bytes arrive make no difference."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.client.errors import BadAnswer
from router.client.sse import SseEvent, SseParser

STREAM = (
    b": keep-alive\n\n"
    b'retry: 2500\nid: c1\nevent: messageEvent\ndata: {"a":1}\n\n'
    b"data: first\rdata: second\r\r"
    b"id: c2\r\nevent:x\r\ndata:no space\r\n\r\n"
    b"data: \xe2\x80\xa8 and \xc3\xbc\n\n"
    b"data: never finished\n"
)
EVENTS = [
    SseEvent("messageEvent", '{"a":1}', "c1"),
    SseEvent("message", "first\nsecond", "c1"),
    SseEvent("x", "no space", "c2"),
    SseEvent("message", "\u2028 and ü", "c2"),
]


def test_a_stream_is_read_as_the_standard_says() -> None:
    parser = SseParser()
    assert parser.feed(STREAM) == EVENTS
    assert (parser.last_id, parser.retry) == ("c2", 2.5)


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_any_cut_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    parser, events = SseParser(), list[SseEvent]()
    edges = [0, *sorted(cuts), len(STREAM)]
    for start, end in itertools.pairwise(edges):
        events += parser.feed(STREAM[start:end])
    assert events == EVENTS


def test_an_event_that_never_ends_is_refused() -> None:
    parser = SseParser(max_event_chars=100)
    with pytest.raises(BadAnswer, match="longer"):
        parser.feed(b"data: 0123456789\n" * 20)


def test_hours_of_keep_alive_cost_nothing() -> None:
    parser = SseParser(max_event_chars=100)
    for _ in range(1_000):
        assert parser.feed(b": keep-alive\n\n") == []


def test_an_id_with_a_nul_is_ignored() -> None:
    parser = SseParser()
    parser.feed(b"id: good\nid: b\0d\ndata: x\n\n")
    assert parser.last_id == "good"
