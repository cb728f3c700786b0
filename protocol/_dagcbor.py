"""Strict DAG-CBOR: one value, one encoding, and nothing but that encoding is read.

Maps have text keys sorted by length, then bytewise; integers and lengths take their shortest form;
lengths are always stated; there is no float, no `undefined`, and no tag but 42 (a CID). Floats are valid
DAG-CBOR but not atproto data, so they are refused both ways. Sources: ipld.io/specs/codecs/dag-cbor,
atproto.com/specs/data-model, RFC 8949.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from protocol._errors import ProtocolError

MAX_DEPTH: Final = 64
"""How deep lists and maps may nest; the limit keeps hostile input from exhausting the stack."""

_MAX_HEAD: Final = 2**64


class InvalidDagCbor(ProtocolError, ValueError):
    """Bytes that are not strict DAG-CBOR, or a value that has no DAG-CBOR: the fault of who made them."""


class Cid(msgspec.Struct, frozen=True):
    """A content identifier as its binary form, version 1 or 0 (github.com/multiformats/cid)."""

    raw: bytes

    def __post_init__(self) -> None:
        if not _is_cid(self.raw):
            raise InvalidDagCbor("not a CID")


Value: TypeAlias = "bool | int | bytes | str | Cid | list[Value] | dict[str, Value] | None"


def encode_dagcbor(value: object) -> bytes:
    """The one encoding of a `Value`; InvalidDagCbor for anything else, however deep inside.

    A tuple is a list, and a value of a subclass (an enum's, say) counts as one of its base.
    """
    out = bytearray()
    _encode(value, out, MAX_DEPTH)
    return bytes(out)


def decode_dagcbor(data: bytes) -> Value:
    """The value these bytes encode, all of them; InvalidDagCbor if they are not its one encoding."""
    value, end = decode_dagcbor_prefix(data, 0)
    if end != len(data):
        raise InvalidDagCbor(f"{len(data) - end} bytes too many")
    return value


def decode_dagcbor_prefix(data: bytes, start: int) -> tuple[Value, int]:
    """The value that begins at `start`, and where it ends: for values that follow one another."""
    return _decode(data, start, MAX_DEPTH)


def splice_dagcbor(payload: Mapping[str, object], hole: str) -> tuple[bytes, bytes]:
    """A map with one more key, cut where that key's value belongs: `before + encode(value) + after`.

    Keys are sorted, so the hole is where `hole` sorts, not in front. InvalidDagCbor if it is taken.
    """
    if hole in payload:
        raise InvalidDagCbor(f"the map has {hole!r} already")
    mark = _key(hole)
    items = sorted((_key(key), item) for key, item in payload.items())
    before, after = bytearray(_head(5, len(items) + 1)), bytearray()
    for key, item in items:
        half = before if key < mark else after
        half += _head(3, key[0]) + key[1]
        _encode(item, half, MAX_DEPTH - 1)
    return bytes(before + _head(3, mark[0]) + mark[1]), bytes(after)


def _head(major: int, number: int) -> bytes:
    """A major type and its number in the shortest form (RFC 8949 section 4.2.1)."""
    if number < 24:
        return bytes((major << 5 | number,))
    if number < 0x100:
        return bytes((major << 5 | 24, number))
    if number < 0x10000:
        return bytes((major << 5 | 25,)) + number.to_bytes(2)
    if number < 0x100000000:
        return bytes((major << 5 | 26,)) + number.to_bytes(4)
    if number < _MAX_HEAD:
        return bytes((major << 5 | 27,)) + number.to_bytes(8)
    raise InvalidDagCbor("an integer of more than 64 bits")


def _text(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise InvalidDagCbor("text with a lone surrogate") from None


def _encode(value: object, out: bytearray, depth: int) -> None:
    if isinstance(value, str):
        raw = _text(value)
        out += _head(3, len(raw)) + raw
    elif value is None:
        out.append(0xF6)
    elif isinstance(value, bool):  # before int, whose subclass it is
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        out += _head(0, value) if value >= 0 else _head(1, -1 - value)
    elif isinstance(value, bytes):
        out += _head(2, len(value)) + value
    elif isinstance(value, Cid):
        out += b"\xd8\x2a" + _head(2, len(value.raw) + 1) + b"\x00" + value.raw
    elif depth == 0:
        raise InvalidDagCbor(f"nested more than {MAX_DEPTH} deep, or endless")
    elif isinstance(value, list | tuple):
        out += _head(4, len(value))
        for item in value:
            _encode(item, out, depth - 1)
    elif isinstance(value, dict):
        out += _head(5, len(value))
        for (length, key), item in sorted((_key(key), item) for key, item in value.items()):
            out += _head(3, length) + key
            _encode(item, out, depth - 1)
    else:
        raise InvalidDagCbor(f"{type(value).__name__} has no DAG-CBOR")


def _key(key: object) -> tuple[int, bytes]:
    """A map key as what maps are sorted by: length first, then bytes (RFC 7049 section 3.9)."""
    if not isinstance(key, str):
        raise InvalidDagCbor("a map key that is not text")
    raw = _text(key)
    return len(raw), raw


def _decode(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if at >= len(data):
        raise InvalidDagCbor("cut short")
    first = data[at]
    major = first >> 5
    if major == 7:
        if first in _SIMPLE:
            return _SIMPLE[first], at + 1
        raise InvalidDagCbor("a float or an unknown simple value")
    number, at = _number(data, at)
    match major:
        case 0:
            return number, at
        case 1:
            return -1 - number, at
        case 2:
            return _slice(data, at, number)
        case 3:
            return _decode_text(data, at, number)
        case 6:
            return _decode_cid(data, at, number)
    if depth == 0:
        raise InvalidDagCbor(f"nested more than {MAX_DEPTH} deep")
    if major == 4:
        items: list[Value] = []
        for _ in range(number):  # a length that lies ends at the end of the data, before memory does
            item, at = _decode(data, at, depth - 1)
            items.append(item)
        return items, at
    fields: dict[str, Value] = {}
    before: tuple[int, bytes] | None = None
    for _ in range(number):
        if at >= len(data) or data[at] >> 5 != 3:
            raise InvalidDagCbor("a map key that is not text")
        length, at = _number(data, at)
        order = length, data[at : at + length]
        if before is not None and order <= before:
            raise InvalidDagCbor("map keys out of order or twice")
        before = order
        key, at = _decode_text(data, at, length)
        fields[key], at = _decode(data, at, depth - 1)
    return fields, at


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The number of the head at `at`, which must be in its shortest form, and what follows the head."""
    info = data[at] & 0x1F
    if info < 24:
        return info, at + 1
    if info > 27:
        raise InvalidDagCbor("a length that is not stated")
    size = 1 << (info - 24)
    raw, end = _slice(data, at + 1, size)
    number = int.from_bytes(raw)
    if number < _SMALLEST[info]:
        raise InvalidDagCbor("a number not in its shortest form")
    return number, end


def _slice(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    end = at + length
    if end > len(data):
        raise InvalidDagCbor("cut short")
    return data[at:end], end


def _decode_text(data: bytes, at: int, length: int) -> tuple[str, int]:
    raw, end = _slice(data, at, length)
    try:
        return raw.decode(), end
    except UnicodeDecodeError:
        raise InvalidDagCbor("text that is not UTF-8") from None


def _decode_cid(data: bytes, at: int, tag: int) -> tuple[Cid, int]:
    if tag != 42 or at >= len(data) or data[at] >> 5 != 2:
        raise InvalidDagCbor("a tag that is not a CID")
    length, at = _number(data, at)
    raw, end = _slice(data, at, length)
    if not raw.startswith(b"\x00"):  # the multibase prefix of raw binary
        raise InvalidDagCbor("a CID without its prefix")
    return Cid(raw[1:]), end


def _is_cid(raw: bytes) -> bool:
    """Whether the bytes are version, codec, hash function and a digest of the length they state."""
    if len(raw) == 34 and raw.startswith(b"\x12\x20"):
        return True  # version 0: a bare SHA-256 multihash
    numbers, at = [], 0
    for _ in range(4):
        number, at = _varint(raw, at)
        if number is None:
            return False
        numbers.append(number)
    return numbers[0] == 1 and len(raw) - at == numbers[3]


def _varint(raw: bytes, at: int) -> tuple[int | None, int]:
    """An unsigned varint in its shortest form, at most nine bytes (multiformats/unsigned-varint)."""
    number = 0
    for index, byte in enumerate(raw[at : at + 9]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return (None if byte == 0 and index else number), at + index + 1
    return None, at


_SIMPLE: Final[dict[int, bool | None]] = {0xF4: False, 0xF5: True, 0xF6: None}
_SMALLEST: Final = {24: 24, 25: 0x100, 26: 0x10000, 27: 0x100000000}
