"""Load processes and bare servers as the harness holds them, and what a process has used."""

import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE

import msgspec
import trio

from tests.benchmarks.jobs import Job, Outcome
from tests.benchmarks.lines import Lines

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 120.0


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(pids: Iterable[int]) -> int:
    """Proportional set size of these processes."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def machine() -> dict[str, str]:
    """What this ran on, for whoever compares figures."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    system = os.uname()
    return {
        "processor": f"{os.cpu_count()} × {model}",
        "kernel": f"{system.sysname} {system.release}",
        "python": sys.version.split()[0],
        "trio": trio.__version__,
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


class LoadProcess:
    """A load process that has connected and waits for the word."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def go(self) -> None:
        """Let it send."""
        await self._lines.write(b"go")

    async def stop(self, expected: int = 0) -> None:
        """Let it end when it has seen so many messages."""
        await self._lines.write(b"stop %d" % expected)

    async def outcome(self) -> Outcome:
        """What it saw, once it is done."""
        return msgspec.json.decode(await self._lines.read(), type=Outcome)


@asynccontextmanager
async def load(job: Job) -> AsyncIterator[LoadProcess]:
    """A load process, ready; gone with the block."""
    async with _python("tests.benchmarks.load") as (_, lines):
        await lines.write(msgspec.json.encode(job))
        try:
            with trio.fail_after(_START_SECONDS):
                await lines.read()
        except EOFError:
            raise RuntimeError(f"the load process failed at {type(job).__name__}; see above") from None
        yield LoadProcess(lines)


class BareServer:
    """A `bare_server` process."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    def cpu(self) -> float:
        """Seconds so far."""
        return cpu_seconds((self.pid,))

    def memory(self) -> int:
        """Bytes now."""
        return memory_bytes((self.pid,))


@asynccontextmanager
async def bare_server() -> AsyncIterator[BareServer]:
    """The floors' server, listening; gone with the block."""
    async with _python("tests.benchmarks.bare_server") as (process, lines):
        yield BareServer(process.pid, int(await lines.read()))


@asynccontextmanager
async def _python(module: str) -> AsyncIterator[tuple[trio.Process, Lines]]:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", module], stdin=PIPE, stdout=PIPE, cwd=_ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, Lines(process.stdout, process.stdin)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdin.aclose()
            await process.stdout.aclose()
