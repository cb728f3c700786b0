"""What a check ends with, and what it says when the server does not conform."""

from typing import Literal

import attrs

Result = Literal["passed", "failed", "skipped", "error"]


class Nonconformity(AssertionError):
    """The server breaks the contract: what was asked, what the contract wants, what was answered."""


class Skipped(Exception):
    """This check cannot be made here; the text says why."""


@attrs.frozen
class Verdict:
    """How one check ended."""

    name: str
    area: str
    result: Result
    seconds: float
    detail: str = ""
    """What was wrong, or why it was skipped."""
    exchanges: tuple[str, ...] = ()
    """Of a check that failed: the last requests and their answers, without tokens."""


def demand(holds: object, what: str) -> None:
    """Raise `Nonconformity` with `what` unless it holds."""
    if not holds:
        raise Nonconformity(what)


def demand_equal(found: object, expected: object, what: str) -> None:
    """Raise `Nonconformity` that names both unless they are equal."""
    if found != expected:
        raise Nonconformity(f"{what}: the contract wants {expected!r}, the server says {found!r}")
