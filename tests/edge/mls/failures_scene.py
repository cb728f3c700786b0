"""A conversation with somebody of every standing, and for each method a body that is right for it.

Who there is in a `Scene`: Alice began it and is its admin, Bob is in, Carol was put out, Erin was named
and has no leaf, Dave is a stranger. `body` is what a caller could send in earnest; a test changes one thing.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import attrs
import httpx

from crypto.mls import Add, KeyPackage, PublicGroup, SelfRemove, VerifiedProposal, encode_message
from crypto.mls.testing import MadeCommit
from router.edge.routes import ROUTES, Route
from schema.testing import query_string
from tests.edge.house import House, check_answer, sealed
from tests.edge.mls.people import SUITE_NAME, Phone, Room, claim, create, phone, text
from tests.edge.mls.stocks import item
from tests.edge.mls.stocks import text as package_text

METHODS: dict[str, Route] = {
    nsid.rpartition(".")[2]: route for nsid, route in ROUTES.items() if nsid.split(".")[2].startswith("mls")
}
"""The methods of MLS by their last name, which each has alone."""
COMMITTING = ("submitCommit", "addMembers", "removeMember", "leaveConvo", "processExternalCommit")
"""Methods that take a commit, each in its own words."""


@attrs.define
class Scene:
    """The conversation and its people."""

    house: House
    room: Room
    people: dict[str, Phone]
    old: PublicGroup
    """The group of the epoch before this one."""
    group_id: bytes
    package: KeyPackage
    """One of Dave's, claimed by Alice."""

    def phone(self, name: str) -> Phone:
        return self.people[name]

    def did(self, name: str) -> str:
        return self.people[name].did

    async def call(self, who: str, name: str, **change: Any) -> httpx.Response:
        """A call with a body that is right but for `change`; what is changed to None is left out."""
        body = self.body(self.phone(who), name) | change
        return await send(self.house, self.phone(who), name, body)

    # -- commits -----------------------------------------------------------------------------------------

    def commit(
        self, name: str, group: PublicGroup | None = None, *more: VerifiedProposal
    ) -> tuple[str, MadeCommit]:
        """Who makes it, and a commit that the method takes."""
        group = group or self.room.group
        if name == "processExternalCommit":
            return "erin", self.phone("erin").client.join(group, references=more)
        alice, bob = self.phone("alice"), self.phone("bob")
        proposals: dict[str, list[Any]] = {
            "submitCommit": [],
            "addMembers": [Add(self.package)],
            "removeMember": self.room.remove(bob),
            "leaveConvo": self.room.remove(bob),
        }
        return "alice", alice.client.commit(group, [*proposals[name], *more])

    def upload(self, name: str, by: Phone, made: MadeCommit) -> dict[str, Any]:
        """The body of one of `COMMITTING` with this commit."""
        if name == "submitCommit":
            return self.room.upload(by, made)
        if name == "processExternalCommit":
            return self.room.external(by, made)
        body: dict[str, Any] = {
            "convoId": self.room.convo,
            "deviceId": by.id,
            "idempotencyKey": "k",
            "commit": base64.b64encode(encode_message(made.message)).decode(),
            "groupInfo": text(made.group_info),
        }
        if name == "addMembers":
            body["didList"] = [self.did("dave")]
            if made.welcome is not None:
                body["welcomeMessage"] = text(made.welcome)
        else:
            body["targetDid"] = self.did("bob")
        return body

    async def commits(self, name: str, who: str, made: MadeCommit, **change: Any) -> httpx.Response:
        """Send a commit in the words of a method."""
        body = self.upload(name, self.phone(who), made) | change
        return await send(self.house, self.phone(who), name, body)

    async def unknown_tree(self) -> None:
        """A commit comes without its GroupInfo: from here on the server knows no tree."""
        made = self.phone("alice").client.commit(self.room.group)
        body = self.room.upload(self.phone("alice"), made, group_info=False)
        assert (await self.room.submit(self.phone("alice"), body)).is_success
        self.room.group = made.group

    async def reset(self) -> None:
        """Another group carries the conversation; `room.group` is still the one before."""
        assert (await self.call("alice", "resetGroup")).is_success

    # -- bodies ------------------------------------------------------------------------------------------

    def body(self, by: Phone, name: str) -> dict[str, Any]:
        """What `by` could send to this method."""
        convo, house = {"convoId": self.room.convo}, self.house
        own = {**convo, "deviceId": by.id}
        bob = {**convo, "targetDid": self.did("bob")}
        now = int(house.now)
        if name in ("submitCommit", "processExternalCommit"):
            maker, made = self.commit(name)
            return self.upload(name, self.phone(maker), made) | {"deviceId": by.id}
        bodies: Mapping[str, Any] = {
            "createConvo": lambda: {
                "groupId": b"another".hex(),
                "cipherSuite": SUITE_NAME,
                "idempotencyKey": "k",
                "deviceId": by.id,
                "groupInfo": text(by.client.create_group(b"another").group_info),
            },
            "addMembers": lambda: {**convo, "didList": [self.did("dave")], "idempotencyKey": "k"},
            "removeMember": lambda: {**bob, "idempotencyKey": "k"},
            "sendMessage": lambda: self.room.message(by, "m") | {"deviceId": by.id},
            "getCommits": lambda: {**convo, "fromEpoch": 0},
            "updateCursor": lambda: {**own, "cursor": "1"},
            "sendProposal": lambda: {
                **own,
                "proposal": sealed(
                    encode_message(self.phone("bob").client.propose(self.room.group, SelfRemove())[0])
                ),
            },
            "updateConvoSettings": lambda: {**convo, "muted": True},
            "resetGroup": lambda: {
                **own,
                "newGroupId": b"next".hex(),
                "cipherSuite": SUITE_NAME,
                "groupInfo": sealed(encode_message(by.client.create_group(b"next").group_info)),
            },
            "deleteDevice": lambda: {"deviceId": by.id},
            "publishKeyPackage": lambda: {
                "keyPackage": package_text(by.client.key_package(now)),
                "cipherSuite": SUITE_NAME,
                "deviceId": by.id,
            },
            "publishKeyPackages": lambda: {
                "keyPackages": [item(house, by.client.key_package(now))],
                "deviceId": by.id,
            },
            "reconcileKeyPackages": lambda: {"deviceId": by.id, "localHashes": [], "schemaVersion": 2},
            "invalidateKeyPackage": lambda: {
                "deviceDid": f"{by.did}#{by.id}",
                "keyPackageHash": "00" * 32,
                "reason": "unowned",
            },
            "getKeyPackages": lambda: {"dids": [self.did("bob")]},
            "getWelcome": lambda: own,
            "confirmWelcome": lambda: {**own, "success": True},
            "validateWelcome": lambda: {
                "welcomeMessage": sealed(encode_message(by.client.welcome([by.client.key_package(now)]))),
                "deviceId": by.id,
            },
            "invalidateWelcome": lambda: {**own, "reason": "r"},
            "reissueWelcome": lambda: {**convo, "recipientDeviceDid": f"{by.did}#{by.id}", "reason": "r"},
            "requestRejoin": lambda: {**own, "keyPackage": package_text(by.client.key_package(now))},
            "rejoin": lambda: {**own, "keyPackage": package_text(by.client.key_package(now))},
            "readdition": lambda: own,
            "updateGroupInfo": lambda: {
                **convo,
                "epoch": self.room.group.epoch,
                "groupInfo": text(self.phone("bob").client.group_info(self.room.group)),
            },
            "promoteAdmin": lambda: bob,
            "demoteAdmin": lambda: bob,
            "promoteModerator": lambda: bob,
            "demoteModerator": lambda: bob,
            "updatePolicy": lambda: {**convo, "allowInvites": False},
            "warnMember": lambda: {**convo, "memberDid": self.did("bob"), "reason": "r"},
            "reportMember": lambda: {
                **convo,
                "reportedDid": self.did("bob"),
                "category": "spam",
                "encryptedContent": sealed(b"sealed"),
            },
            "resolveReport": lambda: {"reportId": "0" * 32, "action": "no_action"},
            "createInvite": lambda: {**convo, "pskHash": "00" * 32},
            "revokeInvite": lambda: {"inviteId": "0" * 32},
            "sendChatRequest": lambda: {"recipientDid": self.did("bob")},
            "acceptChatRequest": lambda: {"requestId": "0" * 32},
            "declineChatRequest": lambda: {"requestId": "0" * 32},
            "getConvos": dict,
            "getExpectedConversations": lambda: {"deviceId": by.id},
            "getKeyPackageStats": dict,
            "getKeyPackageStatus": dict,
            "getKeyPackageHistory": dict,
            "listChatRequests": dict,
            "getPendingDeviceAdditions": dict,
            "getRequestCount": dict,
            "getSubscriptionTicket": lambda: own,
        }
        return dict(bodies[name]()) if name in bodies else dict(convo)


async def send(house: House, by: Phone, name: str, body: Mapping[str, Any]) -> httpx.Response:
    """One call; what is None in the body is left out."""
    route, given = METHODS[name], {field: value for field, value in body.items() if value is not None}
    if route.http_method == "POST":
        return await house.send("POST", route.nsid, by.account, json=given)
    headers = house.headers(by.account, route.nsid)
    answer = await house.http.get(f"/xrpc/{route.nsid}?{query_string(given)}", headers=headers)
    check_answer(route.nsid, answer)
    return answer


async def scene(house: House) -> Scene:
    """The conversation at epoch 2, from which Carol was removed by the last commit."""
    people = {name: await phone(house, name) for name in ("alice", "bob", "carol", "dave", "erin")}
    alice, bob, carol, dave, erin = people.values()
    room = await create(house, alice, bob, carol, group_id=b"room", named=[erin.did])
    old = room.group
    await room.commit(alice, room.remove(carol))
    (package,) = await claim(house, alice, dave)
    return Scene(house, room, people, old, b"room", package)
