"""The failures that are races, in every order that Hypothesis can think of (`failures_schedule.py`).

Numbers are those of `failures.py`. What real clients do to a real process is in `test_failures_process.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
import trio
from hypothesis import given

from tests.edge.house import MLS, House, error_name
from tests.edge.mls.circle import Circle, call
from tests.edge.mls.failures_schedule import FEW, SCHEDULES, STORES, Turns, in_turns, never, turned_house
from tests.edge.mls.people import OURS, Phone, Room, create, creation, phone, publish, text
from tests.edge.test_sse import stream

NAMES = ("alice", "bob", "carol")
KINDS = pytest.mark.parametrize("kind", STORES)


async def people(house: House, *names: str) -> list[Phone]:
    return [await phone(house, name) for name in names]


async def posted(house: House, by: Phone, nsid: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of a refusal, or "ok", and the answer."""
    answer = await house.send("POST", nsid, by.account, json=body)
    return ("ok" if answer.is_success else error_name(answer)), answer.json()


async def messages(house: House, by: Phone, room: Room) -> list[dict[str, Any]]:
    page = await house.get(by.account, f"{MLS}.getMessages", convoId=room.convo, limit=100)
    return list(page["messages"])


@KINDS
@FEW
@given(schedule=SCHEDULES, rivals=st.lists(st.integers(0, 2), min_size=2, max_size=5))
async def test_3_of_all_commits_of_an_epoch_one_is_taken(
    kind: str, schedule: list[int], rivals: list[int]
) -> None:
    """Whoever else reads the state before the winner is written: the losers are told the epoch that is."""
    turns = Turns()
    async with turned_house(turns, kind) as house:
        phones = await people(house, *NAMES)
        room = await create(house, *phones)
        made = [phones[rival].client.commit(room.group) for rival in rivals]
        bodies = [
            (phones[rival], room.upload(phones[rival], commit))
            for rival, commit in zip(rivals, made, strict=True)
        ]
        calls = [partial(posted, house, by, f"{OURS}.submitCommit", body) for by, body in bodies]
        answers = await in_turns(turns, schedule, *calls)
        taken = {
            body["commit"]["$bytes"]
            for (_, body), (name, _) in zip(bodies, answers, strict=True)
            if name == "ok"
        }
        assert len(taken) == 1
        for name, answer in answers:
            assert name in ("ok", "EpochMismatch")
            assert name == "ok" or "The current epoch is 2." in answer["message"]
        assert await room.epoch(phones[0]) == 2
        page = await house.get(phones[1].account, f"{MLS}.getCommits", convoId=room.convo, fromEpoch=2)
        assert len(page["commits"]) == 1


@KINDS
@FEW
@given(
    schedule=SCHEDULES,
    senders=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=3, max_size=8),
)
async def test_4_5_parallel_sends_have_places_without_a_gap_and_twins_have_one(
    kind: str, schedule: list[int], senders: list[tuple[int, int]]
) -> None:
    """Some of them are the same message sent twice, and a commit moves the epoch in between."""
    turns = Turns()
    async with turned_house(turns, kind) as house:
        phones = await people(house, *NAMES)
        room = await create(house, *phones)
        bodies = {(by, number): room.message(phones[by], f"m{by}-{number}") for by, number in senders}
        calls = [
            partial(posted, house, phones[by], f"{MLS}.sendMessage", bodies[by, number])
            for by, number in senders
        ]
        commit = room.upload(phones[0], phones[0].client.commit(room.group))
        calls.append(partial(posted, house, phones[0], f"{OURS}.submitCommit", commit))
        answers = await in_turns(turns, schedule, *calls)
        assert {name for name, _ in answers} == {"ok"}
        places = dict(zip(senders, (answer["seq"] for _, answer in answers), strict=False))
        for sender, (_, answer) in zip(senders, answers, strict=False):
            assert answer["seq"] == places[sender]
        log = await messages(house, phones[1], room)
        seqs = [each["seq"] for each in log]
        assert seqs == list(range(seqs[0], seqs[0] + len(bodies) + 1))
        assert {each["id"]: each["seq"] for each in log if each.get("messageType", "app") == "app"} == {
            f"m{by}-{number}": seq for (by, number), seq in places.items()
        }


@KINDS
@FEW
@given(schedule=SCHEDULES, stock=st.integers(1, 3))
async def test_6_no_key_package_is_given_twice(kind: str, schedule: list[int], stock: int) -> None:
    turns = Turns()
    async with turned_house(turns, kind) as house:
        bob = await phone(house, "bob", stock=0)
        await publish(house, bob, stock)
        takers = [await phone(house, f"taker{number}", stock=0) for number in range(2 * stock)]

        async def take(by: Phone) -> list[str]:
            answer = await house.get(by.account, f"{MLS}.getKeyPackages", dids=[bob.did])
            return [each["keyPackageHash"] for each in answer["keyPackages"]]

        given_out = await in_turns(turns, schedule, *(partial(take, by) for by in takers))
        each = [name for names in given_out for name in names]
        assert len(each) == len(set(each)) == stock


@KINDS
@FEW
@given(schedule=SCHEDULES, storm=st.integers(2, 5))
async def test_15_a_storm_of_external_commits_makes_one_epoch(
    kind: str, schedule: list[int], storm: int
) -> None:
    turns = Turns()
    async with turned_house(turns, kind) as house:
        alice, bob = await people(house, "alice", "bob")
        lost = [await phone(house, f"lost{number}", stock=0) for number in range(storm)]
        room = await create(house, alice, bob, named=[each.did for each in lost])
        calls = [
            partial(
                posted,
                house,
                by,
                f"{MLS}.processExternalCommit",
                room.external(by, by.client.join(room.group)),
            )
            for by in lost
        ]
        names = [name for name, _ in await in_turns(turns, schedule, *calls)]
        assert names.count("ok") == 1
        assert set(names) <= {"ok", "GroupFrozen", "EpochMismatch"}
        assert await room.epoch(alice) == 2


@KINDS
@FEW
@given(schedule=SCHEDULES, cuts=st.lists(st.integers(1, 3), max_size=6))
async def test_2_18_19_a_reader_that_is_cut_off_again_and_again_gets_the_log(
    kind: str, schedule: list[int], cuts: list[int]
) -> None:
    """What is given live and what is given again come from one log: no gap, no repeat, in its order, with
    every kind of entry, while three write at once. The cursor is the place in the log."""
    turns = Turns()
    async with turned_house(turns, kind) as house:
        alice, bob, carol, dave = await people(house, *NAMES, "dave")
        room = await create(house, alice, bob, carol)
        seqs: list[int] = []
        frames: list[dict[str, Any]] = []
        counts = iter(cuts)
        cursors: list[str] = []

        async def write() -> None:
            async with trio.open_nursery() as nursery:
                for by in (alice, bob, carol):
                    nursery.start_soon(room.say, by, f"of-{by.account.name}")
                nursery.start_soon(room.add, alice, dave)
            promote = {"convoId": room.convo, "targetDid": bob.did}
            await house.post(alice.account, f"{MLS}.promoteAdmin", promote)
            await room.say(carol, "end")

        async def read() -> None:
            cursor: dict[str, Any] = {}
            while not any(frame.get("message", {}).get("id") == "end" for frame in frames):
                async with stream(house, bob.account, deviceId=bob.id, **cursor) as events:
                    for _ in range(next(counts, 1_000)):
                        event = await events.next()
                        assert event is not None
                        cursor = {"cursor": event.id}
                        cursors.append(event.id)
                        frames.append(event.event)
                        if event.event.get("message", {}).get("id") == "end":
                            break

        await in_turns(turns, schedule, write, read)
        assert len(set(cursors)) == len(cursors)
        shown = [frame["message"] for frame in frames if "message" in frame]
        assert shown == await messages(house, bob, room)
        seqs = [each["seq"] for each in shown]
        assert seqs == sorted(set(seqs))
        kinds = {each.get("messageType", "app") for each in shown}
        assert kinds == {"app", "commit"}
        names = [frame["$type"].rpartition("#")[2] for frame in frames]
        assert names.count("membershipChangeEvent") == 1, "dave, once"


@KINDS
@FEW
@given(
    schedule=SCHEDULES,
    before=st.sets(st.integers(0, 5), max_size=2),
    after=st.sets(st.integers(0, 5), max_size=1),
)
async def test_21_an_actor_that_crashes_loses_nothing_and_believes_the_log(
    kind: str, schedule: list[int], before: set[int], after: set[int]
) -> None:
    """A crash just before or just after the log has it: the state is read again, the retry is answered with
    what is there, and nobody is answered from a state that is not. No more than three, or the conversation
    would be left alone for a while, as it should."""
    turns = Turns()
    async with turned_house(turns, kind) as house:
        phones = await people(house, *NAMES)
        room = await create(house, *phones)
        begun, done = iter(range(1_000)), iter(range(1_000))

        def crash_before(method: str) -> None:
            if method == "append" and next(begun) in before:
                raise ZeroDivisionError("a fault of ours")

        def crash_after(method: str) -> None:
            if method == "append" and next(done) in after:
                raise ZeroDivisionError("a fault of ours")

        async def say(by: Phone, msg_id: str) -> int:
            body = room.message(by, msg_id)
            for _ in range(10):
                name, answer = await posted(house, by, f"{MLS}.sendMessage", body)
                if name == "ok":
                    return int(answer["seq"])
                assert name in ("InternalServerError", "UpstreamTimeout", "NotEnoughResources")
            raise AssertionError("never answered")

        turns.before, turns.after = crash_before, crash_after
        calls = [partial(say, by, f"{by.account.name}-{number}") for by in phones for number in range(2)]
        seqs = await in_turns(turns, schedule, *calls)
        turns.before = turns.after = never
        log = await messages(house, phones[0], room)
        assert sorted(seqs) == [each["seq"] for each in log] == list(range(min(seqs), min(seqs) + 6))


@KINDS
@FEW
@given(schedule=SCHEDULES, bodies=st.lists(st.integers(0, 1), min_size=2, max_size=5))
async def test_23_of_requests_under_one_key_one_runs(
    kind: str, schedule: list[int], bodies: list[int]
) -> None:
    """Its twins get its answer; another body under the key is refused, whichever comes first."""
    turns = Turns()
    async with turned_house(turns, kind) as house:
        phones = await people(house, *NAMES)
        room = await create(house, *phones)
        reasons = ("shouting", "whispering")
        calls = [
            partial(
                posted,
                house,
                phones[0],
                f"{MLS}.warnMember",
                {
                    "convoId": room.convo,
                    "memberDid": phones[1].did,
                    "reason": reasons[body],
                    "idempotencyKey": "k",
                },
            )
            for body in bodies
        ]
        before = await house.store.head()
        answers = await in_turns(turns, schedule, *calls)
        assert await house.store.head() == before + 1, "one entry"
        done = {body for body, (name, _) in zip(bodies, answers, strict=True) if name == "ok"}
        assert len(done) == 1
        for body, (name, _) in zip(bodies, answers, strict=True):
            assert name == ("ok" if body in done else "IdempotencyConflict")
        assert len({str(answer) for name, answer in answers if name == "ok"}) == 1


Act = tuple[int, str, int]
ACTS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(["demoteAdmin", "leaveConvo", "removeMember"]), st.integers(0, 2)
    ),
    min_size=2,
    max_size=5,
)


@KINDS
@FEW
@given(schedule=SCHEDULES, acts=ACTS)
async def test_28_whatever_admins_do_to_each_other_at_once_one_is_left(
    kind: str, schedule: list[int], acts: list[Act]
) -> None:
    turns = Turns()
    async with turned_house(turns, kind) as house:
        phones = await people(house, *NAMES, "dave")
        room = await create(house, *phones)
        circle = Circle(house, room, {each.account.name: each for each in phones})
        for name in ("bob", "carol"):
            await circle.does("alice", "promoteAdmin", targetDid=circle.did(name))

        async def act(number: int, who: int, method: str, target: int) -> str:
            given: dict[str, Any] = {} if method == "leaveConvo" else {"targetDid": phones[target].did}
            if method == "removeMember":
                given["idempotencyKey"] = str(number)
            answer = await call(house, NAMES[who], method, room.convo, **given)
            return "ok" if answer.is_success else error_name(answer)

        calls: Sequence[Callable[[], Awaitable[str]]] = [
            partial(act, number, *each) for number, each in enumerate(acts)
        ]
        names = await in_turns(turns, schedule, *calls)
        assert set(names) <= {
            "ok",
            "NotAdmin",
            "NotMember",
            "NotAdminTarget",
            "LastAdmin",
            "CannotRemoveSelf",
        }
        assert len(await circle.admins("dave")) >= 1


@KINDS
@FEW
@given(schedule=SCHEDULES)
async def test_36_of_two_who_make_one_group_at_once_one_has_it(kind: str, schedule: list[int]) -> None:
    """The other is told that the id is taken, in the words for everybody else, and nothing of the group."""
    turns = Turns()
    async with turned_house(turns, kind) as house:
        phones = await people(house, "alice", "bob")
        bodies = [
            creation(by, None, b"room", groupInfo=text(by.client.create_group(b"room").group_info))
            for by in phones
        ]
        calls = [
            partial(posted, house, by, f"{MLS}.createConvo", body)
            for by, body in zip(phones, bodies, strict=True)
        ]
        answers = await in_turns(turns, schedule, *calls)
        assert sorted(name for name, _ in answers) == ["ConvoAlreadyExists", "ok"]
        (lost,) = [str(answer) for name, answer in answers if name != "ok"]
        assert not any(each.did in lost for each in phones)


def test_a_schedule_reaches_different_orders() -> None:
    """Against a harness that gives no choice: two schedules of the same race have different winners."""
    winners = set()

    async def race(schedule: list[int]) -> None:
        turns = Turns()
        async with turned_house(turns, "memory") as house:
            phones = await people(house, "alice", "bob")
            room = await create(house, *phones)
            calls = [
                partial(
                    posted, house, by, f"{OURS}.submitCommit", room.upload(by, by.client.commit(room.group))
                )
                for by in phones
            ]
            answers = await in_turns(turns, schedule, *calls)
            winners.add([name for name, _ in answers].index("ok"))

    for schedule in ([0] * 40, [1] * 40):
        trio.run(race, schedule)
    assert winners == {0, 1}
