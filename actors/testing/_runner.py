"""Drive Trio from code that is not async: Hypothesis state machines, doctests, a REPL.

Trio runs in a thread of its own on a fake clock; every call hands one function to it and waits. Built
on Trio's public API only. A task that outlives its cancellation stays in that thread and is reported by
`close()`, so that one bad example does not spoil the next (a guest-mode run could not be left).
"""

import threading
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

import trio
import trio.testing

T = TypeVar("T")


class TrioRunner:
    """A Trio run that waits for you. Use it as a context manager, or `close()` it.

    Time stands still except in `advance` (and while closing). Every call returns when all tasks wait for
    something: what the next one meets does not depend on how fast its thread was, so that Hypothesis, which
    seeds Trio's scheduler, sees the same run twice.
    """

    def __init__(self, *, close_timeout: float = 10.0) -> None:
        """`close_timeout` is in real seconds; only a task that cannot be stopped ever needs them."""
        self._close_timeout = close_timeout
        self._clock = trio.testing.MockClock()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._token: trio.lowlevel.TrioToken
        self._nursery: trio.Nursery
        self._stop: trio.Event
        self._thread = threading.Thread(target=self._main, name="TrioRunner", daemon=True)
        self._thread.start()
        self._ready.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it can still be used."""
        return self._thread.is_alive()

    @property
    def now(self) -> float:
        """The fake time."""
        return self.call(trio.current_time)

    def run(self, fn: Callable[..., Awaitable[T]], *args: object) -> T:
        """Run `await fn(*args)` to its end and return or raise what it does.

        It must not wait for time to pass: nobody would move the clock.
        """
        return trio.from_thread.run(self._settled, fn, *args, trio_token=self._token)

    def call(self, fn: Callable[..., T], *args: object) -> T:
        """Call `fn(*args)` inside the Trio run."""

        async def step() -> T:
            return fn(*args)

        return self.run(step)

    def start(self, fn: Callable[..., Awaitable[object]], *args: object) -> object:
        """Start `fn(*args, task_status=…)` in the background; returns what it passes to `started()`."""
        return self.run(self._start, fn, *args)

    def spawn(self, fn: Callable[..., Awaitable[object]], *args: object) -> None:
        """Start `fn(*args)` in the background."""
        self.call(self._nursery.start_soon, fn, *args)

    def settle(self) -> None:
        """Return when every task waits for something."""
        self.run(trio.testing.wait_all_tasks_blocked)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, from deadline to deadline, and settle at each."""
        self.run(self._advance, seconds)

    def close(self) -> None:
        """Cancel everything that was started and wait until it is gone.

        Raises AssertionError if a task outlives its cancellation (its thread is then abandoned), or what
        a background task raised.
        """
        if self._thread.is_alive():
            try:
                trio.from_thread.run_sync(self._cancel, trio_token=self._token)
            except trio.RunFinishedError:
                pass  # it ended by itself since the look; its thread is on its way out
            self._thread.join(self._close_timeout)
            if self._thread.is_alive():
                alive = trio.from_thread.run_sync(self._names, trio_token=self._token)
                raise AssertionError(f"tasks outlived their cancellation: {alive}")
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _cancel(self) -> None:
        self._clock.autojump_threshold = 0  # clean-up may sleep
        self._nursery.cancel_scope.cancel()

    def _names(self) -> list[str]:
        return sorted(task.name for task in self._nursery.child_tasks)

    async def _settled(self, fn: Callable[..., Awaitable[T]], *args: object) -> T:
        try:
            return await fn(*args)
        finally:
            try:
                await trio.testing.wait_all_tasks_blocked()
            except trio.Cancelled:
                pass  # the run has ended under us; `close` tells why

    async def _start(self, fn: Callable[..., Awaitable[object]], *args: object) -> object:
        value: object = await self._nursery.start(fn, *args)
        return value

    async def _advance(self, seconds: float) -> None:
        await trio.testing.wait_all_tasks_blocked()
        self._clock.autojump_threshold = 0
        try:
            await trio.sleep(seconds)
        finally:
            self._clock.autojump_threshold = float("inf")
        await trio.testing.wait_all_tasks_blocked()

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self._nursery:
            self._ready.set()
            await trio.sleep_forever()

    def _main(self) -> None:
        try:
            trio.run(self._serve, clock=self._clock)
        except BaseException as failure:  # noqa: BLE001 - handed to whoever closes
            self._failure = failure
        finally:
            self._ready.set()
