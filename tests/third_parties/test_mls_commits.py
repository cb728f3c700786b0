"""Commits of clients of `ts-mls`: races, proposals, encrypted or in clear, and where they lead everybody."""

import hashlib
import random
from typing import Final

import pytest

from tests.node.mls.clients import TheirRefusal
from tests.third_parties.mls_room import MLS, OURS, Room, new_person, texts
from tests.third_parties.stage import Stage, from_lex

pytestmark = pytest.mark.system

_ROUNDS: Final = 5


@pytest.mark.parametrize("open_", [True, False], ids=["in clear", "encrypted"])
def test_of_two_commits_of_an_epoch_one_wins_and_the_other_is_made_anew(room: Room, open_: bool) -> None:
    """Both are in the end, one after the other, and everybody is where they led."""
    racers = ("anna1", "bert1", "carl2")
    done = room.clients.together(*(room.asking(name, "commit", {"open": open_}) for name in racers))
    assert sorted(each["epoch"] for each in done) == [2, 3, 4]
    by_epoch = sorted(done, key=lambda each: int(each["epoch"]))
    assert by_epoch[0]["rebases"] == 0
    assert all(each["rebases"] > 0 for each in by_epoch[1:])
    for name in room.devices:
        room.sync(name)
    assert room.together()["epoch"] == 4
    room.does("carl1", "send", "after the race")
    assert room.reads("anna2") == [(room["carl1"].did, "after the race")]


@pytest.mark.parametrize("open_", [True, False], ids=["in clear", "encrypted"])
def test_a_proposal_is_committed_by_reference_by_somebody_else(room: Room, open_: bool) -> None:
    """Of one device of an account; the other one stays. Who did not know of the proposal learns of it."""
    room.does("bert1", "propose", {"remove": room["carl2"].key, "open": open_})
    if not open_:
        room.sync("anna1")  # a server cannot tell what an encrypted commit leaves out
    done = room.does("anna1", "commit", {"open": open_})
    assert done["rebases"] == (1 if open_ else 0)
    for name in ("anna2", "bert1", "bert2", "carl1"):
        room.sync(name)
    there = room.inside("anna1", "anna2", "bert1", "bert2", "carl1")
    assert there == {device.id for device in room.others("carl2")}
    room.does("carl1", "send", "still here")
    assert room.reads("bert2") == [(room["carl1"].did, "still here")]


@pytest.mark.parametrize("open_", [True, False], ids=["in clear", "encrypted"])
def test_an_account_that_is_added_later_reads_from_then_on(stage: Stage, room: Room, open_: bool) -> None:
    room.does("anna1", "send", "before dora")
    dora = new_person(stage, room.clients, "dora")
    phone = dora.device("dora1", room.suite)
    by = "addMembers" if open_ else "submitCommit"
    room.does("anna1", "commit", {"add": [dora.did], "open": open_, "by": by})
    room.devices["dora1"] = phone
    room.does("dora1", "join")
    room.does("bert1", "sync")
    room.does("bert1", "send", "hello dora")
    assert room.reads("dora1") == [(room["bert1"].did, "hello dora")]
    earlier = room.people["bert"].asks(f"{MLS}.getMessages", convoId=room.convo, type="app")["messages"][0]
    with pytest.raises(TheirRefusal):
        room.does("dora1", "open", earlier)


def test_the_commits_of_a_group_have_a_digest_that_members_can_compare(room: Room) -> None:
    """Each is the hash of the one before and the commit: two histories have two digests."""
    began = room.people["anna"].asks(f"{OURS}.getDigest", convoId=room.convo)
    for name in ("anna1", "bert1", "carl1"):
        room.does(name, "commit", {})
    told = room.people["carl"].asks(f"{MLS}.getCommits", convoId=room.convo, fromEpoch=2)["commits"]
    digest = from_lex(began["digest"])
    for commit in told:
        digest = hashlib.sha256(digest + from_lex(commit["commitData"])).digest()
        assert from_lex(commit["digest"]) == digest
    assert [commit["sender"] for commit in told] == [room[name].did for name in ("anna1", "bert1", "carl1")]
    assert from_lex(room.people["bert"].asks(f"{OURS}.getDigest", convoId=room.convo)["digest"]) == digest


@pytest.mark.parametrize("seed", range(2))
def test_whatever_all_do_at_once_they_end_in_one_group_and_everybody_has_opened_everything(
    room: Room, seed: int
) -> None:
    """Real clients in parallel: nobody waits for anybody, and no message is lost on the way."""
    dice, said = random.Random(seed), []
    for turn in range(_ROUNDS):
        asks = []
        for name, device in room.devices.items():
            match dice.choice(("send", "send", "commit", "sync")):
                case "send":
                    text = f"{name} in {turn}"
                    said.append((name, (device.did, text)))
                    asks.append(room.asking(name, "send", text, {"sure": True, "exact": dice.random() < 0.5}))
                case "commit":
                    asks.append(room.asking(name, "commit", {"open": dice.random() < 0.5}))
                case "sync":
                    asks.append(room.asking(name, "sync"))
        outcomes = room.clients.together(*asks)
        assert not [each for each in outcomes if isinstance(each, TheirRefusal)]
    for name in room.devices:
        room.sync(name)
    assert room.together()["epoch"] > 1
    for name in room.devices:
        history = room.does(name, "history")
        assert [each for each in history if "error" in each] == []
        assert sorted(texts(history)) == sorted(what for author, what in said if author != name)
