"""Where randomness enters: this module alone asks the operating system for it.

Every function of the package that needs random bytes takes an `Entropy` argument that defaults to
`system_entropy`, so a test can make any run repeat itself, and a reader can find every place where
a secret is born. A test walks the package and fails if another module imports a source of
randomness.
"""

import secrets
from collections.abc import Callable
from typing import TypeAlias

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives so many random bytes that nobody can predict."""


def system_entropy(count: int) -> bytes:
    """`count` bytes from the operating system's generator; never blocks once the machine has booted."""
    return secrets.token_bytes(count)
