"""Server-sent events: what comes, in which order, how it resumes, and how it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import attrs
import h11
import pytest
import trio
import trio.testing

from router.config import Settings
from router.config.sections import Devices
from router.edge.server import Limits
from schema import VALIDATOR
from tests.edge.harness import read_until
from tests.edge.house import ROOKERY, Account, House, error_name, frames_of, open_house

STREAM = f"{ROOKERY}.streamEvents"


@attrs.frozen
class Event:
    """One event as a browser sees it."""

    id: str
    name: str
    data: dict[str, Any]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = self.data["event"]
        return event


class Events:
    """A small parser of server-sent events, on h11 over a socket of our own."""

    def __init__(self, socket: trio.SocketStream) -> None:
        self._socket = socket
        self._http = h11.Connection(h11.CLIENT)
        self._buffer = b""
        self.comments = 0
        self.retry: int | None = None

    async def open(self, target: str, headers: dict[str, str]) -> None:
        """Ask, and check what every stream's head says."""
        request = h11.Request(method="GET", target=target, headers=[("host", "x"), *headers.items()])
        await self._socket.send_all(self._http.send(request) or b"")
        self._http.send(h11.EndOfMessage())
        answer = await self._event()
        assert isinstance(answer, h11.Response), answer
        fields = dict(answer.headers)
        assert (answer.status_code, fields[b"content-type"]) == (200, b"text/event-stream")
        assert fields[b"x-accel-buffering"] == b"no"

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._socket.receive_some(65_536))
        return event

    async def next(self) -> Event | None:
        """The next event; None at the end of the stream."""
        while True:
            block, found, rest = self._buffer.partition(b"\n\n")
            if not found:
                piece = await self._event()
                if not isinstance(piece, h11.Data):
                    assert self._buffer == b""
                    return None
                self._buffer += piece.data
                continue
            self._buffer = rest
            lines = [line for line in block.decode().splitlines() if not line.startswith(":")]
            fields = dict(line.split(": ", 1) for line in lines)
            self.comments += block.startswith(b":")
            if "retry" in fields:
                self.retry = int(fields["retry"])
            if "data" in fields:
                event = Event(fields["id"], fields["event"], json.loads(fields["data"]))
                VALIDATOR.output(STREAM, event.data)
                assert event.event["$type"] == f"{STREAM}#{event.name}"
                assert event.event["cursor"] == event.id
                return event


@asynccontextmanager
async def stream(
    house: House, account: Account, headers: dict[str, str] | None = None, **params: Any
) -> AsyncIterator[Events]:
    """An open stream."""
    async with await house.server.connect() as socket:
        events = Events(socket)
        query = f"?{urlencode(params)}" if params else ""
        await events.open(f"/xrpc/{STREAM}{query}", {**house.headers(account, STREAM), **(headers or {})})
        yield events


async def until_nobody_listens(house: House) -> None:
    """Wait for the last feed to go."""
    with trio.fail_after(600):
        while house.edge.devices.connections:  # noqa: ASYNC110 - a number of the house, not of the test
            await trio.sleep(1)


async def take(events: Events, count: int) -> list[Event]:
    found = []
    for _ in range(count):
        event = await events.next()
        assert event is not None
        found.append(event)
    return found


def what(events: list[Event]) -> list[str]:
    """Events in short."""
    return [event.event["message"]["id"] if event.name == "messageEvent" else event.name for event in events]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


async def test_replay_and_live_events_come_in_one_order(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    await house.say(alice, convo, "m1")
    async with stream(house, bob) as events:
        assert what(await take(events, 2)) == ["convoEvent", "m1"]
        await house.say(alice, convo, "m2")
        await house.say(alice, convo, "m3")
        assert what(await take(events, 2)) == ["m2", "m3"]


@pytest.mark.parametrize("one_conversation", [False, True])
async def test_a_stream_resumes_after_the_last_event_by_header_or_by_parameter(
    house: House, one_conversation: bool
) -> None:
    """The header counts more: a browser repeats the first URL, cursor and all."""
    convo = await house.group("alice", "bob")
    bob = house.accounts["bob"]
    params: dict[str, Any] = {"convoId": convo} if one_conversation else {}
    for number in range(5):
        await house.say(house.accounts["alice"], convo, f"m{number}")
    async with stream(house, bob, **params) as events:
        first = await take(events, 3)
    assert what(first) == ["convoEvent", "m0", "m1"]
    if one_conversation:
        assert [event.id for event in first] == ["1", "2", "3"]
    async with stream(house, bob, cursor=first[2].id, **params) as events:
        assert what(await take(events, 3)) == ["m2", "m3", "m4"]
    async with stream(house, bob, {"last-event-id": first[1].id}, cursor=first[2].id, **params) as events:
        assert what(await take(events, 4)) == ["m1", "m2", "m3", "m4"]
    async with stream(house, bob, cursor="0", **params) as events:
        assert what(await take(events, 1)) == ["convoEvent"]


async def test_no_schedule_of_disconnects_loses_or_repeats_an_event(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    got: list[str] = []
    cursor: dict[str, Any] = {}
    for number, count in enumerate((1, 3, 2, 1, 4)):
        for place in range(count):
            await house.say(alice, convo, f"m{number}-{place}")
        async with stream(house, bob, **cursor) as events:
            batch = await take(events, count if cursor else count + 1)
        got += what(batch)
        cursor = {"cursor": batch[-1].id}
    log = await house.get(bob, f"{ROOKERY}.getMessages", convoId=convo)
    assert got == ["convoEvent", *(message["id"] for message in log["messages"])]


async def test_cursors_that_are_none_are_refused_by_name(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    async with stream(house, alice) as events:
        theirs = (await take(events, 1))[0].id
    refused: list[tuple[dict[str, str], str]] = [
        ({"cursor": theirs}, "InvalidCursor"),
        ({"cursor": "garbage"}, "InvalidCursor"),
        ({"cursor": "é"}, "InvalidCursor"),
        ({"cursor": "7" * 600}, "InvalidCursor"),
        ({"cursor": theirs, "convoId": convo}, "InvalidCursor"),
        ({"cursor": "-1", "convoId": convo}, "InvalidCursor"),
        ({"cursor": "99", "convoId": convo}, "FutureCursor"),
        ({"convoId": "a" * 26}, "ConvoNotFound"),
        ({"deviceId": "x"}, "DeviceNotFound"),
    ]
    for params, error in refused:
        answer = await house.send("GET", STREAM, bob, params=params)
        assert error_name(answer) == error, params


async def test_a_cursor_of_another_log_is_one_of_the_future() -> None:
    async with open_house() as before:
        await before.group("alice")
        async with stream(before, before.accounts["alice"]) as events:
            cursor = (await take(events, 1))[0].id
    async with open_house() as restored:  # the same secrets, another log
        alice = await restored.account("alice")
        await restored.device(alice)
        answer = await restored.send("GET", STREAM, alice, params={"cursor": cursor})
        assert error_name(answer) in ("FutureCursor", "InvalidCursor")


async def test_a_removed_member_is_told_so_and_gets_nothing_after_it(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    async with stream(house, bob, convoId=convo) as one, stream(house, bob) as every:
        await take(one, 1)
        await take(every, 1)
        body = {"convoId": convo, "targetDid": bob.did, "idempotencyKey": "1"}
        await house.post(alice, f"{ROOKERY}.removeMember", body)
        await house.say(alice, convo, "secret")
        assert what(await take(one, 2)) == ["membershipChangeEvent", "infoEvent"]
        assert await one.next() is None
        other = await house.group("alice", "bob", key="other")
        assert what(await take(every, 2)) == ["membershipChangeEvent", "convoEvent"]
        assert other != convo
    assert error_name(await house.send("GET", STREAM, bob, params={"convoId": convo})) == "NotMember"


async def test_a_drain_says_so_with_a_wait_and_ends_the_stream(house: House) -> None:
    convo = await house.group("alice")
    alice = house.accounts["alice"]
    async with stream(house, alice) as events:
        await take(events, 1)
        await house.say(alice, convo, "last")
        house.edge.drain.set()
        ended = await take(events, 2)
        assert what(ended) == ["last", "infoEvent"]
        assert ended[1].event["info"].startswith("draining")
        assert await events.next() is None
        assert events.retry == 3_000
    await house.server.ended.wait()


async def test_a_silent_stream_gets_comments(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with open_house() as house:
        await house.group("alice")
        async with stream(house, house.accounts["alice"]) as events:
            await take(events, 1)
            with trio.move_on_after(50):
                await events.next()
            assert events.comments == 1 + 3  # the first one opens the stream


async def test_the_newest_connections_of_a_device_stay() -> None:
    settings = Settings(devices=Devices(max_connections_per_device=2))
    async with open_house(settings=settings) as house:
        await house.group("alice")
        alice = house.accounts["alice"]
        async with stream(house, alice) as first, stream(house, alice) as second:
            await take(first, 1)
            await take(second, 1)
            async with stream(house, alice) as third:
                await take(third, 1)
                (why,) = await take(first, 1)
                assert why.event["info"].startswith("replaced")
                assert await first.next() is None


async def test_a_reader_that_stalls_holds_nothing_delays_nobody_and_resumes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02
    settings = Settings(devices=Devices(feed_items=8, feed_bytes=1 << 20))
    async with open_house(settings=settings, limits=Limits(send_timeout=30)) as house:
        convo = await house.group("alice", "bob")
        alice, bob = house.accounts["alice"], house.accounts["bob"]
        stalled = await house.server.connect()
        token = house.token(bob, STREAM)
        head = f"GET /xrpc/{STREAM} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
        await stalled.send_all(head.encode())
        received = await read_until(stalled, b"convoEvent")
        big = b"\1" * (1 << 20)
        async with stream(house, alice) as events:
            await take(events, 1)
            for number in range(24):
                await house.say(alice, convo, f"m{number}", big)
                assert what(await take(events, 1)) == [f"m{number}"]  # nobody waits for bob
                assert house.edge.devices.queued_bytes <= 2 * (1 << 20) + 4096
        await until_nobody_listens(house)
        assert house.edge.devices.queued_bytes == 0
        assert "stalled_reader" in house.server.reports
        cursor = received.split(b"\nid: ")[1].split(b"\n")[0].decode()
        await stalled.aclose()
        async with stream(house, bob, cursor=cursor) as events:
            assert what(await take(events, 24)) == [f"m{number}" for number in range(24)]


async def test_a_client_that_goes_away_leaves_nothing_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with open_house() as house:
        await house.group("alice")
        for _ in range(3):
            async with stream(house, house.accounts["alice"]) as events:
                await take(events, 1)
        await until_nobody_listens(house)
        assert house.faults == []
        assert {line["transport"] for line in frames_of(house.log.getvalue())} >= {"sse", "http"}
