"""kill -9 while groups change: a commit is there with its Welcomes, members and GroupInfo, or is not there.

The writer's process is killed with the server or must notice by itself. Who was not answered repeats the same
bytes; a commit is never taken twice, and a repeat gets the first answer for ever.
"""

import gc
import json
import sqlite3
from contextlib import closing

import pytest
import trio

from tests.edge.mls.failures_process import remote_house
from tests.system.checker import DATABASE, check
from tests.system.mls_crowd import MlsCrowd, PatientHouse, gather_crowd
from tests.system.mls_judge import judge_groups
from tests.system.people import eventually
from tests.system.process import RouterProcess, running_router
from tests.system.seeds import dice

pytestmark = [
    pytest.mark.system,
    # httpx leaves the generator of a body behind that the server's death cut off
    pytest.mark.filterwarnings("ignore:Async generator 'httpx._content:ResourceWarning"),
]


def used_so_far(router: RouterProcess) -> set[bytes]:
    """The key packages that are used up."""
    with closing(sqlite3.connect(f"file:{router.data / DATABASE}?mode=ro", uri=True)) as database:
        return {ref for (ref,) in database.execute("SELECT ref FROM key_packages WHERE ended IS NOT NULL")}


async def until_answered(crowd: MlsCrowd) -> None:
    """Wait until somebody is answered who was not before."""
    answered = len(crowd.answered)
    await eventually(lambda: len(crowd.answered) > answered, "somebody is answered")


async def repeats_get_the_first_answer(crowd: MlsCrowd) -> None:
    """Whatever has happened since; of a commit that lost, only the epoch it is told goes on."""
    for each in crowd.answered:
        again = await crowd.house.send("POST", each.nsid, each.by.account, json=each.body)
        assert again.status_code == each.status
        if again.is_success:
            assert again.json() == each.answer
        else:
            assert again.json()["error"] == each.answer["error"]


@pytest.mark.parametrize("kills", [8, pytest.param(100, marks=pytest.mark.nightly)])
async def test_groups_of_a_server_killed_again_and_again_are_whole(kills: int) -> None:
    chance = dice("mls kill")
    async with running_router() as router, remote_house(router, PatientHouse) as house:
        crowd = await gather_crowd(house, chance)
        first = used_so_far(router)
        commits = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crowd.live)
            for number in range(kills):
                await until_answered(crowd)
                await trio.sleep(chance.uniform(0, 0.4))
                router.kill(everything=number % 2 == 0)
                await router.start()
                now = judge_groups(router.data, crowd, first)
                assert now >= commits, "what was there is there"
                commits = now
            crowd.stop = True
        assert commits > kills
        assert len(set(crowd.given)) == len(crowd.given), "no key package is given to two"
        await repeats_get_the_first_answer(crowd)
        assert judge_groups(router.data, crowd, first) == sum(
            each.status == 200 and each.nsid.endswith("submitCommit") for each in crowd.answered
        )
        shown = json.loads(router.rookery("group", crowd.room.convo, "--json"))
        assert (shown["epoch"], len(shown["leaves"])) == (crowd.room.group.epoch, 2 + len(crowd.inside))
        assert await router.terminate() == 0, router.last_words()
        log = check(router.data)
    gc.collect()  # here, where what httpx left behind is let pass
    print(f"{len(log.entries)} entries, {commits} commits, {len(crowd.answered)} answers")
