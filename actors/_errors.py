"""Errors of the library. Each says whose fault it is and whether to try again, and carries data."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._events import Exit
    from ._policy import Intensity


class ActorError(Exception):
    """Base of everything this package raises on purpose."""


class MailboxFull(ActorError):
    """The receiver is behind: its mailbox has no room. Try again later, or shed."""

    def __init__(self, name: str, waiting: int, weight: int) -> None:
        super().__init__(f"mailbox {name} is full: {waiting} waiting, weight {weight}")
        self.name = name
        self.waiting = waiting
        self.weight = weight


class MessageTooHeavy(MailboxFull):
    """The message alone weighs more than the mailbox may hold. Trying again cannot help."""


class MailboxClosed(ActorError):
    """The address takes nothing any more (or not yet): it is stopping, or does not run."""

    def __init__(self, name: str) -> None:
        super().__init__(f"mailbox {name} is closed")
        self.name = name


class AskFailed(ActorError):
    """The actor ended without answering. The outcome is unknown: it may have acted before it died.

    `cause` is the exception that ended it, or None when it left without an error.
    """

    def __init__(self, cause: BaseException | None) -> None:
        super().__init__(f"the actor ended without an answer: {cause!r}")
        self.cause = cause
        self.__cause__: BaseException | None = cause


class Quarantined(ActorError):
    """This key crashed too often and rests. Try again after `retry_after` seconds."""

    def __init__(self, key: object, retry_after: float) -> None:
        super().__init__(f"key {key!r} is quarantined for another {retry_after:.3g} s")
        self.key = key
        self.retry_after = retry_after


class RegistryFull(ActorError):
    """As many keys as the cap allows are active and none of them is idle. Try again later."""

    def __init__(self, name: str, cap: int) -> None:
        super().__init__(f"registry {name} is full: {cap} active keys, none idle")
        self.name = name
        self.cap = cap


class ExitShutdown(ActorError):
    """Raise it in a child to leave on purpose: a TRANSIENT child is then not restarted."""


class MailboxDrained(MailboxClosed, ExitShutdown):
    """Taking: the mailbox is closed and nothing waits. Letting it out of a child is leaving on purpose."""


class StartFailed(ActorError):
    """A child did not become ready: `reason` is what it raised, or one of the two errors below."""

    def __init__(self, path: str, reason: BaseException) -> None:
        super().__init__(f"{path} did not start: {reason!r}")
        self.path = path
        self.reason = reason
        self.__cause__: BaseException | None = reason


class StartTimeout(ActorError):
    """The child did not call `task_status.started()` within its `start_timeout` seconds."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__(f"{path} was not ready after {seconds:g} s")
        self.path = path
        self.seconds = seconds


class NeverStarted(ActorError):
    """The child returned without calling `task_status.started()`: a fault of its author."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} returned before it called task_status.started()")
        self.path = path


class RestartIntensityExceeded(ActorError):
    """Too many restarts in the window; the supervisor stopped its children and gives up.

    Its parent sees a crash. `exits` are the failures in the window, the newest last.
    """

    def __init__(self, path: str, intensity: "Intensity", exits: "tuple[Exit, ...]") -> None:
        last = exits[-1]
        super().__init__(f"{path}: more than {intensity} restarts; last {last.path}: {last.error!r}")
        self.path = path
        self.intensity = intensity
        self.exits = exits
        self.__cause__: BaseException | None = last.error


class ActorTimeout(ActorError):
    """An addressed actor took too long to activate or to passivate and was cancelled."""

    def __init__(self, path: str, phase: str, seconds: float) -> None:
        super().__init__(f"{path}: {phase} took more than {seconds:g} s")
        self.path = path
        self.phase = phase
        self.seconds = seconds


class LeftWithoutTaking(ActorError):
    """An addressed actor returned although messages wait and it took none: a fault of its author."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} returned without taking any of the messages that wait")
        self.path = path


class NotRunning(ActorError):
    """The supervisor does not run (any more), so it cannot do what was asked."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} does not run")
        self.path = path


class UnknownNode(ActorError):
    """No node of the tree has this path (or id)."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no node at {path!r}")
        self.path = path


class InvalidKnob(ActorError):
    """The node has no such knob, or the value is not one it accepts. Nothing was changed."""

    def __init__(self, path: str, knob: str, reason: str) -> None:
        super().__init__(f"{path}: {knob}: {reason}")
        self.path = path
        self.knob = knob
        self.reason = reason


def on_purpose(error: BaseException) -> bool:
    """Whether every leaf is an `ExitShutdown`: children with nurseries raise groups."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(ExitShutdown)[1] is None
    return isinstance(error, ExitShutdown)
