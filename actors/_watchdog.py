"""Find the actor that holds the thread: Trio is cooperative, so one long step stalls everybody."""

import time
from collections.abc import Callable

import trio

from ._events import SlowStep
from ._instrument import Hooks, Instrument
from ._life import current_life


class StepWatchdog(trio.abc.Instrument):
    """A Trio instrument that reports every step longer than `threshold` seconds.

    `trio.lowlevel.add_instrument(StepWatchdog(0.05, [my_instrument]))`. The reported path is that of the
    actor the task belongs to, or "" outside of the tree. It costs two clock readings per step, for the
    whole run; `clock` returns seconds.
    """

    def __init__(
        self,
        threshold: float,
        instruments: list[Instrument],
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.threshold: float = threshold
        self.slow_steps: int = 0
        self.longest: float = 0.0
        self._hooks = Hooks(instruments)
        self._clock = clock
        self._began = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Called by Trio."""
        del task
        self._began = self._clock()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Called by Trio."""
        seconds = self._clock() - self._began
        self.longest = max(self.longest, seconds)
        if seconds > self.threshold:
            self.slow_steps += 1
            life = task.context.get(current_life)
            step = SlowStep("" if life is None else life.path, task.name, seconds)
            self._hooks.call("slow_step", step)
