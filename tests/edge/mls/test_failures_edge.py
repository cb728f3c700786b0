"""Failures of `failures.py` that no other test is about: one request after another, on both stores."""

from __future__ import annotations

import base64
import json
from typing import Any

import attrs
import httpx
import hypothesis.strategies as st
import pytest
from hypothesis import given

from crypto.mls import GroupPolicy, encode_message, open_group
from protocol import ConversationId
from router.config import Settings
from router.edge.mls.unbuilt import unbuilt
from router.edge.routes import ROUTES, Transport
from schema import LEXICONS
from schema.testing import complete, given_to
from tests import generous
from tests.edge.house import MLS, House, error_name, open_house
from tests.edge.mls.circle import gather
from tests.edge.mls.failures_schedule import FEW, STORES, Turns, turned_house
from tests.edge.mls.people import SUITE, Room, create, creation, phone, text
from tests.edge.mls.test_commits import pair

CALLS = [
    route
    for route in ROUTES.values()
    if route.nsid.split(".")[2].startswith("mls") and route.transport is Transport.CALL
]


# -- 16: nobody re-admits himself ------------------------------------------------------------------------


@pytest.mark.parametrize("with_commit", [True, False])
async def test_16_no_way_back_is_open_to_who_was_removed(house: House, with_commit: bool) -> None:
    """Not by asking, not by a request that was made before, not by the GroupInfo of a later epoch."""
    room, alice, bob = await pair(house)
    package = base64.b64encode(encode_message(bob.client.key_package(int(house.now)))).decode()
    again = {"convoId": room.convo, "keyPackage": package, "deviceId": bob.id}
    await house.get(bob.account, f"{MLS}.getWelcome", convoId=room.convo)
    await house.post(bob.account, f"{MLS}.requestRejoin", again)
    if with_commit:
        await room.commit(alice, room.remove(bob))
    else:
        body = {"convoId": room.convo, "targetDid": bob.did, "idempotencyKey": "1"}
        await house.post(alice.account, f"{MLS}.removeMember", body)
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert bob.id not in state.group.needs_rejoin, "what he asked for before ends with his membership"
    head = await house.store.head()
    leaf = None if with_commit else bob.client.leaf_index(room.group)
    ways: dict[str, dict[str, Any]] = {
        "requestRejoin": again,
        "rejoin": again,
        "readdition": {"convoId": room.convo, "deviceId": bob.id},
        "groupInfoRefresh": {"convoId": room.convo},
        "processExternalCommit": room.external(bob, bob.client.join(room.group, replacing=leaf)),
    }
    for method, given_ in ways.items():
        answer = await house.send("POST", f"{MLS}.{method}", bob.account, json=given_)
        assert error_name(answer) == "NotMember", method
    assert await house.store.head() == head
    assert (await house.get(bob.account, f"{MLS}.getExpectedConversations"))["conversations"] == []


async def test_16_what_was_asked_before_leaving_is_asked_no_more(house: House) -> None:
    """needs_rejoin was left set after a leave, and the one who had gone was added again."""
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, carol)
    await house.post(bob.account, f"{MLS}.readdition", {"convoId": room.convo, "deviceId": bob.id})
    await house.post(bob.account, f"{MLS}.leaveConvo", {"convoId": room.convo})
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert not state.group.needs_rejoin


# -- 24: nothing succeeds that did nothing ---------------------------------------------------------------

HARMLESS = {
    f"{MLS}.{name}"
    for name in (
        "optIn",
        "optOut",
        "updateChatRequestSettings",
        "blockChatSender",
        "getSubscriptionTicket",
        "syncKeyPackages",
        "publishKeyPackages",
    )
}
"""Methods that do what they say for whatever the lexicon allows, or say item by item that they did not."""


async def test_24_no_write_of_a_member_succeeds_with_what_means_nothing(house: House) -> None:
    """Stubs answered success: external commits, rejoin, readdition, adding. Here a request that fits the
    lexicon and is about nothing is refused by name, by every method, and nothing is written for it."""
    circle = await gather(house, "alice", "bob")
    alice = circle.phones["alice"]
    head = await house.store.head()
    done = set()
    for route in CALLS:
        if route.method.kind == "query" or route.nsid in HARMLESS:
            continue
        body = dict(complete(given_to(route.nsid), route.nsid))
        if "convoId" in body:
            body["convoId"] = circle.id
        if "deviceId" in body and not route.nsid.endswith("deleteDevice"):
            body["deviceId"] = alice.id
        answer = await house.send("POST", route.nsid, alice.account, content=json.dumps(body), headers=_JSON)
        if not answer.is_success:
            assert error_name(answer) not in ("InternalServerError", "MethodNotImplemented")
        else:
            done.add(route.nsid)
    assert done == DOES_SO
    assert await house.store.head() <= head + len(DOES_SO)


DOES_SO = {
    f"{MLS}.groupInfoRefresh",
    f"{MLS}.readdition",
    f"{MLS}.updatePolicy",
    "chat.rookery.mls.updateConvoSettings",
}
"""Methods for which what the lexicon allows is something to do in any conversation."""
_JSON = {"content-type": "application/json"}


def test_24_every_method_of_the_contract_is_built_under_its_name() -> None:
    """Action names drifted from the lexicon: what is called is looked up in the lexicons and nowhere else."""
    for nsid, lexicon in LEXICONS.items():
        if "main" in lexicon.defs:
            assert nsid in ROUTES
            assert ROUTES[nsid].handler is not unbuilt, nsid


# -- 25: answers have one form ---------------------------------------------------------------------------


async def test_25_base64_has_no_line_breaks_and_a_conversation_one_name(house: House) -> None:
    """Line breaks of the database were answered, and `convoId`, `groupId` and `id` meant each other."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    room = await create(house, alice, bob, group_id=b"\0\xff" * 16)
    await room.say(alice, "m")
    await room.commit(bob)
    (view,) = (await house.get(alice.account, f"{MLS}.getConvos"))["conversations"]
    assert (view["id"], view["groupId"]) == (room.convo, (b"\0\xff" * 16).hex())
    answers = [view]
    for method, given_ in (
        ("getMessages", {}),
        ("getCommits", {"fromEpoch": 0}),
        ("getGroupInfo", {}),
        ("getEpoch", {}),
        ("getWelcome", {}),
    ):
        answers.append(await house.get(bob.account, f"{MLS}.{method}", convoId=room.convo, **given_))
    for path, value in _texts(answers):
        assert value == "".join(value.split()) or " " in value, path
        if path.endswith(("convoId", "conversationId")):
            assert value == room.convo, path
        if path.endswith("groupId"):
            assert value == view["groupId"], path
        if path.endswith(("$bytes", "groupInfo", "welcome")):
            assert len(base64.b64decode(value + "=" * (-len(value) % 4), validate=True)) > 16, path


def _texts(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, dict):
        return [each for name, inner in value.items() for each in _texts(inner, f"{path}.{name}")]
    if isinstance(value, list):
        return [each for inner in value for each in _texts(inner, path)]
    return []


# -- 30: who speaks is who the token says ----------------------------------------------------------------


async def test_30_nobody_speaks_for_another(house: House) -> None:
    """A senderDid of the client's was believed. It is no field here, and no message shows a sender; a
    device that is somebody else's is none of the caller's."""
    room, alice, bob = await pair(house)
    for field in ("senderDid", "sender", "did"):
        body = room.message(alice, "m") | {field: bob.did}
        answer = await house.send("POST", f"{MLS}.sendMessage", alice.account, json=body)
        assert error_name(answer) == "InvalidRequest"
    body = room.message(bob, "m") | {"deviceId": bob.id}
    answer = await house.send("POST", f"{MLS}.sendMessage", alice.account, json=body)
    assert not answer.is_success
    commit = room.upload(bob, bob.client.commit(room.group))
    answer = await room.submit(alice, commit)
    assert not answer.is_success
    await room.say(alice, "m")
    page = await house.get(bob.account, f"{MLS}.getMessages", convoId=room.convo)
    assert alice.did not in json.dumps(page)


# -- 32: epochs are 64 bits wide -------------------------------------------------------------------------

LARGEST = 2**53 - 1
"""JSON numbers are exact up to here, so a conversation's epochs end here."""
EPOCHS = st.sampled_from([2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**52, LARGEST - 2]) | st.integers(
    2**31, LARGEST - 2
)


async def room_at(house: House, epoch: int) -> tuple[Room, Any]:
    """A conversation that begins at this epoch."""
    alice = await phone(house, "alice")
    made = alice.client.create_group(b"room")
    group_info = alice.client.group_info_of(b"room", epoch, made.group.tree, 0)
    group = open_group(group_info, GroupPolicy({SUITE.number: SUITE}))
    body = creation(alice, None, b"room", groupInfo=text(group_info), initialMembers=[])
    view = await house.post(alice.account, f"{MLS}.createConvo", body)
    return Room(house, view["id"], group), alice


@pytest.mark.parametrize("kind", STORES)
@FEW
@given(epoch=EPOCHS)
async def test_32_epochs_beyond_31_bits_are_kept_and_delivered(kind: str, epoch: int) -> None:
    """They were 4 bytes wide in one table and 8 in another: the commit was stored and never delivered."""
    async with turned_house(Turns(), kind) as house:
        room, alice = await room_at(house, epoch)
        bob = await phone(house, "bob")
        assert await room.epoch(alice) == epoch
        assert (await room.add(alice, bob))["newEpoch"] == epoch + 1
        await room.say(bob, "m")
        await room.commit(bob)
        assert await room.epoch(bob) == epoch + 2
        page = await house.get(alice.account, f"{MLS}.getCommits", convoId=room.convo, fromEpoch=epoch)
        assert [each["epoch"] for each in page["commits"]] == [epoch + 1, epoch + 2]
        assert [each["sender"] for each in page["commits"]] == [alice.did, bob.did]
        page = await house.get(alice.account, f"{MLS}.getMessages", convoId=room.convo)
        assert [each["epoch"] for each in page["messages"]] == [epoch + 1, epoch + 1, epoch + 2]
        welcome = await house.get(bob.account, f"{MLS}.getWelcome", convoId=room.convo)
        assert welcome["epoch"] == epoch + 1


@pytest.mark.parametrize("epoch", [2**53, 2**63 - 1, 2**63, 2**64 - 1])
async def test_32_an_epoch_that_no_answer_could_tell_is_refused(house: House, epoch: int) -> None:
    alice = await phone(house, "alice")
    made = alice.client.create_group(b"room")
    group_info = alice.client.group_info_of(b"room", epoch, made.group.tree, 0)
    body = creation(alice, None, b"room", groupInfo=text(group_info), initialMembers=[])
    answer = await house.send("POST", f"{MLS}.createConvo", alice.account, json=body)
    assert error_name(answer) in ("InvalidGroupInfo", "GroupInfoMismatch", "InvalidRequest")


async def test_32_the_last_epoch_that_can_be_told_is_the_last(house: House) -> None:
    """No commit leads to an epoch that no answer could tell."""
    room, alice = await room_at(house, LARGEST)
    answer = await room.submit(alice, room.upload(alice, alice.client.commit(room.group)))
    assert error_name(answer) == "EpochMismatch"
    assert await room.epoch(alice) == LARGEST


# -- 34: an account has its own budget -------------------------------------------------------------------


async def test_34_two_accounts_behind_one_gateway_have_a_budget_each() -> None:
    """The limiter counted the gateway that had signed for everybody; here it counts who acts, whichever
    connection and whichever of its devices the call comes by."""
    rates = attrs.evolve(generous.RATES, read=3)
    async with open_house(settings=Settings(rate=rates)) as house:
        alice, bob = await phone(house, "alice", stock=0), await phone(house, "bob", stock=0)
        for _ in range(3):
            await house.get(alice.account, f"{MLS}.getConvos")
        answer = await house.send("GET", f"{MLS}.getConvos", alice.account)
        assert error_name(answer) == "RateLimitExceeded"
        async with httpx.AsyncClient(base_url=house.server.url) as another:
            headers = house.headers(alice.account, f"{MLS}.getConvos")
            answer = await another.get(f"/xrpc/{MLS}.getConvos", headers=headers)
            assert error_name(answer) == "RateLimitExceeded"
        for _ in range(3):
            await house.get(bob.account, f"{MLS}.getConvos")
