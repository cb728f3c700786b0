"""Reading: commits by epoch, the digest chain, pages of everything, and what ends with membership."""

from __future__ import annotations

import base64
import json
from typing import Any

import trio

from protocol import first_digest, next_digest
from tests.edge.house import MLS, House, error_name
from tests.edge.mls.people import OURS, Phone, Room, create, phone
from tests.edge.mls.test_commits import pair
from tests.edge.test_sse import stream


async def pages(room: Room, by: Phone, **params: Any) -> list[dict[str, Any]]:
    """All commits, by as many pages as they take."""
    found: list[dict[str, Any]] = []
    start = 0
    while True:
        given = {"convoId": room.convo, "fromEpoch": start, **params}
        page = await room.house.get(by.account, f"{MLS}.getCommits", **given)
        found += page["commits"]
        if "nextEpoch" not in page:
            return found
        start = page["nextEpoch"]


def octets(value: dict[str, str]) -> bytes:
    text = value["$bytes"]
    return base64.b64decode(text + "=" * (-len(text) % 4))


async def test_pages_of_commits_join_and_the_digest_is_the_chain_over_them(house: House) -> None:
    room, alice, bob = await pair(house)
    for by in (alice, bob, alice, bob, alice):
        await room.commit(by)
    commits = await pages(room, bob, limit=2)
    assert [each["epoch"] for each in commits] == [2, 3, 4, 5, 6]
    assert [each["sender"] for each in commits] == [
        alice.did, bob.did, alice.did, bob.did, alice.did
    ]  # fmt: skip
    digest = first_digest(b"room".hex(), 0)
    told = await house.get(bob.account, f"{OURS}.getDigest", convoId=room.convo, epoch=1)
    assert octets(told["digest"]) == digest
    for each in commits:
        digest = next_digest(digest, octets(each["commitData"]))
        assert octets(each["digest"]) == digest
        asked = {"convoId": room.convo, "epoch": each["epoch"]}
        told = await house.get(alice.account, f"{OURS}.getDigest", **asked)
        assert octets(told["digest"]) == digest
    epoch = await house.get(alice.account, f"{MLS}.getEpoch", convoId=room.convo)
    assert octets(epoch["digest"]) == digest


async def test_a_range_of_epochs_lies_within_those_that_are(house: House) -> None:
    room, alice, _ = await pair(house)
    await room.commit(alice)
    for given in ({"fromEpoch": 3}, {"fromEpoch": 2, "toEpoch": 1}, {"fromEpoch": 0, "toEpoch": 3}):
        params = {"convoId": room.convo, **given}
        answer = await house.send("GET", f"{MLS}.getCommits", alice.account, params=params)
        assert error_name(answer) == "InvalidEpochRange"
    for epoch in (0, 3):
        params = {"convoId": room.convo, "epoch": epoch}
        answer = await house.send("GET", f"{OURS}.getDigest", alice.account, params=params)
        assert error_name(answer) == "InvalidEpochRange"
    page = await house.get(alice.account, f"{MLS}.getCommits", convoId=room.convo, fromEpoch=2, toEpoch=2)
    assert [each["epoch"] for each in page["commits"]] == [2]


async def test_who_joins_later_is_shown_no_commit_from_before(house: House) -> None:
    room, alice, bob = await pair(house)
    await room.commit(alice)
    carol = await phone(house, "carol")
    await room.add(bob, carol)
    await room.commit(alice)
    assert [each["epoch"] for each in await pages(room, carol)] == [4]
    page = await house.get(carol.account, f"{MLS}.getMessages", convoId=room.convo)
    assert [each["epoch"] for each in page["messages"]] == [4]


async def test_messages_are_chosen_by_type_and_a_page_goes_on_from_any_of_them(house: House) -> None:
    room, alice, bob = await pair(house)
    await room.say(alice, "one")
    made = bob.client.commit(room.group)
    body = room.upload(bob, made)
    answer = await house.post(bob.account, f"{OURS}.submitCommit", body)
    room.group = made.group
    await room.say(alice, "two")

    async def ids(**params: Any) -> list[str]:
        page = await house.get(bob.account, f"{MLS}.getMessages", convoId=room.convo, **params)
        return [each["id"] for each in page["messages"]]

    commit = answer["messageId"]
    assert commit.startswith("commit!")
    assert await ids(type="app") == ["one", "two"]
    assert await ids(type="commit") == [commit]
    assert await ids() == ["one", commit, "two"]
    page = await house.get(bob.account, f"{MLS}.getMessages", convoId=room.convo, limit=2)
    assert page["cursor"] == commit
    assert await ids(sinceMessage=page["cursor"]) == ["two"]
    mark = await house.post(bob.account, f"{MLS}.updateCursor", {"convoId": room.convo, "cursor": commit})
    assert mark["seq"] == answer["seq"]


async def test_commits_are_not_counted_as_unread(house: House) -> None:
    room, alice, bob = await pair(house)
    await room.commit(alice)
    (view,) = (await house.get(bob.account, f"{MLS}.getConvos"))["conversations"]
    assert view["unreadCount"] == 0


async def test_17_who_was_removed_gets_nothing_more_on_its_stream(house: House) -> None:
    """17: removed members went on receiving. The stream of a device ends for this conversation at the entry
    that removed it, and goes on for the others, by which this test knows that it has read far enough."""
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, carol)
    other = await create(house, alice, bob, group_id=b"other")
    async with stream(house, bob.account, deviceId=bob.id) as events:
        await room.say(alice, "before")
        await room.commit(alice, room.remove(bob))
        await room.say(alice, "after")
        await other.say(alice, "elsewhere")
        told = ""
        with trio.fail_after(10):
            while '"elsewhere"' not in told:
                event = await events.next()
                assert event is not None
                told += json.dumps(event.data)
    assert '"before"' in told
    assert '"commit!' in told
    assert '"removed"' in told
    assert '"after"' not in told
