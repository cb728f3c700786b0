"""Faults on purpose: what an actor does wrong, and at which message."""

import enum
from collections.abc import Mapping

import attrs
import trio


class PlannedCrash(Exception):
    """The crash that a `FaultPlan` asked for."""


class FaultKind(enum.Enum):
    """What goes wrong."""

    CRASH = "crash"
    """Raise `PlannedCrash`."""
    HANG = "hang"
    """Wait until cancelled."""
    SLOW = "slow"
    """Take `seconds`, then go on."""
    STUBBORN = "stubborn"
    """Ignore cancellation for `seconds`, then go on."""


@attrs.frozen
class Fault:
    """One fault."""

    kind: FaultKind
    seconds: float = 0.0


CRASH = Fault(FaultKind.CRASH)
HANG = Fault(FaultKind.HANG)


class FaultPlan:
    """`await plan.step()` once per message; the n-th call (from 1, over all incarnations) has its fault.

    `FaultPlan({3: CRASH, 5: Fault(FaultKind.SLOW, 2.0)})`. Without a plan nothing happens.
    """

    def __init__(self, faults: Mapping[int, Fault] = {}) -> None:
        self.faults: dict[int, Fault] = dict(faults)
        self.steps: int = 0

    def __repr__(self) -> str:
        return f"FaultPlan({self.faults!r}) at step {self.steps}"

    def next_is(self, fault: Fault) -> None:
        """Put a fault on the next step."""
        self.faults[self.steps + 1] = fault

    async def step(self) -> None:
        """One message: suffer its fault."""
        self.steps += 1
        fault = self.faults.get(self.steps)
        match None if fault is None else fault.kind:
            case FaultKind.CRASH:
                raise PlannedCrash(f"at step {self.steps}")
            case FaultKind.HANG:
                await trio.sleep_forever()
            case FaultKind.SLOW if fault is not None:
                await trio.sleep(fault.seconds)
            case FaultKind.STUBBORN if fault is not None:
                with trio.CancelScope(shield=True):
                    await trio.sleep(fault.seconds)
            case _:
                pass
