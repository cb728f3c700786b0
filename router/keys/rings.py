"""What every ring can do, and what is told of it. No secret is in any of these values."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec


class RingKey(Protocol):
    """One key, as far as an operator may know it."""

    @property
    def kid(self) -> str:
        """Its public name."""

    @property
    def created(self) -> int:
        """Unix seconds."""


class Ring(Protocol):
    """A key in use and those before it that still count. Short and synchronous."""

    @property
    def signing(self) -> RingKey:
        """The one in use."""

    def keys(self) -> Sequence[RingKey]:
        """All that count, oldest first; the last one is in use."""

    def rotate(self, *, at_once: bool = False) -> RingKey:
        """Use a new key from now on; `at_once` lets those before it count no longer."""


class KeyRow(msgspec.Struct, frozen=True, rename="camel"):
    """One key of one ring."""

    ring: str
    kid: str
    created_day: int
    """Days since 1970-01-01."""
    use: Literal["in use", "checks only"]


class Rotate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rotate the ring of this name."""

    name: str
    at_once: bool = False


class Rotated(msgspec.Struct, frozen=True, rename="camel"):
    """It took effect."""

    ring: str
    before: str
    after: str
    counting: int
    """Keys of the ring that count now, the new one among them."""


_DAY = 86_400


def rows(rings: Mapping[str, Ring]) -> list[KeyRow]:
    """Every key of every ring: by ring, newest first."""
    return [
        KeyRow(name, key.kid, key.created // _DAY, "checks only" if age else "in use")
        for name, ring in sorted(rings.items())
        for age, key in enumerate(reversed(ring.keys()))
    ]
