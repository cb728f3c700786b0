"""The SQLite store passes the contract, wherever its writer runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.store.sqlite.store import SqliteOptions, SqliteStore, WriterPlace, open_sqlite
from tests.contracts.store_contract import StoreContract


class TestSqliteStore(StoreContract):
    """See `StoreContract`."""

    @pytest.fixture(params=["inline", "thread", "process"])
    async def store(self, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[SqliteStore]:
        place: WriterPlace = request.param
        async with open_sqlite(tmp_path / "data", SqliteOptions(writer=place)) as store:
            yield store
