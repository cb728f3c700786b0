"""Cipher suites by name and number: the contract names them, MLS numbers them (RFC 9420 section 17.1)."""

from __future__ import annotations

from typing import Final

from crypto.mls import STANDARD_SUITES, X_WING_SUITE, GroupPolicy, suites
from router.config import Mls, parse_suites
from router.config.mls import SUITE_NAMES
from router.edge.errors import Refusal

SUITES: Final = suites(*STANDARD_SUITES.values(), X_WING_SUITE)
"""The suites this server can check, by number."""

POLICY: Final = GroupPolicy(SUITES)
"""What a group may be that is read again."""

NUMBERS: Final = SUITE_NAMES
"""The numbers of the names."""

NAMES: Final = {number: name for name, number in NUMBERS.items()}
"""And back."""

_REFUSED: Final = Refusal("InvalidCipherSuite", "The cipher suite is not one this server accepts.")


def suite_number(name: str) -> int:
    """The number of a suite's name; refuses with `InvalidCipherSuite` what this server does not know."""
    number = NUMBERS.get(name)
    if number is None:
        raise _REFUSED
    return number


def new_suite(settings: Mls, name: str) -> int:
    """The same for a group that begins: of a suite that the operator takes. Groups that are here go on."""
    number = suite_number(name)
    if number not in parse_suites(settings.cipher_suites):
        raise _REFUSED
    return number
