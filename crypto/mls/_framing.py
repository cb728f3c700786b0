"""What a delivery service reads from an MLSMessage: the public header fields, strictly, and nothing else.

`read_message` takes exactly one MLSMessage (RFC 9420 section 6) from the first byte to the last and
returns its public fields; `read_padded_message` takes it as it travels: in the padding envelope of
`blue.catbird.mls.*`, or as it is, padded inside by its author. Both are total: any bytes give a
header or a `FramingError`.

==================  ==============================================================================
wire format         read
==================  ==============================================================================
1 PublicMessage     group id, epoch, content type, authenticated data, sender (type and index)
2 PrivateMessage    group id, epoch, content type, authenticated data; the rest is sealed
3 Welcome           cipher suite, the references of the key packages it answers
4 GroupInfo         cipher suite, group id, epoch
5 KeyPackage        cipher suite
==================  ==============================================================================

A PrivateMessage in its envelope of 512 bytes takes 9 us; larger ones add a copy and a scan of the fill.
"""

import enum
from dataclasses import dataclass
from typing import TypeAlias

from crypto._errors import FramingError, PaddingError
from crypto._padding import PaddingProfile, unpad
from crypto.mls._reader import Reader
from crypto.mls._structure import (
    PROTOCOL_VERSION,
    walk_commit,
    walk_extensions,
    walk_group_context,
    walk_hpke_ciphertext,
    walk_key_package,
    walk_proposal,
)


class ContentType(enum.IntEnum):
    """What a framed content is (section 6)."""

    APPLICATION = 1
    PROPOSAL = 2
    COMMIT = 3


class SenderType(enum.IntEnum):
    """Who a PublicMessage says it is from (section 6)."""

    MEMBER = 1
    EXTERNAL = 2
    NEW_MEMBER_PROPOSAL = 3
    NEW_MEMBER_COMMIT = 4


@dataclass(frozen=True, slots=True)
class PrivateMessageHeader:
    """All that a PrivateMessage shows; its sender is inside."""

    group_id: bytes
    epoch: int
    content_type: ContentType
    authenticated_data: bytes


@dataclass(frozen=True, slots=True)
class PublicMessageHeader:
    """The head of a PublicMessage, whose content was checked for form."""

    group_id: bytes
    epoch: int
    content_type: ContentType  # PROPOSAL or COMMIT
    authenticated_data: bytes
    sender_type: SenderType
    sender_index: int | None  # leaf index of a member, index of an external sender


@dataclass(frozen=True, slots=True)
class WelcomeHeader:
    """Whom a Welcome is for, by reference."""

    cipher_suite: int
    key_package_refs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class GroupInfoHeader:
    """Which state of which group a GroupInfo describes."""

    cipher_suite: int
    group_id: bytes
    epoch: int


@dataclass(frozen=True, slots=True)
class KeyPackageHeader:
    """The suite of a KeyPackage, whose form was checked."""

    cipher_suite: int


MessageHeader: TypeAlias = (
    PrivateMessageHeader | PublicMessageHeader | WelcomeHeader | GroupInfoHeader | KeyPackageHeader
)

_CONTENT_TYPE = {int(member): member for member in ContentType}  # twice as fast as calling the enum
_VERSION_BYTES = PROTOCOL_VERSION.to_bytes(2, "big")


def read_message(data: bytes) -> MessageHeader:
    """The public fields of one MLSMessage that takes up all of `data`; `FramingError` for anything else."""
    reader = Reader(data)
    if reader.uint(2) != PROTOCOL_VERSION:
        raise FramingError("not MLS 1.0")
    header: MessageHeader
    match reader.uint(2):
        case 2:
            header = _private_message(reader)
        case 1:
            header = _public_message(reader)
        case 3:
            header = _welcome(reader)
        case 4:
            header = _group_info(reader)
        case 5:
            header = KeyPackageHeader(walk_key_package(reader))
        case _:
            raise FramingError("an unknown wire format")
    reader.finish()
    return header


def read_padded_message(data: bytes) -> MessageHeader:
    """The public fields of an MLSMessage in its padding envelope, or of one that is padded inside.

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
        raise FramingError("a message and an envelope at once")
    return bare


def _in_envelope(data: bytes) -> MessageHeader | None:
    try:
        return read_message(unpad(PaddingProfile.CATBIRD, data))
    except (PaddingError, FramingError):
        return None


def _private_message(reader: Reader) -> PrivateMessageHeader:
    """Section 6.3. The content type is not checked against the group: that is the conversation's."""
    group_id = reader.opaque()
    epoch = reader.uint(8)
    content_type = _content_type(reader)
    authenticated_data = reader.opaque()
    reader.skip()  # encrypted_sender_data
    reader.skip()  # ciphertext
    return PrivateMessageHeader(group_id, epoch, content_type, authenticated_data)


def _public_message(reader: Reader) -> PublicMessageHeader:
    """Sections 6 and 6.2: FramedContent, its authentication, and the membership tag of a member."""
    group_id = reader.opaque()
    epoch = reader.uint(8)
    sender_type, sender_index = _sender(reader)
    authenticated_data = reader.opaque()
    content_type = _content_type(reader)
    if not _may_send(sender_type, content_type):
        raise FramingError("this sender may not send this content in the open")
    if content_type is ContentType.PROPOSAL:
        walk_proposal(reader)
    else:
        walk_commit(reader)
    reader.skip()  # signature
    if content_type is ContentType.COMMIT:
        reader.skip()  # confirmation_tag
    if sender_type is SenderType.MEMBER:
        reader.skip()  # membership_tag
    return PublicMessageHeader(group_id, epoch, content_type, authenticated_data, sender_type, sender_index)


def _may_send(sender: SenderType, content: ContentType) -> bool:
    """Section 6 (application data MUST be a PrivateMessage) and 12.1.8 (outsiders' kinds)."""
    match content:
        case ContentType.APPLICATION:
            return False
        case ContentType.PROPOSAL:
            return sender is not SenderType.NEW_MEMBER_COMMIT
        case ContentType.COMMIT:
            return sender in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT)


def _content_type(reader: Reader) -> ContentType:
    content_type = _CONTENT_TYPE.get(reader.uint(1))
    if content_type is None:
        raise FramingError("an unknown content type")
    return content_type


def _sender(reader: Reader) -> tuple[SenderType, int | None]:
    match reader.uint(1):
        case 1:
            return SenderType.MEMBER, reader.uint(4)
        case 2:
            return SenderType.EXTERNAL, reader.uint(4)
        case 3:
            return SenderType.NEW_MEMBER_PROPOSAL, None
        case 4:
            return SenderType.NEW_MEMBER_COMMIT, None
        case _:
            raise FramingError("an unknown sender type")


def _welcome(reader: Reader) -> WelcomeHeader:
    """Section 12.4.3.1."""
    suite = reader.uint(2)
    refs: list[bytes] = []
    secrets = reader.vector()
    while not secrets.exhausted:
        refs.append(secrets.opaque())
        walk_hpke_ciphertext(secrets)
    reader.skip()  # encrypted_group_info
    return WelcomeHeader(suite, tuple(refs))


def _group_info(reader: Reader) -> GroupInfoHeader:
    """Section 12.4.3."""
    suite, group_id, epoch = walk_group_context(reader)
    walk_extensions(reader)
    reader.skip()  # confirmation_tag
    reader.take(4)  # signer
    reader.skip()  # signature
    return GroupInfoHeader(suite, group_id, epoch)
