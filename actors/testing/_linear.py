"""Are these concurrent results possible? A search for one order that explains them (Wing and Gong)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

import attrs

S = TypeVar("S")

LIMIT = 12
"""The search is exponential; PropEr stops at the same number."""


@attrs.frozen
class Operation:
    """One call: when it began and ended on one logical clock, what was asked and what came back.

    `end` None means that nobody knows: it was cancelled, or its answer was lost. It may have happened
    at any time after its start, or never.
    """

    start: int
    end: int | None
    call: object
    result: object = None


class Model(Protocol[S]):
    """What the system should be: a state and what each call does to it. States are hashable values."""

    def initial(self) -> S:
        """The state before the first operation."""
        ...

    def apply(self, state: S, call: object) -> tuple[S, object]:
        """The state after this call, and its result."""
        ...


class History:
    """Writes down concurrent operations: `await history.call(what, fn)` around each one."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._clock = 0

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    async def call(self, what: object, fn: Callable[[], Awaitable[object]]) -> object:
        """Do it and note it. If it raises (a cancellation too) its outcome is unknown."""
        start = self._tick()
        place = len(self.operations)
        self.operations.append(Operation(start, None, what))
        result = await fn()
        self.operations[place] = Operation(start, self._tick(), what, result)
        return result


@attrs.define
class _Search(Generic[S]):
    history: Sequence[Operation]
    model: Model[S]
    dead: set[tuple[int, S]] = attrs.field(factory=set)

    def extend(self, done: int, state: S) -> list[Operation] | None:
        """An order of the operations not in the bit set `done` that explains their results."""
        left = [i for i in range(len(self.history)) if not done >> i & 1]
        if all(self.history[i].end is None for i in left):
            return []
        if (done, state) in self.dead:
            return None
        # whoever began before every remaining one had ended may be next
        horizon = min(end for i in left if (end := self.history[i].end) is not None)
        for i in left:
            operation = self.history[i]
            if operation.start > horizon:
                continue
            after, result = self.model.apply(state, operation.call)
            if operation.end is None or result == operation.result:
                rest = self.extend(done | 1 << i, after)
                if rest is not None:
                    return [operation, *rest]
        self.dead.add((done, state))
        return None


def check_linearizable(history: Sequence[Operation], model: Model[S]) -> list[Operation]:
    """One order of at most 12 operations that `model` explains. Raises AssertionError if there is none."""
    if len(history) > LIMIT:
        raise ValueError(f"{len(history)} operations are too many to search; at most {LIMIT}")
    order = _Search(history, model).extend(0, model.initial())
    if order is None:
        raise AssertionError(f"no order explains these results: {list(history)!r}")
    return order
