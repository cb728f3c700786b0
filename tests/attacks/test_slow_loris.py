"""Slow loris: whatever a client begins and does not end has its time, and nobody waits for it meanwhile.

Heads on a fresh connection and bodies with a length are in `tests/edge/test_server.py` and
`tests/edge/test_slow_clients.py`, silent sessions in `tests/edge/test_session.py`; here is the rest, on a
real server whose clock runs as fast as everybody waits.
"""

import ssl
from contextlib import AsyncExitStack, ExitStack

import pytest
import trio
import trustme
from trio.testing import MockClock

from router.config import Server, Settings
from router.edge.errors import Refusal
from router.edge.server import Limits
from router.edge.strangers import StrangersBodies
from tests.edge.harness import error_of, hello, read_all, read_until, running
from tests.edge.house import ROOKERY, House, open_house

SEND = f"{ROOKERY}.sendMessage"
GET = b"GET /xrpc/_health HTTP/1.1\r\nhost: x\r\n\r\n"
BODY_SECONDS = 30.0
CROWD = 100


@pytest.fixture
def clock(autojump_clock: MockClock) -> MockClock:
    """Time passes when nobody does anything."""
    autojump_clock.autojump_threshold = 0.02
    return autojump_clock


async def drip(stream: trio.abc.SendStream, data: bytes, *, seconds: float) -> None:
    """A byte a second for so long."""
    with trio.move_on_after(seconds):
        for byte in data:
            await stream.send_all(bytes((byte,)))
            await trio.sleep(1)


def head(house: House, nsid: str, framing: str) -> bytes:
    """The head of a good call whose body is still to come."""
    bearer = house.token(house.accounts["alice"], nsid)
    lines = f"host: x\r\ncontent-type: application/json\r\nauthorization: Bearer {bearer}\r\n{framing}\r\n"
    return f"POST /xrpc/{nsid} HTTP/1.1\r\n{lines}\r\n".encode()


async def test_a_second_head_on_a_connection_has_no_more_time_than_the_first(clock: MockClock) -> None:
    async with running(hello, Limits(header_timeout=10)) as server, await server.connect() as stream:
        await stream.send_all(GET)
        await read_until(stream, b"hello")
        began = trio.current_time()
        await drip(stream, GET[:-1], seconds=9)
        assert error_of(await read_all(stream)) == (408, "RequestTimeout")
        assert trio.current_time() - began == pytest.approx(10, abs=1)


async def test_a_tls_greeting_that_never_ends_is_cut_as_a_head_is(clock: MockClock) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    async with running(hello, Limits(header_timeout=10), tls=tls) as server:
        for greeting in (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
            async with await server.connect() as stream:
                began = trio.current_time()
                await drip(stream, greeting, seconds=9)
                await read_all(stream)
                assert trio.current_time() - began == pytest.approx(10, abs=1)


@pytest.mark.parametrize("body", [b"1\r\nx\r\n" * 20, b"1;" + b"x" * 100, b"fff\r\n" + b"x" * 100])
async def test_a_chunked_body_that_drips_is_answered_408(clock: MockClock, body: bytes) -> None:
    """By whole chunks, by an extension that does not end, by a chunk that does not."""
    async with open_house(settings=Settings(server=Server(body_timeout=BODY_SECONDS))) as house:
        await house.account("alice")
        async with await house.server.connect() as stream:
            began = trio.current_time()
            await stream.send_all(head(house, SEND, "transfer-encoding: chunked"))
            await drip(stream, body, seconds=BODY_SECONDS - 1)
            assert error_of(await read_all(stream)) == (408, "RequestTimeout")
            assert trio.current_time() - began == pytest.approx(BODY_SECONDS, abs=3)


async def test_the_body_of_a_login_has_its_time_too(clock: MockClock) -> None:
    """Whoever logs in is a stranger: nothing was proven when its body is waited for."""
    async with open_house() as house, await house.server.connect() as stream:
        began = trio.current_time()
        request = b"POST /login/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        await stream.send_all(request + b"content-length: 1000\r\n\r\n{")
        assert error_of(await read_all(stream)) == (408, "RequestTimeout")
        assert trio.current_time() - began < 20


async def test_a_stranger_cannot_take_all_places_with_logins_that_never_end(clock: MockClock) -> None:
    """A connection whose body is on its way gives way to nobody: so few of them are for those unknown."""
    places = 8
    async with open_house(limits=Limits(max_connections=places, linger_timeout=0.2)) as house:
        request = b"POST /login/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        async with AsyncExitStack() as stack:
            for _ in range(places):
                stream = await stack.enter_async_context(await house.server.connect())
                await stream.send_all(request + b"content-length: 1000\r\n\r\n{")
            await trio.sleep(1)  # the farewell of those who were refused
            async with await house.server.connect() as stream:
                await stream.send_all(GET)
                assert (await read_until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


def test_bodies_of_strangers_are_counted_by_place_and_in_all() -> None:
    bodies = StrangersBodies(3, each=2)
    with ExitStack() as stack:
        for place in (b"a", b"a", b"b"):
            stack.enter_context(bodies.waiting(place))
        for place in (b"a", b"c"):
            with pytest.raises(Refusal), bodies.waiting(place):
                pass
    with bodies.waiting(b"a"), bodies.waiting(b"a"), pytest.raises(Refusal), bodies.waiting(b"a"):
        pass


async def test_a_crowd_of_slow_bodies_holds_up_nobody(clock: MockClock) -> None:
    """A hundred bodies under way, each with a good token: somebody else is answered and no time passes."""
    async with open_house(settings=Settings(server=Server(body_timeout=BODY_SECONDS))) as house:
        convo = await house.group("alice", "bob")
        refused = []

        async def dawdle() -> None:
            async with await house.server.connect() as stream:
                await stream.send_all(head(house, SEND, "content-length: 1000") + b"{")
                refused.append(error_of(await read_all(stream)))

        async with trio.open_nursery() as crowd:
            for _ in range(CROWD):
                crowd.start_soon(dawdle)
            await trio.testing.wait_all_tasks_blocked(0.01)
            began = trio.current_time()
            assert (await house.say(house.accounts["bob"], convo, "m"))["seq"] == 2
            assert trio.current_time() - began < 1
        assert refused == [(408, "RequestTimeout")] * CROWD
