"""GroupContext (RFC 9420 section 8.1) and GroupInfo (section 12.4.3): one state of one group."""

from dataclasses import dataclass, field

from crypto._errors import FramingError, FramingFault
from crypto.mls._extensions import Extensions, read_extensions
from crypto.mls._leaf_node import PROTOCOL_VERSION
from crypto.mls._reader import Reader
from crypto.mls._writer import items, opaque, uint16, uint32, uint64


@dataclass(frozen=True, slots=True)
class GroupContext:
    """What all members of an epoch agree on."""

    cipher_suite: int
    group_id: bytes
    epoch: int
    tree_hash: bytes
    confirmed_transcript_hash: bytes
    extensions: Extensions

    def encode(self) -> bytes:
        """The bytes of the context."""
        return b"".join(
            [
                b"\x00\x01",
                uint16(self.cipher_suite),
                opaque(self.group_id),
                uint64(self.epoch),
                opaque(self.tree_hash),
                opaque(self.confirmed_transcript_hash),
                items(self.extensions),
            ]
        )


def read_group_context(reader: Reader) -> GroupContext:
    """One group context."""
    if reader.uint(2) != PROTOCOL_VERSION:
        raise FramingError(FramingFault.VERSION)
    return GroupContext(
        reader.uint(2),
        reader.opaque(),
        reader.uint(8),
        reader.opaque(),
        reader.opaque(),
        read_extensions(reader),
    )


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group context vouched for by a member, with what a joiner needs beside it."""

    group_context: GroupContext
    extensions: Extensions
    confirmation_tag: bytes
    signer: int  # leaf index
    signature: bytes = field(repr=False)

    @property
    def cipher_suite(self) -> int:
        """The group's suite, as a number."""
        return self.group_context.cipher_suite

    @property
    def group_id(self) -> bytes:
        """Which group."""
        return self.group_context.group_id

    @property
    def epoch(self) -> int:
        """Which state of it."""
        return self.group_context.epoch

    def to_be_signed(self) -> bytes:
        """`GroupInfoTBS`."""
        return b"".join(
            [
                self.group_context.encode(),
                items(self.extensions),
                opaque(self.confirmation_tag),
                uint32(self.signer),
            ]
        )

    def encode(self) -> bytes:
        """The bytes of the GroupInfo, without the head of an MLSMessage."""
        return self.to_be_signed() + opaque(self.signature)


def read_group_info_body(reader: Reader) -> GroupInfo:
    """A GroupInfo behind the head of an MLSMessage, or bare, as some clients publish it."""
    return GroupInfo(
        read_group_context(reader), read_extensions(reader), reader.opaque(), reader.uint(4), reader.opaque()
    )
