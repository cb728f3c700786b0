"""Tools to test supervised systems with. No test framework needed; Hypothesis only where it is named.

- `TrioRunner`: drive Trio from code that is not async, on a fake clock.
- `ActorMachine` (needs Hypothesis): a state machine around your tree with the library's laws built in.
- `Laws`: the same laws for tests without Hypothesis.
- `cancel_each_checkpoint`: cancel an operation at each of its suspensions.
- `Probe`, `FaultPlan`, `Recorder`: an actor that writes down, faults on purpose, every hook as a value.
- `check_mailbox`, `check_registry`, `check_supervisor`: contract suites for variants of a part.
- `check_linearizable`, `History`: is there an order that explains these concurrent results?
- `strategies` (needs Hypothesis): `intensities()`, `child_specs()`, `trees()`, `fault_plans()`, …
"""

from typing import TYPE_CHECKING

from ._cancel import cancel_each_checkpoint
from ._contracts import assert_stopped_in_order, check_mailbox, check_registry, check_supervisor
from ._faults import CRASH, HANG, Fault, FaultKind, FaultPlan, PlannedCrash
from ._laws import Laws, check_conservation
from ._linear import History, Model, Operation, check_linearizable
from ._probe import Probe
from ._recorder import Event, Recorder
from ._runner import TrioRunner

if TYPE_CHECKING:
    from . import _strategies as strategies
    from ._machine import ActorMachine

__all__ = [
    "CRASH",
    "HANG",
    "ActorMachine",
    "Event",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "History",
    "Laws",
    "Model",
    "Operation",
    "PlannedCrash",
    "Probe",
    "Recorder",
    "TrioRunner",
    "assert_stopped_in_order",
    "cancel_each_checkpoint",
    "check_conservation",
    "check_linearizable",
    "check_mailbox",
    "check_registry",
    "check_supervisor",
    "strategies",
]


def __getattr__(name: str) -> object:
    """What needs Hypothesis is imported on demand."""
    if name == "ActorMachine":
        from ._machine import ActorMachine

        return ActorMachine
    if name == "strategies":
        import hypothesis  # noqa: F401 -- first, since it imports the same module by its entry point

        from . import _strategies

        return _strategies
    raise AttributeError(name)
