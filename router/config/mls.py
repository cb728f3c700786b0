"""Settings of MLS: which suites are taken, how key packages are kept and handed out, who helps whom back in.

A suite is written by its name or its number, since numbers above 7 are settled nowhere: 0x004D (77) is X-Wing
with OpenMLS and Catbird, and another KEM elsewhere.
"""

import re
from typing import Final, Literal

import attrs

from router.config.options import option

_DAY = 86_400

SUITE_NAMES: Final = {
    "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519": 1,
    "MLS_128_DHKEMP256_AES128GCM_SHA256_P256": 2,
    "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519": 3,
    "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448": 4,
    "MLS_256_DHKEMP521_AES256GCM_SHA512_P521": 5,
    "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448": 6,
    "MLS_256_DHKEMP384_AES256GCM_SHA384_P384": 7,
    "MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519": 0x004D,
}
"""The suites this server can check (RFC 9420 section 17.1, and X-Wing as Catbird names it)."""


class BadSuiteError(ValueError):
    """Not a list of cipher suites: the text names the part that is none."""


@attrs.frozen(kw_only=True)
class Mls:
    """MLS groups: suites, key packages, devices that come back."""

    cipher_suites: str = option(
        "1, 2, 3, 4, 5, 6, 7",
        "Suites of key packages that are taken, by name or number; 77 (0x4D) is X-Wing.",
    )
    key_package_lifetime: int = option(
        90 * _DAY,
        "Longest total lifetime of a key package.",
        unit="s",
        minimum=3_600,
        maximum=366 * _DAY,
    )
    key_package_skew: int = option(
        3_600,
        "How far ahead a client's clock may be: a lifetime may begin so far in the future.",
        unit="s",
        minimum=0,
        maximum=_DAY,
    )
    max_key_packages: int = option(
        200, "Key packages of one device, last resorts included.", minimum=1, maximum=1_000
    )
    max_batch: int = option(100, "Key packages in one publishKeyPackages.", minimum=1, maximum=200)
    max_targets: int = option(
        100,
        "Accounts in one getKeyPackages, which takes one from each of their devices.",
        minimum=1,
        maximum=100,
    )
    claim_ttl: int = option(
        600,
        "A key package that was taken and not used by a commit goes back after this.",
        unit="s",
        minimum=10,
        maximum=_DAY,
    )
    lapsed_claims: Literal["return", "destroy"] = option(
        "return", "What becomes of it then: it may be taken again, or counts as used."
    )
    welcome_lifetime: int = option(
        90 * _DAY,
        "A Welcome that its device neither acknowledges nor rejects ends after this: as long as a key package"
        " may live, by default.",
        unit="s",
        minimum=3_600,
        maximum=366 * _DAY,
    )
    ended_retention: int = option(
        30 * _DAY,
        "Welcomes and requests that have ended, and invites that serve nobody any more, are kept so long.",
        unit="s",
        minimum=0,
        maximum=366 * _DAY,
    )
    evidence_retention: int = option(
        90 * _DAY,
        "Bytes of a refused commit, for a report of it, are kept so long.",
        unit="s",
        minimum=0,
        maximum=3_660 * _DAY,
    )
    report_retention: int = option(
        365 * _DAY,
        "A report is kept so long from its resolution, and a complaint from its arrival.",
        unit="s",
        minimum=_DAY,
        maximum=3_660 * _DAY,
    )
    low_stock: int = option(
        10,
        "Below so many key packages of a suite, a device is told to publish more.",
        minimum=1,
        maximum=1_000,
    )
    stock_target: int = option(50, "How many a device is advised to have.", minimum=1, maximum=1_000)
    reserve_time: int = option(
        300, "validateWelcome keeps a key package from others so long.", unit="s", minimum=10, maximum=3_600
    )
    addition_lease: int = option(
        60,
        "Who takes the addition of a new device has so long for the commit.",
        unit="s",
        minimum=5,
        maximum=3_600,
    )
    readdition_lease: int = option(
        3,
        "A member device that is asked to add a lost one again has so long before the next is asked.",
        unit="s",
        minimum=1,
        maximum=60,
    )
    stuck_welcome: int = option(
        600,
        "`rookery welcomes` shows Welcomes that nobody has acknowledged for so long.",
        unit="s",
        minimum=0,
        maximum=30 * _DAY,
    )


def parse_suites(text: str) -> tuple[int, ...]:
    """The numbers of `1, MLS_…_Ed25519, 0x4D`, in order, each once; raises `BadSuiteError`."""
    found: dict[int, None] = {}
    for part in filter(None, re.split(r"[\s,]+", text)):
        number = SUITE_NAMES.get(part)
        if number is None:
            try:
                number = int(part, 0)
            except ValueError:
                number = -1
        if number not in SUITE_NAMES.values():
            raise BadSuiteError(f"{part} is no cipher suite that this server can check")
        found[number] = None
    if not found:
        raise BadSuiteError("no cipher suite is named")
    return tuple(found)
