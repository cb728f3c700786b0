"""What is remembered of a provider, and that one which is silent holds up nobody for longer than one look."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from router.login.discovery import FRESH_SECONDS, RETRY_SECONDS, STALE_SECONDS, Cached
from router.login.errors import LoginError, LoginFault

SILENCE = 10.0


class Provider:
    """Gives a number that counts the looks; silent while `silent`."""

    def __init__(self) -> None:
        self.looks = 0
        self.silent = False

    async def look(self) -> int:
        self.looks += 1
        if self.silent:
            await trio.sleep(SILENCE)
            raise LoginError(LoginFault.PROVIDER_SLOW)
        return self.looks


@pytest.mark.parametrize("known", [True, False])
async def test_a_crowd_at_a_silent_provider_waits_for_one_look(
    autojump_clock: trio.testing.MockClock, known: bool
) -> None:
    """One after the other they asked again: the fiftieth waited eight minutes, also where an answer lay."""
    provider = Provider()
    cached = Cached(provider.look, trio.current_time)
    if known:
        await cached.get()
        await trio.sleep(FRESH_SECONDS)
    provider.silent = True
    begun, answers = trio.current_time(), []

    async def somebody() -> None:
        try:
            answers.append(await cached.get())
        except LoginError:
            answers.append(0)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(somebody)
    assert trio.current_time() - begun == SILENCE
    assert answers == [1 if known else 0] * 50
    assert provider.looks == 1 + known


async def test_a_provider_that_is_back_is_asked_again(autojump_clock: trio.testing.MockClock) -> None:
    provider = Provider()
    provider.silent = True
    cached = Cached(provider.look, trio.current_time)
    for _ in range(2):
        with pytest.raises(LoginError):
            await cached.get()
    assert provider.looks == 1
    provider.silent = False
    await trio.sleep(RETRY_SECONDS)
    assert await cached.get() == await cached.get() == 2


async def test_an_answer_of_yesterday_is_none(autojump_clock: trio.testing.MockClock) -> None:
    provider = Provider()
    cached = Cached(provider.look, trio.current_time)
    assert await cached.get() == 1
    provider.silent = True
    await trio.sleep(STALE_SECONDS - SILENCE - 1)
    assert await cached.get() == 1
    await trio.sleep(RETRY_SECONDS)
    for _ in range(2):
        with pytest.raises(LoginError):
            await cached.get()
