"""Recorded sessions of a real MLS client, over HTTP, in the order in which they arrived, on both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from protocol import AccountDid
from router.config import Settings
from router.config.sections import Blocks as BlockSettings
from router.identity.document import ATPROTO_KEY, DidDocument, VerificationMethod
from router.identity.errors import ResolutionError
from router.identity.keys import AccountKey
from router.store.interface import Store
from router.store.memory import MemoryStore
from router.store.sqlite.store import SqliteOptions, open_sqlite
from tests.edge.house import Account, open_house
from tests.edge.mls.recorded import SCENARIOS, Recording
from tests.vectors import load_vectors

_NOBODY_BLOCKS = Settings(blocks=BlockSettings(enabled=False))
"""The recording's accounts have no repository in which blocks could be read."""


@attrs.define
class Directory:
    """The accounts of the recording, which are not of this router."""

    keys: dict[AccountDid, AccountKey]

    async def resolve(self, did: AccountDid, /, *, refresh: bool = False) -> DidDocument:
        if did not in self.keys:
            raise ResolutionError("no such account")
        method = VerificationMethod(did + ATPROTO_KEY, "Multikey", did, self.keys[did].verification_key)
        return DidDocument(did, verification_methods=(method,))


@asynccontextmanager
async def a_store(kind: str, folder: Path) -> AsyncIterator[Store]:
    if kind == "memory":
        yield MemoryStore()
    else:
        async with open_sqlite(folder, SqliteOptions(writer="inline")) as store:
            yield store


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_recorded_session_is_answered_as_it_demands(name: str, kind: str, tmp_path: Path) -> None:
    """What is refused leaves nothing in the log."""
    scenario = load_vectors(f"mls/ds-scenarios/{name}.json")
    keys = {did: AccountKey.generate(AccountDid(did)) for did in scenario["members"]}
    async with (
        a_store(kind, tmp_path / "data") as store,
        open_house(store, settings=_NOBODY_BLOCKS, resolver=Directory(keys)) as house,
    ):
        house.now = float(scenario["recorded_at"])

        async def call(did: str, method: str, nsid: str, given: dict[str, Any]) -> httpx.Response:
            where = "params" if method == "GET" else "json"
            account = Account(did, keys[AccountDid(did)])
            return await house.send(method, nsid, account, **{where: given})

        recording = Recording(scenario, call)
        for step in scenario["steps"]:
            before = await house.store.head()
            await recording.play(step)
            if step["expect"] != "accept":
                assert await house.store.head() == before
        epoch = await recording.read("getEpoch")
        page = await recording.read("getCommits", fromEpoch=0)
        assert epoch["currentEpoch"] == page["commits"][-1]["epoch"] == 4
        assert epoch["digest"] == page["commits"][-1]["digest"]
