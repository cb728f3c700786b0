"""The one place where the session touches a socket: a connection as three calls, built on trio-websocket."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import trio_websocket

from router.client.errors import BadAnswer, OutcomeUnknown
from router.client.frames import SUBPROTOCOL
from router.client.xrpc import read_error, retry_after_seconds

# A 10 MiB ciphertext is 14 MiB of base64 in JSON; nothing longer is ever sent to a device.
_MAX_FRAME_BYTES = 16 * 1024 * 1024
_DISCONNECT_SECONDS = 2.0


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

    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[Wire]:
        try:
            async with trio_websocket.open_websocket_url(
                url,
                tls,
                subprotocols=[SUBPROTOCOL],
                extra_headers=[(b"authorization", bearer().encode("ascii"))],
                max_message_size=_MAX_FRAME_BYTES,
                receive_buffer_size=65_536,
                connect_timeout=connect_timeout,
                disconnect_timeout=_DISCONNECT_SECONDS,
            ) as connection:
                if connection.subprotocol != SUBPROTOCOL:
                    raise BadAnswer(f"{url} does not speak {SUBPROTOCOL}")
                yield _TrioWire(connection)
        except trio_websocket.ConnectionRejected as rejected:
            headers = {name.lower(): value for name, value in rejected.headers or ()}
            asked = retry_after_seconds(headers.get(b"retry-after", b"").decode("latin-1"), now=wall())
            raise read_error(rejected.status_code, rejected.body or b"", retry_after=asked) from None
        except trio_websocket.DisconnectionTimeout:
            pass  # a goodbye is polite and must not hold us: the other side is gone
        except (OSError, trio_websocket.HandshakeError, trio_websocket.ConnectionClosed) as error:
            raise OutcomeUnknown(f"cannot reach {url} ({error.__cause__ or type(error).__name__})") from error

    return connect
