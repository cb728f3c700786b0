"""Which keys crash too often, and whether all of them together do. Pure: time is an argument.

Two sliding windows: one per key, whose excess puts the key into quarantine, and one over all keys, whose
excess is a storm. Only keys that crashed within the last period, or rest, are remembered.
"""

import math
from collections.abc import Hashable
from typing import Generic, TypeVar

from ._events import Exit
from ._options import RegistryOptions
from ._policy import admit

K = TypeVar("K", bound=Hashable)


class CrashLedger(Generic[K]):
    """The crashes of one registry."""

    __slots__ = ("_crashes", "_resting", "_storm", "storm_exits")

    def __init__(self) -> None:
        self._crashes: dict[K, tuple[float, ...]] = {}
        self._resting: dict[K, float] = {}
        self._storm: tuple[float, ...] = ()
        self.storm_exits: tuple[Exit, ...] = ()
        """The crashes in the storm's window, the newest last."""

    def calm_down(self) -> None:
        """A new run begins: its storm window is empty. Quarantines go on."""
        self._storm = self.storm_exits = ()

    def crash(self, key: K, exit_: Exit, now: float, options: RegistryOptions) -> tuple[bool, bool]:
        """Enter a crash: (whether the key rests from now on, whether this is a storm)."""
        self._storm, calm = admit(self._storm, now, options.storm)
        self.storm_exits = (*self.storm_exits, exit_)[-len(self._storm) :]
        history, within = admit(self._crashes.get(key, ()), now, options.quarantine)
        if within:
            self._crashes[key] = history
        else:
            self._crashes.pop(key, None)
            self._resting[key] = now + options.quarantine_time
        return not within, not calm

    def rests(self, key: K) -> float | None:
        """When the quarantine of this key ends, or None if it has none (it may be over by now)."""
        return self._resting.get(key)

    def release(self, key: K) -> bool:
        """End the quarantine of this key. Whether it had one."""
        return self._resting.pop(key, None) is not None

    def over(self, now: float) -> list[K]:
        """The keys whose quarantine has ended by itself."""
        return [key for key, until in self._resting.items() if until <= now]

    def forget(self, now: float, period: float) -> float:
        """Forget what can no longer matter at `now`; when to look again."""
        horizon = now - period
        self._crashes = {key: times for key, times in self._crashes.items() if times[-1] >= horizon}
        next_crash = now + period if self._crashes else math.inf
        return min(next_crash, *self._resting.values()) if self._resting else next_crash

    def resting(self) -> dict[K, float]:
        """The keys in quarantine and when each one ends."""
        return dict(self._resting)

    def __len__(self) -> int:
        """How many keys are in quarantine."""
        return len(self._resting)

    def storm_size(self, now: float, period: float) -> int:
        """How many crashes the storm's window holds."""
        return sum(then >= now - period for then in self._storm)
