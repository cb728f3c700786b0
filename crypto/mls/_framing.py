"""Framed contents and MLSMessage (RFC 9420 section 6): whole messages in, values out, and back.

`read_message` takes exactly one MLSMessage from the first byte to the last; `read_padded_message` takes
it as it travels: in the padding envelope of `blue.catbird.mls.*`, or as it is, padded inside by its
author. Both are total: any bytes give a value or a `FramingError`. `encode_message` is the way back.

==================  ==============================================================================
wire format         value
==================  ==============================================================================
1 PublicMessage     everything is readable; its content is a proposal or a commit
2 PrivateMessage    group id, epoch, content type, authenticated data; the rest is sealed
3 Welcome           cipher suite, the references of the key packages it answers; the rest is sealed
4 GroupInfo         everything is readable
5 KeyPackage        everything is readable
==================  ==============================================================================

What a structure *means* (signatures, tree hashes, lifetimes) is not looked at here.
"""

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from crypto._errors import FramingError, FramingFault, PaddingError
from crypto._padding import PaddingProfile, unpad
from crypto.mls._commit import Commit, read_commit
from crypto.mls._group_info import GroupInfo, read_group_info_body
from crypto.mls._key_package import KeyPackage, read_key_package_body
from crypto.mls._leaf_node import PROTOCOL_VERSION
from crypto.mls._proposals import Proposal, read_proposal
from crypto.mls._reader import Reader, read_whole
from crypto.mls._welcome import Welcome, read_welcome_body
from crypto.mls._writer import opaque, uint8, uint32, uint64


class WireFormat(enum.IntEnum):
    """What an MLSMessage carries."""

    PUBLIC_MESSAGE = 1
    PRIVATE_MESSAGE = 2
    WELCOME = 3
    GROUP_INFO = 4
    KEY_PACKAGE = 5


class ContentType(enum.IntEnum):
    """What a framed content is."""

    APPLICATION = 1
    PROPOSAL = 2
    COMMIT = 3


class SenderType(enum.IntEnum):
    """Who a PublicMessage says it is from."""

    MEMBER = 1
    EXTERNAL = 2
    NEW_MEMBER_PROPOSAL = 3
    NEW_MEMBER_COMMIT = 4


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a content is from, by its own word until the signature is verified."""

    kind: SenderType
    index: int | None = None  # leaf index of a member, index of an external sender, else None

    def encode(self) -> bytes:
        """The bytes of the sender."""
        return uint8(self.kind) if self.index is None else uint8(self.kind) + uint32(self.index)


@dataclass(frozen=True, slots=True)
class ApplicationData:
    """Application data in clear, which decodes and is refused outside a PrivateMessage."""

    data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The bytes of the vector."""
        return opaque(self.data)


Content: TypeAlias = ApplicationData | Proposal | Commit


@dataclass(frozen=True, slots=True)
class FramedContent:
    """A content with its place: what its sender signs."""

    group_id: bytes
    epoch: int
    sender: Sender
    authenticated_data: bytes
    content: Content

    @property
    def content_type(self) -> ContentType:
        """What the content is."""
        if isinstance(self.content, Commit):
            return ContentType.COMMIT
        if isinstance(self.content, ApplicationData):
            return ContentType.APPLICATION
        return ContentType.PROPOSAL

    def encode(self) -> bytes:
        """The bytes of the framed content."""
        return b"".join(
            [
                opaque(self.group_id),
                uint64(self.epoch),
                self.sender.encode(),
                opaque(self.authenticated_data),
                uint8(self.content_type),
                self.content.encode(),
            ]
        )


@dataclass(frozen=True, slots=True)
class PublicMessage:
    """A handshake message in clear: all of it can be verified but the membership tag."""

    framed: FramedContent
    signature: bytes = field(repr=False)
    confirmation_tag: bytes | None = field(default=None, repr=False)  # of a commit
    membership_tag: bytes | None = field(default=None, repr=False)  # of a member

    @property
    def group_id(self) -> bytes:
        """Which group it is for."""
        return self.framed.group_id

    @property
    def epoch(self) -> int:
        """In which epoch it was made."""
        return self.framed.epoch

    @property
    def sender(self) -> Sender:
        """Who it says it is from."""
        return self.framed.sender

    @property
    def authenticated_data(self) -> bytes:
        """What the application signed beside the content."""
        return self.framed.authenticated_data

    @property
    def content(self) -> Content:
        """The proposal or the commit."""
        return self.framed.content

    @property
    def content_type(self) -> ContentType:
        """What the content is."""
        return self.framed.content_type

    def authentication(self) -> bytes:
        """`FramedContentAuthData`: the signature and, of a commit, the confirmation tag."""
        tag = b"" if self.confirmation_tag is None else opaque(self.confirmation_tag)
        return opaque(self.signature) + tag

    def encode(self) -> bytes:
        """The bytes of the message, without the head of an MLSMessage."""
        tag = b"" if self.membership_tag is None else opaque(self.membership_tag)
        return self.framed.encode() + self.authentication() + tag


@dataclass(frozen=True, slots=True)
class PrivateMessage:
    """A sealed message; its sender is inside."""

    group_id: bytes
    epoch: int
    content_type: ContentType
    authenticated_data: bytes
    encrypted_sender_data: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The bytes of the message, without the head of an MLSMessage."""
        return b"".join(
            [
                opaque(self.group_id),
                uint64(self.epoch),
                uint8(self.content_type),
                opaque(self.authenticated_data),
                opaque(self.encrypted_sender_data),
                opaque(self.ciphertext),
            ]
        )


Message: TypeAlias = PublicMessage | PrivateMessage | Welcome | GroupInfo | KeyPackage

_CONTENT_TYPE = {int(member): member for member in ContentType}  # twice as fast as calling the enum
_VERSION_BYTES = PROTOCOL_VERSION.to_bytes(2, "big")
_HEADS: dict[type, bytes] = {
    PublicMessage: b"\x00\x01\x00\x01",
    PrivateMessage: b"\x00\x01\x00\x02",
    Welcome: b"\x00\x01\x00\x03",
    GroupInfo: b"\x00\x01\x00\x04",
    KeyPackage: b"\x00\x01\x00\x05",
}


def encode_message(message: Message) -> bytes:
    """The MLSMessage that carries this value."""
    return _HEADS[type(message)] + message.encode()


def read_message(data: bytes) -> Message:
    """The one MLSMessage that takes up all of `data`; `FramingError` for anything else."""
    return read_whole(data, _read_message)


def _read_message(reader: Reader) -> Message:
    if reader.uint(2) != PROTOCOL_VERSION:
        raise FramingError(FramingFault.VERSION)
    match reader.uint(2):
        case 2:
            return _read_private_message(reader)
        case 1:
            message = read_public_message_body(reader)
            if not _may_send(message.sender.kind, message.content_type):
                raise FramingError(FramingFault.SENDER)
            return message
        case 3:
            return read_welcome_body(reader)
        case 4:
            return read_group_info_body(reader)
        case 5:
            return read_key_package_body(reader)
        case _:
            raise FramingError(FramingFault.WIRE_FORMAT)


def read_padded_message(data: bytes) -> Message:
    """The MLSMessage in its padding envelope, or as it is where its author padded it inside.

    The two can be told apart by their first bytes but for five lengths just above 64 KiB, where the
    length of an envelope looks like the head of a message. There both are tried, and bytes that are
    both are refused: a server and a client must not read one message in two ways.
    """
    envelope = _in_envelope(data)
    if envelope is not None and data[:2] != _VERSION_BYTES:
        return envelope
    try:
        bare = read_message(data)
    except FramingError:
        if envelope is not None:
            return envelope
        raise
    if envelope is not None:
        raise FramingError(FramingFault.AMBIGUOUS)
    return bare


def _in_envelope(data: bytes) -> Message | None:
    try:
        return read_message(unpad(PaddingProfile.CATBIRD, data))
    except (PaddingError, FramingError):
        return None


def _read_private_message(reader: Reader) -> PrivateMessage:
    """Section 6.3. The content type is not checked against the group: that is the conversation's."""
    group_id = reader.opaque()
    epoch = reader.uint(8)
    content_type = _read_content_type(reader)
    return PrivateMessage(group_id, epoch, content_type, reader.opaque(), reader.opaque(), reader.opaque())


def read_public_message_body(reader: Reader) -> PublicMessage:
    """Sections 6 and 6.2, for every combination of sender and content that has a form."""
    framed = read_framed_content(reader)
    signature = reader.opaque()
    confirmation_tag = reader.opaque() if framed.content_type is ContentType.COMMIT else None
    membership_tag = reader.opaque() if framed.sender.kind is SenderType.MEMBER else None
    return PublicMessage(framed, signature, confirmation_tag, membership_tag)


def read_framed_content(reader: Reader) -> FramedContent:
    """One FramedContent."""
    group_id = reader.opaque()
    epoch = reader.uint(8)
    sender = _read_sender(reader)
    authenticated_data = reader.opaque()
    content: Content
    match _read_content_type(reader):
        case ContentType.APPLICATION:
            content = ApplicationData(reader.opaque())
        case ContentType.PROPOSAL:
            content = read_proposal(reader)
        case ContentType.COMMIT:
            content = read_commit(reader)
    return FramedContent(group_id, epoch, sender, authenticated_data, content)


def _may_send(sender: SenderType, content: ContentType) -> bool:
    """Section 6 (application data MUST be a PrivateMessage) and 12.1.8 (outsiders' kinds)."""
    match content:
        case ContentType.APPLICATION:
            return False
        case ContentType.PROPOSAL:
            return sender is not SenderType.NEW_MEMBER_COMMIT
        case ContentType.COMMIT:
            return sender in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT)


def _read_content_type(reader: Reader) -> ContentType:
    content_type = _CONTENT_TYPE.get(reader.byte())
    if content_type is None:
        raise FramingError(FramingFault.VALUE)
    return content_type


def _read_sender(reader: Reader) -> Sender:
    match reader.byte():
        case 1:
            return Sender(SenderType.MEMBER, reader.uint(4))
        case 2:
            return Sender(SenderType.EXTERNAL, reader.uint(4))
        case 3:
            return _NEW_MEMBER_PROPOSAL
        case 4:
            return _NEW_MEMBER_COMMIT
        case _:
            raise FramingError(FramingFault.VALUE)


_NEW_MEMBER_PROPOSAL = Sender(SenderType.NEW_MEMBER_PROPOSAL)
_NEW_MEMBER_COMMIT = Sender(SenderType.NEW_MEMBER_COMMIT)
