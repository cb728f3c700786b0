"""The receiving side of the load: sessions that time what comes, and streams that only stay open."""

import time
from collections.abc import Awaitable, Callable

import trio

from tests.benchmarks.jobs import HoldStreams, Listen, Outcome, Person, Server, timed
from tests.benchmarks.messages import EVENT, age
from tests.benchmarks.people import HOST, STREAM, Credit, account_key, bearer, open_session
from tests.benchmarks.wire import WebSocket

_PATIENCE_SECONDS = 10.0
_CONNECTING_AT_ONCE = 16

Go = Callable[[], Awaitable[None]]
Stop = Callable[[], Awaitable[int]]


class Arrivals:
    """Ages of the timed messages of all sessions, and the wait for the last of them."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.more = trio.Event()

    async def wait_for(self, total: int) -> None:
        """Until `total` have come, or none has come for a while."""
        while len(self.ages) < total:
            self.more = trio.Event()
            with trio.move_on_after(_PATIENCE_SECONDS) as patience:
                await self.more.wait()
            if patience.cancelled_caught:
                return


async def _take(socket: WebSocket, arrivals: Arrivals) -> None:
    credit = Credit()
    while frames := await socket.receive():
        events = 0
        for frame in frames:
            if frame.startswith(EVENT):
                events += 1
                waited = age(frame)
                if waited is not None:
                    arrivals.ages.append(waited)
        arrivals.more.set()
        await credit.used(socket, events)


async def _connect_all(people: list[Person], connect: Callable[[Person], Awaitable[None]]) -> None:
    gate = trio.CapacityLimiter(_CONNECTING_AT_ONCE)

    async def one(person: Person) -> None:
        async with gate:
            await connect(person)

    async with trio.open_nursery() as nursery:
        for person in people:
            nursery.start_soon(one, person)


async def listen(job: Listen, go: Go, stop: Stop) -> Outcome:
    """See the job."""
    arrivals = Arrivals()
    sockets: list[WebSocket] = []

    async def connect(person: Person) -> None:
        sockets.append(await open_session(job.server, person))

    await _connect_all(job.people, connect)
    async with trio.open_nursery() as nursery:
        for socket in sockets[job.stalled :]:
            nursery.start_soon(_take, socket, arrivals)
        await go()
        began = time.perf_counter()
        await arrivals.wait_for(await stop())
        outcome = Outcome(done=len(arrivals.ages), seconds=time.perf_counter() - began)
        nursery.cancel_scope.cancel()
    return timed(outcome, arrivals.ages)


async def hold_streams(job: HoldStreams, go: Go, stop: Stop) -> Outcome:
    """See the job."""
    streams: list[trio.SocketStream] = []

    async def connect(person: Person) -> None:
        streams.append(await open_stream(job.server, person))

    await _connect_all(job.people, connect)
    await go()
    await stop()
    return Outcome(done=len(streams))


async def open_stream(server: Server, person: Person) -> trio.SocketStream:
    """An SSE stream whose head has come."""
    headers = bearer(account_key(person), server, STREAM)
    return await open_get(server.port, f"/xrpc/{STREAM}?deviceId={person.device}", headers)


async def open_get(port: int, target: str, headers: dict[str, str]) -> trio.SocketStream:
    """A GET whose answer has begun with 200 and goes on."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {HOST}:{port}", "Accept: text/event-stream"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    stream = await trio.open_tcp_stream(HOST, port)
    await stream.send_all(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = await stream.receive_some(65_536)
        if not more:
            break
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(answer.decode(errors="replace"))
    return stream
