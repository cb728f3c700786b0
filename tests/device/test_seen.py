"""The day a device was last here: noted at once, written for many, never beside what it did."""

import trio
from hypothesis import given
from hypothesis import strategies as st

from protocol import AccountDid, DeviceId
from router.device.seen import LastSeen, keep_last_seen
from router.store.errors import StoreUnavailable
from router.store.memory import MemoryStore
from router.store.values import Device
from router.testing.store.rooms import account, device

DAY = 86_400
NOW = 20_000 * DAY + 7


class Store(MemoryStore):
    """Counts writes, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[list[DeviceId]] = []
        self.down = False

    async def mark_seen(self, devices: object, day: int) -> None:
        if self.down:
            raise StoreUnavailable(1.0, "away")
        self.writes.append(list(devices))  # type: ignore[call-overload]  # a sequence, as the interface has it
        await super().mark_seen(self.writes[-1], day)


async def registered(store: Store, *numbers: int) -> None:
    for number in numbers:
        wanted = Device(device(number), AccountDid(account("ann")), "d", bytes([number]) * 32, 1)
        await store.register_device(wanted, now=0, max_devices=99)


class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


async def days(store: Store) -> list[int]:
    return [each.last_seen_day for each in await store.devices_of(account("ann"))]


async def test_an_example_of_a_day_on_which_two_were_here_and_one_is_connected() -> None:
    store, clock = Store(), Clock()
    await registered(store, 1, 2, 3, 4)
    seen = LastSeen(clock)
    for number in (1, 2, 1):
        seen.note(device(number))
    await seen.write(store, [device(3)])
    assert await days(store) == [20_000, 20_000, 20_000, 0]
    assert store.writes == [[device(1), device(2), device(3)]], "one write for all"
    await seen.write(store, [])
    assert len(store.writes) == 1


async def test_the_day_is_the_one_on_which_it_was_noted() -> None:
    store, clock = Store(), Clock()
    await registered(store, 1, 2)
    seen = LastSeen(clock)
    seen.note(device(1))
    clock.now += DAY
    await seen.write(store, [device(2)])
    assert await days(store) == [20_000, 20_001]


async def test_what_could_not_be_written_stays_noted() -> None:
    store, clock = Store(), Clock()
    await registered(store, 1)
    seen = LastSeen(clock)
    seen.note(device(1))
    store.down = True
    await seen.write(store, [])
    assert seen.statistics()["items"] == 1
    store.down = False
    await seen.write(store, [])
    assert (await days(store), seen.statistics()["items"]) == ([20_000], 0)


@given(st.lists(st.integers(1, 50), max_size=100), st.integers(1, 10))
def test_its_memory_is_bounded(numbers: list[int], capacity: int) -> None:
    seen = LastSeen(Clock(), capacity=capacity)
    for number in numbers:
        seen.note(device(number))
    assert seen.statistics()["items"] == min(capacity, len(set(numbers)))


async def test_the_chore_writes_now_and_then(autojump_clock: object) -> None:
    store, clock = Store(), Clock()
    await registered(store, 1)
    seen = LastSeen(clock)
    async with trio.open_nursery() as running:
        await running.start(keep_last_seen, seen, store, lambda: [device(1)])
        await trio.sleep(1500)
        running.cancel_scope.cancel()
    assert store.writes == [[device(1)], [device(1)]]
