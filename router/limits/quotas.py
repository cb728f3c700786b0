"""The seam of the rate limits: who may do what now, counted in this process or, later, by several together.

`spend` never waits. A limiter that asked another server before each request would add that server's latency
to every request and its outage to ours; an implementation shared between nodes exchanges what was spent
behind the caller's back and is at most one exchange late, which a limit of a minute can bear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs
import msgspec

from router.limits.classes import QuotaClass, Whose
from router.limits.rate import FULL, Standing, look, moment, spend
from router.limits.table import Table


class Ask(msgspec.Struct, frozen=True, gc=False):
    """One request against one class: `who` is the account, address or target in bytes."""

    quota: str
    who: bytes


@attrs.frozen(kw_only=True)
class QuotaStatistics:
    """One table of buckets now."""

    whose: Whose
    items: int
    max_items: int
    forgotten: int


class Quotas(Protocol):
    """Counts requests. Nothing here waits or raises, an unknown class excepted (`KeyError`, ours)."""

    def spend(self, asked: Sequence[Ask]) -> Standing:
        """Judge one request against all of these: it is let through and counted by all, or by none.

        The standing is the tightest: of a refusal the longest wait, else the fewest requests left.
        """

    def look(self, ask: Ask) -> Standing:
        """Where somebody stands, without counting anything."""

    def statistics(self) -> Sequence[QuotaStatistics]:
        """The fill of every table."""


class LocalQuotas:
    """`Quotas` of one process. `clock` is monotonic seconds, `capacity` the entries of each table."""

    def __init__(
        self, classes: Mapping[str, QuotaClass], *, capacity: int, clock: Callable[[], float]
    ) -> None:
        self._classes = classes
        self._capacity = capacity
        self._clock = clock
        horizon = max(each.rate.depth for each in classes.values())
        self._tables = {whose: Table(capacity, horizon=horizon) for whose in Whose}

    def spend(self, asked: Sequence[Ask]) -> Standing:
        """See `Quotas.spend`."""
        now = moment(self._clock())
        tightest: Standing | None = None
        puts = []
        for ask in asked:
            table, key, quota = self._place(ask)
            after, standing = spend(table.get(key), quota.rate, now)
            puts.append((table, key, after))
            if tightest is None or _tighter(standing, tightest):
                tightest = standing
        if tightest is None:
            raise ValueError("nothing to count against")
        if tightest.allowed:
            for table, key, after in puts:
                table.put(key, after, now)
        return tightest

    def look(self, ask: Ask) -> Standing:
        """See `Quotas.look`."""
        quota = self._classes[ask.quota]
        table = self._tables[quota.whose]
        if not table:  # as nearly always for addresses: nobody has failed
            return look(FULL, quota.rate, FULL)
        return look(table.get(table.name(quota.name, ask.who)), quota.rate, moment(self._clock()))

    def statistics(self) -> Sequence[QuotaStatistics]:
        """See `Quotas.statistics`."""
        return [
            QuotaStatistics(
                whose=whose, items=len(table), max_items=self._capacity, forgotten=table.forgotten
            )
            for whose, table in self._tables.items()
        ]

    def _place(self, ask: Ask) -> tuple[Table, int, QuotaClass]:
        quota = self._classes[ask.quota]
        table = self._tables[quota.whose]
        return table, table.name(quota.name, ask.who), quota


def _tighter(one: Standing, other: Standing) -> bool:
    if one.allowed != other.allowed:
        return other.allowed
    return one.remaining < other.remaining if one.allowed else one.retry_after > other.retry_after
