"""Checkpoints: moving the write-ahead log into the database, off the path of commits.

In a worker thread with a connection of its own (SQLite lets go of the GIL meanwhile). A PASSIVE one copies
what it can while commits go on. Under a load that never pauses it cannot reach the end, and the log would
grow; so when the log is longer than `restart_pages` a RESTART follows, which holds commits up only for what
the passive one has left over.
"""

import sqlite3
from pathlib import Path

import attrs
import trio

from router.store.errors import DurabilityLost
from router.store.sqlite import trouble
from router.store.sqlite.database import Synchronous, connect_writer

_RESTART_PAGES = 8_000
"""64 MiB of 8 KiB pages."""
_PATIENCE_MS = 50
"""How long a RESTART may wait for readers: it has the write lock meanwhile, and commits wait with it. Our own
reads are done in less; a foreign one (a shell, a backup) keeps the log growing until it ends."""
_FINISH_SECONDS = 3.0
"""For the last checkpoint: a stop has its own limit, and a log that stays is read at the next start."""


@attrs.frozen
class Checkpointed:
    """What a checkpoint found and did, in pages of the log."""

    log: int
    moved: int
    restarted: bool


class Checkpointer:
    """Runs checkpoints one after another. `run` uses it; a test calls `checkpoint` itself."""

    def __init__(self, path: Path, synchronous: Synchronous, restart_pages: int = _RESTART_PAGES) -> None:
        self._path = path
        self._synchronous = synchronous
        self._restart_pages = restart_pages
        self._limiter = trio.CapacityLimiter(1)
        self._connection: sqlite3.Connection | None = None
        self._lost = False
        self.wal_pages = 0

    async def checkpoint(self) -> Checkpointed | None:
        """One checkpoint in a thread; None when the disk would not have it (the next one tries again).

        Raises `DurabilityLost`, as a commit does.
        """
        done = await trio.to_thread.run_sync(self._checkpoint, limiter=self._limiter)
        if done is not None:
            self.wal_pages = 0 if done.restarted else done.log
        return done

    async def finish(self) -> bool:
        """The last checkpoint of a clean stop; whether the database file is whole without its log now.

        Takes a few seconds at most, also when cancelled. What was not moved then stays in the log and is not
        lost. Raises `DurabilityLost`; and does nothing when a checkpoint before has raised it.
        """
        if self._lost:
            return False
        with trio.move_on_after(_FINISH_SECONDS, shield=True):
            return await trio.to_thread.run_sync(
                self._truncate, limiter=self._limiter, abandon_on_cancel=True
            )
        # The thread may hang in the disk, and whoever closed its connection would wait for it: it keeps it.
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.interrupt()
        return False

    def close(self) -> None:
        """Let the database go. The last connection that may write makes a checkpoint then: see `store.py`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _checkpoint(self) -> Checkpointed | None:
        try:
            connection = self._open()
            _, log, moved = _pragma(connection, "PASSIVE")
            if log <= self._restart_pages:
                return Checkpointed(log, moved, restarted=False)
            busy, log, moved = _pragma(connection, "RESTART")
            return Checkpointed(log, moved, restarted=not busy)
        except sqlite3.Error as error:
            self._end_if_fatal(error)
            # Nothing is lost: the log keeps what was not moved, and the writer says when the disk is full.
            return None

    def _truncate(self) -> bool:
        try:
            busy, _, _ = _pragma(self._open(), "TRUNCATE")
        except sqlite3.Error as error:
            self._end_if_fatal(error)
            return False
        return not busy

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect_writer(self._path, self._synchronous)
            self._connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        return self._connection

    def _end_if_fatal(self, error: sqlite3.Error) -> None:
        if trouble.is_fatal(error):
            self._lost = True
            raise DurabilityLost(trouble.describe(error)) from error


def _pragma(connection: sqlite3.Connection, mode: str) -> tuple[int, int, int]:
    (busy, log, moved) = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return busy, log, moved
