"""Replay: a token that was used is used, in whatever process, after whatever time, until its own end.

The reference remembers a nonce for a fixed time and in one process, so a token with an hour to live comes
back after the memory or the process is gone. Here the memory lasts until `exp` and is in the store.
"""

import pytest
import trio

from router.identity.device_auth import mint_device_token
from router.identity.replay import RETENTION_SECONDS
from router.store.sqlite.store import SqliteOptions, open_sqlite
from tests.attacks.stage import STREAM, WRITE, open_stage
from tests.system.raw import raw_client, request

pytestmark = pytest.mark.system

HOUR = 3_600
USED = "NonceNotUnique"


async def test_a_used_token_is_used_until_its_own_end_and_not_for_a_fixed_time() -> None:
    """At every moment of its hour, also after the moments at which memories of other lengths would end."""
    async with open_stage() as stage:
        alice = stage.account()
        await stage.phone(alice)
        used = stage.mint(alice.key, WRITE, lifetime=HOUR)
        kept = [stage.mint(alice.key, WRITE, lifetime=HOUR) for _ in range(4)]
        assert await stage.judge(used, WRITE) == ""
        for ahead, unused in zip((61, 601, 1_801, HOUR - 30), kept, strict=True):
            stage.set_clock(ahead)
            # others come and go, so that whatever expired is really forgotten
            assert await stage.judge(stage.mint(alice.key, WRITE), WRITE) == ""
            assert await stage.judge(used, WRITE) == USED, f"after {ahead} s"
            assert await stage.judge(unused, WRITE) == "", "it is the use and not the age"
        stage.set_clock(HOUR + 1)
        assert await stage.judge(used, WRITE) == "JwtExpired"


async def test_a_used_token_is_used_in_the_process_that_comes_after_a_kill() -> None:
    """The effect outlived the process, so the use has to: also an hour later and after a sweep."""
    async with open_stage() as stage:
        alice = stage.account()
        await stage.phone(alice)
        used = stage.mint(alice.key, WRITE, lifetime=HOUR)
        kept = [stage.mint(alice.key, WRITE, lifetime=HOUR) for _ in range(2)]
        assert await stage.judge(used, WRITE) == ""
        for ahead, unused in zip((0, HOUR - 30), kept, strict=True):
            stage.router.kill(everything=True)
            stage.set_clock(ahead)
            async with open_sqlite(stage.router.data, SqliteOptions(writer="inline")) as store:
                await store.sweep(int(stage.now) - RETENTION_SECONDS, limit=1_000)
            await stage.router.start()
            assert await stage.judge(used, WRITE) == USED
            assert await stage.judge(unused, WRITE) == ""


async def test_a_clock_that_is_set_back_brings_no_token_back() -> None:
    """Neither in the process that forgot it after its end nor in the next one."""
    async with open_stage() as stage:
        alice = stage.account()
        await stage.phone(alice)
        used = stage.mint(alice.key, WRITE)
        assert await stage.judge(used, WRITE) == ""
        stage.set_clock(120)
        assert await stage.judge(stage.mint(alice.key, WRITE), WRITE) == ""
        stage.set_clock(0)
        assert await stage.judge(used, WRITE) == USED
        stage.router.kill(everything=True)
        await stage.router.start()
        assert await stage.judge(used, WRITE) == USED


async def test_of_many_at_once_one_gets_in() -> None:
    async with open_stage() as stage:
        alice = stage.account()
        await stage.phone(alice)
        token = stage.mint(alice.key, WRITE)
        heard: list[str] = []

        async def replay() -> None:
            heard.append(await stage.judge(token, WRITE))

        async with trio.open_nursery() as crowd:
            for _ in range(20):
                crowd.start_soon(replay)
        assert sorted(heard) == ["", *[USED] * 19]


async def test_a_token_that_opened_a_stream_opens_no_second_one_in_any_process() -> None:
    async with open_stage() as stage:
        alice = stage.account()
        phone = await stage.phone(alice)
        token = mint_device_token(phone.signing, alice.did, phone.id, stage.audience, STREAM, stage.now, HOUR)

        async def opened() -> int:
            async with raw_client(stage.router) as client:
                bearer = {"authorization": f"Bearer {token}"}
                status, _ = await client.head(request("GET", f"/xrpc/{STREAM}", bearer))
                return status

        assert [await opened(), await opened()] == [200, 401]
        # a stream has no effect that the store waits for: what follows it commits the use with it
        assert await stage.judge(stage.mint(alice.key, WRITE), WRITE) == ""
        stage.router.kill(everything=True)
        await stage.router.start()
        assert await opened() == 401
