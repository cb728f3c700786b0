"""Writing TLS-style bytes: the other side of `_reader`.

Each value of this package has a method `encode`, built from these. There is one encoding for each
value, so `read(encode(value)) == value` and `encode(read(data)) == data`: two laws under test.
"""

from collections.abc import Iterable, Sequence
from struct import Struct
from struct import pack as _pack
from typing import Protocol

MAX_VECTOR_BYTES = (1 << 30) - 1

uint8 = Struct(">B").pack
uint16 = Struct(">H").pack
uint32 = Struct(">I").pack
uint64 = Struct(">Q").pack


class Encodable(Protocol):
    """A value with bytes of its own on the wire."""

    def encode(self) -> bytes:
        """The bytes, in their one form."""
        ...


def opaque(content: bytes) -> bytes:
    """`content` as a variable-size vector; `ValueError` above 2^30 - 1 bytes (the caller's mistake)."""
    length = len(content)
    if length < 0x40:
        return bytes((length,)) + content
    if length < 0x4000:
        return uint16(0x4000 | length) + content
    if length <= MAX_VECTOR_BYTES:
        return uint32(0x80000000 | length) + content
    raise ValueError("longer than any MLS vector")


def items(values: Iterable[Encodable]) -> bytes:
    """A vector of structures."""
    return opaque(b"".join([value.encode() for value in values]))


def uint16s(values: Sequence[int]) -> bytes:
    """A vector of two-byte values."""
    return opaque(_pack(f">{len(values)}H", *values))


def optional(value: Encodable | None) -> bytes:
    """`optional<T>`."""
    return b"\x00" if value is None else b"\x01" + value.encode()
