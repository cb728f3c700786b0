"""Buckets of very many callers: bounded in bytes, forgetting only what says nothing, unless flooded."""

import gc
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.limits import FULL, Rate, Table, moment, spend

MINUTE = moment(60)
BYTES_AN_ENTRY = 160


def names(table: Table, count: int, kind: str = "send") -> Iterator[int]:
    return (table.name(kind, b"did:plc:%d" % number) for number in range(count))


def size_of(root: object) -> int:
    """Bytes of an object and of everything it holds, each counted once."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and not isinstance(each, type):
            seen[id(each)] = each
            waiting += gc.get_referents(each)
    return sum(map(sys.getsizeof, seen.values()))


def test_a_million_callers_take_no_more_memory_than_the_bound_allows() -> None:
    capacity, now = 100_000, moment(1_000)
    table = Table(capacity, horizon=MINUTE)
    for number, name in enumerate(names(table, 1_000_000)):
        table.put(name, now + MINUTE + number, now)
        if number % 99_999 == 0:
            assert len(table) <= capacity
            assert size_of(table) < capacity * BYTES_AN_ENTRY
    assert table.forgotten >= 1_000_000 - 2 * capacity, "a flood that fits would prove nothing"


def test_time_drops_only_what_says_nothing() -> None:
    table, rate, now = Table(1_000, horizon=MINUTE), Rate(5), moment(1_000)
    caller = table.name("send", b"caller")
    for minute in range(10):
        for _ in range(5):
            after, standing = spend(table.get(caller), rate, now)
            assert standing.allowed
            table.put(caller, after, now)
        assert not spend(table.get(caller), rate, now)[1].allowed, minute
        now += MINUTE
    assert table.forgotten == 0
    for stranger in names(table, 3):
        table.put(stranger, now, now)
        now += MINUTE
    assert table.get(caller) == FULL, "and after two more periods it is gone"


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40)), max_size=150))
def test_while_it_does_not_overflow_a_table_judges_as_if_it_never_forgot(
    steps: list[tuple[int, int]],
) -> None:
    table, rate, now = Table(100, horizon=Rate(4).depth), Rate(4), moment(1_000)
    memory: dict[int, int] = {}
    for who, wait in steps:
        now += moment(wait)
        key = table.name("send", b"%d" % who)
        kept, judged = spend(table.get(key), rate, now)
        remembered, expected = spend(memory.get(who, FULL), rate, now)
        assert judged == expected
        if judged.allowed:
            table.put(key, kept, now)
            memory[who] = remembered
    assert table.forgotten == 0


def test_who_spends_while_others_flood_is_not_forgotten_as_long_as_it_comes_back() -> None:
    table, now = Table(100, horizon=MINUTE), moment(1_000)
    regular = table.name("send", b"regular")
    for number, name in enumerate(names(table, 5_000)):
        table.put(name, now + MINUTE, now)
        if number % 40 == 0:
            assert table.get(regular) == (FULL if number == 0 else now + MINUTE)
            table.put(regular, now + MINUTE, now)


def test_keys_are_told_apart_by_kind_and_mean_nothing_to_another_table() -> None:
    one, other = Table(10, horizon=MINUTE), Table(10, horizon=MINUTE)
    assert one.name("send", b"a") != one.name("read", b"a")
    assert one.name("send", b"a") != other.name("send", b"a")
    assert one.name("send", b"a") == one.name("send", b"a")


def test_a_table_of_one_has_no_two_generations() -> None:
    with pytest.raises(ValueError, match="two entries"):
        Table(1, horizon=MINUTE)
