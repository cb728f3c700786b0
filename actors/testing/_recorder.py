"""An instrument that writes everything down."""

import attrs
import trio

from actors import ActorError, DeadLetter, Exit, Instrument, SlowStep, StuckChild, Tuned


@attrs.frozen
class Event:
    """One call of a hook."""

    hook: str
    path: str
    value: object = None
    at: float = 0.0
    """Trio's time."""


class Recorder(Instrument):
    """Keeps every event in `events`, in order. Messages themselves only if `messages` is true."""

    def __init__(self, *, messages: bool = False) -> None:
        self.events: list[Event] = []
        self.messages: bool = messages

    def __repr__(self) -> str:
        return f"<Recorder: {len(self.events)} events>"

    def _note(self, hook: str, path: str, value: object = None) -> None:
        now = trio.current_time() if trio.lowlevel.in_trio_run() else 0.0
        self.events.append(Event(hook, path, value, now))

    def of(self, hook: str) -> list[Event]:
        """The events of one hook."""
        return [event for event in self.events if event.hook == hook]

    def paths(self, hook: str) -> list[str]:
        """The paths of one hook's events."""
        return [event.path for event in self.events if event.hook == hook]

    @property
    def exits(self) -> list[Exit]:
        """Every exit."""
        return [event.value for event in self.events if isinstance(event.value, Exit)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """Every dead letter."""
        return [event.value for event in self.events if isinstance(event.value, DeadLetter)]

    def clear(self) -> None:
        """Forget."""
        self.events.clear()

    def child_started(self, path: str, incarnation: int) -> None:
        self._note("child_started", path, incarnation)

    def child_exited(self, exit: Exit) -> None:  # noqa: A002 - as in Instrument
        self._note("child_exited", exit.path, exit)

    def restart_planned(self, path: str, delay: float, failed: Exit) -> None:
        self._note("restart_planned", path, (delay, failed))

    def escalated(self, path: str, error: ActorError) -> None:
        self._note("escalated", path, error)

    def child_stuck(self, stuck: StuckChild) -> None:
        self._note("child_stuck", stuck.path, stuck)

    def dead_letter(self, letter: DeadLetter) -> None:
        self._note("dead_letter", letter.address, letter)

    def mailbox_full(self, address: str) -> None:
        self._note("mailbox_full", address)

    def message_accepted(self, address: str, message: object) -> None:
        if self.messages:
            self._note("message_accepted", address, message)

    def messages_taken(self, address: str, count: int) -> None:
        if self.messages:
            self._note("messages_taken", address, count)

    def activated(self, path: str, incarnation: int) -> None:
        self._note("activated", path, incarnation)

    def passivated(self, path: str, incarnation: int) -> None:
        self._note("passivated", path, incarnation)

    def evicted(self, path: str, incarnation: int) -> None:
        self._note("evicted", path, incarnation)

    def quarantined(self, path: str, seconds: float, failed: Exit) -> None:
        self._note("quarantined", path, (seconds, failed))

    def released(self, path: str) -> None:
        self._note("released", path)

    def tuned(self, change: Tuned) -> None:
        self._note("tuned", change.path, change)

    def slow_step(self, step: SlowStep) -> None:
        self._note("slow_step", step.path, step)
