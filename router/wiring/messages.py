"""The way of a message: store, conversations that decide, the tail that reads, devices that receive."""

from collections.abc import Callable

import attrs

from actors import Backoff, Intensity, Registry, RegistryOptions
from protocol import ConversationId, DeviceId, Limits
from router.bus.local import LocalBus
from router.config import Settings
from router.conversation.actor import ConversationBehaviour
from router.conversation.service import Ask, Conversations, weigh
from router.device.actor import CatchUp, DeviceBehaviour
from router.device.service import Devices
from router.device.tail import Tail
from router.readdition import Readditions
from router.store.sqlite.store import SqliteOptions, SqliteStore
from router.store.sqlite.writer import Bounds

_DEVICE_IDLE_SECONDS = 10.0
_DEVICE_MAILBOX_ITEMS = 64


@attrs.frozen(kw_only=True)
class Messages:
    """The log, those who write it and those who read it."""

    store: SqliteStore
    bus: LocalBus
    tail: Tail
    conversation_actors: Registry[ConversationId, Ask]
    device_actors: Registry[DeviceId, CatchUp]
    conversations: Conversations
    devices: Devices
    readditions: Readditions


def make_messages(settings: Settings, now: Callable[[], float]) -> Messages:
    """Wire them; a commit hints the bus, the bus wakes the tail. `now` gives Unix seconds."""
    store, bus = _store(settings), LocalBus()
    store.on_commit(bus.hint)
    tail = Tail(store, bus)
    limits = _limits(settings)
    conversation_actors = _conversation_actors(settings, store, now, limits)
    device_actors: Registry[DeviceId, CatchUp] = Registry(
        "devices",
        DeviceBehaviour(store, tail),
        RegistryOptions(
            idle_timeout=_DEVICE_IDLE_SECONDS,
            capacity=_DEVICE_MAILBOX_ITEMS,
            cap=settings.server.max_connections,
        ),
    )
    devices = Devices(
        device_actors,
        tail,
        max_connections=settings.devices.max_connections_per_device,
        feed_items=settings.devices.feed_items,
        feed_bytes=settings.devices.feed_bytes,
    )
    conversations = Conversations(conversation_actors)
    return Messages(
        store=store,
        bus=bus,
        tail=tail,
        conversation_actors=conversation_actors,
        device_actors=device_actors,
        conversations=conversations,
        devices=devices,
        readditions=Readditions(
            store,
            conversations,
            subscribe=bus.subscribe,
            online=devices.connected_devices,
            now=now,
            limits=limits,
        ),
    )


def _store(settings: Settings) -> SqliteStore:
    chosen = settings.store
    return SqliteStore(
        chosen.path,
        SqliteOptions(
            writer=chosen.writer,
            synchronous=chosen.synchronous,
            bounds=Bounds(
                max_batch_items=chosen.max_batch_items,
                max_batch_bytes=chosen.max_batch_bytes,
                queue_items=chosen.queue_items,
                queue_bytes=chosen.queue_bytes,
            ),
            checkpoint_interval=chosen.checkpoint_interval,
        ),
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_members=settings.limits.max_members,
        epoch_window=settings.log.epoch_window,
        bucket_seconds=settings.log.received_bucket_seconds,
        readdition_lease=settings.mls.readdition_lease,
    )


def _conversation_actors(
    settings: Settings, store: SqliteStore, now: Callable[[], float], limits: Limits
) -> Registry[ConversationId, Ask]:
    chosen = settings.conversations
    return Registry(
        "conversations",
        ConversationBehaviour(store, limits, now),
        RegistryOptions(
            idle_timeout=chosen.idle_timeout,
            capacity=chosen.mailbox_items,
            max_weight=chosen.mailbox_bytes,
            weigh=weigh,
            cap=chosen.cap,
            quarantine=Intensity(chosen.quarantine_crashes, chosen.quarantine_window),
            quarantine_time=chosen.quarantine_time,
            storm=Intensity(chosen.storm_crashes, chosen.storm_window),
            backoff=Backoff(initial=0.05, maximum=5.0),
        ),
    )
