"""The load of the floors: the same clients against a server that does nothing (`bare_server.py`)."""

import os
import time
from collections import deque
from collections.abc import Awaitable, Callable

import trio

from tests.benchmarks.jobs import EchoFloor, HoldFloor, Outcome, PostFloor, timed
from tests.benchmarks.listeners import open_get
from tests.benchmarks.people import HOST
from tests.benchmarks.wire import Http, WebSocket, open_websocket

Go = Callable[[], Awaitable[None]]
Stop = Callable[[], Awaitable[int]]


async def echo_floor(job: EchoFloor, go: Go) -> Outcome:
    """See the job."""
    text = os.urandom(job.size).hex()[: job.size].encode()
    waits: list[float] = []
    sockets = [await open_websocket(HOST, job.port, "/echo") for _ in range(job.clients)]

    async def one(socket: WebSocket, until: float) -> None:
        sent: deque[float] = deque()
        while sent or time.perf_counter() < until:
            if time.perf_counter() < until:
                fresh = job.in_flight - len(sent)
                sent.extend([time.perf_counter()] * fresh)
                await socket.send(*[text] * fresh)
            answers = await socket.receive()
            now = time.perf_counter()
            waits.extend(now - sent.popleft() for _ in answers)

    async def paced(socket: WebSocket, due: float, every: float, until: float) -> None:
        while due < until:
            await trio.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            await socket.send(text)
            await socket.receive()
            waits.append(time.perf_counter() - sent)
            due += every

    await go()
    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for place, socket in enumerate(sockets):
            if job.rate:
                first = began + place / job.rate
                nursery.start_soon(paced, socket, first, job.clients / job.rate, began + job.seconds)
            else:
                nursery.start_soon(one, socket, began + job.seconds)
    return timed(Outcome(done=len(waits), seconds=time.perf_counter() - began), waits)


async def post_floor(job: PostFloor, go: Go) -> Outcome:
    """See the job."""
    body = os.urandom(job.size).hex()[: job.size].encode()
    headers = {"Authorization": "Bearer " + "t" * 400}
    waits: list[float] = []
    connections = [Http(HOST, job.port) for _ in range(job.clients)]
    for connection in connections:
        await connection.post("/answer", body, headers)

    async def one(connection: Http, until: float) -> None:
        while time.perf_counter() < until:
            began = time.perf_counter()
            await connection.post("/answer", body, headers)
            waits.append(time.perf_counter() - began)

    await go()
    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for connection in connections:
            nursery.start_soon(one, connection, began + job.seconds)
    return timed(Outcome(done=len(waits), seconds=time.perf_counter() - began), waits)


async def hold_floor(job: HoldFloor, go: Go, stop: Stop) -> Outcome:
    """See the job; `stop` says how many frames are to come before the end."""
    if job.streams:
        streams = [await open_get(job.port, "/stream", {}) for _ in range(job.count)]
        await go()
        await stop()
        return Outcome(done=len(streams))
    sockets = [await open_websocket(HOST, job.port, "/join") for _ in range(job.count)]
    came = 0
    finished = trio.Event()
    expected: int | None = None

    async def take(socket: WebSocket) -> None:
        nonlocal came
        while frames := await socket.receive():
            came += len(frames)
            if came == expected:
                finished.set()

    async with trio.open_nursery() as nursery:
        for socket in sockets:
            nursery.start_soon(take, socket)
        await go()
        expected = await stop()
        if came < expected:
            with trio.move_on_after(10):
                await finished.wait()
        nursery.cancel_scope.cancel()
    return Outcome(done=came)
