"""Every bounded queue, cache and map of the node as a metric: its fill beside its bound."""

import math
from collections.abc import Iterator

from router.device.tail import PENDING_BYTES, PENDING_ENTRIES
from router.observe import QueueState
from router.observe.sources import (
    Forgotten,
    block_looks,
    did_looks,
    forgotten,
    log_writer,
    process,
    queues,
)
from router.observe.sources import store as store_counters
from router.observe.sources import tail as tail_counters
from router.readdition import MAX_REQUESTS
from router.wiring.parts import Parts


def add_gauges(parts: Parts) -> None:
    """Let the metrics read the parts whenever somebody asks for them."""
    messages, observation = parts.messages, parts.observation

    def crowded_out() -> list[Forgotten]:
        return [Forgotten(table.whose, table.forgotten) for table in parts.quotas.statistics()]

    for source in (
        process,
        queues(lambda: [*_of_messages(parts), *_of_identity(parts), *_of_rates(parts)]),
        store_counters(messages.store.statistics),
        tail_counters(messages.tail, messages.bus),
        log_writer(observation.logs.writer),
        forgotten(crowded_out),
        did_looks(parts.identity.outside),
        block_looks(parts.identity.blocks),
    ):
        observation.metrics.add_source(source)


def _of_messages(parts: Parts) -> Iterator[QueueState]:
    settings, messages = parts.settings, parts.messages
    stored = messages.store.statistics()
    pending_items, pending_bytes = messages.tail.pending
    open_feeds = messages.devices.connections
    yield QueueState(
        queue="store",
        items=stored.queued_items,
        max_items=settings.store.queue_items,
        bytes=stored.queued_bytes,
        max_bytes=settings.store.queue_bytes,
    )
    yield QueueState(
        queue="tail",
        items=pending_items,
        max_items=PENDING_ENTRIES,
        bytes=pending_bytes,
        max_bytes=PENDING_BYTES,
    )
    yield QueueState(  # of all feeds together; each has its own bound
        queue="feeds",
        max_items=open_feeds * settings.devices.feed_items,
        bytes=messages.devices.queued_bytes,
        max_bytes=open_feeds * settings.devices.feed_bytes,
    )
    yield QueueState(queue="connections", items=open_feeds, max_items=settings.server.max_connections)
    yield QueueState(
        queue="conversations",
        items=messages.conversation_actors.statistics().active,
        max_items=_bound(messages.conversation_actors.options.cap),
    )
    yield QueueState(queue="readditions", items=messages.readditions.watched, max_items=MAX_REQUESTS)
    yield QueueState(
        queue="devices",
        items=messages.devices.connected,
        max_items=_bound(messages.device_actors.options.cap),
    )


def _of_identity(parts: Parts) -> Iterator[QueueState]:
    identity = parts.identity
    outside = identity.outside.statistics()
    yield QueueState(
        queue="did_documents",
        items=outside["items"],
        max_items=outside["max_items"],
        bytes=outside["bytes"],
        max_bytes=outside["max_bytes"],
    )
    yield QueueState(queue="did_looks", items=outside["looks"], max_items=outside["max_looks"])
    blocks = identity.blocks.statistics()
    yield QueueState(
        queue="block_records",
        items=blocks["items"],
        max_items=blocks["max_items"],
        bytes=blocks["bytes"],
        max_bytes=blocks["max_bytes"],
    )
    yield QueueState(queue="block_looks", items=blocks["looks"], max_items=blocks["max_looks"])
    yield QueueState(queue="block_claims", items=blocks["claims"], max_items=blocks["max_items"])
    yield QueueState(queue="block_hosts", items=blocks["hosts"], max_items=blocks["max_hosts"])
    for name, held in (
        ("used_tokens", identity.replay.statistics()),
        ("revocations", identity.revocations.statistics()),
        ("lockout", identity.authenticator.statistics()),
        ("api_keys", identity.api_keys.statistics()),
        ("devices_seen", identity.seen.statistics()),
        ("logins", identity.login.pending.statistics()),
    ):
        yield QueueState(queue=name, items=held["items"], max_items=held["capacity"])


def _of_rates(parts: Parts) -> Iterator[QueueState]:
    for table in parts.quotas.statistics():
        yield QueueState(queue=f"rates_{table.whose}", items=table.items, max_items=table.max_items)


def _bound(cap: float) -> int | None:
    """A registry's cap as it is tuned now; None while it has none."""
    return None if math.isinf(cap) else int(cap)
