"""Where reads run: short ones in the loop, pages in threads; each with connections of its own.

Measured (`tests/benchmarks/writer_bench.py --only reads`; µs, everything in the page cache, idle loop):

                               in the loop    in a thread
    a stored result                     19            250
    8 message ids                       40            420
    a conversation of 10 members        80            240
    50 entries of a conversation       170            350
    256 entries of the log             700            900
    256 entries for a device         2,900          3,200

A thread adds 200 µs and more when the loop is busy, and takes no work off it: stepping through rows holds the
GIL. What it takes off the loop is waiting for the disk. So rows that were used lately anyway (states, ids,
results, the directory) are read in the loop, and pages of the log, which may be old and cold, in threads.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio

from router.store.errors import StoreUnavailable
from router.store.sqlite import trouble
from router.store.sqlite.reader import Reader

_T = TypeVar("_T")


class Reads:
    """Read-only connections: one for the loop, and at most `threads` more, made when they are needed."""

    def __init__(self, path: Path, log_id: bytes, *, threads: int, retry_after: float) -> None:
        self._path = path
        self._log_id = log_id
        self._retry_after = retry_after
        self._limiter = trio.CapacityLimiter(threads)
        self._mine = Reader(path, log_id)
        self._idle: list[Reader] = []
        self._closed = False

    async def short(self, read: Callable[[Reader], _T]) -> _T:
        """A read of a few rows, in the loop. Raises `StoreUnavailable`: the disk fails, or it is closed."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        with _Translated(self._retry_after):
            return read(self._mine)

    async def long(self, read: Callable[[Reader], _T]) -> _T:
        """A read of many rows, in a thread. Once begun it is read to its end, also when cancelled."""
        async with self._limiter:
            self._check_open()
            with _Translated(self._retry_after):
                reader = self._idle.pop() if self._idle else Reader(self._path, self._log_id)
            try:
                with _Translated(self._retry_after):
                    return await trio.to_thread.run_sync(read, reader, limiter=_UNBOUNDED)
            finally:
                if self._closed:
                    reader.close()
                else:
                    self._idle.append(reader)

    def _check_open(self) -> None:
        """After each wait: the store may have stopped meanwhile, and its supervisor starts it again."""
        if self._closed:
            raise StoreUnavailable(self._retry_after, "the store has stopped")

    def close(self) -> None:
        """Let the database go; a reader that a thread is using goes when the thread is done with it."""
        self._closed = True
        for reader in (self._mine, *self._idle):
            reader.close()
        self._idle.clear()


_UNBOUNDED = trio.CapacityLimiter(1_000)
"""Threads are bounded by each store's own limiter, which also owns the connections."""


class _Translated:
    """Turns the disk's errors into `StoreUnavailable`; anything else is a bug and passes."""

    def __init__(self, retry_after: float) -> None:
        self._retry_after = retry_after

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, sqlite3.Error) and trouble.is_of_the_world(error):
            raise StoreUnavailable(self._retry_after, trouble.describe(error)) from error
