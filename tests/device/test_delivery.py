"""P4 and P6: every device gets its part of the log in order, once, whatever happens to its connections."""

from contextlib import AsyncExitStack

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from protocol import Entry
from router.device.feed import FeedClosed
from router.device.service import TooManyConnections
from router.store.errors import StoreUnavailable
from router.store.memory import MemoryStore
from tests.device.house import House, conversation, device, entitled, open_house

MEMBERS = 3
CONVERSATIONS = 2


class Client:
    """A device that connects, takes, loses its connection and resumes from the cursor it was given."""

    def __init__(self, house: House, who: int) -> None:
        self.house, self.who = house, who
        self.cursor = 0
        self.got: list[int] = []
        self.hungry = trio.Event()
        self.cut = trio.CancelScope()
        self.appetite = 0

    async def run(self) -> None:
        """Connect again and again; each connection takes as many entries as the appetite allows."""
        while True:
            with trio.CancelScope() as self.cut:
                async with self.house.devices.open_feed(device(self.who), after=self.cursor) as feed:
                    while True:
                        await self._wait_for_appetite()
                        batch = await feed.take(self.appetite)
                        self.got += [each.position for each in batch]
                        self.appetite -= len(batch)
                        self.cursor = feed.cursor

    def eat(self, count: int) -> None:
        """Allow `count` more entries."""
        self.appetite += count
        self.hungry.set()

    async def _wait_for_appetite(self) -> None:
        while self.appetite <= 0:
            self.hungry = trio.Event()
            await self.hungry.wait()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, CONVERSATIONS - 1), st.just(0)),
        st.tuples(st.just("add"), st.integers(0, CONVERSATIONS - 1), st.integers(1, MEMBERS)),
        st.tuples(st.just("remove"), st.integers(0, CONVERSATIONS - 1), st.integers(1, MEMBERS)),
        st.tuples(st.just("eat"), st.integers(1, MEMBERS), st.integers(1, 6)),
        st.tuples(st.just("cut"), st.integers(1, MEMBERS), st.just(0)),
        st.tuples(st.just("lose hints"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("settle"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 4))
def test_what_a_device_receives_is_the_log_restricted_to_its_membership_whatever_is_cut(
    steps: list[tuple[str, int, int]], feed_items: int
) -> None:
    async def main() -> None:
        async with open_house(feed_items=feed_items) as house, trio.open_nursery() as nursery:
            for number in range(CONVERSATIONS):
                await house.create(number, (1,))
            clients = {who: Client(house, who) for who in range(1, MEMBERS + 1)}
            for client in clients.values():
                nursery.start_soon(client.run)
            for verb, first, second in steps:
                match verb:
                    case "send":
                        await house.send(first)
                    case "add":
                        await house.add(first, second)
                    case "remove":
                        await house.remove(first, second)
                    case "eat":
                        clients[first].eat(second)
                    case "cut":
                        clients[first].cut.cancel()
                    case "lose hints":
                        house.lose_hints = bool(first)
                    case _:
                        await trio.testing.wait_all_tasks_blocked()
            for client in clients.values():
                client.eat(10_000)
            await trio.sleep(3)  # the fake clock's: a poll of the tail finds what lost hints hid
            log = await house.log()
            for who, client in clients.items():
                assert client.got == entitled(log, who)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_a_reader_that_stops_holds_no_more_than_its_bound_and_nobody_waits_for_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """P6: the stalled feed falls back to a cursor; the other device has everything, in order."""
    async with open_house(feed_items=4) as house:
        await house.create(0, (1, 2))
        async with (
            house.devices.open_feed(device(1)) as stalled,
            house.devices.open_feed(device(2)) as quick,
        ):
            await stalled.take(1)
            got = [each.position for each in await quick.take()]
            for _ in range(50):
                await house.send(0)
                await trio.testing.wait_all_tasks_blocked()
                assert stalled.queued <= 4
                got += [each.position for each in await quick.take()]
            assert got == entitled(await house.log(), 2)
            assert stalled.queued == 0, "fallen behind: a cursor that stands still"
            resumed: list[int] = []
            while len(resumed) < 50:
                resumed += [each.position for each in await stalled.take()]
            assert resumed == entitled(await house.log(), 1)[1:]


async def test_a_stream_of_one_conversation_ends_with_the_entry_that_removes_the_device(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_house() as house:
        await house.create(0, (1,))
        await house.create(1, (1,))
        async with house.devices.open_feed(device(1), only=conversation(0)) as feed:
            got = [each.entry.seq for each in await feed.take()]
            await house.send(1)
            await house.remove(0, 1)
            await house.send(0)
            got += [each.entry.seq for each in await feed.take()]
            with pytest.raises(FeedClosed) as closed:
                await feed.take()
        assert got == [1, 2]
        assert closed.value.reason == "removed"


async def test_entries_the_client_names_as_seen_are_not_given_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Cursor frames come once a second; the seqs received since close the gap."""
    async with open_house() as house:
        await house.create(0, (1,))
        for _ in range(5):
            await house.send(0)
        async with house.devices.open_feed(device(1), after=1, seen={conversation(0): 4}) as feed:
            await trio.testing.wait_all_tasks_blocked()
            got = await feed.take()
            await house.send(0)
            got += await feed.take()
            assert [each.entry.seq for each in got] == [5, 6, 7]


async def test_the_oldest_connection_of_a_device_gives_way(autojump_clock: trio.testing.MockClock) -> None:
    async with open_house(max_connections=1) as house:
        await house.create(0, (1,))
        async with house.devices.open_feed(device(1)) as old:
            await old.take()
            async with house.devices.open_feed(device(1)) as new:
                assert len(await new.take()) == 1
                with pytest.raises(FeedClosed) as closed:
                    await old.take()
        assert closed.value.reason == "replaced"
        assert house.tail.feeds == 0
        assert house.devices.connections == 0


async def test_a_tail_that_starts_over_loses_and_repeats_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_house() as house, trio.open_nursery() as nursery:
        await house.create(0, (1,))
        async with house.devices.open_feed(device(1)) as feed:
            got = [each.position for each in await feed.take()]
            await house.send(0)
            await nursery.start(house.tail.run)  # a second incarnation, as after a crash
            await house.send(0)
            while len(got) < 3:
                got += [each.position for each in await feed.take()]
            assert got == [1, 2, 3]
        nursery.cancel_scope.cancel()


async def test_a_store_that_cannot_read_for_a_while_delays_and_ends_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Neither the tail nor a device's actor counts the disk's faults as its own."""

    class Flaky(MemoryStore):
        down = False

        async def entries_after(self, position: int, *, max_entries: int, max_bytes: int) -> list[Entry]:
            if self.down:
                await trio.lowlevel.checkpoint()
                raise StoreUnavailable(1.0, "cannot read")
            return await super().entries_after(position, max_entries=max_entries, max_bytes=max_bytes)

    store = Flaky()
    async with open_house(store) as house:
        await house.create(0, (1,))
        async with house.devices.open_feed(device(1)) as feed:
            got = [each.position for each in await feed.take()]
            store.down, house.lose_hints = True, True
            await house.send(0)
            await trio.sleep(20)
            assert house.tail.failed_reads > 5
            store.down = False
            got += [each.position for each in await feed.take()]
            assert got == [1, 2]


async def test_a_listener_that_fails_harms_nobody_else(autojump_clock: trio.testing.MockClock) -> None:
    def broken() -> None:
        raise RuntimeError("this connection has a fault")

    async with open_house() as house:
        await house.create(0, (1, 2))
        async with (
            house.devices.open_feed(device(1)) as bad,
            house.devices.open_feed(device(2)) as good,
        ):
            await bad.take()
            await good.take()
            bad.listen(broken)
            await house.send(0)
            assert [each.entry.seq for each in await good.take()] == [2]
            assert house.tail.position == 2


async def test_connections_whose_clients_never_let_go_are_bounded(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_house(max_connections=2) as house, AsyncExitStack() as stack:
        feeds = []
        for opened in range(1, 5):
            feeds.append(await stack.enter_async_context(house.devices.open_feed(device(1))))
            assert [feed.closed for feed in feeds] == [number < opened - 2 for number in range(opened)]
        with pytest.raises(TooManyConnections):
            await stack.enter_async_context(house.devices.open_feed(device(1)))


async def test_a_feed_that_opens_during_a_drain_is_told_so(autojump_clock: trio.testing.MockClock) -> None:
    async with open_house() as house:
        await house.create(0, (1,))
        house.devices.end_all("draining", "the server is stopping")
        async with house.devices.open_feed(device(1)) as feed:
            with pytest.raises(FeedClosed) as closed:
                await feed.take()
        assert closed.value.reason == "draining"


async def test_as_many_connections_as_a_device_may_have_live_side_by_side(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_house(max_connections=5) as house, AsyncExitStack() as stack:
        feeds = [await stack.enter_async_context(house.devices.open_feed(device(1))) for _ in range(5)]
        assert not any(feed.closed for feed in feeds)
