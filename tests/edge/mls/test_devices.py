"""Devices over HTTP: registered with valid key packages, in nothing until a commit says so, gone everywhere.

Scenarios 11 and 12 of `reference/mls-ds.md` section 5 have their names here.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from crypto.mls import STANDARD_SUITES, Add, Lifetime, read_key_package
from crypto.mls.testing import Client
from protocol import AccountDid, ConversationId, DeviceId, NewDevice, Nsid, decode_fact
from router.config import Limits, Mls, Settings
from router.identity.device_auth import mint_device_token
from tests.edge.house import MLS, SERVICE, House, error_name, open_house
from tests.edge.mls.people import Phone, Room, create, phone
from tests.edge.mls.stocks import DAY, device_token_key, register, registration, text
from tests.edge.principals import bearer

REGISTER, PENDING = f"{MLS}.registerDevice", f"{MLS}.getPendingDeviceAdditions"
CLAIM, COMPLETE = f"{MLS}.claimPendingDeviceAddition", f"{MLS}.completePendingDeviceAddition"


async def members(house: House, room: Room) -> dict[DeviceId, AccountDid]:
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    return {device: member.account for device, member in state.members.items()}


async def refusal(house: House, device: Phone, nsid: str, given: dict[str, Any]) -> str:
    return error_name(await house.send("POST", nsid, device.account, json=given))


# -- registered --------------------------------------------------------------------------------------------


async def test_a_device_registered_later_is_announced_added_by_a_member_and_then_in(house: House) -> None:
    """The example, and scenario 12: nobody is a member before a commit adds the leaf."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    laptop, answer = await register(house, "bob", 2, packages=3)
    assert answer["mlsDid"] == f"{bob.did}#{laptop.id}"
    assert (answer["autoJoinedConvos"], answer["pendingConvos"]) == ([], [room.convo])
    assert laptop.id not in await members(house, room)
    refused = await house.send("POST", f"{MLS}.sendMessage", bob.account, json=room.message(laptop, "m1"))
    assert error_name(refused) == "NotMember"

    (waits,) = (await house.get(alice.account, PENDING))["pendingAdditions"]
    assert (waits["userDid"], waits["deviceId"], waits["status"]) == (bob.did, laptop.id, "pending")
    assert waits["deviceCredentialDid"] == answer["mlsDid"]
    claimed = await house.post(alice.account, CLAIM, {"pendingAdditionId": waits["id"], "deviceId": alice.id})
    assert (claimed["claimed"], claimed["convoId"], claimed["claimedBy"]) == (True, room.convo, alice.did)
    package = read_key_package(b64decode(claimed["keyPackage"]["keyPackage"]))
    done = await room.commit(alice, [Add(package)])
    finished = await house.post(
        alice.account,
        COMPLETE,
        {"pendingAdditionId": waits["id"], "newEpoch": done["newEpoch"], "deviceId": alice.id},
    )
    assert finished == {"success": True}

    assert (await members(house, room))[laptop.id] == bob.did
    assert (await house.get(alice.account, PENDING))["pendingAdditions"] == []
    welcome = await house.get(bob.account, f"{MLS}.getWelcome", convoId=room.convo, deviceId=laptop.id)
    assert welcome["epoch"] == done["newEpoch"]
    await room.say(laptop, "m1")
    house.now += 10  # another package than those before
    _, again = await register(house, "bob", 2)
    assert (again["deviceId"], again["autoJoinedConvos"]) == (laptop.id, [room.convo])
    assert [each["convoId"] for each in again["welcomeMessages"]] == [room.convo], "not confirmed yet"


async def test_the_members_are_told_of_a_new_device_once(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    for _ in range(2):
        laptop, _ = await register(house, "bob", 2)
    facts = [
        decode_fact(entry.body)
        for entry in await house.store.conversation_entries(
            ConversationId(room.convo), after_seq=1, max_entries=50, max_bytes=1 << 20
        )
    ]
    assert [fact.device for fact in facts if isinstance(fact, NewDevice)] == [laptop.id]


@pytest.mark.parametrize("fault", ["identity", "key", "expired", "other suite", "no base64", "of another"])
async def test_a_device_brings_valid_key_packages_of_its_own_or_is_not_registered(
    house: House, fault: str
) -> None:
    account = await house.account("bob")
    now = int(house.now)
    client = Client(STANDARD_SUITES[1], account.did.encode(), "phone")
    good = client.key_package(now)
    body = registration(account.did, client, [good, client.key_package(now)])
    item = body["keyPackages"][1]
    match fault:
        case "identity":
            item["keyPackage"] = text(Client(STANDARD_SUITES[1], b"did:web:eve.example").key_package(now))
        case "key":
            other = Client(STANDARD_SUITES[1], account.did.encode(), "another")
            item["keyPackage"] = text(other.key_package(now))
        case "expired":
            leaf = client.leaf(Lifetime(now - 3 * DAY, now - DAY))
            item["keyPackage"] = text(client.key_package(now, leaf=leaf))
        case "other suite":
            item["cipherSuite"] = "ROT13"
        case "no base64":
            item["keyPackage"] = "no base64"
        case _:
            item["did"] = "did:web:eve.example"
    error = error_name(await house.send("POST", REGISTER, account, json=body))
    assert error == ("InvalidCipherSuite" if fault == "other suite" else "InvalidKeyPackage")
    assert await house.store.devices_of(AccountDid(account.did)) == []


async def test_a_key_that_signed_nothing_needs_a_proof(house: House) -> None:
    """Packages of another scheme do not show that their sender has the device's key."""
    account = await house.account("bob")
    client = Client(STANDARD_SUITES[2], account.did.encode(), "phone")
    body = registration(account.did, client, [client.key_package(int(house.now))])
    ed25519 = Client(STANDARD_SUITES[1], account.did.encode(), "phone")
    body["signaturePublicKey"] = registration(account.did, ed25519, [])["signaturePublicKey"]
    assert error_name(await house.send("POST", REGISTER, account, json=body)) == "InvalidKeyPackage"
    device, _ = await register(house, "bob", suite=STANDARD_SUITES[2])
    assert await house.store.count_key_packages(device.id) == 1


async def test_a_retry_is_answered_also_when_a_package_was_used_and_a_new_device_brings_none_of_those(
    house: House,
) -> None:
    """Whoever lost the answer must get it; but what was used by a device that is gone stays used."""
    alice = await phone(house, "alice")
    account = await house.account("bob")
    client = Client(STANDARD_SUITES[1], account.did.encode(), "phone")
    package = client.key_package(int(house.now))
    body = registration(account.did, client, [package])
    made = await house.post(account, REGISTER, body)
    room = await create(house, alice)
    await room.add(alice, Phone(account, DeviceId(made["deviceId"]), client))
    again = await house.post(account, REGISTER, body)
    assert (again["deviceId"], again["autoJoinedConvos"]) == (made["deviceId"], [room.convo])
    await house.post(account, f"{MLS}.deleteDevice", {"deviceId": made["deviceId"]})
    assert error_name(await house.send("POST", REGISTER, account, json=body)) == "KeyPackageReused"


async def test_an_account_has_ten_devices_and_a_device_its_number_of_packages() -> None:
    settings = Settings(limits=Limits(max_devices=2), mls=Mls(max_key_packages=2, low_stock=1))
    async with open_house(settings=settings) as house:
        await register(house, "bob", 1)
        await register(house, "bob", 2)
        bob = await house.account("bob")
        for number, packages, error in ((3, 1, "TooManyDevices"), (1, 3, "TooManyKeyPackages")):
            client = Client(STANDARD_SUITES[1], bob.did.encode(), str(number))
            made = [client.key_package(int(house.now) + 7) for _ in range(packages)]
            body = registration(bob.did, client, made)
            assert error_name(await house.send("POST", REGISTER, bob, json=body)) == error


async def test_devices_are_listed_with_their_own_name(house: House) -> None:
    device, answer = await register(house, "bob", packages=2)
    (shown,) = (await house.get(device.account, f"{MLS}.listDevices"))["devices"]
    assert (shown["deviceId"], shown["credentialDid"]) == (device.id, answer["mlsDid"])
    assert (shown["deviceName"], shown["keyPackageCount"]) == ("phone", 2)


# -- additions ---------------------------------------------------------------------------------------------


async def waiting(house: House) -> tuple[Room, Phone, Phone, Phone, str]:
    """Alice, Bob and Carol in a room, and Bob's new laptop that waits under this id."""
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, carol)
    laptop, _ = await register(house, "bob", 2, packages=3)
    return room, alice, carol, laptop, f"{room.convo}:{laptop.id}"


async def test_one_claims_at_a_time_and_the_lease_lapses(house: House) -> None:
    room, alice, carol, _, addition = await waiting(house)
    by = {"pendingAdditionId": addition, "deviceId": alice.id}
    assert (await house.post(alice.account, CLAIM, by))["claimed"] is True
    other = {"pendingAdditionId": addition, "deviceId": carol.id}
    answer = await house.post(carol.account, CLAIM, other)
    assert (answer["claimed"], answer["claimedBy"]) == (False, alice.did)
    assert "keyPackage" not in answer
    (shown,) = (await house.get(carol.account, PENDING, convoIds=[room.convo]))["pendingAdditions"]
    assert (shown["status"], shown["claimedBy"]) == ("in_progress", alice.did)
    house.now += house.edge.settings.mls.addition_lease + 2
    assert (await house.post(carol.account, CLAIM, other))["claimed"] is True
    stale = {**by, "newEpoch": 1}
    assert await refusal(house, alice, COMPLETE, stale) == "NotClaimed"


async def test_nobody_claims_its_own_device_and_no_stranger_anything(house: House) -> None:
    """A sibling that is in adds it by a commit of its own; the claim is for the others."""
    room, _, _, laptop, addition = await waiting(house)
    bobs = next(device for device, account in (await members(house, room)).items() if account == laptop.did)
    own = await house.post(laptop.account, CLAIM, {"pendingAdditionId": addition, "deviceId": bobs})
    assert own["claimed"] is False
    eve = await phone(house, "eve")
    for named in (addition, "nonsense", f"{room.convo}:{eve.id}"):
        given = {"pendingAdditionId": named, "deviceId": eve.id}
        assert await refusal(house, eve, CLAIM, given) == "PendingAdditionNotFound"
        assert await refusal(house, eve, COMPLETE, {**given, "newEpoch": 1}) == "PendingAdditionNotFound"
    waits = {"pendingAdditionId": addition, "deviceId": laptop.id}
    assert await refusal(house, laptop, CLAIM, waits) == "NotMember"
    assert (await house.get(eve.account, PENDING, convoIds=[room.convo]))["pendingAdditions"] == []


async def test_a_completion_without_a_commit_is_none(house: House) -> None:
    """Nothing pretends that a device has joined."""
    room, alice, carol, _, addition = await waiting(house)
    by = {"pendingAdditionId": addition, "deviceId": alice.id}
    await house.post(alice.account, CLAIM, by)
    early = await house.post(alice.account, COMPLETE, {**by, "newEpoch": 99})
    assert early["success"] is False
    answer = await house.post(alice.account, COMPLETE, {**by, "newEpoch": room.group.epoch})
    assert answer["success"] is False
    given = {"pendingAdditionId": addition, "deviceId": carol.id}
    assert (await house.post(carol.account, CLAIM, given))["claimed"] is True, "it waits for somebody else"


async def test_without_a_package_of_the_groups_suite_there_is_nothing_to_claim(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    laptop, _ = await register(house, "bob", 2, packages=1)
    given = {"pendingAdditionId": f"{room.convo}:{laptop.id}", "deviceId": alice.id}
    await house.post(alice.account, CLAIM, given)
    house.now += house.edge.settings.mls.addition_lease + 2
    assert await refusal(house, alice, CLAIM, given) == "KeyPackageNotFound"


# -- gone --------------------------------------------------------------------------------------------------


async def test_a_deleted_device_is_out_and_its_sibling_stays(house: House) -> None:
    """Scenario 11, the device's part: the account is in as long as one of its devices is."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    laptop = await phone(house, "bob", 2)
    room = await create(house, alice, bob, laptop)
    gone = await house.post(bob.account, f"{MLS}.deleteDevice", {"deviceId": laptop.id})
    assert gone == {"deleted": True, "keyPackagesDeleted": 2}
    assert await members(house, room) == {alice.id: alice.did, bob.id: bob.did}
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert set(state.group.stale_leaves) == {laptop.id}, "until a commit removes it"
    assert await refusal(house, bob, f"{MLS}.deleteDevice", {"deviceId": laptop.id}) == "DeviceNotFound"


async def test_scenario_11_the_last_admin_with_two_devices_is_one_admin(house: House) -> None:
    """Devices are not counted where accounts are meant."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    laptop = await phone(house, "alice", 2)
    room = await create(house, alice, bob, laptop)
    refused = await house.send(
        "POST", f"{MLS}.demoteAdmin", alice.account, json={"convoId": room.convo, "targetDid": alice.did}
    )
    assert error_name(refused) == "LastAdmin"
    await house.post(alice.account, f"{MLS}.deleteDevice", {"deviceId": laptop.id})
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert state.admins == {alice.did}


async def test_who_ends_the_only_device_leaves_but_not_while_another_one_waits(house: House) -> None:
    """A new phone is registered before the old one is deleted: the place and the roles must not be lost."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    tablet, _ = await register(house, "alice", 2, packages=3)
    await house.post(alice.account, f"{MLS}.deleteDevice", {"deviceId": alice.id})
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert state.admins == {alice.did}
    assert tablet.id in state.group.announced
    await room.add(bob, tablet)
    told = await house.get(alice.account, f"{MLS}.validateDeviceState", deviceId=tablet.id)
    assert "leavesOfEndedDevices" in told["issues"]
    await room.commit(tablet, room.remove(alice))
    assert set(await members(house, room)) == {bob.id, tablet.id}

    await house.post(bob.account, f"{MLS}.deleteDevice", {"deviceId": bob.id})
    assert set(await members(house, room)) == {tablet.id}


async def test_a_device_deletes_itself_and_no_other(house: House) -> None:
    bob, laptop = await phone(house, "bob"), await phone(house, "bob", 2)
    token = _device_token(house, bob, f"{MLS}.deleteDevice")
    answer = await house.http.post(
        f"/xrpc/{MLS}.deleteDevice", headers=bearer(token), json={"deviceId": laptop.id}
    )
    assert error_name(answer) == "Unauthorized"
    token = _device_token(house, bob, f"{MLS}.deleteDevice")
    answer = await house.http.post(
        f"/xrpc/{MLS}.deleteDevice", headers=bearer(token), json={"deviceId": bob.id}
    )
    assert answer.status_code == 200


def _device_token(house: House, device: Phone, nsid: str) -> str:
    key = device_token_key(device.client)
    return mint_device_token(key, AccountDid(device.did), device.id, SERVICE.audience, Nsid(nsid), house.now)


# -- looked after ------------------------------------------------------------------------------------------


async def test_a_device_is_told_what_is_wrong_with_it(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob", stock=12)
    room = await create(house, alice, bob)
    await house.post(
        bob.account, f"{MLS}.confirmWelcome", {"convoId": room.convo, "success": True, "deviceId": bob.id}
    )
    told = await house.get(bob.account, f"{MLS}.validateDeviceState", deviceId=bob.id)
    assert (told["isValid"], told["issues"]) == (True, [])
    assert (told["expectedConvos"], told["actualConvos"]) == (1, 1)
    laptop, _ = await register(house, "bob", 2)
    told = await house.get(bob.account, f"{MLS}.validateDeviceState", deviceId=laptop.id)
    assert told["isValid"] is False
    assert {"missingFromConversations", "keyPackagesLow"} <= set(told["issues"])
    assert told["keyPackageInventory"]["target"] == 50
