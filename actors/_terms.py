"""What the mailboxes of one family share: bounds, hooks and counters; and what they tell about themselves."""

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

from ._instrument import Hooks

M = TypeVar("M")


@attrs.frozen
class MailboxStatistics:
    """A snapshot. `accepted == taken + dropped + waiting` and `taken == handled + lost + in_hand`."""

    name: str
    waiting: int
    weight: int
    capacity: float
    max_weight: int | None
    in_hand: int
    """Taken and not finished: told messages of the last batch, asks without an answer."""
    senders_waiting: int
    closed: bool
    high_water: int
    """The most that ever waited."""
    accepted: int
    taken: int
    dropped: int
    """Waiting when the address closed or its key was quarantined."""
    lost: int
    """In hand when an incarnation ended."""
    refused: int
    """How often a sender met a full mailbox."""

    @property
    def handled(self) -> int:
        """Taken and finished."""
        return self.taken - self.lost - self.in_hand


class Terms(Generic[M]):
    """What the mailboxes of one family share: bounds, hooks, counters. Changing it tunes them all."""

    __slots__ = (
        "accepted",
        "capacity",
        "dropped",
        "high_water",
        "hooks",
        "lost",
        "max_weight",
        "prefix",
        "refused",
        "taken",
        "weigh",
    )

    def __init__(
        self,
        prefix: str,
        capacity: float,
        max_weight: int | None,
        weigh: Callable[[M], int] | None,
        hooks: Hooks,
    ) -> None:
        self.prefix: str = prefix
        self.hooks: Hooks = hooks
        self.weigh: Callable[[M], int] | None = weigh
        self.bound(capacity, max_weight)
        self.accepted: int = 0
        self.taken: int = 0
        self.dropped: int = 0
        self.lost: int = 0
        self.refused: int = 0
        self.high_water: int = 0

    def bound(self, capacity: float, max_weight: int | None) -> None:
        """Set the bounds. Raises ValueError and changes nothing if one is not a bound."""
        check_bounds(capacity, max_weight)
        self.capacity: float = capacity
        self.max_weight: int | None = max_weight


def check_bounds(capacity: float, max_weight: int | None) -> None:
    """Raise ValueError unless these can bound a mailbox."""
    if not capacity >= 1:
        raise ValueError(f"capacity is a number of messages from 1 (math.inf: no bound), not {capacity!r}")
    if max_weight is not None and not max_weight >= 1:
        raise ValueError(f"max_weight is a number from 1, or None for no bound, not {max_weight!r}")
