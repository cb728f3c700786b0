"""Framed contents (RFC 9420 section 6): what members and outsiders say to a group, in clear and sealed."""

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from crypto._errors import FramingError, FramingFault
from crypto.mls._commit import Commit, read_commit
from crypto.mls._proposals import Proposal, read_proposal
from crypto.mls._reader import Reader
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


def read_private_message_body(reader: Reader) -> PrivateMessage:
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
_CONTENT_TYPE = {int(member): member for member in ContentType}  # twice as fast as calling the enum
