"""An append cancelled wherever it can be: done or not done, never half, and a retry tells which."""

from pathlib import Path

import pytest
import trio

from router.store.interface import Store
from router.store.memory import MemoryStore
from router.store.sqlite.store import SqliteOptions, WriterPlace, open_sqlite
from router.store.values import Appended, AppendRequest, SeqConflict
from tests.contracts.rooms import Room, devices


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


async def cancelled_after(steps: int, store: Store, request: AppendRequest) -> bool:
    """Append, cancelled after so many turns of the loop; whether it was answered before."""
    answered = False
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def append() -> None:
                nonlocal answered
                await store.append(request)
                answered = True

            nursery.start_soon(append)
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
        finished = await cancelled_after(steps, store, request)
        seq = await settle(store, room, request)

        assert seq == room.seq + 1, "dense, and once"
        room.took(await store.entries_after(room.seq, max_entries=10, max_bytes=10**6))
        assert await store.conversation(room.id) == room.state
        assert store.statistics().queued_items == 0
        answered += finished
        steps = steps + 1 if steps < 20 else steps * 2


async def test_in_memory() -> None:
    await check_every_step(MemoryStore())


@pytest.mark.parametrize("place", ["inline", "process"])
async def test_on_sqlite(tmp_path: Path, place: WriterPlace) -> None:
    async with open_sqlite(tmp_path / "data", SqliteOptions(writer=place)) as store:
        await check_every_step(store)
