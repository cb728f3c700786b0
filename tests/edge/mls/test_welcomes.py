"""Welcomes over HTTP: there until they are answered, each for one device, made anew when they are of no use.

Scenarios 7, 9, 13 and 14 of `reference/mls-ds.md` section 5 have their names here.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from crypto.mls import Add, encode_message, key_package_ref, read_key_package, read_welcome
from protocol import ConversationId, WelcomeReissueRequested, decode_fact
from router.store.values import DEFAULT_RETENTION
from tests.edge.house import MLS, House, error_name, sealed
from tests.edge.mls.people import Phone, Room, claim, create, phone
from tests.edge.mls.stocks import CHAT, DAY, publish_over_http

GET, CONFIRM, INVALIDATE = f"{MLS}.getWelcome", f"{MLS}.confirmWelcome", f"{MLS}.invalidateWelcome"


async def fetch(house: House, room: Room, by: Phone) -> dict[str, Any]:
    return await house.get(by.account, GET, convoId=room.convo, deviceId=by.id)


async def no_welcome(house: House, room: Room, by: Phone) -> str:
    params = {"convoId": room.convo, "deviceId": by.id}
    return error_name(await house.send("GET", GET, by.account, params=params))


def place(room: Room, by: Phone, **more: Any) -> dict[str, Any]:
    return {"convoId": room.convo, "deviceId": by.id, **more}


async def refusal(house: House, by: Phone, nsid: str, given: dict[str, Any]) -> str:
    return error_name(await house.send("POST", nsid, by.account, json=given))


async def pair(house: House) -> tuple[Room, Phone, Phone]:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    return await create(house, alice, bob), alice, bob


async def requests(house: House, room: Room) -> list[WelcomeReissueRequested]:
    entries = await house.store.conversation_entries(
        ConversationId(room.convo), after_seq=1, max_entries=100, max_bytes=1 << 20
    )
    facts = [decode_fact(entry.body) for entry in entries if entry.msg_id is None]
    return [fact for fact in facts if isinstance(fact, WelcomeReissueRequested)]


async def again(house: House, room: Room, by: Phone, target: Phone) -> str:
    """Give a device another leaf; the hash of the key package."""
    (package,) = await claim(house, by, target)
    await room.commit(by, [*room.remove(target), Add(package)])
    return key_package_ref(package, target.client.suite).hex()


# -- fetched and answered ----------------------------------------------------------------------------------


async def test_scenario_13_a_welcome_that_was_fetched_and_lost_is_fetched_again(house: House) -> None:
    """The example: three times without an answer, then confirmed, twice, and gone."""
    room, alice, bob = await pair(house)
    first = await fetch(house, room, bob)
    assert (first["groupId"], first["epoch"], first["generation"]) == (b"room".hex(), 1, 0)
    assert read_welcome(base64.b64decode(first["welcome"])).key_package_refs == (
        bytes.fromhex(first["keyPackageHash"]),
    )
    for hours in (1, 24 * 7):
        house.now += hours * 3_600
        assert await fetch(house, room, bob) == first
    for _ in range(2):
        assert await house.post(bob.account, CONFIRM, place(room, bob, success=True)) == {"confirmed": True}
    assert await no_welcome(house, room, bob) == "WelcomeNotFound"
    assert await refusal(house, bob, INVALIDATE, place(room, bob, reason="late")) == "WelcomeNotFound"
    assert await no_welcome(house, room, alice) == "WelcomeNotFound", "who made the group needs none"


async def test_scenario_13_an_attempt_that_failed_leaves_it_there_and_a_rejection_does_not(
    house: House,
) -> None:
    room, _, bob = await pair(house)
    failed = place(room, bob, success=False, errorDetails="no memory")
    await house.post(bob.account, CONFIRM, failed)
    assert (await fetch(house, room, bob))["epoch"] == 1
    await house.post(bob.account, INVALIDATE, place(room, bob, reason="noMatchingKeyPackage"))
    assert await no_welcome(house, room, bob) == "WelcomeNotFound"
    ack = place(room, bob, success=True)
    assert await refusal(house, bob, CONFIRM, ack) == "WelcomeNotFound", "rejected is not used"


async def test_scenario_9_a_welcome_is_there_a_week_after_its_key_package_went(house: House) -> None:
    """It is self-contained: sweeping used packages does not break it."""
    room, _, bob = await pair(house)
    house.now += 8 * DAY
    await house.store.expire(int(house.now))
    assert (await fetch(house, room, bob))["epoch"] == 1
    house.now += DEFAULT_RETENTION.welcome
    await house.store.expire(int(house.now))
    assert await no_welcome(house, room, bob) == "WelcomeNotFound", "nobody waits for ever"


async def test_scenario_14_the_newest_welcome_counts_and_what_is_said_of_the_old_one_is_too_late(
    house: House,
) -> None:
    room, alice, bob = await pair(house)
    old = await fetch(house, room, bob)
    newest = await again(house, room, alice, bob)
    late = place(room, bob, reason="no key", keyPackageHash=old["keyPackageHash"])
    assert await refusal(house, bob, INVALIDATE, late) == "WelcomeNotFound"
    late = place(room, bob, success=True, keyPackageHash=old["keyPackageHash"])
    assert await refusal(house, bob, CONFIRM, late) == "WelcomeNotFound"
    found = await fetch(house, room, bob)
    assert (found["keyPackageHash"], found["epoch"]) == (newest, 2)
    assert found["welcomeId"] != old["welcomeId"]
    await house.post(bob.account, CONFIRM, place(room, bob, success=True, keyPackageHash=newest))


async def test_scenario_14_a_welcome_is_of_one_conversation_and_one_device(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    laptop = await phone(house, "bob", 2)
    one = await create(house, alice, bob, laptop, group_id=b"one")
    two = await create(house, alice, bob, group_id=b"two")
    assert (await fetch(house, one, bob))["groupId"] == b"one".hex()
    assert (await fetch(house, two, bob))["groupId"] == b"two".hex()
    assert await no_welcome(house, two, laptop) == "WelcomeNotFound"
    await house.post(bob.account, INVALIDATE, place(one, bob, reason="no key"))
    assert (await fetch(house, one, laptop))["epoch"] == 1, "the other device's is untouched"
    assert (await fetch(house, two, bob))["epoch"] == 1, "the other conversation's too"


async def test_nobody_else_learns_that_there_is_one(house: House) -> None:
    room, alice, bob = await pair(house)
    eve = await phone(house, "eve")
    assert await no_welcome(house, room, eve) == "ConvoNotFound"
    for nsid, more in ((CONFIRM, {"success": True}), (INVALIDATE, {"reason": "x"})):
        assert await refusal(house, eve, nsid, place(room, eve, **more)) == "ConvoNotFound"
        assert await refusal(house, eve, nsid, place(room, bob, **more)) in (
            "DeviceNotFound",
            "ConvoNotFound",
        )
    await room.commit(alice, room.remove(bob))
    assert await no_welcome(house, room, bob) == "NotMember"


# -- of no use, and made anew ------------------------------------------------------------------------------


async def test_scenario_7_a_nack_is_told_to_the_members_and_another_leaf_mends_it(house: House) -> None:
    """NoMatchingKeyPackage: rejected with a reason, told once, added again, and the new Welcome works."""
    room, alice, bob = await pair(house)
    for _ in range(2):
        await house.post(bob.account, INVALIDATE, place(room, bob, reason="noMatchingKeyPackage"))
    (asked,) = await requests(house, room)
    assert (asked.account, asked.device, asked.reason) == (bob.did, bob.id, "noMatchingKeyPackage")
    await publish_over_http(house, bob, 1)
    newest = await again(house, room, alice, bob)
    assert (await fetch(house, room, bob))["keyPackageHash"] == newest
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert state.group.needs_rejoin == {}


async def test_who_made_the_welcome_makes_another_for_the_same_key_package(house: House) -> None:
    """The bytes were damaged and not the key: no commit is needed, and no other device can be meant."""
    room, alice, bob = await pair(house)
    lost = await fetch(house, room, bob)
    await house.post(bob.account, INVALIDATE, place(room, bob, reason="invalidWelcome"))
    recipient = {"convoId": room.convo, "recipientDeviceDid": f"{bob.did}#{bob.id}", "reason": "damaged"}
    asked = await house.post(bob.account, f"{CHAT}.reissueWelcome", recipient)
    assert asked["welcomeRequested"] is True
    assert len(await requests(house, room)) == 1, "the request stands already"
    blob = sealed(base64.b64decode(lost["welcome"]))
    answer = {"requestId": asked["requestId"], "welcomeBlob": blob, "deviceId": alice.id}
    respond = f"{CHAT}.reissueWelcomeRespond"
    for _ in range(2):  # a retry is answered as the first time
        stored = await house.post(alice.account, respond, answer)
        assert (stored["stored"], stored["requestId"]) == (True, asked["requestId"])
    found = await fetch(house, room, bob)
    assert (found["welcome"], found["epoch"]) == (lost["welcome"], 1)
    await house.post(bob.account, CONFIRM, place(room, bob, success=True))
    assert await refusal(house, alice, respond, answer) == "RequestNotFound", "it is over"


async def test_another_welcome_than_the_one_asked_for_is_refused(house: House) -> None:
    room, alice, bob = await pair(house)
    carol, eve = await phone(house, "carol"), await phone(house, "eve")
    await room.add(alice, carol)
    await house.post(bob.account, INVALIDATE, place(room, bob, reason="x"))
    recipient = {"convoId": room.convo, "recipientDeviceDid": f"{bob.did}#{bob.id}", "reason": "x"}
    asked = await house.post(bob.account, f"{CHAT}.reissueWelcome", recipient)
    carols = sealed(base64.b64decode((await fetch(house, room, carol))["welcome"]))
    respond = f"{CHAT}.reissueWelcomeRespond"
    good = {"requestId": asked["requestId"], "welcomeBlob": carols, "deviceId": alice.id}
    assert await refusal(house, alice, respond, good) == "WelcomeMismatch"
    assert await refusal(house, alice, respond, {**good, "welcomeBlob": sealed(b"x")}) == "InvalidWelcome"
    assert await refusal(house, alice, respond, {**good, "keyPackageHash": "zz"}) == "KeyPackageNotFound"
    for request in ("nonsense", f"{room.convo}:1", f"{room.convo}:999", f"{room.convo}:-1"):
        assert await refusal(house, alice, respond, {**good, "requestId": request}) == "RequestNotFound"
    assert await refusal(house, eve, respond, {**good, "deviceId": eve.id}) == "RequestNotFound"


async def test_a_welcome_is_asked_for_a_few_times_an_hour_by_its_device_alone(house: House) -> None:
    room, alice, bob = await pair(house)
    eve = await phone(house, "eve")
    reissue = f"{CHAT}.reissueWelcome"
    recipient = {"convoId": room.convo, "recipientDeviceDid": f"{bob.did}#{bob.id}", "reason": "x"}
    assert await refusal(house, eve, reissue, recipient) == "ConvoNotFound"
    assert await refusal(house, alice, reissue, recipient) == "WelcomeNotFound"
    own = {**recipient, "recipientDeviceDid": f"{alice.did}#{alice.id}"}
    assert await refusal(house, alice, reissue, own) == "WelcomeNotFound", "it never got one"
    nonsense = {**recipient, "recipientDeviceDid": f"{bob.did}#nonsense"}
    assert await refusal(house, bob, reissue, nonsense) == "WelcomeNotFound"
    asked = await house.post(bob.account, reissue, recipient)
    assert await house.post(bob.account, reissue, recipient) == asked


async def test_nobody_is_asked_where_nobody_is(house: House) -> None:
    room, alice, bob = await pair(house)
    await house.post(alice.account, f"{MLS}.leaveConvo", {"convoId": room.convo})
    recipient = {"convoId": room.convo, "recipientDeviceDid": f"{bob.did}#{bob.id}", "reason": "x"}
    assert await refusal(house, bob, f"{CHAT}.reissueWelcome", recipient) == "NoAdminToReissue"


# -- looked at before it is used ---------------------------------------------------------------------------


async def test_a_welcome_is_looked_at_and_its_key_package_reserved(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob", stock=2)
    carol = await phone(house, "carol", stock=1)
    validate = f"{MLS}.validateWelcome"
    (package,) = (await house.store.key_packages(bob.id))[:1]
    made = alice.client.commit(
        alice.client.create_group(b"g").group, [Add(read_key_package(package.package))]
    )
    assert made.welcome is not None
    given = {"welcomeMessage": sealed(encode_message(made.welcome)), "deviceId": bob.id}
    told = await house.post(bob.account, validate, given)
    assert (told["valid"], told["keyPackageHash"], told["recipientDid"]) == (True, package.ref.hex(), bob.did)
    assert (told["reserved"], "reservedUntil" in told) == (True, True)
    assert await refusal(house, carol, validate, {**given, "deviceId": carol.id}) == "RecipientMismatch"
    assert await refusal(house, bob, validate, {**given, "welcomeMessage": sealed(b"x")}) == "InvalidWelcome"


@pytest.mark.parametrize("state", ["claimed", "consumed", "unknown"])
async def test_a_welcome_whose_package_is_not_free_says_so(house: House, state: str) -> None:
    room, alice, bob = await pair(house)
    validate, expected = f"{MLS}.validateWelcome", "KeyPackageAlreadyConsumed"
    welcome = base64.b64decode((await fetch(house, room, bob))["welcome"])
    if state == "claimed":
        (package,) = await claim(house, alice, bob)
        made = alice.client.commit(alice.client.create_group(b"g").group, [Add(package)])
        assert made.welcome is not None
        welcome, expected = encode_message(made.welcome), "KeyPackageReserved"
    if state == "unknown":
        package = bob.client.key_package(int(house.now))
        made = alice.client.commit(alice.client.create_group(b"g").group, [Add(package)])
        assert made.welcome is not None
        welcome, expected = encode_message(made.welcome), "KeyPackageNotFound"
    given = {"welcomeMessage": sealed(welcome), "deviceId": bob.id}
    assert await refusal(house, bob, validate, given) == expected
