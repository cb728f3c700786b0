"""A load process: `python -m tests.benchmarks.load`, told what to do on its standard input (`jobs.py`)."""

import gc
import os
import resource
import time
from collections.abc import Awaitable, Callable

import msgspec
import trio

from tests.benchmarks.bare_load import echo_floor, hold_floor, post_floor
from tests.benchmarks.jobs import (
    EchoFloor,
    HoldFloor,
    HoldStreams,
    Job,
    Listen,
    Outcome,
    PostFloor,
    SendOverHttp,
    SendOverSession,
)
from tests.benchmarks.lines import Lines
from tests.benchmarks.listeners import hold_streams, listen
from tests.benchmarks.senders import send_over_http, send_over_session


class Told:
    """The harness, seen from a load process."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._cpu = 0.0

    async def go(self) -> None:
        """Say that everything is connected and wait for the word."""
        gc.collect()
        gc.freeze()
        await self._lines.write(b"ready")
        await self._lines.read()
        self._cpu = time.process_time()

    async def stop(self) -> int:
        """Wait for the end; how many messages there are to come."""
        return int((await self._lines.read()).split()[1])

    async def answer(self, outcome: Outcome) -> None:
        """The result."""
        outcome.cpu = time.process_time() - self._cpu
        await self._lines.write(msgspec.json.encode(outcome))


def allow_many_files() -> None:
    """Lift the soft limit on open files to the hard one: a thousand connections and more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def main() -> None:
    """Do one job."""
    allow_many_files()
    lines = Lines(trio.lowlevel.FdStream(os.dup(0)), trio.lowlevel.FdStream(os.dup(1)))
    job: Job = msgspec.json.decode(await lines.read(), type=Job)
    told = Told(lines)
    go: Callable[[], Awaitable[None]] = told.go
    match job:
        case SendOverSession():
            outcome = await send_over_session(job, go)
        case SendOverHttp():
            outcome = await send_over_http(job, go)
        case Listen():
            outcome = await listen(job, go, told.stop)
        case HoldStreams():
            outcome = await hold_streams(job, go, told.stop)
        case EchoFloor():
            outcome = await echo_floor(job, go)
        case PostFloor():
            outcome = await post_floor(job, go)
        case HoldFloor():
            outcome = await hold_floor(job, go, told.stop)
    await told.answer(outcome)


if __name__ == "__main__":
    trio.run(main)
