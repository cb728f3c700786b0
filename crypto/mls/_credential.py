"""Credentials (RFC 9420 section 5.3): whom a leaf says it stands for.

A credential of a type that is neither basic nor X.509 has no length of its own, so a reader that does
not know the type cannot find the end of the message: it is malformed for a server.
"""

import enum
from dataclasses import dataclass
from typing import TypeAlias

from crypto._errors import FramingError, FramingFault
from crypto.mls._reader import Reader
from crypto.mls._writer import opaque


class CredentialType(enum.IntEnum):
    """The types of RFC 9420."""

    BASIC = 1
    X509 = 2


@dataclass(frozen=True, slots=True)
class BasicCredential:
    """A bare identity, which the delivery service compares with the authenticated account."""

    identity: bytes

    @property
    def kind(self) -> int:
        """The credential type, as capabilities list it."""
        return CredentialType.BASIC

    def encode(self) -> bytes:
        """The bytes of the credential."""
        return b"\x00\x01" + opaque(self.identity)


@dataclass(frozen=True, slots=True)
class X509Credential:
    """A chain of DER certificates, which this package passes through unread."""

    certificates: tuple[bytes, ...]

    @property
    def kind(self) -> int:
        """The credential type, as capabilities list it."""
        return CredentialType.X509

    def encode(self) -> bytes:
        """The bytes of the credential."""
        return b"\x00\x02" + opaque(b"".join([opaque(certificate) for certificate in self.certificates]))


Credential: TypeAlias = BasicCredential | X509Credential


def read_credential(reader: Reader) -> Credential:
    """One credential."""
    kind = reader.uint(2)
    if kind == CredentialType.BASIC:
        return BasicCredential(reader.opaque())
    if kind == CredentialType.X509:
        return X509Credential(reader.items(Reader.opaque))
    raise FramingError(FramingFault.CREDENTIAL)
