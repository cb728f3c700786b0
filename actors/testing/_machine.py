"""A Hypothesis state machine around a running tree, with the laws of the library built in as invariants."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors import Registry, RestartIntensityExceeded, Supervisor

from ._recorder import Event, Recorder
from ._runner import TrioRunner

Root = Supervisor | Registry[Any, Any]


class ActorMachine(RuleBasedStateMachine):
    """Subclass it: `build()` makes the root of your tree, your rules poke it through `self.runner`.

    Give `instruments=[self.recorder]` to the root. If the tree depends on drawn values, let `build`
    return None and call `self.begin(root)` from an `@initialize` rule. Call
    `self.handled(address, message)` from your actors when they are done with a message, if order
    matters. Checked after every rule:

    - at most one incarnation of each path lives;
    - accepted = handled + lost + dropped + waiting + in hand, in every registry of the tree;
    - what an address handled is in the order it was accepted, each message once;
    - a supervisor's restarts stay within its intensity in every window, until it gives up.

    And at the end: after the tree is cancelled nothing of it lives.
    """

    def __init__(self) -> None:
        super().__init__()
        self.recorder = Recorder(messages=True)
        self.runner = TrioRunner()
        self.gave_up: RestartIntensityExceeded | None = None
        """Why the root escalated, once it has."""
        self.root: Root | None = None
        self._digested = 0
        self._living: dict[str, int] = defaultdict(int)
        self._restarts: dict[str, list[float]] = defaultdict(list)
        self._accepted: dict[str, list[object]] = defaultdict(list)
        self._handled: list[tuple[str, object]] = []
        root = self.build()
        if root is not None:
            self.begin(root)

    def build(self) -> Root | None:
        """Make the tree. It is started when you return it."""
        return None

    def begin(self, root: Root) -> None:
        """Start this tree; it must have started when everybody waits."""
        self.root = root
        self.runner.start(self._run)
        self.runner.settle()

    def handled(self, address: str, message: object) -> None:
        """An actor finished a message."""
        self._handled.append((address, message))

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 10.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        """Let time pass."""
        self.runner.advance(seconds)

    @invariant()
    def the_laws_hold(self) -> None:
        """One incarnation per path, conservation, order, intensity."""
        intensities = {n.path: n.intensity for n in self.nodes() if isinstance(n, Supervisor)}
        for event in self.recorder.events[self._digested :]:
            self._digest_life(event)
            if event.hook == "restart_planned":
                self._digest_restart(event, intensities)
            elif event.hook == "message_accepted":
                self._accepted[event.path].append(event.value)
        self._digested = len(self.recorder.events)
        for address, message in self._handled:
            queue = self._accepted[address]
            _require(message in queue, f"{address} handled {message!r} out of order, or twice")
            del queue[: queue.index(message) + 1]
        self._handled.clear()
        self._check_conservation()

    def _digest_life(self, event: Event) -> None:
        if event.hook in {"child_started", "activated"}:
            self._living[event.path] += 1
            _require(self._living[event.path] <= 1, f"two incarnations of {event.path}")
        elif event.hook == "child_exited":
            self._living.pop(event.path, None)
            self._restarts.pop(event.path, None)  # a supervisor begins a new window when it is restarted

    def _digest_restart(self, event: Event, intensities: dict[str, Any]) -> None:
        above = event.path.rpartition("/")[0]
        times = self._restarts[above]
        times.append(event.at)
        if above in intensities and not self.recorder.of("tuned"):
            intensity = intensities[above]
            first = bisect_left(times, event.at - intensity.period)
            _require(len(times) - first <= intensity.restarts, f"{above} restarted too often: {times}")

    def _check_conservation(self) -> None:
        for node in self.nodes():
            if isinstance(node, Registry):
                s = self.runner.call(node.statistics) if self.runner.alive else node.statistics()
                accounted = s.handled + s.lost + s.dropped + s.waiting + s.in_hand
                _require(s.accepted == accounted and s.waiting >= 0, f"messages unaccounted for: {s}")

    def nodes(self) -> Iterator[Root]:
        """The root and every supervisor and registry that runs below it."""
        pending: list[object] = [self.root]
        while pending:
            node = pending.pop()
            if isinstance(node, Registry):
                yield node
            elif isinstance(node, Supervisor):
                yield node
                for child in node.children():
                    pending.extend(() if child.life is None else child.life.nodes)

    def teardown(self) -> None:
        """Stop everything and look whether anything is left."""
        nodes = list(self.nodes())
        self.runner.close()
        for node in nodes:
            _require(not node.running, f"{node!r} still runs")
            if isinstance(node, Registry):
                _require(node.statistics().active == 0, f"{node!r} still has actors")
        self.the_laws_hold()
        living = sorted(path for path, count in self._living.items() if count)
        _require(not living, f"still alive: {living}")

    async def _run(self, *, task_status: trio.TaskStatus[object]) -> None:
        if self.root is not None:
            try:
                await self.root.run(task_status=task_status)
            except RestartIntensityExceeded as exceeded:
                self.gave_up = exceeded


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
