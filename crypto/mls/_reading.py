"""Reading one structure of a known kind from all of some bytes, wrapped in an MLSMessage or bare.

Clients of `blue.catbird.mls.*` upload key packages bare and GroupInfos in either form. The two can be told
apart: where a bare structure would begin like an MLSMessage, it would have an empty key or group id.
"""

from crypto._errors import FramingError, FramingFault
from crypto.mls._group_info import GroupInfo, read_group_info_body
from crypto.mls._key_package import KeyPackage, read_key_package_body
from crypto.mls._message import read_message
from crypto.mls._reader import read_whole
from crypto.mls._welcome import Welcome, read_welcome_body


def read_key_package(data: bytes) -> KeyPackage:
    """The KeyPackage that takes up all of `data`; `FramingError` for anything else.

    The versions of message and key package are both looked at, so they are equal.
    """
    if not data.startswith(b"\x00\x01\x00\x05\x00"):
        return read_whole(data, read_key_package_body)
    message = read_message(data)
    if not isinstance(message, KeyPackage):  # pragma: no cover - the head said so
        raise FramingError(FramingFault.WIRE_FORMAT)
    return message


def read_group_info(data: bytes) -> GroupInfo:
    """The GroupInfo that takes up all of `data`; `FramingError` for anything else."""
    if not data.startswith(b"\x00\x01\x00\x04\x00\x01"):
        return read_whole(data, read_group_info_body)
    message = read_message(data)
    if not isinstance(message, GroupInfo):  # pragma: no cover - the head said so
        raise FramingError(FramingFault.WIRE_FORMAT)
    return message


def read_welcome(data: bytes) -> Welcome:
    """The Welcome that takes up all of `data`; `FramingError` for anything else."""
    if not data.startswith(b"\x00\x01\x00\x03"):
        return read_whole(data, read_welcome_body)
    message = read_message(data)
    if not isinstance(message, Welcome):  # pragma: no cover - the head said so
        raise FramingError(FramingFault.WIRE_FORMAT)
    return message
