"""The public listener's application: the table is mounted in front of the framework.

    path in the table ──▶ call | SSE | AT Protocol stream | session      (plain ASGI)
    everything else ────▶ Quart-Trio: health, documents, logins, errors

A framework's way to a handler and back costs three times what a call costs here.

In front of both: a browser's question whether a page may call (CORS) is answered for every method alike.
Around both: one request line for each exchange, a request id that the client sees, and the last guard:
whatever leaves here as an exception has been answered by name and reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
    WebsocketScope,
)

from router.config import public_origin
from router.edge.asgi import STANDARD_HEADERS, chunks_of, fields_of, respond, turn_down
from router.edge.atstream import serve_at_stream
from router.edge.cors import CorsRules, is_preflight
from router.edge.errors import ClientGone, Headers, Refusal, Reply, refuse
from router.edge.exchange import Exchange
from router.edge.pages import EXCHANGE, pages_app
from router.edge.routes import PAGES, ROUTES, Route, Transport
from router.edge.services import Edge
from router.edge.session import serve_session
from router.edge.sse import serve_sse
from router.edge.xrpc import Incoming, call, check_method
from router.observe import UNKNOWN

_PREFIX = "/xrpc/"
_LOGIN = re.compile(r"/login/[a-z0-9_]+(|/callback)")
_SHARED = (_PREFIX, "/.well-known/")
"""What pages of other origins may be let to read: methods and documents, never a page of a login."""


def public_app(edge: Edge, routes: Mapping[str, Route] = ROUTES) -> ASGIFramework:
    """The ASGI application of the public listener."""
    return _PublicApp(edge, routes)


class _PublicApp:
    def __init__(self, edge: Edge, routes: Mapping[str, Route]) -> None:
        self._edge = edge
        self._routes = routes
        self._pages = pages_app(edge)
        self._cors = CorsRules.of(edge.settings.cors)
        self._always = _always(edge)

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("nothing here begins or ends with a lifespan: the tree owns what does")
        path = scope["path"]
        route = self._routes.get(path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else None
        exchange = Exchange(self._edge.observer, _word(path, route))
        try:
            if scope["type"] == "websocket":
                await self._websocket(scope, receive, send, route, exchange)
            else:
                added = self._always
                if self._cors.origins and path.startswith(_SHARED):
                    added += self._cors.headers(_origin(scope))
                await self._http(scope, receive, _adding(send, added), route, exchange)
        finally:
            exchange.tell()

    async def _http(
        self,
        scope: HTTPScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        route: Route | None,
        exchange: Exchange,
    ) -> None:
        if scope["method"] == "OPTIONS" and self._cors.origins and is_preflight(scope):
            await self._preflight(scope, send, exchange)
        elif route is None:
            await self._framework(scope, receive, send, exchange)
        elif route.transport is Transport.CALL:
            await self._call(scope, receive, send, route, exchange)
        elif route.transport is Transport.SSE:
            await serve_sse(self._edge, route, scope, receive, send, exchange)
        else:
            reply = _not_an_upgrade(route, scope["method"])
            exchange.answered(reply)
            await respond(send, reply, exchange.request, close=True)

    async def _preflight(self, scope: HTTPScope, send: ASGISendCallable, exchange: Exchange) -> None:
        try:
            self._edge.admission.visitor(scope).preflight()
            reply = self._cors.preflight(fields_of(scope))
        except Refusal as refusal:
            reply = refuse(refusal)
        exchange.answered(reply)
        await respond(send, reply, exchange.request)

    async def _call(
        self,
        scope: HTTPScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        route: Route,
        exchange: Exchange,
    ) -> None:
        try:
            chunks = chunks_of(receive)
            visitor = self._edge.admission.visitor(scope)
            request = Incoming(scope["method"], scope["query_string"], fields_of(scope), visitor, chunks)
            reply = await call(self._edge, route, request)
        except ClientGone:
            return
        exchange.bytes_in = request.received
        exchange.answered(reply)
        self._report(reply)
        await respond(send, reply, exchange.request, close=not request.complete)

    async def _framework(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable, exchange: Exchange
    ) -> None:
        """The framework's answers get the standard headers and are counted like all others."""

        async def sending(event: ASGISendEvent) -> None:
            if event["type"] == "http.response.start":
                exchange.status = event["status"]
                own = {name.lower() for name, _ in event["headers"]}  # a page says itself what it may do
                standard = (header for header in STANDARD_HEADERS if header[0] not in own)
                added = ((b"x-request-id", exchange.request.encode()), *standard)
                event = {**event, "headers": [*event["headers"], *added]}
            elif event["type"] == "http.response.body":
                exchange.bytes_out += len(event["body"])
            await send(event)

        scope["state"][EXCHANGE] = exchange
        await self._pages(scope, receive, sending)

    async def _websocket(
        self,
        scope: WebsocketScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        route: Route | None,
        exchange: Exchange,
    ) -> None:
        if route is not None and route.transport is Transport.SESSION:
            await serve_session(self._edge, route, scope, receive, send, exchange)
        elif route is not None and route.transport is Transport.AT_STREAM:
            await serve_at_stream(self._edge, route, scope, receive, send, exchange)
        else:
            message = "There is no WebSocket at this path."
            reply = refuse(Refusal("XRPCNotSupported" if route is None else "InvalidRequest", message))
            exchange.answered(reply)
            await turn_down(scope, send, reply, exchange.request)

    def _report(self, reply: Reply) -> None:
        if reply.crash is not None:
            self._edge.report("request_crashed", reply.crash)


def _always(edge: Edge) -> Headers:
    """Headers of every answer of this server, beside the standard ones.

    RFC 6797 7.2: what travels in the clear must not ask for a secure connection.
    """
    if public_origin(edge.settings).scheme != "https":
        return ()
    return ((b"strict-transport-security", b"max-age=31536000"),)


def _origin(scope: HTTPScope) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), None)


def _adding(send: ASGISendCallable, headers: Headers) -> ASGISendCallable:
    """`send`, with these headers added to the answer."""
    if not headers:
        return send

    async def sending(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event["headers"], *headers]}
        await send(event)

    return sending


def _not_an_upgrade(route: Route, method: str) -> Reply:
    try:
        check_method(route, method)
    except Refusal as refusal:
        return refuse(refusal)
    headers = ((b"upgrade", b"websocket"), (b"connection", b"upgrade"))
    return refuse(Refusal("UpgradeRequired", f"{route.nsid} is a WebSocket.", headers=headers))


def _word(path: str, route: Route | None) -> str:
    """The method as the log may have it: a name of the table or a fixed path, nothing of the caller's."""
    if route is not None:
        return route.nsid
    if path in PAGES:
        return path
    return _LOGIN.sub(r"/login/<provider>\1", path) if _LOGIN.fullmatch(path) else UNKNOWN
