"""Clients that send as slowly as they may: each is given its time and no more, and holds up nobody."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from router.config import Server, Settings
from tests.edge.harness import error_of, read_all
from tests.edge.house import ROOKERY, open_house

SEND = f"{ROOKERY}.sendMessage"
DRIP = b"x" * 1_000


async def test_a_body_that_drips_is_answered_408_and_its_connection_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Slow loris on the body: a byte a second moves no deadline."""
    autojump_clock.autojump_threshold = 0.02
    async with open_house(settings=Settings(server=Server(body_timeout=30.0))) as house:
        alice = await house.account("alice")
        head = f"POST /xrpc/{SEND} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(DRIP)}\r\nauthorization: Bearer {house.token(alice, SEND)}\r\n\r\n"
        async with await house.server.connect() as stream:
            began = trio.current_time()
            await stream.send_all(head.encode())
            with trio.move_on_after(29):
                for byte in DRIP:
                    await stream.send_all(bytes((byte,)))
                    await trio.sleep(1)
            assert error_of(await read_all(stream)) == (408, "RequestTimeout")
            assert trio.current_time() - began == pytest.approx(30, abs=3)


async def test_a_stranger_cannot_make_the_server_wait_for_a_body(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Without a good token not one byte of the body is waited for."""
    autojump_clock.autojump_threshold = 0.02
    async with open_house() as house, await house.server.connect() as stream:
        head = f"POST /xrpc/{SEND} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        began = trio.current_time()
        await stream.send_all(f"{head}content-length: 1000\r\n\r\n".encode())
        assert error_of(await read_all(stream)) == (401, "AuthenticationRequired")
        assert trio.current_time() - began < 4
