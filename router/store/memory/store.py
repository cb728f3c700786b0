"""The memory store, put together."""

from router.store.interface import Store
from router.store.memory.directory import MemoryDirectory
from router.store.memory.upkeep import MemoryUpkeep


class MemoryStore(MemoryDirectory, MemoryUpkeep, Store):
    """See `Store`. `log_id` is given where a test wants one that it knows."""
