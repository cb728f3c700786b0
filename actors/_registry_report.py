"""What a registry tells those who look: numbers and tree nodes."""

import heapq
import itertools
from collections.abc import Collection, Mapping
from typing import TypeVar

import attrs

from ._context import Cell
from ._tree import TreeNode, describe

K = TypeVar("K")
M = TypeVar("M")

_KEYS = 16
"""Keys shown in a tree."""


@attrs.frozen
class RegistryStatistics:
    """A snapshot. `accepted == handled + lost + dropped + waiting + in_hand`."""

    path: str
    active: int
    parked: int
    leaving: int
    quarantined: int
    stuck: int
    activations: int
    """Incarnations started, restarts included."""
    passivations: int
    evictions: int
    crashes: int
    quarantines: int
    storm_in_window: int
    escalations: int
    accepted: int
    taken: int
    waiting: int
    in_hand: int
    dropped: int
    lost: int
    refused: int
    high_water: int
    """The most that ever waited for one key."""
    instruments_failed: int

    @property
    def handled(self) -> int:
        """Taken and finished."""
        return self.taken - self.lost - self.in_hand

    @property
    def healthy(self) -> bool:
        """No actor is stuck."""
        return self.stuck == 0


def registry_tree(
    statistics: RegistryStatistics,
    state: str,
    cap: float,
    resting: Mapping[K, float],
    cells: Collection[Cell[K, M]],
    now: float,
) -> TreeNode:
    """The registry and a few of its keys: quarantined, then in trouble, then the fullest mailboxes."""
    path = statistics.path
    quarantined = [
        TreeNode(
            path=f"{path}/{key}",
            kind="key",
            state="quarantined",
            healthy=False,
            facts=(("retry_after", f"{max(0.0, until - now):.0f}s"),),
        )
        for key, until in itertools.islice(resting.items(), _KEYS)
    ]
    room = _KEYS - len(quarantined)
    busiest = heapq.nlargest(room, cells, key=lambda c: (c.stuck, c.restarts > 0, c.mailbox.waiting))
    return TreeNode(
        path=path,
        kind="registry",
        state=state,
        healthy=statistics.healthy and not resting,
        facts=(
            ("active", f"{statistics.active}/{cap:g}"),
            ("parked", str(statistics.parked)),
            ("waiting", str(statistics.waiting)),
            ("crashes", str(statistics.crashes)),
            ("quarantined", str(statistics.quarantined)),
        ),
        children=(*quarantined, *(_key_node(path, cell) for cell in busiest)),
    )


def _key_node(path: str, cell: Cell[K, M]) -> TreeNode:
    context = cell.context
    if cell.stuck:
        state = "stuck"
    elif context is None:
        state = "backing off" if cell.restarts else "starting"
    else:
        state = "leaving" if cell.leaving else "parked" if context.parked else "up"
    facts = [("waiting", f"{cell.mailbox.waiting}/{cell.mailbox.terms.capacity}")]
    if cell.last_exit is not None:
        facts.append(("last_exit", describe(cell.last_exit)))
    return TreeNode(
        path=f"{path}/{cell.key}",
        kind="key",
        state=state,
        healthy=state not in {"stuck", "backing off"},
        incarnation=0 if context is None else context.incarnation,
        restarts=cell.restarts,
        facts=tuple(facts),
    )
