"""A walk through every method of a family that answers once: real inputs, in an order in which each succeeds.

What each was called with is kept, so that a test can spoil it.
"""

import itertools
from typing import Any, Final

import attrs

from crypto import PaddingProfile, pad
from tests.system.people import sealed
from tests.third_parties.stage import Person, Stage, from_lex, lex_bytes

ROOKERY: Final = "chat.rookery"
MLS: Final = "blue.catbird.mls"
SUITE: Final = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"
_numbers = itertools.count(1)


@attrs.frozen
class Step:
    """A call that was answered."""

    person: Person
    given: dict[str, Any]
    """`params` or `data`."""


@attrs.define
class Walk:
    """Calls of one family; the last one of each method is kept."""

    stage: Stage
    family: str
    steps: dict[str, Step] = attrs.field(factory=dict)

    def person(self, name: str) -> Person:
        """Somebody new, with a device."""
        person = self.stage.person(f"{name}-{next(_numbers)}.example.com")
        person.device()
        return person

    def ask(self, person: Person, method: str, /, **params: Any) -> Any:
        """A query."""
        return self._call(person, method, {"params": params})

    def do(self, person: Person, method: str, /, **data: Any) -> Any:
        """A procedure."""
        return self._call(person, method, {"data": data})

    def _call(self, person: Person, method: str, given: dict[str, Any]) -> Any:
        nsid = f"{self.family}.{method}"
        answer = person.call(nsid, **given)
        self.steps[nsid] = Step(person, given)
        return answer


def key() -> str:
    """A fresh idempotency key."""
    return f"key-{next(_numbers)}"


def private_message(group: bytes, epoch: int, text: bytes = b"text") -> bytes:
    """A PrivateMessage (RFC 9420 6.3) with an application message that nobody can open, padded."""
    head = b"\x00\x01\x00\x02" + bytes([len(group)]) + group + epoch.to_bytes(8, "big") + b"\x01"
    return pad(PaddingProfile.CATBIRD, head + b"\x00" + b"\x04data" + bytes([len(text)]) + text)


def walk_rookery(stage: Stage) -> Walk:
    """Through `chat.rookery.*`."""
    walk = Walk(stage, ROOKERY)
    anna, bert, carl = (walk.person(name) for name in ("anna", "bert", "carl"))
    tablet = walk.do(anna, "registerDevice", deviceName="tablet", **anna.new_key())["deviceId"]
    walk.do(anna, "renameDevice", deviceId=tablet, deviceName="slate")
    walk.do(anna, "rotateDeviceKey", deviceId=tablet, **anna.new_key(tablet))
    devices = walk.ask(anna, "listDevices")["devices"]
    assert [device["deviceName"] for device in devices] == ["phone", "slate"]

    cover = {"name": "Sunday", "description": "walks"}
    convo = walk.do(anna, "createConvo", idempotencyKey=key(), initialMembers=[bert.did], metadata=cover)
    assert convo["metadata"] == cover
    assert {member["did"] for member in convo["members"]} == {anna.did, bert.did}
    there = {"convoId": convo["id"]}
    walk.do(anna, "addMembers", **there, idempotencyKey=key(), didList=[carl.did])
    walk.do(anna, "removeMember", **there, idempotencyKey=key(), targetDid=carl.did, reason="a test")
    sent = walk.do(
        bert, "sendMessage", **there, msgId="one", ciphertext=lex_bytes(sealed("one")), idempotencyKey=key()
    )
    page = walk.ask(anna, "getMessages", **there, limit=1, deviceId=tablet)
    assert [from_lex(each["ciphertext"]) for each in page["messages"]] == [sealed("one")]
    assert walk.ask(anna, "getConvos")["conversations"][0]["unreadCount"] == 1
    walk.do(anna, "updateCursor", **there, seq=sent["seq"], deviceId=tablet)
    walk.do(bert, "leaveConvo", **there, idempotencyKey=key())

    walk.do(anna, "createConvo", idempotencyKey=key())
    first = walk.ask(anna, "getConvos", limit=1)
    second = walk.ask(anna, "getConvos", limit=1, cursor=first["cursor"])
    assert [len(each["conversations"]) for each in (first, second)] == [1, 1]

    made = walk.do(
        anna,
        "createApiKey",
        idempotencyKey=key(),
        deviceId=tablet,
        name="a lamp",
        methods=[f"{ROOKERY}.getMessages"],
    )
    (listed,) = walk.ask(anna, "listApiKeys")["apiKeys"]
    walk.do(anna, "revokeApiKey", keyId=listed["keyId"])
    assert made["keyId"] == listed["keyId"]
    walk.do(anna, "getTicket", purpose=f"{ROOKERY}.subscribeEvents", deviceId=tablet)
    walk.do(anna, "revokeDevice", deviceId=tablet)
    return walk
