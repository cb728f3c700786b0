"""The tail: one reader of the log for the whole node; every connected feed hears of new entries from it.

It walks the log in position order and keeps two maps: which feeds belong to a device (`watch`), and which
feeds want a conversation (`_index`). Membership facts change the second one exactly at their place in the
log, so an entry goes to those who were members when it was written and to nobody else: the added device
begins with the entry that adds it, the removed one ends with the entry that removes it, on a live
connection too (P4).

Hints wake it and usually carry the entries themselves. They may be lost or come with a gap: then the tail
reads the store, and it looks there once a second anyhow. A tail that crashed starts over by letting every
feed fall behind, which costs reads and loses nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import trio

from protocol import ConversationId, DeviceId, Entry, membership_change
from router.bus.local import LocalBus
from router.device.feed import Feed, FeedState
from router.device.published import Published
from router.store.errors import StoreUnavailable
from router.store.interface import Store
from router.store.values import Membership

POLL_SECONDS = 1.0
PENDING_ENTRIES = 10_000
PENDING_BYTES = 32 << 20
"""Hinted entries that wait to be offered; what comes beyond that is read from the store."""
_READ_ENTRIES = 1_000
_READ_BYTES = 4 << 20
_OFFERS_PER_TURN = 2_000  # then other tasks get a turn: about two milliseconds


class Tail:
    """Reads the log after `position` and offers each entry to the feeds that may have it."""

    def __init__(self, store: Store, bus: LocalBus) -> None:
        self.position = 0
        self._store = store
        self._bus = bus
        self._pending: list[Entry] = []
        self._pending_bytes = 0
        self._hinted = trio.Event()
        self._index: dict[ConversationId, dict[Feed, None]] = {}
        self._watchers: defaultdict[DeviceId, dict[Feed, None]] = defaultdict(dict)
        self.delivered = 0
        self.fell_behind = 0
        self.reads = 0
        self.failed_reads = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow the log until cancelled; ready once it stands at the log's head."""
        self._pending, self._pending_bytes = [], 0
        for feeds in list(self._watchers.values()):
            for feed in list(feeds):
                self._let_fall_behind(feed)
        unsubscribe = self._bus.subscribe(self._hint)
        try:
            self.position = await self._store.head()
            task_status.started()
            while True:
                try:
                    await self._follow()
                except StoreUnavailable as down:
                    # the world's fault: the position stands, and what was hinted meanwhile is read later
                    self.failed_reads += 1
                    await trio.sleep(down.retry_after)
        finally:
            unsubscribe()

    async def _follow(self) -> None:
        """Follow hints, and look for oneself when none comes."""
        await self._read_store()
        while True:
            await self._advance()
            with trio.move_on_after(POLL_SECONDS) as poll:
                await self._hinted.wait()
            if poll.cancelled_caught:
                await self._read_store()

    def _hint(self, entries: Sequence[Entry]) -> None:
        items = len(self._pending) + len(entries)
        size = self._pending_bytes + sum(len(entry.body) for entry in entries)
        if items <= PENDING_ENTRIES and size <= PENDING_BYTES:
            self._pending.extend(entries)
            self._pending_bytes = size
        self._hinted.set()  # what did not fit is found by the gap it leaves, or by the next poll

    async def _advance(self) -> None:
        """Offer everything hinted; what does not follow on `position` is read from the store instead."""
        while self._hinted.is_set():
            self._hinted = trio.Event()
            entries, self._pending, self._pending_bytes = self._pending, [], 0
            await self._publish_all(entries)

    async def _read_store(self) -> None:
        while True:
            self.reads += 1
            entries = await self._store.entries_after(
                self.position, max_entries=_READ_ENTRIES, max_bytes=_READ_BYTES
            )
            if not entries:
                return
            await self._publish_all(entries, gaps=True)

    async def _publish_all(self, entries: Sequence[Entry], *, gaps: bool = False) -> None:
        """Offer entries in order, others get a turn in between. `gaps`: the store has no entry in them."""
        offers = 0
        for entry in entries:
            if entry.position <= self.position:
                continue
            if entry.position != self.position + 1 and not gaps:
                await self._read_store()
                continue
            offers += 1 + self._publish(entry)
            if offers >= _OFFERS_PER_TURN:
                offers = 0
                await trio.lowlevel.checkpoint()

    def _publish(self, entry: Entry) -> int:
        """Offer one entry at its place in the log; how many feeds it went to. No await: one step."""
        change = membership_change(entry)
        if change.joined:
            self._add(entry.conversation, (member.device for member in change.joined))
        feeds = self._index.get(entry.conversation)
        offered = 0
        if feeds:
            published = Published(entry)
            offered = len(feeds)
            behind = [feed for feed in feeds if not feed.offer(published)]
            for feed in behind:
                self._let_fall_behind(feed)
        # After the offers: should one of them fail, the next incarnation begins with this entry again, and
        # a feed that has it already knows by its own queue.
        self.position = entry.position
        if change.gone:
            self._remove(entry.conversation, change.gone)
        self.delivered += offered
        return offered

    def _add(self, conversation: ConversationId, devices: Iterable[DeviceId]) -> None:
        for device in devices:
            for feed in self._watchers.get(device, ()):
                if feed.changes is not None:
                    feed.changes[conversation] = True
                else:
                    self._want(feed, conversation)

    def _remove(self, conversation: ConversationId, devices: Iterable[DeviceId]) -> None:
        for device in devices:
            for feed in self._watchers.get(device, ()):
                if feed.changes is not None:
                    feed.changes[conversation] = False
                self._unwant(feed, conversation)
                if feed.only == conversation and feed.state is not FeedState.LAGGING:
                    feed.finish("removed", "this device is no longer in the conversation")

    # -- joining and leaving -----------------------------------------------------------------------

    def watch(self, feed: Feed) -> None:
        """Begin to note what changes for the feed's device, while its memberships are read."""
        feed.changes = {}
        self._watchers[feed.device][feed] = None

    def join(self, feed: Feed, memberships: Iterable[Membership]) -> int:
        """Enter the feed, given memberships read after `watch`; returns the position it joined at.

        From here on the feed gets every entry beyond that position. The memberships may be older or newer
        than the tail: what the tail saw since `watch` wins, and what it has not reached yet it will meet.
        """
        changes = feed.changes or {}
        feed.changes = None
        feed.state = FeedState.JOINING
        here = self.position
        for each in memberships:
            begun = each.from_position <= here
            ended = each.to_position is not None and each.to_position <= here
            if each.conversation not in changes and begun and not ended:
                self._want(feed, each.conversation)
        for conversation, member in changes.items():
            if member:
                self._want(feed, conversation)
        return here

    def leave(self, feed: Feed) -> None:
        """Forget the feed; it is offered nothing more."""
        feed.changes = None
        for conversation in list(feed.interest):
            self._unwant(feed, conversation)
        watchers = self._watchers.get(feed.device)
        if watchers is not None:
            watchers.pop(feed, None)
            if not watchers:
                del self._watchers[feed.device]

    def _let_fall_behind(self, feed: Feed) -> None:
        self.fell_behind += 1
        self.leave(feed)
        feed.fall_behind()

    def _want(self, feed: Feed, conversation: ConversationId) -> None:
        if feed.only is None or feed.only == conversation:
            feed.interest.add(conversation)
            self._index.setdefault(conversation, {})[feed] = None

    def _unwant(self, feed: Feed, conversation: ConversationId) -> None:
        feed.interest.discard(conversation)
        feeds = self._index.get(conversation)
        if feeds is not None:
            feeds.pop(feed, None)
            if not feeds:
                del self._index[conversation]

    @property
    def pending(self) -> tuple[int, int]:
        """Hinted entries that wait to be offered, and the bytes of their bodies."""
        return len(self._pending), self._pending_bytes

    @property
    def feeds(self) -> int:
        """Feeds that follow the log live or are joining it."""
        return sum(len(feeds) for feeds in self._watchers.values())
