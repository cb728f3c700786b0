"""The arithmetic of a rate limit: the generic cell rate algorithm, pure.

A *rate* lets `quota` requests through at once and hands one back every `period / quota` seconds: a token
bucket that starts full. All that is kept of a caller is one integer, the moment (in nanoseconds of a
monotonic clock) at which its bucket is full again; GCRA calls it the theoretical arrival time. A moment that
has passed means the same as no entry at all, so whoever keeps the moments may drop those.

    full again at   t          t + interval      t + 2 interval
    request at now  allowed while  max(t, now) + interval - now <= period

In any stretch of W seconds at most `quota + W * quota / period` requests are let through. A refused request
costs nothing, so a client that hammers is let in again as early as one that waits.

Source: ATM Forum TM 4.1 section 4.4.2 (virtual scheduling). Integers, because `quota` times a rounded
fraction must never come out above the period.
"""

from __future__ import annotations

import attrs
import msgspec

_SECOND = 1_000_000_000

Moment = int
"""Nanoseconds of a monotonic clock."""

FULL: Moment = 0
"""The state of a caller nobody has seen yet."""


def moment(seconds: float) -> Moment:
    """A monotonic clock's seconds as a moment."""
    return int(seconds * _SECOND)


def _positive(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 1:
        raise ValueError(f"{attribute.name} is at least 1")


@attrs.frozen
class Rate:
    """`quota` requests in `period` seconds; both are whole and at least one."""

    quota: int = attrs.field(validator=_positive)
    period: int = attrs.field(default=60, validator=_positive)
    interval: int = attrs.field(init=False)
    """Nanoseconds in which one request is handed back; rounded up, so that no rounding gives one away."""
    depth: int = attrs.field(init=False)
    """Nanoseconds a bucket may be behind: exactly `quota` intervals."""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "interval", -(-self.period * _SECOND // self.quota))
        object.__setattr__(self, "depth", self.quota * self.interval)


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where a caller stands after a request was judged: what the answer's headers tell."""

    rate: Rate
    allowed: bool
    remaining: int
    """Requests that would be let through now."""
    full_in: float
    """Seconds until the whole quota is there again."""
    retry_after: float
    """Seconds until the refused request would be let through; 0 when it was."""


def spend(full_at: Moment, rate: Rate, now: Moment) -> tuple[Moment, Standing]:
    """Judge one request; the new state (the old one if it is refused) and the standing."""
    start = max(full_at, now)
    after = start + rate.interval
    late = after - now - rate.depth
    if late <= 0:
        return after, _standing(rate, after - now, allowed=True, wait=0)
    return full_at, _standing(rate, start - now, allowed=False, wait=late)


def look(full_at: Moment, rate: Rate, now: Moment) -> Standing:
    """Where a caller stands, without spending: allowed if one request would be let through."""
    behind = max(0, full_at - now)
    late = behind + rate.interval - rate.depth
    return _standing(rate, behind, allowed=late <= 0, wait=max(0, late))


def _standing(rate: Rate, behind: int, *, allowed: bool, wait: int) -> Standing:
    remaining = (rate.depth - behind) // rate.interval
    return Standing(rate, allowed, max(0, remaining), behind / _SECOND, wait / _SECOND)
