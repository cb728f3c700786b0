"""The bus of a single node: hints go from the store to whoever reads the log, inside one process.

A hint says «the log has grown», nothing more is promised: it may be lost, and truth stays in the log. As a
courtesy it carries the entries that were just committed, so that a reader who stands right behind them
need not read them back.
"""

import logging
from collections.abc import Callable, Sequence

from protocol import Entry

Listener = Callable[[Sequence[Entry]], None]

_log = logging.getLogger(__name__)


class LocalBus:
    """Hands each hint to every listener at once; a listener that fails harms nobody else."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.hints = 0
        self.failures = 0

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(entries)` for each hint, in the order of the log; returns the way to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def hint(self, entries: Sequence[Entry]) -> None:
        """Tell everybody that `entries` (in position order) were committed. Never raises, never waits."""
        self.hints += 1
        for listener in tuple(self._listeners):
            try:
                listener(entries)
            except Exception:  # noqa: BLE001 -- a hint may be lost: its listener polls, the commit stands
                self.failures += 1
                _log.exception("a listener of the bus failed; it will find the entries by itself")
