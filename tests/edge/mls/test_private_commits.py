"""Encrypted commits: stated by who makes them, and held against the tree where a GroupInfo shows it."""

from __future__ import annotations

from typing import Any

import pytest

from crypto.mls import Add, encode_message
from protocol import ConversationId
from tests.edge.house import MLS, House, error_name, sealed
from tests.edge.mls.people import Phone, Room, claim, create, hashes, phone, text
from tests.edge.mls.test_commits import pair, refused


async def members(house: House, room: Room, by: Phone) -> set[tuple[str, int | None]]:
    """The member devices and their leaves."""
    views = (await house.get(by.account, f"{MLS}.getConvos"))["conversations"]
    (view,) = [each for each in views if each["id"] == room.convo]
    return {(each["deviceId"], each.get("leafIndex")) for each in view["members"]}


async def test_an_encrypted_add_is_what_was_stated_and_what_the_tree_shows(house: House) -> None:
    room, alice, bob = await pair(house)
    carol = await phone(house, "carol")
    (package,) = await claim(house, alice, carol)
    made = alice.client.commit(room.group, [Add(package)])
    body = room.upload_sealed(alice, made, adds=[(carol, package)])
    assert (await room.submit(alice, body)).json()["newEpoch"] == 2
    room.group = made.group
    assert await members(house, room, alice) == {(alice.id, 0), (bob.id, 1), (carol.id, 2)}
    kept = await house.store.welcome(ConversationId(room.convo), carol.id)
    assert kept is not None
    await room.commit(carol)  # in clear: the GroupInfo that came beside is what it is verified with


async def test_a_statement_that_the_tree_does_not_show_is_refused(house: House) -> None:
    room, alice, bob = await pair(house)
    carol, dave = await phone(house, "carol"), await phone(house, "dave")
    one, other = await claim(house, alice, carol, dave)
    made = alice.client.commit(room.group, [Add(one)])
    said: list[dict[str, Any]] = [
        room.upload_sealed(alice, made) | {"welcome": None},
        room.upload_sealed(alice, made, adds=[(dave, other)])
        | {"welcome": sealed(encode_message(alice.client.welcome([other])))},
        room.upload_sealed(alice, made, adds=[(carol, one), (dave, other)])
        | {"welcome": sealed(encode_message(alice.client.welcome([one, other])))},
        room.upload_sealed(alice, made, adds=[(carol, one)], removes=[bob]),
    ]
    for body in said:
        body = {name: value for name, value in body.items() if value is not None}
        assert await refused(room, alice, body) == "GroupInfoMismatch"
    good = room.upload_sealed(alice, made, adds=[(carol, one)])
    assert (await room.submit(alice, good)).is_success


async def test_an_encrypted_removal_is_stated_or_refused(house: House) -> None:
    room, alice, bob = await pair(house)
    made = alice.client.commit(room.group, room.remove(bob))
    assert await refused(room, alice, room.upload_sealed(alice, made)) == "GroupInfoMismatch"
    body = room.upload_sealed(alice, made, removes=[bob])
    assert (await room.submit(alice, body)).is_success
    answer = await house.send("POST", f"{MLS}.sendMessage", bob.account, json=room.message(bob, "m"))
    assert error_name(answer) == "NotMember"


async def test_without_a_group_info_the_statement_stands_and_the_tree_is_unknown(house: House) -> None:
    room, alice, bob = await pair(house)
    carol = await phone(house, "carol")
    (package,) = await claim(house, alice, carol)
    made = alice.client.commit(room.group, [Add(package)])
    body = room.upload_sealed(alice, made, adds=[(carol, package)], group_info=False)
    assert (await room.submit(alice, body)).is_success
    room.group = made.group
    assert (carol.id, None) in await members(house, room, alice)
    asked = await house.send("GET", f"{MLS}.getGroupInfo", bob.account, params={"convoId": room.convo})
    assert error_name(asked) == "GroupInfoUnavailable"
    in_clear = bob.client.commit(room.group)
    assert await refused(room, bob, room.upload(bob, in_clear)) == "GroupInfoUnavailable"
    # a later one with a GroupInfo is held against all who should be in
    removed = bob.client.commit(room.group)
    assert (await room.submit(bob, room.upload_sealed(bob, removed))).is_success
    room.group = removed.group
    await room.commit(carol)


async def test_a_tree_with_somebody_unknown_is_no_tree_of_this_conversation(house: House) -> None:
    """With no tree before it, all leaves of a GroupInfo are held against the members."""
    room, alice, bob = await pair(house)
    made = alice.client.commit(room.group)
    assert (await room.submit(alice, room.upload(alice, made, group_info=False))).is_success
    room.group = made.group
    eve = await phone(house, "eve")
    (package,) = await claim(house, alice, eve)
    smuggled = alice.client.commit(room.group, [Add(package)])
    body = room.upload_sealed(alice, smuggled)
    del body["welcome"]
    assert await refused(room, alice, body) == "GroupInfoMismatch"
    given = {"convoId": room.convo, "epoch": 2, "groupInfo": text(smuggled.group_info)}
    answer = await house.send("POST", f"{MLS}.updateGroupInfo", alice.account, json=given)
    assert error_name(answer) == "GroupInfoMismatch"
    fewer = bob.client.commit(room.group, room.remove(alice))
    assert await refused(room, bob, room.upload_sealed(bob, fewer)) == "GroupInfoMismatch"


async def test_the_seed_contract_adds_with_an_encrypted_commit_and_hashes(house: House) -> None:
    room, alice, _ = await pair(house)
    carol = await phone(house, "carol")
    packages = await claim(house, alice, carol)
    made = alice.client.commit(room.group, [Add(packages[0])])
    sent = room.upload_sealed(alice, made)
    body = {
        "convoId": room.convo,
        "idempotencyKey": "1",
        "didList": [carol.did],
        "commit": sent["commit"]["$bytes"],
        "welcomeMessage": text(made.welcome) if made.welcome else "",
        "keyPackageHashes": hashes([carol], packages),
        "groupInfo": text(made.group_info),
    }
    for change, error in (
        ({"didList": [alice.did]}, "InvalidCommit"),
        (
            {"keyPackageHashes": [{"did": alice.did, "hash": body["keyPackageHashes"][0]["hash"]}]},
            "KeyPackageNotFound",
        ),
        ({"commit": "AAAA"}, "InvalidCommit"),
        ({"commit": "?"}, "InvalidCommit"),
    ):
        answer = await house.send("POST", f"{MLS}.addMembers", alice.account, json=body | change)
        assert error_name(answer) == error
    done = await house.post(alice.account, f"{MLS}.addMembers", body)
    assert done == {"success": True, "newEpoch": 2}
    assert await house.post(alice.account, f"{MLS}.addMembers", body) == done


async def test_no_key_package_hashes_mean_that_nothing_is_stated(house: House) -> None:
    room, alice, _ = await pair(house)
    carol = await phone(house, "carol")
    (package,) = await claim(house, alice, carol)
    made = alice.client.commit(room.group, [Add(package)])
    body = {
        "convoId": room.convo,
        "idempotencyKey": "1",
        "didList": [carol.did],
        "commit": room.upload_sealed(alice, made)["commit"]["$bytes"],
    }
    answer = await house.send("POST", f"{MLS}.addMembers", alice.account, json=body)
    assert error_name(answer) == "InvalidCommit"
    body |= {"commit": ""}
    answer = await house.send("POST", f"{MLS}.addMembers", alice.account, json=body)
    assert error_name(answer) == "InvalidCommit"
    del body["commit"]
    body |= {"welcomeMessage": "AAAA"}
    answer = await house.send("POST", f"{MLS}.addMembers", alice.account, json=body)
    assert error_name(answer) == "InvalidRequest"


@pytest.mark.parametrize("shown", [True, False])
async def test_an_encrypted_commit_removes_whom_remove_member_names(house: House, shown: bool) -> None:
    """All devices of the account: as the tree shows, or, without a GroupInfo, as was asked for."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    tablet = await phone(house, "bob", 2)
    room = await create(house, alice, bob, tablet)
    made = alice.client.commit(room.group, room.remove(bob, tablet))
    body = {
        "convoId": room.convo,
        "targetDid": bob.did,
        "idempotencyKey": "1",
        "commit": room.upload_sealed(alice, made)["commit"]["$bytes"],
    }
    if shown:
        body["groupInfo"] = text(made.group_info)
    answer = await house.post(alice.account, f"{MLS}.removeMember", body)
    assert answer == {"ok": True, "epochHint": 2, "newEpoch": 2}
    assert {device for device, _ in await members(house, room, alice)} == {alice.id}
    assert await house.post(alice.account, f"{MLS}.removeMember", body) == answer
