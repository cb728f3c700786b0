"""A walk through every method of MLS that answers once, by people whose groups a third party's clients keep.

What was given and what came back is kept by Node for each method, and judged here by `@atproto/lexicon`.
"""

from typing import Final

import attrs

from tests.node.mls.clients import MlsClients
from tests.third_parties.mls_room import MLS, OURS, SUITES, Person, Phone, Room, make_room, new_person
from tests.third_parties.stage import Stage, lex_bytes
from tests.third_parties.walk import Step, Walk, key

LATER: Final = "blue.catbird.mlsChat"
MLS_FAMILIES: Final = (MLS, LATER, OURS)
_HELD: Final = {"ciphertext": lex_bytes(bytes(512)), "paddedSize": 512, "ephPubKey": lex_bytes(bytes(32))}


@attrs.define
class Town:
    """A room and all who come by."""

    stage: Stage
    room: Room
    people: list[Person] = attrs.field(factory=list)

    @property
    def anna(self) -> Person:
        """Who made the room."""
        return self.room.people["anna"]

    @property
    def there(self) -> dict[str, str]:
        """The room's conversation."""
        return {"convoId": self.room.convo}

    def stranger(self, name: str) -> tuple[Person, Phone]:
        """Somebody else, with a device."""
        person = new_person(self.stage, self.room.clients, name)
        self.people.append(person)
        return person, person.device(f"{name}1", self.room.suite)


def walk_mls(stage: Stage, clients: MlsClients) -> Walk:
    """Through `blue.catbird.mls.*`, the later set and ours."""
    room = make_room(stage, clients, SUITES[0])
    town = Town(stage, room, list(room.people.values()))
    _contacts(town)
    _reading(town)
    _packages(town)
    _roles(town)
    _reports(town)
    _invites(town)
    _coming_and_going(town)
    _coming_back(town)
    _the_end(town)
    walk = Walk(stage, MLS)
    for person in town.people:
        for nsid, call in person.answered().items():
            if nsid.rpartition(".")[0] in MLS_FAMILIES:
                stage.ask("judgeAnswer", nsid=nsid, given=call["given"], answer=call["answer"])
                walk.steps[nsid] = Step(person.home, call["given"])
    return walk


def _contacts(town: Town) -> None:
    dora, phone = town.stranger("dora")
    emil, _ = town.stranger("emil")
    anna = town.anna
    anna.does(f"{MLS}.optOut", deviceId=town.room["anna1"].id)
    anna.does(f"{MLS}.optIn", deviceId=town.room["anna1"].id)
    anna.asks(f"{MLS}.getOptInStatus", dids=[anna.did, dora.did])
    wishes = {"allowFollowersBypass": False, "allowFollowingBypass": False, "autoExpireDays": 3}
    anna.does(f"{MLS}.updateChatRequestSettings", **wishes)
    anna.asks(f"{MLS}.getChatRequestSettings")
    asked = []
    for person, more in ((dora, {"previewText": "hello", "heldMessages": [_HELD]}), (emil, {})):
        given = {"recipientDid": anna.did, "isGroupInvite": False, **more}
        asked.append(person.does(f"{MLS}.sendChatRequest", **given)["requestId"])
    assert anna.asks(f"{MLS}.getRequestCount")["pendingCount"] == 2
    assert len(anna.asks(f"{MLS}.listChatRequests", limit=10, status="pending")["requests"]) == 2
    anna.does(f"{MLS}.acceptChatRequest", requestId=asked[0])
    anna.does(f"{MLS}.declineChatRequest", requestId=asked[1], reportReason="spam", reportDetails="no")
    anna.does(f"{MLS}.blockChatSender", senderDid=emil.did, requestId=asked[1], reason="spam")
    _blocks(town, dora)
    phone.does("publish", 1)


def _blocks(town: Town, dora: Person) -> None:
    anna = town.anna
    uri = town.stage.pds.block(dora.did, anna.did)
    dora.does(
        f"{MLS}.handleBlockChange",
        blockerDid=dora.did,
        blockedDid=anna.did,
        action="created",
        blockUri=uri,
    )
    anna.asks(f"{MLS}.checkBlocks", dids=[anna.did, dora.did])
    anna.asks(f"{MLS}.getBlockStatus", **town.there)


def _reading(town: Town) -> None:
    anna, room, there = town.anna, town.room, town.there
    sent = room.does("anna1", "send", "hello")
    room.does("anna1", "commit", {"open": False})
    room.does("anna1", "commit", {})
    room.sync("bert1")
    anna.asks(f"{MLS}.getMessages", **there, limit=10, sinceSeq=1, type="all")
    anna.asks(f"{MLS}.getCommits", **there, fromEpoch=2, toEpoch=3, limit=10)
    anna.asks(f"{MLS}.getEpoch", **there)
    anna.asks(f"{OURS}.getDigest", **there, epoch=3)
    anna.asks(f"{MLS}.getConvos", limit=10)
    anna.asks(f"{MLS}.getExpectedConversations", deviceId=room["anna1"].id)
    anna.does(f"{MLS}.updateCursor", **there, cursor=sent["messageId"], deviceId=room["anna1"].id)
    anna.does(f"{MLS}.getSubscriptionTicket", **there, deviceId=room["anna1"].id)
    anna.does(f"{OURS}.updateConvoSettings", **there, muted=True)
    assert anna.asks(f"{OURS}.getConvoSettings", **there)["muted"] is True


def _packages(town: Town) -> None:
    anna, phone = town.anna, town.room["anna1"]
    device = {"deviceId": phone.id}
    phone.does("publish", 2, True)
    phone.rarely("publishOne")
    hashes = phone.rarely("references")
    anna.does(f"{LATER}.reconcileKeyPackages", **device, localHashes=hashes, schemaVersion=2)
    anna.does(f"{MLS}.syncKeyPackages", **device, localHashes=hashes)
    anna.does(
        f"{LATER}.invalidateKeyPackage",
        deviceDid=f"{anna.did}#{phone.id}",
        keyPackageHash=hashes[0],
        reason="unowned",
    )
    anna.asks(f"{MLS}.getKeyPackageStats", **device, did=anna.did, cipherSuite=town.room.suite)
    anna.asks(f"{MLS}.getKeyPackageStatus", **device, limit=10)
    anna.asks(f"{MLS}.getKeyPackageHistory", **device, limit=10)
    anna.asks(f"{MLS}.validateDeviceState", **device)
    anna.asks(f"{MLS}.listDevices")


def _roles(town: Town) -> None:
    anna, there, bert = town.anna, town.there, town.room.people["bert"].did
    for role in ("Admin", "Moderator"):
        anna.does(f"{MLS}.promote{role}", **there, targetDid=bert)
        anna.does(f"{MLS}.demote{role}", **there, targetDid=bert)
    anna.does(f"{MLS}.updatePolicy", **there, allowInvites=True, allowMemberAdd=True, maxMembers=50)
    anna.asks(f"{MLS}.getPolicy", **there)
    anna.does(
        f"{MLS}.warnMember",
        **there,
        memberDid=bert,
        reason="loud",
        expiresAt="2099-01-01T00:00:00Z",
        idempotencyKey=key(),
    )


def _reports(town: Town) -> None:
    anna, there = town.anna, town.there
    made = town.room.people["bert"].does(
        f"{MLS}.reportMember",
        **there,
        reportedDid=town.room.people["carl"].did,
        category="spam",
        encryptedContent=lex_bytes(b"sealed for the admins"),
        messageIds=["one"],
        idempotencyKey=key(),
    )
    anna.asks(f"{MLS}.getReports", **there, status="pending", limit=10)
    anna.does(f"{MLS}.resolveReport", reportId=made["reportId"], action="dismissed", notes="it was not")
    anna.asks(f"{MLS}.getAdminStats", **there, since="2020-01-01T00:00:00Z")


def _invites(town: Town) -> None:
    anna, there = town.anna, town.there
    made = anna.does(
        f"{MLS}.createInvite",
        **there,
        pskHash="5a" * 32,
        targetDid=town.people[-1].did,
        expiresAt="2099-01-01T00:00:00Z",
        maxUses=2,
        idempotencyKey=key(),
    )
    anna.does(f"{MLS}.revokeInvite", inviteId=made["inviteId"])
    anna.asks(f"{MLS}.listInvites", **there, includeRevoked=True)


def _coming_and_going(town: Town) -> None:
    room, there = town.room, town.there
    fred, phone = town.stranger("fred")
    room.does("anna1", "commit", {"add": [fred.did], "by": "addMembers"})
    phone.does("join", room.convo)
    spare = room.people["bert"].device("bert3", room.suite)
    welcome = room["bert2"].rarely("welcomeByHand", room.convo, [spare.did])
    spare.rarely("validateWelcome", welcome)
    tablet = fred.device("fred2", room.suite)
    room.sync("bert1")
    room.does("bert1", "addDevice")
    tablet.does("join", room.convo)
    fred.does(f"{MLS}.deleteDevice", deviceId=tablet.id)
    room.sync("bert1")
    room.does("bert1", "propose", {"remove": room["carl2"].key})
    room.does("anna1", "commit", {})
    room.does("anna1", "commit", {"remove": [fred.did], "by": "removeMember"})
    room.people["carl"].does(f"{MLS}.leaveConvo", **there, deviceId=room["carl1"].id, idempotencyKey=key())


def _coming_back(town: Town) -> None:
    room, there, bert = town.room, town.there, town.room.people["bert"]
    room.sync("anna1")
    gina, phone = town.stranger("gina")
    room.does("anna1", "commit", {"add": [gina.did]})
    asked = gina.does(
        f"{LATER}.reissueWelcome", **there, recipientDeviceDid=f"{gina.did}#{phone.id}", reason="it broke"
    )
    waiting = gina.asks(f"{MLS}.getWelcome", **there, deviceId=phone.id)
    request = {"requestId": asked["requestId"], "keyPackageHash": waiting["keyPackageHash"]}
    room["anna1"].rarely("respond", room.convo, request)
    gina.does(
        f"{MLS}.invalidateWelcome",
        **there,
        reason="it broke again",
        deviceId=phone.id,
        keyPackageHash=waiting["keyPackageHash"],
    )
    bert.does(f"{MLS}.groupInfoRefresh", **there)
    room["anna1"].rarely("updateGroupInfo", room.convo)
    room.does("bert2", "lose")
    room.does("bert2", "askToRejoin")
    room.does("bert2", "askToRejoin", "rejoin")
    bert.does(f"{MLS}.readdition", **there, deviceId=room["bert2"].id)
    room.does("bert2", "joinFromOutside")


def _the_end(town: Town) -> None:
    town.room["anna1"].rarely("reset", town.room.convo, "a fresh start")
