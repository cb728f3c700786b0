"""A Hypothesis state machine around a running tree, with the laws of the library built in as invariants."""

from collections.abc import Iterator

import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors import Registry, RestartIntensityExceeded

from ._laws import Laws, Root, nodes_of, require
from ._recorder import Recorder
from ._runner import TrioRunner


class ActorMachine(RuleBasedStateMachine):
    """Subclass it: `build()` makes the root of your tree, your rules poke it through `self.runner`.

    Give `instruments=[self.recorder]` to the root. If the tree depends on drawn values, let `build`
    return None and call `self.begin(root)` from an `@initialize` rule. Call
    `self.handled(address, message)` from your actors when they are done with a message, if order
    matters. After every rule the laws of `Laws` are checked; at the end, that nothing of the tree lives
    after it is cancelled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.laws: Laws = Laws()
        self.recorder: Recorder = self.laws.recorder
        self.runner: TrioRunner = TrioRunner()
        self.gave_up: RestartIntensityExceeded | None = None
        """Why the root escalated, once it has."""
        self.root: Root | None = None
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
        self.laws.handled(address, message)

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 10.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        """Let time pass."""
        self.runner.advance(seconds)

    @invariant()
    def the_laws_hold(self) -> None:
        """See `Laws`."""
        self.runner.call(self.laws.check, self.root)

    def nodes(self) -> Iterator[Root]:
        """The root and every supervisor and registry that runs below it."""
        return nodes_of(self.root)

    def teardown(self) -> None:
        """Stop everything and look whether anything is left."""
        nodes = list(self.nodes())
        self.runner.close()
        for node in nodes:
            require(not node.running, f"{node!r} still runs")
            if isinstance(node, Registry):
                require(node.statistics().active == 0, f"{node!r} still has actors")
        self.laws.check(self.root)
        require(not self.laws.living, f"still alive: {self.laws.living}")

    async def _run(self, *, task_status: trio.TaskStatus[object]) -> None:
        if self.root is not None:
            try:
                await self.root.run(task_status=task_status)
            except RestartIntensityExceeded as exceeded:
                self.gave_up = exceeded
