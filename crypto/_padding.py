"""Padding envelopes: how a message fills a size class, so that its length says little.

Two profiles of sizes, and one envelope for each:

=========  ====================================================  =======================================
profile    size classes (to 10 MiB)                              envelope
=========  ====================================================  =======================================
CATBIRD    512, 1024, 2048, 4096, 8192, then multiples of 8192   4-byte big-endian length, message, zeros
ROOKERY    512, 1024, 2048, 4096, then four sizes a doubling     01, 3-byte big-endian length, message, zeros
=========  ====================================================  =======================================

The first is the contract of `blue.catbird.mls.*`. Its linear steps protect text and give large files
away (of 200,000 sizes around a median of 220 KB, 7.3 bits of entropy remain), so `chat.rookery.*` uses
quarter octaves (5 bits, 9 % more bytes).

The leading 01 is a version. A CATBIRD envelope never begins with it, since its length would be above
16 MiB, so the two cannot be taken for each other.

Unpadding is strict, because whatever it ignored would be a place to hide a mark or a message: the
size is the *smallest* class that holds the message and the fill is zeros. So each message has exactly
one envelope, and `pad(unpad(x)) == x` for every x that unpad accepts.

The server checks sizes by its own copy of these rules in `protocol`, which does not import this
package; a test compares the two for every length.
"""

import enum

from crypto._errors import PaddingError

MAX_PADDED_BYTES = 10 * 1024 * 1024
HEADER_BYTES = 4
MAX_MESSAGE_BYTES = MAX_PADDED_BYTES - HEADER_BYTES

_SMALLEST = 512
_CATBIRD_STEP = 8192
_ROOKERY_LARGEST_OCTAVE = 4096
_ROOKERY_VERSION = b"\x01"


class PaddingProfile(enum.Enum):
    """Which sizes, and which envelope."""

    CATBIRD = "catbird"
    ROOKERY = "rookery"


def size_class(profile: PaddingProfile, length: int) -> int:
    """The smallest size of the profile that holds `length` bytes; `PaddingError` above 10 MiB."""
    if not 0 <= length <= MAX_PADDED_BYTES:
        raise PaddingError("no size class holds this")
    octave = max(_SMALLEST, 1 << max(length - 1, 0).bit_length())  # the power of two at or above
    if profile is PaddingProfile.CATBIRD:
        step = min(octave, _CATBIRD_STEP)
    else:
        # between one power of two and the next lie four steps of a quarter of the lower one
        step = octave if octave <= _ROOKERY_LARGEST_OCTAVE else octave // 8
    return max(_SMALLEST, -(-length // step) * step)


def pad(profile: PaddingProfile, message: bytes) -> bytes:
    """The envelope of a message of at most `MAX_MESSAGE_BYTES`; `PaddingError` for a longer one."""
    if len(message) > MAX_MESSAGE_BYTES:
        raise PaddingError("the message is longer than the largest size class")
    if profile is PaddingProfile.CATBIRD:
        header = len(message).to_bytes(4, "big")
    else:
        header = _ROOKERY_VERSION + len(message).to_bytes(3, "big")
    total = size_class(profile, HEADER_BYTES + len(message))
    return (header + message).ljust(total, b"\0")


def unpad(profile: PaddingProfile, envelope: bytes) -> bytes:
    """The message of an envelope that `pad` would make; `PaddingError` for every other string of bytes."""
    if len(envelope) < _SMALLEST:
        raise PaddingError("not a padding envelope")
    length = int.from_bytes(envelope[:HEADER_BYTES], "big")
    if profile is PaddingProfile.ROOKERY:
        if envelope[:1] != _ROOKERY_VERSION:
            raise PaddingError("not a padding envelope of this version")
        length &= 0xFFFFFF
    end = HEADER_BYTES + length
    if length > MAX_MESSAGE_BYTES or size_class(profile, end) != len(envelope):
        raise PaddingError("the length does not belong to this size")
    if envelope.count(0, end) != len(envelope) - end:
        raise PaddingError("the fill is not zeros")
    return envelope[HEADER_BYTES:end]
