"""The device actor: reads the store on behalf of a connected device's feeds, page by page.

It lives while its device is connected and does the slow half of delivery: it brings a feed from its cursor
up to the tail and joins it there; from then on the tail offers new entries to the feed directly. All state
of a delivery is in the feed, so the actor may crash or be passivated at any time: the feed asks again.
"""

import attrs
import trio

from actors import ActorContext
from protocol import DeviceId
from router.device.feed import Feed
from router.device.published import Published
from router.device.tail import Tail
from router.store.errors import StoreUnavailable
from router.store.interface import Store

_PAGE_ENTRIES = 256
_PAGE_BYTES = 1 << 20


@attrs.frozen
class CatchUp:
    """Read on for this feed until it is live, full or finished."""

    feed: Feed


@attrs.frozen
class DeviceBehaviour:
    """The behaviour of every device actor of this node: one device's reads never run side by side."""

    store: Store
    tail: Tail

    async def __call__(self, context: ActorContext[DeviceId, CatchUp]) -> None:
        feeds: set[Feed] = set()
        while True:
            for envelope in await context.take():
                feed = envelope.message.feed
                feeds.add(feed)
                try:
                    await catch_up(feed, self.store, self.tail)
                except StoreUnavailable as down:
                    await trio.sleep(down.retry_after)  # the world's fault; the feed asks again
                finally:
                    if not feed.live:
                        feed.rest()
                envelope.reply(None)
            feeds = {feed for feed in feeds if not feed.abandoned}
            if not feeds:
                return


async def catch_up(feed: Feed, store: Store, tail: Tail) -> None:
    """Bring `feed` from where it stands to LIVE, or as far as it has room for.

    A failure or a cancel on the way leaves the feed LAGGING with everything queued still good.
    """
    if feed.live or feed.closed:
        return
    while feed.examined < tail.position:
        if not await _fill(feed, store, upto=tail.position):
            return
    tail.watch(feed)
    try:
        memberships = await store.memberships(feed.device)
        if feed.abandoned:
            return
        joined_at = tail.join(feed, memberships)
        while feed.examined < joined_at:
            if not await _fill(feed, store, upto=joined_at):
                return
        feed.go_live()
    finally:
        if not feed.live:
            tail.leave(feed)
            feed.step_back()
    if feed.only is not None and feed.only not in feed.interest:
        feed.finish("removed", "this device is not in the conversation")


async def _fill(feed: Feed, store: Store, *, upto: int) -> bool:
    """Read one page into the feed; False when it has no room for more, or fell behind meanwhile."""
    items, size = feed.room()
    if not items:
        return False
    overflows = feed.overflows
    page = await store.device_entries(
        feed.device,
        after=feed.examined,
        upto=upto,
        max_entries=min(items, _PAGE_ENTRIES),
        max_bytes=min(size, _PAGE_BYTES),
    )
    if feed.overflows != overflows or feed.abandoned:
        return False  # its examined range went back while we read: this page would leave a gap
    entries = page.entries
    if feed.only is not None:
        entries = [entry for entry in entries if entry.conversation == feed.only]
    feed.fill([Published(entry) for entry in entries], page.examined_to)
    return True
