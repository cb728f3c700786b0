"""HTTP/1.1 and WebSocket on the wire: hypercorn's protocol classes with their traps closed.

What is different from hypercorn 0.18, and why (each point is a test in `tests/edge/test_server.py`):

* **One protocol.** An HTTP/2 preface and an h2c upgrade are answered (505, ignored), never followed:
  two of the three single requests that end a hypercorn process are HTTP/2.
* **Data sent with the upgrade request** (RFC 6455 4.1 forbids it) is refused with an error instead
  of an exception that leaves through the nursery: the third one.
* **Every refusal carries a body** `{"error", "message"}`, also those made before any application runs.
* **A broken frame is answered by a close frame** with its code and reason, not by a reset.
* **No compression extension**: ciphertext does not compress and the window costs memory.
* **One write per answer**: the head waits for the first piece of the body (ASGI asks for that anyway).
* **Many frames in one write**: the extension `rookery.websocket.send_many`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Final, Protocol, cast

import h11
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import (
    Body,
    Data,
    EndBody,
    Event,
    Request,
    Response,
    StreamClosed,
)
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.protocol.ws_stream import ASGIWebsocketState, FrameTooLargeError, WSStream
from hypercorn.typing import ASGIReceiveEvent, ASGISendEvent
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Message, Ping
from wsproto.frame_protocol import CloseReason

SEND_MANY: Final = "rookery.websocket.send_many"
"""ASGI extension: `{"type": SEND_MANY, "messages": [bytes, ...], "text": bool}` leaves in one write.

`text` says which kind of message all of them are; the bytes of a text message are UTF-8 already."""

STALLED: Final = "ConsumerTooSlow"
"""The `reason` of an `http.disconnect` or `websocket.disconnect`: the client took none of our bytes for too
long. (ASGI has the field for WebSockets; for HTTP it is an addition.)"""

_REFUSALS: Final = {
    400: ("InvalidRequest", "malformed HTTP"),
    403: ("Forbidden", "refused"),
    404: ("XRPCNotSupported", "no such host here"),
    408: ("RequestTimeout", "the request head did not arrive in time"),
    431: ("InvalidRequest", "the request head is too large"),
    500: ("InternalServerError", "internal error"),
    501: ("InvalidRequest", "unsupported transfer coding"),
    505: ("InvalidRequest", "this server speaks HTTP/1.1"),
}


def refusal_body(status: int, message: str | None = None) -> bytes:
    """The XRPC body of an error that the server answers before an application is asked."""
    name, text = _REFUSALS.get(status, _REFUSALS[400 if status < 500 else 500])
    return json.dumps({"error": name, "message": message or text}, separators=(",", ":")).encode()


def refusal_headers(body: bytes) -> list[tuple[bytes, bytes]]:
    """Headers of `refusal_body`; the connection ends with it."""
    return [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]


class Wire(Protocol):
    """What a connection is beside hypercorn's task group: it takes the bytes of an open WebSocket."""

    async def write(self, data: bytes) -> None: ...


class HttpExchange(HTTPStream):
    """One HTTP request and its answer."""

    stalled = False

    async def handle(self, event: Event) -> None:
        if self.stalled and isinstance(event, StreamClosed) and self.app_put is not None:
            self.closed = True
            await self.app_put(cast("ASGIReceiveEvent", {"type": "http.disconnect", "reason": STALLED}))
        else:
            await super().handle(event)

    async def _send_error_response(self, status_code: int) -> None:
        body = refusal_body(status_code)
        await self.send(Response(self.stream_id, refusal_headers(body), status_code))
        await self.send(Body(self.stream_id, body))
        await self.send(EndBody(self.stream_id))
        self.state = ASGIHTTPState.CLOSED


class WebSocketExchange(WSStream):
    """One WebSocket from its opening request to its close frame."""

    stalled = False

    async def handle(self, event: Event) -> None:
        if isinstance(event, Request):
            await super().handle(replace(event, headers=_without_extensions(event.headers)))
            if self.closed:  # the handshake was refused: hypercorn would leave the socket open
                await self.send(StreamClosed(self.stream_id))
        elif self.stalled and isinstance(event, StreamClosed) and self.app_put is not None:
            self.closed = True
            gone = {"type": "websocket.disconnect", "code": CloseReason.ABNORMAL_CLOSURE, "reason": STALLED}
            await self.app_put(cast("ASGIReceiveEvent", gone))
        elif isinstance(event, Body | Data) and not self.closed and not self.handshake.accepted:
            await self._refuse_early_data()
        else:
            await super().handle(event)

    async def _refuse_early_data(self) -> None:
        self.closed = True  # before any await: the application may be about to accept
        if self.app_put is not None:
            await self.app_put({"type": "websocket.disconnect", "code": CloseReason.PROTOCOL_ERROR})
        await self._send_error_response(400, "data before the opening handshake was answered")
        await self.send(StreamClosed(self.stream_id))

    async def app_send(self, message: ASGISendEvent | None) -> None:
        many = cast("dict[str, object] | None", message)
        if many is not None and many["type"] == SEND_MANY:
            await self._send_many(cast("Sequence[bytes]", many["messages"]), text=bool(many["text"]))
        else:
            await super().app_send(message)

    async def _send_many(self, messages: Sequence[bytes], *, text: bool) -> None:
        """Write all frames at once. Server frames carry no mask, so a frame is a header and its payload."""
        if self.closed or self.state is not ASGIWebsocketState.CONNECTED:
            return
        if self.connection.state is not ConnectionState.OPEN:
            return
        opcode = 1 if text else 2
        parts: list[bytes] = []
        for message in messages:
            parts.append(frame_header(opcode, len(message)))
            parts.append(message)
        await cast("Wire", self.task_group).write(b"".join(parts))

    async def ping(self) -> None:
        """Ask an accepted peer for a sign of life (RFC 6455 5.5.2)."""
        await self._send_wsproto_event(Ping())

    @property
    def accepted(self) -> bool:
        return self.state is ASGIWebsocketState.CONNECTED

    async def fail(self, code: int, reason: str) -> None:
        """Close from our side with a code and a reason of at most 123 bytes."""
        await self._send_wsproto_event(CloseConnection(code=code, reason=reason[:120]))
        self.state = ASGIWebsocketState.CLOSED
        await self.send(StreamClosed(self.stream_id))

    async def _handle_events(self) -> None:
        for event in self.connection.events():
            if isinstance(event, Message):
                try:
                    self.buffer.extend(event)
                except FrameTooLargeError:
                    self.buffer.clear()
                    limit = self.config.websocket_max_message_size
                    await self.fail(CloseReason.MESSAGE_TOO_BIG, f"a message may have {limit} bytes")
                    return
                if event.message_finished:
                    if self.app_put is not None:
                        await self.app_put(cast("dict[str, object]", self.buffer.to_message()))
                    self.buffer.clear()
            elif isinstance(event, Ping):
                await self._send_wsproto_event(event.response())
            elif isinstance(event, CloseConnection):
                if self.connection.state is ConnectionState.REMOTE_CLOSING:
                    await self._send_wsproto_event(event.response())
                    await self.send(StreamClosed(self.stream_id))
                elif self.connection.state is ConnectionState.OPEN:  # a frame that cannot be read
                    await self.fail(event.code, event.reason or "broken frame")
                else:
                    await self.send(StreamClosed(self.stream_id))
                return

    async def _send_error_response(self, status_code: int, message: str | None = None) -> None:
        body = refusal_body(status_code, message)
        await self.send(Response(self.stream_id, refusal_headers(body), status_code))
        await self.send(Body(self.stream_id, body))
        await self.send(EndBody(self.stream_id))


class Http11(H11Protocol):
    """The byte protocol of one connection."""

    _held = b""  # a response head that waits for the first piece of its body

    async def _check_protocol(self, event: h11.Request) -> None:
        """No other protocol is offered, so there is nothing to switch to (RFC 9110 7.8: may be ignored)."""

    async def _create_stream(self, request: h11.Request) -> None:
        status = _refused_head(request, self.config.h11_max_incomplete_size)
        if status is not None:
            await self._send_error_response(status)
            await self.send(Closed())
            return
        exchange = WebSocketExchange if _is_upgrade(request) else HttpExchange
        self.stream = exchange(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        if exchange is WebSocketExchange:
            self.connection = H11WSConnection(cast("h11.Connection", self.connection))
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1

    async def stream_send(self, event: Event) -> None:
        if isinstance(event, Response) and event.status_code >= 200:
            self._held = self._serialised(
                h11.Response(
                    headers=list(chain(event.headers, self.config.response_headers("h11"))),
                    status_code=event.status_code,
                )
            )
        elif isinstance(event, Body):
            await self._release(self._serialised(h11.Data(data=event.data)))
        elif isinstance(event, EndBody):
            await self._release(self._serialised(h11.EndOfMessage()))
        else:
            await super().stream_send(event)
            if isinstance(event, Response):  # 101: the waits of a WebSocket begin
                await self.send(Updated(idle=False))

    def _serialised(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> bytes:
        """Bytes of `event`, or none when the client has already broken the exchange."""
        try:
            return self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return b""

    async def _release(self, data: bytes) -> None:
        data, self._held = self._held + data, b""
        if data:
            await self.send(RawData(data=data))

    async def _send_error_response(self, status_code: int) -> None:
        body = refusal_body(status_code)
        head = h11.Response(
            headers=refusal_headers(body) + self.config.response_headers("h11"), status_code=status_code
        )
        self._held = self._serialised(head)
        await self._release(self._serialised(h11.Data(data=body)) + self._serialised(h11.EndOfMessage()))

    async def refuse_slow_head(self) -> None:
        """Answer 408 to a client that began a request and does not finish its head."""
        if self.connection.our_state is h11.IDLE and self.connection.trailing_data[0]:
            await self._send_error_response(408)

    def reader_stalled(self) -> None:
        """The connection is about to be cut: the application is to hear why."""
        if isinstance(self.stream, HttpExchange | WebSocketExchange):
            self.stream.stalled = True

    @property
    def websocket(self) -> WebSocketExchange | None:
        """The open WebSocket of this connection, if it has become one."""
        stream = self.stream
        return stream if isinstance(stream, WebSocketExchange) and stream.accepted else None


def frame_header(opcode: int, length: int) -> bytes:
    """Header of one final, unmasked frame (RFC 6455 5.2)."""
    if length < 126:
        return bytes((0x80 | opcode, length))
    if length < 65536:
        return struct.pack("!BBH", 0x80 | opcode, 126, length)
    return struct.pack("!BBQ", 0x80 | opcode, 127, length)


def _refused_head(request: h11.Request, max_bytes: int) -> int | None:
    """The status that refuses this head, if it is not to be served.

    h11 bounds a head that is still coming; one that came whole in a single read may be longer.
    """
    if request.http_version not in (b"1.0", b"1.1"):
        return 505
    size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
    return 431 if size > max_bytes else None


def _is_upgrade(request: h11.Request) -> bool:
    """Whether a request asks for a WebSocket (RFC 6455 4.2.1)."""
    headers = {name: value for name, value in request.headers}  # noqa: C416 - h11.Headers is no mapping
    tokens = [token.strip().lower() for token in headers.get(b"connection", b"").split(b",")]
    upgrade = headers.get(b"upgrade", b"").strip().lower()
    return request.method.upper() == b"GET" and b"upgrade" in tokens and upgrade == b"websocket"


def _without_extensions(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name != b"sec-websocket-extensions"]
