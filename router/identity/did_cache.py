"""What is remembered of DIDs that live elsewhere: pure, told the time, bounded in number and in bytes.

    (nothing) ──look──▶ ask
                          ├─ found ──────▶ kept, FRESH ──after `fresh`──▶ ask
                          ├─ absent, broken ─▶ said again for `negative`; a document kept before is dropped
                          └─ unreachable ─▶ a document younger than `stale` goes on being given, else said
                                            so; nobody is asked again for `retry`

Laws, each a property in the tests:

- A document is given while it is younger than `fresh`, or younger than `stale` if the last attempt met
  silence. Silence is the only excuse: «no such DID» and «not a document» end the older document at once.
- *Forced* looks (a signature failed, so the key may have been rotated) are granted at most once per DID in
  `brake` seconds and in the whole as a token bucket allows, because anybody can send a forged token for any
  DID and so make this server knock on somebody else's door. One is refused also just after an ordinary
  look (`settle`): what was fetched a moment ago needs no second fetch.
- Memory: at most `max_items` entries and `max_bytes` of documents (as they came); the least recently
  used is given up first. A DID whose entry was given up has its brake released, which the bucket bounds.
"""

from collections import OrderedDict

import attrs

from protocol import AccountDid
from router.identity.lookup import Absent, Broken, Found, Outcome, Unreachable

_ENTRY_BYTES = 512  # about what an entry costs beside its document


@attrs.frozen(kw_only=True)
class CacheTimes:
    """Seconds."""

    fresh: float = 600.0
    stale: float = 86_400.0
    negative: float = 60.0
    retry: float = 15.0
    brake: float = 60.0
    settle: float = 2.0


class TokenBucket:
    """At most `per_minute` in a minute on average, and so many at once. Starts full."""

    def __init__(self, per_minute: float) -> None:
        self._capacity = float(per_minute)
        self._level = self._capacity
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether there is one; if so it is gone. A clock that steps back adds nothing."""
        self._level = min(self._capacity, self._level + max(0.0, now - self._at) * self._capacity / 60)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


@attrs.define
class _Entry:
    verdict: Outcome
    """What the last look gave."""
    until: float
    """Before this nobody is asked."""
    asked: float
    """When the last look ended."""
    found: Found | None = None
    """The document still held, and since when."""
    found_at: float = 0.0
    forced: float | None = None
    """When a forced look was granted last."""

    @property
    def size(self) -> int:
        return _ENTRY_BYTES + (self.found.size if self.found else 0)


class DidCache:
    """Outcomes by DID. Every `now` is of one clock that does not go back."""

    def __init__(
        self,
        *,
        times: CacheTimes | None = None,
        forced_per_minute: float = 300,
        max_items: int = 10_000,
        max_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self._times = CacheTimes() if times is None else times
        self._budget = TokenBucket(forced_per_minute)
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[AccountDid, _Entry] = OrderedDict()
        self._braked = 0

    def look(self, did: AccountDid, now: float) -> Outcome | None:
        """What may be answered without asking anybody; None says to ask."""
        entry = self._entries.get(did)
        if entry is None or now >= entry.until:
            return None
        self._entries.move_to_end(did)
        return self._answer(entry, now)

    def note(self, did: AccountDid, outcome: Outcome, now: float) -> Outcome:
        """Remember what a look gave; returns what to answer, which may be an older document."""
        if isinstance(outcome, Unreachable) and not outcome.asked and did not in self._entries:
            return outcome  # nothing was learned, and an entry would drive out one that says something
        entry = self._entries.pop(did, None)
        if entry is None:
            entry = _Entry(outcome, now, now)
        else:
            self._bytes -= entry.size
            entry.verdict, entry.asked = outcome, now
        match outcome:
            case Found():
                entry.found, entry.found_at = outcome, now
                entry.until = now + self._times.fresh
            case Absent() | Broken():
                entry.found = None
                entry.until = now + self._times.negative
            case Unreachable():
                if now >= entry.found_at + self._times.stale:
                    entry.found = None
                wait = now + (self._times.retry if outcome.asked else 0.0)
                fresh = entry.found_at + self._times.fresh if entry.found else now
                entry.until = max(wait, fresh)
                if not outcome.asked:
                    entry.forced = None  # nobody was troubled, so the brake has nothing to spare
        self._entries[did] = entry
        self._bytes += entry.size
        while len(self._entries) > self._max_items or self._bytes > self._max_bytes:
            _, gone = self._entries.popitem(last=False)
            self._bytes -= gone.size
        return self._answer(entry, now)

    def may_force(self, did: AccountDid, now: float) -> bool:
        """Whether to ask although there is an answer; a yes is counted against the brakes."""
        entry = self._entries.get(did)
        if entry is None or now < entry.asked + self._times.settle:
            return False
        if entry.forced is not None and now < entry.forced + self._times.brake:
            self._braked += 1
            return False
        if not self._budget.take(now):
            self._braked += 1
            return False
        entry.forced = now
        return True

    def statistics(self) -> dict[str, int]:
        """`items` and `bytes` held now, their bounds, and `braked`: forced looks that were refused."""
        return {
            "items": len(self._entries),
            "max_items": self._max_items,
            "bytes": self._bytes,
            "max_bytes": self._max_bytes,
            "braked": self._braked,
        }

    def _answer(self, entry: _Entry, now: float) -> Outcome:
        if isinstance(entry.verdict, Unreachable) and entry.found:
            return entry.found if now < entry.found_at + self._times.stale else entry.verdict
        return entry.verdict
