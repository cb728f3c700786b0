"""What the ledger gives to each of its pages."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol

from router.store.audit import AuditFact


class Execute(Protocol):
    """`sqlite3.Connection.execute`."""

    def __call__(self, sql: str, parameters: tuple[object, ...] = (), /) -> sqlite3.Cursor: ...


Record = Callable[[Sequence[AuditFact], int], None]
"""Appends acts of a bucket to the audit chain."""
