"""A store in dictionaries: for tests, and as the second opinion on what the SQLite store does.

State comes from `evolve`, entry by entry, where SQLite derives rows; the contract suite holds both against
one law. Nothing survives the process. Every method is a checkpoint first and acts after it without another,
so a cancelled call did nothing. One file for each part of the interface, on a common `base.py`.
"""

from router.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
