"""Who was removed, and who never was in, gets nothing: on live connections, after a reconnect, by reading.

That nothing came is seen by what came next: the same devices are in a second conversation, and a marker
sent there after the secret arrives alone. A stranger cannot tell a foreign conversation from none at all.
"""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import pytest

from protocol import AtError, AtMessage, ConversationId, DeviceId, decode_frame
from router.client.errors import Refused
from router.client.events import InfoEvent, MembershipEvent
from router.client.session import open_session
from router.client.stream import EventStream, open_stream
from tests.system.people import CHAT, ONCE, Person, new_convo, open_people, sealed
from tests.system.process import RouterProcess
from tests.system.raw import Answer, Closed, RawClient, raw_client, request
from tests.system.town import ABSENT, lex, text

pytestmark = pytest.mark.system

Place = tuple[str, int]


@attrs.define
class House:
    """Alice has a secret conversation with Carol and another, open one with everybody."""

    router: RouterProcess
    alice: Person
    carol: Person
    dave: Person
    device: dict[str, DeviceId]
    secret: ConversationId
    open: ConversationId
    markers: int = 0

    async def whisper(self, what: str) -> int:
        """Send into the secret conversation; the seq."""
        return (await self.alice.client.chat.send_message(self.secret, sealed(what))).seq

    async def mark(self) -> Place:
        """Send into the open conversation, which everybody hears; its place."""
        self.markers += 1
        sent = await self.alice.client.chat.send_message(self.open, sealed(f"marker {self.markers}"))
        return self.open, sent.seq


_houses = itertools.count(1)


@asynccontextmanager
async def open_house(router: RouterProcess) -> AsyncIterator[House]:
    """A house in which Carol is still in; of people who live in no other."""
    number = next(_houses)
    names = [f"{name}-{number}" for name in ("alice", "carol", "dave")]
    async with open_people(router, *names, policy=ONCE) as (alice, carol, dave):
        device = {person.name: (await person.device("phone")).id for person in (alice, carol, dave)}
        secret = await new_convo(alice, carol)
        yield House(router, alice, carol, dave, device, secret, await new_convo(alice, carol, dave))


async def upto(receive: Callable[[], Awaitable[Place]], last: Place) -> list[Place]:
    """Everything up to and with the event at this place."""
    places = [await receive()]
    while places[-1] != last:
        places.append(await receive())
    return places


def by_stream(stream: EventStream) -> Callable[[], Awaitable[Place]]:
    """The places of a stream's events."""

    async def receive() -> Place:
        event = await stream.receive()
        return event.convo or "", event.seq

    return receive


def by_frames(client: RawClient) -> Callable[[], Awaitable[Place]]:
    """The places of an AT Protocol stream's events."""

    async def receive() -> Place:
        heard = await client.hear()
        assert isinstance(heard, bytes), heard
        frame = decode_frame(heard)
        assert isinstance(frame, AtMessage), frame
        event = frame.payload.get("message", frame.payload)
        assert isinstance(event, dict)
        return str(event["convoId"]), int(str(event["seq"]))

    return receive


@asynccontextmanager
async def open_frames(house: House, person: Person, query: str) -> AsyncIterator[RawClient]:
    """An AT Protocol stream for the block."""
    async with raw_client(house.router) as client:
        headers = {"authorization": person.bearer("subscribeEvents")}
        assert await client.open_websocket(f"/xrpc/{CHAT}.subscribeEvents{query}", headers) is None
        yield client


@asynccontextmanager
async def listening(house: House, person: Person) -> AsyncIterator[list[Callable[[], Awaitable[Place]]]]:
    """The person's device on all three kinds of stream, each from its beginning."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(person.client, house.device[person.name]))

        async def by_session() -> Place:
            event = await session.receive()
            return event.convo or "", event.seq

        stream = await stack.enter_async_context(open_stream(person.client))
        frames = await stack.enter_async_context(open_frames(house, person, "?cursor=0"))
        yield [by_session, by_stream(stream), by_frames(frames)]


async def test_a_removed_device_hears_of_its_removal_and_then_nothing(router: RouterProcess) -> None:
    async with open_house(router) as house, AsyncExitStack() as stack:
        live = await stack.enter_async_context(listening(house, house.carol))
        before = await house.whisper("before")
        removal = (await house.alice.client.chat.remove_member(house.secret, house.carol.did)).seq
        await house.whisper("after")
        marker = await house.mark()
        own = {(house.secret, 1), (house.secret, before), (house.secret, removal), (house.open, 1), marker}
        for receive in live:
            heard = await upto(receive, marker)
            assert len(heard) == len(own)
            assert set(heard) == own

        # on new connections too, from the beginning
        async with listening(house, house.carol) as again:
            for receive in again:
                assert set(await upto(receive, marker)) == own

        # and by reading or writing it is out
        for call in (
            house.carol.client.chat.get_messages(house.secret),
            house.carol.client.chat.send_message(house.secret, sealed("let me in")),
            house.carol.client.chat.update_cursor(house.secret, 1),
            house.carol.client.chat.add_members(house.secret, [house.carol.did]),
        ):
            with pytest.raises(Refused) as refusal:
                await call
            assert refusal.value.error == "NotMember"
        page = await house.carol.client.chat.get_convos()
        assert [convo.id for convo in page.conversations] == [house.open]


async def test_a_stream_of_one_conversation_ends_with_the_removal(router: RouterProcess) -> None:
    async with open_house(router) as house, AsyncExitStack() as stack:
        stream = await stack.enter_async_context(open_stream(house.carol.client, convo=house.secret))
        frames = await stack.enter_async_context(
            open_frames(house, house.carol, f"?cursor=0&convoId={house.secret}")
        )
        assert await by_stream(stream)() == (house.secret, 1)
        removal = (await house.alice.client.chat.remove_member(house.secret, house.carol.did)).seq
        await house.whisper("after")
        last = await stream.receive()
        assert isinstance(last, MembershipEvent)
        assert (last.seq, last.did, last.action) == (removal, house.carol.did, "removed")
        word = await stream.receive()
        assert isinstance(word, InfoEvent)
        assert word.info.startswith("removed")
        with pytest.raises(Refused) as refusal:  # its next connection is refused
            await stream.receive()
        assert refusal.value.error == "NotMember"

        assert [await by_frames(frames)(), await by_frames(frames)()] == [
            (house.secret, 1),
            (house.secret, removal),
        ]
        words = []
        while not isinstance(heard := await frames.hear(), Closed):
            assert isinstance(heard, bytes)
            words.append(decode_frame(heard))
        assert isinstance(words[-1], AtError)
        assert words[-1].error == "NotMember"
        assert heard.code == 1008
        assert sealed("after") not in b"".join(str(word).encode() for word in words)


async def test_who_comes_back_hears_both_of_its_times_and_not_what_was_between(router: RouterProcess) -> None:
    async with open_house(router) as house:
        before = await house.whisper("before")
        removal = (await house.alice.client.chat.remove_member(house.secret, house.carol.did)).seq
        await house.whisper("between")
        joined = (await house.alice.client.chat.add_members(house.secret, [house.carol.did])).seq
        after = await house.whisper("after")
        marker = await house.mark()
        async with listening(house, house.carol) as live:
            for receive in live:
                heard = await upto(receive, marker)
                secret = [seq for convo, seq in heard if convo == house.secret]
                assert secret == [1, before, removal, joined, after]
        page = await house.carol.client.chat.get_messages(house.secret)
        assert [message.seq for message in page.messages] == [after]


async def test_a_device_that_never_was_in_hears_nothing(router: RouterProcess) -> None:
    async with open_house(router) as house:
        async with listening(house, house.dave) as live:
            await house.whisper("secret")
            marker = await house.mark()
            for receive in live:
                assert await upto(receive, marker) == [(house.open, 1), marker]
        # a cursor that somebody else was given opens nothing
        async with open_stream(house.alice.client) as stream:
            await stream.receive()
            cursor = stream.cursor
        async with open_stream(house.dave.client, cursor=cursor) as stolen:
            with pytest.raises(Refused) as refusal:
                await stolen.receive()
        assert refusal.value.error == "InvalidCursor"


# -- a stranger ------------------------------------------------------------------------------------------


def questions(dave: Person, convo: str) -> list[tuple[str, bytes]]:
    """Everything that Dave may ask about a conversation, each with a fresh token."""

    def get(method: str, family: str = CHAT) -> tuple[str, bytes]:
        nsid = f"{family}.{method}"
        headers = {"authorization": dave.client.xrpc.bearer(nsid)}  # type: ignore[arg-type] # an Nsid
        return nsid, request("GET", f"/xrpc/{nsid}?convoId={convo}", headers)

    def post(method: str, body: dict[str, object], family: str = CHAT) -> tuple[str, bytes]:
        nsid = f"{family}.{method}"
        headers = {"authorization": dave.client.xrpc.bearer(nsid)}  # type: ignore[arg-type] # an Nsid
        return nsid, request("POST", f"/xrpc/{nsid}", headers, text({"convoId": convo, **body}))

    mls = "blue.catbird.mls"
    message: dict[str, object] = {"msgId": "m", "ciphertext": lex(sealed("x"))}
    sized: dict[str, object] = {"epoch": 0, "declaredSize": 512, "paddedSize": 512}
    return [
        get("getMessages"),
        get("streamEvents"),
        get("getMessages", mls),
        get("getEpoch", mls),
        get("streamConvoEvents", mls),
        post("sendMessage", message),
        post("sendMessage", message | sized, mls),
        post("updateCursor", {"seq": 1}),
        post("addMembers", {"idempotencyKey": f"add {convo}", "didList": [dave.did]}),
        post("removeMember", {"idempotencyKey": f"remove {convo}", "targetDid": dave.did}),
        post("leaveConvo", {"idempotencyKey": f"leave {convo}"}),
        post("leaveConvo", {"idempotencyKey": f"leave {convo}"}, mls),
    ]


def told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """An answer but for what names the request and the moment."""
    momentary = ("x-request-id", "date", "ratelimit-remaining", "ratelimit-reset")
    fields = {name: value for name, value in answer.headers.items() if name not in momentary}
    return answer.status, fields, answer.body


async def test_a_stranger_cannot_tell_a_foreign_conversation_from_none(router: RouterProcess) -> None:
    async with open_house(router) as house:
        for (nsid, foreign), (_, none) in zip(
            questions(house.dave, house.secret), questions(house.dave, ABSENT), strict=True
        ):
            async with raw_client(house.router) as first, raw_client(house.router) as second:
                about_foreign, about_none = await first.ask(foreign), await second.ask(none)
            assert told(about_foreign) == told(about_none), nsid
            assert about_none.error == "ConvoNotFound", nsid


async def test_a_stranger_s_session_cannot_tell_either(router: RouterProcess) -> None:
    async with open_house(router) as house, raw_client(house.router) as client:
        headers = {"authorization": house.dave.bearer("session"), "sec-websocket-protocol": "rookery.v1"}
        assert await client.open_websocket(f"/xrpc/{CHAT}.session", headers) is None
        await client.say({"type": "hello", "credit": 1})
        await client.hear_type("welcome")
        answers = []
        for convo in (house.secret, ABSENT):
            send = {"type": "send", "id": 1, "convoId": convo, "msgId": "m", "ciphertext": lex(sealed("x"))}
            await client.say(send)
            answers.append(await client.hear_type("error"))
        assert answers[0] == answers[1]
        assert answers[0]["error"] == "ConvoNotFound"
