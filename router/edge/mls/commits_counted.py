"""How commits end, for the metrics: taken, resent, or refused under a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from router.edge.errors import Refusal
from router.edge.mls.commits import Prepared
from router.edge.services import Edge


@attrs.define
class Counted:
    """One request on its way; `prepared` is its commit, once it is read, and None if it has none."""

    prepared: Prepared | None = None


@contextmanager
def counted(edge: Edge, *, commit: bool = True) -> Iterator[Counted]:
    """Count the commit of the block by how the block ends: a refusal is counted and goes on.

    `commit` is whether the request brings one. What is no refusal (a cancellation, a fault) has an outcome
    that nobody knows, and is not counted.
    """
    request = Counted()
    try:
        yield request
    except Refusal as refusal:
        if commit:
            edge.observer.commit(refusal.error)
        raise
    if request.prepared is not None:
        edge.observer.commit("resent" if request.prepared.resent else "taken")
