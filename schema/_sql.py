"""The SQL of the house: the full schema, the migrations and the named queries, one folder per dialect.

    sql/<dialect>/schema.sql             what a database of the newest version looks like; never executed
                                         against a user's data, a test holds it against the chain
    sql/<dialect>/migrations/NNNN_*.sql  how it came to be, one file per change, in order
    sql/<dialect>/queries.sql            every statement the router executes

A query begins with the line `-- name --`, followed by comment lines that say what it is for. A migration
says in its first line `-- compatible: N` which schema version a program must know at least to go on using
the database after it: that is what lets an old program refuse a database it would damage.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_COMPATIBLE = re.compile(r"\A-- compatible: (\d+)\n")
_MIGRATION = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the chain."""

    version: int
    """The schema version the database has after it: 1, 2, 3 …"""
    name: str
    compatible: int
    """The oldest schema version whose program may use the database after it."""
    sql: str
    """The statements, to be run in one transaction."""


@cache
def queries(dialect: str) -> Mapping[str, str]:
    """The named queries of a dialect (`sqlite`), without their comments."""
    parts = _NAME.split(_read(dialect, "queries.sql"))
    named: dict[str, str] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name in named:
            raise ValueError(f"two queries named {name}")
        lines = (line for line in text.splitlines() if not line.startswith("--"))
        named[name] = " ".join(" ".join(lines).split()).removesuffix(";")
    return MappingProxyType(named)


@cache
def migrations(dialect: str) -> tuple[Migration, ...]:
    """The chain of a dialect, oldest first; its versions are 1, 2, 3 … without a gap."""
    chain = []
    folder = files("schema").joinpath("sql", dialect, "migrations")
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        match = _MIGRATION.fullmatch(path.name)
        if match is None:
            raise ValueError(f"not a migration: {path.name}")
        text = path.read_text(encoding="utf-8")
        compatible = _COMPATIBLE.match(text)
        if compatible is None:
            raise ValueError(f"{path.name} does not say with which version it is compatible")
        chain.append(Migration(int(match[1]), match[2], int(compatible[1]), text))
    if [migration.version for migration in chain] != list(range(1, len(chain) + 1)):
        raise ValueError("the chain of migrations has a gap or a fork")
    return tuple(chain)


@cache
def full_schema(dialect: str) -> str:
    """The statements that make an empty database of the newest version."""
    return _read(dialect, "schema.sql")


def _read(dialect: str, name: str) -> str:
    return files("schema").joinpath("sql", dialect, name).read_text(encoding="utf-8")
