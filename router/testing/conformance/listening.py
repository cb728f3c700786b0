"""Streams as a client hears them: server-sent events, and frames over WebSockets."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from protocol import SUBPROTOCOL, AtMessage, decode_frame
from router.client.sse import SseEvent, SseParser
from router.testing.conformance.bench import Bench
from router.testing.conformance.people import Phone
from router.testing.conformance.verdicts import Nonconformity, demand, demand_equal
from schema import VALIDATOR, InvalidData
from schema.testing import query_string
from schema.wire import decode_server_frame
from schema.wire.rookery import SessionServerFrame

SECONDS = 20.0
"""How long an event may take."""
QUIET_SECONDS = 1.0
"""How long nothing must come where nothing may."""


@attrs.define
class Events:
    """An open stream of server-sent events."""

    nsid: str
    chunks: AsyncIterator[bytes]
    parser: SseParser = attrs.field(factory=SseParser)
    waiting: list[SseEvent] = attrs.field(factory=list)

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event's cursor, and the event itself; `Nonconformity` where none comes."""
        with trio.move_on_after(SECONDS):
            while not self.waiting:
                try:
                    self.waiting = self.parser.feed(await anext(self.chunks))
                except StopAsyncIteration:
                    raise Nonconformity("the stream of events ended") from None
            event = self.waiting.pop(0)
            wrapped = json.loads(event.data)
            try:
                VALIDATOR.output(self.nsid, wrapped)
            except InvalidData as problem:
                raise Nonconformity(f"an event of {self.nsid} is not the lexicon's: {problem}") from None
            demand(event.id, "an event without an id cannot be resumed from")
            return event.id, wrapped["event"]
        raise Nonconformity(f"no event within {SECONDS:g} s")

    async def next_message(self) -> tuple[str, dict[str, Any]]:
        """The next event that is a message: its cursor, and the message."""
        while True:
            cursor, event = await self.next()
            if "message" in event and event["message"].get("messageType", "app") == "app":
                return cursor, event["message"]

    async def quiet(self) -> list[str]:
        """The names of the events that come although none should, for a while."""
        heard: list[str] = []
        with trio.move_on_after(QUIET_SECONDS):
            while True:
                try:
                    fresh = self.waiting or self.parser.feed(await anext(self.chunks))
                except StopAsyncIteration:
                    break
                self.waiting = []
                heard += [event.event for event in fresh]
        return heard


@contextlib.asynccontextmanager
async def events(
    by: Phone, nsid: str, *, last_event_id: str | None = None, **params: Any
) -> AsyncIterator[Events]:
    """Listen as a device, for the block; `last_event_id` is how a browser resumes."""
    bench = by.bench
    headers = {"authorization": f"Bearer {bench.token(by.key, nsid)}", "accept": "text/event-stream"}
    if last_event_id is not None:
        headers["last-event-id"] = last_event_id
    target = f"{bench.service.base_url}/xrpc/{nsid}?{query_string({'deviceId': by.id, **params})}"
    async with bench.http.stream("GET", target, headers=headers, timeout=None) as answer:
        kind = answer.headers.get("content-type", "")
        demand_equal((answer.status_code, kind.partition(";")[0]), (200, "text/event-stream"), f"{nsid}")
        yield Events(nsid, answer.aiter_bytes())


@contextlib.asynccontextmanager
async def websocket(
    bench: Bench, target: str, *, token: str | None = None, subprotocol: str | None = None
) -> AsyncIterator[WebSocketConnection]:
    """A WebSocket at a path of the server, or at a whole URL, for the block."""
    url = target if "://" in target else "ws" + bench.service.base_url.removeprefix("http") + target
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    async with open_websocket_url(
        url, subprotocols=[subprotocol] if subprotocol else None, extra_headers=headers
    ) as socket:
        yield socket


async def next_at_message(socket: WebSocketConnection, nsid: str) -> tuple[str, dict[str, Any]]:
    """Name and fields of the next frame of an AT Protocol event stream."""
    with trio.move_on_after(SECONDS):
        frame = await socket.get_message()
        if not isinstance(frame, bytes):
            raise Nonconformity("an event stream sends binary messages")
        read = decode_frame(frame)
        if not isinstance(read, AtMessage):
            raise Nonconformity(f"the event stream answered {read}")
        try:
            VALIDATOR.message(nsid, read.t, read.payload)
        except InvalidData as problem:
            raise Nonconformity(f"a frame of {nsid} is not the lexicon's: {problem}") from None
        return read.t, dict(read.payload)
    raise Nonconformity(f"no frame within {SECONDS:g} s")


@attrs.define
class Talk:
    """A `rookery.v1` session in JSON."""

    socket: WebSocketConnection

    async def send(self, **frame: Any) -> None:
        """One frame of the client."""
        await self.socket.send_message(json.dumps(frame))

    async def next(self, *kinds: type[SessionServerFrame]) -> SessionServerFrame:
        """The next frame of the server that is of one of these kinds; `Nonconformity` where none comes."""
        with trio.move_on_after(SECONDS):
            while True:
                try:
                    frame = await self.socket.get_message()
                except ConnectionClosed as closed:
                    raise Nonconformity(f"the session ended: {closed.reason}") from None
                demand(isinstance(frame, str), "a session of text sends text")
                read = decode_server_frame(frame)
                if not kinds or isinstance(read, kinds):
                    return read
        raise Nonconformity(f"no frame within {SECONDS:g} s")


@contextlib.asynccontextmanager
async def session(bench: Bench, by: Phone) -> AsyncIterator[Talk]:
    """A session of a device before its hello, for the block."""
    nsid = "chat.rookery.session"
    token = bench.token(by.key, nsid)
    async with websocket(bench, f"/xrpc/{nsid}", token=token, subprotocol=SUBPROTOCOL) as socket:
        demand_equal(socket.subprotocol, SUBPROTOCOL, "the subprotocol")
        yield Talk(socket)
