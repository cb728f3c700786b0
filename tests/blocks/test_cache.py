"""What is remembered of blocks: its laws, with a clock that is told the time."""

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import AccountDid
from router.blocks.cache import BlockCache, BlockTimes
from router.blocks.pds import Reading
from router.blocks.relation import Block, Records

ALICE, BOB, CAROL = (AccountDid(f"did:web:{name}.example") for name in ("alice", "bob", "carol"))
PEOPLE = (ALICE, BOB, CAROL)
TIMES = BlockTimes(fresh=60, unknown=30, stale=600, interval=5)


def block(blocked: AccountDid, of: AccountDid = ALICE) -> Block:
    return Block(of, blocked, "2026-01-01T00:00:00Z", f"at://{of}/app.bsky.graph.block/{blocked[8:]}")


def read(*blocked: AccountDid) -> Reading:
    return Reading(tuple(block(each) for each in blocked), complete=True, result="read")


BROKE_OFF = Reading((), complete=False, result="timeout")
BUSY = Reading((), complete=False, result="busy", asked=False)


def cache(**bounds: int) -> BlockCache:
    return BlockCache(times=TIMES, **bounds)


def blocked(records: Records | None) -> set[AccountDid] | None:
    return None if records is None else set(records.blocks)


def test_records_are_given_while_they_are_fresh() -> None:
    held = cache()
    assert held.look(ALICE, 0) is None
    held.note(ALICE, read(BOB), 0, at=1_000)
    assert blocked(held.look(ALICE, 59.9)) == {BOB}
    assert held.look(ALICE, 59.9) == Records({BOB: block(BOB)}, True, 1_000)
    assert held.look(ALICE, 60) is None


def test_that_they_cannot_be_read_is_believed_for_less_long() -> None:
    held = cache()
    held.note(ALICE, BROKE_OFF, 0, at=1_000)
    known = held.look(ALICE, 29.9)
    assert known is not None
    assert not known.complete
    assert held.look(ALICE, 30) is None


def test_more_than_is_read_of_an_account_is_as_lasting_as_all_of_it() -> None:
    """It will be as much in half a minute: asking more often would cost its host fifty pages each time."""
    held = cache()
    held.note(ALICE, Reading((block(BOB),), complete=False, result="too_many"), 0, at=0)
    assert held.look(ALICE, 59) is not None


def test_a_block_that_was_seen_outlives_the_silence_of_its_host() -> None:
    """Else to overload a PDS for a minute would be a way past the blocks on it."""
    held = cache()
    held.note(ALICE, read(BOB), 0, at=0)
    later = held.note(ALICE, BROKE_OFF, 100, at=100)
    assert (blocked(later), later.complete) == ({BOB}, False)
    again = held.note(ALICE, attrs.evolve(BROKE_OFF, blocks=(block(CAROL),)), 200, at=200)
    assert blocked(again) == {BOB, CAROL}
    assert blocked(held.note(ALICE, BROKE_OFF, 599, at=599)) == {BOB, CAROL}
    assert blocked(held.note(ALICE, BROKE_OFF, 600, at=600)) == set()


def test_only_the_account_itself_takes_a_block_back() -> None:
    held = cache()
    held.note(ALICE, read(BOB), 0, at=0)
    held.note(ALICE, BROKE_OFF, 100, at=100)
    assert blocked(held.note(ALICE, read(), 200, at=200)) == set()
    assert blocked(held.note(ALICE, BROKE_OFF, 300, at=300)) == set()


def test_what_was_not_asked_is_not_remembered() -> None:
    """Our own lack of room says nothing of an account; a moment later there may be some."""
    held = cache()
    held.note(ALICE, BUSY, 0, at=0)
    assert held.look(ALICE, 0) is None
    assert held.statistics()["items"] == 0
    held.note(ALICE, read(BOB), 0, at=0)
    assert blocked(held.note(ALICE, BUSY, 70, at=70)) == {BOB}
    assert held.look(ALICE, 70) is None


def test_a_change_ends_what_is_given_and_not_what_is_known() -> None:
    held = cache()
    held.note(ALICE, read(BOB), 0, at=0)
    held.forget(ALICE)
    held.forget(BOB)
    assert held.look(ALICE, 1) is None
    assert blocked(held.note(ALICE, BROKE_OFF, 2, at=2)) == {BOB}


def test_the_newest_record_of_two_is_told() -> None:
    """A repository may hold two blocks of one account; listings give the newest first."""
    newest, oldest = block(BOB), attrs.evolve(block(BOB), uri="at://x/y/z")
    held = cache().note(ALICE, Reading((newest, oldest), complete=True, result="read"), 0, at=0)
    assert held.blocks[BOB] is newest


def test_claims_of_others_do_not_use_up_ones_own() -> None:
    """Else who is blocked could keep the blocker from ever telling of it."""
    held = cache()
    assert held.may_confirm(ALICE, 0, own=False) == 0
    assert held.may_confirm(ALICE, 1, own=False) == 4
    assert held.may_confirm(ALICE, 1, own=True) == 0
    assert held.may_confirm(BOB, 1, own=False) == 0
    assert held.may_confirm(ALICE, 5, own=False) == 0
    assert held.statistics()["braked"] == 1


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.booleans(), st.floats(0, 10)), max_size=60))
def test_claims_trouble_one_account_seldom_and_all_of_them_so_often(
    claims: list[tuple[AccountDid, bool, float]],
) -> None:
    held = BlockCache(times=TIMES, claims_per_minute=6)
    now, granted = 0.0, dict[tuple[AccountDid, bool], list[float]]()
    for account, own, wait in claims:
        now += wait
        if held.may_confirm(account, now, own=own) == 0:
            granted.setdefault((account, own), []).append(now)
    for times in granted.values():
        assert all(later - earlier > 5 - 1e-6 for earlier, later in itertools.pairwise(times))
    assert sum(map(len, granted.values())) <= 6 + now * 6 / 60 + 1e-6


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["read", "broke off", "busy", "forget", "look"]),
            st.sampled_from(PEOPLE),
            st.frozensets(st.sampled_from(PEOPLE)),
            st.floats(0, 400),
        ),
        max_size=40,
    )
)
def test_what_is_given_is_never_older_or_emptier_than_it_may_be(
    steps: list[tuple[str, AccountDid, frozenset[AccountDid], float]],
) -> None:
    """Complete means: what its host gave last, less than a minute ago. Seen means known, until read anew."""
    held = cache()
    now = 0.0
    last: dict[AccountDid, tuple[float, frozenset[AccountDid]]] = {}
    for what, account, subjects, wait in steps:
        now += wait
        match what:
            case "read":
                held.note(account, read(*subjects), now, at=now)
                last[account] = now, subjects
            case "broke off":
                held.note(account, BROKE_OFF, now, at=now)
            case "busy":
                held.note(account, BUSY, now, at=now)
            case "forget":
                held.forget(account)
        found = held.look(account, now)
        if found is None:
            continue
        if found.complete:
            at, subjects_then = last[account]
            assert set(found.blocks) == subjects_then
            assert now - at < TIMES.fresh
        elif account in last and now - last[account][0] < TIMES.stale:
            assert set(found.blocks) >= last[account][1]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=80))
def test_memory_is_bounded_in_accounts_and_in_bytes(notes: list[tuple[int, int]]) -> None:
    held = cache(max_items=8, max_bytes=40_000)
    for number, count in notes:
        who = AccountDid(f"did:web:a{number}.example")
        held.note(who, read(*(AccountDid(f"did:web:b{each}.example") for each in range(count))), 0, at=0)
        known = held.statistics()
        assert known["items"] <= 8
        assert known["bytes"] <= 40_000
    assert held.statistics()["bytes"] >= 0


def test_claims_are_remembered_of_so_many_accounts() -> None:
    held = BlockCache(times=TIMES, claims_per_minute=1_000, max_items=8)
    for number in range(100):
        held.may_confirm(AccountDid(f"did:web:a{number}.example"), 0, own=False)
    assert held.statistics()["claims"] == 8


@pytest.mark.parametrize("backwards", [0.0, -100.0])
def test_a_clock_that_stands_still_grants_no_more(backwards: float) -> None:
    held = cache()
    assert held.may_confirm(ALICE, 100, own=True) == 0
    assert held.may_confirm(ALICE, 100 + backwards, own=True) > 0
