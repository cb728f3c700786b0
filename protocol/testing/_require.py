"""The expectations of this kit: AssertionErrors that hold under `python -O` as well, and say what was."""

from typing import NoReturn


def require(holds: bool, what: str) -> None:
    """Raise AssertionError with `what` unless it holds."""
    if not holds:
        raise AssertionError(what)


def fail(what: str) -> NoReturn:
    """Raise AssertionError with `what`."""
    raise AssertionError(what)


def require_equal(found: object, expected: object, what: str) -> None:
    """Raise AssertionError that names both unless they are equal."""
    if found != expected:
        raise AssertionError(f"{what}: found {found!r}, expected {expected!r}")
