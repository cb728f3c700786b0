"""Where should commits happen? The three engines of the writer, idle and under a loop that never sleeps.

    .venv/bin/python -m tests.benchmarks.writer_bench            the table in the header of writer.py
    .venv/bin/python -m tests.benchmarks.writer_bench --json     the same for a machine
    ... --only floor|callers|offered|reads                       one part
    ... --slow-disk 5                                            every fdatasync takes 5 ms longer (needs gcc)

`floor`    the statements of an append and nothing else: no queue, no callers, no answers
`callers`  32 tasks that send one message and wait, over and over: the whole way from submit to answer
`offered`  5,000 sends a second, each in a task of its own, beside a loop that is idle or BUSY: a task that
           burns 200 µs between checkpoints, so that the loop never waits for anything
`reads`    what the reads cost in the loop and in a thread

CPU is that of this process and the writer's process together, per entry, in microseconds. `stall` is how
much later than asked a task wakes that sleeps for a millisecond, over and over: what everybody else on the
loop feels.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import get_args

import trio

from protocol import Entry, EntryKind, MsgId, body_hash
from router.store.sqlite import database
from router.store.sqlite.folder import database_path
from router.store.sqlite.ledger import Ledger
from router.store.sqlite.reader import Reader
from router.store.sqlite.reads import Reads
from router.store.sqlite.store import SqliteOptions, SqliteStore, WriterPlace, open_sqlite
from router.store.values import Appended, AppendRequest
from router.testing.store.rooms import NOW, Room, devices

ROOMS = 50
BODY = os.urandom(1024)
HASH = body_hash(BODY)
Row = dict[str, str | float | None]


class Talk:
    """A conversation of the bench: makes the next request without asking anybody."""

    def __init__(self, store: SqliteStore, number: int) -> None:
        self.room = Room(store, number)
        self.term = store.term
        self.seq = 1
        self.due: list[float] = []
        self.work = trio.Event()

    def request(self, messages: int = 1) -> AppendRequest:
        """The next messages."""
        base = self.seq
        entries = tuple(
            Entry(self.room.id, seq, EntryKind.MESSAGE, 0, _name(), BODY, HASH, seq - 1, NOW)
            for seq in range(base + 1, base + messages + 1)
        )
        self.seq += messages
        return AppendRequest(self.room.id, base, entries, self.term, NOW)

    async def act(self, store: SqliteStore, waits: list[float]) -> None:
        """What an actor does: take all that waits, at most 64, append it once, and again."""
        while True:
            if not self.due:
                self.work = trio.Event()
                await self.work.wait()
            batch, self.due = self.due[:64], self.due[64:]
            await store.append(self.request(len(batch)))
            now = time.perf_counter()
            waits.extend(now - due for due in batch)


def _name() -> MsgId:
    return MsgId(os.urandom(16).hex())


@contextmanager
def folder() -> Iterator[Path]:
    """A data folder on a real disk."""
    path = Path(tempfile.mkdtemp(prefix="writer-bench-", dir="/var/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


Talking = tuple[Path, SqliteStore, list[Talk]]


@asynccontextmanager
async def talking(
    place: WriterPlace, rooms: int = ROOMS
) -> AsyncIterator[tuple[Path, SqliteStore, list[Talk]]]:
    """A store with conversations of ten devices."""
    with folder() as path:
        async with open_sqlite(path, SqliteOptions(writer=place)) as store:
            talks = [Talk(store, number) for number in range(rooms)]
            for talk in talks:
                await talk.room.create("ann", devices("ann", *range(10)))
            yield database_path(path), store, talks


def cpu(child: int | None) -> float:
    """Seconds of CPU used so far by this process and the writer's."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    total = own.ru_utime + own.ru_stime
    if child is not None:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def child_of(store: SqliteStore) -> int | None:
    """The process id of the writer, where it has one."""
    return store.writer_pid


def percentile(values: list[float], share: float) -> float:
    """In milliseconds."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def _row(what: str, rows: int, wall: float, used: float) -> Row:
    return {"what": what, "per s": round(rows / wall), "cpu µs": round(used / rows * 1e6, 1)}


def floor(batch: int, rows: int) -> Row:
    """Raw group commit: prepared rows, the schema of the store, nothing around it."""
    with folder() as path:
        file = path / "floor.sqlite3"
        database.prepare(file)
        connection = database.connect_writer(file, "full")
        insert = database.SQL["insert_entry"]
        name = (os.urandom(16).hex() for _ in iter(int, 1))
        prepared = [
            (n + 1, n % ROOMS, n // ROOMS, 2, 0, next(name), HASH, 1024, n, NOW, BODY) for n in range(rows)
        ]
        before, started = cpu(None), time.perf_counter()
        for start in range(0, rows, batch):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, prepared[start : start + batch])
            connection.execute("COMMIT")
        wall, used = time.perf_counter() - started, cpu(None) - before
        connection.close()
    return {
        "what": f"floor, batch {batch}",
        "per s": round(rows / wall),
        "cpu µs": round(used / rows * 1e6, 1),
    }


async def ledger_alone(batch: int, rows: int) -> Row:
    """The ledger without a queue: what its looks cost."""
    async with talking("inline") as (path, store, talks):
        identity = store.log_id
        term = store.term
        requests = [talks[n % ROOMS].request() for n in range(rows)]
        with Ledger(path, term=term, log_id=identity) as ledger:
            before, started = cpu(None), time.perf_counter()
            for start in range(0, rows, batch):
                ledger.commit(requests[start : start + batch])
            wall, used = time.perf_counter() - started, cpu(None) - before
    return {
        "what": f"ledger, batch {batch}",
        "per s": round(rows / wall),
        "cpu µs": round(used / rows * 1e6, 1),
    }


async def callers(place: WriterPlace, count: int, rows: int) -> Row:
    """`count` tasks, each of which sends and waits."""
    async with talking(place, max(ROOMS, count)) as (_, store, talks):
        waits: list[float] = []

        async def send_and_wait(requests: list[AppendRequest]) -> None:
            for request in requests:
                begun = time.perf_counter()
                outcome = await store.append(request)
                waits.append(time.perf_counter() - begun)
                assert isinstance(outcome, Appended)

        prepared = [[talk.request() for _ in range(rows // count)] for talk in talks[:count]]
        before, started = cpu(child_of(store)), time.perf_counter()
        commits = store.statistics().commits
        async with trio.open_nursery() as nursery:
            for requests in prepared:
                nursery.start_soon(send_and_wait, requests)
        wall, used = time.perf_counter() - started, cpu(child_of(store)) - before
        commits = store.statistics().commits - commits
    return {
        "what": f"{place}, {count} callers",
        "per s": round(len(waits) / wall),
        "cpu µs": round(used / len(waits) * 1e6, 1),
        "p50 ms": round(percentile(waits, 0.5), 2),
        "p99 ms": round(percentile(waits, 0.99), 2),
        "batch": round(len(waits) / commits, 1),
    }


async def offered(place: WriterPlace, *, busy: bool, rate: int, seconds: float) -> Row:
    """`rate` sends a second to an actor for each conversation, however the store keeps up."""
    async with talking(place) as (_, store, talks), trio.open_nursery() as nursery:
        waits: list[float] = []

        async def burn() -> None:
            while True:
                end = time.perf_counter() + 200e-6
                while time.perf_counter() < end:
                    pass
                await trio.lowlevel.checkpoint()

        stalls: list[float] = []

        async def feel() -> None:
            while True:
                asked = time.perf_counter() + 0.001
                await trio.sleep(0.001)
                stalls.append(time.perf_counter() - asked)

        nursery.start_soon(feel)
        for talk in talks:
            nursery.start_soon(talk.act, store, waits)
        if busy:
            nursery.start_soon(burn)
        before, started = cpu(child_of(store)), time.perf_counter()
        commits = store.statistics().commits
        sent, total = 0, int(rate * seconds)
        while len(waits) < total:
            reached = min(int((time.perf_counter() - started) * rate), total)
            for number in range(sent, reached):
                talk = talks[number % ROOMS]
                talk.due.append(started + number / rate)
                talk.work.set()
            sent = reached
            await trio.sleep(0.001)
        wall, used = time.perf_counter() - started, cpu(child_of(store)) - before
        commits = store.statistics().commits - commits
        nursery.cancel_scope.cancel()
    row: Row = {
        "what": f"{place}, {'BUSY' if busy else 'idle'} loop, {rate}/s",
        "per s": round(len(waits) / wall),
        "cpu µs": None if busy else round(used / len(waits) * 1e6, 1),
        "p50 ms": round(percentile(waits, 0.5), 2),
        "p99 ms": round(percentile(waits, 0.99), 2),
        "batch": round(len(waits) / commits, 1),
        "stall p50": round(percentile(stalls, 0.5), 2),
        "stall p99": round(percentile(stalls, 0.99), 2),
    }
    return row


async def reads(rounds: int) -> list[Row]:
    """Each read in the loop and in a thread."""
    rows = []
    async with talking("inline") as (path, store, talks):
        for _ in range(100):
            for talk in talks:
                await store.append(talk.request())
        big = Room(store, 999)
        await big.create("p0", [member for n in range(1000) for member in devices(f"p{n}", n + 100)])
        names = [MsgId(os.urandom(16).hex()) for _ in range(8)]
        room = talks[0].room
        kinds: dict[str, Callable[[Reader], object]] = {
            "conversation of 10": lambda reader: reader.conversation(room.id),
            "conversation of 1,000": lambda reader: reader.conversation(big.id),
            "8 message ids": lambda reader: reader.known_sends(room.id, names),
            "stored result": lambda reader: reader.idempotent(b"k" * 32, NOW),
            "memberships (51)": lambda reader: reader.memberships(devices("ann", 1)[0].device),
            "50 of one conversation": lambda reader: reader.conversation_entries(
                room.id, 10, None, 50, 1 << 20, None
            ),
            "256 for a device": lambda reader: reader.device_entries(
                devices("ann", 1)[0].device, 2000, 10**6, 256, 1 << 20
            ),
            "256 of the log": lambda reader: reader.entries_after(2000, 256, 1 << 20),
        }
        ways = Reads(path, store.log_id, threads=4, retry_after=1.0)
        for name, read in kinds.items():
            row: Row = {"what": name}
            for where, way in (("inline", ways.short), ("thread", ways.long)):
                times = []
                before = cpu(None)
                for _ in range(rounds):
                    begun = time.perf_counter()
                    await way(read)
                    times.append(time.perf_counter() - begun)
                row[f"{where} µs"] = round(statistics.median(times) * 1e6)
                row[f"{where} cpu"] = round((cpu(None) - before) / rounds * 1e6)
            rows.append(row)
        ways.close()
    return rows


_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
int fdatasync(int fd) {
    int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    usleep(%d);
    return real(fd);
}
"""


def on_a_slow_disk(milliseconds: float) -> None:
    """Run this program again with an fdatasync that takes longer, as on an ordinary disk."""
    with tempfile.TemporaryDirectory() as path:
        source, shim = Path(path, "shim.c"), Path(path, "shim.so")
        source.write_text(_SHIM % int(milliseconds * 1000))
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
        arguments = [argument for argument in sys.orig_argv[1:] if argument != "--slow-disk"]
        arguments.remove(f"{milliseconds:g}")
        subprocess.run([sys.executable, *arguments], env={**os.environ, "LD_PRELOAD": str(shim)}, check=True)


def show(rows: list[Row]) -> None:
    """A table of what the rows have."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns] + [
        ["" if row.get(name) is None else str(row[name]) for name in columns] for row in rows
    ]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    print()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=["floor", "callers", "offered", "reads"])
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--engine", choices=get_args(WriterPlace), action="append")
    parser.add_argument("--slow-disk", type=float, metavar="MS")
    chosen = parser.parse_args()
    if chosen.slow_disk:
        on_a_slow_disk(chosen.slow_disk)
        return
    places: list[WriterPlace] = chosen.engine or list(get_args(WriterPlace))
    parts: dict[str, list[Row]] = {}
    if chosen.only in (None, "floor"):
        parts["floor"] = [floor(batch, 8000) for batch in (1, 32)] + [
            trio.run(ledger_alone, batch, 8000) for batch in (1, 32)
        ]
    if chosen.only in (None, "callers"):
        parts["callers"] = [
            trio.run(callers, place, count, rows)
            for count, rows in ((1, 2000), (32, 16000))
            for place in places
        ]
    if chosen.only in (None, "offered"):
        parts["offered"] = [
            trio.run(partial(offered, place, busy=busy, rate=chosen.rate, seconds=chosen.seconds))
            for busy in (False, True)
            for place in places
        ]
    if chosen.only in (None, "reads"):
        parts["reads"] = trio.run(reads, 300)
    if chosen.json:
        print(json.dumps(parts))
    else:
        for rows in parts.values():
            show(rows)


if __name__ == "__main__":
    main()
