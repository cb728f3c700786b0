"""The protocol's own stateful law of MLS groups, with a store beside it: what it reads back is the state.

The kit's machine draws any sequence of commits, roles, resets, rejoins; each entry is appended here as well.
"""

import tempfile
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import invariant

from protocol.testing import ConversationMachine
from router.store.interface import Store
from router.store.memory import MemoryStore
from router.store.sqlite.store import SqliteOptions, open_sqlite
from router.store.values import Appended, AppendRequest
from router.testing.store.rooms import NOW
from router.testing.store.store_model import Loop, kept


class StoredGroups(ConversationMachine):
    """A subclass opens the store."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = Loop(self.opened)
        self.stored = 0

    def opened(self) -> AbstractAsyncContextManager[Store]:
        """The store under test."""
        raise NotImplementedError

    def teardown(self) -> None:
        self.loop.stop()

    @invariant()
    def the_state_read_back_is_the_fold_of_the_entries(self) -> None:
        if self.log:
            self.loop.call(self._append_and_compare)

    async def _append_and_compare(self) -> None:
        store = self.loop.store
        fresh = tuple(self.log[self.stored :])
        if not fresh:
            return
        request = AppendRequest(fresh[0].conversation, self.stored, fresh, store.term, NOW)
        outcome = await store.append(request)
        assert isinstance(outcome, Appended), outcome
        self.stored += len(fresh)
        assert await store.conversation(fresh[0].conversation) == self.state
        page = await store.conversations_of(next(iter(self.state.accounts())), limit=9)
        assert page.conversations == [self.state]


class MemoryGroups(StoredGroups):
    """See `StoredGroups`."""

    def opened(self) -> AbstractAsyncContextManager[Store]:
        return kept(MemoryStore())


class SqliteGroups(StoredGroups):
    """See `StoredGroups`."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        super().__init__()

    def opened(self) -> AbstractAsyncContextManager[Store]:
        return open_sqlite(Path(self.folder.name), SqliteOptions(writer="inline", synchronous="normal"))

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


FEW = settings(max_examples=max(1, settings().max_examples // 5), stateful_step_count=25)
TestMemoryGroups = MemoryGroups.TestCase
TestMemoryGroups.settings = FEW
TestSqliteGroups = SqliteGroups.TestCase
TestSqliteGroups.settings = FEW
