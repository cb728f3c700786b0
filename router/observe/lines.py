"""The canonical lines: one per request, one per exit, each a frozen value with nothing in it to leak.

A line has no field for an account, a device, a conversation, a token or a body, so none can be logged by
mistake. Where a field is text, it comes from a list known at start (`Vocabulary`), never from the caller:
`/xrpc/<something made up>` is logged as `unknown`.
"""

import secrets
from collections.abc import Collection, Iterable

import attrs

UNKNOWN = "unknown"


def _words(given: Iterable[str]) -> frozenset[str]:
    return frozenset(given)


@attrs.frozen
class Vocabulary:
    """The words a line or a metric label may use: methods of the route table, names of the catalogue."""

    methods: frozenset[str] = attrs.field(converter=_words)
    errors: frozenset[str] = attrs.field(converter=_words)
    transports: frozenset[str] = frozenset({"http", "sse", "websocket", "atproto"})

    def method(self, name: str) -> str:
        """The name if it is a method of ours, else `unknown`."""
        return name if name in self.methods else UNKNOWN

    def error(self, name: str) -> str:
        """The name if the catalogue has it, else `unknown`."""
        return name if name in self.errors else UNKNOWN

    def transport(self, name: str) -> str:
        """The name if it is one of the few, else `unknown`."""
        return name if name in self.transports else UNKNOWN


@attrs.frozen(kw_only=True)
class RequestLine:
    """One answered request, or one stream or session from its opening to its end."""

    request: str
    """A random id, made by `request_id`; it means nothing elsewhere."""
    method: str
    """The NSID or fixed path the route table has for it."""
    status: int
    """HTTP status; for an ended WebSocket, its close code."""
    duration: float
    """Seconds."""
    bytes_in: int = 0
    bytes_out: int = 0
    transport: str = "http"
    error: str | None = None
    """The catalogue's name of the error, if it was refused; for a stream, why it ended."""


def request_id() -> str:
    """A fresh random id for one request, 64 bits as hex."""
    return secrets.token_hex(8)


def actor_label(path: str, known: Collection[str]) -> str:
    """A path in the tree with every part that is not a known child's id written as `*`.

    The parts below a registry are conversation and device ids, which no log or metric may hold; what is
    not on the list is hidden, so that a new registry cannot leak by being forgotten.
    """
    return "/".join(part if part in known else "*" for part in path.split("/"))
