"""Commit (RFC 9420 section 12.4) with its UpdatePath (section 7.6)."""

from dataclasses import dataclass, field
from typing import TypeAlias

from crypto._errors import FramingError, FramingFault
from crypto.mls._leaf_node import LeafNode, LeafSource, read_leaf_node
from crypto.mls._proposals import Proposal, read_proposal
from crypto.mls._reader import Reader
from crypto.mls._writer import items, opaque, optional


@dataclass(frozen=True, slots=True)
class HpkeCiphertext:
    """Something sealed to one public key."""

    kem_output: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The bytes of both parts."""
        return opaque(self.kem_output) + opaque(self.ciphertext)


@dataclass(frozen=True, slots=True)
class UpdatePathNode:
    """A fresh public key for one parent node, its secret sealed to each node that resolves its other side."""

    encryption_key: bytes
    encrypted_path_secrets: tuple[HpkeCiphertext, ...]

    def encode(self) -> bytes:
        """The bytes of the node."""
        return opaque(self.encryption_key) + items(self.encrypted_path_secrets)


@dataclass(frozen=True, slots=True)
class UpdatePath:
    """The committer's new leaf and the nodes of its filtered direct path, from the bottom."""

    leaf_node: LeafNode
    nodes: tuple[UpdatePathNode, ...]

    def encode(self) -> bytes:
        """The bytes of the path."""
        return self.leaf_node.encode() + items(self.nodes)


@dataclass(frozen=True, slots=True)
class ProposalByReference:
    """A proposal that was sent before, by its `ProposalRef`."""

    ref: bytes

    def encode(self) -> bytes:
        """The bytes of a ProposalOrRef of this kind."""
        return b"\x02" + opaque(self.ref)


@dataclass(frozen=True, slots=True)
class ProposalByValue:
    """A proposal of the committer's own."""

    proposal: Proposal

    def encode(self) -> bytes:
        """The bytes of a ProposalOrRef of this kind."""
        return b"\x01" + self.proposal.encode()


ProposalOrRef: TypeAlias = ProposalByValue | ProposalByReference


@dataclass(frozen=True, slots=True)
class Commit:
    """What ends an epoch: proposals, in order, and perhaps fresh keys."""

    proposals: tuple[ProposalOrRef, ...]
    path: UpdatePath | None

    def encode(self) -> bytes:
        """The bytes of the commit."""
        return items(self.proposals) + optional(self.path)


def read_commit(reader: Reader) -> Commit:
    """One commit."""
    return Commit(reader.items(_read_proposal_or_ref), reader.optional(read_update_path))


def _read_proposal_or_ref(reader: Reader) -> ProposalOrRef:
    kind = reader.byte()
    if kind == 1:
        return ProposalByValue(read_proposal(reader))
    if kind == 2:
        return ProposalByReference(reader.opaque())
    raise FramingError(FramingFault.VALUE)


def read_update_path(reader: Reader) -> UpdatePath:
    """One update path."""
    return UpdatePath(read_leaf_node(reader, LeafSource.COMMIT), reader.items(_read_update_path_node))


def _read_update_path_node(reader: Reader) -> UpdatePathNode:
    return UpdatePathNode(reader.opaque(), reader.items(read_hpke_ciphertext))


def read_hpke_ciphertext(reader: Reader) -> HpkeCiphertext:
    """One HPKECiphertext."""
    return HpkeCiphertext(reader.opaque(), reader.opaque())
