"""Both stores against the model of key packages and Welcomes, under any sequence of acts."""

import tempfile
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from hypothesis import settings

from router.store.interface import Store
from router.store.memory import MemoryStore
from router.store.sqlite.store import SqliteOptions, open_sqlite
from router.testing.store.mls_model import MlsMachine
from router.testing.store.store_model import kept


class MemoryMachine(MlsMachine):
    """See `MlsMachine`."""

    def opened(self) -> AbstractAsyncContextManager[Store]:
        return kept(MemoryStore())


class SqliteMachine(MlsMachine):
    """See `MlsMachine`. The writer is inline: where it runs is another test's."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()

    def opened(self) -> AbstractAsyncContextManager[Store]:
        return open_sqlite(Path(self.folder.name), SqliteOptions(writer="inline", synchronous="normal"))

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


TestMemoryModel = MemoryMachine.TestCase
TestMemoryModel.settings = settings(stateful_step_count=25)
TestSqliteModel = SqliteMachine.TestCase
TestSqliteModel.settings = settings(max_examples=max(1, settings().max_examples // 5), stateful_step_count=25)
