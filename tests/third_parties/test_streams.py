"""Event streams read by `@atproto/xrpc-server`'s own `Subscription` and frame parser, DAG-CBOR and all.

Each message is also valid by `@atproto/lexicon`: `Subscription` is given that as its validator.
"""

from typing import Any

import attrs
import pytest

from tests.system.people import sealed
from tests.third_parties.atproto import TheirError
from tests.third_parties.stage import Person, Stage, from_lex, lex_bytes
from tests.third_parties.walk import MLS, ROOKERY, SUITE, key, private_message

pytestmark = pytest.mark.system

STREAMS = {ROOKERY: f"{ROOKERY}.subscribeEvents", MLS: f"{MLS}.subscribeConvoEvents"}


@attrs.define
class Room:
    """Somebody with one device in one new conversation of a family."""

    person: Person
    family: str
    convo: dict[str, Any]

    @property
    def stage(self) -> Stage:
        """The stage."""
        return self.person.stage

    @property
    def nsid(self) -> str:
        """The stream of the family."""
        return STREAMS[self.family]

    def body(self, text: str) -> bytes:
        """A ciphertext that the family takes."""
        if self.family == ROOKERY:
            return sealed(text)
        return private_message(bytes.fromhex(self.convo["groupId"]), self.convo["epoch"], text.encode())

    def message(self, text: str) -> dict[str, Any]:
        """The input that sends it."""
        body = self.body(text)
        data = {"convoId": self.convo["id"], "msgId": text, "ciphertext": lex_bytes(body)}
        if self.family == MLS:
            data |= {"epoch": self.convo["epoch"], "declaredSize": 1, "paddedSize": len(body)}
        return data

    def send(self, text: str) -> None:
        """Send a message."""
        self.person.call(f"{self.family}.sendMessage", data=self.message(text))

    def bearer(self) -> dict[str, str]:
        """The header that opens the stream once."""
        return {"authorization": self.person.token(self.nsid)}

    def opening(self, **params: str) -> dict[str, Any]:
        """What the Node side wants to know of a stream."""
        return {"service": self.stage.router.url, "nsid": self.nsid, "params": params}

    def read(self, count: int, *, meanwhile: Any = None, ticket: str = "", **params: str) -> list[Any]:
        """So many messages."""
        asked = {"headers": {} if ticket else self.bearer(), "count": count, "meanwhile": meanwhile}
        chosen = {**params, "ticket": ticket} if ticket else params
        messages: list[Any] = self.stage.ask("subscribe", **self.opening(**chosen), **asked)
        return messages

    def text(self, event: dict[str, Any]) -> str:
        """Which message an event is about; fails if its bytes are not those that were sent."""
        message = event["message"]
        assert event["$type"] == f"{self.nsid}#messageEvent"
        assert from_lex(message["ciphertext"]) == self.body(message["id"])
        return str(message["id"])


@pytest.fixture(params=[ROOKERY, MLS])
def room(stage: Stage, request: pytest.FixtureRequest) -> Room:
    """A room of each family."""
    family: str = request.param
    person = stage.person("reader.example.com")
    person.device()
    data = {"idempotencyKey": key()}
    if family == MLS:
        data |= {"groupId": person.did.encode()[-16:].hex(), "cipherSuite": SUITE}
    return Room(person, family, person.call(f"{family}.createConvo", data=data))


def test_all_that_happened_comes_in_order_and_then_what_happens(room: Room) -> None:
    """From the beginning (cursor 0); the last is sent on the open stream when the others have come."""
    room.send("one")
    room.send("two")
    sending = {
        "service": room.stage.router.url,
        "nsid": f"{room.family}.sendMessage",
        "headers": {"authorization": room.person.token(f"{room.family}.sendMessage")},
        "data": room.message("three"),
    }
    created, *messages = room.read(3, cursor="0", meanwhile=sending)
    assert (created["$type"], created["action"]) == (f"{room.nsid}#convoEvent", "created")
    assert [room.text(each) for each in messages] == ["one", "two", "three"]


def test_a_stream_goes_on_behind_its_cursor(room: Room) -> None:
    for text in ("one", "two", "three"):
        room.send(text)
    events = room.read(4, cursor="0")
    assert [room.text(each) for each in room.read(2, cursor=events[1]["cursor"])] == ["two", "three"]
    only = room.read(2, cursor="2", convoId=room.convo["id"])
    assert [room.text(each) for each in only] == ["two", "three"], "of one conversation a seq is the cursor"


def test_a_ticket_opens_once_where_no_header_can_be_sent(room: Room) -> None:
    """Browsers; their WebSocket has no headers, and neither has this client here."""
    room.send("one")
    if room.family == ROOKERY:
        made = room.person.call(f"{ROOKERY}.getTicket", data={"purpose": room.nsid})
    else:
        made = room.person.call(f"{MLS}.getSubscriptionTicket", data={})
    assert room.text(room.read(2, cursor="0", ticket=made["ticket"])[1]) == "one"
    with pytest.raises(TheirError) as caught:
        room.read(1, cursor="0", ticket=made["ticket"])
    assert caught.value.type == "SocketError"


def test_a_cursor_of_the_future_is_told_in_the_last_frame_and_in_the_close(room: Room) -> None:
    """Op -1, a name, then 1008 with the name: what their client throws is the name."""
    opening = room.opening(cursor="999", convoId=room.convo["id"])
    told = room.stage.ask("frames", **opening, headers=room.bearer())
    (frame,) = told["frames"]
    assert frame["header"] == {"op": -1}
    assert frame["body"]["error"] == "FutureCursor"
    assert frame["body"]["message"]
    assert (told["code"], told["reason"]) == (1008, "FutureCursor")
    with pytest.raises(TheirError) as caught:
        room.read(1, cursor="999", convoId=room.convo["id"])
    assert (caught.value.type, caught.value.name) == ("XRPCError", "FutureCursor")


def test_a_frame_has_its_name_in_the_header_and_no_type_in_the_payload(room: Room) -> None:
    """As the specification wants it; their server reads the names of its own lexicon from `t`.

    The stream ends because its device is revoked, and that is told like any other end.
    """
    room.send("one")
    (device,) = room.person.call(f"{ROOKERY}.listDevices")["devices"]
    revoke = {
        "service": room.stage.router.url,
        "nsid": f"{ROOKERY}.revokeDevice",
        "headers": {"authorization": room.person.token(f"{ROOKERY}.revokeDevice")},
        "data": {"deviceId": device["deviceId"]},
    }
    told = room.stage.ask(
        "frames", **room.opening(cursor="0"), headers=room.bearer(), count=2, meanwhile=revoke
    )
    heads = [frame["header"] for frame in told["frames"]]
    assert heads[:2] == [{"op": 1, "t": "#convoEvent"}, {"op": 1, "t": "#messageEvent"}]
    assert heads[-1] == {"op": -1}
    assert all("$type" not in frame["body"] for frame in told["frames"])
    assert told["frames"][-1]["body"]["error"] == "AccessRevoked"
    assert (told["code"], told["reason"]) == (1008, "AccessRevoked")


def test_a_refused_token_does_not_open_a_stream(room: Room) -> None:
    """Refused before the upgrade, as HTTP; the token of a method that answers once opens nothing."""
    for authorization, name in (
        (room.person.token(f"{ROOKERY}.getConvos"), "BadJwtLexiconMethod"),
        ("Bearer x.y.z", "BadJwt"),
    ):
        refused = room.stage.ask("opening", **room.opening(), headers={"authorization": authorization})
        assert (refused["status"], refused["body"]["error"]) == (401, name)
    used = room.bearer()
    room.stage.ask("subscribe", **room.opening(cursor="0"), headers=used, count=1)
    refused = room.stage.ask("opening", **room.opening(), headers=used)
    assert (refused["status"], refused["body"]["error"]) == (401, "NonceNotUnique")
