"""The cases in which messages travel: over HTTP and over sessions, to nobody, to nine, to two hundred."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import attrs

from tests.benchmarks.floors import PACED_RATE, PIPELINED, Cost, Floors
from tests.benchmarks.jobs import Listen, Outcome, Person, Sender, SendOverHttp, SendOverSession
from tests.benchmarks.probes import LoadProcess, load
from tests.benchmarks.table import AIM, Row
from tests.benchmarks.world import Running, World, running

Watch = Callable[[Running, float], Awaitable[None]]
"""Called when the senders have been told to go, with the seconds they will send."""


@attrs.frozen
class Seen:
    """What one case measured."""

    sent: Outcome
    arrived: Outcome | None
    router_cpu: float
    writer_cpu: float
    per_commit: float
    fell_behind: int

    @property
    def cpu(self) -> float:
        """Seconds of server CPU for each acknowledged message."""
        return (self.router_cpu + self.writer_cpu) / max(self.sent.done, 1)


@attrs.frozen
class Traffic:
    """Who sends, how, and who listens."""

    senders: list[Sender]
    listeners: list[Person]
    http: bool = False
    in_flight: int = 1
    rate: float = 0
    stalled: int = 0
    """So many of the listeners stop reading after their welcome."""
    fan_out: int = 0
    """Listeners that one message reaches and that read it."""

    @property
    def deliveries(self) -> int:
        """Connected devices that get one message: the sender's own session does, too."""
        return self.fan_out + self.stalled + (0 if self.http else 1)


async def drive(world: World, traffic: Traffic, watch: Watch | None = None) -> Seen:
    """Run the traffic against a fresh router on a copy of the world."""
    async with AsyncExitStack() as stack:
        router = await stack.enter_async_context(running(world))
        listening: LoadProcess | None = None
        if traffic.listeners:
            listening = await stack.enter_async_context(
                load(Listen(router.server, traffic.listeners, traffic.stalled))
            )
            await listening.go()
        sending = await stack.enter_async_context(_sending(router, traffic))
        before, numbers = router.cpu(), await router.numbers()
        await sending.go()
        if watch is not None:
            await watch(router, world.scale.seconds)
        sent = await sending.outcome()
        arrived: Outcome | None = None
        if listening is not None:
            await listening.stop(sent.done * traffic.fan_out)
            arrived = await listening.outcome()
        after, later = router.cpu(), await router.numbers()
    return Seen(
        sent=sent,
        arrived=arrived,
        router_cpu=after[0] - before[0],
        writer_cpu=after[1] - before[1],
        per_commit=(later.store.entries - numbers.store.entries)
        / max(later.store.commits - numbers.store.commits, 1),
        fell_behind=later.fell_behind - numbers.fell_behind,
    )


@asynccontextmanager
async def _sending(router: Running, traffic: Traffic) -> AsyncIterator[LoadProcess]:
    seconds = router.world.scale.seconds
    job: SendOverHttp | SendOverSession
    if traffic.http:
        job = SendOverHttp(router.server, traffic.senders, seconds)
    else:
        job = SendOverSession(router.server, traffic.senders, traffic.in_flight, seconds, traffic.rate)
    async with load(job) as process:
        yield process


# -- rows --------------------------------------------------------------------------------------------------


def _complaints(traffic: Traffic, seen: Seen) -> str:
    words = []
    if seen.sent.errors:
        words.append(f"refused: {seen.sent.errors}")
    if seen.arrived is not None and seen.arrived.done != seen.sent.done * traffic.fan_out:
        words.append(f"{seen.arrived.done} of {seen.sent.done * traffic.fan_out} deliveries seen")
    return "; ".join(words)


def _row(
    table: str, name: str, traffic: Traffic, seen: Seen, parts: dict[str, Cost], *, aim: float | None
) -> Row:
    """A row of messages in CPU seconds per 1,000, or of deliveries in CPU microseconds."""
    scale = 1e3 if table == "messages" else 1e6 / max(traffic.deliveries, 1)
    floor = sum(part.cpu for part in parts.values()) / 1e6
    rate = seen.sent.done / seen.sent.seconds if seen.sent.seconds else 0.0
    floor_rate = 1 / sum(1 / part.rate for part in parts.values())
    arrived = seen.arrived or Outcome()
    figures = {
        "sends/s": rate,
        "floor/s": None if traffic.rate else floor_rate,
        "ack p50 ms": seen.sent.p50,
        "p99": seen.sent.p99,
        "arrival p50 ms": arrived.p50,
        "p99 ": arrived.p99,
        "a commit": seen.per_commit,
    }
    if table == "messages":
        figures["writer's CPU"] = seen.writer_cpu / max(seen.sent.done, 1) * scale
    else:
        figures["deliveries/s"] = rate * traffic.deliveries
        figures["slowest"] = arrived.slowest
    return Row(
        table=table,
        name=name,
        ours=seen.cpu * scale,
        floor=floor * scale,
        figures=figures,
        parts={part: cost.cpu / 1e6 * scale for part, cost in parts.items()},
        aim=aim,
        note=_complaints(traffic, seen),
    )


def group_traffic(world: World, *, connected: bool, http: bool = False, in_flight: int = 1) -> Traffic:
    """The groups of ten: their senders, and the others connected or away."""
    return Traffic(
        senders=world.senders,
        listeners=world.listeners if connected else [],
        http=http,
        in_flight=in_flight,
        fan_out=world.scale.listeners if connected else 0,
    )


async def over_http(world: World, floors: Floors, *, connected: bool) -> Row:
    """32 senders, one request after another each."""
    traffic = group_traffic(world, connected=connected, http=True)
    seen = await drive(world, traffic)
    parts = floors.http_send(seen.per_commit, traffic.deliveries)
    name = f"HTTP, {_audience(world, connected=connected)}"
    return _row("messages", name, traffic, seen, parts, aim=AIM)


async def over_session(world: World, floors: Floors, *, connected: bool, pipelined: bool) -> Row:
    """32 senders, one send in flight each, or many."""
    traffic = group_traffic(world, connected=connected, in_flight=PIPELINED if pipelined else 1)
    seen = await drive(world, traffic)
    parts = floors.session_send(seen.per_commit, traffic.deliveries, pipelined=pipelined)
    name = f"session, {_audience(world, connected=connected)}" + (
        f", {PIPELINED} in flight" if pipelined else ""
    )
    return _row("messages", name, traffic, seen, parts, aim=None if pipelined else AIM)


async def paced(world: World, floors: Floors) -> Row:
    """Fifty messages a second, so that nothing waits for anything: the latency of the way itself."""
    traffic = attrs.evolve(group_traffic(world, connected=True), rate=PACED_RATE)
    seen = await drive(world, traffic)
    alone = floors.parts["echo, 50/s"]
    parts = floors.session_send(seen.per_commit, traffic.deliveries, pipelined=False)
    parts = {"echo at 50/s": alone} | {name: cost for name, cost in parts.items() if name != "echo"}
    row = _row("messages", "session, 9 connected, 50/s", traffic, seen, parts, aim=None)
    waits = sum(cost.p50 or 0 for cost in parts.values())
    return attrs.evolve(row, figures={**row.figures, "floor of ack p50": waits})


async def room(world: World, floors: Floors, *, pipelined: bool, stalled: int = 0) -> Row:
    """One conversation of 200 connected devices, four of which send."""
    scale = world.scale
    senders = [Sender(person, [world.room]) for person in world.room_people[: scale.room_senders]]
    others = world.room_people[scale.room_senders :]
    traffic = Traffic(
        senders=senders,
        listeners=others,
        in_flight=PIPELINED if pipelined else 1,
        stalled=stalled,
        # every sender's session gets it, too; those are counted with the sender, not with the listeners
        fan_out=len(others) - stalled,
    )
    seen = await drive(world, traffic)
    everybody = len(world.room_people)
    parts = floors.session_send(seen.per_commit, everybody, pipelined=pipelined)
    name = f"{everybody} devices" + (f", {PIPELINED} in flight" if pipelined else "")
    if stalled:
        name += f", {stalled} of them never reading"
    return _row("deliveries", name, traffic, seen, parts, aim=None)


def _audience(world: World, *, connected: bool) -> str:
    return f"{world.scale.listeners} connected" if connected else "members offline"
