"""A subscriber that stops reading costs a bounded queue, delays nobody, is cut for a reason, and comes back.

Promises P4, P6 and P7. Three devices stop at once, one on each kind of stream; a fourth reads on. What the
three had read before they were cut, and what they get when they come back, is everything, once.
"""

from contextlib import AsyncExitStack

import attrs
import pytest
import trio

from protocol import AtMessage, ConversationId, decode_frame
from router.client import frames
from router.client.device import Device
from router.client.events import Event, read_event
from router.client.session import SessionOptions, open_session
from router.client.sse import SseParser
from router.client.state import DeviceState
from router.client.stream import open_stream
from tests.system.people import CHAT, Person, eventually, new_convo, open_people, sealed
from tests.system.process import RouterProcess, running_router
from tests.system.raw import Closed, RawClient, dechunked, raw_client, request

pytestmark = pytest.mark.system

FEED_BYTES = 256 * 1024
SIZE = 64 * 1024
COUNT = 240  # 15 MiB and a third more on the wire: three times what the kernel keeps for a socket
SEND_TIMEOUT = 6
SETTINGS = {
    "ROOKERY_DEVICES__FEED_BYTES": str(FEED_BYTES),
    "ROOKERY_DEVICES__FEED_ITEMS": "64",
    "ROOKERY_SERVER__SEND_TIMEOUT": str(SEND_TIMEOUT),
    "ROOKERY_SESSION__CURSOR_INTERVAL": "0.1",
}
EVERYTHING = list(range(1, COUNT + 2))  # the creation, then the messages


@attrs.define
class Stalled:
    """What a device that stopped had in its kernel's buffer when it was cut."""

    seqs: list[int] = attrs.field(factory=list)
    cursor: str | None = None

    def hear(self, event: Event, cursor: str | None) -> None:
        """Write one event down."""
        self.seqs.append(event.seq)
        self.cursor = cursor or self.cursor


async def session_of(client: RawClient, person: Person, device: Device) -> None:
    """Open a session that never reads more than its welcome."""
    headers = {"authorization": person.bearer("session"), "sec-websocket-protocol": "rookery.v1"}
    assert await client.open_websocket(f"/xrpc/{CHAT}.session", headers) is None
    await client.say({"type": "hello", "credit": 10_000, "deviceId": device.id})
    await client.hear_type("welcome")


async def stream_of(client: RawClient, person: Person, device: Device) -> None:
    """Open an SSE stream and read its head."""
    headers = {"authorization": person.bearer("streamEvents")}
    target = f"/xrpc/{CHAT}.streamEvents?deviceId={device.id}"
    assert (await client.head(request("GET", target, headers)))[0] == 200


async def frames_of(client: RawClient, person: Person, device: Device) -> None:
    """Open a stream of AT Protocol frames from the beginning."""
    headers = {"authorization": person.bearer("subscribeEvents")}
    target = f"/xrpc/{CHAT}.subscribeEvents?cursor=0&deviceId={device.id}"
    assert await client.open_websocket(target, headers) is None


async def read_session(client: RawClient) -> Stalled:
    """What is left to read of a session, to its end."""
    stalled = Stalled()
    while not isinstance(heard := await client.hear(), Closed):
        match frames.read_frame(heard):
            case frames.EventFrame(event=raw):
                stalled.hear(*read_event(bytes(raw)))
            case frames.Cursor(cursor=cursor):
                stalled.cursor = cursor
            case other:
                raise AssertionError(other)
    return stalled


async def read_stream(client: RawClient) -> Stalled:
    """What is left to read of an SSE stream; an event that is cut in the middle does not count."""
    stalled = Stalled()
    for event in SseParser().feed(dechunked(await client.read_to_end())):
        stalled.hear(read_event(event.data)[0], event.id)
    return stalled


async def read_frames(client: RawClient) -> Stalled:
    """What is left to read of a stream of frames."""
    stalled = Stalled()
    while not isinstance(heard := await client.hear(), Closed):
        assert isinstance(heard, bytes)
        told = decode_frame(heard)
        assert isinstance(told, AtMessage)
        message = told.payload.get("message", told.payload)
        assert isinstance(message, dict)
        stalled.seqs.append(int(str(message["seq"])))
        stalled.cursor = str(told.payload["cursor"])
    return stalled


async def send_all(person: Person, convo: ConversationId) -> None:
    """Send every message, four at a time."""
    places = trio.CapacityLimiter(4)

    async def send(number: int) -> None:
        async with places:
            await person.client.chat.send_message(convo, sealed(f"large {number}", SIZE))

    async with trio.open_nursery() as nursery:
        for number in range(COUNT):
            nursery.start_soon(send, number)


@attrs.define
class Watch:
    """The server's own figures while it runs."""

    router: RouterProcess
    most_queued: int = 0
    least_connections: int = 1_000

    async def keep(self) -> None:
        """Look again and again until cancelled."""
        while True:
            numbers = await self.router.numbers()
            self.most_queued = max(self.most_queued, numbers.queued_bytes)
            self.least_connections = min(self.least_connections, numbers.connections)
            await trio.sleep(0.02)


async def rest_by_session(person: Person, device: Device, convo: ConversationId, stalled: Stalled) -> None:
    """Resume a session where it was cut, with what was seen after its last cursor, and hear the rest."""
    marks = {convo: stalled.seqs[-1]} if stalled.seqs else {}
    state = DeviceState(device.id, stalled.cursor, marks)
    async with open_session(person.client, device.id, state=state) as session:
        while stalled.seqs != EVERYTHING[: len(stalled.seqs)] or len(stalled.seqs) < len(EVERYTHING):
            stalled.seqs.append((await session.receive()).seq)
        assert session.inbox_statistics.duplicates == 0


async def rest_by_stream(person: Person, device: Device, stalled: Stalled) -> None:
    """Resume a stream behind the last event that arrived whole, and hear the rest."""
    async with open_stream(person.client, device=device.id, cursor=stalled.cursor) as stream:
        while len(stalled.seqs) < len(EVERYTHING):
            stalled.seqs.append((await stream.receive()).seq)


async def test_who_stops_reading_harms_nobody_and_comes_back_without_loss() -> None:
    async with (
        running_router(SETTINGS) as router,
        open_people(router, "alice", "bob") as (alice, bob),
        AsyncExitStack() as stack,
    ):
        await alice.device("phone")
        phone, tablet, watch, laptop = [await bob.device(name) for name in ("a", "b", "c", "d")]
        convo = await new_convo(alice, bob)
        deaf = [await stack.enter_async_context(raw_client(router, receive_buffer=4096)) for _ in range(3)]
        await session_of(deaf[0], bob, phone)
        await stream_of(deaf[1], bob, tablet)
        await frames_of(deaf[2], bob, watch)

        reader = await stack.enter_async_context(
            open_session(bob.client, laptop.id, options=SessionOptions(window=64))
        )
        seqs: list[int] = []
        watching = Watch(router)
        async with trio.open_nursery() as nursery:
            await eventually_connected(router, 4)
            nursery.start_soon(watching.keep)
            nursery.start_soon(send_all, alice, convo)
            with trio.fail_after(60):
                while len(seqs) < len(EVERYTHING):
                    seqs.append((await reader.receive()).seq)
            nursery.cancel_scope.cancel()
        numbers = await router.numbers()

        # The one that reads had everything, in order, while the three held their sockets.
        assert seqs == EVERYTHING
        assert reader.inbox_statistics.duplicates == 0
        assert reader.statistics.connections == 1
        assert (watching.least_connections, numbers.connections) == (4, 4)

        # Their queues stayed within the bound, one entry more than it at most, and then they were cursors.
        bound = FEED_BYTES + SIZE + 1024
        assert watching.most_queued <= 4 * bound
        assert numbers.queued_bytes <= 3 * bound
        assert numbers.fell_behind >= 3
        print(f"most queued: {watching.most_queued} bytes; fell behind: {numbers.fell_behind}")

        # They are cut, and the log says why.
        await eventually_connected(router, 1)
        await eventually(
            lambda: router.log.read_text().count('"ConsumerTooSlow"') == 3, "each end has its reason"
        )
        assert "connection_crashed" not in router.log.read_text()

        # They come back, each where it stood.
        heard = [await read_session(deaf[0]), await read_stream(deaf[1]), await read_frames(deaf[2])]
        print(f"read before the cut: {[len(stalled.seqs) for stalled in heard]}")
        with trio.fail_after(60):
            await rest_by_session(bob, phone, convo, heard[0])
            await rest_by_stream(bob, tablet, heard[1])
            await rest_by_stream(bob, watch, heard[2])
        for stalled in heard:
            assert stalled.seqs == EVERYTHING


async def eventually_connected(router: RouterProcess, connections: int) -> None:
    """Wait until so many streams and sessions are open."""
    with trio.fail_after(3 * SEND_TIMEOUT + 10):
        while (await router.numbers()).connections != connections:  # noqa: ASYNC110 -- as above
            await trio.sleep(0.05)
