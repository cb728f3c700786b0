"""Beginning, resetting, telling: what an MLS conversation does besides its commits."""

import pytest
from msgspec.structs import replace

from protocol import (
    Accepted,
    AddMembers,
    AnnounceDevice,
    Changed,
    ChangeRole,
    Create,
    CreateAnswer,
    Duplicate,
    Leave,
    Limits,
    PutGroupInfo,
    PutWelcome,
    ReaddDone,
    ReaddOffer,
    ReaddWait,
    RefreshGroupInfo,
    RemoveMember,
    RequestReadd,
    ResetGroup,
    Standing,
    UpdateGroupInfo,
    decide,
    first_digest,
    first_offer,
    next_offer,
    standing,
)
from tests.protocol.groups import (
    ALICES,
    MLS,
    accepted,
    commit,
    external,
    group,
    group_info,
    handshake,
    leaf,
    member_device,
    now_at,
)
from tests.protocol.worlds import (
    ALICE,
    BOB,
    CAROL,
    CONVO,
    DAVE,
    GROUP_ID,
    LIMITS,
    NOW,
    began,
    create,
    device,
    devices,
    refusal,
    send,
    welcomes,
)

BOBS, CAROLS, DAVES = device(BOB), device(CAROL), device(DAVE)
AT = 1_000_000


# -- beginning -----------------------------------------------------------------------------------------


def test_who_is_named_at_the_beginning_waits_until_a_commit_adds_a_leaf() -> None:
    """Failure 12: members of the database that the tree had never heard of."""
    named = replace(create(kind=MLS), members=devices(ALICE, BOB), pending=(CAROL,))
    outcome = decide(None, named, now=NOW, limits=LIMITS)
    assert isinstance(outcome, Accepted)
    assert isinstance(outcome.answer, CreateAnswer)
    state = outcome.answer.conversation
    assert state.accounts() == (ALICE,)
    assert [standing(state, account) for account in (BOB, CAROL)] == [Standing.PENDING] * 2
    refused = decide(state, send(BOB, "m"), now=NOW, limits=LIMITS, looked_up=True)
    assert refusal(refused).error == "NotMember"
    assert state.group.digest == first_digest(GROUP_ID.hex(), 0)


def test_of_the_creators_devices_only_the_creating_one_has_a_leaf() -> None:
    both = replace(create(kind=MLS), members=(member_device(ALICES), member_device(device(ALICE, 2))))
    assert refusal(decide(None, both, now=NOW, limits=LIMITS)).error == "InvalidRequest"
    outcome = decide(None, replace(both, device=device(ALICE, 2)), now=NOW, limits=LIMITS)
    assert isinstance(outcome, Accepted)
    assert isinstance(outcome.answer, CreateAnswer)
    assert outcome.answer.conversation.devices_of(ALICE) == (device(ALICE, 2),)


def test_the_epoch_comes_from_the_group_info_or_from_the_creator_and_is_never_made_up() -> None:
    """Failure 1: the server answered 0 to a creator who stood at 1."""
    made = replace(create(BOB, kind=MLS, epoch=0), group_info=group_info(7))
    outcome = accepted(decide(None, made, now=NOW, limits=LIMITS))
    assert outcome.entries[0].epoch == 7
    assert outcome.effects == (
        PutWelcome(BOBS, BOB, None, b"welcome", 7, 0, AT),
        PutGroupInfo(0, 7, b"group info", group_info(7).hash),
    )
    for wrong in (replace(made, epoch=3), replace(made, group_info=None)):
        assert refusal(decide(None, wrong, now=NOW, limits=LIMITS)).error == "InvalidRequest"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"welcomes": ()}, "WelcomeMismatch"),
        ({"device": BOBS}, "NotMember"),
        ({"adds": (leaf(ALICES),)}, "InvalidRequest"),
        ({"pending": tuple(f"did:web:{n}.example" for n in range(9))}, "TooManyMembers"),
    ],
)
def test_a_group_that_cannot_begin_is_refused_by_name(change: dict[str, object], error: str) -> None:
    made: Create = replace(create(BOB, kind=MLS), **change)
    assert refusal(decide(None, made, now=NOW, limits=LIMITS)).error == error


def test_naming_is_not_adding_and_who_was_named_may_decline() -> None:
    world = group(BOB)
    accepted(world.ask(AddMembers(CONVO, BOB, devices(CAROL))))
    assert standing(world.state, CAROL) is Standing.PENDING
    assert isinstance(world.ask(AddMembers(CONVO, ALICE, devices(CAROL))), Duplicate)
    accepted(world.ask(Leave(CONVO, CAROL)))
    assert standing(world.state, CAROL) is Standing.LEFT


def test_an_admin_who_names_a_removed_account_lifts_its_tombstone() -> None:
    world = group(BOB, CAROL)
    world.ask(RemoveMember(CONVO, ALICE, CAROL))
    assert refusal(world.ask(AddMembers(CONVO, BOB, devices(CAROL)))).error == "NotAdmin"
    accepted(world.ask(AddMembers(CONVO, ALICE, devices(CAROL))))
    made = handshake(now_at(world), BOBS, adds=[leaf(CAROLS)], removes=[CAROLS])
    accepted(world.ask(commit(BOBS, made)))
    assert standing(world.state, CAROL) is Standing.MEMBER


# -- reset ---------------------------------------------------------------------------------------------

RESET = ResetGroup(CONVO, ALICE, ALICES, "a new group", "suite", 1, reason="jammed")


def test_a_reset_keeps_the_conversation_and_lets_in_who_has_a_leaf_in_the_new_group() -> None:
    world = group(BOB, CAROL)
    adds = (leaf(BOBS, b"ref", 1),)
    asked = replace(RESET, adds=adds, welcomes=welcomes(adds), group_info=group_info(1))
    outcome = accepted(world.ask(asked))
    assert outcome.answer == Changed(2, 1)
    assert PutGroupInfo(1, 1, b"group info", group_info(1).hash) in outcome.effects
    state = now_at(world)
    assert (state.id, state.group_id, state.group.generation) == (CONVO, "a new group", 1)
    assert set(state.members) == {ALICES, BOBS}
    assert standing(state, CAROL) is Standing.PENDING


def test_an_admin_whom_a_reset_displaced_is_admin_again_when_a_commit_brings_it_back() -> None:
    world = group(BOB)
    world.ask(ChangeRole(CONVO, ALICE, BOB, "admin"))
    world.ask(RESET)
    assert refusal(world.ask(ChangeRole(CONVO, BOB, ALICE, "member"))).error == "NotMember"
    group_id = b"a new group"
    made = handshake(now_at(world), ALICES, adds=[leaf(BOBS)], group_id=group_id)
    accepted(world.ask(commit(ALICES, made)))
    assert standing(world.state, BOB) is Standing.ADMIN


def test_a_tombstone_outlives_a_reset() -> None:
    world = group(BOB)
    world.ask(RemoveMember(CONVO, ALICE, BOB))
    adds = (leaf(BOBS),)
    barred = replace(RESET, adds=adds, welcomes=welcomes(adds), epoch=1)
    assert refusal(world.ask(barred)).error == "NotMember"
    world.ask(RESET)
    assert standing(world.state, BOB) is Standing.REMOVED


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"generation": 2}, "GroupReset"),
        ({"generation": 0}, "GroupReset"),
        ({"new_group_id": GROUP_ID.hex().upper()}, "GroupIdAlreadyExists"),
        ({"account": BOB, "device": BOBS}, "NotAdmin"),
        ({"device": BOBS}, "NotMember"),
        ({"epoch": -1}, "InvalidRequest"),
        ({"adds": (leaf(CAROLS),)}, "InvalidRequest"),
        ({"adds": (leaf(CAROLS),), "epoch": 1}, "NotMember"),
    ],
)
def test_a_reset_that_may_not_be_is_refused_by_name(change: dict[str, object], error: str) -> None:
    world = group(BOB)
    asked: ResetGroup = replace(RESET, **change)
    assert refusal(world.ask(asked)).error == error


def test_what_was_sealed_for_the_old_group_is_refused_in_the_new_one() -> None:
    world = group(BOB)
    late = commit(ALICES, replace(handshake(now_at(world), ALICES), base_epoch=0))
    world.ask(RESET)
    assert refusal(world.ask(late)).error == "InvalidCommit"
    assert refusal(world.ask(send(ALICE, "m"))).error == "GroupReset"


# -- telling -------------------------------------------------------------------------------------------


def test_a_new_device_is_announced_once_and_is_not_in_before_a_commit() -> None:
    world = group(BOB)
    second = device(BOB, 2)
    asked = AnnounceDevice(CONVO, BOB, second, "tablet", "addition-1")
    first = accepted(world.ask(asked))
    assert world.ask(asked) == Duplicate(first.answer)
    assert refusal(world.ask(replace(send(BOB, "m", epoch=1), device=second))).error == "NotMember"
    accepted(world.ask(commit(ALICES, handshake(now_at(world), ALICES, adds=[leaf(second)]))))
    assert now_at(world).group.announced == {}
    assert refusal(world.ask(asked)).error == "AlreadyMember"


def test_a_group_info_is_asked_for_once_in_a_while_and_brought_for_the_current_epoch_only() -> None:
    world = group(BOB, CAROL)
    first = accepted(world.ask(RefreshGroupInfo(CONVO, BOB)))
    assert world.ask(RefreshGroupInfo(CONVO, CAROL)) == Duplicate(first.answer)
    accepted(world.ask(RefreshGroupInfo(CONVO, CAROL), NOW + 10))
    late = UpdateGroupInfo(CONVO, ALICE, group_info(0))
    assert refusal(world.ask(late)).error == "EpochMismatch"
    brought = UpdateGroupInfo(CONVO, ALICE, group_info(1))
    outcome = accepted(world.ask(brought))
    assert outcome.effects == (PutGroupInfo(0, 1, b"group info", group_info(1).hash),)
    assert now_at(world).group.refresh is None
    assert accepted(world.ask(brought)).entries == ()
    other = UpdateGroupInfo(CONVO, BOB, group_info(1, b"another tree"))
    assert refusal(world.ask(other)).error == "EpochMismatch", "it was not compared with the one that holds"


def test_an_opaque_conversation_has_no_group_to_do_any_of_this_with() -> None:
    state = began(BOB)
    for command in (
        RESET,
        RefreshGroupInfo(CONVO, BOB),
        RequestReadd(CONVO, BOB, BOBS, None),
        AnnounceDevice(CONVO, BOB, BOBS, "", ""),
        UpdateGroupInfo(CONVO, BOB, group_info(0)),
        commit(BOBS, external(state, BOBS)),
    ):
        outcome = decide(state, command, now=NOW, limits=LIMITS, looked_up=True)
        assert refusal(outcome).error == "InvalidRequest"


# -- being added again -----------------------------------------------------------------------------------


def test_a_request_is_leased_to_one_device_and_passed_on_when_it_does_nothing() -> None:
    world = group(BOB, CAROL, DAVE)
    online = {ALICES, CAROLS, DAVES}
    limits = Limits()
    first = first_offer(now_at(world), BOB, BOBS, online)
    assert first in online
    accepted(world.ask(RequestReadd(CONVO, BOB, BOBS, first)))
    asked = [first]
    for attempt in (2, 3):
        at = AT + 4 * (attempt - 2)
        assert isinstance(next_offer(now_at(world), BOBS, online, now=at, limits=limits), ReaddWait)
        step = next_offer(now_at(world), BOBS, online, now=at + 4, limits=limits)
        assert isinstance(step, ReaddOffer)
        assert step.attempt == attempt
        asked.append(step.leased_to)
        accepted(world.ask(RequestReadd(CONVO, BOB, BOBS, step.leased_to, attempt), at + 4))
    assert set(asked) == online, "nobody is asked twice before everybody was"
    assert isinstance(next_offer(now_at(world), BOBS, online, now=AT + 20, limits=limits), ReaddWait)
    again = next_offer(now_at(world), BOBS, online, now=AT + 40, limits=limits)
    assert again == ReaddOffer(asked[0], 4)


def test_another_device_of_the_account_is_asked_first_and_one_that_needs_help_itself_never() -> None:
    world = group(BOB, CAROL)
    second = device(BOB, 2)
    world.ask(commit(ALICES, handshake(now_at(world), ALICES, adds=[leaf(second)])))
    everybody = set(now_at(world).members)
    assert first_offer(now_at(world), BOB, BOBS, everybody) == second
    world.ask(RequestReadd(CONVO, BOB, second, None))
    assert first_offer(now_at(world), BOB, BOBS, everybody) in {ALICES, CAROLS}
    assert first_offer(now_at(world), BOB, BOBS, {second, BOBS}) is None


def test_a_request_ends_when_the_device_has_a_leaf_again() -> None:
    world = group(BOB, CAROL)
    world.ask(RequestReadd(CONVO, BOB, BOBS, CAROLS))
    made = handshake(now_at(world), CAROLS, adds=[leaf(BOBS, b"fresh")], removes=[BOBS])
    accepted(world.ask(commit(CAROLS, made, "add")))
    assert next_offer(now_at(world), BOBS, {CAROLS}, now=AT, limits=LIMITS) == ReaddDone()


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (RequestReadd(CONVO, BOB, BOBS, BOBS), "InvalidRequest"),
        (RequestReadd(CONVO, BOB, BOBS, DAVES), "InvalidRequest"),
        (RequestReadd(CONVO, BOB, BOBS, None, 2), "InvalidRequest"),
        (RequestReadd(CONVO, BOB, ALICES, None), "NotMember"),
        (RequestReadd(CONVO, CAROL, CAROLS, None), "NotMember"),
        (RequestReadd(CONVO, DAVE, DAVES, None), "ConvoNotFound"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_by_name(command: RequestReadd, error: str) -> None:
    world = group(BOB, CAROL)
    world.ask(RemoveMember(CONVO, ALICE, CAROL))
    assert refusal(world.ask(command)).error == error
