"""The error catalogue: every name a client can meet, with its status and what to do about it."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

from schema._library import lexicon
from schema._problems import SchemaError

Fault = Literal["caller", "server", "world"]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    fault: Fault
    retryable: bool
    generic: bool
    meaning: Annotated[str, msgspec.Meta(min_length=1)]


class ErrorInfo(msgspec.Struct, frozen=True):
    """One error of the catalogue.

    `status` is the HTTP status. `fault` says whose it is: the caller's, the server's, or the world's
    (a store that is full, another service, another person's choice). `retryable`: the same bytes, sent
    again later, may succeed. `generic`: any method may answer it; the others are declared in the
    lexicon of each method that may. `meaning` is one sentence for people.
    """

    name: str
    status: int
    fault: Fault
    retryable: bool
    generic: bool
    meaning: str


def _load() -> dict[str, ErrorInfo]:
    data = files("schema").joinpath("errors.json").read_bytes()
    try:
        entries = msgspec.json.decode(data, type=dict[str, _Entry])
    except msgspec.DecodeError as problem:
        raise SchemaError(f"errors.json: {problem}") from problem
    return {
        name: ErrorInfo(name, entry.status, entry.fault, entry.retryable, entry.generic, entry.meaning)
        for name, entry in entries.items()
    }


ERRORS: Final[Mapping[str, ErrorInfo]] = MappingProxyType(_load())
"""Every error by its name."""

GENERIC_ERRORS: Final = frozenset(name for name, info in ERRORS.items() if info.generic)
"""The names any method may answer, declared in no lexicon."""


def error_names(nsid: str) -> frozenset[str]:
    """Every error name the method may answer: its declared ones and the generic ones."""
    return lexicon(nsid).error_names | GENERIC_ERRORS
