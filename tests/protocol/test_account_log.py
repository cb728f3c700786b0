"""An account's own log: what concerns it alone, told to its devices, each shortage once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import (
    CONVO_NOT_FOUND,
    Accepted,
    Conversation,
    ConversationKind,
    Entry,
    EntryKind,
    KeyPackagesLow,
    KeyPackagesRestocked,
    Leave,
    MemberDevice,
    RemoveMember,
    RequestReadd,
    Send,
    TellAccount,
    decide,
    decode_group,
    encode_group,
    evolve,
)
from protocol._event_of import event_of
from schema.wire.rookery import StreamEventsNoticeEvent
from tests.protocol.worlds import ALICE, BOB, CONVO, LIMITS, NOW, World, create, device

PHONE, LAPTOP, TABLET = device(ALICE), device(ALICE, 2), device(ALICE, 3)


def devices(*ids: str) -> tuple[MemberDevice, ...]:
    return tuple(MemberDevice(ALICE, each) for each in ids)  # type: ignore[arg-type]


def low(
    remaining: int = 4, suite: int = 1, of: str = PHONE, members: tuple[str, ...] = (PHONE,)
) -> TellAccount:
    return TellAccount(CONVO, ALICE, devices(*members), KeyPackagesLow(ALICE, of, suite, remaining))  # type: ignore[arg-type]


def restocked(suite: int = 1, of: str = PHONE, members: tuple[str, ...] = (PHONE,)) -> TellAccount:
    return TellAccount(CONVO, ALICE, devices(*members), KeyPackagesRestocked(ALICE, of, suite))  # type: ignore[arg-type]


def told(world: World, command: TellAccount) -> list[EntryKind]:
    outcome = world.ask(command)
    assert isinstance(outcome, Accepted), outcome
    return [entry.kind for entry in outcome.entries]


def state_of(world: World) -> Conversation:
    assert world.state is not None
    return world.state


def test_the_log_begins_with_its_first_fact() -> None:
    world = World()
    assert told(world, low(members=(PHONE, LAPTOP))) == [EntryKind.CREATED, EntryKind.NOTICE]
    state = state_of(world)
    assert (state.kind, state.creator) == (ConversationKind.ACCOUNT, ALICE)
    assert set(state.members) == {PHONE, LAPTOP}


def test_a_shortage_is_told_once_until_it_was_over() -> None:
    """Not once for every package that is taken: a device that does not refill is not called forty times."""
    world = World()
    told(world, low(9))
    assert told(world, low(8)) == []
    assert told(world, low(8, suite=2)) == [EntryKind.NOTICE], "another suite is another shortage"
    assert told(world, restocked()) == [EntryKind.NOTICE]
    assert told(world, restocked()) == []
    assert told(world, low(9)) == [EntryKind.NOTICE]


def test_there_is_nothing_to_tell_of_an_end_that_had_no_beginning() -> None:
    world = World()
    assert told(world, restocked()) == []
    assert world.state is None


def test_a_fact_brings_the_devices_up_to_date() -> None:
    world = World()
    told(world, low())
    kinds = told(world, low(3, suite=2, of=LAPTOP, members=(LAPTOP, TABLET)))
    assert kinds == [EntryKind.MEMBERS_ADDED, EntryKind.MEMBER_REMOVED, EntryKind.NOTICE]
    state = state_of(world)
    assert set(state.members) == {LAPTOP, TABLET}
    assert PHONE not in state.group.low, "what is gone has no stock"
    assert decode_group(encode_group(state.group)) == state.group


@pytest.mark.parametrize(
    "command",
    [
        Send(CONVO, ALICE, PHONE, "m1", 0, bytes(512)),  # type: ignore[arg-type]
        Leave(CONVO, ALICE),
        RemoveMember(CONVO, ALICE, BOB),
        RequestReadd(CONVO, ALICE, PHONE, None),
        create(BOB),
    ],
)
def test_nobody_finds_it_by_another_command_not_even_its_account(command: object) -> None:
    """It is no notebook: only the router writes to it."""
    world = World()
    told(world, low())
    outcome = decide(state_of(world), command, now=NOW, limits=LIMITS)  # type: ignore[arg-type]
    assert outcome == CONVO_NOT_FOUND


def test_facts_go_to_no_other_conversation() -> None:
    world = World()
    world.ask(create(BOB))
    assert world.ask(low()) == CONVO_NOT_FOUND


def test_its_events_name_the_device_and_what_is_missing() -> None:
    world = World()
    outcome = world.ask(low(4, suite=3))
    assert isinstance(outcome, Accepted)
    begun, notice = (event_of(entry) for entry in outcome.entries)
    assert isinstance(begun, StreamEventsNoticeEvent)
    assert isinstance(notice, StreamEventsNoticeEvent)
    assert begun.name == "account"
    assert (notice.name, notice.did, notice.device_id) == ("keyPackagesLow", ALICE, PHONE)


steps = st.lists(
    st.tuples(st.booleans(), st.sampled_from([PHONE, LAPTOP]), st.sampled_from([1, 2])), max_size=12
)


@given(steps)
def test_replay_leads_to_the_same_state_and_shortages_alternate(story: list[tuple[bool, str, int]]) -> None:
    """Law: per device and suite, what is told alternates; and the log adds up to the state it came from."""
    world = World()
    entries: list[Entry] = []
    short: set[tuple[str, int]] = set()
    for is_low, of, suite in story:
        members = (PHONE, LAPTOP)
        command = low(1, suite, of, members) if is_low else restocked(suite, of, members)
        outcome = world.ask(command)
        assert isinstance(outcome, Accepted)
        entries += outcome.entries
        news = ((of, suite) in short) is not is_low
        assert bool(outcome.entries) is news
        if news:
            short ^= {(of, suite)}
    state = None
    for entry in entries:
        state = evolve(state, entry)
    assert state == world.state
