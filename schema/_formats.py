"""String formats and base64 of the atproto data model, as far as our lexicons use them.

The patterns are plain regular expressions anchored at both ends, so that the wire types hand the
same text to msgspec and one rule serves the fast path and the validator.
Source: atproto.com/specs/{did,nsid,lexicon,data-model}; vectors `atproto/syntax`.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

MAX_DID_LENGTH: Final = 2048
MAX_NSID_LENGTH: Final = 317
MAX_SAFE_INTEGER: Final = 2**53 - 1
"""Integers beyond this are not exact in JSON as JavaScript reads it; neither side may send them."""

# The last character is neither a colon nor a percent sign.
DID_PATTERN: Final = r"^did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]\Z"

# The common subset of RFC 3339 and ISO 8601 that atproto allows: upper-case T and Z, a zone always,
# no negative zero offset, any number of fraction digits up to 20, no year zero.
DATETIME_PATTERN: Final = (
    r"^(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,20})?"
    r"(?:Z|(?!-00:00)[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])\Z"
)

# Authority segments like a domain's, read from the right; the name itself has letters and digits only.
NSID_PATTERN: Final = (
    r"^[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+"
    r"\.[a-zA-Z][a-zA-Z0-9]{0,62}\Z"
)

# A scheme and something printable behind it, as AT Protocol's own library has it; not RFC 3986 to the letter.
URI_PATTERN: Final = r"^[a-z][a-z.-]{0,80}:[\x21-\x7e]+\Z"
MAX_URI_LENGTH: Final = 8192

# did:… or a handle, then perhaps a collection, then perhaps a record key that is not a dot or two.
ATURI_PATTERN: Final = (
    r"^at://"
    r"(?:did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]"
    r"|(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)"
    r"(?:/[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+"
    r"\.[a-zA-Z][a-zA-Z0-9]{0,62}"
    r"(?:/(?!\.{1,2}\Z)[a-zA-Z0-9_~.:-]{1,512})?)?\Z"
)
MAX_ATURI_LENGTH: Final = 8192

# Any multibase text of plausible length, as AT Protocol reads it; the old form without a version is none.
CID_PATTERN: Final = r"^(?!Qmb)[a-zA-Z0-9+=]{8,256}\Z"

_FORMATS: Final[Mapping[str, tuple[re.Pattern[str], int]]] = MappingProxyType(
    {
        "did": (re.compile(DID_PATTERN), MAX_DID_LENGTH),
        "datetime": (re.compile(DATETIME_PATTERN), 64),
        "nsid": (re.compile(NSID_PATTERN), MAX_NSID_LENGTH),
        "uri": (re.compile(URI_PATTERN), MAX_URI_LENGTH),
        "at-uri": (re.compile(ATURI_PATTERN), MAX_ATURI_LENGTH),
        "cid": (re.compile(CID_PATTERN), 256),
    }
)


def is_format(text: str, name: str) -> bool:
    """Whether `text` has the lexicon string format `name`."""
    pattern, max_length = _FORMATS[name]
    return len(text) <= max_length and pattern.match(text) is not None


_LAST_OF_TWO = frozenset("AQgw")
_LAST_OF_THREE = frozenset("AEIMQUYcgkosw048")


def decode_base64(text: str) -> bytes:
    """The bytes of a base64 text, padded or not; ValueError on anything that is not canonical.

    Canonical: the standard alphabet (RFC 4648 section 4), no white space, padding whole or absent,
    and no stray bits in the last character (section 3.5), so that one value has one text.
    """
    body = text
    if text.endswith("="):
        body = text[:-2] if text.endswith("==") else text[:-1]
        if len(text) % 4:
            raise ValueError("not base64: incomplete padding")
    tail = len(body) % 4
    if (
        tail == 1
        or (tail == 2 and body[-1] not in _LAST_OF_TWO)
        or (tail == 3 and body[-1] not in _LAST_OF_THREE)
    ):
        raise ValueError("not canonical base64: stray bits at the end")
    if tail == 0 and body is not text:
        raise ValueError("not base64: padding where none belongs")
    try:
        # msgspec's decoder takes a third of binascii's time; it wants the padding and checks the alphabet
        return msgspec.convert(body + "=="[: -tail % 4] if tail else body, bytes)
    except msgspec.ValidationError:
        raise ValueError("not base64") from None
