"""The failures that are races, made by real clients side by side against a real process that keeps its log.

Numbers are those of `failures.py`; `test_failures_schedules.py` has the same laws in chosen orders.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.edge.house import MLS, error_name
from tests.edge.mls.circle import Circle, call
from tests.edge.mls.failures_process import RemoteHouse, remote_house
from tests.edge.mls.people import Phone, Room, create, phone, publish
from tests.edge.test_sse import stream
from tests.system.process import RouterProcess

pytestmark = pytest.mark.system

PARALLEL = 50


@pytest.fixture(scope="module")
def router() -> Iterator[RouterProcess]:
    """One server for all; a test that kills it starts it again."""
    with tempfile.TemporaryDirectory(prefix="rookery-") as folder, RouterProcess(Path(folder)) as router:
        trio.run(router.start)
        yield router
        assert router.alive, router.last_words()
        assert "request_crashed" not in router.log.read_text()


@pytest.fixture
async def house(router: RouterProcess) -> AsyncIterator[RemoteHouse]:
    async with remote_house(router) as running:
        yield running


_rooms = iter(range(1_000))


async def people(house: RemoteHouse, count: int, **more: Any) -> list[Phone]:
    """New accounts, each with a phone."""
    room = next(_rooms)
    return [await phone(house, f"p{room}x{number}", **more) for number in range(count)]


async def opened(house: RemoteHouse, *phones: Phone) -> Room:
    return await create(house, *phones, group_id=b"room %d" % next(_rooms))


async def side_by_side(*calls: Any) -> list[Any]:
    """The results of calls that begin together, in their order."""
    results: dict[int, Any] = {}

    async def one(place: int, made: Any) -> None:
        results[place] = await made()

    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            for place, made in enumerate(calls):
                nursery.start_soon(one, place, made)
    return [results[place] for place in range(len(calls))]


def name_of(answer: httpx.Response) -> str:
    return "ok" if answer.is_success else error_name(answer)


async def log_of(house: RemoteHouse, by: Phone, room: Room) -> list[dict[str, Any]]:
    """Everything a member is shown, page by page."""
    found: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        page = await house.get(by.account, f"{MLS}.getMessages", convoId=room.convo, limit=50, **more)
        found += page["messages"]
        if "cursor" not in page:
            return found
        more = {"sinceMessage": page["cursor"]}


async def test_3_of_commits_at_once_one_wins_in_every_epoch(house: RemoteHouse) -> None:
    phones = await people(house, 4)
    room = await opened(house, *phones)
    for epoch in range(2, 8):
        made = [by.client.commit(room.group) for by in phones]
        bodies = [room.upload(by, commit) for by, commit in zip(phones, made, strict=True)]
        answers = await side_by_side(
            *(partial(room.submit, by, body) for by, body in zip(phones, bodies, strict=True))
        )
        names = [name_of(answer) for answer in answers]
        assert sorted(names) == ["EpochMismatch"] * 3 + ["ok"]
        assert all(f"epoch is {epoch}." in each.json()["message"] for each in answers if not each.is_success)
        room.group = made[names.index("ok")].group
    page = await house.get(phones[0].account, f"{MLS}.getCommits", convoId=room.convo, fromEpoch=2)
    assert [each["epoch"] for each in page["commits"]] == list(range(2, 8))


async def test_4_21_fifty_parallel_sends_have_the_next_fifty_places_also_when_the_actor_is_cold(
    house: RemoteHouse, router: RouterProcess
) -> None:
    """The first ones wake the conversation's actor, all at once: there is one. After kill -9, once more."""
    phones = await people(house, 3)
    room = await opened(house, *phones)
    last = 0
    for turn in range(2):
        answers = await side_by_side(
            *(partial(room.say, phones[number % 3], f"t{turn}m{number}") for number in range(PARALLEL))
        )
        seqs = sorted(answer["seq"] for answer in answers)
        assert seqs == list(range(seqs[0], seqs[0] + PARALLEL))
        assert not last or seqs[0] == last + 1
        last = seqs[-1]
        router.kill()
        await router.start()
    log = await log_of(house, phones[1], room)
    assert [each["seq"] for each in log] == list(range(last - 2 * PARALLEL + 1, last + 1))
    assert len({each["id"] for each in log}) == 2 * PARALLEL


async def test_6_twice_as_many_takers_as_packages(house: RemoteHouse) -> None:
    (bob,) = await people(house, 1, stock=0)
    await publish(house, bob, 20)
    takers = await people(house, 40, stock=0)

    async def take(by: Phone) -> list[str]:
        answer = await house.get(by.account, f"{MLS}.getKeyPackages", dids=[bob.did])
        return [each["keyPackageHash"] for each in answer["keyPackages"]]

    given = [each for some in await side_by_side(*(partial(take, by) for by in takers)) for each in some]
    assert len(given) == len(set(given)) == 20


async def test_15_ten_devices_that_come_at_once_make_one_epoch(house: RemoteHouse) -> None:
    alice, bob = await people(house, 2)
    lost = await people(house, 10, stock=0)
    named = [each.did for each in lost]
    room = await create(house, alice, bob, group_id=b"room %d" % next(_rooms), named=named)
    calls = [
        partial(
            house.send,
            "POST",
            f"{MLS}.processExternalCommit",
            by.account,
            json=room.external(by, by.client.join(room.group)),
        )
        for by in lost
    ]
    names = [name_of(answer) for answer in await side_by_side(*calls)]
    assert names.count("ok") == 1
    assert set(names) <= {"ok", "GroupFrozen", "EpochMismatch"}
    assert await room.epoch(alice) == 2


async def test_2_18_19_a_stream_that_is_cut_by_its_client_and_by_kill_9_is_the_log(
    house: RemoteHouse, router: RouterProcess
) -> None:
    """Parallel writers, a commit each round, a reader with short breath, a restart in between: what it got
    is what the log says, in its order, and nothing twice."""
    phones = await people(house, 3)
    room = await opened(house, *phones)
    reader = phones[2]
    got: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}

    async def read(upto: str, breath: int) -> None:
        nonlocal cursor
        while not got or got[-1]["id"] != upto:
            async with stream(house, reader.account, deviceId=reader.id, **cursor) as events:
                for _ in range(breath):
                    event = await events.next()
                    assert event is not None
                    cursor = {"cursor": event.id}
                    got.extend([event.event["message"]] if "message" in event.event else [])
                    if got and got[-1]["id"] == upto:
                        break

    async def write(turn: int) -> None:
        await side_by_side(
            *(partial(room.say, phones[each % 2], f"t{turn}m{each}") for each in range(10)),
            partial(room.commit, phones[turn % 3]),
        )
        await room.say(phones[0], f"end{turn}")

    for turn in range(3):
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write, turn)
                nursery.start_soon(read, f"end{turn}", 3 + turn)
        router.kill()
        await router.start()
    assert got == await log_of(house, reader, room)
    assert [each["seq"] for each in got] == list(range(got[0]["seq"], got[0]["seq"] + len(got)))
    assert [each["messageType"] for each in got if "messageType" in each].count("commit") == 3


async def test_23_twins_under_one_key_are_one_act(house: RemoteHouse) -> None:
    phones = await people(house, 3)
    room = await opened(house, *phones)
    body = {"convoId": room.convo, "memberDid": phones[1].did, "idempotencyKey": "k"}
    twins = [
        partial(
            house.send,
            "POST",
            f"{MLS}.warnMember",
            phones[0].account,
            json={**body, "reason": "loud" if number % 2 else "rude"},
        )
        for number in range(20)
    ]
    answers = await side_by_side(*twins)
    assert sorted(name_of(answer) for answer in answers) == ["IdempotencyConflict"] * 10 + ["ok"] * 10
    assert len({answer.content for answer in answers if answer.is_success}) == 1


async def test_28_admins_who_demote_each_other_at_once_leave_one(house: RemoteHouse) -> None:
    phones = await people(house, 4)
    room = await opened(house, *phones)
    names = [each.account.name for each in phones]
    circle = Circle(house, room, dict(zip(names, phones, strict=True)))
    for _ in range(5):
        first = next(iter(await circle.admins(names[3])))
        rest = [name for name in names[:3] if name != first]
        for name in rest:
            await circle.does(first, "promoteAdmin", targetDid=circle.did(name))
        ring = [first, *rest]
        answers = await side_by_side(
            *(
                partial(call, house, who, "demoteAdmin", room.convo, targetDid=circle.did(target))
                for who, target in zip(ring, [*ring[1:], ring[0]], strict=True)
            ),
            *(
                partial(call, house, who, "demoteAdmin", room.convo, targetDid=circle.did(who))
                for who in ring
            ),
        )
        assert {name_of(answer) for answer in answers} <= {"ok", "NotAdmin", "NotAdminTarget", "LastAdmin"}
        assert len(await circle.admins(names[3])) == 1, "six demotions of three admins"
