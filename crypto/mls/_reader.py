"""A cursor over TLS-style bytes with the variable-size vectors of RFC 9420 (section 2.1.2).

Strict: a vector's length takes 1, 2 or 4 bytes as its two top bits say, `11` is refused, and so is a
length written longer than it must be. So each value has exactly one encoding, and what was read can be
written again byte for byte (`_writer`). Every read beyond the end raises `FramingError`; no length read
from the wire is ever used to allocate, and no structure of MLS nests in itself, so nothing recurses.
"""

import struct
from collections.abc import Callable
from typing import TypeVar

from crypto._errors import FramingError, FramingFault

T = TypeVar("T")


class Reader:
    """Reads forward through `data` between two bounds; `position` is where the next read begins."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int = 0, end: int | None = None) -> None:
        self.data = data
        self.position = position
        self.end = len(data) if end is None else end

    def uint(self, size: int) -> int:
        """An unsigned big-endian integer of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def byte(self) -> int:
        """An unsigned integer of one byte."""
        position = self.position
        if position >= self.end:
            raise FramingError(FramingFault.TRUNCATED)
        self.position = position + 1
        return self.data[position]

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        start = self.position
        stop = start + count
        if stop > self.end:
            raise FramingError(FramingFault.TRUNCATED)
        self.position = stop
        return self.data[start:stop]

    def length(self) -> int:
        """The length in front of a vector, in its shortest form only."""
        first = self.byte()
        prefix, value = first >> 6, first & 0x3F
        if prefix == 0:
            return value
        if prefix == 1:
            value = value << 8 | self.byte()
            shortest = 0x40
        elif prefix == 2:
            value = value << 24 | self.uint(3)
            shortest = 0x4000
        else:
            raise FramingError(FramingFault.LENGTH)
        if value < shortest:
            raise FramingError(FramingFault.LENGTH)
        return value

    def opaque(self) -> bytes:
        """The bytes of a variable-size vector."""
        data, start = self.data, self.position
        if start < self.end and data[start] < 0x40:  # most vectors: the length in one byte, read in line
            start += 1
            stop = start + data[start - 1]
        else:
            length = self.length()
            start = self.position
            stop = start + length
        if stop > self.end:
            raise FramingError(FramingFault.TRUNCATED)
        self.position = stop
        return data[start:stop]

    def vector(self) -> "Reader":
        """A reader over the content of the next vector; this one goes on behind it."""
        length = self.length()
        start = self.position
        stop = start + length
        if stop > self.end:
            raise FramingError(FramingFault.TRUNCATED)
        self.position = stop
        return Reader(self.data, start, stop)

    def items(self, read: Callable[["Reader"], T]) -> tuple[T, ...]:
        """A vector of structures, each read by `read`."""
        inner = self.vector()
        found: list[T] = []
        while inner.position < inner.end:
            found.append(read(inner))
        return tuple(found)

    def uint16s(self) -> tuple[int, ...]:
        """A vector of two-byte values."""
        content = self.opaque()
        count, odd = divmod(len(content), 2)
        if odd:
            raise FramingError(FramingFault.TRUNCATED)
        return struct.unpack(f">{count}H", content)

    def optional(self, read: Callable[["Reader"], T]) -> T | None:
        """`optional<T>`: an octet that is 0 or 1 and nothing else, then perhaps the value."""
        presence = self.byte()
        if presence == 0:
            return None
        if presence == 1:
            return read(self)
        raise FramingError(FramingFault.VALUE)

    @property
    def exhausted(self) -> bool:
        """Whether everything up to the end has been read."""
        return self.position == self.end

    def finish(self) -> None:
        """Asserts that nothing follows."""
        if self.position != self.end:
            raise FramingError(FramingFault.TRAILING)


def read_whole(data: bytes, read: Callable[[Reader], T]) -> T:
    """The one structure that takes up all of `data`."""
    reader = Reader(data)
    value = read(reader)
    reader.finish()
    return value
