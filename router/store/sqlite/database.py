"""The database file: how it is opened, migrated and taken over.

Page size 8192, write-ahead log, no automatic checkpoint: checkpoints run elsewhere (`checkpoint.py`), one
in the path of a commit costs it milliseconds. `synchronous=FULL` means that a commit which was answered is
on the disk; NORMAL gives up the last commits at a power failure (not at a crash of the process) for speed.
"""

import sqlite3
from pathlib import Path
from typing import Literal

import attrs

from router.store.errors import StoreTooNew
from schema import Migration, migrations, queries

Synchronous = Literal["full", "normal"]

SQL = queries("sqlite")
VERSION = migrations("sqlite")[-1].version
"""The schema version this program knows."""

_PAGE_SIZE = 8192
_CACHE_KIB = 32 * 1024
_BUSY_SECONDS = 5.0
"""How long a commit waits for the write lock: another process of ours that ends, a checkpoint, a backup."""
_WAL_BYTES = 64 * 1024 * 1024
"""The log file is cut to this size when it starts from its beginning again."""


@attrs.frozen
class Identity:
    """What a database says of itself."""

    log_id: bytes
    version: int


def connect_writer(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """A connection that may write; statements begin and end their transactions themselves."""
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=128
    )
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Whoever uses it leaves no statement open across an `await`."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def prepare(path: Path, chain: tuple[Migration, ...] | None = None) -> Identity:
    """Make the database or bring it to the newest version, each migration in its own transaction.

    `StoreTooNew` when a newer program has made a change this one does not understand; the database is then
    left as it was. A database that is newer but compatible is used as it is.
    """
    steps = migrations("sqlite") if chain is None else chain
    known = steps[-1].version
    connection = connect_writer(path, "full")
    try:
        version, compatible = versions(connection)
        if compatible > known:
            raise StoreTooNew(
                f"The database {path.absolute()} has schema version {version} and needs a Rookery that "
                f"knows version {compatible}; this one knows {known}. Install the newer Rookery, or start "
                "from a backup made before it ran"
            )
        for step in steps[version:]:
            _apply(connection, step)
        (log_id, version, _) = connection.execute(SQL["identity"]).fetchone()
        return Identity(log_id, version)
    finally:
        connection.close()


def versions(connection: sqlite3.Connection) -> tuple[int, int]:
    """Schema version and compatible version; (0, 0) for an empty database."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'store'").fetchone() is None:
        return 0, 0
    (_, version, compatible) = connection.execute(SQL["identity"]).fetchone()
    return version, compatible


def take_term(path: Path, shard: int, owner: str) -> int:
    """Become the owner of a shard; from here on every commit under an older term is refused.

    Waits for a transaction of the owner before, should it still be running one.
    """
    connection = connect_writer(path, "full")
    try:
        (term,) = connection.execute(SQL["take_term"], (owner, shard)).fetchone()
    finally:
        connection.close()
    return int(term)


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{step.sql}")
        connection.execute(SQL["set_version"], (step.version, step.compatible))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
