"""The day on which a device was last here: noted in memory, written for all devices together, now and then.

Never at the moment itself: in one commit with a message, the first thing a device does on a day would say
who wrote the message (P5). What was noted and not written when the process dies is lost.
"""

from collections.abc import Callable, Iterable

import trio

from protocol import DeviceId
from router.store.errors import StoreError
from router.store.interface import Store

WRITE_SECONDS = 600.0
_CAPACITY = 100_000
_AT_ONCE = 1_000
_DAY = 86_400


class LastSeen:
    """What is noted until it is written: at most `capacity` devices, further ones are passed over."""

    def __init__(self, clock: Callable[[], float], *, capacity: int = _CAPACITY) -> None:
        """`clock` gives Unix seconds."""
        self._clock = clock
        self._capacity = capacity
        self._noted: dict[DeviceId, int] = {}

    def note(self, device: DeviceId) -> None:
        """The device is here."""
        if device in self._noted or len(self._noted) < self._capacity:
            self._noted[device] = int(self._clock()) // _DAY

    async def write(self, store: Store, connected: Iterable[DeviceId]) -> None:
        """Write what was noted, and that those who are connected are here today.

        When the store cannot write just now, it stays noted.
        """
        for device in connected:
            self.note(device)
        while self._noted:
            day = next(iter(self._noted.values()))
            batch = [device for device, seen in self._noted.items() if seen == day][:_AT_ONCE]
            try:
                await store.mark_seen(sorted(batch), day)
            except StoreError:
                return
            for device in batch:
                if self._noted.get(device) == day:  # it may have been here again meanwhile
                    del self._noted[device]

    def statistics(self) -> dict[str, int]:
        """`items` noted and their `capacity`."""
        return {"items": len(self._noted), "capacity": self._capacity}


async def keep_last_seen(
    seen: LastSeen,
    store: Store,
    connected: Callable[[], Iterable[DeviceId]],
    *,
    interval: float = WRITE_SECONDS,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Write what was noted every `interval` seconds."""
    task_status.started()
    while True:
        await trio.sleep(interval)
        await seen.write(store, connected())
