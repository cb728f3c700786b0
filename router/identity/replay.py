"""Which tokens have been used: a bounded memory, in the order in which the tokens expire.

What is remembered is a keyed hash of (issuer, jti) until the token's own `exp`; a fixed time to live
would let a long-lived token be used again after it. Nothing here names an account.

*The law.* `use` says yes at most once for a token, (hash, until), whatever the clock does; and while a
hash is remembered it says no to every other token that bears it, which only the same issuer can have
made. Three things could break it, and each is closed:

- **forgetting**: an entry goes only when its time has passed, and the latest time at which entries
  went is kept as the *watermark*. A clock that steps back would make a forgotten token valid again;
  a token that ends at or before the watermark is refused whatever the clock says.
- **fullness**: at capacity `use` raises `AuthOverloadedError` and remembers nothing. Giving up the
  oldest entry instead would hand its token back to whoever can send enough tokens.
- **a race**: look and insert are one call without an `await`.

A restart is closed by the caller, who queues each hash to the store ahead of the token's effect and
loads them at start (`load`). The store keeps each for `RETENTION_SECONDS` after its end: a clock that
is set back between two runs by less than that brings no token back either. (Found by the state
machine in the tests; a watermark in memory alone does not outlive two restarts.)

About 165 bytes an entry: 33 MB at the default capacity of 200,000, which is 3,300 single-use tokens a
second with the usual life of 60 s.
"""

import heapq
from collections.abc import Iterable

from router.identity.errors import AuthOverloadedError

DEFAULT_CAPACITY = 200_000
RETENTION_SECONDS = 3600
"""How long after its end an entry stays in the store: ask it for, and sweep, what ended before now - this."""


class ReplayGuard:
    """A set of used-token hashes. Times are Unix seconds; `until` is exclusive, as `exp` is."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 1:
            raise ValueError("a replay guard remembers at least one token")
        self._capacity = capacity
        self._used: set[bytes] = set()
        self._by_end: dict[int, list[bytes]] = {}
        self._ends: list[int] = []  # a heap of the keys of _by_end
        self._watermark = 0

    def use(self, token_hash: bytes, *, until: int, now: float) -> bool:
        """Whether this token is used for the first time; if so it is remembered until `until`.

        Raises `AuthOverloadedError` when there is no room, with the time at which there will be.
        """
        self._expire(now)
        if until <= self._watermark or token_hash in self._used:
            return False
        if len(self._used) >= self._capacity:
            raise AuthOverloadedError(retry_after=max(1.0, self._ends[0] - now))
        self._remember(token_hash, until)
        return True

    def load(self, entries: Iterable[tuple[bytes, int]]) -> None:
        """Remember what an earlier run stored, (hash, until) pairs, before the first `use`.

        Entries that ended up to `RETENTION_SECONDS` ago belong to it. Stored entries are never
        refused: they may exceed the capacity until they expire.
        """
        for token_hash, until in entries:
            if token_hash not in self._used:
                self._remember(token_hash, until)

    def statistics(self) -> dict[str, int]:
        """`items` held now (those that expired since the last use among them) and `capacity`."""
        return {"items": len(self._used), "capacity": self._capacity}

    def _remember(self, token_hash: bytes, until: int) -> None:
        self._used.add(token_hash)
        same_end = self._by_end.get(until)
        if same_end is None:
            self._by_end[until] = [token_hash]
            heapq.heappush(self._ends, until)
        else:
            same_end.append(token_hash)

    def _expire(self, now: float) -> None:
        while self._ends and self._ends[0] <= now:
            end = heapq.heappop(self._ends)
            self._used.difference_update(self._by_end.pop(end))
            self._watermark = max(self._watermark, end)
