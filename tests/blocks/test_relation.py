"""The relation of accounts: three-valued, in both directions, and what follows from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import AccountDid
from router.blocks.relation import Block, Findings, Records, Relation, Verdict, WhenUnknown, between, verdict

PEOPLE = tuple(AccountDid(f"did:web:{name}.example") for name in "abcdef")
ALICE, BOB, CAROL = PEOPLE[:3]


def block(blocker: AccountDid, blocked: AccountDid) -> Block:
    return Block(blocker, blocked, "2026-01-01T00:00:00Z", f"at://{blocker}/app.bsky.graph.block/k")


def records(blocker: AccountDid, *blocked: AccountDid, complete: bool = True, looked: float = 7.0) -> Records:
    return Records({other: block(blocker, other) for other in blocked}, complete, looked)


def of_pair(alice: Records | None, bob: Records | None) -> Relation:
    known = {account: held for account, held in ((ALICE, alice), (BOB, bob)) if held is not None}
    return between((), (ALICE, BOB), known).relation


def test_a_block_counts_in_both_directions() -> None:
    """Whoever blocks: neither is to sit in a room with the other."""
    none_of_bob, none_of_alice = records(BOB), records(ALICE)
    assert of_pair(records(ALICE, BOB), none_of_bob) is Relation.BLOCKED
    assert of_pair(none_of_alice, records(BOB, ALICE)) is Relation.BLOCKED
    assert of_pair(none_of_alice, none_of_bob) is Relation.CLEAR
    assert of_pair(records(ALICE, CAROL), none_of_bob) is Relation.CLEAR


@pytest.mark.parametrize("silent", [None, records(BOB, complete=False)])
def test_what_could_not_be_read_is_unknown_and_never_clear(silent: Records | None) -> None:
    """The seed server took a failed look-up for «no blocks» (failure 27)."""
    assert of_pair(records(ALICE), silent) is Relation.UNKNOWN
    assert of_pair(silent, records(BOB)) is Relation.UNKNOWN
    assert of_pair(records(ALICE, BOB), silent) is Relation.BLOCKED


def test_a_block_found_among_incomplete_records_is_one() -> None:
    """Beyond the bound of a listing: found is found."""
    assert of_pair(records(ALICE, BOB, complete=False), records(BOB)) is Relation.BLOCKED


def test_those_present_are_not_judged_among_each_other_again() -> None:
    """A conflict that came up later is the admins' to solve, and must not keep everybody else out."""
    known = {ALICE: records(ALICE, BOB), BOB: records(BOB), CAROL: records(CAROL)}
    assert between((ALICE, BOB), (CAROL,), known).relation is Relation.CLEAR
    assert between((ALICE,), (BOB, CAROL), known).blocks == (block(ALICE, BOB),)
    assert between((ALICE, BOB), (BOB,), known).blocks == (block(ALICE, BOB),)


def test_what_is_told_rests_on_the_oldest_reading() -> None:
    known = {ALICE: records(ALICE, looked=5.0), BOB: records(BOB, looked=3.0)}
    assert between((), (ALICE, BOB), known).looked == 3.0


@pytest.mark.parametrize(
    "alone", [((), (ALICE,)), ((ALICE,), ()), ((ALICE,), (ALICE,)), ((), (ALICE, ALICE))]
)
def test_one_account_alone_has_nobody_in_its_way(
    alone: tuple[tuple[AccountDid, ...], tuple[AccountDid, ...]],
) -> None:
    """Its records need not be known: also where it blocks itself."""
    assert between(*alone, {}) == Findings((), ())
    assert between(*alone, {ALICE: records(ALICE, ALICE)}) == Findings((), ())


@pytest.mark.parametrize(
    ("relation", "when_unknown", "expected"),
    [
        (Relation.BLOCKED, "refuse", Verdict.BLOCKED),
        (Relation.BLOCKED, "allow", Verdict.BLOCKED),
        (Relation.UNKNOWN, "refuse", Verdict.UNJUDGED),
        (Relation.UNKNOWN, "allow", Verdict.ALLOWED),
        (Relation.CLEAR, "refuse", Verdict.ALLOWED),
        (Relation.CLEAR, "allow", Verdict.ALLOWED),
    ],
)
def test_the_deployment_decides_about_the_unknown_and_about_nothing_else(
    relation: Relation, when_unknown: WhenUnknown, expected: Verdict
) -> None:
    findings = {
        Relation.BLOCKED: Findings((block(ALICE, BOB),), (ALICE,)),
        Relation.UNKNOWN: Findings((), (ALICE,)),
        Relation.CLEAR: Findings((), ()),
    }[relation]
    assert findings.relation is relation
    assert verdict(findings, when_unknown) is expected


accounts = st.sampled_from(PEOPLE)
held = st.tuples(st.frozensets(accounts), st.booleans())
worlds = st.dictionaries(accounts, held)


@given(worlds, st.lists(accounts), st.lists(accounts))
def test_findings_are_those_of_all_pairs_with_a_newcomer(
    world: dict[AccountDid, tuple[frozenset[AccountDid], bool]],
    present: list[AccountDid],
    coming: list[AccountDid],
) -> None:
    """The law, pair by pair, as a child would check it."""
    known = {account: records(account, *blocked, complete=full) for account, (blocked, full) in world.items()}
    pairs = {
        (one, other)
        for one in {*present, *coming}
        for other in {*present, *coming}
        if one != other and (one in coming or other in coming)
    }
    blocks = {(one, other) for one, other in pairs if one in world and other in world[one][0]}
    unknown = {one for one, _ in pairs if one not in world or not world[one][1]}

    findings = between(present, coming, known)

    assert {(each.blocker, each.blocked) for each in findings.blocks} == blocks
    assert len(findings.blocks) == len(blocks)
    assert set(findings.unknown) == unknown
    assert len(findings.unknown) == len(unknown)
