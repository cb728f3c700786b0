"""Proposals (RFC 9420 section 12.1) and the pre-shared keys they name (section 8.4).

The seven standard types and SelfRemove (draft-ietf-mls-extensions, 0x000A). A proposal of any other type
has no length of its own, cannot be passed over, and is malformed for a server.
"""

import enum
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from crypto._errors import FramingError, FramingFault
from crypto.mls._extensions import Extensions, read_extensions
from crypto.mls._key_package import KeyPackage, read_key_package_body
from crypto.mls._leaf_node import LeafNode, LeafSource, read_leaf_node
from crypto.mls._reader import Reader
from crypto.mls._writer import items, opaque, uint8, uint16, uint32, uint64


class ProposalType(enum.IntEnum):
    """The types this package reads."""

    ADD = 1
    UPDATE = 2
    REMOVE = 3
    PRE_SHARED_KEY = 4
    REINIT = 5
    EXTERNAL_INIT = 6
    GROUP_CONTEXT_EXTENSIONS = 7
    SELF_REMOVE = 0x000A  # draft-ietf-mls-extensions


class ResumptionUsage(enum.IntEnum):
    """What a resumption key is used for."""

    APPLICATION = 1
    REINIT = 2
    BRANCH = 3


@dataclass(frozen=True, slots=True)
class ExternalPsk:
    """A key agreed outside MLS, by its name."""

    psk_id: bytes
    nonce: bytes

    def encode(self) -> bytes:
        """The bytes of the PreSharedKeyID."""
        return b"\x01" + opaque(self.psk_id) + opaque(self.nonce)


@dataclass(frozen=True, slots=True)
class ResumptionPsk:
    """A key out of an epoch of a group."""

    usage: ResumptionUsage
    group_id: bytes
    epoch: int
    nonce: bytes

    def encode(self) -> bytes:
        """The bytes of the PreSharedKeyID."""
        return b"\x02" + uint8(self.usage) + opaque(self.group_id) + uint64(self.epoch) + opaque(self.nonce)


PreSharedKeyId: TypeAlias = ExternalPsk | ResumptionPsk


@dataclass(frozen=True, slots=True)
class Add:
    """Take the client of this key package in."""

    kind: ClassVar[ProposalType] = ProposalType.ADD
    key_package: KeyPackage

    def encode(self) -> bytes:
        """The bytes of the proposal, type first."""
        return b"\x00\x01" + self.key_package.encode()


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the sender's leaf by this one."""

    kind: ClassVar[ProposalType] = ProposalType.UPDATE
    leaf_node: LeafNode

    def encode(self) -> bytes:
        """The bytes of the proposal, type first."""
        return b"\x00\x02" + self.leaf_node.encode()


@dataclass(frozen=True, slots=True)
class Remove:
    """Take the member at this leaf out."""

    kind: ClassVar[ProposalType] = ProposalType.REMOVE
    removed: int  # leaf index

    def encode(self) -> bytes:
        """The bytes of the proposal, type first."""
        return b"\x00\x03" + uint32(self.removed)


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """Mix a pre-shared key into the next epoch."""

    kind: ClassVar[ProposalType] = ProposalType.PRE_SHARED_KEY
    psk: PreSharedKeyId

    def encode(self) -> bytes:
        """The bytes of the proposal, type first."""
        return b"\x00\x04" + self.psk.encode()


@dataclass(frozen=True, slots=True)
class ReInit:
    """Close the group in favour of a new one, whose version and suite may be newer than this package."""

    kind: ClassVar[ProposalType] = ProposalType.REINIT
    group_id: bytes
    version: int
    cipher_suite: int
    extensions: Extensions

    def encode(self) -> bytes:
        """The bytes of the proposal, type first."""
        head = b"\x00\x05" + opaque(self.group_id) + uint16(self.version) + uint16(self.cipher_suite)
        return head + items(self.extensions)


@dataclass(frozen=True, slots=True)
class ExternalInit:
    """Join with a secret that only the group's external key opens."""

    kind: ClassVar[ProposalType] = ProposalType.EXTERNAL_INIT
    kem_output: bytes

    def encode(self) -> bytes:
        """The bytes of the proposal, type first."""
        return b"\x00\x06" + opaque(self.kem_output)


@dataclass(frozen=True, slots=True)
class GroupContextExtensions:
    """Replace the extensions of the group context by these."""

    kind: ClassVar[ProposalType] = ProposalType.GROUP_CONTEXT_EXTENSIONS
    extensions: Extensions

    def encode(self) -> bytes:
        """The bytes of the proposal, type first."""
        return b"\x00\x07" + items(self.extensions)


@dataclass(frozen=True, slots=True)
class SelfRemove:
    """Take the sender out, by whoever commits next."""

    kind: ClassVar[ProposalType] = ProposalType.SELF_REMOVE

    def encode(self) -> bytes:
        """The type; there is nothing more."""
        return b"\x00\x0a"


Proposal: TypeAlias = (
    Add | Update | Remove | PreSharedKey | ReInit | ExternalInit | GroupContextExtensions | SelfRemove
)


def read_proposal(reader: Reader) -> Proposal:
    """One proposal."""
    match reader.uint(2):
        case 1:
            return Add(read_key_package_body(reader))
        case 2:
            return Update(read_leaf_node(reader, LeafSource.UPDATE))
        case 3:
            return Remove(reader.uint(4))
        case 4:
            return PreSharedKey(_read_psk_id(reader))
        case 5:
            return ReInit(reader.opaque(), reader.uint(2), reader.uint(2), read_extensions(reader))
        case 6:
            return ExternalInit(reader.opaque())
        case 7:
            return GroupContextExtensions(read_extensions(reader))
        case 0x000A:
            return SelfRemove()
        case _:
            raise FramingError(FramingFault.PROPOSAL)


def read_psk_ids(reader: Reader) -> tuple[PreSharedKeyId, ...]:
    """A vector of PreSharedKeyID."""
    return reader.items(_read_psk_id)


def _read_psk_id(reader: Reader) -> PreSharedKeyId:
    match reader.byte():
        case 1:
            return ExternalPsk(reader.opaque(), reader.opaque())
        case 2:
            usage = _USAGES.get(reader.byte())
            if usage is None:
                raise FramingError(FramingFault.VALUE)
            return ResumptionPsk(usage, reader.opaque(), reader.uint(8), reader.opaque())
        case _:
            raise FramingError(FramingFault.VALUE)


_USAGES = {int(usage): usage for usage in ResumptionUsage}
