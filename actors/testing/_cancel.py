"""Cancel an operation at its first, second, third … suspension, and look at what is left."""

from collections.abc import Awaitable, Callable

import trio
import trio.testing


class _CancelAt(trio.abc.Instrument):
    """Cancels `scope` when `task` has been suspended for the n-th time."""

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope, at: int) -> None:
        self._task = task
        self._scope = scope
        self._at = at
        self._steps = 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._steps += 1
            if self._steps == self._at:
                self._scope.cancel()


async def cancel_each_checkpoint(
    attempt: Callable[[Callable[[Callable[[], Awaitable[object]]], Awaitable[bool]]], Awaitable[None]],
    *,
    limit: int = 1_000,
) -> int:
    """Call `attempt(operate)` again and again; `operate(fn)` cancels `fn()` a step later each time.

    `attempt` builds a fresh world, does `finished = await operate(operation)`, and asserts what must hold
    whether or not it finished. Ends after the first run in which the operation finished before its turn
    to be cancelled; returns the number of suspensions at which it was cancelled. Raises AssertionError
    after `limit` runs: the operation never ends. Give the run a `MockClock(autojump_threshold=0)` if the
    operation waits for time.
    """
    for at in range(1, limit + 1):
        cancelled = False

        async def operate(fn: Callable[[], Awaitable[object]], at: int = at) -> bool:
            nonlocal cancelled
            with trio.CancelScope() as scope:
                instrument = _CancelAt(trio.lowlevel.current_task(), scope, at)
                trio.lowlevel.add_instrument(instrument)
                try:
                    await fn()
                finally:
                    trio.lowlevel.remove_instrument(instrument)
            cancelled = scope.cancel_called
            return not scope.cancelled_caught

        await attempt(operate)
        if not cancelled:
            return at - 1
    raise AssertionError(f"the operation did not end within {limit} suspensions")
