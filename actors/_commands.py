"""Things to do between two exits: a supervisor carries out commands one at a time, in its own task."""

from collections import deque
from collections.abc import Awaitable, Callable

import trio

from ._errors import ActorError, NotRunning


class _Command:
    """Something to do, and the task that waits for it."""

    __slots__ = ("done", "error", "run", "value")

    def __init__(self, run: Callable[[], Awaitable[object]]) -> None:
        self.run = run
        self.done = trio.Event()
        self.value: object = None
        self.error: Exception | None = None


class CommandQueue:
    """Commands in the order they were asked for. `wake` is called when one is added."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: deque[_Command] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def ask(self, path: str, run: Callable[[], Awaitable[object]], *, running: bool) -> object:
        """Queue a command and wait for its result.

        Cancelled before its turn: it is taken back. Later: unknown outcome. Raises what the command
        raises, or `NotRunning`.
        """
        if not running:
            raise NotRunning(path)
        command = _Command(run)
        self._waiting.append(command)
        self._wake()
        try:
            await command.done.wait()
        except trio.Cancelled:
            if command in self._waiting:
                self._waiting.remove(command)
            raise
        if command.error is not None:
            raise command.error
        return command.value

    async def obey_next(self, path: str) -> None:
        """Carry out the first command."""
        command = self._waiting.popleft()
        command.error = NotRunning(path)  # what the asker learns if we are cancelled meanwhile
        try:
            command.value = await command.run()
            command.error = None
        except (ActorError, ValueError) as error:
            command.error = error
        finally:
            command.done.set()

    def give_up(self, path: str) -> None:
        """Nobody will carry out what waits: tell the askers."""
        for command in self._waiting:
            command.error = NotRunning(path)
            command.done.set()
        self._waiting.clear()
