"""Hooks for those who watch. An unused hook costs one truth test; a crashing one is removed.

`Hooks` keeps, for each hook, the tuple of methods that override it, so that the hot path reads
one attribute. The idea is Trio's own (`trio.abc.Instrument`).
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ._events import DeadLetter, Exit, SlowStep, StuckChild, Tuned

if TYPE_CHECKING:
    from ._errors import ActorError


class Instrument:
    """Override what you want to see. Hooks are called synchronously and must be quick.

    A node hands its instruments down to the nodes that run below it. A hook that raises is removed
    (the whole instrument, from that node and those above it) and counted in `statistics()`.
    """

    def child_started(self, path: str, incarnation: int) -> None:
        """A child is ready."""

    def child_exited(self, exit: Exit) -> None:  # noqa: A002 - the field's word, and an argument only
        """One incarnation of a child ended, for whatever reason."""

    def restart_planned(self, path: str, delay: float, failed: Exit) -> None:
        """A child (or its group) will be started again in `delay` seconds."""

    def escalated(self, path: str, error: "ActorError") -> None:
        """A supervisor or registry gives up; its parent decides."""

    def child_stuck(self, stuck: StuckChild) -> None:
        """A child ignores its cancellation. The process should be replaced."""

    def dead_letter(self, letter: DeadLetter) -> None:
        """An accepted message will not be handled."""

    def mailbox_full(self, address: str) -> None:
        """A sender was refused, or has to wait, because the mailbox is full."""

    def message_accepted(self, address: str, message: object) -> None:
        """A message entered a mailbox. On the hot path: only if you need it."""

    def messages_taken(self, address: str, count: int) -> None:
        """An actor took messages out of its mailbox. On the hot path: only if you need it."""

    def activated(self, path: str, incarnation: int) -> None:
        """A registry started an incarnation of an addressed actor."""

    def passivated(self, path: str, incarnation: int) -> None:
        """An idle addressed actor left and its key was forgotten."""

    def evicted(self, path: str, incarnation: int) -> None:
        """An idle addressed actor was asked to leave, to make room or to shed memory."""

    def quarantined(self, path: str, seconds: float, failed: Exit) -> None:
        """A key crashed too often and rests."""

    def released(self, path: str) -> None:
        """A quarantine ended."""

    def tuned(self, change: Tuned) -> None:
        """Knobs of a node were changed."""

    def slow_step(self, step: SlowStep) -> None:
        """An actor held the thread for too long (reported by `StepWatchdog`)."""


HOOKS: tuple[str, ...] = tuple(name for name in vars(Instrument) if not name.startswith("_"))

_Bound = tuple[tuple[Instrument, Callable[..., None]], ...]


class Hooks:
    """The instruments of one node, sorted by hook. `hooks.NAME` is falsy when nobody listens."""

    __slots__ = (
        "_instruments",
        "_parent",
        "activated",
        "child_exited",
        "child_started",
        "child_stuck",
        "dead_letter",
        "escalated",
        "evicted",
        "failed",
        "mailbox_full",
        "message_accepted",
        "messages_taken",
        "passivated",
        "quarantined",
        "released",
        "restart_planned",
        "slow_step",
        "tuned",
    )

    activated: _Bound
    child_exited: _Bound
    child_started: _Bound
    child_stuck: _Bound
    dead_letter: _Bound
    escalated: _Bound
    evicted: _Bound
    mailbox_full: _Bound
    message_accepted: _Bound
    messages_taken: _Bound
    passivated: _Bound
    quarantined: _Bound
    released: _Bound
    restart_planned: _Bound
    slow_step: _Bound
    tuned: _Bound

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._instruments = tuple(instruments)
        self._parent: Hooks | None = None
        self.failed: int = 0
        self._sort()

    def inherit(self, parent: "Hooks | None") -> None:
        """Also call the instruments of `parent`, the node above; each instrument once."""
        if parent is not None and parent is not self._parent:
            self._parent = parent
            mine = self._instruments
            self._instruments = (*mine, *(i for i in parent._instruments if not _among(i, mine)))
            self._sort()

    def call(self, hook: str, *args: object) -> None:
        """Call everybody who listens to `hook`. Look at `hooks.<hook>` first: it may be empty."""
        for instrument, method in getattr(self, hook):
            try:
                method(*args)
            except Exception:  # noqa: BLE001 - a watcher must not take down what it watches
                self._remove(instrument)

    def _remove(self, instrument: Instrument) -> None:
        self.failed += 1
        self._instruments = tuple(i for i in self._instruments if i is not instrument)
        self._sort()
        if self._parent is not None and _among(instrument, self._parent._instruments):
            self._parent._remove(instrument)

    def _sort(self) -> None:
        for hook in HOOKS:
            nothing = getattr(Instrument, hook)
            methods = ((instrument, getattr(instrument, hook)) for instrument in self._instruments)
            setattr(self, hook, tuple(b for b in methods if getattr(b[1], "__func__", None) is not nothing))


def _among(instrument: Instrument, instruments: Iterable[Instrument]) -> bool:
    return any(each is instrument for each in instruments)
