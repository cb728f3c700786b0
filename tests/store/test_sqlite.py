"""The SQLite store passes the contract; what depends on where its writer runs, wherever that is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.store.sqlite.store import SqliteOptions, SqliteStore, open_sqlite
from router.testing.store.store_contract import StoreContract, WriteContract


class TestSqliteStore(StoreContract):
    """See `StoreContract`."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqliteStore]:
        async with open_sqlite(tmp_path / "data", SqliteOptions(writer="inline")) as store:
            yield store


class TestSqliteStoreWithItsWriterElsewhere(WriteContract):
    """See `WriteContract`."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqliteStore]:
        async with open_sqlite(tmp_path / "data", SqliteOptions(writer="process")) as store:
            yield store
