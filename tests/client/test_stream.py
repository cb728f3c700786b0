"""Following over SSE, on a network that is a function: resume, refusals, and cancels that lose nothing."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
import trio.testing

from protocol import AccountDid, ConversationId
from router.client.client import open_client
from router.client.errors import BadAnswer, Refused
from router.client.events import Event
from router.client.retry import Backoff
from router.client.stream import EventStream, open_stream
from router.client.xrpc import Dice

CONVO = ConversationId("aaaaaaaaaaaaaaaaaaaaaaaaaa")


def sse(*seqs: int) -> bytes:
    """Events of one conversation, the cursor being the seq."""
    event = '{"event":{"$type":"x#convoEvent","convoId":"%s","seq":%d,"action":"created"}}'
    return b"".join(
        b"id: %d\nevent: convoEvent\ndata: %b\n\n" % (n, (event % (CONVO, n)).encode()) for n in seqs
    )


class Body(httpx.AsyncByteStream):
    """Pieces of a stream, then its end: broken, closed, or silent for ever."""

    def __init__(self, *pieces: bytes, end: str = "silent") -> None:
        self.pieces = pieces
        self.end = end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await trio.lowlevel.checkpoint()
            yield piece
        if self.end == "broken":
            raise httpx.ReadError("reset")
        if self.end == "silent":
            await trio.sleep_forever()


class Network:
    """Answers from a list; the requests are kept."""

    def __init__(self, *answers: Body | httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Body):
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=answer)
        return answer

    @property
    def cursors(self) -> list[str | None]:
        return [request.headers.get("last-event-id") for request in self.requests]


@asynccontextmanager
async def stream_on(network: Callable[[httpx.Request], httpx.Response]) -> AsyncIterator[EventStream]:
    async with (
        open_client(
            "http://router.test",
            AccountDid("did:web:alice.router.test"),
            lambda lxm: f"for-{lxm}",
            dice=Dice(jitter=lambda: 0.0, wall=lambda: 0.0),
            transport=httpx.MockTransport(network),
        ) as client,
        open_stream(client, convo=CONVO, backoff=Backoff(initial=1.0)) as stream,
    ):
        yield stream


async def seqs(stream: EventStream, count: int) -> list[int]:
    events: list[Event] = [await stream.receive() for _ in range(count)]
    return [event.seq for event in events]


async def test_a_broken_stream_goes_on_behind_the_last_event(autojump_clock: trio.testing.MockClock) -> None:
    network = Network(
        Body(sse(1, 2), end="broken"), httpx.ConnectError("down"), Body(sse(3), end="closed"), Body(sse(4))
    )
    async with stream_on(network) as stream:
        assert await seqs(stream, 4) == [1, 2, 3, 4]
    assert network.cursors == [None, "2", "2", "3"]
    assert {request.headers["authorization"] for request in network.requests} == {
        "Bearer for-chat.rookery.streamEvents"
    }
    assert network.requests[0].url.params["convoId"] == CONVO


async def test_a_half_event_is_asked_for_again(autojump_clock: trio.testing.MockClock) -> None:
    network = Network(Body(sse(1) + sse(2)[:40], end="broken"), Body(sse(2)))
    async with stream_on(network) as stream:
        assert await seqs(stream, 2) == [1, 2]


async def test_what_is_sent_twice_is_taken_once(autojump_clock: trio.testing.MockClock) -> None:
    async with stream_on(Network(Body(sse(1, 2, 2, 1, 3)))) as stream:
        assert await seqs(stream, 3) == [1, 2, 3]
        assert stream.duplicates == 2


async def test_a_cancelled_receive_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    network = Network(Body(sse(1)), Body(sse(2)))
    async with stream_on(network) as stream:
        assert await seqs(stream, 1) == [1]
        with trio.move_on_after(5) as waiting:
            await stream.receive()
        assert waiting.cancelled_caught
        assert await seqs(stream, 1) == [2]
    assert network.cursors == [None, "1"]


async def test_a_refusal_is_raised_with_its_name(autojump_clock: trio.testing.MockClock) -> None:
    refusal = httpx.Response(404, json={"error": "ConvoNotFound", "message": "no"})
    async with stream_on(Network(refusal)) as stream:
        with pytest.raises(Refused, match="ConvoNotFound"):
            await stream.receive()


async def test_a_wait_that_the_server_asks_for_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    busy = httpx.Response(503, json={"error": "NotEnoughResources"}, headers={"retry-after": "30"})
    async with stream_on(Network(busy, Body(sse(1)))) as stream:
        began = trio.current_time()
        assert await seqs(stream, 1) == [1]
        assert trio.current_time() - began >= 30


async def test_a_page_that_is_no_stream_is_said(autojump_clock: trio.testing.MockClock) -> None:
    async with stream_on(Network(httpx.Response(200, html="<p>welcome"))) as stream:
        with pytest.raises(BadAnswer, match="not an event stream"):
            await stream.receive()
