"""Damage in a log is named, never half-applied: one case for each promise that `decide` makes."""

import msgspec
import pytest
from msgspec.structs import replace

from protocol import (
    Accepted,
    BrokenLog,
    Conversation,
    ConversationKind,
    Created,
    Entry,
    EntryKind,
    Fact,
    MemberDevice,
    MemberRemoved,
    MembersAdded,
    MsgId,
    RemoveMember,
    body_hash,
    decide,
    decode_answer,
    decode_fact,
    encode_fact,
    evolve,
)
from tests.protocol.worlds import (
    ALICE,
    BOB,
    CAROL,
    CONVO,
    LIMITS,
    MALLORY,
    NOW,
    began,
    commit_entry,
    create,
    device,
    devices,
    send,
)

STATE = began(BOB)


def fact_entry(
    fact: Fact, *, seq: int = 2, kind: EntryKind = EntryKind.MEMBERS_ADDED, epoch: int = 0
) -> Entry:
    body = encode_fact(fact)
    return Entry(CONVO, seq, kind, epoch, None, body, body_hash(body), 0, 1_000_000)


def first_entry() -> Entry:
    outcome = decide(None, create(BOB), now=NOW, limits=LIMITS)
    assert isinstance(outcome, Accepted)
    return outcome.entries[0]


def message_entry(state: Conversation = STATE) -> Entry:
    outcome = decide(state, send(BOB, "m"), now=NOW, limits=LIMITS)
    assert isinstance(outcome, Accepted)
    return outcome.entries[0]


GOOD_CREATED = decode_fact(first_entry().body)
assert isinstance(GOOD_CREATED, Created)
REMOVED = EntryKind.MEMBER_REMOVED
BOBS = (device(BOB),)

BROKEN_AFTER_CREATION = {
    "another conversation": replace(message_entry(), conversation="b" * 26),
    "a gap": replace(message_entry(), seq=3),
    "a repeat": replace(message_entry(), seq=1),
    "a second creation": replace(first_entry(), seq=2),
    "a message without id": replace(message_entry(), msg_id=None),
    "a message counted twice": replace(message_entry(), app_count=2),
    "a message of no epoch": replace(message_entry(), epoch=1),
    "a commit in an opaque conversation": commit_entry(STATE),
    "a fact with a message's id": replace(fact_entry(MembersAdded(ALICE, devices(CAROL))), msg_id=MsgId("m")),
    "a fact that is counted": replace(fact_entry(MembersAdded(ALICE, devices(CAROL))), app_count=1),
    "a fact of another epoch": fact_entry(MembersAdded(ALICE, devices(CAROL)), epoch=1),
    "a fact of another kind": fact_entry(MembersAdded(ALICE, devices(CAROL)), kind=REMOVED),
    "no fact at all": replace(fact_entry(MembersAdded(ALICE, devices(CAROL))), body=b"\xc1"),
    "nobody added": fact_entry(MembersAdded(ALICE, ())),
    "two accounts in one entry": fact_entry(MembersAdded(ALICE, devices(CAROL, MALLORY))),
    "added by a stranger": fact_entry(MembersAdded(MALLORY, devices(CAROL))),
    "a device that is in": fact_entry(MembersAdded(ALICE, devices(BOB))),
    "a device twice": fact_entry(MembersAdded(ALICE, devices(CAROL, CAROL))),
    "a stranger removed": fact_entry(MemberRemoved(CAROL, ALICE, "removed", None, ()), kind=REMOVED),
    "not all devices": fact_entry(MemberRemoved(BOB, ALICE, "removed", None, ()), kind=REMOVED),
    "removed by a member": fact_entry(MemberRemoved(BOB, CAROL, "removed", None, BOBS), kind=REMOVED),
    "removed by nobody": fact_entry(MemberRemoved(BOB, None, "removed", None, BOBS), kind=REMOVED),
    "an admin removed by itself": fact_entry(
        MemberRemoved(ALICE, ALICE, "removed", None, (device(ALICE),), BOB), kind=REMOVED
    ),
    "left by another's hand": fact_entry(MemberRemoved(BOB, ALICE, "left", None, BOBS), kind=REMOVED),
    "a needless successor": fact_entry(MemberRemoved(BOB, None, "left", None, BOBS, ALICE), kind=REMOVED),
    "no successor": fact_entry(MemberRemoved(ALICE, None, "left", None, (device(ALICE),)), kind=REMOVED),
    "succeeded by itself": fact_entry(
        MemberRemoved(ALICE, None, "left", None, (device(ALICE),), ALICE), kind=REMOVED
    ),
    "succeeded by a stranger": fact_entry(
        MemberRemoved(ALICE, None, "left", None, (device(ALICE),), MALLORY), kind=REMOVED
    ),
}
BROKEN_BEGINNINGS = {
    "a message first": replace(message_entry(), seq=1),
    "a creation that is not the first": replace(first_entry(), seq=2),
    "a creation that is counted": replace(first_entry(), app_count=1),
    "an opaque epoch": replace(first_entry(), epoch=1),
    "a negative epoch": replace(first_entry(), epoch=-1),
    "another fact": fact_entry(MembersAdded(ALICE, devices(ALICE)), seq=1, kind=EntryKind.CREATED),
    "a creator outside": fact_entry(
        replace(GOOD_CREATED, members=devices(BOB)), seq=1, kind=EntryKind.CREATED
    ),
    "a device twice": fact_entry(
        replace(GOOD_CREATED, members=(*devices(ALICE), MemberDevice(BOB, device(ALICE)))),
        seq=1,
        kind=EntryKind.CREATED,
    ),
}


@pytest.mark.parametrize("entry", BROKEN_AFTER_CREATION.values(), ids=BROKEN_AFTER_CREATION.keys())
def test_an_entry_that_cannot_follow_is_broken(entry: Entry) -> None:
    with pytest.raises(BrokenLog):
        evolve(STATE, entry)


@pytest.mark.parametrize("entry", BROKEN_BEGINNINGS.values(), ids=BROKEN_BEGINNINGS.keys())
def test_an_entry_that_cannot_begin_is_broken(entry: Entry) -> None:
    with pytest.raises(BrokenLog):
        evolve(None, entry)


def test_a_friend_who_is_no_admin_cannot_have_brought_a_removed_account_back() -> None:
    outcome = decide(began(BOB, CAROL), RemoveMember(CONVO, ALICE, CAROL), now=NOW, limits=LIMITS)
    assert isinstance(outcome, Accepted)
    state = evolve(began(BOB, CAROL), outcome.entries[0])
    with pytest.raises(BrokenLog):
        evolve(state, fact_entry(MembersAdded(BOB, devices(CAROL)), seq=3))


def test_a_commit_moves_the_epoch_by_exactly_one() -> None:
    state = began(BOB, kind=ConversationKind.MLS, epoch=2**40)
    assert evolve(state, commit_entry(state)).epoch == 2**40 + 1
    with pytest.raises(BrokenLog):
        evolve(state, replace(commit_entry(state), epoch=2**40 + 2))


def test_a_message_whose_body_retention_took_still_replays() -> None:
    assert evolve(STATE, replace(message_entry(), body=b"")) == evolve(STATE, message_entry())


def test_a_position_does_not_change_what_an_entry_means() -> None:
    assert evolve(STATE, replace(message_entry(), position=77)) == evolve(STATE, message_entry())


def test_bytes_that_are_no_answer_are_damage() -> None:
    with pytest.raises(BrokenLog):
        decode_answer(b"\x80")
    with pytest.raises(BrokenLog):
        decode_fact(msgspec.msgpack.encode({"type": "created"}))
