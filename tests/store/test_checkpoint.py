"""Checkpoints keep the write-ahead log short beside a load that never pauses, and off the path of commits."""

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
import trio

from router.store.errors import DurabilityLost
from router.store.sqlite import checkpoint, database
from router.store.sqlite.checkpoint import Checkpointer
from router.store.sqlite.folder import database_path
from router.store.sqlite.reader import Reader
from router.store.sqlite.store import SqliteOptions, WriterPlace, open_sqlite
from router.testing.store.rooms import Room, device, devices


async def test_a_checkpoint_moves_the_log_into_the_database(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "data", SqliteOptions(writer="inline")) as store:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("m1", body=bytes(100_000))
        done = await store.checkpoint()
        assert done is not None
        assert done.log == done.moved > 100_000 // 8192
        assert store.statistics().wal_pages == done.log
        assert await store.head() == 2


async def test_a_log_that_grew_too_long_starts_again_although_commits_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with open_sqlite(folder, SqliteOptions(writer="inline")) as store:
        checkpointer = Checkpointer(database_path(folder), "full", restart_pages=20)
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        sizes = []
        for number in range(12):
            await room.say(f"m{number}", body=bytes(100_000))
            done = await checkpointer.checkpoint()
            assert done is not None
            sizes.append(done.log)
        checkpointer.close()
        assert max(sizes) <= 60, "never much longer than the bound and one commit"


async def test_an_open_reader_is_what_a_log_grows_by_and_no_read_of_ours_leaves_one(tmp_path: Path) -> None:
    """The trap: one forgotten statement, and the log can never start again."""
    folder = tmp_path / "data"
    async with open_sqlite(folder, SqliteOptions(writer="inline")) as store:
        checkpointer = Checkpointer(database_path(folder), "full", restart_pages=0)
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("m1", "m2", "m3")
        reader = Reader(database_path(folder), store.log_id)
        reader.conversation(room.id)
        reader.entries_after(0, 2, 10**6)
        reader.device_entries(device(1), 0, 4, 2, 10**6)
        reader.conversation_entries(room.id, 0, None, 1, 10**6, None)
        await room.say("m4")
        done = await checkpointer.checkpoint()
        assert done is not None
        assert done.restarted

        left_open = database.connect_reader(database_path(folder))
        statement = left_open.execute(database.SQL["entries_after"], (0,))
        statement.fetchone()
        await room.say("m5")
        done = await checkpointer.checkpoint()
        assert done is not None
        assert not done.restarted
        await room.say("m6")
        left_open.close()
        checkpointer.close()
        reader.close()


@pytest.mark.parametrize("place", ["inline", "process"])
async def test_a_clean_stop_leaves_a_file_that_is_whole_without_its_log(
    tmp_path: Path, place: WriterPlace
) -> None:
    """Whoever copies the database of a stopped server copies everything."""
    async with open_sqlite(tmp_path / "data", SqliteOptions(writer=place)) as store:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("m1", body=bytes(100_000))
    file = database_path(tmp_path / "data")
    log = file.with_name(file.name + "-wal")
    assert not log.exists() or log.stat().st_size == 0
    (tmp_path / "copy").mkdir()
    shutil.copy(file, tmp_path / "copy" / file.name)
    async with open_sqlite(tmp_path / "copy", SqliteOptions(writer="inline")) as store:
        assert await store.head() == 2


async def grown(path: Path) -> tuple[Checkpointer, Path]:
    """A database whose log has something in it, and the log."""
    database.prepare(path)
    checkpointer = Checkpointer(path, "full")
    writer = database.connect_writer(path, "full")
    reader = database.connect_reader(path)
    writer.execute("CREATE TABLE t AS SELECT zeroblob(100000)")
    writer.close()  # no checkpoint: the reader is still there
    await checkpointer.checkpoint()
    reader.close()
    return checkpointer, path.with_name(path.name + "-wal")


async def test_the_last_checkpoint_leaves_no_log(tmp_path: Path) -> None:
    checkpointer, log = await grown(tmp_path / "a.db")
    assert log.stat().st_size > 100_000
    assert await checkpointer.finish()
    assert log.stat().st_size == 0
    checkpointer.close()


async def test_a_last_checkpoint_that_hangs_is_left_behind_after_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a thread, so the loop goes on; the log stays."""
    checkpointer, log = await grown(tmp_path / "a.db")
    hangs = threading.Event()

    def pragma(connection: sqlite3.Connection, mode: str) -> tuple[int, int, int]:
        hangs.wait(20)
        raise sqlite3.OperationalError("interrupted")

    monkeypatch.setattr(checkpoint, "_pragma", pragma)
    monkeypatch.setattr(checkpoint, "_FINISH_SECONDS", 0.05)
    with trio.CancelScope() as scope:
        scope.cancel()  # a store stops by being cancelled
        assert not await checkpointer.finish()
    checkpointer.close()
    assert log.stat().st_size > 100_000
    hangs.set()


def failing_fsync(connection: sqlite3.Connection, mode: str) -> tuple[int, int, int]:
    """In the place of a checkpoint."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    raise error


async def test_after_a_checkpoint_that_lost_something_there_is_no_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller of a checkpoint hears of it, and the store is then stopped like by anybody else."""
    checkpointer, log = await grown(tmp_path / "a.db")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_pragma", failing_fsync)
        with pytest.raises(DurabilityLost):
            await checkpointer.checkpoint()
    assert not await checkpointer.finish()
    assert log.stat().st_size > 100_000
    checkpointer.close()


async def test_a_last_checkpoint_that_loses_something_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpointer, _ = await grown(tmp_path / "a.db")
    monkeypatch.setattr(checkpoint, "_pragma", failing_fsync)
    with pytest.raises(DurabilityLost):
        await checkpointer.finish()
    checkpointer.close()
