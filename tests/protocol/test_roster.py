"""The sealed roster of admins: a server that shows others than the admins say is found out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import (
    AccountDid,
    Roster,
    RosterDifference,
    RosterFault,
    check_roster,
    follow_roster,
    roster_hash,
)

ALICE, BOB, MALLORY = (AccountDid(f"did:web:{name}.example") for name in ("alice", "bob", "mallory"))

people = st.frozensets(st.sampled_from("abcdefgh").map(lambda name: AccountDid(f"did:web:{name}.example")))


def roster(version: int, *admins: AccountDid) -> Roster:
    return Roster(version, frozenset(admins), roster_hash(admins))


def test_the_hash_is_what_sort_and_sha256sum_say() -> None:
    """`printf '%s\\n' did:web:bob.example did:web:alice.example | LC_ALL=C sort -u | sha256sum`"""
    expected = "6a9c1385e00e07623c734259dad6689060ac6e57362dada6fc4f004b33fd1994"
    assert roster_hash([BOB, ALICE, BOB]) == expected


def test_a_server_that_hides_an_admin_and_invents_another_is_found_out() -> None:
    """What the roster is for: the server gives Mallory a role that no admin gave her."""
    believed = roster(1, ALICE, BOB)
    assert follow_roster(None, believed, ALICE) is None
    assert not check_roster(believed, [BOB, ALICE])
    difference = check_roster(believed, [ALICE, MALLORY])
    assert difference
    assert difference == RosterDifference(frozenset({BOB}), frozenset({MALLORY}))


@pytest.mark.parametrize(
    ("told", "sender", "fault"),
    [
        (roster(3, ALICE, BOB), ALICE, None),
        (roster(3, BOB), BOB, None),
        (Roster(3, frozenset({BOB})), ALICE, None),
        (Roster(3, frozenset({BOB}), roster_hash([ALICE])), ALICE, RosterFault.HASH),
        (Roster(3, frozenset({BOB}), "é"), ALICE, RosterFault.HASH),
        (Roster(3, frozenset({BOB}), roster_hash([BOB]).upper()), ALICE, RosterFault.HASH),
        (roster(3), ALICE, RosterFault.EMPTY),
        (roster(3, MALLORY), MALLORY, RosterFault.SENDER),
        (roster(2, ALICE), ALICE, RosterFault.OLD),
        (roster(1, ALICE, BOB), ALICE, RosterFault.OLD),
    ],
)
def test_a_roster_follows_another_only_from_an_admin_and_forwards(
    told: Roster, sender: AccountDid, fault: RosterFault | None
) -> None:
    """A member cannot make itself admin, and an old roster that a server sends again changes nothing."""
    assert follow_roster(roster(2, ALICE, BOB), told, sender) is fault


def test_the_first_roster_comes_from_somebody_in_it() -> None:
    assert follow_roster(None, roster(1, ALICE), BOB) is RosterFault.SENDER


@given(people, people)
def test_they_agree_exactly_when_the_sets_are_one(
    said: frozenset[AccountDid], shown: frozenset[AccountDid]
) -> None:
    difference = check_roster(Roster(1, said), list(shown) * 2)
    assert bool(difference) is (said != shown)
    assert (shown | difference.hidden) - difference.invented == said
    assert (roster_hash(said) == roster_hash(shown)) is (said == shown)
