"""What is remembered of accounts' blocks: pure, told the time, bounded in number and in bytes.

    (nothing) ──look──▶ ask
                          ├─ all read, or all that the bounds allow ─▶ given for `fresh`, then ask
                          └─ broke off ─▶ given as incomplete for `unknown`, then ask; blocks known before
                                          stay known for `stale`

Laws, each a property in the tests:

- What is complete is exactly what the account's host gave, and never older than `fresh`.
- A block that was seen is not forgotten because its host fell silent: only the account's records say that it
  is gone, or time does (`stale`). What was not found is unknown while they are incomplete.
- A claim that an account's blocks have changed (`may_confirm`) troubles its host at most once in `interval`
  seconds for what others say of it, once for what it says itself, and in the whole as a token bucket allows.
- Memory: at most `max_items` accounts and `max_bytes`; the least recently used is given up first.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping

import attrs

from protocol import AccountDid
from router.blocks.pds import Reading, by_subject
from router.blocks.relation import Block, Records
from router.identity.did_cache import TokenBucket

_ENTRY_BYTES = 512
_BLOCK_BYTES = 400  # about what a block costs beside its texts


@attrs.frozen(kw_only=True)
class BlockTimes:
    """Seconds."""

    fresh: float = 60.0
    unknown: float = 30.0
    stale: float = 86_400.0
    interval: float = 5.0


@attrs.frozen
class _Entry:
    records: Records
    until: float
    """Before this nobody is asked."""
    seen: float
    """When the records were last read as far as they go: what is known of before ends `stale` after it."""
    size: int


class BlockCache:
    """Records by account. Every `now` is of one clock that does not go back."""

    def __init__(
        self,
        *,
        times: BlockTimes | None = None,
        claims_per_minute: float = 300,
        max_items: int = 10_000,
        max_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self._times = BlockTimes() if times is None else times
        self._budget = TokenBucket(claims_per_minute)
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[AccountDid, _Entry] = OrderedDict()
        self._claims: OrderedDict[tuple[AccountDid, bool], float] = OrderedDict()
        self._braked = 0

    def look(self, account: AccountDid, now: float) -> Records | None:
        """What may be answered without asking anybody; None says to ask."""
        entry = self._entries.get(account)
        if entry is None or now >= entry.until:
            return None
        self._entries.move_to_end(account)
        return entry.records

    def note(self, account: AccountDid, reading: Reading, now: float, *, at: float) -> Records:
        """Remember what a look gave, at `at` (Unix seconds); returns what to answer."""
        before = self._entries.pop(account, None)
        blocks: Mapping[AccountDid, Block] = by_subject(reading.blocks)
        seen = now
        if before is not None:
            self._bytes -= before.size
            if not reading.lasts and now < before.seen + self._times.stale:
                blocks, seen = {**before.records.blocks, **blocks}, before.seen
        records = Records(blocks, reading.complete, at)
        if not reading.asked and not blocks:
            return records  # nothing was learned, and nobody troubled
        lasting = self._times.fresh if reading.lasts else self._times.unknown if reading.asked else 0.0
        entry = _Entry(records, now + lasting, seen, _size(records))
        self._entries[account] = entry
        self._bytes += entry.size
        while len(self._entries) > self._max_items or self._bytes > self._max_bytes:
            _, gone = self._entries.popitem(last=False)
            self._bytes -= gone.size
        return records

    def forget(self, account: AccountDid) -> None:
        """Its blocks have changed: the next look asks. What is known stays known if nobody answers."""
        entry = self._entries.get(account)
        if entry is not None:
            self._entries[account] = attrs.evolve(entry, until=-math.inf)

    def may_confirm(self, account: AccountDid, now: float, *, own: bool) -> float:
        """Seconds until a claim about the account's blocks may be looked into: 0 for now, and it is counted.

        `own`: the account says it itself. What others say cannot use up its turn.
        """
        claim = (account, own)
        wait = self._claims.get(claim, now - self._times.interval) + self._times.interval - now
        if wait <= 0 and not self._budget.take(now):
            wait = 1.0
        if wait > 0:
            self._braked += 1
            return wait
        self._claims[claim] = now
        self._claims.move_to_end(claim)
        if len(self._claims) > self._max_items:
            self._claims.popitem(last=False)
        return 0.0

    def statistics(self) -> dict[str, int]:
        """`items`, `bytes` and `claims` held now, their bounds, and `braked`: claims not looked into."""
        return {
            "items": len(self._entries),
            "max_items": self._max_items,
            "bytes": self._bytes,
            "max_bytes": self._max_bytes,
            "claims": len(self._claims),
            "braked": self._braked,
        }


def _size(records: Records) -> int:
    blocks = records.blocks.values()
    texts = sum(len(block.blocked) + len(block.uri) + len(block.created) for block in blocks)
    return _ENTRY_BYTES + len(records.blocks) * _BLOCK_BYTES + texts
