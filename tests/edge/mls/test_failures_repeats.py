"""Every write of MLS, twice with the same bytes: what its row of the route table promises is so.

A retry gets the first answer and writes nothing more: under its key, by its own bytes, or because what it
asks for is so already; or it is refused by the name that says that it was done (`SAID`). Where the second
answer differs, the table says in what.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crypto.mls import Add, encode_message
from crypto.mls.testing import Client
from router.edge.routes import Idempotency
from tests.edge.house import House, error_name, sealed
from tests.edge.mls.failures_scene import METHODS, Scene, scene, send
from tests.edge.mls.people import SUITE, claim, phone
from tests.edge.mls.stocks import registration

Body = dict[str, Any]
Prepared = Callable[[Scene], Awaitable[tuple[str, Body]]]

WRITES = {
    name: route
    for name, route in METHODS.items()
    if route.method.kind == "procedure" and name != "handleBlockChange"  # tests/blocks: of accounts elsewhere
}
SAID = {
    "promoteAdmin": "AlreadyAdmin",
    "demoteAdmin": "NotAdminTarget",
    "promoteModerator": "AlreadyModerator",
    "demoteModerator": "NotModerator",
    "resolveReport": "AlreadyResolved",
    "revokeInvite": "AlreadyRevoked",
    "sendChatRequest": "DuplicateRequest",
}
"""What the second one is refused with: by its name a client knows that the first was done."""
ENDS = {"deleteDevice": "DeviceNotFound"}
"""The same for rows that call themselves idempotent: it is gone, as was asked for."""
DIFFERS = {
    "invalidateKeyPackage": "says `alreadyDead` in the place of `marked`",
    "updateGroupInfo": "says that nothing was updated",
    "syncKeyPackages": "counts what is left to be deleted: nothing",
    "blockChatSender": "counts the requests that it refused: none are left",
    "getSubscriptionTicket": "is another ticket, and opens the same",
    "claimPendingDeviceAddition": "gives another key package of the same device",
}

PREPARED: dict[str, Prepared] = {}


def prepared(name: str) -> Callable[[Prepared], Prepared]:
    def register(case: Prepared) -> Prepared:
        PREPARED[name] = case
        return case

    return register


@prepared("createConvo")
async def _(s: Scene) -> tuple[str, Body]:
    return "dave", {}


@prepared("leaveConvo")
async def _(s: Scene) -> tuple[str, Body]:
    return "bob", {}


@prepared("sendProposal")
async def _(s: Scene) -> tuple[str, Body]:
    return "bob", {}


@prepared("processExternalCommit")
async def _(s: Scene) -> tuple[str, Body]:
    return "erin", {}


@prepared("registerDevice")
async def _(s: Scene) -> tuple[str, Body]:
    client = Client(SUITE, s.did("dave").encode(), "new")
    body = registration(s.did("dave"), client, [client.key_package(int(s.house.now))])
    return "dave", {"convoId": None, **body}


@prepared("syncKeyPackages")
async def _(s: Scene) -> tuple[str, Body]:
    return "dave", {"convoId": None, "deviceId": s.phone("dave").id, "localHashes": []}


@prepared("invalidateKeyPackage")
async def _(s: Scene) -> tuple[str, Body]:
    (first, *_) = await s.house.store.key_packages(s.phone("bob").id)
    return "bob", {"keyPackageHash": first.ref.hex()}


@prepared("confirmWelcome")
async def _(s: Scene) -> tuple[str, Body]:
    return "bob", {}


@prepared("invalidateWelcome")
async def _(s: Scene) -> tuple[str, Body]:
    return "bob", {}


@prepared("validateWelcome")
async def _(s: Scene) -> tuple[str, Body]:
    package = s.phone("bob").client.key_package(int(s.house.now))
    text = base64.b64encode(encode_message(package)).decode()
    assert (await s.call("bob", "publishKeyPackage", keyPackage=text)).is_success
    return "bob", {"welcomeMessage": sealed(encode_message(s.phone("alice").client.welcome([package])))}


@prepared("reissueWelcome")
async def _(s: Scene) -> tuple[str, Body]:
    return "bob", {}


@prepared("reissueWelcomeRespond")
async def _(s: Scene) -> tuple[str, Body]:
    welcome = (await s.call("bob", "getWelcome")).json()["welcome"]
    asked = (await s.call("bob", "reissueWelcome")).json()
    blob = sealed(base64.b64decode(welcome))
    return "alice", {"convoId": None, "requestId": asked["requestId"], "welcomeBlob": blob}


async def _waits(s: Scene) -> str:
    tablet = await phone(s.house, "bob", 2)
    s.people["tablet"] = tablet
    return f"{s.room.convo}:{tablet.id}"


@prepared("claimPendingDeviceAddition")
async def _(s: Scene) -> tuple[str, Body]:
    return "alice", {"convoId": None, "pendingAdditionId": await _waits(s)}


@prepared("completePendingDeviceAddition")
async def _(s: Scene) -> tuple[str, Body]:
    given = {"convoId": None, "pendingAdditionId": await _waits(s)}
    assert (await s.call("alice", "claimPendingDeviceAddition", **given)).is_success
    (package,) = await claim(s.house, s.phone("alice"), s.phone("tablet"))
    await s.room.commit(s.phone("alice"), [Add(package)])
    return "alice", {**given, "newEpoch": s.room.group.epoch}


async def _lost(s: Scene) -> tuple[str, Body]:
    """Bob has fetched his Welcome, and lost everything."""
    await s.call("bob", "getWelcome")
    return "bob", {}


PREPARED |= {"requestRejoin": _lost, "rejoin": _lost, "readdition": _lost}


@prepared("updateGroupInfo")
async def _(s: Scene) -> tuple[str, Body]:
    return "bob", {}


@prepared("demoteAdmin")
async def _(s: Scene) -> tuple[str, Body]:
    assert (await s.call("alice", "promoteAdmin")).is_success
    return "alice", {}


@prepared("demoteModerator")
async def _(s: Scene) -> tuple[str, Body]:
    assert (await s.call("alice", "promoteModerator")).is_success
    return "alice", {}


@prepared("resolveReport")
async def _(s: Scene) -> tuple[str, Body]:
    report = (await s.call("bob", "reportMember", reportedDid=s.did("alice"))).json()
    return "alice", {"reportId": report["reportId"]}


@prepared("revokeInvite")
async def _(s: Scene) -> tuple[str, Body]:
    return "alice", {"inviteId": (await s.call("alice", "createInvite")).json()["inviteId"]}


async def _asked(s: Scene) -> tuple[str, Body]:
    request = (await s.call("dave", "sendChatRequest")).json()
    return "bob", {"requestId": request["requestId"]}


PREPARED |= {"acceptChatRequest": _asked, "declineChatRequest": _asked}


@prepared("sendChatRequest")
async def _(s: Scene) -> tuple[str, Body]:
    return "dave", {}


@prepared("blockChatSender")
async def _(s: Scene) -> tuple[str, Body]:
    await _asked(s)
    return "bob", {"convoId": None, "senderDid": s.did("dave")}


for _name in ("optIn", "optOut", "updateChatRequestSettings"):

    @prepared(_name)
    async def _(s: Scene) -> tuple[str, Body]:
        return "dave", {"convoId": None}


@pytest.fixture
async def shown(house: House) -> Scene:
    return await scene(house)


async def body_for(s: Scene, name: str) -> tuple[str, Body]:
    """Who sends what; with a key where the row has one."""
    who, change = await PREPARED[name](s) if name in PREPARED else ("alice", {})
    body = s.body(s.phone(who), name) | change
    if WRITES[name].idempotency in (Idempotency.KEY_REQUIRED, Idempotency.KEY_OPTIONAL):
        body["idempotencyKey"] = "the key"
    return who, body


def test_the_tables_are_about_rows_that_there_are() -> None:
    of = {rule: {name for name, route in WRITES.items() if route.idempotency is rule} for rule in Idempotency}
    assert not of[Idempotency.READ]
    assert of[Idempotency.SAID] == SAID.keys()
    assert ENDS.keys() | DIFFERS.keys() <= of[Idempotency.NATURAL]
    assert PREPARED.keys() <= WRITES.keys()


@pytest.mark.parametrize("name", sorted(WRITES))
async def test_the_same_bytes_twice_are_one_act(shown: Scene, name: str) -> None:
    s = shown
    who, body = await body_for(s, name)
    first = await send(s.house, s.phone(who), name, body)
    assert first.is_success, first.text
    head = await s.house.store.head()
    again = await send(s.house, s.phone(who), name, body)
    assert await s.house.store.head() == head, "nothing is written for a repeat"
    refused = SAID.get(name) or ENDS.get(name)
    if refused is not None:
        assert error_name(again) == refused
    else:
        assert again.is_success, again.text
        assert (again.json() == first.json()) is (name not in DIFFERS), (first.json(), again.json())


KEYED = sorted(
    name
    for name, route in WRITES.items()
    if route.idempotency in (Idempotency.KEY_REQUIRED, Idempotency.KEY_OPTIONAL)
)
_OTHERWISE: dict[str, Body] = {
    "createConvo": {"metadata": {"name": "otherwise"}},
    "addMembers": {"didList": None},
    "removeMember": {"reason": "otherwise"},
    "leaveConvo": {"targetDid": None},
    "resetGroup": {"reason": "otherwise"},
    "warnMember": {"reason": "otherwise"},
    "reportMember": {"category": "other"},
    "createInvite": {"pskHash": "11" * 32},
}


@pytest.mark.parametrize("name", KEYED)
async def test_a_key_is_bound_to_what_was_asked_and_a_refusal_leaves_it_free(shown: Scene, name: str) -> None:
    """Another body under the key is refused and does nothing. Somebody else's key of the same name, and a
    call that was refused, stand in nobody's way."""
    s = shown
    who, body = await body_for(s, name)
    assert not (await send(s.house, s.phone("carol"), name, body)).is_success
    first = await send(s.house, s.phone(who), name, body)
    assert first.is_success, first.text
    head = await s.house.store.head()
    change = dict(_OTHERWISE[name])
    if name == "addMembers":
        change["didList"] = [s.did("carol")]
    if name == "leaveConvo":
        change["targetDid"] = s.did(who)
    other = await send(s.house, s.phone(who), name, body | change)
    assert error_name(other) == "IdempotencyConflict"
    assert await s.house.store.head() == head
    assert (await send(s.house, s.phone(who), name, body)).json() == first.json()
