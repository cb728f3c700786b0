"""An actor that writes down what it gets, for tests that want to see messages arrive."""

from collections.abc import Callable
from typing import Generic, TypeVar

import trio

from actors import ActorContext, Envelope, Mailbox

from ._faults import FaultPlan

M = TypeVar("M")


class Probe(Generic[M]):
    """Use `probe.start` as the start of a child (it takes from `probe.mailbox`), or `probe.behave` in a
    registry. Asks are answered with `answer(message)`; `faults` tells it to misbehave.
    """

    def __init__(
        self,
        name: str = "probe",
        *,
        answer: Callable[[M], object] = lambda _: None,
        faults: FaultPlan | None = None,
        capacity: int = 64,
    ) -> None:
        self.mailbox: Mailbox[M] = Mailbox(name, capacity)
        self.received: list[M] = []
        """Everything it handled, in order."""
        self.incarnations: int = 0
        self.faults: FaultPlan = FaultPlan() if faults is None else faults
        self._answer = answer
        self._expected = 0
        self._changed = trio.Event()

    async def start(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start function of a child."""
        self.incarnations += 1
        task_status.started()
        while True:
            for envelope in await self.mailbox.take(max_items=1):
                await self._handle(envelope)

    async def behave(self, ctx: ActorContext[object, M]) -> None:
        """Behaviour of an addressed actor."""
        self.incarnations += 1
        while batch := await ctx.take(max_items=1):
            for envelope in batch:
                await self._handle(envelope)

    async def _handle(self, envelope: Envelope[M]) -> None:
        await self.faults.step()
        self.received.append(envelope.message)
        self._changed.set()
        self._changed = trio.Event()
        envelope.reply(self._answer(envelope.message))

    async def expect(self, *wanted: M, within: float = 5.0) -> None:
        """The next messages are exactly these. Raises AssertionError, at the latest after `within` s."""
        goal = self._expected + len(wanted)
        with trio.move_on_after(within):
            while len(self.received) < goal:
                await self._changed.wait()
        got = self.received[self._expected : goal]
        if got != list(wanted):
            raise AssertionError(f"expected {list(wanted)!r}, got {got!r}")
        self._expected = goal

    async def expect_nothing(self, within: float = 5.0) -> None:
        """Nothing new arrives for `within` seconds. Raises AssertionError."""
        await trio.sleep(within)
        news = self.received[self._expected :]
        if news:
            raise AssertionError(f"expected nothing, got {news!r}")
