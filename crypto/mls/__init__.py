"""Reading MLS (RFC 9420) as a delivery service does: public bytes, strictly, without any key."""

from crypto._errors import FramingError
from crypto.mls._framing import (
    ContentType,
    GroupInfoHeader,
    KeyPackageHeader,
    MessageHeader,
    PrivateMessageHeader,
    PublicMessageHeader,
    SenderType,
    WelcomeHeader,
    read_message,
    read_padded_message,
)

__all__ = [
    "ContentType",
    "FramingError",
    "GroupInfoHeader",
    "KeyPackageHeader",
    "MessageHeader",
    "PrivateMessageHeader",
    "PublicMessageHeader",
    "SenderType",
    "WelcomeHeader",
    "read_message",
    "read_padded_message",
]
