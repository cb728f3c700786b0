"""The demo's server: `rookery serve` in a process of its own, with a data folder of its own."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import trio

import router
from router.client.errors import ClientError

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_LAST_WORDS = 2_000


class ServerDied(ClientError):
    """The server ended without being asked to; the message has its last words."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """Started, killed and started again on one folder and one port, which is part of the accounts' DIDs."""

    def __init__(self, folder: Path, port: int) -> None:
        self.data = folder / "data"
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "server.log"
        self.starts = 0
        self._port = port
        self._process: trio.Process | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start it and return once it is ready to serve; raises `ServerDied` with its last words."""
        # Only what is set here counts: the settings of a person's own server must not leak in.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ROOKERY_")}
        command = [sys.executable, "-m", "router", "serve", "--host", "127.0.0.1"]
        command += ["--port", str(self._port), "--data", str(self.data), "--set", "admin.port=0"]
        command += ["--set", "rate.send=100000", "--set", "rate.read=100000"]  # the cast types fast
        async with await trio.open_file(self.log, "ab") as log:
            self._process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log.fileno(),
                stderr=log.fileno(),
                cwd=self.data.parent,
                env=environment | {"PYTHONPATH": str(Path(router.__file__).parents[1])},
                start_new_session=True,  # so that its helpers die with it, and Ctrl-C comes to us first
            )
        self.starts += 1
        try:
            with trio.fail_after(_START_SECONDS):
                await self._ready()
        except trio.TooSlowError:
            raise ServerDied(
                f"the server was not ready within {_START_SECONDS:g} s. {self._words()}"
            ) from None

    async def _ready(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=2.0) as http:
            while True:
                if self._process is None or self._process.poll() is not None:
                    raise ServerDied(f"the server did not start. {self._words()}")
                try:
                    if (await http.get("/health/ready")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass  # not listening yet
                await trio.sleep(0.02)

    async def kill(self) -> None:
        """SIGKILL to the server and all it started: no last write, no goodbye."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not help in time. Does nothing when it does not run."""
        with trio.move_on_after(_STOP_SECONDS):
            await self._end(signal.SIGTERM)
        await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass  # it was gone already
        await process.wait()
        self._process = None

    def _words(self) -> str:
        words = self.log.read_text(errors="replace")[-_LAST_WORDS:].strip()
        return f"It said:\n{words}" if words else "It said nothing."
