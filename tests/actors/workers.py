"""A child that does what the test tells it to, and writes down what happens to it."""

from collections.abc import Callable

import trio

from actors import ChildSpec, ExitShutdown


def _return() -> None:
    """End without an error."""


class Worker:
    """Start function of a child: up until told otherwise. `log` gets `up NAME` and `down NAME`."""

    def __init__(self, name: str, log: list[str] | None = None) -> None:
        self.name = name
        self.log: list[str] = [] if log is None else log
        self.alive = 0
        self.starts = 0
        self.fail_starts = 0
        """So many of the next starts crash before they are ready."""
        self.hang_starts = 0
        self.cleanup = 0.0
        """Seconds of shielded clean-up when it ends."""
        self._end = trio.Event()
        self._how: Callable[[], None] = _return

    async def start(self, *, task_status: trio.TaskStatus[int]) -> None:
        self.starts += 1
        self.alive += 1
        if self.alive > 1:
            raise AssertionError(f"two incarnations of {self.name}")
        self._end, self._how = trio.Event(), _return
        try:
            if self.fail_starts:
                self.fail_starts -= 1
                raise OSError(f"{self.name} cannot start")
            if self.hang_starts:
                self.hang_starts -= 1
                await trio.sleep_forever()
            self.log.append(f"up {self.name}")
            task_status.started(self.starts)
            await self._end.wait()
            self._how()
        finally:
            if self.cleanup:
                with trio.CancelScope(shield=True):
                    await trio.sleep(self.cleanup)
            self.log.append(f"down {self.name}")
            self.alive -= 1

    def crash(self, error: BaseException | None = None) -> None:
        """Make it raise."""

        def how() -> None:
            raise error or ValueError(f"{self.name} crashed")

        self._how = how
        self._end.set()

    def finish(self) -> None:
        """Make it return."""
        self._how = _return
        self._end.set()

    def leave(self) -> None:
        """Make it leave on purpose."""
        self.crash(ExitShutdown())

    def spec(self, **settings: object) -> ChildSpec:
        """The child spec of this worker."""
        return ChildSpec(self.name, self.start, **settings)  # type: ignore[arg-type]  # keywords of the test
