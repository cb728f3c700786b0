"""Serve an ASGI application on Trio: listeners, connections, drain.

`serve` is a seam: everything above it is an ASGI callable and knows no server. It is a
start function for an `actors.ChildSpec`: `started()` gives the bound addresses (port 0 works), a set
`drain` event ends it politely, a cancel ends it at once.

Ending politely: stop accepting → idle connections close, busy ones after their answer → streams are
told by the application (it waits for the same event) → what is left after `graceful_timeout` is cut.
The deadline holds although a client does not read: no write is shielded.
"""

from __future__ import annotations

import socket as stdlib_socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

import attrs
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework

from router.edge.connection import Connection, Report
from router.edge.http11 import refusal_body

_MOST_LOOKED_AT = 1_024  # 0.1 ms, when all of these are busy


@attrs.frozen
class Limits:
    """Bounds of one listener. Times are seconds, sizes bytes."""

    max_header_bytes: int = 16_384
    max_message_bytes: int = 16 * 1024 * 1024  # one WebSocket message, fragments put together
    header_timeout: float = 10.0
    keep_alive_timeout: float = 75.0
    send_timeout: float = 20.0
    ping_interval: float = 30.0  # a WebSocket silent for two of them is closed
    linger_timeout: float = 2.0
    graceful_timeout: float = 20.0
    max_connections: int = 20_000
    backlog: int = 1_024


@attrs.frozen
class TcpAddress:
    """A host name or literal and a port; 0 lets the system choose."""

    host: str
    port: int


@attrs.frozen
class UnixAddress:
    """A socket in the file system, readable and writable by its owner alone."""

    path: Path


Address = TcpAddress | UnixAddress


async def serve(
    asgi: ASGIFramework,
    addresses: Sequence[Address],
    limits: Limits,
    *,
    drain: trio.Event,
    report: Report,
    on_drain: Callable[[], None] = lambda: None,
    tls: ssl.SSLContext | None = None,
    task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept and serve until `drain` is set, then end within `limits.graceful_timeout`.

    `started()` is called with the addresses really bound, in the order of `addresses` (a host name
    with several addresses gives several). `on_drain` is called once nothing is accepted any more: it
    tells the streams. `tls` ends TLS here, on TCP addresses.

    Raises OSError when an address cannot be bound. Owns the listening sockets and every connection. On
    cancel all of them are closed at once.
    """
    listeners = await listen(addresses, limits)
    config = _hypercorn_config(limits)
    context = WorkerContext(None)
    app = ASGIWrapper(asgi)
    connections: dict[Connection, None] = {}  # in the order in which they came

    async def handle(stream: trio.SocketStream) -> None:
        secured: trio.SocketStream | trio.SSLStream[trio.SocketStream] = stream
        if tls is not None and stream.socket.family != stdlib_socket.AF_UNIX:
            secured = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        if len(connections) >= limits.max_connections and not _make_room(connections):
            report("too_many_connections", None)
            await _turn_away(stream)
            return
        try:
            connection = Connection(stream, secured, app, config, context, limits, report)
        except OSError:
            await trio.aclose_forcefully(stream)  # the client left before we could ask who it is
            return
        connections[connection] = None
        try:
            await connection.run()
        finally:
            del connections[connection]

    async with trio.open_nursery() as serving:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(partial(trio.serve_listeners, handle, listeners, handler_nursery=serving))
            task_status.started([_bound(listener) for listener in listeners])
            await drain.wait()
            accepting.cancel_scope.cancel()  # closes the listeners
        on_drain()
        serving.cancel_scope.deadline = trio.current_time() + limits.graceful_timeout
        await context.terminated.set()
        for connection in list(connections):
            await connection.drain()


async def listen(addresses: Sequence[Address], limits: Limits) -> list[trio.SocketListener]:
    """Bind every address, or none; the caller owns what is returned."""
    listeners: list[trio.SocketListener] = []
    try:
        for address in addresses:
            match address:
                case TcpAddress(host, port):
                    listeners += await _listen_tcp(host, port, limits)
                case UnixAddress(path):
                    listeners.append(_listen_unix(path, limits))
    except BaseException:
        for listener in listeners:
            listener.socket.close()
        raise
    return listeners


async def _listen_tcp(host: str, port: int, limits: Limits) -> list[trio.SocketListener]:
    listeners = await trio.open_tcp_listeners(port, host=host, backlog=limits.backlog)
    # Inherited by accepted sockets: a peer that acknowledges nothing for this long is gone, also when
    # no write of ours waits for it (Linux; elsewhere the write deadline alone has to do).
    user_timeout = getattr(stdlib_socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None:
        for listener in listeners:
            milliseconds = round(limits.send_timeout * 1000)
            listener.socket.setsockopt(stdlib_socket.IPPROTO_TCP, user_timeout, milliseconds)
    return listeners


def _listen_unix(path: Path, limits: Limits) -> trio.SocketListener:
    with suppress(FileNotFoundError):
        if path.is_socket():  # left behind by a killed process; a live one holds the store's lock
            path.unlink()
    sock = stdlib_socket.socket(stdlib_socket.AF_UNIX, stdlib_socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(0o600)  # before listen(): nobody can connect in between
        sock.listen(limits.backlog)
        return trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    except BaseException:
        sock.close()
        raise


def _bound(listener: trio.SocketListener) -> Address:
    name = cast("Any", listener.socket.getsockname())  # a path, or a tuple that begins with host and port
    if listener.socket.family == stdlib_socket.AF_UNIX:
        return UnixAddress(Path(name))
    return TcpAddress(str(name[0]), int(name[1]))


def _make_room(connections: Iterable[Connection]) -> bool:
    """Send away the oldest connection that has nothing to do; False when none of the oldest is such.

    Whoever opens connections and does not use them would shut everybody else out until `header_timeout`;
    so they crowd out one another instead. A client that was idle between two requests connects again.
    """
    for connection in islice(connections, _MOST_LOOKED_AT):
        if connection.idle:
            connection.give_way()
            return True
    return False


def _hypercorn_config(limits: Limits) -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = limits.max_header_bytes
    config.websocket_max_message_size = limits.max_message_bytes
    config.websocket_ping_interval = None  # it never closes a silent peer; the connection does
    return config


async def _turn_away(stream: trio.SocketStream) -> None:
    body = refusal_body(500).replace(b"InternalServerError", b"NotEnoughResources")
    head = (
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n"
        b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    )
    with trio.move_on_after(1.0), suppress(trio.BrokenResourceError):
        await stream.send_all(head + body)
    await trio.aclose_forcefully(stream)
