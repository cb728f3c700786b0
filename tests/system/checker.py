"""Reads a router's database without any of the router's code, and says what in it breaks a promise.

Only `sqlite3`, `hashlib` and a MessagePack reader. What it knows of the layout is what an auditor with the
schema in hand would know; should the two disagree, this file must be changed by hand, which is its use.

    checked = check(path)         raises Broken with the first fault
    checked.part_of(device)       what a device must have been given, in order
"""

import hashlib
import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import attrs
import msgspec

CREATED, MESSAGE, ADDED, REMOVED = 1, 2, 3, 4
DATABASE = "rookery.sqlite3"


class Broken(AssertionError):
    """The database breaks a promise; the text says which and where."""


@attrs.frozen
class Row:
    """One entry of the log as it lies on the disk."""

    position: int
    convo: str
    seq: int
    kind: int
    epoch: int
    msg_id: str | None
    received: int
    body: bytes


@attrs.frozen
class Interval:
    """From which seq to which a device was in a conversation, both included; open without an end."""

    convo: str
    device: str
    account: str
    first: int
    last: int | None


@attrs.frozen
class Checked:
    """A log that keeps what it promises about itself."""

    rows: tuple[Row, ...]
    intervals: tuple[Interval, ...]
    audit_records: int
    bucket: int

    def messages(self) -> dict[tuple[str, str], Row]:
        """Messages by conversation and msgId."""
        return {(row.convo, row.msg_id): row for row in self.rows if row.msg_id is not None}

    def part_of(self, device: str) -> list[tuple[str, int]]:
        """(conversation, seq) of every entry that the device must get, in the order of the log."""
        own = [interval for interval in self.intervals if interval.device == device]
        return [
            (row.convo, row.seq)
            for row in self.rows
            if any(
                row.convo == each.convo and each.first <= row.seq <= (each.last or row.seq) for each in own
            )
        ]


def check(folder: Path, *, bucket: int = 2) -> Checked:
    """Everything the log of a data folder promises about itself; raises `Broken`."""
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as database:
        _sound(database)
        rows = _rows(database)
        _dense(rows)
        _in_its_own_words(database, rows, bucket)
        intervals = _intervals(database, rows)
        records = _chain(database)
    return Checked(tuple(rows), tuple(intervals), records, bucket)


def _sound(database: sqlite3.Connection) -> None:
    verdict = database.execute("PRAGMA integrity_check").fetchall()
    if verdict != [("ok",)]:
        raise Broken(f"integrity_check: {verdict}")
    if strays := database.execute("PRAGMA foreign_key_check").fetchall():
        raise Broken(f"foreign_key_check: {strays}")


def _rows(database: sqlite3.Connection) -> list[Row]:
    found = database.execute(
        "SELECT e.position, c.id, e.seq, e.kind, e.epoch, e.msg_id, e.received, e.body"
        " FROM entries e LEFT JOIN conversations c ON c.key = e.conversation ORDER BY e.position"
    )
    return [Row(*values) for values in found]


def _dense(rows: list[Row]) -> None:
    """Positions and each conversation's seq count 1, 2, 3; a conversation begins with its creation."""
    last: defaultdict[str, int] = defaultdict(int)
    for place, row in enumerate(rows, start=1):
        if row.convo is None:
            raise Broken(f"position {row.position} belongs to no conversation")
        if row.position != place:
            raise Broken(f"position {place} is missing; {row.position} follows")
        if row.seq != last[row.convo] + 1:
            raise Broken(f"{row.convo}: seq {row.seq} follows {last[row.convo]}")
        if (row.seq == 1) != (row.kind == CREATED):
            raise Broken(f"{row.convo}: seq {row.seq} is of kind {row.kind}")
        last[row.convo] = row.seq


def _in_its_own_words(database: sqlite3.Connection, rows: list[Row], bucket: int) -> None:
    """Hashes, sizes, counts and times are those of the content; a msgId is in a conversation once."""
    beside = database.execute("SELECT position, body_hash, size, app_count FROM entries ORDER BY position")
    counted: defaultdict[str, int] = defaultdict(int)
    named: set[tuple[str, str]] = set()
    for row, (position, digest, size, app_count) in zip(rows, beside, strict=True):
        if (row.kind == MESSAGE) != (row.msg_id is not None):
            raise Broken(f"position {position}: kind {row.kind} with msg_id {row.msg_id}")
        if row.msg_id is not None:
            if (row.convo, row.msg_id) in named:
                raise Broken(f"{row.convo}: {row.msg_id} is there twice")
            named.add((row.convo, row.msg_id))
            counted[row.convo] += 1
        if hashlib.blake2b(row.body, digest_size=16).digest() != digest or len(row.body) != size:
            raise Broken(f"position {position}: hash or size is not that of the body")
        if app_count != counted[row.convo]:
            raise Broken(f"position {position}: {app_count} messages counted, {counted[row.convo]} there")
        if row.received % bucket:
            raise Broken(f"position {position}: received at {row.received}, finer than {bucket} s")


def _intervals(database: sqlite3.Connection, rows: list[Row]) -> list[Interval]:
    """The member rows, once they agree with what the log's own facts say."""
    found = database.execute(
        "SELECT c.id, m.device, m.account, m.from_seq, m.to_seq, m.from_position, m.to_position"
        " FROM members m JOIN conversations c ON c.key = m.conversation"
    ).fetchall()
    at = {(row.convo, row.seq): row.position for row in rows}
    for convo, device, _, first, last, first_position, last_position in found:
        ends = at.get((convo, first)), None if last is None else at.get((convo, last))
        if ends != (first_position, last_position):
            raise Broken(f"{convo}: the interval of {device} does not lie where its entries lie")
    stored = [Interval(*values[:5]) for values in found]
    if set(stored) != set(_told(rows)):
        raise Broken("the member rows are not what the log tells")
    return stored


def _told(rows: list[Row]) -> list[Interval]:
    """The intervals that follow from the facts in the log alone."""
    open_since: dict[tuple[str, str], Interval] = {}
    closed: list[Interval] = []
    for row in rows:
        if row.kind == MESSAGE:
            continue
        fact = msgspec.msgpack.decode(row.body)
        if row.kind in (CREATED, ADDED):
            for member in fact["members"]:
                key = row.convo, member["device"]
                if key in open_since:
                    raise Broken(f"{row.convo}: seq {row.seq} adds a device that is in")
                open_since[key] = Interval(*key, member["account"], row.seq, None)
        elif row.kind == REMOVED:
            for device in fact["devices"]:
                begun = open_since.pop((row.convo, device), None)
                if begun is None:
                    raise Broken(f"{row.convo}: seq {row.seq} removes a device that is not in")
                closed.append(attrs.evolve(begun, last=row.seq))
    return closed + list(open_since.values())


def _chain(database: sqlite3.Connection) -> int:
    """The audit chain from its genesis on; how many records it has."""
    ((log_id,),) = database.execute("SELECT log_id FROM store").fetchall()
    domain, number = b"rookery-audit-v1", 0
    head = hashlib.sha256(domain + b"\x00genesis" + log_id + (0).to_bytes(4, "big")).digest()
    links = database.execute("SELECT shard, number, previous, record, hash FROM audit ORDER BY shard, number")
    for shard, found, previous, record, digest in links:
        number += 1
        if (shard, found) != (0, number) or previous != head:
            raise Broken(f"audit record {found} does not follow record {number - 1}")
        head = hashlib.sha256(domain + head + record.encode()).digest()
        if digest != head or json.loads(record)["number"] != number:
            raise Broken(f"audit record {number} is not what was recorded")
    return number
