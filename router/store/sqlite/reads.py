"""Where reads run: short ones in the loop, pages in threads; each with connections of its own.

A thread costs a hop of 110 µs and more when the loop is busy; what a short read costs is less than that.
PLACEHOLDER
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

    async def short(self, read: Callable[[Reader], _T]) -> _T:
        """A read of a few rows, in the loop. Raises `StoreUnavailable` when the disk fails."""
        await trio.lowlevel.checkpoint()
        with _Translated(self._retry_after):
            return read(self._mine)

    async def long(self, read: Callable[[Reader], _T]) -> _T:
        """A read of many rows, in a thread. Cancelled, it runs to its end and is thrown away."""
        async with self._limiter:
            with _Translated(self._retry_after):
                reader = self._idle.pop() if self._idle else Reader(self._path, self._log_id)
            try:
                with _Translated(self._retry_after):
                    return await trio.to_thread.run_sync(read, reader, limiter=_UNBOUNDED)
            finally:
                self._idle.append(reader)

    def close(self) -> None:
        """Let the database go; nothing may be reading."""
        for reader in (self._mine, *self._idle):
            reader.close()


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
