"""kill -9, of the server and of its writer alone: what was acknowledged is there, and nothing is half there.

A child process commits in a loop and writes the number of each acknowledged message to its standard output,
unbuffered. It is killed at a moment that nobody chose.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio
from hypothesis import settings

from protocol import DeviceId, Entry, EntryKind
from router.store.errors import OutcomeUnknown, StoreUnavailable
from router.store.sqlite import engines
from router.store.sqlite.store import SqliteOptions, SqliteStore, WriterPlace, open_sqlite
from router.store.sqlite.writer import Bounds
from router.store.values import Appended, DuplicateMsgIds, SeqConflict
from router.testing.store.rooms import Room, device, devices

ROUNDS = max(2, settings().max_examples // 20)
"""Lives of one folder: 5 in `ci`, 250 in `nightly`."""
TOP = Path(__file__).parents[2]

TALKER = """
import os, sys, trio
from pathlib import Path
from router.store.sqlite.store import SqliteOptions, open_sqlite
from router.store.values import Appended
from router.testing.store.rooms import Room, devices
from tests.store.test_kill import resumed

async def talk(room, lane):
    while True:
        name = f"{lane}-{room.seq}"
        outcome = await room.post(*room.messages(name, body=os.urandom(1000)))
        assert isinstance(outcome, Appended), outcome
        os.write(1, (name + "\\n").encode())

async def main():
    async with open_sqlite(Path(sys.argv[1]), SqliteOptions(writer=sys.argv[2])) as store:
        async with trio.open_nursery() as nursery:
            for lane in range(4):
                nursery.start_soon(talk, await resumed(store, lane), lane)

trio.run(main)
"""


async def resumed(store: SqliteStore, number: int) -> Room:
    """A room as the store has it, made if it is not there."""
    room = Room(store, number)
    room.state = await store.conversation(room.id)
    if room.state is None:
        await room.create("ann", devices("ann", number))
    return room


async def whole_log(store: SqliteStore) -> list[Entry]:
    """Everything."""
    return await store.entries_after(0, max_entries=10**6, max_bytes=1 << 40)


async def catch_up(store: SqliteStore, owner: DeviceId) -> list[Entry]:
    """Everything a device may see."""
    page = await store.device_entries(
        owner, after=0, upto=await store.head(), max_entries=10**6, max_bytes=1 << 40
    )
    return page.entries


async def restarted(store: SqliteStore, times: int) -> None:
    """Until so many writers were started after the first, and the last one writes."""
    while store.statistics().writer_restarts < times or not (await store.health()).ok:  # noqa: ASYNC110 - no event
        await trio.sleep(0.01)


@pytest.mark.parametrize("place", ["inline", "process"])
def test_what_was_acknowledged_before_kill_9_is_there_after_it(tmp_path: Path, place: WriterPlace) -> None:
    """Several lives of one folder; the next server starts at once, although an old writer may still run."""
    chance = random.Random(place)
    acknowledged: set[str] = set()
    for _ in range(ROUNDS):
        talker = subprocess.Popen(
            [sys.executable, "-c", TALKER, str(tmp_path / "data"), place], stdout=subprocess.PIPE, cwd=TOP
        )
        assert talker.stdout is not None
        first = talker.stdout.readline()
        time.sleep(chance.uniform(0, 0.08))  # the moment of the kill is what varies, nothing waits for it
        talker.send_signal(signal.SIGKILL)
        acknowledged |= set((first + talker.stdout.read()).decode().split("\n")[:-1])
        talker.wait()
        talker.stdout.close()
        acknowledged.discard("")

        trio.run(_check, tmp_path / "data", acknowledged)
    assert len(acknowledged) >= ROUNDS


async def _check(folder: Path, acknowledged: set[str]) -> None:
    async with open_sqlite(folder, SqliteOptions(writer="inline")) as store:
        log = await whole_log(store)
        assert [entry.position for entry in log] == list(range(1, len(log) + 1))
        names = [entry.msg_id for entry in log if entry.kind is EntryKind.MESSAGE]
        assert len(names) == len(set(names)), "nothing twice"
        assert acknowledged <= set(names), "nothing lost"
        for lane in range(4):
            room = Room(store, lane)
            room.took(entry for entry in log if entry.conversation == room.id)
            assert await store.conversation(room.id) == room.state
            assert await catch_up(store, device(lane)) == room.log


async def test_when_its_writer_is_killed_the_store_says_so_and_starts_another(tmp_path: Path) -> None:
    """The outcome of what was in hand is unknown; the same bytes again find it out."""
    options = SqliteOptions(writer="process", bounds=Bounds(restart_delay=0.01))
    async with open_sqlite(tmp_path / "data", options) as store:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        for life in range(4):
            request = room.request(*room.messages(f"m{life}", body=bytes(100_000)))

            async def murder() -> None:
                assert store.writer_pid is not None
                os.kill(store.writer_pid, signal.SIGKILL)

            outcome: object = None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(murder)
                try:
                    outcome = await store.append(request)
                except OutcomeUnknown as unknown:
                    outcome = unknown
            while not isinstance(outcome, Appended | DuplicateMsgIds | SeqConflict):
                with trio.fail_after(20):
                    try:
                        outcome = await store.append(request)
                    except StoreUnavailable:
                        await trio.sleep(0.01)
            log = await whole_log(store)
            assert [entry.msg_id for entry in log].count(request.entries[0].msg_id) == 1
            room = Room(store, 1)
            room.took(log)
            assert await store.conversation(room.id) == room.state
            with trio.fail_after(20):  # the kill may come after the answer: its notice then follows
                while store.statistics().writer_restarts == life:  # noqa: ASYNC110 -- a death sets no event
                    await trio.sleep(0.01)
        assert store.statistics().writer_restarts == 4


async def test_a_writer_that_is_killed_idle_is_started_again_before_anybody_asks(tmp_path: Path) -> None:
    """Twice: an event serves one wait, and the second death needs another."""
    options = SqliteOptions(writer="process", bounds=Bounds(restart_delay=0.01))
    async with open_sqlite(tmp_path / "data", options) as store:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        for life in range(2):
            assert store.writer_pid is not None
            os.kill(store.writer_pid, signal.SIGKILL)
            with trio.fail_after(20):
                await restarted(store, life + 1)
        await room.say("m1")


async def test_a_writer_that_hangs_is_told_by_its_age_and_killed_at_its_limit(tmp_path: Path) -> None:
    """SIGSTOP: the process is there and does nothing, like one whose disk has gone away."""
    bounds = Bounds(restart_delay=0.01, batch_slow=0.1, batch_limit=1.0)
    async with open_sqlite(tmp_path / "data", SqliteOptions(writer="process", bounds=bounds)) as store:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        hung = store.writer_pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        told: list[str] = []

        async def look() -> None:
            while (health := await store.health()).ok:  # noqa: ASYNC110 - no event
                await trio.sleep(0.01)
            told.append(health.detail)

        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(look)
                with pytest.raises(OutcomeUnknown, match="killed"):
                    await room.say("m1")
            await restarted(store, 1)
        assert "has been in hand" in told[0]
        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        await room.say("m2")


async def test_a_hung_writer_does_not_keep_its_server_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_STOP_SECONDS", 0.2)
    async with open_sqlite(tmp_path / "data", SqliteOptions(writer="process")) as store:
        pid = store.writer_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_writer_ends_when_its_server_does(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "data", SqliteOptions(writer="process")) as store:
        pid = store.writer_pid
        assert pid is not None
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
