"""Identifiers as types: an account is not a device, a seq is not a position, and none carries time.

A `parse_*` function is the only way from a stranger's text to a typed id. Each accepts exactly one
spelling of a value, so that equality of text is equality of identity everywhere behind the edge.
"""

import base64
import re
from typing import NewType

from protocol._errors import InvalidId

AccountDid = NewType("AccountDid", str)
"""An account: a DID without fragment. Device credentials (`did#uuid`) are refused here."""

DeviceId = NewType("DeviceId", str)
"""A device: a random UUID (version 4) in lower case, made by the server. Carries no time."""

ConversationId = NewType("ConversationId", str)
"""A conversation: 16 random bytes as 26 characters of base32, lower case, no padding."""

MsgId = NewType("MsgId", str)
"""A message's name, chosen by its sender: 1 to 64 of `A-Z a-z 0-9 _ . : ~ -`."""

Nsid = NewType("Nsid", str)
"""The name of a method or type of AT Protocol, such as `chat.rookery.sendMessage`."""

Seq = NewType("Seq", int)
"""Place in one conversation: 1, 2, 3 … without gaps. 0 is before everything."""

Position = NewType("Position", int)
"""Place in the whole log. Rises, may have gaps. 0 is before everything."""

Epoch = NewType("Epoch", int)
"""Epoch of an MLS group (RFC 9420 section 8.1). Not a term, not an incarnation."""

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer that survives JSON in every client (RFC 8259 section 6)."""

_DID = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_CONVERSATION = re.compile(r"[a-z2-7]{25}[aeimquy4]")
_MSG_ID = re.compile(r"[A-Za-z0-9_.:~-]{1,64}")
_NSID = re.compile(
    r"[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+"
    r"\.[a-zA-Z][a-zA-Z0-9]{0,62}"
)
_MAX_DID = 2048
_MAX_NSID = 317


def parse_account_did(text: str) -> AccountDid:
    """A DID as AT Protocol allows it (at most 2048 characters, no fragment), or `InvalidId`."""
    if len(text) > _MAX_DID or _DID.fullmatch(text) is None:
        raise InvalidId("DID", "wants did:method:identifier without a fragment")
    return AccountDid(text)


def parse_device_id(text: str) -> DeviceId:
    """A UUID of version 4 in lower case with hyphens, or `InvalidId`."""
    if _UUID4.fullmatch(text) is None:
        raise InvalidId("device id", "wants a version 4 UUID in lower case")
    return DeviceId(text)


def parse_conversation_id(text: str) -> ConversationId:
    """26 characters of lower-case base32 whose two spare bits are zero, or `InvalidId`."""
    if _CONVERSATION.fullmatch(text) is None:
        raise InvalidId("conversation id", "wants 26 characters of lower-case base32")
    return ConversationId(text)


def parse_msg_id(text: str) -> MsgId:
    """1 to 64 characters of the message-id alphabet, or `InvalidId`."""
    if _MSG_ID.fullmatch(text) is None:
        raise InvalidId("message id", "wants 1 to 64 characters of A-Z a-z 0-9 _ . : ~ -")
    return MsgId(text)


def parse_nsid(text: str) -> Nsid:
    """A namespaced identifier (at least three segments, at most 317 characters), or `InvalidId`."""
    if len(text) > _MAX_NSID or _NSID.fullmatch(text) is None:
        raise InvalidId("NSID", "wants reversed domain segments and a name")
    return Nsid(text)


def conversation_id_from_bytes(raw: bytes) -> ConversationId:
    """The id that spells 16 bytes (random ones, handed in by the caller); any other length raises."""
    if len(raw) != 16:
        raise InvalidId("conversation id", "wants 16 bytes")
    return ConversationId(base64.b32encode(raw).decode("ascii").rstrip("=").lower())


def conversation_id_bytes(conversation: ConversationId) -> bytes:
    """The 16 bytes a conversation id spells."""
    return base64.b32decode(conversation.upper() + "======")
