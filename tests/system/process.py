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

import httpx
import trio

START_SECONDS = 30.0
POLL_SECONDS = 0.02


def free_port() -> int:
    """A port of the loopback that was free a moment ago, so that a restart can have the same one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RouterProcess:
    """`python -m router serve` on a data folder. Not started until `start`."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.admin_port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.log = folder / "router.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ROOKERY_")},
            "ROOKERY_STORE__PATH": str(self.data),
            "ROOKERY_SERVER__PORT": str(self.port),
            "ROOKERY_ADMIN__PORT": str(self.admin_port),
            **(settings or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start and wait until it says that it is ready; raises with its log when it does not."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 -- starting a process does not wait
                [sys.executable, "-m", "router", "serve"],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        with trio.move_on_after(START_SECONDS):
            async with httpx.AsyncClient() as client:
                while self.process.poll() is None:
                    try:
                        if (await client.get(f"{self.url}/health/ready")).status_code == 200:
                            return
                    except httpx.TransportError:
                        pass
                    await trio.sleep(POLL_SECONDS)
        raise RuntimeError(f"the router did not start:\n{self.log.read_text()}")

    def kill(self) -> None:
        """SIGKILL the router itself; a writer process of its must notice by itself."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def terminate(self) -> int:
        """SIGTERM and wait for the end; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await trio.to_thread.run_sync(self.process.wait, abandon_on_cancel=True)

    def rookery(self, *arguments: str) -> str:
        """Run a `rookery` command against this router's data folder; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "router", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(
                f"rookery {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

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
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
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
