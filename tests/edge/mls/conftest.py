"""The house of the MLS tests: on the memory store and on SQLite, so that what holds, holds on both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.store.sqlite.store import SqliteOptions, open_sqlite
from tests.edge.house import House, open_house


@pytest.fixture(params=["memory", "sqlite"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """A running house."""
    if request.param == "memory":
        async with open_house() as running:
            yield running
    else:
        async with (
            open_sqlite(tmp_path / "data", SqliteOptions(writer="inline")) as store,
            open_house(store) as running,
        ):
            yield running
