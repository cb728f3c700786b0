"""Where the ledger runs: two engines behind one interface. Which one and why is in `writer.py`."""

import abc
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import trio

from router.store.errors import DurabilityLost
from router.store.sqlite import child
from router.store.sqlite.database import Synchronous
from router.store.sqlite.ledger import Ledger
from router.store.sqlite.requests import Outcome, Request

_START_SECONDS = 15.0
_STOP_SECONDS = 3.0
"""For the transaction in hand; who has not ended by then hangs, and is killed."""
_KILL_SECONDS = 1.0
"""Even a killed process stays while the kernel waits for its disk."""


@attrs.frozen
class Place:
    """Which database an engine writes to, and as whom."""

    path: Path
    term: int
    log_id: bytes
    synchronous: Synchronous = "full"

    def open(self) -> Ledger:
        """The ledger of this place; whoever calls closes it."""
        return Ledger(self.path, term=self.term, log_id=self.log_id, synchronous=self.synchronous)


class EngineDied(Exception):
    """The engine ended under a batch: nobody knows whether it was committed. `start` makes a new one."""


class Engine(abc.ABC):
    """Runs batches. One `commit` at a time; a cancelled one leaves an engine that can only be closed."""

    alive = False
    """Whether `commit` may be called."""

    @property
    def pid(self) -> int | None:
        """The process it runs in, where that is not this one."""
        return None

    @abc.abstractmethod
    async def start(self, nursery: trio.Nursery, died: Callable[[], None]) -> None:
        """Make it ready. Calls `died` once if it ends by itself.

        Raises EngineDied, sqlite3.Error or OSError.
        """

    @abc.abstractmethod
    async def commit(self, requests: Sequence[Request]) -> list[Outcome]:
        """One batch, one transaction (see `Ledger.commit`). Raises EngineDied."""

    @abc.abstractmethod
    def kill(self) -> None:
        """End it now: it has not answered for too long. It may be started again."""

    @abc.abstractmethod
    async def aclose(self) -> None:
        """Let everything go, within seconds. A transaction in hand is finished, never torn.

        Raises `DurabilityLost` when that transaction did, which nobody would hear of otherwise.
        """


class InlineEngine(Engine):
    """In the loop: nothing is cheaper, and everybody waits while the disk syncs."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._ledger: Ledger | None = None

    async def start(self, nursery: trio.Nursery, died: Callable[[], None]) -> None:  # noqa: ARG002 - cannot die
        await trio.lowlevel.checkpoint()
        self._ledger = self._place.open()
        self.alive = True

    async def commit(self, requests: Sequence[Request]) -> list[Outcome]:
        await trio.lowlevel.checkpoint()
        if self._ledger is None:
            raise EngineDied("not started")
        return self._ledger.commit(requests)

    def kill(self) -> None:
        """Nothing to do: who runs this is not inside a commit."""

    async def aclose(self) -> None:
        self.alive = False
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
        await trio.lowlevel.cancel_shielded_checkpoint()


class ProcessEngine(Engine):
    """In a process of its own, over a socket pair: no GIL between the commit and its answer.

    The child ends when the socket does, after at most the transaction it has in hand: also when this
    process is killed. It may be killed at any time itself; `commit` then raises EngineDied.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._process: trio.Process | None = None
        self._stream: trio.SocketStream | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self, nursery: trio.Nursery, died: Callable[[], None]) -> None:
        await self.aclose()
        ours, theirs = socket.socketpair()
        with theirs:
            self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
            arguments = child.arguments(theirs.fileno(), self._place)
            self._process = await trio.lowlevel.open_process(
                [sys.executable, "-m", child.__name__, *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(),
            )
        nursery.start_soon(self._watch, self._process, died)
        try:
            with trio.fail_after(_START_SECONDS):
                refusal = child.read_greeting(await self._receive())
        except (EOFError, trio.BrokenResourceError, trio.TooSlowError) as error:
            raise EngineDied("the writer's process did not start") from error
        if refusal:
            raise EngineDied(f"the writer's process did not start: {refusal}")
        self.alive = True

    async def _watch(self, process: trio.Process, died: Callable[[], None]) -> None:
        await process.wait()
        if self._process is process:
            self.alive = False
            died()

    async def commit(self, requests: Sequence[Request]) -> list[Outcome]:
        stream = self._stream
        if stream is None or not self.alive:
            raise EngineDied("not running")
        self.alive = False  # until the answer is read to its end: a cancelled one leaves half a frame
        try:
            await stream.send_all(child.frame(child.encode_requests(requests)))
            answer = await self._receive()
        except (trio.BrokenResourceError, trio.ClosedResourceError, EOFError) as error:
            raise EngineDied("the writer's process ended under a batch") from error
        # It may have ended right after its answer, and `_watch` has said so already.
        self.alive = self._process is not None and self._process.returncode is None
        return child.decode_outcomes(answer)

    async def _receive(self) -> bytearray:
        (size,) = struct.unpack(child.LENGTH, await self._exactly(child.LENGTH_BYTES))
        return await self._exactly(size)

    async def _exactly(self, size: int) -> bytearray:
        if self._stream is None:
            raise EngineDied("not running")
        buffer = bytearray()
        while len(buffer) < size:
            piece = await self._stream.receive_some(size - len(buffer))
            if not piece:
                raise EOFError("the writer's process closed its socket")
            buffer += piece
        return buffer

    def kill(self) -> None:
        self.alive = False
        if self._process is not None:
            self._process.kill()

    async def aclose(self) -> None:
        self.alive = False
        process, stream = self._process, self._stream
        self._process = self._stream = None
        if stream is not None:
            stream.socket.close()
        if process is not None:
            with trio.move_on_after(_STOP_SECONDS, shield=True):
                await process.wait()
            if process.returncode is None:
                process.kill()
                with trio.move_on_after(_KILL_SECONDS, shield=True):
                    await process.wait()
            if process.returncode == child.LOST:
                raise DurabilityLost("an fsync failed in the writer's process")


def _environment() -> dict[str, str]:
    """The child imports what this process imports, wherever it was started."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
