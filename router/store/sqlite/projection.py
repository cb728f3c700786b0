"""The ledger's projection: what follows from an entry that is no message, as rows.

Nobody reads who is a member to write it: `membership_change` and `evolve_group` tell it from the entry alone
(and from the group's own column), and agree with `evolve`. A law of the protocol says so, and a test of the
store holds what is read back against it (`tests/store/test_group_model.py`).
"""

import sqlite3
from collections.abc import Sequence

from protocol import (
    Created,
    Entry,
    EntryKind,
    Group,
    GroupReset,
    MemberDevice,
    decode_fact,
    decode_group,
    encode_group,
    evolve_group,
    membership_change,
)
from router.store.sqlite import welcomes
from router.store.sqlite.database import SQL

_MAX_GROUPS = 1_000
"""Groups whose part of the state is kept."""


class Projection:
    """Writes rows through one connection. Whoever rolls that back says so (`forget`)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._groups: dict[int, Group] = {}

    def forget(self) -> None:
        """What was written since the last commit is gone."""
        self._groups.clear()

    def apply(self, entry: Entry, key: int, position: int) -> int:
        """Write what follows from an entry that is no message; the key of its conversation."""
        if entry.kind is EntryKind.CREATED:
            key = self._create(entry)
        elif entry.kind is EntryKind.COMMIT:
            self._execute(SQL["set_epoch"], (entry.epoch, key))
        elif entry.kind is EntryKind.GROUP_RESET:
            self._reset(entry, key)
        self._move_members(entry, key, position)
        self._move_group(entry, key)
        return key

    def _move_members(self, entry: Entry, key: int, position: int) -> None:
        """Intervals, leaves, standings. `membership_change` agrees with `evolve`: a law of the protocol."""
        change = membership_change(entry)
        for device in change.gone:
            self._execute(SQL["close_membership"], (entry.seq, position, key, device))
            welcomes.supersede(self._execute, key, device, entry.received)
        for device, leaf in change.leaves:
            self._execute(SQL["set_leaf"], (leaf, key, device))
        if change.joined:
            self._open_memberships(entry, key, position, change.joined)
        for account in change.returned:
            self._execute(SQL["clear_standing"], (key, account, "removed"))
            self._execute(SQL["clear_standing"], (key, account, "left"))
        for standing, accounts in (("left", change.left), ("removed", change.removed)):
            for account in accounts:
                self._execute(SQL["clear_standing"], (key, account, "admin"))
                self._execute(SQL["set_standing"], (key, account, standing))
        for account in change.demoted:
            self._execute(SQL["clear_standing"], (key, account, "admin"))
        for account in change.promoted:
            self._execute(SQL["set_standing"], (key, account, "admin"))

    def _move_group(self, entry: Entry, key: int) -> None:
        """The column that holds the group's part of the state; NULL while there is nothing to tell."""
        before = self._groups.get(key)
        if before is None:
            (column,) = self._execute(SQL["group_state"], (key,)).fetchone()
            before = Group() if column is None else decode_group(column)
        after = evolve_group(before, entry)
        if after != before:
            column = None if after == Group() else encode_group(after)
            self._execute(SQL["set_group_state"], (column, key))
        if len(self._groups) >= _MAX_GROUPS:
            self._groups.clear()
        self._groups[key] = after

    def _reset(self, entry: Entry, key: int) -> None:
        fact = decode_fact(entry.body)
        if not isinstance(fact, GroupReset):
            raise TypeError(f"a reset with a {type(fact).__name__}")
        self._execute(SQL["reset_group"], (fact.group_id, fact.cipher_suite, entry.epoch, entry.seq, key))
        welcomes.supersede_all(self._execute, key, entry.received)

    def _create(self, entry: Entry) -> int:
        fact = decode_fact(entry.body)
        if not isinstance(fact, Created):
            raise TypeError(f"a creation with a {type(fact).__name__}")
        cursor = self._execute(
            SQL["insert_conversation"],
            (
                entry.conversation,
                fact.kind.value,
                fact.group_id,
                fact.cipher_suite,
                fact.creator,
                fact.name,
                fact.description,
                entry.received,
                entry.epoch,
                fact.window,
            ),
        )
        if cursor.lastrowid is None:
            raise RuntimeError("an inserted row has a rowid")
        return cursor.lastrowid

    def _open_memberships(
        self, entry: Entry, key: int, position: int, members: Sequence[MemberDevice]
    ) -> None:
        self._executemany(
            SQL["open_membership"],
            [
                (
                    key,
                    member.device,
                    member.account,
                    member.device_name,
                    member.leaf,
                    entry.received,
                    entry.seq,
                    position,
                )
                for member in members
            ],
        )
