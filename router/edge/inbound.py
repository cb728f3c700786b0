"""The queue between a connection and the ASGI application that serves it.

Two rules that a plain channel does not give:

* it is bounded in bytes, so that a client which sends faster than the application reads is slowed
  down by TCP and not by our memory;
* a disconnect never waits. The end of a connection is often put by the application's own task
  (it has just sent its last byte); waiting for a free slot there would wait for itself.
"""

from __future__ import annotations

from collections import deque
from typing import cast

import trio
from hypercorn.typing import ASGIReceiveEvent

from router.edge.bell import Bell

_DISCONNECTS = ("http.disconnect", "websocket.disconnect")


class Inbound:
    """Events of one request or WebSocket, first in, first out; closed once by a disconnect."""

    __slots__ = ("_disconnect", "_events", "_max_bytes", "_not_empty", "_not_full", "_queued_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._events: deque[tuple[ASGIReceiveEvent, int]] = deque()
        self._queued_bytes = 0
        self._max_bytes = max_bytes
        self._disconnect: ASGIReceiveEvent | None = None
        self._not_empty = Bell()
        self._not_full = Bell()

    async def put(self, event: ASGIReceiveEvent) -> None:
        """Queue `event`; wait while `max_bytes` or more are queued. After a disconnect: dropped."""
        if event["type"] in _DISCONNECTS:
            self._end(event)
            return
        while self._queued_bytes >= self._max_bytes and self._disconnect is None:
            await self._not_full.wait()
        if self._disconnect is None:
            size = _size(event)
            self._queued_bytes += size
            self._events.append((event, size))
            self._not_empty.ring()

    async def get(self) -> ASGIReceiveEvent:
        """Return the oldest event; after the last one the disconnect, again and again."""
        while not self._events:
            if self._disconnect is not None:
                await trio.lowlevel.checkpoint()  # an application that polls must not stop the loop
                return self._disconnect
            await self._not_empty.wait()
        event, size = self._events.popleft()
        self._queued_bytes -= size
        self._not_full.ring()
        return event

    def abandon(self) -> None:
        """The application has ended: free what it did not read, drop what still comes."""
        self._events.clear()
        self._queued_bytes = 0
        self._end({"type": "http.disconnect"})

    def _end(self, event: ASGIReceiveEvent) -> None:
        if self._disconnect is None:
            self._disconnect = event
        self._not_empty.ring()
        self._not_full.ring()


def _size(event: ASGIReceiveEvent) -> int:
    """Bytes an event holds; at least one, so that empty events are bounded as well."""
    values = cast("dict[str, object]", event)
    size = 1
    for name in ("body", "bytes", "text"):
        value = values.get(name)
        if isinstance(value, bytes | str):
            size += len(value)
    return size
