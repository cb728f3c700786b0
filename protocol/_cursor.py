"""A resume point as bytes, before the router seals it for its device.

Layout of version 1, 33 bytes: `01` | log id, 8 | device, 16 (the UUID's bytes) | position, 8, big-endian.
The log id tells a restored or foreign log from this one; the device binds the cursor to its holder; the
position is the end of the range examined, never beyond. There is no time in it.
"""

import uuid

import msgspec

from protocol._errors import InvalidCursor
from protocol._ids import DeviceId, parse_device_id

_VERSION = 1
_LENGTH = 33
_MAX_POSITION = 2**63 - 1


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """Everything up to and including `position` of log `log_id` was given to `device`."""

    log_id: bytes
    """8 bytes, made once for each log."""
    device: DeviceId
    position: int


def encode_cursor(cursor: Cursor) -> bytes:
    """33 bytes; `InvalidCursor` for a value that no log could hold (a mistake of the caller)."""
    if len(cursor.log_id) != 8 or not 0 <= cursor.position <= _MAX_POSITION:
        raise InvalidCursor("a cursor has a log id of 8 bytes and a position of 63 bits")
    return b"%c%b%b%b" % (
        _VERSION,
        cursor.log_id,
        bytes.fromhex(cursor.device.replace("-", "")),
        cursor.position.to_bytes(8, "big"),
    )


def decode_cursor(raw: bytes) -> Cursor:
    """The cursor these bytes spell; any other bytes raise `InvalidCursor`."""
    if len(raw) != _LENGTH or raw[0] != _VERSION:
        raise InvalidCursor("not a cursor of a version known here")
    position = int.from_bytes(raw[25:], "big")
    if position > _MAX_POSITION:
        raise InvalidCursor("the position does not fit 63 bits")
    try:
        device = parse_device_id(str(uuid.UUID(bytes=raw[9:25])))
    except ValueError as error:
        raise InvalidCursor("the device is not a version 4 UUID") from error
    return Cursor(raw[1:9], device, position)
