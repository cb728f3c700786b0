"""The rules of a conversation, one by one: who may do what, in which order, and what a refusal says."""

import pytest
from msgspec.structs import replace

from protocol import (
    CONVO_NOT_FOUND,
    NOT_MEMBER,
    Accepted,
    AddMembers,
    Changed,
    Conversation,
    ConversationKind,
    Create,
    CreateAnswer,
    Duplicate,
    Framing,
    Known,
    Leave,
    MemberDevice,
    MemberRemoved,
    MembersAdded,
    MsgId,
    RemoveMember,
    Send,
    Sent,
    Standing,
    body_hash,
    decide,
    decode_fact,
    names_group,
    standing,
)
from tests.protocol.worlds import (
    ALICE,
    BOB,
    CAROL,
    CONVO,
    DAVE,
    EVE,
    GROUP_ID,
    LIMITS,
    MALLORY,
    NOW,
    World,
    began,
    ciphertext,
    commit_entry,
    create,
    device,
    devices,
    refusal,
    send,
)

MLS = ConversationKind.MLS


def test_a_conversation_begins_is_written_to_and_answers_with_the_place_of_each_message() -> None:
    """The way of a message through the pure part, in four lines: the example to read first."""
    world = World()
    created = world.ask(create(BOB))
    first = world.ask(send(BOB, "hello"))
    second = world.ask(send(ALICE, "hi"))

    assert isinstance(created, Accepted)
    assert isinstance(created.answer, CreateAnswer)
    assert created.answer.conversation.admins == {ALICE}
    assert first == Accepted((world.log[1],), Sent(MsgId("hello"), seq=2, epoch=0, received=1_000_000))
    assert isinstance(second, Accepted)
    assert [entry.seq for entry in world.log] == [1, 2, 3]
    assert [entry.app_count for entry in world.log] == [0, 1, 2]


def test_an_accepted_message_has_no_field_that_could_hold_its_sender() -> None:
    outcome = decide(began(BOB), send(BOB, "m"), now=NOW, limits=LIMITS)
    assert BOB not in repr(outcome)
    assert device(BOB) not in repr(outcome)


# -- strangers and those who went ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        send(MALLORY, "m"),
        AddMembers(CONVO, MALLORY, devices(MALLORY)),
        RemoveMember(CONVO, MALLORY, BOB),
        Leave(CONVO, MALLORY),
        create(),
    ],
)
def test_a_stranger_hears_the_same_of_a_foreign_conversation_as_of_one_that_does_not_exist(
    command: Send | AddMembers | RemoveMember | Leave | Create,
) -> None:
    asked = replace(command, account=MALLORY)
    foreign = decide(began(BOB), asked, now=NOW, limits=LIMITS)
    assert foreign == CONVO_NOT_FOUND
    if not isinstance(asked, Create):
        assert decide(None, asked, now=NOW, limits=LIMITS) == foreign


def test_a_strangers_send_is_not_looked_up_and_not_told_that_the_message_exists() -> None:
    known = Known(2, body_hash(ciphertext()), 0, 1_000_000)
    assert decide(began(BOB), send(MALLORY, "m"), now=NOW, known=known, limits=LIMITS) == CONVO_NOT_FOUND
    assert not CONVO_NOT_FOUND.lookup


@pytest.mark.parametrize(
    "command",
    [
        send(BOB, "m"),
        AddMembers(CONVO, BOB, devices(BOB)),
        RemoveMember(CONVO, BOB, ALICE),
        Leave(CONVO, BOB),
    ],
)
@pytest.mark.parametrize("departure", [RemoveMember(CONVO, ALICE, BOB), Leave(CONVO, BOB)])
def test_who_is_out_may_do_nothing_and_is_told_so(
    command: Send | AddMembers | RemoveMember | Leave, departure: RemoveMember | Leave
) -> None:
    world = World()
    world.ask(create(BOB))
    world.ask(departure)
    assert world.ask(command) == NOT_MEMBER


# -- sends -----------------------------------------------------------------------------------------------


def test_a_retry_gets_the_first_answer_after_the_epoch_moved_and_after_its_sender_was_removed() -> None:
    world = World()
    world.ask(create(BOB, kind=MLS))
    first = world.ask(send(BOB, "m"))
    assert isinstance(first, Accepted)
    for _ in range(5):
        assert world.state is not None
        world.append([commit_entry(world.state)])
    assert world.ask(send(BOB, "m"), now=NOW + 500) == Duplicate(first.answer)
    world.ask(RemoveMember(CONVO, ALICE, BOB))
    assert world.ask(send(BOB, "m"), now=NOW + 900) == Duplicate(first.answer)


def test_other_bytes_under_a_used_msg_id_are_a_conflict_even_if_they_could_not_be_sent_anyway() -> None:
    world = World()
    world.ask(create(BOB))
    world.ask(send(BOB, "m"))
    assert refusal(world.ask(send(BOB, "m", body=ciphertext(512, 9)))).error == "IdempotencyConflict"
    assert refusal(world.ask(send(BOB, "m", body=b"short"))).error == "IdempotencyConflict"


def test_a_send_is_not_refused_before_its_msg_id_was_looked_up() -> None:
    bad = send(BOB, "m", body=b"short")
    unseen = refusal(decide(began(BOB), bad, now=NOW, limits=LIMITS))
    final = refusal(decide(began(BOB), bad, now=NOW, limits=LIMITS, looked_up=True))
    assert unseen.lookup
    assert final == replace(unseen, lookup=False)


def test_a_send_of_one_who_is_out_is_looked_up_too() -> None:
    world = World()
    world.ask(create(BOB))
    world.ask(Leave(CONVO, BOB))
    outcome = decide(world.state, send(BOB, "m"), now=NOW, limits=LIMITS)
    assert outcome == replace(NOT_MEMBER, lookup=True)


def send_error(state: Conversation, command: Send) -> str:
    return refusal(decide(state, command, now=NOW, limits=LIMITS, looked_up=True)).error


def test_the_real_length_must_be_a_size_class_of_the_conversations_kind() -> None:
    assert send_error(began(BOB), send(BOB, "m", body=bytes(513))) == "InvalidAsset"
    assert send_error(began(BOB, kind=MLS), send(BOB, "m", body=bytes(5120))) == "InvalidAsset"
    assert send_error(began(BOB), send(BOB, "m", body=bytes(10 * 1024 * 1024 + 1))) == "MessageTooLarge"


def test_an_mls_message_is_accepted_in_the_window_and_the_current_epoch_is_named_outside_it() -> None:
    state = began(BOB, kind=MLS, epoch=7)
    for epoch in (4, 5, 6, 7):
        outcome = decide(state, send(BOB, "m", epoch=epoch), now=NOW, limits=LIMITS)
        assert isinstance(outcome, Accepted)
        assert outcome.entries[0].epoch == epoch
    for epoch in (-1, 0, 3, 8, 2**40):
        outcome = decide(state, send(BOB, "m", epoch=epoch), now=NOW, limits=LIMITS, looked_up=True)
        assert refusal(outcome).error == "EpochMismatch"
        assert refusal(outcome).epoch == 7
        assert "7" in refusal(outcome).message


def test_the_window_does_not_reach_below_epoch_zero() -> None:
    assert send_error(began(BOB, kind=MLS, epoch=1), send(BOB, "m", epoch=-1)) == "EpochMismatch"


def test_an_opaque_message_has_epoch_zero_and_no_framing_is_asked_for() -> None:
    command = replace(send(BOB, "m"), framing=None)
    assert isinstance(decide(began(BOB), command, now=NOW, limits=LIMITS), Accepted)
    assert send_error(began(BOB), replace(command, epoch=1)) == "EpochMismatch"


@pytest.mark.parametrize(
    "framing",
    [
        None,
        Framing(GROUP_ID, 0, "commit"),
        Framing(GROUP_ID, 0, "proposal"),
        Framing(GROUP_ID, 0, "application", private=False),
        Framing(GROUP_ID, 1, "application"),
        Framing(b"another group", 0, "application"),
    ],
)
def test_an_mls_message_must_be_framed_as_an_application_message_of_its_group_and_epoch(
    framing: Framing | None,
) -> None:
    assert send_error(began(BOB, kind=MLS), replace(send(BOB, "m"), framing=framing)) == "InvalidAsset"


def test_a_group_id_is_named_in_hex_or_as_it_is() -> None:
    assert names_group("00FFab", b"\x00\xff\xab")
    assert names_group("family chat", b"family chat")
    assert not names_group("00ff", b"\x00\xfe")


def test_a_device_that_was_not_added_cannot_send_though_its_account_is_a_member() -> None:
    ghost = replace(send(BOB, "m"), device=device(BOB, 2))
    stolen = replace(send(BOB, "m"), device=device(ALICE))
    assert send_error(began(BOB), ghost) == "NotMember"
    assert send_error(began(BOB), stolen) == "NotMember"


def test_a_client_that_knows_no_devices_sends_as_its_account() -> None:
    command = replace(send(BOB, "m"), device=None)
    assert isinstance(decide(began(BOB), command, now=NOW, limits=LIMITS), Accepted)


# -- beginning -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (replace(create(), members=devices(BOB)), "InvalidRequest"),
        (replace(create(), members=()), "InvalidRequest"),
        (replace(create(), members=(*devices(ALICE), MemberDevice(BOB, device(ALICE)))), "InvalidRequest"),
        (create(BOB, CAROL, DAVE, EVE, MALLORY), "TooManyMembers"),
        (replace(create(), epoch=1), "InvalidRequest"),
        (create(kind=MLS, epoch=-1), "InvalidRequest"),
        (create(kind=MLS, epoch=2**53), "InvalidRequest"),
        (replace(create(kind=MLS), group_id=""), "InvalidRequest"),
    ],
)
def test_what_cannot_begin_is_refused_by_name(command: Create, error: str) -> None:
    assert refusal(decide(None, command, now=NOW, limits=LIMITS)).error == error


@pytest.mark.parametrize("epoch", [1, 17])
def test_the_epoch_of_a_new_mls_conversation_is_the_one_its_creator_stated(epoch: int) -> None:
    """A server that answers 0 to a creator who stands at 1 splits the group: members of two epochs."""
    assert began(BOB, kind=MLS, epoch=epoch).epoch == epoch
    assert began(kind=MLS, epoch=0).epoch == 0


def test_creating_again_what_exists_is_a_conflict_to_those_who_may_know_of_it() -> None:
    assert refusal(decide(began(BOB), create(BOB), now=NOW, limits=LIMITS)).error == "IdempotencyConflict"


def test_a_device_named_twice_joins_once() -> None:
    outcome = decide(None, replace(create(), members=devices(ALICE, ALICE)), now=NOW, limits=LIMITS)
    assert isinstance(outcome, Accepted)
    assert isinstance(outcome.answer, CreateAnswer)
    assert outcome.answer.conversation.devices_of(ALICE) == (device(ALICE),)


# -- membership ------------------------------------------------------------------------------------------


def test_any_member_adds_and_each_account_that_joins_is_an_entry_of_its_own() -> None:
    world = World()
    world.ask(create(BOB))
    outcome = world.ask(AddMembers(CONVO, BOB, devices(CAROL, DAVE)))
    assert isinstance(outcome, Accepted)
    assert outcome.answer == Changed(seq=3, epoch=0)
    facts = [decode_fact(entry.body) for entry in outcome.entries]
    assert facts == [MembersAdded(BOB, devices(CAROL)), MembersAdded(BOB, devices(DAVE))]


def test_a_new_device_of_a_member_joins_and_devices_that_are_in_are_passed_over() -> None:
    world = World()
    world.ask(create(BOB))
    second = MemberDevice(BOB, device(BOB, 2), "tablet")
    outcome = world.ask(AddMembers(CONVO, BOB, (*devices(BOB), second)))
    assert isinstance(outcome, Accepted)
    assert world.state is not None
    assert world.state.devices_of(BOB) == (device(BOB), device(BOB, 2))
    assert world.state.members[device(BOB, 2)].from_seq == 2
    assert world.state.members[device(BOB, 2)].device_name == "tablet"


@pytest.mark.parametrize(
    ("members", "error"),
    [
        (devices(BOB), "AlreadyMember"),
        ((), "AlreadyMember"),
        (devices(CAROL, DAVE, EVE, MALLORY), "TooManyMembers"),
        ((MemberDevice(CAROL, device(BOB)),), "InvalidRequest"),
        ((MemberDevice(CAROL, device(EVE)), MemberDevice(DAVE, device(EVE))), "InvalidRequest"),
    ],
)
def test_an_add_that_cannot_be_is_refused_by_name(members: tuple[MemberDevice, ...], error: str) -> None:
    outcome = decide(began(BOB), AddMembers(CONVO, BOB, members), now=NOW, limits=LIMITS)
    assert refusal(outcome).error == error


def test_only_an_admin_brings_a_removed_account_back_but_anybody_one_that_left() -> None:
    world = World()
    world.ask(create(BOB, CAROL, DAVE))
    world.ask(RemoveMember(CONVO, ALICE, CAROL, "spam"))
    world.ask(Leave(CONVO, DAVE))
    assert refusal(world.ask(AddMembers(CONVO, BOB, devices(CAROL)))).error == "NotAdmin"
    assert isinstance(world.ask(AddMembers(CONVO, BOB, devices(DAVE))), Accepted)
    assert isinstance(world.ask(AddMembers(CONVO, ALICE, devices(CAROL))), Accepted)
    assert world.state is not None
    assert not world.state.was_member(CAROL)
    assert not world.state.was_member(DAVE)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (RemoveMember(CONVO, BOB, ALICE), "NotAdmin"),
        (RemoveMember(CONVO, ALICE, ALICE), "CannotRemoveSelf"),
        (RemoveMember(CONVO, ALICE, MALLORY), "NotMember"),
        (Leave(CONVO, BOB, ALICE), "NotAdmin"),
        (Leave(CONVO, ALICE, MALLORY), "NotMember"),
    ],
)
def test_a_removal_that_may_not_be_is_refused_by_name(command: RemoveMember | Leave, error: str) -> None:
    assert refusal(decide(began(BOB), command, now=NOW, limits=LIMITS)).error == error


def test_a_removal_takes_all_devices_and_leaving_with_a_target_is_a_removal() -> None:
    world = World()
    world.ask(create(BOB, CAROL))
    world.ask(AddMembers(CONVO, BOB, (MemberDevice(BOB, device(BOB, 2)),)))
    outcome = world.ask(Leave(CONVO, ALICE, BOB))
    assert isinstance(outcome, Accepted)
    assert decode_fact(outcome.entries[0].body) == MemberRemoved(
        BOB, ALICE, "removed", None, (device(BOB), device(BOB, 2))
    )
    assert standing(world.state, BOB) is Standing.REMOVED


def test_the_last_member_cannot_leave() -> None:
    outcome = decide(began(), Leave(CONVO, ALICE), now=NOW, limits=LIMITS)
    assert refusal(outcome).error == "LastMember"


def test_when_the_last_admin_leaves_the_account_that_was_longest_here_becomes_admin_in_the_same_entry() -> (
    None
):
    world = World()
    world.ask(create())
    world.ask(AddMembers(CONVO, ALICE, devices(DAVE)))
    world.ask(AddMembers(CONVO, ALICE, devices(BOB)))
    outcome = world.ask(Leave(CONVO, ALICE, ALICE))
    assert isinstance(outcome, Accepted)
    fact = decode_fact(outcome.entries[0].body)
    assert fact == MemberRemoved(ALICE, None, "left", None, (device(ALICE),), successor=DAVE)
    assert standing(world.state, DAVE) is Standing.ADMIN


def test_of_accounts_that_came_together_the_lower_did_succeeds() -> None:
    world = World()
    world.ask(create(CAROL, BOB))
    world.ask(Leave(CONVO, ALICE))
    assert standing(world.state, BOB) is Standing.ADMIN
    assert standing(world.state, ALICE) is Standing.LEFT
    assert standing(world.state, CAROL) is Standing.MEMBER
    assert standing(None, CAROL) is Standing.STRANGER
