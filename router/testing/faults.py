"""The ways in which a host of documents misbehaves."""

from typing import TypeAlias

import attrs


@attrs.frozen
class Status:
    """Answers with this status and an empty object."""

    code: int


@attrs.frozen
class Redirect:
    """Answers 302 and another place."""

    location: str


@attrs.frozen
class Oversize:
    """A valid object padded with blanks to so many bytes; `declared` says them in Content-Length."""

    size: int
    declared: bool = True


@attrs.frozen
class Garbage:
    """Answers 200 with these bytes: another's document, no JSON, whatever is wanted."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class SlowBody:
    """Sends the head of a good answer, then a byte of the body each `interval` seconds."""

    interval: float


@attrs.frozen
class Hang:
    """Takes the request and never answers."""


@attrs.frozen
class HangUp:
    """Takes the request and closes the connection."""


Fault: TypeAlias = Status | Redirect | Oversize | Garbage | SlowBody | Hang | HangUp
