"""One client connection: its bytes, its waits, and the guard that keeps its faults to itself.

States: *idle* (no request yet, or between two) → *busy* (a request or a WebSocket runs) → idle again
or *closing* (we have said the last word and wait for the client to take it). What can never happen:

* a wait without a deadline: the head (`header_timeout`), the pause between requests
  (`keep_alive_timeout`), a write (`send_timeout`), a silent WebSocket (two `ping_interval`), the
  farewell (`linger_timeout`); the body of a request is bounded by whoever reads it;
* an exception that leaves: whatever breaks ends this connection and is reported, nothing else;
* a write cut in the middle and then continued: a cut write ends the connection.
"""

from __future__ import annotations

import math
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self, cast

import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import (
    AppWrapper,
    ASGIReceiveEvent,
    ASGISendEvent,
    ConnectionState,
    Scope,
)
from hypercorn.utils import parse_socket_addr

from router.edge.http11 import SEND_MANY, Http11
from router.edge.inbound import Inbound

if TYPE_CHECKING:
    from router.edge.server import Limits

_MAX_RECV = 65_536
_INBOUND_BYTES = 262_144
PIECE_BYTES = 65_536
"""A client that takes so much within `send_timeout` is slow and not stalled."""
_UNYIELDED_BYTES = 65_536

Report = Callable[[str, BaseException | None], None]
"""Told of what a connection met: a few-valued name, and the exception if there is one."""


class Connection:
    """Serves one accepted stream until it ends; `run` never raises an `Exception`."""

    def __init__(
        self,
        transport: trio.SocketStream,
        stream: trio.SocketStream | trio.SSLStream[trio.SocketStream],
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        limits: Limits,
        report: Report,
    ) -> None:
        self._transport = transport
        self._stream = stream  # the transport itself, or TLS on top of it
        self._limits = limits
        self._report = report
        self._nursery: trio.Nursery
        self._send_lock = trio.Lock()
        self._unyielded = 0  # bytes written since a write last let others run
        self._reading: trio.CancelScope | None = None
        self._handling: trio.CancelScope | None = None
        self._read_deadline = trio.current_time() + limits.header_timeout
        self._busy = False
        self._head_begun = False
        self._closing = False
        self._broken = False
        socket = transport.socket
        self._protocol = Http11(
            app,
            config,
            context,
            self,
            ConnectionState({}),
            stream is not transport,
            parse_socket_addr(socket.family, socket.getpeername()),
            parse_socket_addr(socket.family, socket.getsockname()),
            self._send,
        )

    async def run(self) -> None:
        """Read until the client, a deadline or the protocol ends it; a cancel closes the socket at once."""
        try:
            async with trio.open_nursery() as self._nursery:
                if await self._shake_hands():
                    await self._read()
        except* OSError:
            self._report("connection_lost", None)
        except* Exception as group:  # noqa: BLE001 - the guard: a fault of one connection stays its own
            self._report("connection_crashed", group)
        finally:
            await trio.aclose_forcefully(self._stream)

    @property
    def idle(self) -> bool:
        """Whether no request of it runs: none has come whole yet, or it is between two."""
        return not (self._busy or self._closing)

    def give_way(self) -> None:
        """Make room for another: cut at once. For an idle connection."""
        self._closing = True
        self._nursery.cancel_scope.cancel()

    async def drain(self) -> None:
        """The server stops: an idle connection ends now, a busy one after its answer."""
        if not self._busy and not self._closing:
            await self._close()

    async def _shake_hands(self) -> bool:
        """With TLS: the handshake, within the time a head may take."""
        if isinstance(self._stream, trio.SSLStream):
            with trio.move_on_after(self._limits.header_timeout) as limit:
                try:
                    await self._stream.do_handshake()
                except trio.BrokenResourceError:
                    return False
            return not limit.cancelled_caught
        return True

    # -- reading ---------------------------------------------------------------------------------

    async def _read(self) -> None:
        waiting_for_pong = False
        while True:
            with trio.CancelScope(deadline=self._read_deadline) as self._reading:
                try:
                    data = await self._stream.receive_some(_MAX_RECV)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    break
            if self._reading.cancelled_caught:
                if self._closing:
                    break
                websocket = self._protocol.websocket
                if websocket is not None and not waiting_for_pong:
                    waiting_for_pong = True
                    self._wait_until(trio.current_time() + self._limits.ping_interval)
                    await websocket.ping()
                else:
                    await self._give_up()
                continue
            waiting_for_pong = False
            if self._closing:
                if not data:
                    break
                continue  # the farewell: what still comes is thrown away, so that it is no reset
            if data and not self._busy and not self._head_begun:
                self._head_begun = True
                self._read_deadline = trio.current_time() + self._limits.header_timeout
            elif self._protocol.websocket is not None:
                self._read_deadline = trio.current_time() + self._limits.ping_interval
            with trio.CancelScope() as self._handling:
                await self._protocol.handle(RawData(bytes(data)))
            if not data:
                break
        await self._protocol.handle(Closed())

    async def _give_up(self) -> None:
        """A deadline of the client's has passed: say so where HTTP or WebSocket can, then close."""
        websocket = self._protocol.websocket
        if websocket is not None:
            self._report("websocket_silent", None)
            await websocket.fail(1001, "no answer to a ping")
        else:
            if self._head_begun:
                self._report("slow_head", None)
                await self._protocol.refuse_slow_head()
            await self._close()

    # -- writing ---------------------------------------------------------------------------------

    async def _send(self, event: Event) -> None:
        """What the protocol wants done: bytes to write, a change of state, the end."""
        if isinstance(event, RawData):
            await self.write(event.data)
        elif isinstance(event, Closed):
            await self._close()
        elif isinstance(event, Updated):
            self._busy = not event.idle
            self._head_begun = False
            if event.idle:
                self._wait_until(trio.current_time() + self._limits.keep_alive_timeout)
            elif self._protocol.websocket is not None:
                self._wait_until(trio.current_time() + self._limits.ping_interval)
            else:
                self._wait_until(math.inf)

    async def write(self, data: bytes) -> None:
        """Write all of it, or end the connection. Writes of several tasks follow one another whole."""
        was_broken = self._broken
        lock = self._send_lock
        if lock.locked():
            await lock.acquire()
            try:
                was_broken = self._broken
                if not was_broken:
                    await self._write_patiently(data)
            finally:
                lock.release()
        elif not was_broken and (rest := self._write_at_once(data)):
            lock.acquire_nowait()  # no await since it was free: the rest follows its beginning
            try:
                await self._write_patiently(rest)
            finally:
                lock.release()
        if self._broken and not was_broken:
            await self._protocol.handle(Closed())

    def _write_at_once(self, data: bytes) -> bytes | memoryview:
        """Give the kernel what it takes now; what it did not take.

        Nearly every write fits, and then a deadline, two checkpoints and a turn of the loop are saved, which
        cost more than the write. An application that writes without end is held back all the same: after
        `_UNYIELDED_BYTES` a write goes the patient way, which lets others run.
        """
        self._unyielded += len(data)
        if self._unyielded > _UNYIELDED_BYTES or self._stream is not self._transport:  # TLS seals it first
            self._unyielded = 0
            return data
        try:
            written = os.write(self._transport.socket.fileno(), data)
        except BlockingIOError:
            return data
        except OSError:
            self._broken = True
            return b""
        return b"" if written == len(data) else memoryview(data)[written:]

    async def _write_patiently(self, data: bytes | memoryview) -> None:
        """Write all of it; the deadline is for each piece, since to read slowly is not to stall."""
        view = memoryview(data)
        try:
            with trio.CancelScope() as scope:
                for start in range(0, len(view), PIECE_BYTES):
                    scope.deadline = trio.current_time() + self._limits.send_timeout
                    await self._stream.send_all(view[start : start + PIECE_BYTES])
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._broken = True
        except trio.Cancelled:
            await self._cut()
            raise
        if scope.cancelled_caught:
            self._report("stalled_reader", None)
            self._protocol.reader_stalled()
            await self._cut()

    async def _cut(self) -> None:
        """Part of a message may have left: nothing sensible can follow it on this socket."""
        self._broken = True
        await trio.aclose_forcefully(self._stream)

    async def _close(self) -> None:
        """Say goodbye, then let the client take what we wrote.

        Closing a socket that holds unread input resets it, and a reset throws away what the client
        has not read yet: the very answer that says why. So the reader goes on and discards.
        """
        if not self._closing:
            self._closing = True
            self._wait_until(trio.current_time() + self._limits.linger_timeout)
            try:
                if isinstance(self._stream, trio.SocketStream):  # TLS cannot close one direction
                    await self._stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                await self._cut()
        await self._protocol.handle(Closed())
        if self._handling is not None:
            # The reader may wait for room in an application's queue, or to begin the next pipelined
            # request, which will never begin: only the farewell is left for it to do.
            self._handling.cancel()

    def _wait_until(self, deadline: float) -> None:
        self._read_deadline = deadline
        if self._reading is not None:
            self._reading.deadline = deadline

    # -- hypercorn's task group, as its protocol classes expect it -------------------------------

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,  # noqa: ARG002 - part of hypercorn's interface
        scope: Scope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Start the application for one request or WebSocket; returns where to put its events."""
        if scope["type"] == "websocket":
            scope["extensions"][SEND_MANY] = {}
        inbound = Inbound(_INBOUND_BYTES)
        self._nursery.start_soon(self._run_app, app, scope, inbound, send)
        return inbound.put

    async def _run_app(
        self,
        app: AppWrapper,
        scope: Scope,
        inbound: Inbound,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> None:
        try:
            await app(
                scope,
                inbound.get,
                cast("Callable[[ASGISendEvent], Awaitable[None]]", send),
                _no_threads,
                _no_threads,
            )
        except* Exception as group:  # noqa: BLE001 - answered with 500 below, reported, not hidden
            self._report("application_crashed", group)
        inbound.abandon()
        await send(None)  # nothing answered yet: the protocol answers 500 or closes with 1011

    def spawn(self, func: Callable[..., Awaitable[object]], *args: object) -> None:
        """Part of hypercorn's interface; used by features that are switched off here."""
        self._nursery.start_soon(func, *args)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None


async def _no_threads(*_: object) -> None:
    """hypercorn hands WSGI applications a way into threads; an ASGI application needs none."""
    raise RuntimeError("not offered to ASGI applications")
