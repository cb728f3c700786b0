"""A feed: what one connection of one device still has to be given, bounded whatever the client does.

States, and who moves them::

    LAGGING ──(device actor: read up to the tail, join it)──▶ JOINING ──(rest read)──▶ LIVE
       ▲                                                          │                      │
       └────────────── no room left: a cursor that stands still ──┴──────────────────────┘
    any ──(finish: a reason)──▶ what is queued is still given, then `FeedClosed`
    any ──(cut: a reason)──▶ `FeedClosed` at once

A LAGGING feed is not known to the tail and holds nothing but its cursor: a client that stops reading costs
no memory and delays nobody. A JOINING feed gets new entries on the side (`_fresh`) while the entries before
them are read from the store. What can never happen: an entry is given twice, out of order or across a gap,
whichever way it came (P4); the queue exceeds its bound (P7), one entry larger than all of it excepted.
"""

import enum
import logging
from collections import deque
from collections.abc import Callable, Mapping

import trio

from protocol import ConversationId, DeviceId
from router.device.published import Published

_log = logging.getLogger(__name__)


class FeedState(enum.Enum):
    """Where a feed's next entries come from; see the module's header."""

    LAGGING = "lagging"
    JOINING = "joining"
    LIVE = "live"


class FeedClosed(Exception):
    """Nothing more comes from this feed. `reason` is one of removed, replaced, draining, overloaded, closed,
    or the name of the error for which it was cut."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Feed:
    """One connection's view of the log: `take` gives entries in order, from `after` on, without a gap.

    `only` restricts it to one conversation. `seen` names, per conversation, the seq up to which the client
    has received entries beyond its cursor; those are not given again. The feed holds at most `max_items`
    entries and `max_bytes` bytes of bodies. `ask` is called (without waiting) when the feed wants its device
    actor to read on for it.
    """

    __slots__ = (
        "_ask",
        "_asked",
        "_bytes",
        "_end",
        "_fresh",
        "_listener",
        "_queue",
        "_waiting",
        "abandoned",
        "changes",
        "device",
        "examined",
        "interest",
        "live_position",
        "max_bytes",
        "max_items",
        "only",
        "overflows",
        "seen",
        "state",
    )

    def __init__(
        self,
        device: DeviceId,
        *,
        after: int,
        ask: "Callable[[Feed], None]",
        live_position: Callable[[], int],
        max_items: int = 1024,
        max_bytes: int = 4 << 20,
        only: ConversationId | None = None,
        seen: Mapping[ConversationId, int] | None = None,
    ) -> None:
        self.device = device
        self.only = only
        self.max_items = max_items
        self.max_bytes = max_bytes
        self.seen = dict(seen or {})
        self.state = FeedState.LAGGING
        self.examined = after  # the log is queued or given up to here
        self.live_position = live_position
        self.interest: set[ConversationId] = set()  # kept by the tail
        self.changes: dict[ConversationId, bool] | None = None  # kept by the tail while memberships load
        self.overflows = 0
        self.abandoned = False  # nobody will take any more
        self._ask = ask
        self._asked = False
        self._queue: deque[Published] = deque()
        self._fresh: deque[Published] = deque()
        self._bytes = 0
        self._end: FeedClosed | None = None
        self._listener: Callable[[], None] | None = None
        self._waiting = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<Feed {self.state.value} queued={self.queued} bytes={self._bytes} at={self.cursor}>"

    @property
    def queued(self) -> int:
        """Entries held for the taker."""
        return len(self._queue) + len(self._fresh)

    @property
    def queued_bytes(self) -> int:
        """Bytes of bodies held for the taker (shared with every other receiver of the same entry)."""
        return self._bytes

    @property
    def cursor(self) -> int:
        """The position up to which the taker has been given everything that concerns it."""
        if self._queue:
            return self._queue[0].position - 1
        return self.live_position() if self.state is FeedState.LIVE else self.examined

    @property
    def live(self) -> bool:
        """Whether new entries reach this feed directly."""
        return self.state is FeedState.LIVE

    @property
    def closed(self) -> bool:
        """Whether the feed was finished; what is queued may still be taken."""
        return self._end is not None

    @property
    def end(self) -> FeedClosed | None:
        """What `take` raises in the end, once the feed was finished."""
        return self._end

    async def take(self, max_items: int = 256) -> list[Published]:
        """The next entries, at least one and at most `max_items`, as soon as there are any.

        Does not yield to other tasks when entries wait already. Raises `FeedClosed` when the feed has ended
        and everything queued before was taken. A cancelled call loses nothing.
        """
        while not (batch := self.take_nowait(max_items)):
            await self._waiting.park()
        return batch

    def take_nowait(self, max_items: int = 256) -> list[Published]:
        """The next entries, none if there are none yet; then `listen` tells when to ask again.

        Raises `FeedClosed` as `take` does. An empty answer has asked for what the feed is behind.
        """
        queue = self._queue
        if self.abandoned or not queue:
            if self.state is FeedState.LAGGING and not self._asked and self._end is None:
                self._asked = True
                self._ask(self)  # which may finish the feed at once
            if self._end is not None and (self.abandoned or self.state is not FeedState.JOINING):
                raise self._end
        batch = [queue.popleft() for _ in range(min(max_items, len(queue)))]
        for published in batch:
            self._bytes -= published.size
        return batch

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever `take_nowait` may have something new to say, instead of waiting.

        For a taker that waits for other things too. It is called in the tail's step, for every entry: it
        wakes somebody and does no more. Who listens does not call `take`.
        """
        self._listener = listener

    def room(self) -> tuple[int, int]:
        """Entries and bytes that still fit; (0, 0) when the feed is full."""
        items = self.max_items - self.queued
        size = self.max_bytes - self._bytes
        return (items, size) if items > 0 and size > 0 else (0, 0)

    # -- what the tail does ------------------------------------------------------------------------

    def offer(self, published: Published) -> bool:
        """Take a new entry of the log; False when there is no room, and the feed has fallen behind.

        One that is not for this device takes no room: the cursor moves over it.
        """
        if self.abandoned or not self._wants(published):
            return True
        queued = len(self._queue) + len(self._fresh)
        if queued and (queued >= self.max_items or self._bytes + published.size > self.max_bytes):
            return False
        self._bytes += published.size
        if self.state is FeedState.LIVE:
            self._queue.append(published)
            self._wake()
        else:
            self._fresh.append(published)
        return True

    def fall_behind(self) -> None:
        """Forget everything queued; the cursor stands still until the taker wants more."""
        self.overflows += 1
        self.examined = self.cursor
        self._queue.clear()
        self._fresh.clear()
        self._bytes = 0
        self.state = FeedState.LAGGING
        self._asked = False
        self._wake()

    # -- what the device actor does ----------------------------------------------------------------

    def fill(self, published: list[Published], examined: int) -> None:
        """Queue entries read from the store; the log is examined up to position `examined`."""
        for each in published:
            if self._wants(each):
                self._queue.append(each)
                self._bytes += each.size
        self.examined = examined
        if self._queue:
            self._wake()

    def go_live(self) -> None:
        """Everything before the join is queued: entries that came meanwhile follow it."""
        self.state = FeedState.LIVE
        self._queue.extend(self._fresh)
        self._fresh.clear()
        self._asked = False
        if self._queue or self._end is not None:
            self._wake()

    def step_back(self) -> None:
        """The join did not come about: what was queued stays, entries that came meanwhile are read again."""
        for published in self._fresh:
            self._bytes -= published.size
        self._fresh.clear()
        self.state = FeedState.LAGGING

    def rest(self) -> None:
        """The actor stopped reading for it; the next hungry `take` asks again."""
        self._asked = False
        if not self._queue:
            self._wake()

    # -- the end -----------------------------------------------------------------------------------

    def finish(self, reason: str, message: str) -> None:
        """End the feed: what is queued is still given, then `FeedClosed`. The first reason stays."""
        if self._end is None:
            self._end = FeedClosed(reason, message)
            self._wake()

    def cut(self, reason: str, message: str) -> None:
        """End the feed now, as a revocation does: nothing of what is queued is given, the cursor stays."""
        self.finish(reason, message)
        self.abandoned = True
        self.fall_behind()

    def abandon(self) -> None:
        """The connection is gone: drop everything and never go live again."""
        self.abandoned = True
        self.finish("closed", "the connection has ended")
        self._queue.clear()
        self._fresh.clear()
        self._bytes = 0

    def _wants(self, published: Published) -> bool:
        """Whether the client may see it and has not been given it before."""
        entry = published.entry
        known = bool(self.seen) and entry.seq <= self.seen.get(entry.conversation, 0)
        return not known and published.is_for(self.device)

    def _wake(self) -> None:
        if self._listener is not None:
            try:
                self._listener()
            except Exception:  # noqa: BLE001 -- one connection's fault is not the tail's, nor its neighbours'
                _log.exception("a listener of a feed failed")
        else:
            self._waiting.unpark_all()
