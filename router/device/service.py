"""What the edge may ask of devices: a feed for a connection, from a cursor on."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from actors import MailboxClosed, MailboxFull, Quarantined, RegistryFull
from protocol import ConversationId, DeviceId
from router.device.actor import CatchUp
from router.device.feed import Feed
from router.device.tail import Tail

_RETRY_SECONDS = 5.0


class TooManyConnections(Exception):
    """Theirs: the device has as many connections as it may have, and the old ones do not let go."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("this device has too many open connections")
        self.retry_after = retry_after


class FutureCursor(Exception):
    """Theirs, or a restored backup's: the cursor lies beyond the end of this log."""


class Addresses(Protocol):
    """The part of `actors.Registry` that is needed here."""

    def tell_nowait(self, key: DeviceId, message: CatchUp) -> None: ...


class Devices:
    """Feeds of connected devices; at most `max_connections` for each device, the oldest gives way."""

    def __init__(
        self,
        addresses: Addresses,
        tail: Tail,
        *,
        max_connections: int,
        feed_items: int,
        feed_bytes: int,
    ) -> None:
        self._addresses = addresses
        self._tail = tail
        self._max_connections = max_connections
        self._feed_items = feed_items
        self._feed_bytes = feed_bytes
        self._feeds: defaultdict[DeviceId, dict[Feed, None]] = defaultdict(dict)
        self._ended: tuple[str, str] | None = None

    @asynccontextmanager
    async def open_feed(
        self,
        device: DeviceId,
        *,
        after: int | None = None,
        seen: Mapping[ConversationId, int] | None = None,
        only: ConversationId | None = None,
    ) -> AsyncIterator[Feed]:
        """A feed from position `after` on (None: the start of each membership), closed with the block.

        `seen` names, per conversation, the seq up to which the client has entries beyond its cursor; `only`
        restricts the feed to one conversation. Raises `FutureCursor` and `TooManyConnections`. Whether the
        caller may have this device is the caller's to judge. After `end_all` the feed is finished already.
        """
        if after is not None and after > self._tail.position:
            raise FutureCursor
        feed = Feed(
            device,
            after=after or 0,
            ask=self._ask,
            live_position=lambda: self._tail.position,
            max_items=self._feed_items,
            max_bytes=self._feed_bytes,
            only=only,
            seen=seen,
        )
        feeds = self._feeds[device]
        if len(feeds) >= 2 * self._max_connections:  # finished ones linger while their clients take nothing
            raise TooManyConnections(_RETRY_SECONDS)
        feeds[feed] = None
        open_ones = [each for each in feeds if not each.closed]
        for oldest in open_ones[: max(0, len(open_ones) - self._max_connections)]:
            oldest.finish("replaced", "a newer connection of this device took its place")
        if self._ended is not None:
            feed.finish(*self._ended)
        try:
            yield feed
        finally:
            feed.abandon()
            self._tail.leave(feed)
            feeds.pop(feed, None)
            if not feeds:
                self._feeds.pop(device, None)

    def end_all(self, reason: str, message: str) -> None:
        """Finish every feed, those that open from now on too, as a drain does; what is queued is given."""
        self._ended = (reason, message)
        for feeds in list(self._feeds.values()):
            for feed in list(feeds):
                feed.finish(reason, message)

    def end_device(self, device: DeviceId, reason: str, message: str) -> None:
        """Finish every feed of one device, as a revocation does."""
        for feed in list(self._feeds.get(device, ())):
            feed.finish(reason, message)

    @property
    def connected(self) -> int:
        """Devices that have at least one connection."""
        return len(self._feeds)

    def connected_devices(self) -> list[DeviceId]:
        """Those devices."""
        return list(self._feeds)

    @property
    def connections(self) -> int:
        """Open feeds."""
        return sum(len(feeds) for feeds in self._feeds.values())

    @property
    def queued_bytes(self) -> int:
        """Bytes of bodies that feeds hold for their takers (shared bodies counted each time)."""
        return sum(feed.queued_bytes for feeds in self._feeds.values() for feed in feeds)

    def _ask(self, feed: Feed) -> None:
        """Ask the device's actor to read on; never waits. A device that cannot be served is let go."""
        try:
            self._addresses.tell_nowait(feed.device, CatchUp(feed))
        except (MailboxFull, MailboxClosed, Quarantined, RegistryFull):
            feed.finish("overloaded", "the server has too much to do for this device; connect again later")
