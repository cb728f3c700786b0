"""The restart policy: what a supervisor decides, as plain functions over plain values.

Nothing here awaits, reads a clock or rolls dice; time and jitter are arguments. The shell
(`_supervisor.py`, `_registry.py`) asks a question, gets a value, and does what it says. The rules are
those of Erlang/OTP (`supervisor(3)` and the design principles, "Supervisor behaviour"):

======== ==========================  =====================================================
child    ends                        then
======== ==========================  =====================================================
any      because it was asked to     nothing
PERMANENT otherwise                  restart
TRANSIENT returned or ExitShutdown   it stays listed, down
TRANSIENT crashed                    restart
TEMPORARY otherwise                  it is forgotten, also when it was only a bystander
======== ==========================  =====================================================

A restart under ONE_FOR_ALL stops and starts every child, under REST_FOR_ONE those that were started
after the failed one: stopped in reverse order, started in order. Children of such a group that were
down already (a TRANSIENT that had finished, one an operator stopped) are started with the group.

What can never happen: two decisions from one exit, a TEMPORARY child in a start list, the failed child
in its own stop list.
"""

import enum
import math
from collections.abc import Iterable, Sequence

import attrs


class Restart(enum.Enum):
    """When a child that ended by itself is started again."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """Only after a crash."""
    TEMPORARY = "temporary"
    """Never, not even as a bystander of a group restart."""


class Strategy(enum.Enum):
    """Who is restarted together with a failed child."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class AutoShutdown(enum.Enum):
    """Whether a supervisor ends when its significant children have ended for good."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


class ExitKind(enum.Enum):
    """How one incarnation of a child ended."""

    RETURNED = "returned"
    """Its function returned."""
    SHUTDOWN = "shutdown"
    """It raised `ExitShutdown`: it left on purpose (OTP's `exit(shutdown)`)."""
    CRASHED = "crashed"
    """It raised any other `Exception` after it was ready."""
    START_FAILED = "start_failed"
    """It raised, returned or ran out of time before it was ready."""
    STOPPED = "stopped"
    """It was asked to stop and did, within its time."""
    KILLED = "killed"
    """It was asked to stop, let its polite time pass, and had to be cancelled."""


_ASKED = frozenset({ExitKind.STOPPED, ExitKind.KILLED})
_NORMAL = frozenset({ExitKind.RETURNED, ExitKind.SHUTDOWN})


def _positive(_: object, attribute: "attrs.Attribute[float]", value: float) -> None:
    if not value > 0:
        raise ValueError(f"{attribute.name} must be more than 0, not {value!r}")


def _not_negative(_: object, attribute: "attrs.Attribute[float]", value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{attribute.name} must not be less than 0, not {value!r}")


def _count(_: object, attribute: "attrs.Attribute[int]", value: object) -> None:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{attribute.name} is a whole number from 0, not {value!r}")


@attrs.frozen
class Intensity:
    """At most `restarts` in any `period` seconds; one more is too many.

    Both ends of the window count, as in OTP. Burst = restarts, sustained rate = restarts / period.
    """

    restarts: int = attrs.field(validator=_count)
    period: float = attrs.field(validator=_positive)

    @classmethod
    def parse(cls, text: str) -> "Intensity":
        """Read `"5/30"`: five in thirty seconds. Raises ValueError."""
        restarts, slash, period = text.partition("/")
        if not slash:
            raise ValueError(f"an intensity is written RESTARTS/SECONDS, not {text!r}")
        return cls(int(restarts), float(period))

    def __str__(self) -> str:
        return f"{self.restarts}/{self.period:g}"


@attrs.frozen
class Backoff:
    """Seconds to wait before restart 0, 1, 2 … of a child that keeps failing.

    `initial * factor ** attempt`, at most `maximum`, shortened by up to the fraction `jitter`. A child
    that stayed up for `reset_after` seconds begins at `initial` again.
    """

    initial: float = attrs.field(default=0.2, validator=_not_negative)
    factor: float = attrs.field(default=2.0, validator=attrs.validators.ge(1.0))
    maximum: float = attrs.field(default=30.0, validator=_not_negative)
    jitter: float = attrs.field(default=0.2, validator=[attrs.validators.ge(0.0), attrs.validators.le(1.0)])
    reset_after: float = attrs.field(default=60.0, validator=_not_negative)

    def delay(self, attempt: int, sample: float) -> float:
        """Seconds to wait; `sample` in [0, 1) comes from the caller's dice."""
        if self.initial == 0:
            return 0.0
        try:
            base = min(self.maximum, self.initial * self.factor**attempt)
        except OverflowError:  # long past any maximum
            base = self.maximum
        return base * (1.0 - self.jitter * sample)


@attrs.frozen
class Shutdown:
    """How long a child may take to stop, in seconds.

    A child that asked for the polite signal (`actors.stopping()`) has `timeout` seconds to leave by
    itself and is then cancelled; any other is cancelled at once. A cancelled child has `cancel_grace`
    seconds for its clean-up; after that it is reported as stuck, because a Trio task cannot be killed.
    """

    timeout: float = attrs.field(default=5.0, validator=_not_negative)
    cancel_grace: float = attrs.field(
        default=attrs.Factory(lambda self: self.timeout, takes_self=True), validator=_not_negative
    )

    @property
    def total(self) -> float:
        """The longest time a stop can take before the child is called stuck."""
        return self.timeout + self.cancel_grace


@attrs.frozen
class Seat:
    """What the policy knows of one child."""

    id: str
    restart: Restart = Restart.PERMANENT
    significant: bool = False
    alive: bool = True


@attrs.frozen
class Plan:
    """What to do about one exit. Do it in the order of the fields."""

    restart: bool = False
    """Count one restart against the intensity first; give up if it is one too many."""
    stop: tuple[str, ...] = ()
    """Stop these, one after the other."""
    forget: tuple[str, ...] = ()
    """Take these off the list."""
    start: tuple[str, ...] = ()
    """Start these, one after the other."""
    shutdown: bool = False
    """Stop everything and end normally: the significant children are gone."""


def restarts(restart: Restart, kind: ExitKind) -> bool:
    """Whether this kind of child is started again after this kind of exit."""
    if kind in _ASKED or restart is Restart.TEMPORARY:
        return False
    return restart is Restart.PERMANENT or kind not in _NORMAL


def group(strategy: Strategy, seats: Sequence[Seat], failed: str) -> Sequence[Seat]:
    """The seats that restart together when `failed` restarts, in start order."""
    place = next(index for index, seat in enumerate(seats) if seat.id == failed)
    if strategy is Strategy.ONE_FOR_ONE:
        return seats[place : place + 1]
    return seats if strategy is Strategy.ONE_FOR_ALL else seats[place:]


def decide(
    strategy: Strategy, auto_shutdown: AutoShutdown, seats: Sequence[Seat], failed: str, kind: ExitKind
) -> Plan:
    """The plan for the exit of `failed`. `seats` is in start order; the seat of `failed` is not alive."""
    seat = next(seat for seat in seats if seat.id == failed)
    if restarts(seat.restart, kind):
        members = group(strategy, seats, failed)
        return Plan(
            restart=True,
            stop=tuple(s.id for s in reversed(members) if s.alive and s.id != failed),
            forget=tuple(s.id for s in members if s.restart is Restart.TEMPORARY),
            start=tuple(s.id for s in members if s.restart is not Restart.TEMPORARY),
        )
    forget = (failed,) if seat.restart is Restart.TEMPORARY else ()
    # OTP: a significant child the supervisor itself stopped does not end the supervisor
    ends = seat.significant and kind not in _ASKED
    if ends and auto_shutdown is AutoShutdown.ALL_SIGNIFICANT:
        ends = not any(s.significant and s.alive and s.id != failed for s in seats)
    return Plan(forget=forget, shutdown=ends and auto_shutdown is not AutoShutdown.NEVER)


def admit(history: Iterable[float], now: float, intensity: Intensity) -> tuple[tuple[float, ...], bool]:
    """Enter one restart at `now`: the history still in the window, and whether it is within bounds."""
    recent = (*(then for then in history if then >= now - intensity.period), now)
    return recent, len(recent) <= intensity.restarts


def attempt_after(attempt: int, uptime: float, backoff: Backoff) -> int:
    """The attempt number a failure after `uptime` seconds has: 0 again if it stayed up long enough."""
    return 0 if uptime >= backoff.reset_after else attempt


def shed_count(active: int, pressure: float, high: float, low: float) -> int:
    """How many of `active` actors to let go so that pressure falls from `pressure` to `low`.

    Nothing below `high` (hysteresis). Assumes that memory in use is proportional to the number of
    actors, which errs on the side of letting too few go; the next look lets go of more.
    """
    if pressure < high or pressure <= 0:
        return 0
    return math.ceil(active * max(0.0, 1.0 - low / pressure))
