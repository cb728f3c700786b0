"""Groups over HTTP: created at the epoch of their creator, with those who have a leaf and no others."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from crypto.mls import Add, encode_message, key_package_ref, read_welcome
from protocol import AccountDid, ConversationId
from tests.edge.house import MLS, House, error_name
from tests.edge.mls.people import Phone, claim, create, creation, hashes, phone, publish, text

GROUP = b"room"


async def test_a_group_is_created_talks_takes_somebody_in_and_goes_on(house: House) -> None:
    """The example."""
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob)
    assert await room.epoch(bob) == 1
    await room.say(alice, "m1")
    added = await room.add(bob, carol)
    assert added["newEpoch"] == 2
    await room.say(carol, "m2")
    await room.commit(carol)
    await room.commit(alice, room.remove(bob))
    page = await house.get(alice.account, f"{MLS}.getMessages", convoId=room.convo)
    kinds = [(each.get("messageType", "app"), each["epoch"]) for each in page["messages"]]
    assert kinds == [("app", 1), ("commit", 2), ("app", 2), ("commit", 3), ("commit", 4)]


async def refused(house: House, by: Phone, body: dict[str, Any]) -> str:
    """The name by which a creation is refused; nothing is in the log, and no key package is used up."""
    before = await house.store.head()
    name = error_name(await house.send("POST", f"{MLS}.createConvo", by.account, json=body))
    assert await house.store.head() == before
    return name


async def with_bob(house: House) -> tuple[Phone, Phone, dict[str, Any]]:
    """Alice's request for a group in which Bob is already, not yet sent."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    packages = await claim(house, alice, bob)
    made = alice.client.commit(alice.client.create_group(GROUP).group, [Add(packages[0])])
    body = creation(alice, made, GROUP, initialMembers=[bob.did], keyPackageHashes=hashes([bob], packages))
    return alice, bob, body


async def test_members_have_the_leaves_that_the_tree_gives_them(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    (view,) = (await house.get(bob.account, f"{MLS}.getConvos"))["conversations"]
    assert {(each["deviceId"], each["leafIndex"]) for each in view["members"]} == {(alice.id, 0), (bob.id, 1)}
    assert (view["epoch"], view["generation"], view["id"]) == (1, 0, room.convo)


async def test_each_gets_a_welcome_with_its_own_entry_alone(house: House) -> None:
    """Those who come in together are not shown to each other by it."""
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, carol)
    seen = []
    for device in (bob, carol):
        kept = await house.store.welcome(ConversationId(room.convo), device.id)
        assert kept is not None
        assert read_welcome(kept.body).key_package_refs == (kept.key_package,)
        seen.append(kept.key_package)
    assert len(set(seen)) == 2


async def test_key_packages_are_used_up_with_the_creation(house: House) -> None:
    alice, _, body = await with_bob(house)
    ref = bytes.fromhex(body["keyPackageHashes"][0]["hash"])
    await house.post(alice.account, f"{MLS}.createConvo", body)
    record = await house.store.key_package(ref)
    assert record is not None
    assert record.state == "consumed"
    body |= {"groupId": b"other".hex(), "idempotencyKey": "2"}
    del body["groupInfo"]
    body["currentEpoch"] = 1
    assert await refused(house, alice, body) == "KeyPackageNotFound"


async def test_a_key_package_that_was_not_claimed_is_refused(house: House) -> None:
    """Nobody builds on a package that somebody else was given."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    eve = await phone(house, "eve")
    packages = await claim(house, eve, bob)
    made = alice.client.commit(alice.client.create_group(GROUP).group, [Add(packages[0])])
    body = creation(alice, made, GROUP, initialMembers=[bob.did], keyPackageHashes=hashes([bob], packages))
    assert await refused(house, alice, body) == "KeyPackageNotFound"
    record = await house.store.key_package(key_package_ref(packages[0], bob.client.suite))
    assert record is not None
    assert record.state == "claimed"


async def test_a_last_resort_is_taken_again_and_again(house: House) -> None:
    alice, carol = await phone(house, "alice"), await phone(house, "carol")
    bob = await phone(house, "bob", stock=0)
    await publish(house, bob, 1, last_resort=True)
    await create(house, alice, bob, group_id=b"one")
    await create(house, carol, bob, group_id=b"two")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"cipherSuite": "ROT13"}, "InvalidCipherSuite"),
        ({"cipherSuite": "MLS_128_DHKEMP256_AES128GCM_SHA256_P256"}, "GroupInfoMismatch"),
        ({"groupId": b"other".hex()}, "GroupInfoMismatch"),
        ({"currentEpoch": 2}, "GroupInfoMismatch"),
        ({"groupInfo": "!"}, "InvalidGroupInfo"),
        ({"groupInfo": "AAAA"}, "InvalidGroupInfo"),
        ({"welcomeMessage": "AAAA"}, "InvalidWelcome"),
        ({"welcomeMessage": None}, "WelcomeMismatch"),
        ({"keyPackageHashes": None}, "GroupInfoMismatch"),
        ({"keyPackageHashes": None, "welcomeMessage": None}, "GroupInfoMismatch"),
        ({"keyPackageHashes": None, "groupInfo": None, "currentEpoch": 1}, "WelcomeMismatch"),
        ({"groupInfo": None}, "InvalidRequest"),  # with others in it, and no word about its epoch
        ({"initialMembers": None}, "InvalidRequest"),
        ({"initialMembers": ["did:web:ghost.example"]}, "KeyPackageNotFound"),
        ({"deviceId": "0" * 36}, "DeviceNotFound"),
    ],
)
async def test_what_a_creation_may_not_be(house: House, change: dict[str, Any], error: str) -> None:
    alice, _, body = await with_bob(house)
    body = {name: value for name, value in (body | change).items() if value is not None}
    assert await refused(house, alice, body) == error


async def test_another_hash_of_the_same_package_is_none(house: House) -> None:
    """8: a KeyPackageRef is the one name of a key package; the SHA-256 of its bytes is not."""
    alice, bob, body = await with_bob(house)
    stock = await house.store.key_packages(bob.id)
    for other in (hashlib.sha256(stock[0].package).hexdigest(), "", "xyz", "00" * 31):
        body["keyPackageHashes"][0]["hash"] = other
        assert await refused(house, alice, body) == "KeyPackageNotFound"


async def test_a_group_info_that_somebody_made_up_is_refused(house: House) -> None:
    """One leaf more than the server is told, or a leaf that is no device's, is no group of this creator."""
    alice, bob, body = await with_bob(house)
    stranger = await phone(house, "stranger", stock=0)
    group = alice.client.create_group(GROUP).group
    packages = [*await claim(house, alice, bob), stranger.client.key_package(int(house.now))]
    larger = alice.client.commit(group, [Add(package) for package in packages])
    assert await refused(house, alice, body | {"groupInfo": text(larger.group_info)}) == "GroupInfoMismatch"
    mine = creation(bob, None, GROUP, groupInfo=text(alice.client.create_group(GROUP).group_info))
    assert await refused(house, bob, mine) == "GroupInfoMismatch"
    broken = bytearray(encode_message(larger.group_info))
    broken[-1] ^= 1
    flipped = base64.b64encode(bytes(broken)).decode()
    assert await refused(house, alice, body | {"groupInfo": flipped}) == "InvalidGroupInfo"


async def test_who_has_several_devices_says_which_one_made_the_group(house: House) -> None:
    alice, second = await phone(house, "alice"), await phone(house, "alice", 2)
    body = creation(alice, None, GROUP, groupInfo=text(alice.client.create_group(GROUP).group_info))
    assert await refused(house, alice, body | {"deviceId": second.id}) == "GroupInfoMismatch"
    del body["deviceId"]
    assert await refused(house, alice, body) == "InvalidRequest"


async def test_the_second_device_of_the_creator_can_be_in_from_the_start(house: House) -> None:
    alice, second = await phone(house, "alice"), await phone(house, "alice", 2)
    room = await create(house, alice, second)
    await room.say(second, "m")


async def test_36_an_existing_group_answers_its_owner_and_tells_others_nothing(house: House) -> None:
    """36: createConvo on a group that exists echoed the caller's own input, to anybody."""
    alice, bob, body = await with_bob(house)
    first = await house.post(alice.account, f"{MLS}.createConvo", body)
    assert await house.post(alice.account, f"{MLS}.createConvo", body) == first
    eve = await phone(house, "eve")
    answers = []
    for who, change in (
        (eve, {"deviceId": eve.id}),
        (eve, {"deviceId": eve.id, "groupInfo": text(eve.client.create_group(GROUP).group_info)}),
        (bob, {"deviceId": bob.id}),
        (alice, {"idempotencyKey": "another"}),
    ):
        answer = await house.send("POST", f"{MLS}.createConvo", who.account, json=body | change)
        assert error_name(answer) == "ConvoAlreadyExists"
        answers.append(answer.content)
    assert len(set(answers)) == 1
    other = body | {"metadata": {"name": "other"}}
    answer = await house.send("POST", f"{MLS}.createConvo", alice.account, json=other)
    assert error_name(answer) == "IdempotencyConflict"


async def test_36_reading_changes_nothing(house: House) -> None:
    """36: a GET that reset the unread count."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    await room.say(alice, "m")

    async def unread() -> int:
        (view,) = (await house.get(bob.account, f"{MLS}.getConvos"))["conversations"]
        return int(view["unreadCount"])

    assert await unread() == 1
    head = await house.store.head()
    for method in ("getMessages", "getEpoch", "getGroupInfo"):
        await house.get(bob.account, f"{MLS}.{method}", convoId=room.convo)
    await house.get(bob.account, f"{MLS}.getCommits", convoId=room.convo, fromEpoch=0)
    await house.get(bob.account, f"{MLS}.getExpectedConversations")
    assert (await unread(), await house.store.head()) == (1, head)


@pytest.mark.parametrize("others", [0, 1, 2])
async def test_1_the_epoch_is_the_one_the_creator_committed(house: House, others: int) -> None:
    """1: the server answered epoch 0 while the creator stood at 1, and clients believed the server."""
    alice = await phone(house, "alice")
    friends = [await phone(house, f"friend{number}") for number in range(others)]
    room = await create(house, alice, *friends)
    assert await room.epoch(alice) == room.group.epoch == min(others, 1)
    await room.say(alice, "m")


async def test_1_a_stated_epoch_is_believed_where_no_group_info_tells_it(house: House) -> None:
    alice, _, body = await with_bob(house)
    del body["groupInfo"]
    view = await house.post(alice.account, f"{MLS}.createConvo", body | {"currentEpoch": 1})
    assert view["epoch"] == 1
    assert await house.store.group_info(ConversationId(view["id"])) is None


async def test_12_who_was_named_is_no_member_before_a_commit_adds_its_leaf(house: House) -> None:
    """12: members of the database who were in no tree."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, named=[bob.did])
    (view,) = (await house.get(alice.account, f"{MLS}.getConvos"))["conversations"]
    assert [each["did"] for each in view["members"]] == [alice.did]
    refusals = []
    for method, nsid, given in (
        ("GET", "getMessages", {"params": {"convoId": room.convo}}),
        ("GET", "getCommits", {"params": {"convoId": room.convo, "fromEpoch": 0}}),
        ("GET", "getEpoch", {"params": {"convoId": room.convo}}),
        ("POST", "sendMessage", {"json": room.message(bob, "m")}),
    ):
        refusals.append(error_name(await house.send(method, f"{MLS}.{nsid}", bob.account, **given)))
    assert refusals == ["NotMember"] * 4
    assert (await house.get(bob.account, f"{MLS}.getConvos"))["conversations"] == []
    await room.add(alice, bob)
    await room.say(bob, "m")


async def test_12_a_second_device_is_in_when_its_leaf_is(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    tablet = await phone(house, "bob", 2)
    answer = await house.send("POST", f"{MLS}.sendMessage", tablet.account, json=room.message(tablet, "m"))
    assert error_name(answer) == "NotMember"
    told = await house.get(tablet.account, f"{MLS}.getExpectedConversations", deviceId=tablet.id)
    (expected,) = told["conversations"]
    assert (expected["deviceInGroup"], expected["shouldBeInGroup"]) == (False, True)
    await room.add(bob, tablet)
    await room.say(tablet, "m")
    told = await house.get(tablet.account, f"{MLS}.getExpectedConversations", deviceId=tablet.id)
    assert told["conversations"][0]["deviceInGroup"] is True


async def test_a_device_that_ends_may_leave_its_leaf_to_be_removed(house: House) -> None:
    """The leaf of a device that is registered no more is found by its place."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    tablet = await phone(house, "bob", 2)
    room = await create(house, alice, bob, tablet)
    await house.store.revoke_device(AccountDid(bob.did), tablet.id, now=int(house.now))
    await room.commit(bob, room.remove(tablet))
    (view,) = (await house.get(alice.account, f"{MLS}.getConvos"))["conversations"]
    assert {each["deviceId"] for each in view["members"]} == {alice.id, bob.id}
