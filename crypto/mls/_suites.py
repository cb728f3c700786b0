"""Cipher suites (RFC 9420 section 17.1): what a server must know of each to check what clients send.

============  ========  ===============================  =======================
suite         hash      signature                        HPKE key
============  ========  ===============================  =======================
1, 3          SHA-256   Ed25519                          X25519, 32 bytes
2             SHA-256   ECDSA P-256, SHA-256             P-256, 65 bytes
4, 6          SHA-512   Ed448                            X448, 56 bytes
5             SHA-512   ECDSA P-521, SHA-512             P-521, 133 bytes
7             SHA-384   ECDSA P-384, SHA-384             P-384, 97 bytes
0x004D        SHA-256   Ed25519                          X-Wing, 1,216 bytes
============  ========  ===============================  =======================

The AEAD of a suite is the members' business and not in the table. Numbers above 7 are not settled:
0x004D is X-Wing with OpenMLS and Catbird and another KEM elsewhere, so which suites a server takes is
configuration, and `suites` makes such a table.
"""

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from crypto.mls._writer import opaque


class SignatureScheme(enum.Enum):
    """How the members of a group sign."""

    ED25519 = "Ed25519"
    ED448 = "Ed448"
    P256 = "ECDSA P-256 with SHA-256"
    P384 = "ECDSA P-384 with SHA-384"
    P521 = "ECDSA P-521 with SHA-512"


class HpkeKey(enum.Enum):
    """What kind of public key a KEM takes."""

    X25519 = "X25519"
    X448 = "X448"
    P256 = "P-256"
    P384 = "P-384"
    P521 = "P-521"
    XWING = "X-Wing"


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One suite: its number and the parts that show in public bytes."""

    number: int
    hash_name: str  # as hashlib knows it
    hash_bytes: int
    signature: SignatureScheme
    hpke_key: HpkeKey

    def hash(self, data: bytes) -> bytes:
        """The digest of `data` under the suite's hash function."""
        return hashlib.new(self.hash_name, data).digest()


CipherSuites: TypeAlias = Mapping[int, CipherSuite]
"""The suites a server knows, by number."""


def suites(*known: CipherSuite) -> CipherSuites:
    """A table of these; two of one number are the caller's mistake (`ValueError`)."""
    table = {suite.number: suite for suite in known}
    if len(table) != len(known):
        raise ValueError("two cipher suites of one number")
    return MappingProxyType(table)


_ED25519, _ED448 = SignatureScheme.ED25519, SignatureScheme.ED448

STANDARD_SUITES: CipherSuites = suites(
    CipherSuite(1, "sha256", 32, _ED25519, HpkeKey.X25519),
    CipherSuite(2, "sha256", 32, SignatureScheme.P256, HpkeKey.P256),
    CipherSuite(3, "sha256", 32, _ED25519, HpkeKey.X25519),
    CipherSuite(4, "sha512", 64, _ED448, HpkeKey.X448),
    CipherSuite(5, "sha512", 64, SignatureScheme.P521, HpkeKey.P521),
    CipherSuite(6, "sha512", 64, _ED448, HpkeKey.X448),
    CipherSuite(7, "sha384", 48, SignatureScheme.P384, HpkeKey.P384),
)
"""The seven suites of RFC 9420."""

X_WING_SUITE = CipherSuite(0x004D, "sha256", 32, _ED25519, HpkeKey.XWING)
"""X-Wing (ML-KEM-768 with X25519) at the number that OpenMLS and Catbird give it."""


def ref_hash(suite: CipherSuite, label: bytes, value: bytes) -> bytes:
    """`RefHash` (section 5.2): a name for `value` under a label."""
    return suite.hash(opaque(label) + opaque(value))
