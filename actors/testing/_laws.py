"""The laws of the library, checked against a running tree from what its instruments saw."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from actors import Registry, Supervisor

from ._recorder import Event, Recorder

Root = Supervisor | Registry[Any, Any]


def nodes_of(root: Root | None) -> Iterator[Root]:
    """The root and every supervisor and registry that runs below it."""
    pending: list[object] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, Registry):
            yield node
        elif isinstance(node, Supervisor):
            yield node
            for child in node.children():
                pending.extend(() if child.life is None else child.life.nodes)


class Laws:
    """Give `instruments=[laws.recorder]` to the root; call `handled` from actors; call `check` at rest.

    - At most one incarnation of each path lives.
    - accepted = handled + lost + dropped + waiting + in hand, in every registry of the tree.
    - What an address handled is in the order it was accepted, each message once.
    - A supervisor's restarts stay within its intensity in every window (until a knob is turned).
    """

    def __init__(self) -> None:
        self.recorder: Recorder = Recorder(messages=True)
        self._digested = 0
        self._tuned = False
        self._living: dict[str, int] = defaultdict(int)
        self._restarts: dict[str, list[float]] = defaultdict(list)
        self._accepted: dict[str, list[object]] = defaultdict(list)
        self._handled: list[tuple[str, object]] = []

    def handled(self, address: str, message: object) -> None:
        """An actor finished a message."""
        self._handled.append((address, message))

    @property
    def living(self) -> list[str]:
        """The paths that have a live incarnation, as of the last check."""
        return sorted(path for path, count in self._living.items() if count)

    def check(self, root: Root | None, *, forget: bool = False) -> None:
        """Raise AssertionError if a law is broken. Call it inside the Trio run, while everybody waits.

        `forget` drops the events that were looked at (a long run would keep them all).
        """
        intensities = {n.path: n.intensity for n in nodes_of(root) if isinstance(n, Supervisor)}
        for event in self.recorder.events[self._digested :]:
            self._digest_life(event)
            if event.hook == "restart_planned":
                self._digest_restart(event, intensities)
            elif event.hook == "message_accepted":
                self._accepted[event.path].append(event.value)
            elif event.hook == "tuned":
                self._tuned = True
        if forget:
            self.recorder.clear()
        self._digested = len(self.recorder.events)
        for address, message in self._handled:
            queue = self._accepted[address]
            require(message in queue, f"{address} handled {message!r} out of order, or twice")
            del queue[: queue.index(message) + 1]
        self._handled.clear()
        for node in nodes_of(root):
            if isinstance(node, Registry):
                check_conservation(node)

    def _digest_life(self, event: Event) -> None:
        if event.hook in {"child_started", "activated"}:
            self._living[event.path] += 1
            require(self._living[event.path] <= 1, f"two incarnations of {event.path}")
        elif event.hook == "child_exited":
            self._living.pop(event.path, None)
            self._restarts.pop(event.path, None)  # a supervisor begins a new window when it is restarted

    def _digest_restart(self, event: Event, intensities: dict[str, Any]) -> None:
        above = event.path.rpartition("/")[0]
        times = self._restarts[above]
        times.append(event.at)
        if above in intensities and not self._tuned:
            intensity = intensities[above]
            del times[: bisect_left(times, event.at - intensity.period)]
            require(len(times) <= intensity.restarts, f"{above} restarted too often: {times}")


def check_conservation(registry: Registry[Any, Any]) -> None:
    """Every message it accepted is accounted for. Raises AssertionError."""
    s = registry.statistics()
    accounted = s.handled + s.lost + s.dropped + s.waiting + s.in_hand
    require(s.accepted == accounted and s.waiting >= 0, f"messages unaccounted for: {s}")


def require(holds: bool, otherwise: str) -> None:
    """Raise AssertionError unless it holds; `assert` may be switched off."""
    if not holds:
        raise AssertionError(otherwise)
