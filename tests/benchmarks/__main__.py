"""`make bench`: speed and memory of a real router beside their floors. See README.md for how to read it."""

import argparse
import contextlib
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio
from rich.console import Console

from tests.benchmarks import hotspots, memory, messaging, mls, verification
from tests.benchmarks.floors import PIPELINED, Floors, measure_floors
from tests.benchmarks.load import allow_many_files
from tests.benchmarks.probes import machine
from tests.benchmarks.scale import FULL, QUICK, Scale
from tests.benchmarks.table import Row, cheapest, show, write_json
from tests.benchmarks.world import Running, World, made_world

MESSAGES: dict[str, Callable[[World, Floors], Awaitable[Row]]] = {
    "http-offline": partial(messaging.over_http, connected=False),
    "http": partial(messaging.over_http, connected=True),
    "session-offline": partial(messaging.over_session, connected=False, pipelined=False),
    "session-offline-pipelined": partial(messaging.over_session, connected=False, pipelined=True),
    "session": partial(messaging.over_session, connected=True, pipelined=False),
    "session-pipelined": partial(messaging.over_session, connected=True, pipelined=True),
    "session-paced": messaging.paced,
    "room": partial(messaging.room, pipelined=False),
    "room-pipelined": partial(messaging.room, pipelined=True),
    "room-stalled": partial(messaging.room, pipelined=False, stalled=1),
}
IDLE: dict[str, Callable[[World], Awaitable[Row]]] = {
    "idle-sessions": memory.sessions,
    "idle-streams": memory.streams,
    "parked": memory.parked,
}
VERIFICATION: dict[str, Callable[[Scale], Awaitable[list[Row]]]] = {
    "tokens": verification.measure_tokens,
    "edge": verification.measure_edge,
    "mls": mls.measure_mls,
}
CASES = [*MESSAGES, *IDLE, *VERIFICATION]


async def measure(scale: Scale, names: list[str], say: Callable[[str], None]) -> list[Row]:
    """Rows of these cases and of the floors they stand beside."""
    floors = Floors(scale)
    messages = [name for name in names if name in MESSAGES]
    alone: list[Row] = []
    for name in names:
        if name in VERIFICATION:
            say(name)
            alone += await VERIFICATION[name](scale)
    rows: dict[str, list[Row]] = {name: [] for name in names if name not in VERIFICATION}
    if not rows:
        return alone
    say(f"a router with {scale.people} accounts")
    async with made_world(scale) as world:
        for turn in range(scale.repeats if messages else 0):
            say(f"floors ({turn + 1} of {scale.repeats})")
            await measure_floors(floors)
            for name in messages:
                say(f"{name} ({turn + 1} of {scale.repeats})")
                rows[name].append(await MESSAGES[name](world, floors))
        for name in names:
            if name in IDLE:
                say(name)
                rows[name].append(await IDLE[name](world))
    found = alone + [cheapest(measured) for measured in rows.values()]
    for part, cost in floors.parts.items():
        figures = {"a second": cost.rate, "p50 ms": cost.p50, "p99 ms": cost.p99}
        found.append(Row("floors", part, cost.cpu, None, figures))
    return found


async def profile(scale: Scale, name: str, console: Console) -> None:
    """Sample the router under the traffic of a session case and print where its time goes."""
    hotspots.profiler()
    with tempfile.TemporaryDirectory() as folder:
        stacks = Path(folder) / "stacks"

        async def watch(router: Running, seconds: float) -> None:
            await trio.to_thread.run_sync(hotspots.record, router.pid, seconds, stacks)

        async with made_world(scale) as world:
            traffic = messaging.group_traffic(
                world,
                connected="offline" not in name,
                http=name.startswith("http"),
                in_flight=PIPELINED if "pipelined" in name else 1,
            )
            seen = await messaging.drive(world, traffic, watch)
        console.print(f"{name}: {seen.sent.done / seen.sent.seconds:.0f} sends/s under the profiler")
        hotspots.show(hotspots.read(stacks), console)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a rough look in about two minutes")
    parser.add_argument("--only", metavar="NAME", action="append", choices=CASES, help=", ".join(CASES))
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows there as well")
    parser.add_argument(
        "--profile",
        metavar="NAME",
        choices=[name for name in MESSAGES if not name.startswith("room") and "paced" not in name],
        help="instead of measuring, print where the router's time goes in this case (needs py-spy)",
    )
    chosen = parser.parse_args()
    scale = QUICK if chosen.quick else FULL
    allow_many_files()
    console = Console(width=None if Console().is_terminal else 190)
    if chosen.profile:
        with contextlib.suppress(KeyboardInterrupt):
            trio.run(profile, scale, chosen.profile, console)
        return
    facts = machine()
    status = Console(stderr=True)
    rows = trio.run(measure, scale, chosen.only or CASES, lambda text: status.print(f"[dim]… {text}[/dim]"))
    show(rows, facts, console)
    if chosen.json:
        write_json(rows, facts, chosen.json)


if __name__ == "__main__":
    main()
