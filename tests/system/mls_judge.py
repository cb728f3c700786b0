"""What must be true of groups, whatever was killed: one commit for an epoch, and all that follows from it.

Reads the database with the schema in hand, in one snapshot, and compares it with what the crowd knows.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import attrs

from protocol import EntryKind, MsgId
from tests.system.checker import DATABASE
from tests.system.mls_crowd import Meant, MlsCrowd

_CONVERSATIONS = """
    SELECT c.key, c.id, c.group_id, c.epoch, g.epoch, g.body FROM conversations c
    LEFT JOIN group_infos g ON g.conversation = c.key WHERE c.kind = 'mls'
"""
_ENTRIES = "SELECT kind, epoch, msg_id FROM entries WHERE conversation = ? ORDER BY seq"
_WELCOMES = "SELECT device, key_package, epoch FROM welcomes WHERE conversation = ? ORDER BY key"
_CONSUMED = "SELECT ref FROM key_packages WHERE ended = 'consumed'"
_CLAIMED = "SELECT ref FROM key_packages WHERE claimed_by IS NOT NULL OR ended IS NOT NULL"

Welcomed = tuple[str, bytes, int]
"""Device, ref of its key package, epoch."""


@attrs.frozen
class Stored:
    """One conversation as it lies there."""

    id: str
    group_id: str
    epoch: int
    commits: list[tuple[int, MsgId]]
    """Epoch and name, in the order of the log."""
    joined: list[int]
    """Epochs of entries that say who came in, after the one of the beginning."""
    welcomes: list[Welcomed]
    group_info: tuple[int, bytes]
    """Epoch and bytes."""


def judge_groups(folder: Path, crowd: MlsCrowd, first: set[bytes]) -> int:
    """Fails on anything half done; how many commits the crowd's room has.

    Also while requests are under way: what is not answered yet is there as a whole, or not at all. `first`
    are the key packages that were used before anybody was killed.
    """
    with _snapshot(folder) as database:
        conversations = list(_read(database))
        consumed = {ref for (ref,) in database.execute(_CONSUMED)}
        claimed = {ref for (ref,) in database.execute(_CLAIMED)}
    used = set(first)
    found = 0
    for stored in conversations:
        if stored.id == crowd.room.convo:
            used |= _of_commits(stored, crowd.meant)
            found = len(stored.commits)
        else:
            used |= _of_the_beginning(stored, crowd.begun[stored.group_id])
    assert used == consumed, "a key package is used up if, and only if, what uses it is in the log"
    assert claimed >= set(crowd.given), "what somebody was given is nobody else's"
    return found


@contextmanager
def _snapshot(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as database:
        database.execute("BEGIN")
        yield database


def _read(database: sqlite3.Connection) -> Iterator[Stored]:
    for key, convo, group_id, epoch, info_epoch, info in database.execute(_CONVERSATIONS).fetchall():
        entries = database.execute(_ENTRIES, (key,)).fetchall()
        commits = [(begins, MsgId(name)) for kind, begins, name in entries if kind == EntryKind.COMMIT.value]
        joined = [begins for kind, begins, _ in entries[1:] if kind == EntryKind.MEMBERS_ADDED.value]
        welcomes = database.execute(_WELCOMES, (key,)).fetchall()
        yield Stored(convo, group_id, epoch, commits, joined, welcomes, (info_epoch, info))


def _of_commits(stored: Stored, meant: Mapping[MsgId, Meant]) -> set[bytes]:
    """The key packages that the room's commits used; each of them has its entries and its Welcome."""
    assert [epoch for epoch, _ in stored.commits] == list(range(2, stored.epoch + 1)), "one for each epoch"
    made = [(epoch, meant[name]) for epoch, name in stored.commits]
    assert all(epoch == each.epoch for epoch, each in made)
    joins = [each for _, each in made if each.guest is not None]
    assert stored.joined == [each.epoch for each in joins], "who was added is a member, by that commit"
    due = [(each.guest, each.package, each.epoch) for each in joins]
    assert stored.welcomes[1:] == due, "a Welcome for everybody who was added, and for nobody else"
    if made:
        assert stored.group_info == (stored.epoch, made[-1][1].group_info)
    return {each.package for each in joins if each.package is not None}


def _of_the_beginning(stored: Stored, meant: Meant) -> set[bytes]:
    """The key package that a conversation began with; its guest has a Welcome, its group is known."""
    assert (stored.epoch, stored.commits) == (1, [])
    assert stored.welcomes == [(meant.guest, meant.package, 1)]
    assert stored.group_info == (1, meant.group_info)
    assert meant.package is not None
    return {meant.package}
