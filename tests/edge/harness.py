"""What the edge's tests share: a real server on port 0, raw sockets, and a few ASGI applications."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import attrs
import trio
from hypercorn.typing import ASGIFramework
from wsproto import ConnectionType, WSConnection
from wsproto import events as ws
from wsproto.extensions import Extension

from router.edge.server import Address, Limits, TcpAddress, serve


@attrs.define
class Running:
    """A server under test."""

    addresses: list[Address]
    drain: trio.Event
    reports: list[str]
    crashes: list[BaseException]
    ended: trio.Event

    @property
    def port(self) -> int:
        address = self.addresses[0]
        assert isinstance(address, TcpAddress)
        return address.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)


@asynccontextmanager
async def running(
    app: ASGIFramework,
    limits: Limits | None = None,
    address: Address | None = None,
    *,
    drain: trio.Event | None = None,
    on_drain: Callable[[], None] = lambda: None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Running]:
    """Run the edge's server for one test; leaving cancels it."""
    reports: list[str] = []
    crashes: list[BaseException] = []
    drain = trio.Event() if drain is None else drain
    ended = trio.Event()

    def report(name: str, error: BaseException | None) -> None:
        reports.append(name)
        if error is not None:
            crashes.append(error)

    async def run(*, task_status: trio.TaskStatus[list[Address]]) -> None:
        await serve(
            app,
            [address or TcpAddress("127.0.0.1", 0)],
            limits or Limits(),
            drain=drain,
            report=report,
            on_drain=on_drain,
            tls=tls,
            task_status=task_status,
        )
        ended.set()

    async with trio.open_nursery() as nursery:
        addresses: list[Address] = await nursery.start(run)
        yield Running(addresses, drain, reports, crashes, ended)
        nursery.cancel_scope.cancel()


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    """Everything until the peer ends it; a reset ends it as well."""
    data = bytearray()
    try:
        async for chunk in stream:
            data += chunk
    except trio.BrokenResourceError:
        pass
    return bytes(data)


async def read_until(stream: trio.abc.ReceiveStream, mark: bytes) -> bytes:
    """Everything up to and with `mark`."""
    data = bytearray()
    while mark not in data:
        chunk = await stream.receive_some(65_536)
        assert chunk, f"the stream ended before {mark!r}: {bytes(data)!r}"
        data += chunk
    return bytes(data)


def error_of(answer: bytes) -> tuple[int, str]:
    """Status and error name of a raw HTTP/1.1 answer; fails unless its body is an XRPC error."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower(), answer
    value: dict[str, Any] = json.loads(body)
    assert set(value) == {"error", "message"}, value
    assert value["message"], value
    return int(head.split()[1]), value["error"]


class WebSocket:
    """A small client on wsproto that shows what really came over the wire, and always closes its socket."""

    def __init__(
        self,
        server: Running,
        target: str = "/ws",
        *,
        headers: dict[str, str] | None = None,
        subprotocols: list[str] | None = None,
        extensions: list[Extension] | None = None,
        answer_pings: bool = True,
    ) -> None:
        self._server = server
        self._request = ws.Request(
            host="x",
            target=target,
            extensions=extensions or [],
            extra_headers=[(name.encode(), value.encode()) for name, value in (headers or {}).items()],
            subprotocols=subprotocols or [],
        )
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._answer_pings = answer_pings
        self._stream: trio.SocketStream
        self._parts: list[Any] = []
        self.reason: str | None = None
        """What the close frame said."""
        self.accepted: ws.AcceptConnection

    async def __aenter__(self) -> Self:
        self._stream = await self._server.connect()
        try:
            await self._stream.send_all(self._protocol.send(self._request))
            event = await self._next()
            assert isinstance(event, ws.AcceptConnection), event
        except BaseException:
            await trio.aclose_forcefully(self._stream)
            raise
        self.accepted = event
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stream.aclose()

    async def _next(self) -> ws.Event:
        while True:
            for event in self._protocol.events():
                return event
            data = await self._stream.receive_some(65_536)
            self._protocol.receive_data(data or None)

    async def send(self, message: str | bytes) -> None:
        event = ws.TextMessage(data=message) if isinstance(message, str) else ws.BytesMessage(data=message)
        await self._stream.send_all(self._protocol.send(event))

    async def send_raw(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def receive(self) -> tuple[str, Any]:
        """The next message as (`text` or `bytes`, content), or (`close`, code)."""
        while True:
            match await self._next():
                case ws.TextMessage(data=data) as message:
                    self._parts.append(data)
                    if message.message_finished:
                        parts, self._parts = self._parts, []
                        return "text", "".join(parts)
                case ws.BytesMessage(data=data) as message:
                    self._parts.append(bytes(data))
                    if message.message_finished:
                        parts, self._parts = self._parts, []
                        return "bytes", b"".join(parts)
                case ws.Ping() as ping if self._answer_pings:
                    await self._stream.send_all(self._protocol.send(ping.response()))
                case ws.CloseConnection(code=code, reason=reason):
                    self.reason = reason
                    return "close", int(code)
                case ws.Ping() | ws.Pong():
                    pass
                case other:
                    raise AssertionError(other)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answers every request with `hello`, once its body is there; echoes on a WebSocket."""
    if scope["type"] == "websocket":
        await echo(scope, receive, send)
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})
