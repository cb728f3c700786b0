"""Who is meant in a line of the log, for somebody who may compare lines and must not learn names.

A canonical line says nothing of anybody. Where a person who looks for a fault has to see that two debug
lines are about the same account, the line carries a pseudonym: keyed, of the day, another one for each kind
of identifier (`crypto.Pseudonyms` has the reasons). An operator who holds an identifier, since its owner asks
for help, finds its lines with `lookup`; nobody finds the identifier from the line.
"""

from collections.abc import Callable
from typing import Literal

from crypto import Pseudonyms

Kind = Literal["account", "device", "conversation", "address"]


class Aliases:
    """The pseudonyms of one process. `clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float], ring: Pseudonyms | None = None) -> None:
        self._clock = clock
        self._ring = Pseudonyms() if ring is None else ring

    def of(self, kind: Kind, identifier: str) -> str:
        """What a line says instead of this identifier."""
        return self._ring.of(kind, identifier, self._clock())

    def lookup(self, kind: Kind, identifier: str) -> list[str]:
        """What lines of today and of yesterday say instead of it."""
        return self._ring.lookup(kind, identifier, self._clock())
