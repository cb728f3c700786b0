"""A router as a process of its own: started, killed, and started again on the same data."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import attrs
import httpx
import trio

import router as package
from router.admin import ControlClient
from router.control import Numbers, Status
from tests import generous

START_SECONDS = 30.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.02
_LAST_WORDS = 4_000
_HERE = str(Path(package.__file__).parents[1])


def free_port() -> int:
    """A port of the loopback that was free a moment ago, so that a restart can have the same one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@attrs.frozen
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class RouterProcess:
    """`python -m router serve` on a data folder. Not started until `start`."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, *, data: Path | None = None
    ) -> None:
        """`settings` are environment variables; `data` is `folder/data` unless it is given."""
        self.folder = folder
        self.data = data or folder / "data"
        self.port = free_port()
        self.admin_port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self.log = folder / "router.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ROOKERY_")},
            # so that this tree runs, from whatever folder and whether it is installed or not
            "PYTHONPATH": os.pathsep.join([_HERE, *filter(None, [os.environ.get("PYTHONPATH")])]),
            "ROOKERY_STORE__PATH": str(self.data),
            "ROOKERY_SERVER__PORT": str(self.port),
            "ROOKERY_ADMIN__PORT": str(self.admin_port),
            **generous.ENVIRONMENT,
            **(settings or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        """Start and return at once."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "router", "serve"],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    async def start(self) -> None:
        """Start and wait until it says that it is ready; raises with its last words when it does not."""
        self.spawn()
        with trio.move_on_after(START_SECONDS):
            async with httpx.AsyncClient(trust_env=False) as client:
                while self.alive:
                    try:
                        if (await client.get(f"{self.url}/health/ready")).status_code == 200:
                            return
                    except httpx.TransportError:
                        pass
                    await trio.sleep(POLL_SECONDS)
        raise RuntimeError(f"the router did not start:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of its log, for whoever wants to know what went wrong."""
        return self.log.read_text(errors="replace")[-_LAST_WORDS:] if self.log.exists() else ""

    @property
    def alive(self) -> bool:
        """Whether the router's own process runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self, *, everything: bool = False) -> None:
        """SIGKILL the router itself (a writer process of its must notice by itself), or all it started."""
        assert self.process is not None
        if everything:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the router and return at once."""
        assert self.process is not None
        self.process.send_signal(number)

    async def wait(self, seconds: float = STOP_SECONDS) -> int:
        """The exit code; raises `trio.TooSlowError` when it has not ended in time."""
        assert self.process is not None
        with trio.fail_after(seconds):
            while self.process.poll() is None:  # noqa: ASYNC110 -- another process sets no event
                await trio.sleep(POLL_SECONDS)
        assert self.process.returncode is not None
        return self.process.returncode

    async def terminate(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM and wait for the end; the exit code."""
        self.signal(signal.SIGTERM)
        return await self.wait(seconds)

    def run(self, *arguments: str) -> Ended:
        """Run a `rookery` command with this router's settings, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "router", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            timeout=60,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def rookery(self, *arguments: str) -> str:
        """The output of a `rookery` command that must succeed."""
        ended = self.run(*arguments)
        if ended.code:
            raise RuntimeError(f"rookery {' '.join(arguments)}: {ended.code}\n{ended.out}{ended.err}")
        return ended.out

    @property
    def control(self) -> ControlClient:
        """The control socket, as the command line uses it."""
        return ControlClient(self.data)

    async def status(self) -> Status:
        """What `rookery` commands learn first."""
        return await self.control.ask("status", answer=Status)

    async def numbers(self) -> Numbers:
        """The counters of the moment."""
        return await self.control.ask("statistics", answer=Numbers)

    async def admin(self, path: str) -> tuple[int, str]:
        """Status and text of a page of the admin listener."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(self.admin_url + path)
        return answer.status_code, answer.text

    def processes(self) -> list[int]:
        """The router's process ids: itself and its children."""
        assert self.process is not None
        pids = [self.process.pid]
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == self.process.pid:
                pids.append(int(path.parent.name))
        return pids

    def cpu_seconds(self) -> float:
        """User and system time of the router and its children so far."""
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Proportional set size of the router and its children."""
        total = 0
        for pid in self.processes():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # also a writer that outlived its router
        except ProcessLookupError:
            pass
        self.process.wait()


@asynccontextmanager
async def running_router(settings: Mapping[str, str] | None = None) -> AsyncIterator[RouterProcess]:
    """A started router on a temporary folder, gone with the block."""
    with (
        tempfile.TemporaryDirectory(prefix="rookery-") as folder,
        RouterProcess(Path(folder), settings) as router,
    ):
        await router.start()
        yield router
