"""Server-sent events (HTML living standard, section 9.2): `streamConvoEvents` and `streamEvents`.

Plain ASGI, in front of the framework. One task writes and one listens for the client to go; everything
that waits for the client leaves in one piece. Each event has an `id:`, so a browser resumes by itself
with `Last-Event-ID`, which counts more than the `cursor` parameter of the URL it repeats. A comment
keeps the line warm. The stream ends with an `infoEvent` that says why.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import cast

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

from protocol import SSE_KEEP_ALIVE, info_json, sse_event
from router.device.feed import Feed, FeedClosed
from router.edge.asgi import fields_of, respond, with_standard_headers
from router.edge.connection import PIECE_BYTES
from router.edge.errors import Refusal, Reply, refuse, reply_of
from router.edge.exchange import Exchange
from router.edge.http11 import STALLED
from router.edge.opening import (
    Opening,
    StreamCaller,
    cut_when_revoked,
    open_feed,
    prepare,
    reconnect_after,
    refuse_when_draining,
    stream_caller,
)
from router.edge.routes import Route
from router.edge.services import Edge
from router.edge.xrpc import check_method, read_input
from schema.wire import given, mls, rookery

_BATCH = 256
_HEADERS = ((b"x-accel-buffering", b"no"),)


async def serve_sse(
    edge: Edge,
    route: Route,
    scope: HTTPScope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
    exchange: Exchange,
) -> None:
    """Open the stream and keep it until the client, the feed or the drain ends it."""
    with ExitStack() as ear:
        await _serve(edge, route, scope, receive, send, exchange, ear)


async def _serve(
    edge: Edge,
    route: Route,
    scope: HTTPScope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
    exchange: Exchange,
    ear: ExitStack,
) -> None:
    try:
        with trio.fail_after(edge.answer_timeout):
            caller, opening = await _open(edge, route, scope, ear)
    except Exception as error:  # noqa: BLE001 - translated once; what is ours is reported by the caller
        reply = reply_of(error)
        exchange.answered(reply)
        if reply.crash is not None:
            edge.report("request_crashed", reply.crash)
        await respond(send, reply, exchange.request)
        return
    exchange.transport = "sse"
    only = None if opening.only is None else opening.only.id
    with edge.observer.connection("sse"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_gone, receive, nursery.cancel_scope, exchange)
            try:
                async with open_feed(edge, opening.device, after=opening.after, only=only) as feed:
                    cut_when_revoked(caller.watch, feed)
                    await _Stream(edge, route, send, opening, feed, exchange).run()
            except Refusal as refusal:  # before the first byte: the feed could not be opened
                exchange.answered(reply := refuse(refusal))
                await respond(send, reply, exchange.request)
            nursery.cancel_scope.cancel()


async def _open(edge: Edge, route: Route, scope: HTTPScope, ear: ExitStack) -> tuple[StreamCaller, Opening]:
    headers = fields_of(scope)
    check_method(route, scope["method"])
    refuse_when_draining(edge)
    caller = await stream_caller(edge, route, headers, scope, ear)
    params = read_input(route, scope["query_string"], b"")
    if not isinstance(params, mls.StreamConvoEventsParams | rookery.StreamEventsParams):
        raise TypeError(f"{route.nsid} gives {type(params).__name__}")
    cursor = headers.one(b"last-event-id") or given(params.cursor)
    return caller, await prepare(edge, route, caller, params, cursor=cursor, from_now=False)


async def _until_gone(receive: ASGIReceiveCallable, stream: trio.CancelScope, exchange: Exchange) -> None:
    while (event := await receive())["type"] != "http.disconnect":
        pass
    if cast("dict[str, object]", event).get("reason") == STALLED:
        exchange.ended(200, STALLED)
    stream.cancel()


class _Stream:
    """The writing half of one stream."""

    def __init__(
        self,
        edge: Edge,
        route: Route,
        send: ASGISendCallable,
        opening: Opening,
        feed: Feed,
        exchange: Exchange,
    ) -> None:
        self._edge = edge
        self._nsid = route.nsid
        self._send = send
        self._opening = opening
        self._feed = feed
        self._exchange = exchange
        self._last: str | None = None

    async def run(self) -> None:
        """Write what the feed gives, in pieces as large as what waits."""
        reply = Reply(200, b"", _HEADERS, b"text/event-stream")
        headers = with_standard_headers(reply, self._exchange.request, close=True)
        headers = [header for header in headers if header[0] != b"content-length"]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        self._exchange.ended(200)
        await self._write(SSE_KEEP_ALIVE)  # the head leaves with the first piece of the body
        try:
            while True:
                await self._next()
        except FeedClosed as end:
            await self._say_why(end)
        except trio.TooSlowError:
            self._exchange.ended(200, "ConsumerTooSlow")

    async def _next(self) -> None:
        with trio.move_on_after(self._edge.settings.session.comment_seconds) as quiet:
            batch = await self._feed.take(_BATCH)
        if quiet.cancelled_caught:
            await self._write(SSE_KEEP_ALIVE)
            return
        pieces: list[bytes] = []
        for published in batch:
            self._last = self._opening.cursor_of(published)
            event = published.event
            pieces.append(sse_event(event.name, self._last, event.json(self._nsid).fill(self._last)))
        await self._write(b"".join(pieces))
        self._edge.observer.delivered("sse", len(batch))

    async def _write(self, data: bytes) -> None:
        """Hand over one piece. A client that stalls is cut off by the server's own deadline; this one,
        which is for the whole of it and no shorter at any length, holds under any server."""
        with trio.fail_after((2 + len(data) / PIECE_BYTES) * self._edge.settings.server.send_timeout):
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._exchange.bytes_out += len(data)

    async def _say_why(self, end: FeedClosed) -> None:
        self._exchange.ended(200, _WHY.get(end.reason))
        cursor = self._opening.cursor_at(self._feed, self._last)
        info = info_json(self._nsid, cursor, f"{end.reason}: {end.message}")
        last = sse_event("infoEvent", cursor, info)
        wait = b"retry: %d\n" % round(reconnect_after(self._edge) * 1000)
        with trio.move_on_after(self._edge.settings.server.send_timeout):
            await self._send({"type": "http.response.body", "body": wait + last, "more_body": False})


_WHY = {
    "draining": "NotEnoughResources",
    "overloaded": "NotEnoughResources",
    "replaced": "NotEnoughResources",
    "removed": "NotMember",
    "AccountDisabled": "AccountDisabled",
    "AccessRevoked": "AccessRevoked",
}
"""The name in the log for what a feed says of its end."""
