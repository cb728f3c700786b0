"""What is counted together, and how often it may happen: the classes of requests, as data.

Each method of the route table names one class; its calls over every transport and in both families are
counted together, per account. The settings `[rate]` have one line for each class.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from router.config.sections import Rates
from router.limits.rate import Rate

SEND: Final = "send"
FAILED_AUTH: Final = "failedAuth"
PREFLIGHT: Final = "preflight"
LOGIN: Final = "login"
CLAIM: Final = "claimKeyPackage"
CLAIM_FROM_ONE: Final = "claimFromOne"
REJOIN: Final = "rejoin"
REISSUE_WELCOME: Final = "reissueWelcome"
_HOUR: Final = 3_600


class Whose(enum.StrEnum):
    """Whose bucket a request is taken from. Each kind has a table of its own: none can crowd out another."""

    ACCOUNT = "account"
    ADDRESS = "address"
    """A network address nobody has vouched for: IPv4 whole, IPv6 by its /64."""
    TARGET = "target"
    """The account that something is taken from, whoever takes it; or a pair of who asks and where."""


@attrs.frozen
class QuotaClass:
    """One class and its rate."""

    name: str
    whose: Whose
    rate: Rate


def classes(settings: Rates) -> Mapping[str, QuotaClass]:
    """Every class by name, with the rates of these settings."""
    rates = {
        Whose.ACCOUNT: {
            SEND: settings.send,
            "publishKeyPackage": settings.publish_key_package,
            "publishKeyPackages": settings.publish_key_packages,
            "addMembers": settings.add_members,
            "removeMember": settings.remove_member,
            "registerDevice": settings.register_device,
            "createConvo": settings.create_convo,
            "reportMember": settings.report_member,
            "checkBlocks": settings.check_blocks,
            "read": settings.read,
            "stream": settings.stream,
            "default": settings.default,
        },
        Whose.ADDRESS: {
            FAILED_AUTH: settings.failed_auth,
            PREFLIGHT: settings.preflight,
            LOGIN: settings.login,
        },
        Whose.TARGET: {
            CLAIM: settings.claim_key_package,
            CLAIM_FROM_ONE: settings.claim_from_one,
            REJOIN: settings.rejoin,
            REISSUE_WELCOME: settings.reissue_welcome,
        },
    }
    hourly = {REJOIN, REISSUE_WELCOME}
    return MappingProxyType(
        {
            name: QuotaClass(name, whose, Rate(quota, _HOUR) if name in hourly else Rate(quota))
            for whose, quotas in rates.items()
            for name, quota in quotas.items()
        }
    )
