"""MLSMessage (RFC 9420 section 6): whole messages in, values out, and back.

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

from typing import TypeAlias

from crypto._errors import FramingError, FramingFault, PaddingError
from crypto._padding import PaddingProfile, unpad
from crypto.mls._framing import (
    ContentType,
    PrivateMessage,
    PublicMessage,
    SenderType,
    read_private_message_body,
    read_public_message_body,
)
from crypto.mls._group_info import GroupInfo, read_group_info_body
from crypto.mls._key_package import KeyPackage, read_key_package_body
from crypto.mls._leaf_node import PROTOCOL_VERSION
from crypto.mls._reader import Reader, read_whole
from crypto.mls._welcome import Welcome, read_welcome_body

Message: TypeAlias = PublicMessage | PrivateMessage | Welcome | GroupInfo | KeyPackage

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
            return read_private_message_body(reader)
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


def _may_send(sender: SenderType, content: ContentType) -> bool:
    """Section 6 (application data MUST be a PrivateMessage) and 12.1.8 (outsiders' kinds)."""
    match content:
        case ContentType.APPLICATION:
            return False
        case ContentType.PROPOSAL:
            return sender is not SenderType.NEW_MEMBER_COMMIT
        case ContentType.COMMIT:
            return sender in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT)
