"""The memory store passes the contract."""

import pytest

from router.store.memory import MemoryStore
from router.testing.store.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    """See `StoreContract`."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    async def test_a_take_over_raises_the_term(self, store: MemoryStore) -> None:
        before = store.term
        assert store.take_over() == store.term == before + 1
