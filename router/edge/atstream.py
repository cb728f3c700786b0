"""AT Protocol event streams: `subscribeConvoEvents` and `subscribeEvents` over a WebSocket.

Each message is a DAG-CBOR frame: a header and a payload. No cursor begins now, `0` begins at the device's
first entry, a cursor gives everything after it (the specification's text says «from it on»; its reference,
like this server, leaves out the event at the cursor). An error is the last frame, its name is the reason
of the close (1008). What the client sends is read and thrown away.
"""

from __future__ import annotations

from contextlib import ExitStack

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, WebsocketScope

from protocol import error_frame, info_at_frame
from router.device.feed import Feed, FeedClosed
from router.edge.asgi import fields_of
from router.edge.cursors import FUTURE_CURSOR
from router.edge.errors import Refusal
from router.edge.exchange import Exchange
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
from router.edge.sockets import Socket, Stalled, open_or_turn_down
from router.edge.xrpc import read_input
from schema.wire import given, mls, rookery

_BATCH = 256
_END = {
    "draining": (1012, "ServerDraining"),
    "overloaded": (1013, "NotEnoughResources"),
    "replaced": (1013, "NotEnoughResources"),
    "removed": (1008, "NotMember"),
    "AccountDisabled": (1008, "AccountDisabled"),
    "AccessRevoked": (1008, "AccessRevoked"),
}


async def serve_at_stream(
    edge: Edge,
    route: Route,
    scope: WebsocketScope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
    exchange: Exchange,
) -> None:
    """Open the stream and keep it until the client, the feed or the drain ends it."""
    with ExitStack() as ear:
        opened = await open_or_turn_down(edge, scope, send, exchange, lambda: _open(edge, route, scope, ear))
        if opened is not None:
            await _serve(edge, scope, receive, send, exchange, *opened)


async def _serve(
    edge: Edge,
    scope: WebsocketScope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
    exchange: Exchange,
    caller: StreamCaller,
    opening: Opening | Refusal,
) -> None:
    exchange.transport = "atproto"
    socket = Socket(scope, receive, send, edge.settings.server.send_timeout, exchange)
    with edge.observer.connection("atproto"):
        await socket.accept(None)
        if isinstance(opening, Refusal):
            await _refuse(socket, opening, exchange)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_ignore, socket, nursery.cancel_scope)
            only = None if opening.only is None else opening.only.id
            try:
                async with open_feed(edge, opening.device, after=opening.after, only=only) as feed:
                    cut_when_revoked(caller.watch, feed)
                    await _write(edge, socket, opening, feed, exchange)
            except Refusal as refusal:
                await _refuse(socket, refusal, exchange)
            except Stalled:
                exchange.ended(1008, "ConsumerTooSlow")
            nursery.cancel_scope.cancel()


async def _open(
    edge: Edge, route: Route, scope: WebsocketScope, ear: ExitStack
) -> tuple[StreamCaller, Opening | Refusal]:
    refuse_when_draining(edge)
    caller = await stream_caller(edge, route, fields_of(scope), scope, ear)
    params = read_input(route, scope["query_string"], b"")
    if not isinstance(params, mls.SubscribeConvoEventsParams | rookery.SubscribeEventsParams):
        raise TypeError(f"{route.nsid} gives {type(params).__name__}")
    try:
        cursor = given(params.cursor)
        return caller, await prepare(edge, route, caller, params, cursor=cursor, from_now=True)
    except Refusal as refusal:
        if refusal.error == FUTURE_CURSOR.error:
            return caller, refusal  # the specification wants it said in a frame
        raise


async def _refuse(socket: Socket, refusal: Refusal, exchange: Exchange) -> None:
    exchange.ended(1008, refusal.error)
    await socket.send_all([error_frame(refusal.error, refusal.message)], text=False)
    await socket.close(1008, refusal.error)


async def _ignore(socket: Socket, stream: trio.CancelScope) -> None:
    while await socket.receive() is not None:
        pass
    stream.cancel()


async def _write(edge: Edge, socket: Socket, opening: Opening, feed: Feed, exchange: Exchange) -> None:
    last: str | None = None
    try:
        while True:
            frames: list[bytes] = []
            batch = await feed.take(_BATCH)
            for published in batch:
                last = opening.cursor_of(published)
                frames.append(published.event.at_frame().fill(last))
            await socket.send_all(frames, text=False)
            edge.observer.delivered("atproto", len(batch))
    except FeedClosed as end:
        code, reason = _END.get(end.reason, (1000, ""))
        info = f"{end.reason}: {end.message}"
        if end.reason == "draining":
            info = f"{info}; reconnect after {reconnect_after(edge):.1f} s"
        frames = [info_at_frame(opening.cursor_at(feed, last), info)]
        if code != 1000:
            frames.append(error_frame(reason, end.message))
        exchange.ended(code, reason or None)
        await socket.send_all(frames, text=False)
        await socket.close(code, reason)
