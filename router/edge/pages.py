"""The Quart-Trio application: pages for anybody, and what is at no path.

It adds routing and nothing else. What it answers, errors included, is made by the same functions as a
method's answers, so that no answer has a second form. Bodies are bounded here as well, since the framework
reads ahead of the handler.
"""

from __future__ import annotations

from typing import cast

import msgspec
from hypercorn.typing import HTTPScope
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from router.edge.asgi import HeaderFields
from router.edge.errors import Refusal, Reply, refuse, reply_of
from router.edge.exchange import Exchange
from router.edge.services import Edge
from router.edge.xrpc import Incoming
from router.login.pages import login_routes
from router.login.web import Page as LoginPage
from router.observe import Page, health_page, live_page, ready_page

EXCHANGE = "exchange"
"""Where the request's `Exchange` lies in the state of its ASGI scope."""

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def pages_app(edge: Edge) -> QuartTrio:
    """The application for whatever `public.py` does not serve itself."""
    app = QuartTrio("rookery", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = edge.settings.server.max_body_bytes
    app.config["BODY_TIMEOUT"] = None  # the calls have their own, and answer by name
    app.config["RESPONSE_TIMEOUT"] = None
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # one spelling of a path, as in the table

    @app.route("/xrpc/<nsid>", methods=_METHODS)
    async def unknown_method(nsid: str) -> Response:  # noqa: ARG001 - those that are known never get here
        return _answer(edge, refuse(_UNKNOWN_METHOD))

    @app.route("/xrpc/_health")
    async def xrpc_health() -> Response:
        report = await edge.health.report()
        if report.healthy:
            return _response(Reply(200, msgspec.json.encode({"version": edge.version})))
        down = {"version": edge.version, "error": "NotEnoughResources", "message": "A part is down."}
        return _answer(edge, Reply(503, msgspec.json.encode(down), error="NotEnoughResources"))

    @app.route("/health")
    async def health() -> Response:
        return _page(health_page(await edge.health.report(), version=edge.version, detailed=False))

    @app.route("/health/live")
    async def live() -> Response:
        return _page(live_page())

    @app.route("/health/ready")
    async def ready() -> Response:
        return _page(ready_page(await edge.health.report(), detailed=False))

    @app.route("/.well-known/did.json")
    async def did_document() -> Response:
        host = HeaderFields(request.scope["headers"]).one(b"host") or ""
        document = await edge.documents.did_document_for_host(host)
        if document is None:
            return _answer(edge, refuse(Refusal("XRPCNotSupported", "No DID leads to this host.")))
        return _response(Reply(200, msgspec.json.encode(document.to_json())))

    for page in login_routes(edge.login):

        async def serve(serve_page: LoginPage = page.page, **path: str) -> Response:
            incoming = _incoming(edge)
            return _answer(edge, await serve_page(incoming, path), incoming)

        app.add_url_rule(page.path, f"{page.method} {page.path}", serve, methods=[page.method])

    @app.errorhandler(HTTPException)
    async def framework_error(error: HTTPException) -> Response:
        return _answer(edge, refuse(_named(error)))

    @app.errorhandler(Exception)
    async def fault(error: Exception) -> Response:
        return _answer(edge, reply_of(error))

    return app


_UNKNOWN_METHOD = Refusal("MethodNotImplemented", "No method of this name is built here.")


def _named(error: HTTPException) -> Refusal:
    """What the framework refuses by itself, under a name of the catalogue."""
    match error.code:
        case 404:
            return Refusal("XRPCNotSupported", "Nothing is served at this path.")
        case 405:
            allow = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
            headers = ((b"allow", allow.encode()),) if allow else ()
            return Refusal("MethodNotAllowed", "The path wants another HTTP method.", headers=headers)
        case 413:
            return Refusal("PayloadTooLarge", "The body is longer than any method takes.")
        case 408:
            return Refusal("RequestTimeout", "The request did not arrive whole in time.")
        case code if code is not None and code < 500:
            return Refusal("InvalidRequest", "The request cannot be read.")
        case _:
            return Refusal("InternalServerError", "The server has a fault.")


def _incoming(edge: Edge) -> Incoming:
    """The request, free of the framework."""
    return Incoming(
        request.method,
        request.query_string,
        HeaderFields(request.scope["headers"]),
        edge.admission.visitor(cast("HTTPScope", request.scope)),
        _next_chunk,
    )


async def _next_chunk() -> bytes | None:
    try:
        return await anext(request.body, None)
    except RequestEntityTooLarge:
        raise Refusal("PayloadTooLarge", "The body is longer than any method takes.") from None


def _answer(edge: Edge, reply: Reply, incoming: Incoming | None = None) -> Response:
    """An answer, told to the request's exchange, and reported if it is a fault of ours."""
    exchange: Exchange = request.scope["state"][EXCHANGE]
    exchange.error = reply.error
    if incoming is not None:
        exchange.bytes_in = incoming.received
    if reply.crash is not None:
        edge.report("request_crashed", reply.crash)
    return _response(reply, close=incoming is not None and not incoming.complete)


def _page(page: Page) -> Response:
    return _response(Reply(page.status, page.body, content_type=page.content_type.encode()))


def _response(reply: Reply, *, close: bool = False) -> Response:
    """The framework's form of an answer. Standard headers are added on the way out (`public.py`)."""
    headers = [(name.decode(), value.decode("latin-1")) for name, value in reply.headers]
    if close:
        headers.append(("connection", "close"))
    response = Response(reply.body, reply.status, content_type=reply.content_type.decode())
    response.headers.extend(headers)
    return response
