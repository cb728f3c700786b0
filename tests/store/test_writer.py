"""The queue in front of the engine: order, bounds, trouble, recovery; the engine fails on command."""

from collections.abc import Callable, Sequence

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from protocol import Entry
from router.store.errors import DurabilityLost, OutcomeUnknown, Overloaded, PoisonRequest, StoreUnavailable
from router.store.memory import MemoryStore
from router.store.sqlite.engines import Engine, EngineDied
from router.store.sqlite.requests import (
    Done,
    Outcome,
    Placed,
    Poisoned,
    Probe,
    RecordActs,
    RememberToken,
    Request,
    Unavailable,
)
from router.store.sqlite.writer import Bounds, Writer
from router.store.values import Appended, AppendRequest, StaleTerm
from router.testing.store.rooms import Room, devices

Answer = Callable[[Sequence[Request]], list[Outcome]]


def act(number: int) -> RecordActs:
    """A request that can be told from others."""
    return RecordActs((), number)


class ScriptedEngine(Engine):
    """Answers everything with `Done` and appends with positions, unless it is told otherwise.

    While `gate` is closed a batch is in hand and its outcome is open.
    """

    def __init__(self) -> None:
        self.batches: list[list[Request]] = []
        self.gate = trio.Event()
        self.gate.set()
        self.answer: Answer | None = None
        self.dies = False
        self.starts = 0
        self.kills = 0
        self.position = 1

    async def start(self, nursery: trio.Nursery, died: Callable[[], None]) -> None:
        self.died = died
        self.starts += 1
        await trio.lowlevel.checkpoint()
        self.alive = True

    async def commit(self, requests: Sequence[Request]) -> list[Outcome]:
        self.batches.append(list(requests))
        await self.gate.wait()
        if self.dies:
            self.alive = False
            raise EngineDied("killed")
        if self.answer is not None:
            return self.answer(requests)
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Outcome:
        if isinstance(request, AppendRequest):
            first, self.position = self.position, self.position + len(request.entries)
            return Placed(first)
        return Done()

    def kill(self) -> None:
        self.kills += 1
        self.alive = False

    async def aclose(self) -> None:
        self.alive = False
        await trio.lowlevel.cancel_shielded_checkpoint()


class Bench:
    """A running writer and what came of what was submitted to it."""

    def __init__(self, nursery: trio.Nursery, bounds: Bounds | None = None) -> None:
        self.nursery = nursery
        self.engine = ScriptedEngine()
        self.heard: list[Entry] = []
        self.writer = Writer(self.engine, bounds or Bounds(), self.heard.extend)
        self.outcomes: dict[int, object] = {}

    async def start(self) -> None:
        await self.nursery.start(self.writer.run)

    async def ask(self, number: int, request: Request | None = None) -> None:
        """Submit in a task of its own and let it queue."""

        async def submit() -> None:
            try:
                self.outcomes[number] = await self.writer.submit(request or act(number))
            except Exception as error:  # noqa: BLE001 - recorded for the assertion
                self.outcomes[number] = error

        self.nursery.start_soon(submit)
        await wait_all_tasks_blocked()


@pytest.fixture
async def bench(nursery: trio.Nursery) -> Bench:
    started = Bench(nursery)
    await started.start()
    return started


async def test_what_waits_while_one_batch_is_committed_goes_together_into_the_next(bench: Bench) -> None:
    bench.engine.gate = trio.Event()
    for number in range(5):
        await bench.ask(number)
    bench.engine.gate.set()
    await wait_all_tasks_blocked()
    assert bench.engine.batches == [[act(0)], [act(1), act(2), act(3), act(4)]]
    assert bench.outcomes == dict.fromkeys(range(5), Done())
    assert bench.writer.queued == (0, 0)


async def test_a_token_is_never_overtaken_by_what_was_submitted_after_it(bench: Bench) -> None:
    bench.engine.gate = trio.Event()
    await bench.ask(0)
    bench.writer.submit_nowait(RememberToken(b"t", 60))
    await bench.ask(1)
    bench.engine.gate.set()
    await wait_all_tasks_blocked()
    assert bench.engine.batches == [[act(0)], [RememberToken(b"t", 60), act(1)]]


async def test_batches_are_bounded_in_items_and_in_bytes(nursery: trio.Nursery) -> None:
    bench = Bench(nursery, Bounds(max_batch_items=3, max_batch_bytes=10_000))
    await bench.start()
    room = Room(MemoryStore(), 1)
    bench.engine.gate = trio.Event()
    await bench.ask(0)
    for number in range(1, 6):
        await bench.ask(number)
    for number in range(6, 9):
        await bench.ask(number, room.request(*room.messages("m", body=bytes(6000)), term=1))
    bench.engine.gate.set()
    await wait_all_tasks_blocked()
    assert [len(batch) for batch in bench.engine.batches] == [1, 3, 3, 1, 1]


async def test_a_full_queue_refuses_with_a_time_to_come_back_and_takes_again_when_it_has_room(
    nursery: trio.Nursery,
) -> None:
    bench = Bench(nursery, Bounds(queue_items=3, retry_after=7.0))
    await bench.start()
    bench.engine.gate = trio.Event()
    for number in range(5):
        await bench.ask(number)
    assert isinstance(bench.outcomes[3], Overloaded)
    assert isinstance(bench.outcomes[4], Overloaded)
    assert bench.outcomes[3].retry_after == 7.0
    with pytest.raises(Overloaded):
        bench.writer.submit_nowait(RememberToken(b"t", 60))
    bench.engine.gate.set()
    await wait_all_tasks_blocked()
    await bench.ask(5)
    assert bench.outcomes[5] == Done()
    assert bench.writer.counters.refused == 3


async def test_bytes_are_bounded_too_but_a_giant_may_go_alone(nursery: trio.Nursery) -> None:
    bench = Bench(nursery, Bounds(queue_bytes=5000))
    await bench.start()
    room = Room(MemoryStore(), 1)
    giant = room.request(*room.messages("m", body=bytes(100_000)), term=1)
    bench.engine.gate = trio.Event()
    await bench.ask(0, giant)
    await bench.ask(1)
    bench.engine.gate.set()
    await wait_all_tasks_blocked()
    assert isinstance(bench.outcomes[0], Appended)
    assert isinstance(bench.outcomes[1], Overloaded)


async def test_listeners_hear_a_batch_in_position_order_with_the_positions(bench: Bench) -> None:
    rooms = [Room(MemoryStore(), number) for number in range(3)]
    bench.engine.gate = trio.Event()
    await bench.ask(9)
    for number, room in enumerate(rooms):
        await bench.ask(number, room.request(room.created("ann", devices("ann", 1)), *room.messages("m")[:0]))
    bench.engine.gate.set()
    await wait_all_tasks_blocked()
    assert [(entry.position, entry.conversation) for entry in bench.heard] == [
        (number + 1, room.id) for number, room in enumerate(rooms)
    ]
    assert bench.outcomes[1] == Appended((bench.heard[1],))


async def test_poison_is_told_to_its_asker_alone(bench: Bench) -> None:
    bench.engine.answer = lambda batch: [
        Poisoned("bad") if request == act(1) else Done() for request in batch
    ]
    for number in range(3):
        await bench.ask(number)
    assert isinstance(bench.outcomes[1], PoisonRequest)
    assert (bench.outcomes[0], bench.outcomes[2]) == (Done(), Done())
    assert bench.writer.trouble is None


class TestCancellation:
    """A caller that goes away leaves the queue as it should be."""

    async def test_in_the_queue_the_request_goes_with_its_caller(self, bench: Bench) -> None:
        bench.engine.gate = trio.Event()
        await bench.ask(0)
        with trio.move_on_after(0) as scope:
            await bench.writer.submit(act(1))
        assert scope.cancelled_caught
        await bench.ask(2)
        bench.engine.gate.set()
        await wait_all_tasks_blocked()
        assert bench.engine.batches == [[act(0)], [act(2)]]
        assert bench.writer.queued == (0, 0)

    async def test_in_a_batch_it_is_committed_all_the_same(self, bench: Bench) -> None:
        room = Room(MemoryStore(), 1)
        bench.engine.gate = trio.Event()
        with trio.CancelScope() as scope:

            async def cancel_when_begun() -> None:
                await wait_all_tasks_blocked()
                assert len(bench.engine.batches) == 1
                scope.cancel()

            bench.nursery.start_soon(cancel_when_begun)
            await bench.writer.submit(room.request(room.created("ann", devices("ann", 1))))
        assert scope.cancelled_caught
        bench.engine.gate.set()
        await wait_all_tasks_blocked()
        assert [entry.position for entry in bench.heard] == [1]
        assert bench.writer.queued == (0, 0)

    async def test_when_the_writer_stops_whoever_waits_is_told(self) -> None:
        async with trio.open_nursery() as outer:
            bench = Bench(outer)
            async with trio.open_nursery() as inner:
                await inner.start(bench.writer.run)
                bench.engine.gate = trio.Event()
                await bench.ask(0)
                await bench.ask(1)
                inner.cancel_scope.cancel()
        assert isinstance(bench.outcomes[0], OutcomeUnknown), "it was in a batch"
        assert isinstance(bench.outcomes[1], StoreUnavailable)
        assert not isinstance(bench.outcomes[1], OutcomeUnknown), "it was not"


class TestTrouble:
    """The disk fails, the engine dies: told as it is, and over when it is over."""

    async def test_a_failing_disk_refuses_everybody_until_a_probe_succeeds(
        self, bench: Bench, autojump_clock: MockClock
    ) -> None:
        bench.engine.answer = lambda batch: [Unavailable("disk full")] * len(batch)
        began = trio.current_time()
        for number in range(2):
            await bench.ask(number)
        assert [type(bench.outcomes[number]) for number in range(2)] == [StoreUnavailable] * 2
        assert bench.writer.trouble == "disk full"
        assert bench.engine.batches == [[act(0)]], "while it is red nothing is even tried"

        await trio.sleep(5.5)
        assert bench.engine.batches[1:] == [[Probe()]] * 5
        bench.engine.answer = None
        await trio.sleep(1)
        await bench.ask(2)
        assert bench.outcomes[2] == Done()
        assert trio.current_time() - began < 7

    async def test_tokens_outlive_the_trouble_in_their_order(
        self, bench: Bench, autojump_clock: MockClock
    ) -> None:
        tokens = [RememberToken(bytes([number]), 60) for number in range(4)]
        bench.engine.answer = lambda batch: [Unavailable("disk full")] * len(batch)
        bench.engine.gate = trio.Event()
        await bench.ask(0)
        for token in tokens[:2]:
            bench.writer.submit_nowait(token)
        bench.engine.gate.set()
        await wait_all_tasks_blocked()
        bench.writer.submit_nowait(tokens[2])
        bench.engine.answer = lambda batch: [
            Done() if request == Probe() else Unavailable("again") for request in batch
        ]
        await trio.sleep(1.5)
        bench.writer.submit_nowait(tokens[3])
        bench.engine.answer = None
        await trio.sleep(3)
        assert bench.engine.batches[-1] == tokens
        assert bench.writer.queued == (0, 0)

    async def test_a_dead_engine_leaves_an_unknown_outcome_and_is_started_again(
        self, bench: Bench, autojump_clock: MockClock
    ) -> None:
        bench.engine.gate = trio.Event()
        await bench.ask(0)
        await bench.ask(1)
        bench.engine.dies = True
        bench.engine.gate.set()
        await wait_all_tasks_blocked()
        assert isinstance(bench.outcomes[0], OutcomeUnknown), "committed or not"
        assert type(bench.outcomes[1]) is StoreUnavailable, "never begun"
        bench.engine.dies = False
        await trio.sleep(1)
        assert (bench.writer.trouble, bench.engine.starts) == (None, 2)
        await bench.ask(2)
        assert bench.outcomes[2] == Done()
        assert bench.writer.counters.restarts == 1

    async def test_an_engine_that_hangs_is_told_by_its_age_and_killed_at_its_limit(
        self, bench: Bench, autojump_clock: MockClock
    ) -> None:
        bench.engine.gate = trio.Event()
        await bench.ask(0)
        await bench.ask(1)
        await trio.sleep(4.5)
        assert (bench.writer.batch_age, bench.writer.trouble) == (4.5, None), "a slow disk"
        await trio.sleep(1)
        assert bench.writer.trouble == "a batch has been in hand for 5.5 s"
        assert bench.outcomes == {}
        await trio.sleep(9.55)
        assert isinstance(bench.outcomes[0], OutcomeUnknown), "it may have been committed"
        assert type(bench.outcomes[1]) is StoreUnavailable, "never begun"
        assert (bench.engine.kills, bench.engine.alive) == (1, False)

    async def test_a_probe_that_hangs_has_a_limit_too(self, bench: Bench, autojump_clock: MockClock) -> None:
        bench.engine.gate = trio.Event()
        await bench.ask(0)
        await trio.sleep(40)
        assert bench.engine.batches[1:] == [[Probe()]] * 2, "15 s each"
        bench.engine.gate.set()
        await trio.sleep(10)
        assert (bench.writer.trouble, bench.engine.kills) == (None, 2)

    async def test_an_engine_that_dies_idle_is_noticed(self, bench: Bench, autojump_clock: MockClock) -> None:
        await wait_all_tasks_blocked()
        bench.engine.alive = False
        bench.engine.died()
        await wait_all_tasks_blocked()
        noticed = bench.writer.trouble
        assert noticed == "the writer ended"
        await trio.sleep(1)
        assert (bench.writer.trouble, bench.engine.starts) == (None, 2), "before anybody asks"
        await bench.ask(0)
        assert bench.outcomes[0] == Done()

    async def test_a_failed_fsync_ends_the_writer_and_nothing_is_claimed(self) -> None:
        async with trio.open_nursery() as outer:
            bench = Bench(outer)
            bench.engine.answer = lambda batch: [Unavailable("fsync", fatal=True)] * len(batch)
            lost: list[DurabilityLost] = []

            async def run() -> None:
                try:
                    await bench.writer.run()
                except* DurabilityLost as group:
                    lost.extend(one for one in group.exceptions if isinstance(one, DurabilityLost))

            outer.start_soon(run)
            await wait_all_tasks_blocked()
            await bench.ask(0)
        assert len(lost) == 1
        assert isinstance(bench.outcomes[0], OutcomeUnknown)

    async def test_a_replaced_owner_is_told_so_whatever_it_asks(self, bench: Bench) -> None:
        bench.engine.answer = lambda batch: [StaleTerm(9)] * len(batch)
        room = Room(MemoryStore(), 1)
        await bench.ask(0)
        await bench.ask(1, room.request(room.created("ann", devices("ann", 1))))
        assert isinstance(bench.outcomes[0], StoreUnavailable)
        assert bench.outcomes[1] == StaleTerm(9)
