"""The cases in which nothing happens: what a session, a stream and a parked conversation hold."""

from collections.abc import Callable

import attrs
import trio

from tests.benchmarks.jobs import HoldFloor, HoldStreams, Job, Listen, Person
from tests.benchmarks.people import HOST
from tests.benchmarks.probes import bare_server, load, memory_bytes
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Http
from tests.benchmarks.world import Running, World, create, in_parallel, running

_WARM_SHARE = 10


async def _settle(world: World) -> None:
    """Memory is looked at when the last task has gone to rest."""
    await trio.sleep(world.scale.settle)


def _now(router: Running) -> tuple[int, int]:
    """Bytes of the router with its writer, and of the router alone."""
    return router.process.memory_bytes(), memory_bytes((router.pid,))


def _row(name: str, before: tuple[int, int], after: tuple[int, int], count: int, floor: float) -> Row:
    """What `count` of them added; the writer's part is pages of the database it keeps."""
    whole, alone = ((later - earlier) / 1024 / count for later, earlier in zip(after, before, strict=True))
    return Row("memory", name, whole, floor, {"without the writer": alone})


async def sessions(world: World) -> Row:
    """Sessions that have been welcomed and hear nothing."""
    floor = await _bare(world, world.scale.idle, streams=False)
    return await _held(world, "session", lambda router, people: Listen(router.server, people), floor)


async def streams(world: World) -> Row:
    """SSE streams that hear nothing."""
    floor = await _bare(world, world.scale.idle, streams=True)
    return await _held(world, "SSE stream", lambda router, people: HoldStreams(router.server, people), floor)


async def _held(world: World, what: str, job: Callable[[Running, list[Person]], Job], floor: float) -> Row:
    people = world.people[: world.scale.idle]
    warm = max(1, len(people) // _WARM_SHARE)
    async with running(world) as router, load(job(router, people[:warm])):
        await _settle(world)
        before = _now(router)
        async with load(job(router, people[warm:])):
            await _settle(world)
            after = _now(router)
    return _row(f"{what} ({len(people)} open)", before, after, len(people) - warm, floor)


async def _bare(world: World, count: int, *, streams: bool) -> float:
    """The same on the same server under an application that does nothing."""
    warm = max(1, count // _WARM_SHARE)
    async with bare_server() as server, load(HoldFloor(server.port, warm, streams)):
        await _settle(world)
        before = server.memory()
        async with load(HoldFloor(server.port, count - warm, streams)):
            await _settle(world)
            return (server.memory() - before) / 1024 / (count - warm)


async def parked(world: World) -> Row:
    """Conversations of ten that have done something and wait for more."""
    count = world.scale.parked
    warm = max(1, count // _WARM_SHARE)
    async with running(world) as router:

        async def converse(number: int, http: Http) -> None:
            people = [world.people[(number + each) % len(world.people)] for each in range(10)]
            await create(http, router.server, people[0], people[1:], f"parked-{number}")

        await in_parallel(router.server, warm, converse)
        await _settle(world)
        before = _now(router)
        active = (await router.numbers()).active_conversations
        await in_parallel(router.server, count, lambda number, http: converse(warm + number, http))
        await _settle(world)
        grown = (await router.numbers()).active_conversations - active
        after = _now(router)
    name = f"parked conversation of ten ({count})"
    row = _row(name, before, after, count, await _bare_tasks(world, count))
    return row if grown == count else attrs.evolve(row, note=f"{grown} of {count} were active")


async def _bare_tasks(world: World, count: int) -> float:
    """A Trio task that waits on a channel of its own."""
    async with bare_server() as server, Http(HOST, server.port) as http:
        await http.get(f"/park?tasks={max(1, count // _WARM_SHARE)}", {})
        await _settle(world)
        before = server.memory()
        await http.get(f"/park?tasks={count}", {})
        await _settle(world)
        return (server.memory() - before) / 1024 / count
