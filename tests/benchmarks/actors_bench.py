"""What `actors` costs beside bare Trio: `python -m tests.benchmarks.actors_bench [--json FILE] [--quick]`.

Every line has its floor, measured in the same run, interleaved with it (this box is noisy; the best of
several rounds is kept). Times are CPU seconds of this process.
"""

import argparse
import gc
import json
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import trio
import trio.testing

from actors import ActorContext, ChildSpec, Intensity, Mailbox, Registry, RegistryOptions, Supervisor

ROUNDS = 5


@attrs.frozen
class Line:
    """One measurement: ours, the floor, in `unit`, and the ratio aimed at (None: no aim)."""

    name: str
    ours: float
    floor: float
    unit: str
    floor_is: str
    aim: float | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.floor


Measured = Callable[[int], Awaitable[float]]


async def best(count: int, ours: Measured, floor: Measured) -> tuple[float, float]:
    """CPU microseconds per operation of both, the best of `ROUNDS` alternating rounds."""
    results: list[tuple[float, float]] = []
    gc.collect()
    gc.disable()  # its pauses fall on whoever happens to allocate
    try:
        for _ in range(ROUNDS):
            results.append((await ours(count) / count * 1e6, await floor(count) / count * 1e6))
            gc.collect()
    finally:
        gc.enable()
    return min(o for o, _ in results), min(f for _, f in results)


# -- tell: one sender, one receiver --------------------------------------------------------------------


async def tell_mailbox(count: int) -> float:
    mailbox = Mailbox[int]("box")

    async def actor() -> None:
        left = count
        while left:
            left -= len(await mailbox.take())

    began = time.process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor)
        for n in range(count):
            await mailbox.tell(n)
    return time.process_time() - began


async def tell_channel(count: int) -> float:
    send, receive = trio.open_memory_channel[int](64)

    async def consumer() -> None:
        for _ in range(count):
            await receive.receive()

    began = time.process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consumer)
        for n in range(count):
            await send.send(n)
    return time.process_time() - began


async def tell_registry(count: int) -> float:
    left = count
    done = trio.Event()

    async def behaviour(ctx: ActorContext[int, int]) -> None:
        nonlocal left
        while batch := await ctx.take():
            left -= len(batch)
            if not left:
                done.set()

    registry = Registry("keys", behaviour)
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        began = time.process_time()
        for n in range(count):
            await registry.tell(0, n)
        await done.wait()
        spent = time.process_time() - began
        nursery.cancel_scope.cancel()
    return spent


async def post_burst(count: int) -> float:
    """Pipelined: 64 posted without a checkpoint, then their answers awaited."""
    mailbox = Mailbox[int]("box")

    async def actor() -> None:
        while True:
            for envelope in await mailbox.take():
                envelope.reply(envelope.message)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor)
        began = time.process_time()
        for _ in range(count // 64):
            for reply in [mailbox.post_nowait(n) for n in range(64)]:
                await reply.wait()
        spent = time.process_time() - began
        nursery.cancel_scope.cancel()
    return spent


# -- ask: a round trip -----------------------------------------------------------------------------------


async def ask_mailbox(count: int) -> float:
    mailbox = Mailbox[int]("box")

    async def actor() -> None:
        while True:
            for envelope in await mailbox.take():
                envelope.reply(envelope.message)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor)
        began = time.process_time()
        for n in range(count):
            await mailbox.ask(n)
        spent = time.process_time() - began
        nursery.cancel_scope.cancel()
    return spent


async def ask_registry(count: int) -> float:
    async def behaviour(ctx: ActorContext[int, int]) -> None:
        while batch := await ctx.take():
            for envelope in batch:
                envelope.reply(envelope.message)

    registry = Registry("keys", behaviour)
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        began = time.process_time()
        for n in range(count):
            await registry.ask(0, n)
        spent = time.process_time() - began
        nursery.cancel_scope.cancel()
    return spent


async def two_hops(count: int) -> float:
    there, worker_end = trio.open_memory_channel[int](1)
    back, asker_end = trio.open_memory_channel[int](1)

    async def worker() -> None:
        async for n in worker_end:
            await back.send(n)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker)
        began = time.process_time()
        for n in range(count):
            await there.send(n)
            await asker_end.receive()
        spent = time.process_time() - began
        nursery.cancel_scope.cancel()
    return spent


# -- spawn and restart ----------------------------------------------------------------------------------


async def ready_then_park(*, task_status: trio.TaskStatus[None]) -> None:
    task_status.started()
    await trio.sleep_forever()


async def spawn_child(count: int) -> float:
    supervisor = Supervisor("root")
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        began = time.process_time()
        for n in range(count):
            await supervisor.start_child(ChildSpec(f"c{n}", ready_then_park))
        spent = time.process_time() - began
        nursery.cancel_scope.cancel()
    return spent


async def spawn_task(count: int) -> float:
    async with trio.open_nursery() as nursery:
        began = time.process_time()
        for _ in range(count):
            await nursery.start(ready_then_park)
        spent = time.process_time() - began
        nursery.cancel_scope.cancel()
    return spent


async def restart_child(count: int) -> float:
    starts = 0
    done = trio.Event()

    async def crash(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal starts
        starts += 1
        if starts > count:
            done.set()
            await trio.sleep_forever()
        task_status.started()
        raise ValueError

    supervisor = Supervisor("root", [ChildSpec("c", crash)], intensity=Intensity(10, 1e-9))
    async with trio.open_nursery() as nursery:
        began = time.process_time()
        nursery.start_soon(supervisor.run)
        await done.wait()
        spent = time.process_time() - began
        nursery.cancel_scope.cancel()
    return spent


async def catch_and_start_again(count: int) -> float:
    async def crash(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        raise ValueError

    async def guarded(*, task_status: trio.TaskStatus[None]) -> None:
        try:
            await crash(task_status=task_status)
        except ValueError:
            pass

    began = time.process_time()
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            await nursery.start(guarded)
    return time.process_time() - began


# -- addressed actors -------------------------------------------------------------------------------------


async def activate(count: int) -> float:
    """First message to `count` keys, each handled, then every one passivated."""

    async def behaviour(ctx: ActorContext[int, int]) -> None:
        while await ctx.take():
            pass

    registry = Registry("keys", behaviour, RegistryOptions(cap=float("inf")))
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        began = time.process_time()
        for n in range(count):
            await registry.tell(n, n)
        while registry.statistics().parked < count:
            await trio.lowlevel.checkpoint()
        registry.shed(count)
        while registry.statistics().active:
            await trio.lowlevel.checkpoint()
        spent = time.process_time() - began
        nursery.cancel_scope.cancel()
    return spent


async def task_and_channel(count: int) -> float:
    """A task with a channel for each of `count`, one message each, then all closed."""

    async def consumer(receive: "trio.MemoryReceiveChannel[int]") -> None:
        async for _ in receive:
            pass

    began = time.process_time()
    async with trio.open_nursery() as nursery:
        sends = []
        for n in range(count):
            send, receive = trio.open_memory_channel[int](64)
            nursery.start_soon(consumer, receive)
            await send.send(n)
            sends.append(send)
        await trio.lowlevel.checkpoint()
        for send in sends:
            send.close()
    return time.process_time() - began


def _allocated() -> int:
    """Bytes Python holds. The resident size would depend on what earlier measurements had freed."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def memory_actor(count: int) -> float:
    async def behaviour(ctx: ActorContext[int, int]) -> None:
        while await ctx.take():
            pass

    registry = Registry("keys", behaviour, RegistryOptions(cap=float("inf")))
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        before = _allocated()
        for n in range(count):
            await registry.tell(n, n)
        await trio.testing.wait_all_tasks_blocked()
        used = _allocated() - before
        nursery.cancel_scope.cancel()
    return used / count


async def memory_task(count: int) -> float:
    async def consumer(receive: "trio.MemoryReceiveChannel[int]") -> None:
        async for _ in receive:
            pass

    async with trio.open_nursery() as nursery:
        before = _allocated()
        channels = {}
        for n in range(count):
            send, receive = trio.open_memory_channel[int](64)
            channels[n] = send
            nursery.start_soon(consumer, receive)
            await send.send(n)
        await trio.testing.wait_all_tasks_blocked()
        used = _allocated() - before
        nursery.cancel_scope.cancel()
    return used / count


async def many(count: int) -> tuple[float, float, float]:
    """Seconds to activate `count` keys, microseconds per tell to a random one, seconds to stop them all."""

    async def behaviour(ctx: ActorContext[int, int]) -> None:
        while await ctx.take():
            pass

    registry = Registry("keys", behaviour, RegistryOptions(cap=float("inf"), shutdown=60))
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        began = time.process_time()
        for n in range(count):
            await registry.tell(n, n)
        activated = time.process_time() - began
        tells = 20_000
        began = time.process_time()
        for n in range(tells):
            await registry.tell(n * 7919 % count, n)
        told = (time.process_time() - began) / tells * 1e6
        began = time.process_time()
        nursery.cancel_scope.cancel()
    return activated, told, time.process_time() - began


async def main(quick: bool) -> list[Line]:
    scale = 10 if quick else 1
    hop = "bare channel send"
    lines = []

    async def add(
        name: str, count: int, ours: Measured, floor: Measured, floor_is: str, aim: float | None
    ) -> None:
        mine, bare = await best(count // scale, ours, floor)
        lines.append(Line(name, mine, bare, "µs", floor_is, aim))

    await add("tell, one mailbox", 20_000, tell_mailbox, tell_channel, hop, 1.5)
    await add("tell, through a registry", 20_000, tell_registry, tell_channel, hop, 1.5)
    await add("ask, one mailbox", 10_000, ask_mailbox, two_hops, "two channel hops", 2.0)
    await add("ask, through a registry", 10_000, ask_registry, two_hops, "two channel hops", 2.0)
    await add("post, 64 in flight", 19_200, post_burst, two_hops, "two channel hops", None)
    await add("spawn a child", 1_000, spawn_child, spawn_task, "nursery.start", None)
    await add(
        "restart a crashed child", 2_000, restart_child, catch_and_start_again, "except, nursery.start", None
    )
    await add("activate + passivate a key", 5_000, activate, task_and_channel, "task + channel", None)
    tracemalloc.start()
    count = 10_000 // scale
    floor = await memory_task(count)
    lines.append(Line("parked actor", await memory_actor(count), floor, "bytes", "task + channel", 1.5))
    tracemalloc.stop()
    return lines


def show(lines: list[Line]) -> None:
    print(f"{'':28} {'ours':>10} {'floor':>10}  {'ratio':>5}  {'aim':>4}")
    for line in lines:
        aim = "" if line.aim is None else f"{line.aim:.1f}{'' if line.ratio <= line.aim else ' !'}"
        print(
            f"{line.name:28} {line.ours:>7.1f} {line.unit:5} {line.floor:>7.1f}  {line.ratio:>5.2f}  {aim:>5}"
            f"  ({line.floor_is})"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    arguments = parser.parse_args()
    results = trio.run(main, arguments.quick)
    show(results)
    crowds = {}
    for size in (1_000,) if arguments.quick else (10_000, 100_000):
        activated, told, stopped = trio.run(many, size)
        crowds[size] = {"activate_us": activated / size * 1e6, "tell_us": told, "stop_s": stopped}
        print(
            f"{size:>7} actors: {activated / size * 1e6:.0f} µs to activate each (aim 200), "
            f"{told:.1f} µs a tell, {stopped:.2f} s to stop all"
        )
    if arguments.json:
        rows = [attrs.asdict(line) | {"ratio": line.ratio} for line in results]
        arguments.json.write_text(json.dumps({"lines": rows, "crowds": crowds}, indent=2))
