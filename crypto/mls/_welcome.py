"""Welcome (RFC 9420 section 12.4.3.1) and its secrets, and cutting one for a single joiner.

A Welcome is not signed as a whole: each joiner opens the entry under its own key package's reference
and the sealed GroupInfo, and never looks at the other entries. So a server may hand each joiner a copy
with its one entry: smaller, and those who join together are not shown to each other by it.
"""

from dataclasses import dataclass, field

from crypto.mls._commit import HpkeCiphertext, read_hpke_ciphertext
from crypto.mls._proposals import PreSharedKeyId, read_psk_ids
from crypto.mls._reader import Reader
from crypto.mls._writer import items, opaque, optional, uint16


@dataclass(frozen=True, slots=True)
class EncryptedGroupSecrets:
    """The group's secrets, sealed to the owner of one key package."""

    new_member: bytes  # KeyPackageRef
    encrypted_group_secrets: HpkeCiphertext

    def encode(self) -> bytes:
        """The bytes of the entry."""
        return opaque(self.new_member) + self.encrypted_group_secrets.encode()


@dataclass(frozen=True, slots=True)
class Welcome:
    """What new members join with."""

    cipher_suite: int
    secrets: tuple[EncryptedGroupSecrets, ...]
    encrypted_group_info: bytes = field(repr=False)

    @property
    def key_package_refs(self) -> tuple[bytes, ...]:
        """Whom it is for: the references of the key packages it answers, in its order."""
        return tuple([entry.new_member for entry in self.secrets])

    def encode(self) -> bytes:
        """The bytes of the Welcome, without the head of an MLSMessage."""
        return uint16(self.cipher_suite) + items(self.secrets) + opaque(self.encrypted_group_info)


def read_welcome_body(reader: Reader) -> Welcome:
    """A Welcome behind the head of an MLSMessage."""
    return Welcome(reader.uint(2), reader.items(_read_secrets), reader.opaque())


def _read_secrets(reader: Reader) -> EncryptedGroupSecrets:
    return EncryptedGroupSecrets(reader.opaque(), read_hpke_ciphertext(reader))


def cut_welcome(welcome: Welcome, ref: bytes) -> Welcome:
    """The Welcome with the entries for `ref` alone; `KeyError` where it is not addressed to that."""
    kept = tuple([entry for entry in welcome.secrets if entry.new_member == ref])
    if not kept:
        raise KeyError("the Welcome is not for this key package")
    return Welcome(welcome.cipher_suite, kept, welcome.encrypted_group_info)


@dataclass(frozen=True, slots=True)
class PathSecret:
    """The secret of the lowest parent node that a joiner shares with the committer."""

    path_secret: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Its bytes."""
        return opaque(self.path_secret)


@dataclass(frozen=True, slots=True)
class GroupSecrets:
    """What an entry of a Welcome seals; a server never sees one in clear."""

    joiner_secret: bytes = field(repr=False)
    path_secret: PathSecret | None = field(repr=False)
    psks: tuple[PreSharedKeyId, ...]

    def encode(self) -> bytes:
        """Its bytes."""
        return opaque(self.joiner_secret) + optional(self.path_secret) + items(self.psks)


def read_group_secrets(reader: Reader) -> GroupSecrets:
    """The content of an opened entry."""
    joiner_secret = reader.opaque()
    path_secret = reader.optional(lambda inner: PathSecret(inner.opaque()))
    return GroupSecrets(joiner_secret, path_secret, read_psk_ids(reader))
