"""The one route table: every method, who may call it, how it is counted, what makes its retry safe.

A row is a line below or in `mls/rows.py`; what a lexicon says already (query or procedure, parameters,
input, output) is taken from it. `build` refuses to start with a method that has no row, a row that has no
method, or a row that contradicts its lexicon, so the table and the lexicons cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

import attrs

from protocol import ConversationKind, Nsid
from router.edge import handlers_convo as convo
from router.edge import handlers_device as device
from router.edge import handlers_identity as identity
from router.edge import handlers_keys as keys
from router.edge import handlers_message as message
from router.edge import handlers_passkey as passkey
from router.edge import handlers_ticket as ticket
from router.edge.mls.rows import ROWS as MLS_ROWS
from router.edge.rows import WHOLE, Auth, Handler, Idempotency, Row, Transport
from router.edge.rows import call_row as _call
from router.edge.rows import stream_row as _stream
from schema.wire import METHODS, Method, Wire

__all__ = [
    "PAGES",
    "ROUTES",
    "ROWS",
    "Auth",
    "Handler",
    "Idempotency",
    "Route",
    "RouteTableError",
    "Transport",
    "build",
    "route_names",
]


@attrs.frozen(kw_only=True)
class Route:
    """One row of the table."""

    nsid: Nsid
    method: Method
    transport: Transport
    kind: ConversationKind
    handler: Handler | None
    """None for streams, which `public.py` serves by transport."""
    quota: str
    """The class of requests it is counted with (`router/limits/classes.py`)."""
    idempotency: Idempotency
    max_body_bytes: int
    """0: `server.max_body_bytes`."""
    auth: Auth

    @property
    def http_method(self) -> Literal["GET", "POST"]:
        """Queries and subscriptions are GET, procedures POST."""
        return "POST" if self.method.kind == "procedure" else "GET"

    @property
    def single_use(self) -> bool:
        """Whether the token is used up: by whatever changes something, and by the opening of a stream."""
        return self.method.kind != "query" or self.method.streams

    @property
    def for_api_keys(self) -> bool:
        """Whether an API key may be made for this method."""
        return self.auth is Auth.ANY

    @property
    def given(self) -> type[Wire] | None:
        """The type of the body, or of the parameters."""
        return self.method.input if self.method.kind == "procedure" else self.method.params


class RouteTableError(Exception):
    """The table and the lexicons contradict each other: a mistake of ours, found at start."""


_ROOKERY: Final = "chat.rookery"
_KINDS: Final = {
    "blue.catbird.mls": ConversationKind.MLS,
    "blue.catbird.mlsChat": ConversationKind.MLS,
    "chat.rookery.mls": ConversationKind.MLS,
    _ROOKERY: ConversationKind.OPAQUE,
}
_I = Idempotency
_PERSON, _ACCOUNT = Auth.PERSON, Auth.ACCOUNT

# fmt: off
ROWS: Final = (
    *MLS_ROWS,
    _call(_ROOKERY, "createConvo",    convo.create_rookery,    "createConvo",    _I.KEY_REQUIRED),
    _call(_ROOKERY, "getConvos",      convo.list_rookery,      "read",           _I.READ),
    _call(_ROOKERY, "addMembers",     convo.add_rookery,       "addMembers",     _I.KEY_REQUIRED),
    _call(_ROOKERY, "removeMember",   convo.remove_rookery,    "removeMember",   _I.KEY_REQUIRED),
    _call(_ROOKERY, "leaveConvo",     convo.leave_rookery,     "default",        _I.KEY_REQUIRED),
    _call(_ROOKERY, "sendMessage",    message.send_rookery,    "send",           _I.MESSAGE_ID, WHOLE),
    _call(_ROOKERY, "getMessages",    message.read_rookery,    "read",           _I.READ),
    _call(_ROOKERY, "updateCursor",   message.mark_rookery,    "default",        _I.NATURAL),
    _call(_ROOKERY, "registerDevice", device.register_rookery, "registerDevice", _I.KEY_OPTIONAL,
          auth=_ACCOUNT),
    _call(_ROOKERY, "listDevices",    device.list_rookery,     "read",           _I.READ, auth=_PERSON),
    _call(_ROOKERY, "renameDevice",   device.rename,           "default",        _I.NATURAL, auth=_PERSON),
    _call(_ROOKERY, "rotateDeviceKey", device.rotate,          "registerDevice", _I.NATURAL, auth=_PERSON),
    _call(_ROOKERY, "revokeDevice",   device.revoke_rookery,   "default",        _I.NATURAL, auth=_PERSON),
    _call(_ROOKERY, "createApiKey", keys.create, "registerDevice", _I.KEY_REQUIRED, auth=_ACCOUNT),
    _call(_ROOKERY, "listApiKeys",    keys.list_all,           "read",           _I.READ, auth=_ACCOUNT),
    _call(_ROOKERY, "revokeApiKey",   keys.revoke,             "default",        _I.NATURAL, auth=_ACCOUNT),
    _call(_ROOKERY, "createPasskeyLink", passkey.link, "registerDevice", _I.NATURAL, auth=_ACCOUNT),
    _call(_ROOKERY, "listIdentities", identity.list_all,       "read",           _I.READ, auth=_ACCOUNT),
    _call(_ROOKERY, "linkIdentity",   identity.link,           "registerDevice", _I.SAID, auth=_ACCOUNT),
    _call(_ROOKERY, "unlinkIdentity", identity.unlink,         "default",        _I.NATURAL, auth=_ACCOUNT),
    _call(_ROOKERY, "getTicket",      ticket.get_rookery,      "stream",         _I.NATURAL),
    _stream(_ROOKERY, "streamEvents",    Transport.SSE),
    _stream(_ROOKERY, "subscribeEvents", Transport.AT_STREAM),
    _stream(_ROOKERY, "session",         Transport.SESSION),
)
# fmt: on


def build(rows: Iterable[Row], methods: Mapping[str, Method]) -> Mapping[str, Route]:
    """The table by NSID. Raises `RouteTableError` unless rows and methods agree one by one."""
    table: dict[str, Route] = {}
    for row in rows:
        nsid = f"{row.family}.{row.name}"
        method = methods.get(nsid)
        if method is None:
            raise RouteTableError(f"{nsid} has a row and no lexicon")
        if nsid in table:
            raise RouteTableError(f"{nsid} has two rows")
        route = Route(
            nsid=Nsid(nsid),
            method=method,
            transport=row.transport,
            kind=_KINDS[row.family],
            handler=row.handler,
            quota=row.quota,
            idempotency=row.idempotency,
            max_body_bytes=row.max_body_bytes,
            auth=row.auth,
        )
        _agree(route)
        table[nsid] = route
    missing = methods.keys() - table.keys()
    if missing:
        raise RouteTableError(f"without a row: {', '.join(sorted(missing))}")
    return MappingProxyType(table)


def _agree(route: Route) -> None:
    """Refuse a row that contradicts its lexicon."""
    method, nsid = route.method, route.nsid
    transports = {
        "query": {Transport.SSE} if method.streams else {Transport.CALL},
        "procedure": {Transport.CALL},
        "subscription": {Transport.AT_STREAM, Transport.SESSION},
    }
    if route.transport not in transports[method.kind]:
        raise RouteTableError(f"{nsid} is a {method.kind} and cannot travel as {route.transport.value}")
    if (route.handler is None) is (route.transport is Transport.CALL):
        raise RouteTableError(f"{nsid}: a call has a handler, a stream has none")
    if (method.kind == "query" and not method.streams) is not (route.idempotency is Idempotency.READ):
        raise RouteTableError(f"{nsid}: a query, and nothing else, needs no rule for retries")
    wanted = _RETRY_FIELD.get(route.idempotency)
    if wanted is not None and (method.input is None or wanted not in method.input.__struct_fields__):
        raise RouteTableError(f"{nsid} has no {wanted} in its input")


_RETRY_FIELD: Final = {
    Idempotency.KEY_REQUIRED: "idempotency_key",
    Idempotency.KEY_OPTIONAL: "idempotency_key",
    Idempotency.MESSAGE_ID: "msg_id",
}

ROUTES: Final = build(ROWS, METHODS)
"""The table of this server."""

PAGES: Final = (
    "/health",
    "/health/live",
    "/health/ready",
    "/xrpc/_health",
    "/.well-known/did.json",
    "/.well-known/jwks.json",
    "/login",
    "/login/providers",
    "/login/token",
    "/login/refresh",
    "/login/logout",
    "/login/name",
    "/login/style.css",
    "/login/passkey.js",
    "/login/passkey",
    "/login/passkey/login",
    "/login/passkey/login/finish",
    "/login/passkey/create",
    "/login/passkey/create/finish",
    "/login/passkeys",
    "/login/passkeys/open",
    "/login/passkeys/add",
    "/login/passkeys/add/finish",
    "/login/passkeys/rename",
    "/login/passkeys/revoke",
    "/login/passkeys/leave",
    "/login/<provider>",
    "/login/<provider>/callback",
)
"""What is served beside the methods, to anybody."""


def route_names() -> frozenset[str]:
    """Every word that a request line or a metric may have as its method."""
    return frozenset((*ROUTES, *PAGES))
