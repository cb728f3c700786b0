"""Coming in from outside: who may, by what, and how often."""

from __future__ import annotations

import base64

import pytest
import trio

from crypto.mls import encode_message
from tests.edge.house import MLS, House, error_name, sealed
from tests.edge.mls.people import OURS, Phone, Room, create, phone
from tests.edge.mls.test_commits import evidence, pair


async def refused(room: Room, by: Phone, **change: str) -> str:
    """The name by which an external commit is refused."""
    body = room.external(by, by.client.join(room.group)) | change
    before = await room.house.store.head()
    answer = await room.house.send("POST", f"{MLS}.processExternalCommit", by.account, json=body)
    assert await room.house.store.head() == before
    return error_name(answer)


async def test_who_was_named_comes_in_by_itself(house: House) -> None:
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, named=[carol.did])
    assert (await room.join(carol))["epoch"] == 2
    await room.say(carol, "m")
    told = await house.get(carol.account, f"{MLS}.getMessages", convoId=room.convo)
    assert [each["id"] for each in told["messages"]] == ["m"]


async def test_a_stranger_does_not(house: House) -> None:
    room, _, _ = await pair(house)
    assert await refused(room, await phone(house, "eve")) == "ConvoNotFound"


async def test_16_who_was_removed_does_not_come_back_by_itself(house: House) -> None:
    """16: a removed member re-admitted itself by an external commit."""
    room, alice, bob = await pair(house)
    await room.commit(alice, room.remove(bob))
    assert await refused(room, bob) == "NotMember"
    answer = await house.send("GET", f"{MLS}.getGroupInfo", bob.account, params={"convoId": room.convo})
    assert error_name(answer) == "NotMember"


async def test_a_device_that_lost_its_state_replaces_its_own_leaf_and_no_other(house: House) -> None:
    """The devices of an account share a credential: which leaf is whose is told by the keys."""
    room, _, bob = await pair(house)
    tablet = await phone(house, "bob", 2)
    made = tablet.client.join(room.group, replacing=bob.client.leaf_index(room.group))
    body = room.external(tablet, made)
    answer = await house.send("POST", f"{MLS}.processExternalCommit", tablet.account, json=body)
    assert error_name(answer) == "InvalidCommit"
    await room.join(bob, replacing=bob.client.leaf_index(room.group))
    await room.say(bob, "m")


async def test_an_external_commit_is_of_the_device_whose_key_made_it(house: House) -> None:
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    tablet, eve = await phone(house, "carol", 2), await phone(house, "eve")
    room = await create(house, alice, bob, named=[carol.did])
    body = room.external(eve, eve.client.join(room.group)) | {"deviceId": carol.id}
    answer = await house.send("POST", f"{MLS}.processExternalCommit", carol.account, json=body)
    assert error_name(answer) == "InvalidCommit"
    assert await refused(room, carol, deviceId=tablet.id) == "NotMember"
    await room.join(carol)


async def test_each_endpoint_takes_its_own_kind_of_commit(house: House) -> None:
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, named=[carol.did])
    inside = base64.b64encode(encode_message(bob.client.commit(room.group).message)).decode()
    assert await refused(room, carol, externalCommit=inside) == "InvalidCommit"
    outside = carol.client.join(room.group)
    answer = await room.submit(carol, room.upload(carol, outside))
    assert error_name(answer) == "InvalidCommit"


async def test_without_the_group_info_of_the_epoch_nobody_comes_in(house: House) -> None:
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, named=[carol.did])
    made = alice.client.commit(room.group)
    assert (await room.submit(alice, room.upload(alice, made, group_info=False))).is_success
    room.group = made.group
    assert await refused(room, carol) == "GroupInfoUnavailable"
    asked = await house.post(carol.account, f"{MLS}.groupInfoRefresh", {"convoId": room.convo})
    assert asked["requested"] is True
    given = base64.b64encode(encode_message(bob.client.group_info(room.group))).decode()
    body = {"convoId": room.convo, "epoch": 2, "groupInfo": given}
    await house.post(bob.account, f"{MLS}.updateGroupInfo", body)
    told = await house.get(carol.account, f"{MLS}.getGroupInfo", convoId=room.convo)
    assert (told["groupInfo"], told["epoch"], told["generation"]) == (given, 2, 0)
    await room.join(carol)


async def test_a_forged_one_is_refused_and_kept(house: House) -> None:
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, named=[carol.did])
    data = bytearray(encode_message(carol.client.join(room.group).message))
    data[-40] ^= 1  # in the signature: a joiner sends no membership tag
    forged = base64.b64encode(bytes(data)).decode()
    assert await refused(room, carol, externalCommit=forged) == "InvalidCommit"
    assert await evidence(room) == [(bytes(data), "InvalidCommit")]


@pytest.mark.parametrize("number", [10])
async def test_15_ten_devices_that_come_at_once_make_one_epoch_in_a_window(house: House, number: int) -> None:
    """15: every device external-commits, epochs race, all sends get 409."""
    alice = await phone(house, "alice")
    lost = [await phone(house, f"lost{each}", stock=0) for each in range(number)]
    bob = await phone(house, "bob")
    room = await create(house, alice, bob, named=[each.did for each in lost])
    names: list[str] = []

    async def join(by: Phone) -> None:
        body = room.external(by, by.client.join(room.group))
        answer = await house.send("POST", f"{MLS}.processExternalCommit", by.account, json=body)
        names.append("in" if answer.is_success else error_name(answer))

    async with trio.open_nursery() as nursery:
        for each in lost:
            nursery.start_soon(join, each)
    assert names.count("in") == 1
    assert set(names) <= {"in", "GroupFrozen", "EpochMismatch"}
    assert await room.epoch(alice) == 2


async def test_15_who_comes_too_soon_is_told_how_long_to_wait(house: House) -> None:
    alice, bob, carol, dave = [await phone(house, name) for name in ("alice", "bob", "carol", "dave")]
    room = await create(house, alice, bob, named=[carol.did, dave.did])
    await room.join(carol)
    body = room.external(dave, dave.client.join(room.group))
    answer = await house.send("POST", f"{MLS}.processExternalCommit", dave.account, json=body)
    assert error_name(answer) == "GroupFrozen"
    wait = int(answer.headers["retry-after"])
    assert 0 < wait <= 30
    assert f"Try again in {wait} s." in answer.json()["message"]
    house.now += wait
    await room.join(dave)


async def test_a_resend_is_answered_even_in_the_cooldown(house: House) -> None:
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, named=[carol.did])
    body = room.external(carol, carol.client.join(room.group))
    first = await house.post(carol.account, f"{MLS}.processExternalCommit", body)
    assert await house.post(carol.account, f"{MLS}.processExternalCommit", body) == first


async def test_who_left_may_come_back_by_itself(house: House) -> None:
    room, _, bob = await pair(house)
    await house.post(bob.account, f"{MLS}.leaveConvo", {"convoId": room.convo})
    made = bob.client.join(room.group, replacing=bob.client.leaf_index(room.group))
    body = room.external(bob, made)
    answer = await house.post(bob.account, f"{MLS}.processExternalCommit", body)
    assert answer["epoch"] == 2
    room.group = made.group
    await room.say(bob, "m")


async def test_pending_proposals_do_not_stand_in_the_way_of_a_joiner(house: House) -> None:
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, named=[carol.did])
    message, _ = bob.client.propose(room.group, room.remove(bob)[0])
    body = {"convoId": room.convo, "proposal": sealed(encode_message(message)), "deviceId": bob.id}
    await house.post(bob.account, f"{OURS}.sendProposal", body)
    await room.join(carol)
