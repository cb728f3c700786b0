"""The kit's auditor: what was lived passes, and each kind of damage is found. A judge that never says no
proves nothing."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol import AccountDid, ConversationKind, DeviceId, Entry, EntryKind, MsgId, TellBlock
from protocol.testing import (
    ALICE,
    BOB,
    CAROL,
    CONVO,
    Acknowledged,
    BrokenHistory,
    Heard,
    World,
    accepted,
    check_acknowledged,
    check_agreement,
    check_heard,
    create,
    device,
    group,
    read_history,
    send,
    strategies,
)

BOBS = device(BOB)


def placed(log: list[Entry]) -> list[Entry]:
    """As a store would have placed them."""
    return [replace(entry, position=place) for place, entry in enumerate(log, 1)]


def lived() -> list[Entry]:
    """Alice and Bob say three things; Bob leaves and comes back."""
    from protocol import AddMembers, Leave
    from protocol.testing import devices

    world = World()
    for command in (
        create(BOB), send(ALICE, "m1"), send(BOB, "m2"), Leave(CONVO, BOB), send(ALICE, "m3"),
        AddMembers(CONVO, ALICE, devices(BOB)), send(BOB, "m4"),
    ):  # fmt: skip
        accepted(world.ask(command))
    return placed(world.log)


def heard_by(of: DeviceId, log: list[Entry]) -> list[Heard]:
    part = read_history(log).part_of(of)
    bodies = {(entry.conversation, entry.seq): entry.body for entry in log}
    return [Heard(convo, seq, bodies[convo, seq]) for convo, seq in part]


def test_an_example_of_a_log_and_who_heard_what() -> None:
    history = read_history(lived())
    assert {(stay.account, stay.first, stay.last) for stay in history.stays} == {
        (ALICE, 1, None), (BOB, 1, 4), (BOB, 6, None),
    }  # fmt: skip
    assert [seq for _, seq in history.part_of(BOBS)] == [1, 2, 3, 4, 6, 7], "nothing of seq 5"
    check_heard(history, BOBS, heard_by(BOBS, lived()))


@given(strategies.conversations(), st.data())
def test_what_was_lived_is_whole_and_heard_as_it_should_be(world: World, data: st.DataObject) -> None:
    log = placed(world.log)
    history = read_history(log, gaps=False)
    for of in {stay.device for stay in history.stays}:
        check_heard(history, of, heard_by(of, log))
    check_agreement({of: heard_by(of, log) for of in {stay.device for stay in history.stays}})


# -- damage to a log ----------------------------------------------------------------------------------------


def at(place: int, **changes: object) -> Callable[[list[Entry]], list[Entry]]:
    """One entry is another one."""

    def damage(log: list[Entry]) -> list[Entry]:
        return [replace(each, **changes) if each.seq == place else each for each in log]

    return damage


DAMAGE: dict[str, Callable[[list[Entry]], list[Entry]]] = {
    "an entry is gone": lambda log: log[:2] + log[3:],
    "the beginning is gone": lambda log: log[1:],
    "an entry is there twice": lambda log: [*log[:3], replace(log[2], position=4), *log[3:]],
    "two entries have changed places": lambda log: [log[0], log[2], log[1], *log[3:]],
    "a position runs back": at(3, position=1),
    "a seq has jumped": at(7, seq=8),
    "a body is another": at(2, body=bytes(512) + b"x"),
    "a message has no name": at(2, msg_id=None),
    "a name is there twice": at(3, msg_id=MsgId("m1")),
    "a fact has a name": at(4, msg_id=MsgId("m9")),
    "a count has jumped": at(3, app_count=3),
    "a time is too fine": at(2, received=1_000_001),
    "a creation in the middle": at(3, kind=EntryKind.CREATED),
    "a fact is none": at(4, body=b"\xc1", body_hash=b"-"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_a_log_is_found(damage: str) -> None:
    with pytest.raises(BrokenHistory):
        read_history(DAMAGE[damage](lived()))


def test_who_is_in_cannot_join_and_who_is_out_cannot_go() -> None:
    log = lived()
    again = replace(log[5], seq=8, position=8, app_count=4)
    with pytest.raises(BrokenHistory, match="adds a device that is in"):
        read_history([*log, again])
    with pytest.raises(BrokenHistory, match="removes a device that is not in"):
        read_history([*log[:4], replace(log[3], seq=5, position=5)])


def test_gaps_between_positions_are_allowed_unless_they_are_not() -> None:
    """A log with shards has them, one file of SQLite has none."""
    log = [replace(entry, position=entry.position * 10) for entry in lived()]
    read_history(log)
    with pytest.raises(BrokenHistory, match="position 10 follows 0"):
        read_history(log, gaps=False)


# -- what a device was given ---------------------------------------------------------------------------


@given(strategies.conversations(), st.data())
def test_a_device_that_was_given_anything_else_is_found(world: World, data: st.DataObject) -> None:
    """Each event lost, repeated, moved, changed, or of a time outside."""
    log = placed(world.log)
    history = read_history(log)
    of = data.draw(st.sampled_from(sorted({stay.device for stay in history.stays})))
    heard = heard_by(of, log)
    place = data.draw(st.integers(0, len(heard) - 1))
    wrong = {
        "lost": heard[:place] + heard[place + 1 :],
        "repeated": [*heard, heard[place]],
        "moved": [*heard[:place], *heard[place + 1 :], heard[place]],
        "changed": [*heard[:place], replace(heard[place], body=b"other"), *heard[place + 1 :]],
        "invented": [*heard, Heard(CONVO, len(log) + 1)],
    }[data.draw(st.sampled_from(["lost", "repeated", "moved", "changed", "invented"]))]
    assume(wrong != heard)
    with pytest.raises(BrokenHistory):
        check_heard(history, of, wrong)


def test_who_is_behind_has_the_beginning_of_its_part() -> None:
    history, heard = read_history(lived()), heard_by(BOBS, lived())
    check_heard(history, BOBS, heard[:3], complete=False)
    with pytest.raises(BrokenHistory, match="was never given"):
        check_heard(history, BOBS, heard[:3])


def test_a_device_is_not_given_what_was_said_while_it_was_out() -> None:
    with pytest.raises(BrokenHistory, match="where it is not inside"):
        check_heard(read_history(lived()), BOBS, [*heard_by(BOBS, lived())[:4], Heard(CONVO, 5)])


def test_what_is_for_admins_only_is_nobody_elses_part() -> None:
    """A block is told to the devices of the admins of the moment, written in the entry."""
    world = group(BOB, CAROL)
    accepted(world.ask(TellBlock(CONVO, BOB, BOB, CAROL, stands=True)))
    history = read_history(placed(world.log))
    told = len(world.log)
    assert (CONVO, told) in history.part_of(device(ALICE))
    assert (CONVO, told) not in history.part_of(BOBS)


def test_listeners_who_disagree_are_found_without_a_log() -> None:
    one, two = device(ALICE), BOBS
    check_agreement({one: [Heard(CONVO, 1, b"a"), Heard(CONVO, 2)], two: [Heard(CONVO, 1, b"a")]})
    with pytest.raises(BrokenHistory, match="different bytes"):
        check_agreement({one: [Heard(CONVO, 1, b"a")], two: [Heard(CONVO, 1, b"b")]})
    with pytest.raises(BrokenHistory, match="after 2"):
        check_agreement({one: [Heard(CONVO, 2), Heard(CONVO, 1)]})


# -- what was answered --------------------------------------------------------------------------------


def test_every_acknowledged_message_lies_where_the_answer_said() -> None:
    history = read_history(lived())
    entry = history.entries[1]
    good = Acknowledged(CONVO, MsgId("m1"), 2, entry.received, entry.body)
    check_acknowledged(history, [good])
    for wrong in (
        replace(good, msg_id=MsgId("m9")), replace(good, seq=3), replace(good, received=entry.received + 2),
        replace(good, body=b"other"),
    ):  # fmt: skip
        with pytest.raises(BrokenHistory):
            check_acknowledged(history, [wrong])


def test_an_accounts_own_log_is_a_log() -> None:
    """Of the third kind: its members are the devices of one account."""
    from protocol import KeyPackagesLow, MemberDevice, TellAccount

    world, phone = World(), device(ALICE)
    fact = KeyPackagesLow(AccountDid(ALICE), phone, 1, 3)
    accepted(world.ask(TellAccount(CONVO, ALICE, (MemberDevice(ALICE, phone),), fact)))
    assert world.now_at.kind is ConversationKind.ACCOUNT
    assert read_history(placed(world.log)).part_of(phone) == [(CONVO, 1), (CONVO, 2)]
