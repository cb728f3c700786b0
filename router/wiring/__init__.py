"""Composition, one idea per file: what a node is made of, and how its parts meet.

Only `router/app.py` imports this, and only here and there is anything built. `make_*` functions do no I/O
but for the data folder and its secrets; nothing runs before the tree of `tree.py` starts it.
"""
