"""What the generated wire types are made of: their base, raw bytes, and the two length rules.

msgspec checks types, numbers, patterns and array lengths while it decodes. Two rules of the lexicon
language it cannot state: text is measured in UTF-8 bytes, not characters, and bytes travel as
`{"$bytes": base64}`. Those are `fits` and `holds`, called from the generated `__post_init__`.
"""

from typing import Annotated, Final, Literal, TypeAlias, TypeVar, overload

import msgspec

from schema._formats import (
    ATURI_PATTERN,
    CID_PATTERN,
    DATETIME_PATTERN,
    DID_PATTERN,
    MAX_ATURI_LENGTH,
    MAX_DID_LENGTH,
    MAX_NSID_LENGTH,
    MAX_SAFE_INTEGER,
    MAX_URI_LENGTH,
    NSID_PATTERN,
    URI_PATTERN,
)

T = TypeVar("T")
D = TypeVar("D")

SAFE: Final = MAX_SAFE_INTEGER

Did: TypeAlias = Annotated[str, msgspec.Meta(pattern=DID_PATTERN, max_length=MAX_DID_LENGTH)]
Datetime: TypeAlias = Annotated[str, msgspec.Meta(pattern=DATETIME_PATTERN, max_length=64)]
NsidText: TypeAlias = Annotated[str, msgspec.Meta(pattern=NSID_PATTERN, max_length=MAX_NSID_LENGTH)]
AtUri: TypeAlias = Annotated[str, msgspec.Meta(pattern=ATURI_PATTERN, max_length=MAX_ATURI_LENGTH)]
Cid: TypeAlias = Annotated[str, msgspec.Meta(pattern=CID_PATTERN, max_length=256)]
Uri: TypeAlias = Annotated[str, msgspec.Meta(pattern=URI_PATTERN, max_length=MAX_URI_LENGTH)]


class Octets(bytes):
    """Raw bytes of a lexicon `bytes` field: a `bytes` that JSON writes as `{"$bytes": base64}`.

    A class of its own, so that the type checker refuses a plain `bytes`, which msgspec would write
    as a bare base64 text.
    """

    __slots__ = ()


class FieldError(ValueError):
    """One field breaks a length rule; the codec turns it into InvalidWire with the whole path."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def camel(name: str) -> str:
    """`last24h_count` as `last24hCount`: msgspec's own rule would write a capital H behind the digits."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename=camel):
    """The base of all wire types: frozen, keyword-only, snake_case here and camelCase outside.

    An optional field that is absent is `UNSET`; `null` is never accepted in its place.
    """


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """The wire types of one method."""

    nsid: str
    kind: Literal["query", "procedure", "subscription"]
    params: type[Wire] | None = None
    input: type[Wire] | None = None
    output: type[Wire] | None = None
    """Of a query that streams: the type of one event."""
    streams: bool = False
    """Whether the output is `text/event-stream`."""
    messages: dict[str, type[Wire]] = {}
    """What a subscription sends: `t` of the frame header (`#messageEvent`) to its payload."""


@overload
def given(value: T | msgspec.UnsetType) -> T | None: ...
@overload
def given(value: T | msgspec.UnsetType, default: D) -> T | D: ...
def given(value: object, default: object = None) -> object:
    """The value of an optional field, or `default` (None) where it is absent."""
    return default if value is msgspec.UNSET else value


def fits(text: str | msgspec.UnsetType, most: int, field: str) -> None:
    """Refuse text of more than `most` bytes of UTF-8."""
    # No character takes more than four bytes: short text, the common case, needs no encoding.
    if text is not msgspec.UNSET and len(text) * 4 > most and len(text.encode()) > most:
        raise FieldError(field, f"Expected text of at most {most} bytes")


def holds(octets: Octets | msgspec.UnsetType, least: int, most: int, field: str) -> None:
    """Refuse bytes shorter than `least` or longer than `most`."""
    if octets is not msgspec.UNSET and not least <= len(octets) <= most:
        raise FieldError(field, f"Expected {least} to {most} bytes, got {len(octets)}")
