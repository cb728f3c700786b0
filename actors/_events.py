"""What happened, as frozen values: exits, dead letters, stuck children, changes of knobs."""

import enum
from collections.abc import Mapping

import attrs

from ._policy import ExitKind


@attrs.frozen
class Exit:
    """One incarnation ended. Matched by `incarnation`, never by id: a late exit is not a new one."""

    path: str
    id: str
    incarnation: int
    kind: ExitKind
    error: BaseException | None
    uptime: float
    """Seconds since it was ready; 0 when it never was."""
    asked: bool = False
    """It was being stopped when it ended, so that nothing follows from this exit."""
    in_hand: int = 0
    """Messages it had taken and not finished; they are dead letters, not retried."""


class Fate(enum.Enum):
    """Why an accepted message will never be handled."""

    POISON = "poison"
    """In hand when its actor crashed."""
    INTERRUPTED = "interrupted"
    """In hand when its actor was stopped."""
    UNANSWERED = "unanswered"
    """An ask whose actor returned without an answer."""
    CLOSED = "closed"
    """Waiting when the address closed."""
    QUARANTINED = "quarantined"
    """Waiting when its key was put into quarantine."""


@attrs.frozen
class DeadLetter:
    """An accepted message that will not be handled; if it was an ask, its asker was told."""

    address: str
    message: object
    fate: Fate
    error: BaseException | None


@attrs.frozen
class StuckChild:
    """A child ignores its cancellation: it cannot be killed, only reported. Replace the process."""

    path: str
    incarnation: int
    waited: float
    """Seconds since it was first asked to stop."""


@attrs.frozen
class Tuned:
    """Knobs of one node changed while it runs."""

    path: str
    before: Mapping[str, object]
    after: Mapping[str, object]


@attrs.frozen
class SlowStep:
    """An actor held the only thread for `seconds` without a checkpoint."""

    path: str
    task: str
    seconds: float
