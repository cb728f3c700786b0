"""The disk fails for real: a small file system filled and freed, a read-only one, an fsync that fails."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import trio

from router.store.errors import DurabilityLost, OutcomeUnknown, StoreUnavailable
from router.store.sqlite import parts
from router.store.sqlite.engines import InlineEngine
from router.store.sqlite.folder import database_path
from router.store.sqlite.requests import Outcome, Request, Unavailable
from router.store.sqlite.store import SqliteOptions, SqliteStore, WriterPlace, open_sqlite
from router.store.sqlite.writer import Bounds
from router.store.values import Appended, AppendRequest
from router.testing.store.rooms import Room, devices

QUICK = Bounds(retry_after=0.05)
PLACES: list[WriterPlace] = ["inline", "process"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of two megabytes. Skips where mounting is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=3m", "tmpfs", folder):
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        unmount(folder)


def mount(*arguments: str | Path) -> bool:
    """Whether the kernel took it."""
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    """Take it away, whoever still looks at it."""
    subprocess.run(["umount", "--lazy", folder], check=True)


def flood(path: Path) -> None:
    """Fill a file system to its last byte."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


async def persist(store: SqliteStore, request: AppendRequest) -> Appended:
    """What a client does: come back when it is told to, with the same bytes, until it is taken."""
    with trio.fail_after(20):
        while True:
            try:
                outcome = await store.append(request)
            except StoreUnavailable as error:
                await trio.sleep(error.retry_after)
            else:
                assert isinstance(outcome, Appended)
                return outcome


async def fill(store: SqliteStore, room: Room) -> tuple[AppendRequest, StoreUnavailable]:
    """Append until it is refused; the append that was, and how."""
    number = 0
    while True:
        number += 1
        request = room.request(*room.messages(f"m{room.seq}", body=os.urandom(40_000)))
        try:
            outcome = await store.append(request)
        except StoreUnavailable as error:
            return request, error
        assert isinstance(outcome, Appended)
        room.took(outcome.entries)


@pytest.mark.parametrize("place", PLACES)
async def test_a_full_disk_refuses_sends_and_takes_them_again_when_there_is_room(
    small_disk: Path, place: WriterPlace
) -> None:
    """Really filled and really freed: nothing half-written, nothing acknowledged lost, no restart."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(600_000))
    async with open_sqlite(small_disk / "data", SqliteOptions(writer=place, bounds=QUICK)) as store:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        refused, error = await fill(store, room)

        assert error.retry_after == 0.05
        assert not (await store.health()).ok
        assert "full" in (await store.health()).detail.lower()
        assert await store.conversation(room.id) == room.state, "reading goes on, and sees what was answered"
        assert await store.head() == len(room.log)
        with pytest.raises(StoreUnavailable):
            await store.append(refused)

        ballast.unlink()
        room.took((await persist(store, refused)).entries)
        assert (await store.health()).ok
        assert [entry.position for entry in room.log] == list(range(1, len(room.log) + 1))
    assert mount("-o", "remount,size=8m", small_disk)
    async with open_sqlite(small_disk / "data", SqliteOptions(writer="inline")) as store:
        assert await store.entries_after(0, max_entries=1000, max_bytes=1 << 30) == room.log


@pytest.mark.parametrize("place", PLACES)
async def test_a_disk_that_shrinks_and_grows_under_the_server_is_survived(
    small_disk: Path, place: WriterPlace
) -> None:
    """Somebody else fills it to the last byte, and an operator makes it larger."""
    async with open_sqlite(small_disk / "data", SqliteOptions(writer=place, bounds=QUICK)) as store:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        with pytest.raises(OSError, match="No space"):
            flood(small_disk / "flood")
        refused, _ = await fill(store, room)
        assert not (await store.health()).ok
        assert mount("-o", "remount,size=8m", small_disk)
        room.took((await persist(store, refused)).entries)
        assert await store.conversation(room.id) == room.state


LIMITED = """
import resource, signal, sys, trio
from pathlib import Path
from router.store.errors import StoreUnavailable
from router.store.sqlite.store import SqliteOptions, open_sqlite
from router.store.sqlite.writer import Bounds
from router.store.values import Appended
from router.testing.store.rooms import Room, devices

async def main():
    options = SqliteOptions(writer=sys.argv[2], bounds=Bounds(retry_after=0.05))
    async with open_sqlite(Path(sys.argv[1]), options) as store:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        try:
            while True:
                await room.say(f"m{room.seq}", body=bytes(20_000))
        except StoreUnavailable as error:
            print("refused", error.detail, flush=True)
        assert not (await store.health()).ok
        assert await store.head() == len(room.log)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with trio.fail_after(20):
            while not (await store.health()).ok:
                await trio.sleep(0.01)
        await room.say("after")
        assert await store.head() == len(room.log)
        print("recovered", flush=True)

trio.run(main)
"""


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own, from the top of the tree."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )


def test_an_io_error_refuses_sends_and_goes_away_with_its_cause(tmp_path: Path) -> None:
    """A file-size limit makes each write fail with an error that is not «disk full»."""
    done = run_python(LIMITED, str(tmp_path / "data"), "inline")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "recovered"


SECCOMP = """
import ctypes, os, platform, signal, struct, sys, trio
from pathlib import Path
from router.store.errors import DurabilityLost, OutcomeUnknown
from router.store.sqlite.store import SqliteOptions, SqliteStore
from router.testing.store.rooms import Room, devices

def fail_fsync():
    '''A seccomp filter: fsync and fdatasync answer EIO from here on, in this process and its children.'''
    calls = {"x86_64": (74, 75), "aarch64": (82, 83)}[platform.machine()]
    EIO, ALLOW, ERRNO = 5, 0x7FFF0000, 0x00050000
    code = [(0x20, 0, 0, 0), (0x15, 1, 0, calls[0]), (0x15, 0, 1, calls[1]), (6, 0, 0, ERRNO | EIO),
            (6, 0, 0, ALLOW)]
    program = b"".join(struct.pack("HBBI", *one) for one in code)
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0                       # PR_SET_NO_NEW_PRIVS
    if libc.prctl(22, 2, ctypes.c_char_p(header), 0, 0) != 0:    # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        print("no seccomp here", flush=True)
        os._exit(77)

async def main():
    writer = "process" if sys.argv[2] == "process" else "inline"
    store = SqliteStore(Path(sys.argv[1]), SqliteOptions(writer=writer))
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(store.run)
            room = Room(store, 1)
            await room.create("ann", devices("ann", 1))
            fail_fsync()
            await trio.to_thread.run_sync(fail_fsync)  # the thread that starts processes
            try:
                match sys.argv[2]:
                    case "commit":
                        await room.say("m1")
                    case "checkpoint":
                        await store.checkpoint()
                    case "stop":
                        nursery.cancel_scope.cancel()
                    case "process":  # the next one inherits the filter
                        os.kill(store.writer_pid, signal.SIGKILL)
            except OutcomeUnknown:
                print("unknown", flush=True)
            await trio.sleep_forever()
    except* DurabilityLost:
        print("ended", flush=True)

trio.run(main)
"""


@pytest.mark.parametrize("where", ["commit", "checkpoint", "stop", "process"])
def test_a_failed_fsync_ends_the_process_and_claims_nothing(tmp_path: Path, where: str) -> None:
    """After it, the kernel may have dropped what was answered; the next fsync would lie."""
    done = run_python(SECCOMP, str(tmp_path / "data"), where)
    if done.returncode == 77:
        pytest.skip("the kernel gives no seccomp filter")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == (["unknown", "ended"] if where == "commit" else ["ended"])


class LosingEngine(InlineEngine):
    """Its second commit is written and cannot be synced."""

    commits = 0

    async def commit(self, requests: Sequence[Request]) -> list[Outcome]:
        outcomes = await super().commit(requests)
        self.commits += 1
        return outcomes if self.commits == 1 else [Unavailable("fsync", fatal=True)] * len(requests)


async def test_after_a_failed_fsync_nothing_is_moved_into_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by a last checkpoint nor by SQLite's own when the last connection closes."""
    monkeypatch.setitem(parts._ENGINES, "inline", LosingEngine)
    file = database_path(tmp_path / "data")
    log = file.with_name(file.name + "-wal")
    store = SqliteStore(tmp_path / "data", SqliteOptions(writer="inline", checkpoint_interval=1000))
    before = b""

    async def live() -> None:
        nonlocal before
        async with trio.open_nursery() as nursery:
            await nursery.start(store.run)
            room = Room(store, 1)
            await room.create("ann", devices("ann", 1))
            await store.checkpoint()  # its connection may write, and stays open to the end
            before = file.read_bytes()
            with pytest.raises(OutcomeUnknown):
                await room.say("m1", body=bytes(100_000))
            await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as ended:
        await live()
    assert ended.value.split(DurabilityLost)[1] is None
    assert file.read_bytes() == before
    assert log.stat().st_size > 100_000


@pytest.mark.parametrize("place", PLACES)
async def test_a_store_that_may_not_be_written_says_so_at_the_start(
    tmp_path: Path, place: WriterPlace
) -> None:
    """A read-only mount: refused with a sentence that names the file, and nothing is left behind."""
    folder = tmp_path / "data"
    folder.mkdir()
    async with open_sqlite(folder, SqliteOptions(writer="inline")) as store:
        await Room(store, 1).create("ann", devices("ann", 1))
    if not mount("--bind", folder, folder):
        pytest.skip("mounting a file system needs root")
    try:
        assert mount("-o", "remount,bind,ro", folder)
        with pytest.raises((StoreUnavailable, OSError), match=r"(?i)read-?only"):
            async with open_sqlite(folder, SqliteOptions(writer=place)):
                pytest.fail("it opened")
    finally:
        unmount(folder)
    async with open_sqlite(folder, SqliteOptions(writer=place)) as store:
        assert await store.head() == 1
