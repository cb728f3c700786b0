"""Whether a key package may be left with the server: every check that public bytes allow.

==================  =====================================================  ===============================
reason              refused                                                RFC 9420
==================  =====================================================  ===============================
malformed           no strict KeyPackage, or known extensions of bad form  section 6
version             not MLS 1.0                                            section 10
suite               unknown to the server or not allowed                   section 10.1
leaf-source         a leaf that is not from a key package                  section 7.3
key                 an HPKE or signature key of wrong length, off its      section 5.1.1
                    curve, compressed, or of small order
key-reuse           init key and encryption key are one                    section 10.1
lifetime            not begun, over, or longer than the server allows      section 7.2
capabilities        version, suite, credential type or an extension in     sections 7.2, 10
                    use is not among the client's capabilities
identity            the credential is not one of the caller's identities   section 5.3.1
unregistered-key    the signature key is not the device's registered one   section 5.3.1
signature           the leaf's or the package's own is wrong               sections 7.3, 10
==================  =====================================================  ===============================

Cheap checks come first; the two signatures are most of the cost (0.1 ms of 0.15 with Ed25519).
That a package was never seen before is the store's to know.
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass, field

from crypto._errors import CryptoError, FramingError, FramingFault
from crypto.mls._credential import BasicCredential
from crypto.mls._extensions import ExtensionType, app_data_dictionary, is_grease
from crypto.mls._key_package import KeyPackage
from crypto.mls._leaf_node import LeafSource, Lifetime
from crypto.mls._leaf_rules import extensions_listed, is_current, is_leaf_signed, leaf_form_fault
from crypto.mls._reading import read_key_package
from crypto.mls._signing import is_hpke_key, verify_with_label
from crypto.mls._suites import STANDARD_SUITES, CipherSuite, CipherSuites


class KeyPackageReason(enum.Enum):
    """Why a key package is refused; see the table of this module."""

    MALFORMED = "malformed"
    VERSION = "version"
    SUITE = "suite"
    LEAF_SOURCE = "leaf-source"
    KEY = "key"
    KEY_REUSE = "key-reuse"
    LIFETIME = "lifetime"
    CAPABILITIES = "capabilities"
    IDENTITY = "identity"
    UNREGISTERED_KEY = "unregistered-key"
    SIGNATURE = "signature"


class InvalidKeyPackage(CryptoError):
    """A key package that its author must make anew; `reason` says why."""

    def __init__(self, reason: KeyPackageReason) -> None:
        super().__init__(f"an invalid key package: {reason.value}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class KeyPackagePolicy:
    """What a server allows.

    `max_lifetime` and `clock_skew` are seconds: the longest total lifetime (RFC 9420 section 7.2 wants one;
    OpenMLS makes 84 days and an hour), and how far ahead of our clock a beginning may lie.
    """

    suites: CipherSuites = field(default_factory=lambda: STANDARD_SUITES)
    max_lifetime: int = 90 * 86_400
    clock_skew: int = 3_600


DEFAULT_POLICY = KeyPackagePolicy()

_FAULTS = {
    FramingFault.VERSION: KeyPackageReason.VERSION,
    FramingFault.LEAF_SOURCE: KeyPackageReason.LEAF_SOURCE,
}


def admit_key_package(
    data: bytes,
    now: int,
    policy: KeyPackagePolicy = DEFAULT_POLICY,
    *,
    identities: Collection[bytes] | None = None,
    signature_key: bytes | None = None,
) -> KeyPackage:
    """Reads and validates in one step: the key package of these bytes, or `InvalidKeyPackage` alone.

    The arguments are those of `read_key_package` and `validate_key_package`.
    """
    try:
        key_package = read_key_package(data)
    except FramingError as error:
        raise InvalidKeyPackage(_FAULTS.get(error.fault, KeyPackageReason.MALFORMED)) from None
    validate_key_package(key_package, now, policy, identities=identities, signature_key=signature_key)
    return key_package


def validate_key_package(
    key_package: KeyPackage,
    now: int,
    policy: KeyPackagePolicy = DEFAULT_POLICY,
    *,
    identities: Collection[bytes] | None = None,
    signature_key: bytes | None = None,
) -> None:
    """Does every check of this module's table, or raises `InvalidKeyPackage` with the first that fails.

    `now` is seconds since 1970. `identities` are those the uploader may stand for, as the credential
    spells them (a bare DID, a DID with a device); a credential of another kind than basic is none of
    them. `signature_key` is the key registered for the device. None leaves a check to the caller.
    """
    leaf = key_package.leaf_node
    suite = policy.suites.get(key_package.cipher_suite)
    if suite is None:
        raise InvalidKeyPackage(KeyPackageReason.SUITE)
    _check_form(key_package, suite)
    if isinstance(leaf.origin, Lifetime) and not is_current(
        leaf.origin, now, max_lifetime=policy.max_lifetime, clock_skew=policy.clock_skew
    ):
        raise InvalidKeyPackage(KeyPackageReason.LIFETIME)
    if identities is not None and not (
        isinstance(leaf.credential, BasicCredential) and leaf.credential.identity in identities
    ):
        raise InvalidKeyPackage(KeyPackageReason.IDENTITY)
    if signature_key is not None and leaf.signature_key != signature_key:
        raise InvalidKeyPackage(KeyPackageReason.UNREGISTERED_KEY)
    _check_signatures(key_package, suite)


def check_added_key_package(key_package: KeyPackage, suite: CipherSuite) -> None:
    """The checks that do not depend on who uploads when: for the key package of an Add proposal."""
    if key_package.cipher_suite != suite.number:
        raise InvalidKeyPackage(KeyPackageReason.SUITE)
    _check_form(key_package, suite)
    _check_signatures(key_package, suite)


def _check_form(key_package: KeyPackage, suite: CipherSuite) -> None:
    leaf = key_package.leaf_node
    if leaf.source is not LeafSource.KEY_PACKAGE:  # the reader refuses it; a value made in code may be so
        raise InvalidKeyPackage(KeyPackageReason.LEAF_SOURCE)
    if not is_hpke_key(suite, key_package.init_key):
        raise InvalidKeyPackage(KeyPackageReason.KEY)
    fault = leaf_form_fault(leaf, suite)
    if fault is not None:
        raise InvalidKeyPackage(KeyPackageReason(fault.value))
    if key_package.init_key == leaf.encryption_key:
        raise InvalidKeyPackage(KeyPackageReason.KEY_REUSE)
    if not _extensions_covered(key_package):
        raise InvalidKeyPackage(KeyPackageReason.CAPABILITIES)


def _check_signatures(key_package: KeyPackage, suite: CipherSuite) -> None:
    if not is_key_package_signed(key_package, suite) or not is_leaf_signed(key_package.leaf_node, suite):
        raise InvalidKeyPackage(KeyPackageReason.SIGNATURE)


def is_key_package_signed(key_package: KeyPackage, suite: CipherSuite) -> bool:
    """Whether the package is signed by the key of its leaf."""
    content = key_package.to_be_signed()
    return verify_with_label(
        suite, key_package.leaf_node.signature_key, b"KeyPackageTBS", content, key_package.signature
    )


def _extensions_covered(key_package: KeyPackage) -> bool:
    """Whether the package's own extensions have a form and are listed by the client.

    Two need not be listed, since no member acts on them: the mark of a last resort, which speaks to the
    server, and GREASE, which other implementations put here without listing it.
    """
    extensions = key_package.extensions
    if not extensions:
        return True
    try:
        app_data_dictionary(extensions)
    except FramingError:
        raise InvalidKeyPackage(KeyPackageReason.MALFORMED) from None
    acted_on = tuple(
        extension
        for extension in extensions
        if extension.kind != ExtensionType.LAST_RESORT and not is_grease(extension.kind)
    )
    return extensions_listed(acted_on, key_package.leaf_node.capabilities)
