"""A cursor over TLS-style bytes with the variable-size vectors of RFC 9420 (section 2.1.2).

Strict: a vector's length takes 1, 2 or 4 bytes as its two top bits say, `11` is refused, and so is a
length written longer than it must be. Every read beyond the end raises `FramingError`; no length
read from the wire is ever used to allocate.
"""

from crypto._errors import FramingError


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

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        start = self.position
        stop = start + count
        if stop > self.end:
            raise FramingError("ends too early")
        self.position = stop
        return self.data[start:stop]

    def length(self) -> int:
        """The length in front of a vector, in its shortest form only."""
        first = self.uint(1)
        prefix, value = first >> 6, first & 0x3F
        if prefix == 0:
            return value
        if prefix == 1:
            value = value << 8 | self.uint(1)
            shortest = 0x40
        elif prefix == 2:
            value = value << 24 | self.uint(3)
            shortest = 0x4000
        else:
            raise FramingError("a length of the reserved form")
        if value < shortest:
            raise FramingError("a length longer than it must be")
        return value

    def opaque(self) -> bytes:
        """The bytes of a variable-size vector."""
        return self.take(self.length())

    def skip(self) -> int:
        """Passes over a variable-size vector without copying it; returns its length."""
        length = self.length()  # moves the position, so it is read first
        stop = self.position + length
        if stop > self.end:
            raise FramingError("ends too early")
        self.position = stop
        return length

    def vector(self) -> "Reader":
        """A reader over the content of the next vector; this one goes on behind it."""
        length = self.length()
        start = self.position
        stop = start + length
        if stop > self.end:
            raise FramingError("ends too early")
        self.position = stop
        return Reader(self.data, start, stop)

    @property
    def exhausted(self) -> bool:
        """Whether everything up to the end has been read."""
        return self.position == self.end

    def finish(self) -> None:
        """Asserts that nothing follows."""
        if self.position != self.end:
            raise FramingError("bytes after the end")
