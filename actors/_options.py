"""The knobs of a registry, as one frozen value that is replaced whole."""

from collections.abc import Callable

import attrs

from ._policy import Backoff, Intensity
from ._terms import check_bounds


@attrs.frozen
class Shedding:
    """Let idle actors go when memory runs short: from `high` down to `low`, looking every `interval` s.

    `pressure` returns the part of the memory budget in use, 0 to 1 (from cgroup files, say).
    """

    pressure: Callable[[], float]
    high: float = 0.80
    low: float = 0.75
    interval: float = attrs.field(default=5.0, validator=attrs.validators.gt(0))

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise ValueError(f"low must lie between 0 and high, not {self.low!r} with high {self.high!r}")


def _seconds(_: object, attribute: "attrs.Attribute[float]", value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{attribute.name} is in seconds from 0, or math.inf, not {value!r}")


def _cap(_: object, __: object, value: float) -> None:
    if not value >= 1:
        raise ValueError(f"cap is a number of keys from 1 (math.inf: no cap), not {value!r}")


@attrs.frozen
class RegistryOptions:
    """How the actors of a registry live. Times in seconds; `math.inf` switches a limit off."""

    idle_timeout: float = attrs.field(default=120.0, validator=_seconds)
    """Nothing came for this long: the actor is asked to leave. 0: as soon as nothing waits."""
    capacity: float = 64
    """Messages that may wait for one key."""
    max_weight: int | None = None
    """Weight that may wait for one key."""
    weigh: Callable[..., int] | None = None
    """The weight of a message."""
    cap: float = attrs.field(default=float(10_000), validator=_cap)
    """Active keys; the longest idle one makes room for a new one."""
    quarantine: Intensity = Intensity(3, 60.0)  # noqa: RUF009 - frozen
    """More crashes of one key than this, and the key rests."""
    quarantine_time: float = attrs.field(default=60.0, validator=_seconds)
    storm: Intensity = Intensity(100, 10.0)  # noqa: RUF009 - frozen
    """More crashes over all keys than this, and the registry gives up."""
    backoff: Backoff | None = None
    """Wait before a crashed key is started again; None: at once."""
    eager: bool = False
    """Start a crashed key again also when nothing waits for it."""
    shutdown: float = attrs.field(default=5.0, validator=_seconds)
    """For all actors together to finish their queues and leave, when the registry stops."""
    cancel_grace: float = attrs.field(default=1.0, validator=_seconds)
    """For those that had to be cancelled; after that they are reported as stuck."""
    activate_timeout: float = attrs.field(default=30.0, validator=_seconds)
    """From the start of an incarnation to its first take."""
    passivate_timeout: float = attrs.field(default=30.0, validator=_seconds)
    """From the empty batch that asks it to leave to its end."""
    shedding: Shedding | None = None

    def __attrs_post_init__(self) -> None:
        check_bounds(self.capacity, self.max_weight)
        if self.max_weight is not None and self.weigh is None:
            raise ValueError("max_weight without weigh bounds nothing")
