"""A block between two members: the admins of the moment are told, and nobody else ever sees it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol import (
    AccountDid,
    AnnounceDevice,
    ChangeRole,
    Conflict,
    Duplicate,
    EncodedEvent,
    EntryKind,
    Leave,
    Rejected,
    RemoveMember,
    ResetGroup,
    TellBlock,
    audience,
    decide,
    decode_group,
    encode_group,
)
from tests.protocol.groups import ALICES, accepted, group, leaf, now_at
from tests.protocol.worlds import (
    ACCOUNTS,
    ALICE,
    BOB,
    CAROL,
    CONVO,
    GROUP_ID,
    LIMITS,
    NOW,
    World,
    create,
    device,
    refusal,
    send,
    welcomes,
)

DAVE = ACCOUNTS[3]


def tell(by: AccountDid, blocker: AccountDid, blocked: AccountDid, *, stands: bool = True) -> TellBlock:
    return TellBlock(CONVO, by, blocker, blocked, stands)


def standing(world: World) -> list[tuple[AccountDid, AccountDid]]:
    return [(each.blocker, each.blocked) for each in now_at(world).group.conflicts]


def test_the_admins_devices_of_that_moment_are_the_audience() -> None:
    """A member who learned that two others have a conflict would have learned more than is its business."""
    world = group(BOB, CAROL, DAVE)
    accepted(world.ask(ChangeRole(CONVO, ALICE, DAVE, "admin")))
    (entry,) = accepted(world.ask(tell(BOB, BOB, CAROL))).entries
    assert entry.kind is EntryKind.NOTICE
    assert audience(entry) == frozenset((ALICES, device(DAVE)))
    accepted(world.ask(ChangeRole(CONVO, ALICE, BOB, "admin")))
    assert audience(entry) == frozenset((ALICES, device(DAVE)))


def test_it_is_told_once_and_taken_back_once() -> None:
    """Both of the two may tell, and clients repeat themselves; admins hear of it once in each direction."""
    world = group(BOB, CAROL)
    (first,) = accepted(world.ask(tell(BOB, BOB, CAROL))).entries
    again = world.ask(tell(CAROL, BOB, CAROL))
    assert isinstance(again, Duplicate)
    assert again.answer.seq == first.seq  # type: ignore[union-attr]
    accepted(world.ask(tell(BOB, CAROL, BOB)))
    assert standing(world) == [(BOB, CAROL), (CAROL, BOB)]
    (gone,) = accepted(world.ask(tell(BOB, BOB, CAROL, stands=False))).entries
    assert standing(world) == [(CAROL, BOB)]
    assert accepted(world.ask(tell(BOB, BOB, CAROL, stands=False))).entries == ()
    assert EncodedEvent(first).name == EncodedEvent(gone).name == "noticeEvent"
    assert b"blockConflict" in EncodedEvent(first).session_json()
    assert b"blockResolved" in EncodedEvent(gone).session_json()


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (tell(ALICE, BOB, CAROL), "Forbidden"),
        (tell(BOB, BOB, BOB), "Forbidden"),
        (tell(BOB, BOB, DAVE), "NotMember"),
        (tell(DAVE, DAVE, BOB), "ConvoNotFound"),
    ],
)
def test_only_one_of_the_two_tells_and_both_are_in(command: TellBlock, error: str) -> None:
    """Else anybody could set admins on others, and a stranger could ask who is in."""
    assert refusal(group(BOB, CAROL).ask(command)).error == error


def test_who_left_does_not_tell() -> None:
    world = group(BOB, CAROL)
    accepted(world.ask(Leave(CONVO, BOB)))
    assert refusal(world.ask(tell(BOB, BOB, CAROL))).error == "NotMember"


def test_an_opaque_conversation_has_no_notices() -> None:
    world = World()
    accepted(world.ask(create(BOB, CAROL)))
    assert refusal(world.ask(tell(BOB, BOB, CAROL))).error == "InvalidRequest"


def test_a_conflict_is_over_when_one_of_the_two_goes() -> None:
    """Removed, gone by itself or displaced by a reset: who is not in is in nobody's way."""
    world = group(BOB, CAROL, DAVE)
    for command in (tell(BOB, BOB, CAROL), tell(BOB, DAVE, BOB), tell(DAVE, DAVE, CAROL)):
        accepted(world.ask(command))
    accepted(world.ask(RemoveMember(CONVO, ALICE, CAROL)))
    assert standing(world) == [(DAVE, BOB)]
    assert now_at(world).group.conflicts_resolved == 2
    accepted(world.ask(ResetGroup(CONVO, ALICE, ALICES, GROUP_ID.hex() + "ff", "", 1)))
    assert standing(world) == []
    assert now_at(world).group.conflicts_resolved == 3


def test_a_reset_that_keeps_the_two_keeps_the_conflict() -> None:
    world = group(BOB)
    accepted(world.ask(tell(BOB, BOB, ALICE)))
    adds = (leaf(device(BOB)),)
    name = GROUP_ID.hex() + "ff"
    reset = ResetGroup(CONVO, ALICE, ALICES, name, "", 1, 1, adds=adds, welcomes=welcomes(adds))
    accepted(world.ask(reset))
    assert standing(world) == [(BOB, ALICE)]


def test_a_conversation_keeps_so_many_and_no_more() -> None:
    """One hostile account with a host of its own could otherwise make every append write a large state."""
    full = tuple(Conflict(AccountDid(f"did:web:x{number}.example"), BOB, 2, 0) for number in range(100))
    state = now_at(group(BOB, CAROL))
    state = replace(state, group=replace(state.group, conflicts=full))
    outcome = decide(state, tell(BOB, BOB, CAROL), now=NOW, limits=LIMITS)
    assert refusal(outcome).error == "NotEnoughResources"


@given(
    st.lists(
        st.tuples(st.sampled_from([BOB, CAROL, DAVE]), st.sampled_from([BOB, CAROL, DAVE]), st.booleans())
    )
)
def test_what_stands_is_what_was_told_last(told: list[tuple[AccountDid, AccountDid, bool]]) -> None:
    """And the state survives being written and read: a store keeps it as one column."""
    world = group(BOB, CAROL, DAVE)
    expected: set[tuple[AccountDid, AccountDid]] = set()
    for blocker, blocked, stands in told:
        outcome = world.ask(tell(blocker, blocker, blocked, stands=stands))
        assert isinstance(outcome, Rejected) is (blocker == blocked)
        if blocker != blocked:
            (expected.add if stands else expected.discard)((blocker, blocked))
    assert set(standing(world)) == expected
    assert decode_group(encode_group(now_at(world).group)) == now_at(world).group


def test_everything_else_is_for_everybody_whose_membership_shows_it() -> None:
    world = group(BOB)
    accepted(world.ask(send(ALICE, "m1", epoch=1)))
    accepted(world.ask(AnnounceDevice(CONVO, BOB, device(BOB, 2), "tablet", "a")))
    assert [audience(entry) for entry in world.log] == [None] * len(world.log)
