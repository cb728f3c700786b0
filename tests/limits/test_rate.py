"""The arithmetic of a bucket: what it lets through in any stretch of time, and what it says of the rest."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.limits import FULL, Rate, look, moment, spend

RATES = st.builds(Rate, st.integers(1, 1_000), st.integers(1, 3_600))
GAPS = st.lists(st.integers(0, 90_000), max_size=120).map(lambda steps: [step * 1_000_000 for step in steps])
SECOND = moment(1)


def test_a_bucket_gives_its_quota_at_once_and_then_one_per_interval() -> None:
    rate, full_at, now = Rate(3, 60), FULL, moment(1_000)
    told = []
    for _ in range(4):
        full_at, standing = spend(full_at, rate, now)
        told.append((standing.allowed, standing.remaining))
    assert told == [(True, 2), (True, 1), (True, 0), (False, 0)]
    assert standing.retry_after == 20
    assert standing.full_in == 60
    full_at, standing = spend(full_at, rate, now + moment(20))
    assert standing.allowed
    assert not spend(full_at, rate, now + moment(20))[1].allowed


@given(RATES, GAPS)
def test_in_no_stretch_of_time_are_there_more_than_the_quota_and_what_was_handed_back(
    rate: Rate, gaps: list[int]
) -> None:
    full_at, now, let_through = FULL, moment(1_000), []
    for gap in gaps:
        now += gap
        full_at, standing = spend(full_at, rate, now)
        if standing.allowed:
            let_through.append(now)
    for first in range(len(let_through)):
        for last in range(first, len(let_through)):
            stretch = Fraction(let_through[last] - let_through[first])
            assert last - first + 1 <= rate.quota + stretch * rate.quota / (rate.period * SECOND)


@given(RATES, GAPS)
def test_a_client_that_waits_as_long_as_it_is_told_is_let_through_and_not_a_moment_earlier(
    rate: Rate, gaps: list[int]
) -> None:
    full_at, now = FULL, moment(1_000)
    for gap in gaps:
        now += gap
        full_at, standing = spend(full_at, rate, now)
        if not standing.allowed:
            wait = round(standing.retry_after * SECOND)
            assert not spend(full_at, rate, now + wait - max(2, wait // 2**50))[1].allowed
            assert spend(full_at, rate, now + wait + wait // 2**50 + 1)[1].allowed


@given(RATES, GAPS)
def test_a_refused_request_costs_nothing(rate: Rate, gaps: list[int]) -> None:
    full_at, now = FULL, moment(1_000)
    for gap in gaps:
        now += gap
        after, standing = spend(full_at, rate, now)
        assert standing.allowed or after == full_at
        full_at = after


@given(RATES, st.integers(1, 50))
def test_looking_says_what_spending_would(rate: Rate, before: int) -> None:
    full_at, now = FULL, moment(1_000)
    for _ in range(before):
        full_at, _ = spend(full_at, rate, now)
    seen = look(full_at, rate, now)
    _, standing = spend(full_at, rate, now)
    assert (seen.allowed, seen.retry_after) == (standing.allowed, standing.retry_after)
    assert seen.remaining == standing.remaining + standing.allowed


@given(RATES, st.integers(1, 50))
def test_a_full_bucket_is_the_same_as_one_that_was_never_touched(rate: Rate, before: int) -> None:
    full_at, now = FULL, moment(1_000)
    for _ in range(before):
        full_at, standing = spend(full_at, rate, now)
    later = now + rate.depth
    assert spend(full_at, rate, later)[1].remaining == spend(FULL, rate, later)[1].remaining
    assert round(standing.full_in * SECOND) <= rate.depth


@pytest.mark.parametrize(("quota", "period"), [(0, 60), (60, 0), (-1, 60)])
def test_a_rate_that_never_lets_anything_through_is_none(quota: int, period: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Rate(quota, period)
