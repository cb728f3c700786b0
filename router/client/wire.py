"""The one place where the session touches a socket: a connection as three calls, built on trio-websocket."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import trio
import trio_websocket

from router.client.errors import BadAnswer, OutcomeUnknown
from router.client.frames import SUBPROTOCOL
from router.client.xrpc import read_error, retry_after_seconds

# A 10 MiB ciphertext is 14 MiB of base64 in JSON; nothing longer is ever sent to a device.
_MAX_FRAME_BYTES = 16 * 1024 * 1024
_GOODBYE_SECONDS = 2.0
_Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class WireLost(Exception):
    """The connection is gone; `code` and `reason` are of its close frame (1006: there was none)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class Wire(Protocol):
    """An open connection that carries whole frames."""

    async def send(self, frame: str) -> None:
        """Hand one text frame over; raises `WireLost`."""
        ...

    async def receive(self) -> str | bytes:
        """The next frame; raises `WireLost`. A cancel loses no frame."""
        ...


Connector = Callable[[], AbstractAsyncContextManager[Wire]]
"""Opens a connection; entering raises the server's named refusal, or `OutcomeUnknown`."""


class _TrioWire:
    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        self._connection = connection

    async def send(self, frame: str) -> None:
        try:
            await self._connection.send_message(frame)
        except trio_websocket.ConnectionClosed as closed:
            raise _lost(closed) from None

    async def receive(self) -> str | bytes:
        try:
            return await self._connection.get_message()
        except trio_websocket.ConnectionClosed as closed:
            raise _lost(closed) from None


def _lost(closed: trio_websocket.ConnectionClosed) -> WireLost:
    if closed.reason is None:
        return WireLost(1006, "")
    return WireLost(closed.reason.code, closed.reason.reason or "")


def websocket_connector(
    url: str,
    bearer: Callable[[], str],
    *,
    connect_timeout: float = 10.0,
    wall: Callable[[], float],
    tls: ssl.SSLContext | None = None,
) -> Connector:
    """Connections to `url` with the subprotocol `rookery.v1`; `bearer` gives each its own token."""
    target = urlsplit(url)
    context = (tls or ssl.create_default_context()) if target.scheme == "wss" else None

    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[Wire]:
        stream = await _open_stream(target, context, connect_timeout)
        # The stream is ours to close: trio-websocket leaves it open when the server refuses, and when
        # the connection ends without a closing handshake.
        try:
            async with trio.open_nursery() as nursery:
                connection = await _shake_hands(nursery, stream, target, bearer(), connect_timeout)
                try:
                    yield _TrioWire(connection)
                finally:
                    # A goodbye is polite and must not hold us: the other side may be gone.
                    with trio.move_on_after(_GOODBYE_SECONDS):
                        await connection.aclose()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # The nursery wraps what its one task or the block raised: a refusal comes out of the task.
            raise _failure(group, url, wall()) from group
        finally:
            await trio.aclose_forcefully(stream)

    return connect


async def _open_stream(target: SplitResult, context: ssl.SSLContext | None, timeout: float) -> _Stream:
    host, port = target.hostname or "", target.port or (443 if context else 80)
    try:
        with trio.fail_after(timeout):
            if context is None:
                return await trio.open_tcp_stream(host, port)
            return await trio.open_ssl_over_tcp_stream(host, port, ssl_context=context, https_compatible=True)
    except (OSError, trio.TooSlowError) as error:
        raise OutcomeUnknown(
            f"cannot reach {target.netloc} ({str(error) or type(error).__name__})"
        ) from error


async def _shake_hands(
    nursery: trio.Nursery, stream: _Stream, target: SplitResult, bearer: str, timeout: float
) -> trio_websocket.WebSocketConnection:
    with trio.fail_after(timeout):
        connection = await trio_websocket.wrap_client_stream(
            nursery,
            stream,
            target.netloc,
            target.path,
            subprotocols=[SUBPROTOCOL],
            extra_headers=[(b"authorization", bearer.encode("ascii"))],
            max_message_size=_MAX_FRAME_BYTES,
            receive_buffer_size=65_536,
        )
    if connection.subprotocol != SUBPROTOCOL:
        raise BadAnswer(f"{target.netloc} does not speak {SUBPROTOCOL}")
    return connection


def _failure(group: BaseExceptionGroup[BaseException], url: str, now: float) -> BaseException:
    """What a connection ended with, in the client's words; what is not known here stays as it is."""
    if len(group.exceptions) > 1:
        return group
    error = group.exceptions[0]
    match error:
        case trio_websocket.ConnectionRejected(status_code=status):
            headers = {name.lower(): value for name, value in error.headers or ()}
            asked = retry_after_seconds(headers.get(b"retry-after", b"").decode("latin-1"), now=now)
            return read_error(status, error.body or b"", retry_after=asked)
        case trio_websocket.HandshakeError() | trio_websocket.ConnectionClosed() | trio.TooSlowError():
            return OutcomeUnknown(f"no session at {url} ({type(error).__name__})")
        case _:
            return error
