"""kill -9 at random moments under load: what was answered is there, once, in order, for everybody.

Promises P1, P2 and P4. The server is killed alone (its writer's process must notice), or with all it
started, or while it is still starting; in a second test only the writer's process dies.
"""

import os
import random
import signal

import pytest
import trio

from tests.system.checker import check
from tests.system.crowd import Crowd, open_crowd
from tests.system.judge import (
    everybody_hears,
    heard_exactly_its_part,
    no_promise_is_broken,
    retries_get_the_first_answer,
)
from tests.system.people import eventually
from tests.system.process import RouterProcess, running_router
from tests.system.seeds import dice

pytestmark = pytest.mark.system

QUICK = {
    "ROOKERY_SERVER__GRACEFUL_TIMEOUT": "10",
    "ROOKERY_SESSION__CURSOR_INTERVAL": "0.1",  # so that resumes begin at all kinds of places
}


async def until_answered(crowd: Crowd) -> None:
    """Wait until somebody is answered who was not before."""
    answered = len(crowd.acknowledged)
    await eventually(lambda: len(crowd.acknowledged) > answered, "somebody is answered")


async def kill_and_start(router: RouterProcess, crowd: Crowd, chance: random.Random, number: int) -> None:
    """Kill at a random moment after the crowd talks again, and, every fifth time, once more in the start."""
    await until_answered(crowd)
    await trio.sleep(chance.uniform(0, 0.5))
    router.kill(everything=number % 2 == 0)
    if number % 5 == 4:
        router.spawn()
        await trio.sleep(chance.uniform(0, 1.0))
        router.kill(everything=number % 2 == 1)
    await router.start()


async def judge(router: RouterProcess, crowd: Crowd) -> None:
    """Compare everything with everything; the server is stopped on the way."""
    log = check(router.data)
    no_promise_is_broken(crowd.acknowledged, log)
    await everybody_hears(crowd, log)
    await retries_get_the_first_answer(crowd, crowd.acknowledged)
    assert await router.terminate() == 0, router.last_words()
    # Stopped: nothing more can arrive, and nothing more may have been written by the retries.
    assert check(router.data).entries == log.entries
    for listener in crowd.listeners:
        heard_exactly_its_part(listener, log)
    print(
        f"{len(log.entries)} entries, {len(crowd.acknowledged)} acknowledged, {crowd.refused} refused,"
        f" {crowd.changes} changes of membership, {log.audit_records} audit records;"
        f" connections: {[listener.connections for listener in crowd.listeners]}"
    )


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.nightly)])
async def test_a_server_killed_again_and_again_breaks_no_promise(kills: int) -> None:
    chance = dice("kill")
    async with running_router(QUICK) as router, open_crowd(router, chance) as crowd:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crowd.talk)
            for number in range(kills):
                await kill_and_start(router, crowd, chance, number)
            await trio.sleep(chance.uniform(0, 0.5))
            crowd.stop = True
        assert all(listener.connections > kills // 2 for listener in crowd.listeners)
        assert len(crowd.acknowledged) > 10 * kills
        await judge(router, crowd)


async def test_a_writer_that_dies_takes_nothing_along() -> None:
    """The router goes on: unknown outcomes are settled by repeats, connections are kept."""
    chance = dice("writer")
    async with running_router(QUICK) as router, open_crowd(router, chance) as crowd:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crowd.talk)
            for _ in range(5):
                await until_answered(crowd)
                await trio.sleep(chance.uniform(0, 0.4))
                for writer in router.processes()[1:]:
                    os.kill(writer, signal.SIGKILL)
            await until_answered(crowd)
            crowd.stop = True
        assert router.alive
        await judge(router, crowd)
