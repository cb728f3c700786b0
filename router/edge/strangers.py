"""Bodies of callers who have proven nothing, counted while they are waited for.

A connection whose body is on its way is busy, and busy connections give way to nobody. A method knows its
caller before it waits; the calls of a login cannot. Without a bound somebody who has only sockets would take
all of the listener's places with logins that they never end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from router.edge.errors import Refusal

_EACH: Final = 64  # an office behind one address logs in at nine, and a body takes a moment
_RETRY_SECONDS: Final = 5.0


class StrangersBodies:
    """At most `most` at once, and `each` of one place."""

    def __init__(self, most: int, *, each: int = _EACH) -> None:
        self._most = most
        self._each = each
        self._waiting = 0
        self._places: dict[bytes, int] = {}

    @contextmanager
    def waiting(self, place: bytes) -> Iterator[None]:
        """Count one of this place during the block. Raises `Refusal` when it is one too many."""
        here = self._places.get(place, 0)
        if here >= self._each or self._waiting >= self._most:
            message = "Too many requests of a login are under way and have not come whole."
            raise Refusal("NotEnoughResources", message, retry_after=_RETRY_SECONDS)
        self._places[place] = here + 1
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self._places[place] -= 1
            if not self._places[place]:
                del self._places[place]
