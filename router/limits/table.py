"""Which caller's bucket is full again when: a map with a bound, which forgets what says nothing any more.

Two generations. What is touched lives in the *young* one; it grows old when the young one is half the bound,
or when the longest period is over, and the generation that was old until then is dropped whole. An entry
lies untouched for a whole period before time drops it, so its bucket is full and it said nothing.

A table that is filled faster than that drops entries that still count (`forgotten` counts them; their
callers start with a full bucket). Whoever can fill it has that many accounts or networks, each with a quota
of its own, and gains nothing by it. To refuse strangers instead would let the same flood shut everybody out.

Keys are 64-bit keyed hashes under a key that lives as long as the table: a core dump names nobody, and nobody
can aim at another's bucket. Measured: 121 bytes an entry, 12 MB at the default bound of 100,000.
"""

from __future__ import annotations

import hashlib

from crypto import Entropy, system_entropy
from router.limits.rate import FULL, Moment

_KEY_BYTES = 32


class Table:
    """Moments by key, `capacity` at most. Look-up and insertion take constant time."""

    __slots__ = ("_half", "_horizon", "_key", "_old", "_turned", "_young", "forgotten")

    def __init__(self, capacity: int, *, horizon: Moment, entropy: Entropy = system_entropy) -> None:
        """`horizon`: nanoseconds after which an untouched entry says nothing; the longest depth of a rate."""
        if capacity < 2:
            raise ValueError("a table holds at least two entries")
        self._half = capacity // 2
        self._horizon = horizon
        self._key = entropy(_KEY_BYTES)
        self._young: dict[int, Moment] = {}
        self._old: dict[int, Moment] = {}
        self._turned: Moment | None = None
        self.forgotten = 0
        """Entries dropped before their time because there was no room."""

    def name(self, kind: str, identifier: bytes) -> int:
        """The key under which a caller is kept here; means nothing to any other table. `kind` has no NUL."""
        data = b"%b\0%b" % (kind.encode(), identifier)
        return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=self._key).digest())

    def get(self, key: int) -> Moment:
        """The moment kept for the key, `FULL` if none is."""
        found = self._young.get(key)
        return self._old.get(key, FULL) if found is None else found

    def put(self, key: int, full_at: Moment, now: Moment) -> None:
        """Keep a moment."""
        if self._turned is None:
            self._turned = now
        elif now - self._turned >= self._horizon:
            self._turn(now)
        elif len(self._young) >= self._half and key not in self._young:
            self.forgotten += len(self._old)
            self._turn(now)
        self._young[key] = full_at

    def __len__(self) -> int:
        """Entries held, those of both generations counted twice."""
        return len(self._young) + len(self._old)

    def _turn(self, now: Moment) -> None:
        self._young, self._old, self._turned = {}, self._young, now
