"""Tools to test supervised systems with. No test framework needed; Hypothesis only where it is named."""

from typing import TYPE_CHECKING

from ._cancel import cancel_each_checkpoint
from ._recorder import Event, Recorder
from ._runner import TrioRunner

if TYPE_CHECKING:
    from ._machine import ActorMachine

__all__ = ["ActorMachine", "Event", "Recorder", "TrioRunner", "cancel_each_checkpoint"]


def __getattr__(name: str) -> object:
    """`ActorMachine` needs Hypothesis; nothing else here does."""
    if name == "ActorMachine":
        from ._machine import ActorMachine

        return ActorMachine
    raise AttributeError(name)
