"""`rookery.v1` over real sockets: sends, events, credit, resume, misuse, and every way to end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing

from protocol import decode_dagcbor, encode_dagcbor
from router.config import Settings
from router.config.sections import Devices, Session
from router.edge.server import Limits
from router.store.memory import MemoryStore
from router.store.values import AppendOutcome, AppendRequest
from schema import VALIDATOR
from tests.edge.harness import WebSocket, error_of, read_until
from tests.edge.house import ROOKERY, House, frames_of, open_house, padded

NSID = f"{ROOKERY}.session"
UPGRADE = (
    f"GET /xrpc/{NSID} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
).encode()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


class Client:
    """The JSON side of a session, frame by frame."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def hear(self) -> dict[str, Any]:
        """The next frame, held against the lexicon."""
        kind, text = await self.socket.receive()
        assert kind == "text", (kind, text)
        frame: dict[str, Any] = json.loads(text)
        VALIDATOR.message(NSID, f"#{frame['type']}", frame, form="json")
        return frame

    async def hear_events(self, count: int) -> list[str]:
        """The next `count` events in short; other frames are passed over."""
        found: list[str] = []
        while len(found) < count:
            frame = await self.hear()
            if frame["type"] == "event":
                event = frame["event"]
                found.append(
                    event["message"]["id"] if "message" in event else event["$type"].partition("#")[2]
                )
        return found

    async def send(self, request: int, convo: str, msg_id: str, text: bytes = b"", size: int = 512) -> None:
        ciphertext = padded(text or msg_id.encode(), size)
        await self.say("send", id=request, convoId=convo, msgId=msg_id, ciphertext=ciphertext)

    async def open(self, **hello: Any) -> dict[str, Any]:
        await self.say("hello", **{"credit": 100, **hello})
        welcome = await self.hear()
        assert welcome["type"] == "welcome", welcome
        return welcome

    async def end(self) -> tuple[int, str | None]:
        """Read to the end: the close code and reason."""
        while True:
            kind, value = await self.socket.receive()
            if kind == "close":
                return value, self.socket.reason


async def test_a_send_is_acknowledged_and_delivered(house: House) -> None:
    """The example: two sessions, a message from one to the other."""
    convo = await house.group("alice", "bob")
    async with house.session(house.accounts["alice"]) as a, house.session(house.accounts["bob"]) as b:
        alice, bob = Client(a), Client(b)
        await alice.open(credit=1)
        await bob.open()
        await alice.send(7, convo, "m1")
        frames = [await alice.hear(), await alice.hear()]
        (ack,) = [frame for frame in frames if frame["type"] == "ack"]
        assert (ack["id"], ack["messageId"], ack["seq"], ack["epoch"]) == (7, "m1", 2, 0)
        assert await bob.hear_events(2) == ["convoEvent", "m1"]


async def test_pipelined_sends_are_committed_in_their_order_and_answered_each(house: House) -> None:
    one, two = await house.group("alice", key="1"), await house.group("alice", key="2")
    alice = house.accounts["alice"]
    async with house.session(alice) as socket:
        client = Client(socket)
        await client.open(credit=1)
        for number in range(100):
            await client.send(number, (one, two)[number % 2], f"m{number}")
        acks: dict[int, int] = {}
        while len(acks) < 100:
            frame = await client.hear()
            if frame["type"] == "ack":
                acks[frame["id"]] = frame["seq"]
    assert [acks[number] for number in range(0, 100, 2)] == list(range(2, 52))
    assert [acks[number] for number in range(1, 100, 2)] == list(range(2, 52))


async def test_a_refused_send_is_answered_by_its_id_and_the_session_stays(house: House) -> None:
    convo = await house.group("alice", "bob")
    foreign = await house.group("bob", key="2")
    async with house.session(house.accounts["alice"]) as socket:
        client = Client(socket)
        await client.open(credit=1)
        assert await client.hear_events(1) == ["convoEvent"]
        refused = [
            (client.send(1, foreign, "m"), "ConvoNotFound"),
            (client.send(2, "a" * 26, "m"), "ConvoNotFound"),
            (client.send(3, convo, "m", size=700), "InvalidAsset"),
            (client.send(4, convo, "a b"), "InvalidRequest"),
            (client.say("send", id=5, convoId=convo), "InvalidRequest"),
            (client.say("send", id=6, convoId=convo, msgId="m", ciphertext="x"), "InvalidRequest"),
            (client.say("typing", id=7, convoId=convo), "MethodNotImplemented"),
        ]
        for number, (act, error) in enumerate(refused, 1):
            await act
            frame = await client.hear()
            assert (frame["type"], frame["id"], frame["error"]) == ("error", number, error)
        await client.send(8, convo, "good")
        assert (await client.hear())["type"] == "ack"
        await client.send(9, convo, "good")
        assert (await client.hear())["seq"] == 2  # the first answer
        await client.send(10, convo, "good", b"other bytes")
        assert (await client.hear())["error"] == "IdempotencyConflict"


async def test_events_wait_for_credit(house: House) -> None:
    convo = await house.group("alice", "bob")
    bob = house.accounts["bob"]
    for number in range(5):
        await house.say(house.accounts["alice"], convo, f"m{number}")
    async with house.session(bob) as socket:
        client = Client(socket)
        await client.open(credit=2)
        assert await client.hear_events(2) == ["convoEvent", "m0"]
        await client.say("ping", id=1)
        assert (await client.hear())["type"] in ("pong", "cursor")
        await client.say("credit", n=3)
        assert await client.hear_events(3) == ["m1", "m2", "m3"]


async def test_a_session_resumes_from_cursor_and_seen_marks(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    for number in range(4):
        await house.say(alice, convo, f"m{number}")
    async with house.session(bob) as socket:
        client = Client(socket)
        welcome = await client.open(credit=3)
        start = welcome["cursor"]
        assert await client.hear_events(3) == ["convoEvent", "m0", "m1"]
        house.edge.devices.end_device(welcome["deviceId"], "draining", "for this test")
        cursor = (await client.hear())["cursor"]
    async with house.session(bob) as socket:
        client = Client(socket)
        await client.open(cursor=cursor)
        assert await client.hear_events(2) == ["m2", "m3"]
    async with house.session(bob) as socket:
        client = Client(socket)
        await client.open(cursor=start, seen=[{"convoId": convo, "seq": 4}])
        assert await client.hear_events(1) == ["m3"]


async def test_cbor_is_spoken_to_who_speaks_cbor(house: House) -> None:
    convo = await house.group("alice")
    async with house.session(house.accounts["alice"]) as socket:
        await socket.send(encode_dagcbor({"type": "hello", "credit": 5}))
        welcome = decode_dagcbor((await socket.receive())[1])
        assert isinstance(welcome, dict)
        assert welcome["type"] == "welcome"
        body = b"x" * 512
        send = {"type": "send", "id": 1, "convoId": convo, "msgId": "m", "ciphertext": body}
        await socket.send(encode_dagcbor(send))
        kinds: list[object] = []
        while "ack" not in kinds or kinds.count("event") < 2:
            frame = decode_dagcbor((await socket.receive())[1])
            assert isinstance(frame, dict)
            kinds.append(frame["type"])


# -- opening -----------------------------------------------------------------------------------------------


async def test_a_session_needs_its_subprotocol_and_a_token_for_this_method(house: House) -> None:
    alice = await house.account("alice")
    wrong = house.headers(alice, f"{ROOKERY}.sendMessage")
    for headers, protocols, refusal in (
        (house.headers(alice, NSID), ["other"], (400, "InvalidRequest")),
        (house.headers(alice, NSID), [], (400, "InvalidRequest")),
        ({}, ["rookery.v1"], (401, "AuthenticationRequired")),
        (wrong, ["rookery.v1"], (401, "BadJwtLexiconMethod")),
    ):
        given: dict[str, str] = {**headers, "sec-websocket-protocol": ",".join(protocols)}
        async with await house.server.connect() as stream:
            lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
            await stream.send_all(UPGRADE + lines.encode() + b"\r\n")
            assert error_of(await read_until(stream, b"}")) == refusal


async def test_a_hello_for_a_foreign_device_or_with_a_foreign_cursor_is_turned_away(house: House) -> None:
    await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    theirs = await house.device(bob)
    async with house.session(bob) as socket:
        cursor = (await Client(socket).open())["cursor"]
    for hello, error in (
        ({"deviceId": theirs}, "DeviceNotFound"),
        ({"deviceId": "0e6f6ac1-0000-4000-8000-000000000000"}, "DeviceNotFound"),
        ({"cursor": cursor}, "InvalidCursor"),
        ({"cursor": "x"}, "InvalidCursor"),
    ):
        async with house.session(alice) as socket:
            client = Client(socket)
            await client.say("hello", credit=1, **hello)
            frame = await client.hear()
            assert (frame["type"], frame["error"]) == ("error", error)
            assert await client.end() == (1008, error)


async def test_an_account_without_devices_cannot_say_hello(house: House) -> None:
    async with house.session(await house.account("alice")) as socket:
        client = Client(socket)
        await client.say("hello", credit=1)
        assert (await client.hear())["error"] == "DeviceNotFound"


# -- misuse ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", 1008),
        ("nope", 1008),
        ("[]", 1008),
        ("null", 1008),
        ('{"type": 7}', 1008),
        ('{"type": "credit", "n": 1}', 1008),
        ('{"type": "hello"}', 1008),
        ('{"type": "hello", "credit": 0}', 1008),
        ('{"type": "hello", "credit": 1, "unheardOf": 1}', 1008),
        ("[" * 50_000, 1008),
        (b"", 1008),
        (b"\xff\xfe", 1008),
        (b"\xa1\x64type\x65hello", 1008),
        ("x" * 70_000, 1009),
    ],
)
async def test_a_broken_first_frame_is_named_and_ends_the_session(message: str | bytes, code: int) -> None:
    settings = Settings(session=Session(max_frame_bytes=65_536 + 4_096))
    async with open_house(settings=settings) as house:
        async with house.session(await house.account("alice")) as socket:
            await socket.send(message)
            assert "error" in repr((await socket.receive())[1])
            assert (await Client(socket).end())[0] == code
        assert house.faults == []


async def test_one_send_too_many_in_flight_ends_the_session() -> None:
    class Stuck(MemoryStore):
        stuck = False
        gate = trio.Event()

        async def append(self, request: AppendRequest) -> AppendOutcome:
            if self.stuck:
                await self.gate.wait()
            return await super().append(request)

    store = Stuck()
    async with open_house(store, settings=Settings(session=Session(max_in_flight=3))) as house:
        convo = await house.group("alice")
        store.stuck = True
        async with house.session(house.accounts["alice"]) as socket:
            client = Client(socket)
            await client.open(credit=1)
            for number in range(4):
                await client.send(number, convo, f"m{number}")
            assert await client.end() == (1008, "TooManyInFlight")
        store.gate.set()


async def test_a_client_that_asks_and_does_not_listen_is_not_read_any_further(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with open_house(limits=Limits(send_timeout=30)) as house:
        alice = await house.account("alice")
        await house.device(alice)
        stream = await house.server.connect()
        token = house.token(alice, NSID)
        head = f"sec-websocket-protocol: rookery.v1\r\nauthorization: Bearer {token}\r\n\r\n"
        await stream.send_all(UPGRADE + head.encode())
        await stream.receive_some(4_096)
        ping = b'{"type":"ping"}'
        frame = bytes((0x81, 0x80 | len(ping), 0, 0, 0, 0)) + ping
        hello = b'{"type":"hello","credit":1}'
        await stream.send_all(bytes((0x81, 0x80 | len(hello), 0, 0, 0, 0)) + hello)
        with pytest.raises(trio.BrokenResourceError):
            await repeat(stream, frame * 4_096)
        assert "stalled_reader" in house.server.reports
        await stream.aclose()
        assert house.faults == []


async def repeat(stream: trio.SocketStream, data: bytes) -> None:
    while True:
        await stream.send_all(data)


# -- the end -----------------------------------------------------------------------------------------------


async def test_a_drain_gives_the_last_cursor_and_a_wait(house: House) -> None:
    convo = await house.group("alice")
    async with house.session(house.accounts["alice"]) as socket:
        client = Client(socket)
        await client.open()
        assert await client.hear_events(1) == ["convoEvent"]
        await client.send(1, convo, "last")
        house.edge.drain.set()
        kinds = []
        frame: dict[str, Any] = {}
        while frame.get("type") != "close":
            frame = await client.hear()
            kinds.append(frame["type"])
        assert kinds[-2:] == ["cursor", "close"]
        assert "ack" in kinds
        assert (frame["reason"], frame["reconnectAfter"]) == ("ServerDraining", 3)
        assert await client.end() == (1012, "ServerDraining")
    await house.server.ended.wait()


async def test_a_drain_is_told_to_a_client_without_credit_and_its_events_stay_after_the_cursor(
    house: House,
) -> None:
    convo = await house.group("alice", "bob")
    bob = house.accounts["bob"]
    async with house.session(bob) as socket:
        client = Client(socket)
        welcome = await client.open(credit=1)
        assert await client.hear_events(1) == ["convoEvent"]
        await house.say(house.accounts["alice"], convo, "new")
        house.edge.drain.set()
        frames = [await client.hear(), await client.hear()]
        assert [frame["type"] for frame in frames] == ["cursor", "close"]
        assert await client.end() == (1012, "ServerDraining")
        edge, device = house.edge, welcome["deviceId"]
        assert edge.cursors.position(device, frames[0]["cursor"]) < await edge.store.head()


async def test_a_client_that_says_no_hello_or_nothing_any_more_is_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with open_house() as house:
        alice = await house.account("alice")
        await house.device(alice)
        async with house.session(alice) as socket:
            assert await Client(socket).end() == (1008, "HelloTimeout")
        async with house.session(alice) as socket:
            client = Client(socket)
            heartbeat = (await client.open())["heartbeat"]
            start = trio.current_time()
            assert await client.end() == (1008, "IdleTimeout")
            assert trio.current_time() - start == pytest.approx(2 * heartbeat, abs=1)


async def test_a_cursor_comes_once_a_second_while_events_flow(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with open_house() as house:
        convo = await house.group("alice", "bob")
        async with house.session(house.accounts["bob"]) as socket:
            client = Client(socket)
            await client.open()
            for number in range(3):
                await house.say(house.accounts["alice"], convo, f"m{number}")
            frames = [await client.hear() for _ in range(5)]
            assert [frame["type"] for frame in frames].count("cursor") == 1
        async with house.session(house.accounts["bob"]) as socket:
            again = Client(socket)
            await again.open(cursor=frames[-1]["cursor"])
            await house.say(house.accounts["alice"], convo, "new")
            assert await again.hear_events(1) == ["new"]


async def test_a_session_that_stalls_holds_nothing_and_resumes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02
    settings = Settings(devices=Devices(feed_items=8, feed_bytes=1 << 20))
    async with open_house(settings=settings, limits=Limits(send_timeout=20)) as house:
        convo = await house.group("alice", "bob")
        alice, bob = house.accounts["alice"], house.accounts["bob"]
        async with house.session(bob) as socket:
            cursor = (await Client(socket).open(credit=1))["cursor"]
        stalled = await house.server.connect()
        token = house.token(bob, NSID)
        head = f"sec-websocket-protocol: rookery.v1\r\nauthorization: Bearer {token}\r\n\r\n"
        await stalled.send_all(UPGRADE + head.encode())
        await stalled.receive_some(4_096)
        hello = b'{"type":"hello","credit":1000}'
        await stalled.send_all(bytes((0x81, 0x80 | len(hello), 0, 0, 0, 0)) + hello)
        for number in range(16):
            await house.say(alice, convo, f"m{number}", b"\1" * (1 << 20))
            assert house.edge.devices.queued_bytes <= (1 << 20) + 4_096
        with trio.fail_after(600):
            while house.edge.devices.connections:  # noqa: ASYNC110 - a number of the house, not of the test
                await trio.sleep(1)
        assert house.edge.devices.queued_bytes == 0
        await stalled.aclose()
        async with house.session(bob) as socket:
            client = Client(socket)
            await client.open(cursor=cursor)
            assert await client.hear_events(17) == ["convoEvent", *(f"m{number}" for number in range(16))]


async def test_a_removed_member_hears_of_it_and_of_nothing_after(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    async with house.session(bob) as socket:
        client = Client(socket)
        await client.open()
        body = {"convoId": convo, "targetDid": bob.did, "idempotencyKey": "1"}
        await house.post(alice, f"{ROOKERY}.removeMember", body)
        await house.say(alice, convo, "secret")
        other = await house.group("alice", "bob", key="2")
        await house.say(alice, other, "open")
        assert await client.hear_events(4) == ["convoEvent", "membershipChangeEvent", "convoEvent", "open"]


async def test_the_log_has_one_line_for_a_session_and_nobody_in_it(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice = house.accounts["alice"]
    async with house.session(alice) as socket:
        client = Client(socket)
        await client.open()
        await client.send(1, convo, "m1")
        await client.hear_events(2)
    with trio.fail_after(5):
        while house.edge.devices.connections:  # noqa: ASYNC110 - a number of the house, not of the test
            await trio.sleep(0.01)
    (line,) = [line for line in frames_of(house.log.getvalue()) if line["transport"] == "websocket"]
    assert line["method"] == NSID
    text = house.log.getvalue()
    for secret in (alice.did, convo, "m1", "Bearer"):
        assert secret not in text


async def test_a_client_that_keeps_to_its_bound_is_slowed_down_and_never_refused(house: House) -> None:
    """More sends in flight than one mailbox holds: the socket is read later, and the order stays."""
    convo = await house.group("alice")
    async with house.session(house.accounts["alice"]) as socket:
        client = Client(socket)
        welcome = await client.open(credit=1)
        count = welcome["maxInFlight"]
        seqs: dict[int, int] = {}

        async def say() -> None:
            for number in range(count):
                await client.say(
                    "send", id=number, convoId=convo, msgId=f"m{number}", ciphertext=padded(b"x")
                )

        async with trio.open_nursery() as nursery:
            nursery.start_soon(say)
            while len(seqs) < count:
                frame = await client.hear()
                assert frame["type"] != "error", frame
                if frame["type"] == "ack":
                    seqs[frame["id"]] = frame["seq"]
        assert [seqs[number] for number in range(count)] == list(range(2, count + 2))
