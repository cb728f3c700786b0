"""Key packages as they come in: read, judged against device and settings, named by their KeyPackageRef.

Pure, so that a batch can be judged in a worker thread. The suite, the end of the lifetime and whether it is a
last resort are read from the bytes; what the client says beside them can only narrow (`expires`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import attrs

from crypto.mls import (
    FramingError,
    InvalidKeyPackage,
    KeyPackagePolicy,
    KeyPackageReason,
    Lifetime,
    SignatureScheme,
    admit_key_package,
    key_package_ref,
    read_key_package,
    suites,
)
from protocol import AccountDid
from router.config import Mls, parse_suites
from router.edge.errors import Refusal
from router.edge.mls.suites import NUMBERS, SUITES
from router.store.key_packages import KeyPackage

SCHEMES: Final = {
    SignatureScheme.ED448: 0x0808,
    SignatureScheme.P256: 0x0403,
    SignatureScheme.P384: 0x0503,
    SignatureScheme.P521: 0x0603,
}
"""Numbers of the schemes whose keys packages bind to a device (RFC 8446 section 4.2.3). A device's Ed25519
key is registered, so none binds it."""

NO_SUITE: Final = Refusal("InvalidCipherSuite", "The cipher suite is not one this server accepts.")


@attrs.frozen
class Offered:
    """One key package as a client sends it."""

    text: str
    """Base64."""
    suite: str | None = None
    """The name it gives its suite; the one in the bytes counts."""
    expires: int | None = None
    """Unix seconds after which the client wants it withdrawn."""


@attrs.frozen
class Owner:
    """The device that the packages have to be of."""

    account: AccountDid
    signature_key: bytes
    """The registered Ed25519 key."""
    scheme_keys: Mapping[int, bytes]
    """Keys of other schemes that earlier packages have bound to it."""


@lru_cache(maxsize=8)
def policy_of(settings: Mls) -> KeyPackagePolicy:
    """What these settings take."""
    return KeyPackagePolicy(
        suites=suites(*(SUITES[number] for number in parse_suites(settings.cipher_suites))),
        max_lifetime=settings.key_package_lifetime,
        clock_skew=settings.key_package_skew,
    )


def judge_all(
    offers: Sequence[Offered], owner: Owner, policy: KeyPackagePolicy, now: int
) -> list[KeyPackage | Refusal]:
    """Each by itself, in order."""
    return [judge(offer, owner, policy, now) for offer in offers]


def judge(offer: Offered, owner: Owner, policy: KeyPackagePolicy, now: int) -> KeyPackage | Refusal:
    """The key package as the store takes it, or why it is refused. `now` is Unix seconds."""
    if offer.suite is not None and NUMBERS.get(offer.suite) not in policy.suites:
        return NO_SUITE
    if offer.expires is not None and offer.expires <= now:
        return invalid("it is to be withdrawn already")
    if offer.expires is not None and offer.expires > now + policy.max_lifetime + policy.clock_skew:
        return _too_far(policy)
    try:
        data = decoded(offer.text)
    except Refusal as refusal:
        return refusal
    try:
        package = admit_key_package(data, now, policy, identities=(owner.account.encode(),))
    except InvalidKeyPackage as fault:
        return _refusal(fault, data, policy)
    suite = policy.suites[package.cipher_suite]
    scheme = SCHEMES.get(suite.signature, 0)
    key = package.leaf_node.signature_key
    registered = owner.scheme_keys.get(scheme) if scheme else owner.signature_key
    if registered is not None and key != registered:
        return invalid(KeyPackageReason.UNREGISTERED_KEY.value)
    lifetime = package.leaf_node.origin
    if not isinstance(lifetime, Lifetime):
        raise TypeError("an admitted key package has a lifetime")
    end = lifetime.not_after if offer.expires is None else min(offer.expires, lifetime.not_after)
    return KeyPackage(
        key_package_ref(package, suite),
        suite.number,
        data,
        end,
        package.last_resort,
        scheme,
        key if scheme else b"",
    )


def decoded(text: str) -> bytes:
    """The bytes of a base64 key package; raises `Refusal`."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise invalid("it is not base64")
    return data


def signature_key(text: str) -> bytes | None:
    """The signature key in a package's leaf, unverified: to find whose device it is of."""
    try:
        return read_key_package(decoded(text)).leaf_node.signature_key
    except (Refusal, FramingError):
        return None


def invalid(reason: str) -> Refusal:
    """A key package that its client must make anew, and why."""
    return Refusal("InvalidKeyPackage", f"The key package is refused: {reason}.")


def _refusal(fault: InvalidKeyPackage, data: bytes, policy: KeyPackagePolicy) -> Refusal:
    if fault.reason is KeyPackageReason.SUITE:
        return NO_SUITE
    if fault.reason is KeyPackageReason.LIFETIME:
        lifetime = read_key_package(data).leaf_node.origin
        if isinstance(lifetime, Lifetime) and lifetime.not_after - lifetime.not_before > policy.max_lifetime:
            return _too_far(policy)
    return invalid(fault.reason.value)


def _too_far(policy: KeyPackagePolicy) -> Refusal:
    days = policy.max_lifetime // 86_400
    return Refusal("ExpirationTooFar", f"A key package lives {days} days at most here.")
