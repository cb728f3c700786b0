"""The store: the log and everything that is committed with it, behind one interface.

`interface.py` is the seam, `sqlite/` the embedded default, `memory.py` a second implementation for tests;
both pass `router.testing.store.StoreContract`. `audit.py` and `rules.py` are pure.
"""
