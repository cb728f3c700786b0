"""Reads a router's database without any of the router's code, and says what in it breaks a promise.

What a log promises is judged by the public kit (`protocol.testing.read_history`), which shares no code with
what makes logs; here is what an auditor with the schema in hand would add: the file is sound, the rows beside
the log are what the log tells, and the audit chain holds. Should this file and the schema disagree, it must
be changed by hand, which is its use.

    checked = check(path)         raises Broken with the first fault
    checked.part_of(device)       what a device must have been given, in order
"""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import attrs

from protocol import AccountDid, ConversationId, DeviceId, Entry, EntryKind, MsgId
from protocol.testing import BrokenHistory, History, Place, Stay, read_history

DATABASE = "rookery.sqlite3"


class Broken(BrokenHistory):
    """The database breaks a promise; the text says which and where."""


@attrs.frozen
class Checked:
    """A database that keeps what it promises about itself."""

    history: History
    audit_records: int
    bucket: int

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The whole log."""
        return self.history.entries

    def messages(self) -> dict[tuple[ConversationId, MsgId], Entry]:
        """What has a name, by conversation and name."""
        return self.history.messages()

    def part_of(self, device: str) -> list[Place]:
        """(conversation, seq) of every entry that the device must get, in the order of the log."""
        return self.history.part_of(DeviceId(device))


def check(folder: Path, *, bucket: int = 2) -> Checked:
    """Everything the database of a data folder promises about itself; raises `BrokenHistory`."""
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as database:
        _sound(database)
        history = read_history(_entries(database), bucket=bucket, gaps=False)
        _rows_agree(database, history)
        records = _chain(database)
    return Checked(history, records, bucket)


def _sound(database: sqlite3.Connection) -> None:
    verdict = database.execute("PRAGMA integrity_check").fetchall()
    if verdict != [("ok",)]:
        raise Broken(f"integrity_check: {verdict}")
    if strays := database.execute("PRAGMA foreign_key_check").fetchall():
        raise Broken(f"foreign_key_check: {strays}")


def _entries(database: sqlite3.Connection) -> list[Entry]:
    found = database.execute(
        "SELECT c.id, e.seq, e.kind, e.epoch, e.msg_id, e.body, e.body_hash, e.app_count, e.received,"
        " e.position, e.size FROM entries e LEFT JOIN conversations c ON c.key = e.conversation"
        " ORDER BY e.position"
    )
    entries = []
    for convo, seq, kind, epoch, msg_id, body, digest, app_count, received, position, size in found:
        if convo is None:
            raise Broken(f"position {position} belongs to no conversation")
        if len(body) != size:
            raise Broken(f"position {position}: the size is not that of the body")
        entries.append(
            Entry(convo, seq, EntryKind(kind), epoch, msg_id, body, digest, app_count, received, position)
        )
    return entries


def _rows_agree(database: sqlite3.Connection, history: History) -> None:
    """The member rows are what the log's own facts say, and lie where their entries lie."""
    found = database.execute(
        "SELECT c.id, m.device, m.account, m.from_seq, m.to_seq, m.from_position, m.to_position"
        " FROM members m JOIN conversations c ON c.key = m.conversation"
    ).fetchall()
    at = {(entry.conversation, entry.seq): entry.position for entry in history.entries}
    for convo, device, _, first, last, first_position, last_position in found:
        ends = at.get((convo, first)), None if last is None else at.get((convo, last))
        if ends != (first_position, last_position):
            raise Broken(f"{convo}: the interval of {device} does not lie where its entries lie")
    stored = {
        Stay(ConversationId(convo), DeviceId(device), AccountDid(account), first, last)
        for convo, device, account, first, last, _, _ in found
    }
    if stored != set(history.stays) or len(found) != len(history.stays):
        raise Broken("the member rows are not what the log tells")


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
