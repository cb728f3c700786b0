"""Size classes: the only lengths a ciphertext may have, so that its length tells little.

CATBIRD are the sizes of the `blue.catbird.mls.*` contract: 512, 1024, 2048, 4096, 8192, then each
multiple of 8192. Its linear steps protect text and leak files (7.3 bits of a file's size survive), so
ROOKERY has powers of two to 4 KiB and then four sizes for each doubling: 49 in all, 5.0 bits, at most a
quarter of overhead. Both end at 10 MiB. The server judges the real length of the bytes, never a number
that a client declares.
"""

import enum
from bisect import bisect_left
from collections.abc import Mapping

from protocol._log import ConversationKind

MAX_BODY_BYTES = 10 * 1024 * 1024


class PaddingProfile(enum.StrEnum):
    """Which family of sizes."""

    CATBIRD = "catbird"
    ROOKERY = "rookery"


def _rookery_sizes() -> list[int]:
    sizes = [512, 1024, 2048, 4096]
    while sizes[-1] < MAX_BODY_BYTES:
        base = sizes[-1]
        sizes += [base + base // 4 * step for step in (1, 2, 3, 4)]
    return [size for size in sizes if size <= MAX_BODY_BYTES]


_SIZES: Mapping[PaddingProfile, tuple[int, ...]] = {
    PaddingProfile.CATBIRD: (512, 1024, 2048, 4096, *range(8192, MAX_BODY_BYTES + 1, 8192)),
    PaddingProfile.ROOKERY: tuple(_rookery_sizes()),
}
_SETS = {profile: frozenset(sizes) for profile, sizes in _SIZES.items()}
_PROFILES = {
    ConversationKind.MLS: PaddingProfile.CATBIRD,
    ConversationKind.OPAQUE: PaddingProfile.ROOKERY,
}


def profile_of(kind: ConversationKind) -> PaddingProfile:
    """The sizes that conversations of this kind use."""
    return _PROFILES[kind]


def sizes(profile: PaddingProfile) -> tuple[int, ...]:
    """All size classes of a profile in bytes, rising."""
    return _SIZES[profile]


def is_size_class(length: int, profile: PaddingProfile) -> bool:
    """Whether bytes of this length may be appended."""
    return length in _SETS[profile]


def padded_size(length: int, profile: PaddingProfile) -> int:
    """The smallest size class that holds `length` bytes; `ValueError` above 10 MiB or below 0."""
    if not 0 <= length <= MAX_BODY_BYTES:
        raise ValueError(f"no size class holds {length} bytes")
    return _SIZES[profile][bisect_left(_SIZES[profile], length)]
