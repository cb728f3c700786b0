"""A write cancelled wherever it can be: done or not done, never half, and a retry tells which."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from router.store.interface import Store
from router.store.key_packages import ClaimedPackage
from router.store.memory import MemoryStore
from router.store.sqlite.store import SqliteOptions, WriterPlace, open_sqlite
from router.store.values import Appended, AppendRequest, SeqConflict
from router.testing.store.group_rooms import GroupRoom, package, publish, ref, register
from router.testing.store.rooms import NOW, Room, account, device, devices


async def settle(store: Store, room: Room, request: AppendRequest) -> int:
    """What an actor does after an outcome it does not know: again, and on a conflict look. The seq."""
    message = request.entries[0]
    assert message.msg_id is not None
    outcome = await store.append(request)
    if isinstance(outcome, Appended):
        return outcome.entries[0].seq
    assert outcome == SeqConflict(message.seq), "nobody else writes here, so it must have been this one"
    known = await store.known_sends(room.id, [message.msg_id])
    assert known[message.msg_id].body_hash == message.body_hash
    return known[message.msg_id].seq


async def cancelled_after(steps: int, write: Callable[[], Awaitable[object]]) -> bool:
    """Write, cancelled after so many turns of the loop; whether it was answered before."""
    answered = False
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                nonlocal answered
                await write()
                answered = True

            nursery.start_soon(ask)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            if not answered:
                scope.cancel()
    return answered


async def check_every_step(store: Store) -> None:
    """From the first turn of the loop to the answer, and a few times over it."""
    room = Room(store, 1)
    await room.create("ann", devices("ann", 1))
    answered = steps = 0
    while answered < 3:  # a writer elsewhere may need very many turns of a loop that never sleeps
        request = room.request(*room.messages(f"m{steps}", body=bytes(500)))
        finished = await cancelled_after(steps, partial(store.append, request))
        seq = await settle(store, room, request)

        assert seq == room.seq + 1, "dense, and once"
        room.took(await store.entries_after(room.seq, max_entries=10, max_bytes=10**6))
        assert await store.conversation(room.id) == room.state
        assert store.statistics().queued_items == 0
        answered += finished
        steps = steps + 1 if steps < 20 else steps * 2


async def check_effects_at_every_step(store: Store) -> None:
    """A commit with what it brings: the entry, the package used up and the Welcome are there, or none is."""
    await register(store, 1)
    room = GroupRoom(store, 1)
    await room.found("ben", 90)
    answered = steps = 0
    while answered < 3:
        used = ref(f"p{steps}")
        await publish(store, 1, "ann", package(f"p{steps}"))
        while not any(each.ref == used for each in await claim(store)):
            pass
        request = room.request_for(room.commit(90, "ben", adds=[("ann", 1, used)], body=used))
        finished = await cancelled_after(steps, partial(store.append, request))
        await store.record((), now=NOW)  # whatever was taken is committed before this is

        record = await store.key_package(used)
        pending = await store.pending_welcomes(device(1))
        room.took(
            await store.conversation_entries(room.id, after_seq=room.seq, max_entries=9, max_bytes=10**6)
        )
        assert room.state is not None
        inside = device(1) in room.state.members
        assert record is not None
        assert (record.state == "consumed") is inside
        assert [each.key_package for each in pending] == [used] * inside
        assert inside or not finished
        if inside:
            await room.ask(room.commit(90, "ben", removes=[1], body=b"out" + used))
        answered += finished
        steps = steps + 1 if steps < 20 else steps * 2


async def check_claims_at_every_step(store: Store) -> None:
    """A claim that nobody heard of is a claim: it lapses, and nobody else gets the package before."""
    await register(store, 1)
    answered = steps = 0
    while answered < 3:
        await publish(store, 1, "ann", package(f"p{steps}"))
        finished = await cancelled_after(steps, partial(claim, store))
        await store.record((), now=NOW)
        record = await store.key_package(ref(f"p{steps}"))
        assert record is not None
        assert record.state in ("available", "claimed")
        assert record.state == "claimed" or not finished
        again = await claim(store)
        assert bool(again) is (record.state == "available")
        answered += finished
        steps = steps + 1 if steps < 20 else steps * 2


async def claim(store: Store) -> list[ClaimedPackage]:
    return await store.claim_key_packages(account("ben"), account("ann"), now=NOW, ttl=60)


CHECKS = (check_every_step, check_effects_at_every_step, check_claims_at_every_step)


@pytest.mark.parametrize("check", CHECKS)
async def test_in_memory(check: Callable[[Store], Awaitable[None]]) -> None:
    await check(MemoryStore())


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("place", ["inline", "process"])
async def test_on_sqlite(
    tmp_path: Path, place: WriterPlace, check: Callable[[Store], Awaitable[None]]
) -> None:
    async with open_sqlite(tmp_path / "data", SqliteOptions(writer=place)) as store:
        await check(store)
