"""LeafNode (RFC 9420 section 7.2): one client's keys, credential and capabilities in a group."""

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from crypto._errors import FramingError, FramingFault
from crypto.mls._credential import Credential, read_credential
from crypto.mls._extensions import Extensions, read_extensions
from crypto.mls._reader import Reader
from crypto.mls._writer import items, opaque, uint16s, uint32, uint64

PROTOCOL_VERSION = 1
"""`mls10`."""


class LeafSource(enum.IntEnum):
    """In which kind of message a leaf node came into being."""

    KEY_PACKAGE = 1
    UPDATE = 2
    COMMIT = 3


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client says it supports; numbers it made up (GREASE) are normal."""

    versions: tuple[int, ...]
    cipher_suites: tuple[int, ...]
    extensions: tuple[int, ...]
    proposals: tuple[int, ...]
    credentials: tuple[int, ...]

    def encode(self) -> bytes:
        """The bytes of the five lists."""
        return b"".join(
            [
                uint16s(self.versions),
                uint16s(self.cipher_suites),
                uint16s(self.extensions),
                uint16s(self.proposals),
                uint16s(self.credentials),
            ]
        )


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Where the leaf of a key package is from: seconds since 1970 between which it may be used."""

    not_before: int
    not_after: int

    @property
    def source(self) -> LeafSource:
        """A key package."""
        return LeafSource.KEY_PACKAGE

    def encode(self) -> bytes:
        """Source and lifetime."""
        return b"\x01" + uint64(self.not_before) + uint64(self.not_after)


@dataclass(frozen=True, slots=True)
class FromUpdate:
    """The leaf is from an Update proposal."""

    @property
    def source(self) -> LeafSource:
        """An Update proposal."""
        return LeafSource.UPDATE

    def encode(self) -> bytes:
        """The source alone."""
        return b"\x02"


@dataclass(frozen=True, slots=True)
class FromCommit:
    """The leaf is from the UpdatePath of a Commit, and names the hash of its parent."""

    parent_hash: bytes

    @property
    def source(self) -> LeafSource:
        """A Commit."""
        return LeafSource.COMMIT

    def encode(self) -> bytes:
        """Source and parent hash."""
        return b"\x03" + opaque(self.parent_hash)


LeafOrigin: TypeAlias = Lifetime | FromUpdate | FromCommit


@dataclass(frozen=True, slots=True)
class LeafNode:
    """One client's leaf."""

    encryption_key: bytes
    signature_key: bytes
    credential: Credential
    capabilities: Capabilities
    origin: LeafOrigin
    extensions: Extensions
    signature: bytes = field(repr=False)

    @property
    def source(self) -> LeafSource:
        """In which kind of message it came into being."""
        return self.origin.source

    def _unsigned(self) -> bytes:
        return b"".join(
            [
                opaque(self.encryption_key),
                opaque(self.signature_key),
                self.credential.encode(),
                self.capabilities.encode(),
                self.origin.encode(),
                items(self.extensions),
            ]
        )

    def encode(self) -> bytes:
        """The bytes of the leaf."""
        return self._unsigned() + opaque(self.signature)

    def to_be_signed(self, group_id: bytes, leaf_index: int) -> bytes:
        """`LeafNodeTBS`; a leaf from a key package is signed without its place, which it cannot know."""
        if isinstance(self.origin, Lifetime):
            return self._unsigned()
        return self._unsigned() + opaque(group_id) + uint32(leaf_index)


def read_leaf_node(reader: Reader, expected: LeafSource | None = None) -> LeafNode:
    """One leaf; where it stands fixes its source (section 7.3), except in a tree, where any is right."""
    encryption_key = reader.opaque()
    signature_key = reader.opaque()
    credential = read_credential(reader)
    capabilities = Capabilities(
        reader.uint16s(), reader.uint16s(), reader.uint16s(), reader.uint16s(), reader.uint16s()
    )
    origin: LeafOrigin
    source = reader.byte()
    if source == 1:
        origin = Lifetime(reader.uint(8), reader.uint(8))
    elif source == 2:
        origin = _FROM_UPDATE
    elif source == 3:
        origin = FromCommit(reader.opaque())
    else:
        raise FramingError(FramingFault.VALUE)
    if expected is not None and source != expected:
        raise FramingError(FramingFault.LEAF_SOURCE)
    extensions = read_extensions(reader)
    return LeafNode(
        encryption_key, signature_key, credential, capabilities, origin, extensions, reader.opaque()
    )


_FROM_UPDATE = FromUpdate()
