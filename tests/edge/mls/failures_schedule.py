"""Races whose order a test decides: every call of the store waits for its turn, which a schedule gives.

The edge, the actors and the store are the real ones, and the calls are HTTP over sockets. What may happen in
another order on another day is which task the store answers next: here that is the next number of the
schedule, so that Hypothesis searches the orders, shrinks them, and finds one again::

    turns = Turns()
    async with turned_house(turns, "memory") as house:
        ...
        answers = await in_turns(turns, [2, 0, 1], one, other)
"""

from __future__ import annotations

import functools
import inspect
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
import hypothesis.strategies as st
import trio
from hypothesis import Phase, settings
from trio.testing import wait_all_tasks_blocked

from router.store.interface import Store
from router.store.memory import MemoryStore
from router.store.sqlite.store import SqliteOptions, open_sqlite
from tests.edge.house import House, open_house

T = TypeVar("T")

STORES = ("memory", "sqlite")
SCHEDULES = st.lists(st.integers(0, 9), max_size=80)
FEW = settings(
    max_examples=max(8, settings.default.max_examples // 5 if settings.default else 8),
    phases=[
        phase for phase in Phase if phase is not Phase.shrink or "ROOKERY_NO_SHRINKING" not in os.environ
    ],
)
"""Each example is a house with people in it, so there are fewer than of a pure function."""
_PATIENCE_SECONDS = 60


def never(method: str) -> None:
    """What happens before a method runs and after it, unless a test says otherwise: nothing."""


@attrs.define
class Turns:
    """Who waits for the store, and whether anybody has to."""

    on: bool = False
    waiting: list[tuple[str, trio.Event]] = attrs.field(factory=list)
    before: Callable[[str], None] = never
    """Called with the name of a method just before it runs; what it raises, the method raises."""
    after: Callable[[str], None] = never
    """The same when it has done its work."""

    async def take(self, method: str) -> None:
        """Wait for a turn."""
        if self.on:
            event = trio.Event()
            self.waiting.append((method, event))
            await event.wait()
        self.before(method)

    def give(self, number: int) -> None:
        """Let one of those that wait go on."""
        _, event = self.waiting.pop(number % len(self.waiting))
        event.set()

    def stop(self) -> None:
        """Nobody waits any more."""
        self.on = False
        while self.waiting:
            self.give(0)


class _TurnedStore:
    """A store whose calls take turns."""

    def __init__(self, store: Store, turns: Turns) -> None:
        self._store, self._turns = store, turns

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not inspect.iscoroutinefunction(method):
            return method

        @functools.wraps(method)
        async def turned(*args: Any, **given: Any) -> Any:
            await self._turns.take(name)
            result = await method(*args, **given)
            self._turns.after(name)
            return result

        return turned


@asynccontextmanager
async def turned_house(turns: Turns, kind: str, **more: Any) -> AsyncIterator[House]:
    """A house over a store of this kind (`STORES`), which takes turns while they are on."""
    async with AsyncExitStack() as stack:
        if kind == "memory":
            store: Store = MemoryStore()
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rookery-turns-"))
            options = SqliteOptions(writer="inline")
            store = await stack.enter_async_context(open_sqlite(Path(folder) / "data", options))
        house = await stack.enter_async_context(open_house(cast("Store", _TurnedStore(store, turns)), **more))
        stack.callback(turns.stop)
        yield house


async def in_turns(turns: Turns, schedule: Sequence[int], *calls: Callable[[], Awaitable[T]]) -> list[T]:
    """Make all calls at once, the store answering in the order of `schedule`; their results, in their order.

    A number stands for one of those that wait at that moment; after its end the oldest goes first.
    """
    results: dict[int, T] = {}

    async def make(place: int, call: Callable[[], Awaitable[T]]) -> None:
        results[place] = await call()

    numbers = iter(schedule)
    turns.on = True
    try:
        with trio.fail_after(_PATIENCE_SECONDS):
            async with trio.open_nursery() as nursery:
                for place, call in enumerate(calls):
                    nursery.start_soon(make, place, call)
                    await wait_all_tasks_blocked()  # so that they begin in their order
                while len(results) < len(calls):
                    await wait_all_tasks_blocked()
                    if turns.waiting:
                        turns.give(next(numbers, 0))
                    elif len(results) < len(calls):
                        await wait_all_tasks_blocked(0.001)  # a thread or the kernel has the next step
    finally:
        turns.stop()
    return [results[place] for place in range(len(calls))]
