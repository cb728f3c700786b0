"""What a row of the route table says, and the two ways to write one."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from router.edge.services import Call, Edge
from router.identity.principal import Principal
from schema.wire import Wire

Handler = Callable[[Edge, Call], Awaitable[Wire]]

_KIB = 1024
SMALL: Final = 64 * _KIB
MEMBERS: Final = 1024 * _KIB
"""A hundred DIDs, or a commit of a large group."""
WHOLE: Final = 0
"""As much as `server.max_body_bytes` allows: a ciphertext, many key packages, a Welcome and a GroupInfo."""


class Transport(enum.Enum):
    """How an answer travels."""

    CALL = "http"
    SSE = "sse"
    AT_STREAM = "atproto"
    SESSION = "websocket"


class Idempotency(enum.Enum):
    """What makes it safe to send a request a second time."""

    READ = "a query changes nothing"
    KEY_REQUIRED = "the input's idempotencyKey, without which it is refused"
    KEY_OPTIONAL = "the input's idempotencyKey, if the client gives one"
    MESSAGE_ID = "the message id and the bytes under it"
    NATURAL = "doing it twice is the same as doing it once"
    SAID = "a repeat changes nothing and is refused by the name that says so (NotMember, LoginExpired)"


class Auth(enum.Enum):
    """Who may call, of those who have proven who they are."""

    ANY = "an account, one of its devices, an API key that was made for the method"
    PERSON = "an account or one of its devices; no API key"
    ACCOUNT = "an account, by its own key or after a login; none of its devices"

    def admits(self, caller: Principal) -> bool:
        """Whether this caller may."""
        match self:
            case Auth.ANY:
                return True
            case Auth.PERSON:
                return caller.kind != "key"
            case Auth.ACCOUNT:
                return caller.kind in ("service", "access") and caller.device is None


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table, before it is held against its lexicon."""

    family: str
    name: str
    handler: Handler | None = None
    transport: Transport = Transport.CALL
    quota: str = "read"
    idempotency: Idempotency = Idempotency.READ
    max_body_bytes: int = SMALL
    auth: Auth = Auth.ANY


def call_row(
    family: str,
    name: str,
    handler: Handler,
    quota: str,
    idempotency: Idempotency,
    max_body: int = SMALL,
    auth: Auth = Auth.ANY,
) -> Row:
    """A query or procedure."""
    return Row(
        family=family,
        name=name,
        handler=handler,
        quota=quota,
        idempotency=idempotency,
        max_body_bytes=max_body,
        auth=auth,
    )


def stream_row(family: str, name: str, transport: Transport) -> Row:
    """A stream, served by its transport."""
    return Row(
        family=family,
        name=name,
        transport=transport,
        quota="stream",
        idempotency=Idempotency.NATURAL,
    )
