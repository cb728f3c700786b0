"""AT Protocol event streams over real sockets: frames, cursor rules, and how a stream ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing

from protocol import AtError, AtMessage, decode_frame
from router.config import Settings
from router.config.sections import Devices
from schema import VALIDATOR
from tests.edge.harness import WebSocket
from tests.edge.house import MLS, ROOKERY, Account, House, open_house
from tests.edge.test_calls import SUITE

NSID = f"{ROOKERY}.subscribeEvents"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


def listen(house: House, account: Account, query: str = "", nsid: str = NSID) -> WebSocket:
    return house.socket(account, nsid, query=query)


async def frames(socket: WebSocket, count: int, nsid: str = NSID) -> list[AtMessage]:
    """The next messages, each held against the lexicon."""
    found: list[AtMessage] = []
    while len(found) < count:
        kind, data = await socket.receive()
        assert kind == "bytes", (kind, data)
        frame = decode_frame(data)
        assert isinstance(frame, AtMessage), frame
        VALIDATOR.message(nsid, frame.t, frame.payload)
        found.append(frame)
    return found


async def error_and_close(socket: WebSocket) -> tuple[str, int, str | None]:
    """The error frame that ends a stream, and the close that follows it."""
    frame = decode_frame((await socket.receive())[1])
    assert isinstance(frame, AtError), frame
    kind, code = await socket.receive()
    assert kind == "close"
    return frame.error, code, socket.reason


def what(found: list[AtMessage]) -> list[str]:
    return [_id(frame) if frame.t == "#messageEvent" else frame.t for frame in found]


def _id(frame: AtMessage) -> str:
    message: Any = frame.payload["message"]
    return str(message["id"])


async def test_without_a_cursor_a_stream_begins_now_and_with_nought_at_the_start(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    await house.say(alice, convo, "m1")
    async with listen(house, bob) as now, listen(house, bob, "?cursor=0") as start:
        assert what(await frames(start, 2)) == ["#convoEvent", "m1"]
        await house.say(alice, convo, "m2", b"sealed")
        (frame,) = await frames(now, 1)
        message: Any = frame.payload["message"]
        assert message["ciphertext"] == b"sealed".ljust(512, b"\0")
        assert "$type" not in frame.payload
        assert what(await frames(start, 1)) == ["m2"]


@pytest.mark.parametrize("one_conversation", [False, True])
async def test_a_cursor_gives_what_comes_after_it(house: House, one_conversation: bool) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    more = f"&convoId={convo}" if one_conversation else ""
    for number in range(3):
        await house.say(alice, convo, f"m{number}")
    async with listen(house, bob, f"?cursor=0{more}") as socket:
        cursor = str((await frames(socket, 2))[1].payload["cursor"])
    async with listen(house, bob, f"?cursor={cursor}{more}") as socket:
        assert what(await frames(socket, 2)) == ["m1", "m2"]


async def test_a_cursor_of_the_future_is_an_error_frame(house: House) -> None:
    convo = await house.group("alice")
    async with listen(house, house.accounts["alice"], f"?cursor=99&convoId={convo}") as socket:
        assert await error_and_close(socket) == ("FutureCursor", 1008, "FutureCursor")


async def test_the_seed_contract_sees_its_own_names(house: House) -> None:
    alice = await house.account("alice")
    await house.device(alice)
    body = {"groupId": "00ff", "cipherSuite": SUITE, "idempotencyKey": "1"}
    await house.post(alice, f"{MLS}.createConvo", body)
    nsid = f"{MLS}.subscribeConvoEvents"
    async with listen(house, alice, "?cursor=0", nsid) as socket:
        assert what(await frames(socket, 1, nsid)) == ["#convoEvent"]


async def test_what_a_client_says_is_not_listened_to(house: House) -> None:
    convo = await house.group("alice")
    alice = house.accounts["alice"]
    async with listen(house, alice) as socket:
        for message in ("hello", b"\xff" * 1000, ""):
            await socket.send(message)
        await house.say(alice, convo, "m")
        assert what(await frames(socket, 1)) == ["m"]


async def test_the_ends_of_a_stream_have_names(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    async with listen(house, bob, f"?cursor=0&convoId={convo}") as socket:
        await frames(socket, 1)
        body = {"convoId": convo, "targetDid": bob.did, "idempotencyKey": "1"}
        await house.post(alice, f"{ROOKERY}.removeMember", body)
        assert what(await frames(socket, 2)) == ["#membershipChangeEvent", "#infoEvent"]
        assert await error_and_close(socket) == ("NotMember", 1008, "NotMember")
    async with listen(house, alice, "?cursor=0") as socket:
        await frames(socket, 2)
        house.edge.drain.set()
        (info,) = await frames(socket, 1)
        assert str(info.payload["info"]).startswith("draining")
        assert await error_and_close(socket) == ("ServerDraining", 1012, "ServerDraining")


async def test_the_oldest_of_too_many_connections_gives_way() -> None:
    settings = Settings(devices=Devices(max_connections_per_device=1))
    async with open_house(settings=settings) as house:
        await house.group("alice")
        alice = house.accounts["alice"]
        async with listen(house, alice, "?cursor=0") as first:
            await frames(first, 1)
            async with listen(house, alice, "?cursor=0") as second:
                await frames(second, 1)
                await frames(first, 1)
                assert (await error_and_close(first))[0] == "NotEnoughResources"


async def test_a_stream_lives_as_long_as_its_client_answers_pings(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with open_house() as house:
        convo = await house.group("alice")
        alice = house.accounts["alice"]
        async with listen(house, alice) as socket:
            with trio.move_on_after(100):
                await socket.receive()
            await house.say(alice, convo, "m")
            assert what(await frames(socket, 1)) == ["m"]
