"""JSON from strangers: one text, one reading, of bounded depth.

A reader that takes the last of two `id` members agrees with nobody else about what a document says.
"""

import json
from typing import NoReturn


class BadJsonError(ValueError):
    """Not UTF-8, not JSON, a duplicate member, a constant that is no JSON, or too deep."""


def read_json(data: bytes) -> object:
    """The value these bytes spell; `BadJsonError` for any others. The caller bounds their length."""
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):  # ValueError: also an integer of thousands of digits
        raise BadJsonError("not JSON of one reading") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a duplicate member")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
