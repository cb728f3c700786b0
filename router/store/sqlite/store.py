"""The embedded store: one data folder, one server, one database.

`parts.py` is what runs, `faces/` what can be asked, each file one part of the interface.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from router.store.interface import Store
from router.store.sqlite.faces.contacts import ContactFace
from router.store.sqlite.faces.directory import DirectoryFace
from router.store.sqlite.faces.groups import GroupFace
from router.store.sqlite.faces.key_packages import KeyPackageFace
from router.store.sqlite.faces.log import LogFace
from router.store.sqlite.faces.logins import LoginFace
from router.store.sqlite.faces.moderation import ModerationFace
from router.store.sqlite.faces.preferences import PreferenceFace
from router.store.sqlite.faces.upkeep import UpkeepFace
from router.store.sqlite.faces.ways_in import WaysInFace
from router.store.sqlite.faces.welcomes import WelcomeFace
from router.store.sqlite.parts import SqliteOptions, WriterPlace

__all__ = ["SqliteOptions", "SqliteStore", "WriterPlace", "open_sqlite"]


class SqliteStore(
    LogFace,
    DirectoryFace,
    LoginFace,
    WaysInFace,
    KeyPackageFace,
    WelcomeFace,
    GroupFace,
    ModerationFace,
    ContactFace,
    PreferenceFace,
    UpkeepFace,
    Store,
):
    """See `Store` and `SqliteParts`."""


@asynccontextmanager
async def open_sqlite(folder: Path, options: SqliteOptions | None = None) -> AsyncIterator[SqliteStore]:
    """A running store for the length of the block: for tests and for commands without a supervisor.

    What the block raises, or what keeps the store from starting, comes out as it is, in no exception group.
    """
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            store: SqliteStore = await nursery.start(SqliteStore(folder, options).run)
            yield store
        except Exception as error:  # noqa: BLE001 - raised again below, outside the nursery
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
