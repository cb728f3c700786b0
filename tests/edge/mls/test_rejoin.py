"""Coming back over HTTP: asked for, leased to one member, done by a commit; never over a tombstone.

Scenarios 15 and 16 of `reference/mls-ds.md` section 5 have their names here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
import pytest
import trio

from crypto.mls import Add
from protocol import (
    ConversationId,
    DeviceId,
    ReadditionRequested,
    WelcomeReissueRequested,
    decode_fact,
)
from protocol import Limits as ProtocolLimits
from router.config import Settings
from router.readdition import Readditions
from tests import generous
from tests.edge.harness import read_until
from tests.edge.house import MLS, House, error_name, open_house
from tests.edge.mls.people import Phone, Room, claim, create, phone
from tests.edge.mls.stocks import CHAT, text

REQUEST, READD = f"{MLS}.requestRejoin", f"{MLS}.readdition"


def rejoin(house: House, room: Room, by: Phone, **more: Any) -> dict[str, Any]:
    """The body of `requestRejoin` with a fresh key package."""
    package = by.client.key_package(int(house.now))
    return {"convoId": room.convo, "deviceId": by.id, "keyPackage": text(package), **more}


async def refusal(house: House, by: Phone, nsid: str, given: dict[str, Any]) -> str:
    return error_name(await house.send("POST", nsid, by.account, json=given))


async def offers(house: House, room: Room) -> list[tuple[DeviceId, DeviceId | None]]:
    """Who was to be added again by whom, in the order of the log."""
    entries = await house.store.conversation_entries(
        ConversationId(room.convo), after_seq=1, max_entries=200, max_bytes=1 << 20
    )
    facts = [decode_fact(entry.body) for entry in entries if entry.msg_id is None]
    return [
        (fact.device, fact.leased_to)
        for fact in facts
        if isinstance(fact, ReadditionRequested | WelcomeReissueRequested)
    ]


async def fetched(house: House, room: Room, by: Phone) -> dict[str, Any]:
    return await house.get(by.account, f"{MLS}.getWelcome", convoId=room.convo, deviceId=by.id)


@asynccontextmanager
async def connected(house: House, *devices: Phone) -> AsyncIterator[None]:
    """These devices have a stream open."""
    async with trio.open_nursery() as nursery:
        for device in devices:
            opened = trio.Event()

            async def listen(device: Phone, opened: trio.Event) -> None:
                async with house.edge.devices.open_feed(device.id):
                    opened.set()
                    await trio.sleep_forever()

            nursery.start_soon(listen, device, opened)
            await opened.wait()
        yield
        nursery.cancel_scope.cancel()


async def test_a_device_that_lost_its_state_is_added_again_by_one_member(house: House) -> None:
    """The example; a repeat of the request is the same request."""
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, carol)
    await fetched(house, room, bob)
    async with connected(house, alice):
        asked = await house.post(bob.account, REQUEST, rejoin(house, room, bob, reason="state_loss"))
        assert asked["pending"] is True
        again = await house.post(bob.account, f"{MLS}.rejoin", rejoin(house, room, bob))
        assert again["requestId"] == asked["requestId"]
        assert await offers(house, room) == [(bob.id, alice.id)]
        told = await house.get(bob.account, f"{MLS}.validateDeviceState", deviceId=bob.id)
        assert told["pendingRejoinRequests"] == [room.convo]
    (package,) = await claim(house, alice, bob)
    await room.commit(alice, [*room.remove(bob), Add(package)])
    assert (await fetched(house, room, bob))["epoch"] == 2
    told = await house.get(bob.account, f"{MLS}.validateDeviceState", deviceId=bob.id)
    assert told["pendingRejoinRequests"] == []


async def test_the_server_passes_the_request_on_and_the_device_reads_again_in_time() -> None:
    """Nobody was there to ask; somebody comes online, is told, and the device is back within the five seconds
    that are allowed (`tests/conversation/test_readdition.py` has the leases)."""
    async with open_house() as house, trio.open_nursery() as nursery:
        alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
        room = await create(house, alice, bob, carol)
        readditions = Readditions(
            house.store,
            house.edge.conversations,
            subscribe=house.store.on_commit,
            online=house.edge.devices.connected_devices,
            now=lambda: house.now,
            limits=ProtocolLimits(),
            poll=0.01,
        )
        await nursery.start(readditions.run)
        offered = trio.Event()
        await house.post(bob.account, READD, {"convoId": room.convo, "deviceId": bob.id})
        assert await offers(house, room) == [(bob.id, None)]
        began = trio.current_time()
        told: dict[str, Any] = {}
        house.store.on_commit(lambda _: offered.set())
        async with connected(house, carol):
            with trio.fail_after(10):
                await offered.wait()
            (_, helper) = (await offers(house, room))[1]
            assert helper == carol.id
            (package,) = await claim(house, carol, bob)
            await room.commit(carol, [*room.remove(bob), Add(package)])
            told = await fetched(house, room, bob)
        print(f"request to Welcome with one member online: {trio.current_time() - began:.2f} s")
        assert told["epoch"] == 2
        nursery.cancel_scope.cancel()


async def test_who_could_help_now_is_counted_and_where_nobody_is_it_is_said(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    given = {"convoId": room.convo, "deviceId": bob.id}
    assert await house.post(bob.account, READD, given) == {"requested": True, "activeMembers": 0}
    async with connected(house, alice):
        assert (await house.post(bob.account, READD, given))["activeMembers"] == 1
        assert await offers(house, room) == [(bob.id, None), (bob.id, alice.id)], "a repeat moves it on"
    await house.post(alice.account, f"{MLS}.leaveConvo", {"convoId": room.convo})
    carol = await phone(house, "carol")
    alone = await create(house, carol, group_id=b"alone")
    given = {"convoId": alone.convo, "deviceId": carol.id}
    assert await refusal(house, carol, READD, given) == "NoActiveMembers"


async def test_a_welcome_that_nobody_fetched_is_fetched_first(house: House) -> None:
    """No storm of requests by devices that were just added."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    assert await refusal(house, bob, REQUEST, rejoin(house, room, bob)) == "AlreadyMember"
    await fetched(house, room, bob)
    await house.post(bob.account, REQUEST, rejoin(house, room, bob))


async def test_scenario_16_a_removed_account_is_not_heard(house: House) -> None:
    """The tombstone stands against requests, repeats, external commits, and a request made before it."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    await fetched(house, room, bob)
    await house.post(bob.account, REQUEST, rejoin(house, room, bob))
    await room.commit(alice, room.remove(bob))
    before = await house.store.count_key_packages(bob.id)
    given = {"convoId": room.convo, "deviceId": bob.id}
    for nsid in (REQUEST, f"{MLS}.rejoin"):
        assert await refusal(house, bob, nsid, rejoin(house, room, bob)) == "NotMember"
    assert await refusal(house, bob, READD, given) == "NotMember"
    made = bob.client.join(room.group)
    external = room.external(bob, made)
    refused = await refusal(house, bob, f"{MLS}.processExternalCommit", external)
    assert refused in ("Unauthorized", "NotMember")
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert state.group.needs_rejoin == {}, "what was asked before the removal is over"
    assert await house.store.count_key_packages(bob.id) == before, "and nothing was taken of it"
    await room.add(alice, bob)  # only an admin brings it back


async def test_strangers_learn_nothing_and_who_left_may_ask(house: House) -> None:
    alice, bob, eve = [await phone(house, name) for name in ("alice", "bob", "eve")]
    room = await create(house, alice, bob)
    assert await refusal(house, eve, REQUEST, rejoin(house, room, eve)) == "ConvoNotFound"
    assert await refusal(house, eve, READD, {"convoId": room.convo}) == "ConvoNotFound"
    await fetched(house, room, bob)
    await house.post(bob.account, f"{MLS}.leaveConvo", {"convoId": room.convo})
    await house.post(bob.account, REQUEST, rejoin(house, room, bob))


@pytest.mark.parametrize("fault", ["no base64", "of another device"])
async def test_a_bad_key_package_asks_nobody(house: House, fault: str) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    await fetched(house, room, bob)
    given = rejoin(house, room, bob)
    given["keyPackage"] = "no" if fault == "no base64" else rejoin(house, room, alice)["keyPackage"]
    assert await refusal(house, bob, REQUEST, given) == "InvalidKeyPackage"
    assert await offers(house, room) == []


async def test_scenario_15_ten_devices_that_come_in_by_themselves_at_once_make_one_epoch(
    house: House,
) -> None:
    """The storm: one external commit in each window, the others are told when to come again."""
    count = 10
    alice = await phone(house, "alice")
    others = [await phone(house, f"p{number}") for number in range(count)]
    room = await create(house, alice, *others)
    answers: list[httpx.Response] = []

    async def join(device: Phone) -> None:
        made = device.client.join(room.group, replacing=device.client.leaf_index(room.group))
        answers.append(
            await house.send(
                "POST",
                f"{MLS}.processExternalCommit",
                device.account,
                json={**room.external(device, made), "idempotencyKey": device.id},
            )
        )

    async with trio.open_nursery() as nursery:
        for device in others:
            nursery.start_soon(join, device)
    accepted = [answer for answer in answers if answer.status_code == 200]
    refused = {error_name(answer) for answer in answers if answer.status_code != 200}
    assert len(accepted) == 1
    assert refused <= {"GroupFrozen", "EpochMismatch"}
    frozen = [answer for answer in answers if answer.status_code == 423]
    assert all(int(answer.headers["retry-after"]) > 0 for answer in frozen)
    assert await room.epoch(alice) == 2


async def test_scenario_15_ten_that_ask_to_be_added_again_are_added_by_one_commit(house: House) -> None:
    """One helper gets them all, and one epoch is enough."""
    count = 10
    alice = await phone(house, "alice")
    helper = await phone(house, "helper")
    others = [await phone(house, f"p{number}") for number in range(count)]
    room = await create(house, alice, helper, *others)
    async with connected(house, alice, helper), trio.open_nursery() as nursery:
        for device in others:
            given = {"convoId": room.convo, "deviceId": device.id}
            nursery.start_soon(house.post, device.account, READD, given)
    told = await offers(house, room)
    assert {device for device, _ in told} == {device.id for device in others}
    (by,) = {leased_to for _, leased_to in told}
    doer = alice if by == alice.id else helper
    packages = await claim(house, doer, *others)
    await room.commit(doer, [*room.remove(*others), *(Add(package) for package in packages)])
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert (state.epoch, state.group.needs_rejoin) == (2, {})


async def test_who_has_just_got_a_leaf_waits_before_it_asks_for_another(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    given = {"convoId": room.convo, "deviceId": bob.id}
    await house.post(bob.account, READD, given)
    (package,) = await claim(house, alice, bob)
    await room.commit(alice, [*room.remove(bob), Add(package)])
    frozen = await house.send("POST", READD, bob.account, json=given)
    assert error_name(frozen) == "GroupFrozen"
    assert 0 < int(frozen.headers["retry-after"]) <= 60
    house.now += 62
    assert (await house.post(bob.account, READD, given))["requested"] is True


async def test_a_device_asks_a_few_times_an_hour_only() -> None:
    rates = attrs.evolve(generous.RATES, rejoin=1, reissue_welcome=1)
    async with open_house(settings=Settings(rate=rates)) as house:
        alice, bob = await phone(house, "alice"), await phone(house, "bob", stock=9)
        room = await create(house, alice, bob)
        given = {"convoId": room.convo, "deviceId": bob.id}
        recipient = {"convoId": room.convo, "recipientDeviceDid": f"{bob.did}#{bob.id}", "reason": "x"}
        for nsid, body, error in (
            (READD, given, "RateLimitExceeded"),
            (f"{CHAT}.reissueWelcome", recipient, "RateLimited"),
        ):
            for expected in (None, error):
                answer = await house.send("POST", nsid, bob.account, json=body)
                assert (None if answer.status_code == 200 else error_name(answer)) == expected
                if expected is None:
                    await house.post(bob.account, nsid, body)  # a repeat of what stands costs nothing
                    (package,) = await claim(house, alice, bob)
                    await room.commit(alice, [*room.remove(bob), Add(package)])
                    house.now += 62


async def test_members_see_who_is_asked_on_their_stream(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob)
    async with connected(house, alice):
        await house.post(bob.account, READD, {"convoId": room.convo, "deviceId": bob.id})
    nsid = f"{MLS}.streamConvoEvents"
    request = f"GET /xrpc/{nsid}?deviceId={alice.id} HTTP/1.1\r\nhost: x\r\n"
    request += f"authorization: Bearer {house.token(alice.account, nsid)}\r\n\r\n"
    with trio.fail_after(10):
        async with await house.server.connect() as stream:
            await stream.send_all(request.encode())
            seen = await read_until(stream, f'"leasedTo":"{alice.id}"'.encode())
    assert b"readditionRequestedEvent" in seen
    assert f'"deviceId":"{bob.id}"'.encode() in seen
