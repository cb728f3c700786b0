"""A bell: what one task parks at and others ring. `trio.lowlevel.ParkingLot` for one task, and cheaper."""

from __future__ import annotations

import trio
from trio.lowlevel import Abort, RaiseCancelT, Task


class Bell:
    """Wakes the task that waits; a ring that nobody waits for is not kept.

    So the waiting task looks at everything it waits for, and calls `wait` without an await in between.
    """

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: Task | None = None

    def ring(self) -> None:
        """Let the waiting task go on, if there is one. Never waits."""
        task = self._task
        if task is not None:
            self._task = None
            trio.lowlevel.reschedule(task)

    async def wait(self) -> None:
        """Wait for the next ring. One task at a time; a cancelled wait leaves nothing behind."""
        if self._task is not None:
            raise trio.BusyResourceError("another task waits for this bell")
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._give_up)

    def _give_up(self, _: RaiseCancelT) -> Abort:
        self._task = None
        return Abort.SUCCEEDED
