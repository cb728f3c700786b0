"""Cipher suites by name and number: the contract names them, MLS numbers them (RFC 9420 section 17.1)."""

from __future__ import annotations

from typing import Final

from crypto.mls import STANDARD_SUITES, X_WING_SUITE, GroupPolicy, suites
from router.edge.errors import Refusal

SUITES: Final = suites(*STANDARD_SUITES.values(), X_WING_SUITE)
"""The suites this server can check, by number."""

POLICY: Final = GroupPolicy(SUITES)
"""What a group may be."""

NUMBERS: Final = {
    "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519": 1,
    "MLS_128_DHKEMP256_AES128GCM_SHA256_P256": 2,
    "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519": 3,
    "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448": 4,
    "MLS_256_DHKEMP521_AES256GCM_SHA512_P521": 5,
    "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448": 6,
    "MLS_256_DHKEMP384_AES256GCM_SHA384_P384": 7,
    "MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519": X_WING_SUITE.number,
}
"""The numbers of the names: the lexicon's known values, the RFC's seventh, and X-Wing as Catbird names it."""

NAMES: Final = {number: name for name, number in NUMBERS.items()}
"""And back."""


def suite_number(name: str) -> int:
    """The number of a suite's name; refuses with `InvalidCipherSuite` what this server does not know."""
    number = NUMBERS.get(name)
    if number is None:
        raise Refusal("InvalidCipherSuite", "The cipher suite is not one this server accepts.")
    return number
