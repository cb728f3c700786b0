"""The running parts of a SQLite store, and how its methods ask them.

    run   lock the folder → migrate → take the term → writer and checkpoints until cancelled

Writes go through the `Writer`, reads through `Reads`; the methods themselves are in `faces/`.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Self, TypeVar, overload

import attrs
import trio

from protocol import Entry
from router.store import rules
from router.store.errors import StoreUnavailable
from router.store.interface import CommitListener
from router.store.sqlite import database, trouble
from router.store.sqlite.checkpoint import Checkpointed, Checkpointer
from router.store.sqlite.database import Synchronous
from router.store.sqlite.engines import Engine, InlineEngine, Place, ProcessEngine
from router.store.sqlite.folder import FolderLock, database_path
from router.store.sqlite.reader import Reader
from router.store.sqlite.reads import Reads
from router.store.sqlite.requests import Request
from router.store.sqlite.writer import Bounds, Writer

WriterPlace = Literal["inline", "process"]

_ENGINES: dict[WriterPlace, Callable[[Place], Engine]] = {
    "inline": InlineEngine,
    "process": ProcessEngine,
}
_T = TypeVar("_T")
_U = TypeVar("_U")
_V = TypeVar("_V")
_W = TypeVar("_W")
_X = TypeVar("_X")


@attrs.frozen
class SqliteOptions:
    """The operator's choices."""

    writer: WriterPlace = "process"
    """Where commits happen; measured in `writer.py`. Tests on a fake clock want `inline`: a clock that jumps
    does not wait for another process."""
    synchronous: Synchronous = "full"
    """`full`: an answer means on the disk. `normal`: a power failure may take the last commits."""
    bounds: Bounds = attrs.Factory(Bounds)
    checkpoint_interval: float = 2.0
    """Seconds between checkpoints while there are commits."""
    max_reading_threads: int = 4
    """Long reads at the same time; each has a connection of its own."""


class SqliteParts:
    """What every face of the store stands on. Lives as long as its `run`; may be run again, by a supervisor.

    Listeners belong to the object and survive that. Between two runs writes raise `StoreUnavailable`.
    """

    def __init__(self, folder: Path, options: SqliteOptions | None = None) -> None:
        self._folder = folder
        self._options = SqliteOptions() if options is None else options
        self._listeners: list[CommitListener] = []
        self._running: Running | None = None

    async def run(self, *, task_status: trio.TaskStatus[Self] = trio.TASK_STATUS_IGNORED) -> None:
        """Open the folder, report `started(self)`, serve until cancelled.

        Raises `StoreInUse`, `StoreTooNew`, `StoreUnavailable` or OSError when it cannot start, and
        `DurabilityLost` (in an exception group) when the process must end.
        """
        path = database_path(self._folder)
        with FolderLock(self._folder):
            place = self._take_over(path)
            running = Running.of(place, self._options, self._notify)
            clean = False
            try:
                async with trio.open_nursery() as nursery:
                    await nursery.start(running.writer.run)
                    nursery.start_soon(running.keep_checkpointing, self._options.checkpoint_interval)
                    self._running = running
                    task_status.started(self)
            except BaseException as error:
                clean = _is_cancellation(error)
                raise
            finally:
                self._running = None
                await running.close(clean=clean)

    def _take_over(self, path: Path) -> Place:
        """Migrate and become the owner: synchronous, before anybody is served."""
        try:
            identity = database.prepare(path)
            term = database.take_term(path, rules.SHARD, f"process {os.getpid()}")
        except sqlite3.Error as error:
            if not trouble.is_of_the_world(error):
                raise
            raise StoreUnavailable(
                self._options.bounds.retry_after, f"{trouble.describe(error)} ({path.absolute()})"
            ) from error
        return Place(path, term, identity.log_id, self._options.synchronous)

    def _notify(self, entries: Sequence[Entry]) -> None:
        for listener in tuple(self._listeners):
            listener(entries)

    @property
    def _parts(self) -> "Running":
        """The parts while it runs; there are none before and after."""
        if self._running is None:
            raise StoreUnavailable(self._options.bounds.retry_after, "the store is not running")
        return self._running

    async def _short(self, read: Callable[[Reader], _T]) -> _T:
        return await self._parts.reads.short(read)

    async def _long(self, read: Callable[[Reader], _T]) -> _T:
        return await self._parts.reads.long(read)

    @overload
    async def _write(self, request: Request, one: type[_T], /) -> _T: ...

    @overload
    async def _write(self, request: Request, one: type[_T], two: type[_U], /) -> _T | _U: ...

    @overload
    async def _write(
        self, request: Request, one: type[_T], two: type[_U], three: type[_V], /
    ) -> _T | _U | _V: ...

    @overload
    async def _write(
        self, request: Request, one: type[_T], two: type[_U], three: type[_V], four: type[_W], /
    ) -> _T | _U | _V | _W: ...

    @overload
    async def _write(
        self,
        request: Request,
        one: type[_T],
        two: type[_U],
        three: type[_V],
        four: type[_W],
        five: type[_X],
        /,
    ) -> _T | _U | _V | _W | _X: ...

    async def _write(self, request: Request, *answers: type) -> object:
        """Submit; the outcome must be one of these classes."""
        outcome = await self._parts.writer.submit(request)
        if not isinstance(outcome, answers):
            raise TypeError(f"{type(request).__name__} was answered with {type(outcome).__name__}")
        return outcome

    @property
    def term(self) -> int:
        return self._parts.place.term

    @property
    def log_id(self) -> bytes:
        return self._parts.place.log_id

    @property
    def writer_pid(self) -> int | None:
        """The process id of the writer, where it has a process of its own."""
        return self._parts.engine.pid

    async def checkpoint(self) -> Checkpointed | None:
        """Move the write-ahead log into the database now, beside the regular times: before a backup."""
        return await self._parts.checkpointer.checkpoint()


@attrs.frozen
class Running:
    """What a store is made of between the start and the end of `run`."""

    place: Place
    engine: Engine
    writer: Writer
    reads: Reads
    checkpointer: Checkpointer

    @classmethod
    def of(
        cls, place: Place, options: SqliteOptions, committed: Callable[[Sequence[Entry]], None]
    ) -> "Running":
        engine = _ENGINES[options.writer](place)
        return cls(
            place,
            engine,
            Writer(engine, options.bounds, committed),
            Reads(
                place.path,
                place.log_id,
                threads=options.max_reading_threads,
                retry_after=options.bounds.retry_after,
            ),
            Checkpointer(place.path, place.synchronous),
        )

    async def keep_checkpointing(self, interval: float) -> None:
        """A checkpoint after each interval that had commits."""
        seen = 0
        while True:
            await trio.sleep(interval)
            if self.writer.counters.commits != seen:
                seen = self.writer.counters.commits
                await self.checkpointer.checkpoint()

    async def close(self, *, clean: bool) -> None:
        """Let the database go, within seconds; after a clean stop with the log moved into it.

        After `DurabilityLost` nothing may be moved: the log that is read then may not be what is on the disk.
        But SQLite makes a checkpoint by itself when the last connection closes, and Python 3.11 has no
        SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE. A connection that cannot write makes none, and keeps those that
        close before it from being the last one: so the readers close last, unless all has been moved.
        """
        whole = False
        try:
            whole = clean and await self.checkpointer.finish()
        finally:
            if whole:
                self.reads.close()
                self.checkpointer.close()
            else:
                self.checkpointer.close()
                self.reads.close()


def _is_cancellation(error: BaseException) -> bool:
    """Whether it was stopped from outside, and nothing else went wrong."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_cancellation(one) for one in error.exceptions)
    return isinstance(error, trio.Cancelled)
