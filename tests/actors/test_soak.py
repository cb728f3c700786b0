"""Random faults for a long time. What is asserted is conservation, nothing else.

accepted = handled + dead-lettered + waiting; one incarnation per id; restarts within intensity in every
window; nothing alive after close. The short run is part of every test run, the long one of `nightly`.
"""

import math
import random

import pytest
import trio
import trio.testing

from actors import (
    ActorContext,
    ActorError,
    AskFailed,
    Backoff,
    ChildSpec,
    Envelope,
    Intensity,
    Mailbox,
    Registry,
    RegistryOptions,
    Reply,
    Restart,
    Shutdown,
    Strategy,
    Supervisor,
)
from actors.testing import CRASH, HANG, Fault, FaultKind, FaultPlan, Laws

FAULTS = [CRASH, CRASH, HANG, Fault(FaultKind.SLOW, 3.0), Fault(FaultKind.STUBBORN, 4.0)]
Message = tuple[int, bool]


class World:
    """root ─ keys (registry), pool (rest_for_one: 4 workers with mailboxes), deep ─ deeper ─ leaf."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.laws = Laws()
        self.faults = FaultPlan()
        self.replies: list[Reply[object]] = []
        self.count = 0
        self.bad_starts = 0
        self.registry: Registry[int, Message] = Registry(
            "keys",
            self.behave,
            RegistryOptions(
                idle_timeout=15,
                capacity=4,
                cap=8,
                quarantine=Intensity(3, 30),
                quarantine_time=20,
                storm=Intensity(25, 30),
                backoff=Backoff(0.2, jitter=1),
                shutdown=3,
                cancel_grace=6,
                passivate_timeout=10,
                activate_timeout=10,
            ),
            rng=self.dice.random,
        )
        self.boxes = [Mailbox[Message](f"box{n}", 4) for n in range(4)]
        pool = Supervisor(
            "pool",
            [
                ChildSpec(
                    f"w{n}",
                    self.worker(box),
                    restart=Restart.TRANSIENT if n == 3 else Restart.PERMANENT,
                    shutdown=Shutdown(1, 5),
                    start_timeout=5,
                    backoff=Backoff(0.5, maximum=5) if n == 1 else None,
                )
                for n, box in enumerate(self.boxes)
            ],
            strategy=Strategy.REST_FOR_ONE,
            intensity=Intensity(4, 20),
            rng=self.dice.random,
        )
        self.leaf = Mailbox[Message]("leafbox", 4)
        deeper = Supervisor(
            "deeper",
            [ChildSpec("leaf", self.worker(self.leaf)), ChildSpec("other", self.worker(self.leaf_twin()))],
            strategy=Strategy.ONE_FOR_ALL,
            intensity=Intensity(2, 20),
        )
        deep = Supervisor("deep", [ChildSpec("deeper", deeper.run)], intensity=Intensity(3, 60))
        endless = Intensity(1_000_000, math.inf)
        calm = Backoff(0.5, maximum=10)
        self.root = Supervisor(
            "root",
            [
                ChildSpec("keys", self.registry.run, backoff=calm),
                ChildSpec("pool", pool.run, backoff=calm),
                ChildSpec("deep", deep.run, backoff=calm),
            ],
            intensity=endless,
            instruments=[self.laws.recorder],
            rng=self.dice.random,
        )

    def leaf_twin(self) -> Mailbox[Message]:
        self.twin = Mailbox[Message]("twin", 4)
        return self.twin

    async def handle(self, address: str, envelope: Envelope[Message]) -> None:
        with trio.fail_after(30):  # an actor that hangs for ever is its author's to bound
            await self.faults.step()
        self.laws.handled(address, envelope.message)
        if envelope.message[1]:
            envelope.reply(envelope.message[0])

    async def behave(self, ctx: ActorContext[int, Message]) -> None:
        if self.dice.random() < 0.02:
            raise OSError("cannot load")
        while batch := await ctx.take(max_items=3):
            for envelope in batch:
                await self.handle(ctx.path, envelope)
        await trio.sleep(self.dice.choice([0, 0, 2]))

    def worker(self, box: Mailbox[Message]):  # type: ignore[no-untyped-def]  # a start function
        async def start(*, task_status: trio.TaskStatus[None]) -> None:
            if self.bad_starts:
                self.bad_starts -= 1
                raise OSError("cannot start")
            task_status.started()
            while True:
                for envelope in await box.take(max_items=2):
                    await self.handle(box.name, envelope)

        return start

    def send(self) -> None:
        self.count += 1
        ask = self.dice.random() < 0.3
        message = (self.count, ask)
        try:
            if self.dice.random() < 0.6:
                key = self.dice.randrange(20)
                if ask:
                    self.replies.append(self.registry.post_nowait(key, message))
                else:
                    self.registry.tell_nowait(key, message)
            else:
                box = self.dice.choice([*self.boxes, self.leaf, self.twin])
                if ask:
                    self.replies.append(box.post_nowait(message))
                else:
                    box.tell_nowait(message)
        except ActorError:
            pass  # refused: full, closed, quarantined

    async def step(self) -> None:
        match self.dice.randrange(40):
            case 0:
                self.faults.next_is(self.dice.choice(FAULTS))
            case 1:
                self.bad_starts = self.dice.choice([0, 1, 2])
            case 2:
                self.registry.passivate(self.dice.randrange(20))
            case 3:
                self.registry.release(self.dice.randrange(20))
            case 8:
                self.registry.interrupt(self.dice.randrange(20))
            case 4 | 5 | 6:
                await trio.sleep(self.dice.choice([0.1, 1, 5]))
            case 7:
                await trio.sleep(self.dice.choice([0.1, 20]))
            case _:
                self.send()


async def soak(steps: int, seed: int) -> World:
    world = World(seed)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.root.run)
        for number in range(steps):
            await world.step()
            if number % 50 == 0:
                await trio.testing.wait_all_tasks_blocked()
                world.laws.check(world.root, forget=True)
                for box in (*world.boxes, world.leaf, world.twin):
                    b = box.statistics()
                    assert b.accepted == b.taken + b.dropped + b.waiting
                    assert b.taken == b.handled + b.lost + b.in_hand
                world.replies = [reply for reply in world.replies if not reply.done]
        nursery.cancel_scope.cancel()
    world.laws.check(world.root, forget=True)
    assert world.laws.living == []
    s = world.registry.statistics()
    assert (s.active, s.waiting, s.in_hand) == (0, 0, 0)
    assert s.accepted == s.handled + s.lost + s.dropped
    for box in (*world.boxes, world.leaf, world.twin):
        box.discard()
        assert box.statistics().in_hand == 0
    # with the last box emptied, nobody who asked is left without an outcome
    for reply in world.replies:
        assert reply.done
        try:
            await reply.wait()
        except (AskFailed, ActorError):
            pass
    return world


def run(steps: int, seed: int) -> World:
    return trio.run(soak, steps, seed, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("seed", range(3))
def test_every_message_is_accounted_for_after_a_thousand_random_steps(seed: int) -> None:
    world = run(1_000, seed)

    assert world.root.statistics().restarts + world.registry.statistics().crashes > 3


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [11, 12])
def test_every_message_is_accounted_for_after_a_hundred_thousand_random_steps(seed: int) -> None:
    world = run(100_000, seed)

    assert world.registry.statistics().crashes > 100
    assert world.root.statistics().restarts >= 3, "the faults reached the tree too"
