"""An ask seen from its two ends: the `Envelope` the actor holds and the `Reply` the asker holds."""

from collections.abc import Callable
from typing import Generic, TypeVar

import trio
from trio.lowlevel import Abort, RaiseCancelT, Task, enable_ki_protection, reschedule

from ._errors import AskFailed

M = TypeVar("M")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Request(Generic[R_co]):
    """Base of messages whose reply has a known type: `class Get(Request[int])` makes `ask(Get())` an int.

    For type checkers only; it adds nothing at run time. The reply to any other message is `object`.
    """

    __slots__ = ()


class Reply(Generic[R]):
    """The answer to one posted message: a value, a refusal, or `AskFailed`. Settled once."""

    __slots__ = ("_callback", "_done", "_error", "_value", "_waiters")

    def __init__(self) -> None:
        self._callback: Callable[[], None] | None = None
        self._done = False
        self._error: BaseException | None = None
        self._value: object = None
        self._waiters: dict[Task, None] | None = None

    @property
    def done(self) -> bool:
        """Whether `wait()` would return without waiting."""
        return self._done

    @enable_ki_protection
    async def wait(self) -> R:
        """Wait for the answer. Any number of tasks may wait, any number of times.

        Raises what the actor passed to `refuse()`, or `AskFailed` if it ended without answering.
        Cancelling the wait leaves the message where it is: the outcome is then unknown.
        """
        if self._done:
            await trio.lowlevel.checkpoint()
        else:
            task = trio.lowlevel.current_task()
            waiters = self._waiters
            if waiters is None:
                waiters = self._waiters = {}
            waiters[task] = None

            def give_up(_: RaiseCancelT) -> Abort:
                del waiters[task]
                return Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(give_up)
        return self.result_nowait()

    def result_nowait(self) -> R:
        """The answer that is there, or raise what `wait()` raises; `trio.WouldBlock` before it is `done`."""
        if not self._done:
            raise trio.WouldBlock
        error = self._error
        if error is not None:
            try:
                raise error
            finally:
                del error, self  # no cycle through the traceback
        return self._value  # type: ignore[return-value]  # the actor's promise; nobody can check it here

    def call_when_done(self, callback: Callable[[], None]) -> None:
        """Have `callback` called in the step that answers; at once if the answer is there.

        For a task that waits for many things at once. The callback runs in the actor's step: it wakes
        somebody and does no more, and it must not raise. There is one; a later one takes its place.
        """
        if self._done:
            callback()
        else:
            self._callback = callback

    @enable_ki_protection
    def settle(self, value: object, error: BaseException | None) -> None:
        """Answer; the first answer counts."""
        if self._done:
            return
        self._done = True
        self._value = value
        self._error = error
        waiters, self._waiters = self._waiters, None
        if waiters:
            for task in waiters:
                reschedule(task)
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Envelope(Generic[M]):
    """One message as its actor receives it."""

    __slots__ = ("_asker", "_open", "message", "weight")

    def __init__(self, message: M, weight: int, asker: Reply[object] | None) -> None:
        self.message: M = message
        self.weight: int = weight
        self._asker = asker
        self._open = True

    @property
    def expects_reply(self) -> bool:
        """Whether somebody asked and has no answer yet."""
        return self._open and self._asker is not None

    @property
    def open(self) -> bool:
        """Whether the actor has not said yet that it is done with this message."""
        return self._open

    def reply(self, value: object = None) -> None:
        """Answer the asker. For a told message: say that it is handled (else the next take says so)."""
        self._open = False
        if self._asker is not None:
            self._asker.settle(value, None)

    def refuse(self, error: BaseException) -> None:
        """Answer with an exception, which is raised where the asker waits."""
        self._open = False
        if self._asker is not None:
            self._asker.settle(None, error)

    def fail(self, cause: BaseException | None) -> None:
        """The actor ended with this message in hand."""
        self.refuse(AskFailed(cause))
