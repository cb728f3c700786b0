"""One XRPC call, framework-free: method → media type → caller → limits → body → input → handler → answer.

A refusal costs nothing below it: nobody's body is read before the caller is known and within its limits, and
a length that is declared too large is refused before that. Whatever goes wrong is a `Reply` with a name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
import msgspec
import trio

from router.edge.admission import Visitor
from router.edge.asgi import HeaderFields, NextChunk
from router.edge.errors import ClientGone, Refusal, Reply, refuse, reply_of
from router.edge.routes import Auth, Idempotency, Route
from router.edge.services import Call, Edge
from router.identity.errors import AuthError, LockedOutError
from router.identity.principal import Principal
from schema import InvalidWire, error_names
from schema.wire import Wire, decode, decode_query, encode, given

_NO_BODY: Final = 0
_TOO_MANY: Final = "TooManyDids"
_TOO_LONG: Final = "Expected `array` of length <="


@attrs.define
class Incoming:
    """A request as any server or framework can hand it in."""

    method: str
    query: bytes
    headers: HeaderFields
    visitor: Visitor
    next_chunk: NextChunk
    """The body, as it arrives."""
    received: int = 0
    """Bytes of the body taken so far."""
    complete: bool = False
    """Whether the body was taken to its end: if not, the connection cannot be used again."""


async def call(edge: Edge, route: Route, request: Incoming) -> Reply:
    """Answer one call. Raises only `ClientGone` and cancellation."""
    try:
        answer = await _call(edge, route, request)
    except ClientGone:
        raise
    except Refusal as refusal:
        return _counted(refuse(_declared(route, refusal)), request.visitor)
    except Exception as error:  # noqa: BLE001 - translated once, here; what is ours is reported by name
        return _counted(reply_of(error), request.visitor)
    return Reply(200, encode(answer), request.visitor.headers)


async def _call(edge: Edge, route: Route, request: Incoming) -> Wire:
    check_method(route, request.method)
    max_bytes = route.max_body_bytes or edge.settings.server.max_body_bytes
    bodiless = route.method.kind == "procedure" and sends_nothing(request.headers) and needs_nothing(route)
    if route.method.kind != "procedure" or bodiless:
        max_bytes = _NO_BODY
    else:
        check_media_type(request.headers)
    declared = request.headers.one(b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > max_bytes:
        raise too_large(max_bytes)
    # nothing to take or to wait for (RFC 9112 6.3), so a refusal need not cost the client its connection
    request.complete = declared is None and request.headers.one(b"transfer-encoding") is None
    caller = await admit(edge, route, request.headers, request.visitor)
    if route.auth is Auth.ANY:
        return await _done(edge, route, caller, request, max_bytes, lambda: None, bodiless=bodiless)
    # Whoever manages an account has to be who may until it is done. Else somebody who has lost a key of the
    # account, or has it, could begin such a call, wait for the account to be recovered, and end it then: with
    # a device of their own on the recovered account. So with a device's key that was replaced meanwhile.
    with edge.revocations.watch(caller) as watch:
        if caller.device is not None:
            edge.revocations.bind_key(watch, caller.device)
        return await _done(edge, route, caller, request, max_bytes, watch.check, bodiless=bodiless)


async def _done(
    edge: Edge,
    route: Route,
    caller: Principal,
    request: Incoming,
    max_bytes: int,
    still: Callable[[], None],
    *,
    bodiless: bool,
) -> Wire:
    """Read the rest and answer."""
    body = b""
    if not request.complete:
        body = await read_body(request, max_bytes, edge.settings.server.body_timeout)
        still()
    try:
        value = read_input(route, request.query, b"{}" if bodiless else body)
    except InvalidWire as problem:
        raise _named(route, problem) from problem
    check_key(route, value)
    if route.handler is None:
        raise TypeError(f"{route.nsid} has no handler")
    with trio.fail_after(edge.answer_timeout):
        return await route.handler(edge, Call(route, caller, value, still))


def _counted(reply: Reply, visitor: Visitor) -> Reply:
    """A refusal to a caller who was counted says how many requests are left, too."""
    if not visitor.headers or reply.error == "RateLimitExceeded":  # which has its own
        return reply
    return attrs.evolve(reply, headers=reply.headers + visitor.headers)


async def read_body(request: Incoming, max_bytes: int, within: float) -> bytes:
    """The whole body. Refuses what is longer as soon as that is seen, and what is slow."""
    chunks: list[bytes] = []
    with trio.move_on_after(within) as limit:
        while (chunk := await request.next_chunk()) is not None:
            request.received += len(chunk)
            if request.received > max_bytes:
                raise too_large(max_bytes)
            chunks.append(chunk)
        request.complete = True
    if limit.cancelled_caught:
        raise Refusal("RequestTimeout", f"The body was not complete within {within:g} s.")
    return b"".join(chunks)


def check_method(route: Route, method: str) -> None:
    """Refuse a method that the lexicon does not have for this name."""
    if method != route.http_method:
        allow = route.http_method.encode()
        message = f"{route.nsid} is a {route.method.kind}: use {route.http_method}."
        raise Refusal("MethodNotAllowed", message, headers=((b"allow", allow),))


def needs_nothing(route: Route) -> bool:
    """Whether every field of the input is optional: older contracts have such a method without any input."""
    return not any(field.required for field in msgspec.structs.fields(_type_of(route)))


def sends_nothing(headers: HeaderFields) -> bool:
    """Whether the request has no body and does not say what it would be, as clients call such a method."""
    return (
        headers.one(b"content-type") is None
        and headers.one(b"transfer-encoding") is None
        and headers.one(b"content-length") in (None, "0")
    )


def check_media_type(headers: HeaderFields) -> None:
    """Refuse a body that is not plain JSON."""
    media_type, _, parameters = (headers.one(b"content-type") or "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise Refusal("UnsupportedMediaType", "Send the body as application/json.")
    if (headers.one(b"content-encoding") or "identity").lower() != "identity":
        raise Refusal("UnsupportedMediaType", "Send the body without a content coding.")


async def admit(edge: Edge, route: Route, headers: HeaderFields, visitor: Visitor) -> Principal:
    """The caller, proven for this method and within its limits (`admission.py`)."""
    visitor.enter()
    try:
        caller = await authenticate(edge, route, headers, visitor.place)
    except AuthError as refused:
        visitor.refused(refused, route.quota)
        raise
    except LockedOutError as locked:
        raise visitor.locked_out(locked) from None
    except Refusal as refused:
        visitor.failed(refused.error)
        raise
    visitor.count(route.quota, caller.account)
    if not route.auth.admits(caller):
        raise Refusal("Forbidden", f"{route.nsid} is for {route.auth.value}.")
    if caller.device is not None:
        edge.seen.note(caller.device)
    return caller


async def admit_to_stream(
    edge: Edge, route: Route, headers: HeaderFields, query: bytes, visitor: Visitor
) -> tuple[Principal, str | None]:
    """The caller of a stream, by a token or a ticket, and the one conversation that a ticket is for.

    Used up on return, which comes without an await after the last look at what was revoked.
    """
    ticket = ticket_of(query)
    if ticket is None:
        return await admit(edge, route, headers, visitor), None
    visitor.enter()
    if headers.one(b"authorization") is not None:
        raise Refusal("InvalidRequest", "Open a stream with a token or with a ticket, not with both.")
    try:
        redeemed = edge.authenticator.redeem(ticket, lxm=route.nsid)
    except AuthError as refused:
        visitor.refused(refused, route.quota)
        raise
    visitor.count(route.quota, redeemed.principal.account)
    return redeemed.principal, redeemed.convo


def ticket_of(query: bytes) -> str | None:
    """The parameter `ticket` of a query string, ahead of the rest. Its letters need no escapes."""
    values = [pair[7:] for pair in query.split(b"&") if pair.startswith(b"ticket=")]
    if len(values) > 1:
        raise Refusal("InvalidRequest", "Give one ticket.")
    return values[0].decode("latin-1") if values else None


async def authenticate(edge: Edge, route: Route, headers: HeaderFields, place: str = "") -> Principal:
    """The caller, proven for this method. `place` is where the request came from, for the lock-out."""
    authorization = headers.one(b"authorization")
    if authorization is None:
        raise Refusal("AuthenticationRequired", "Send a service-auth token: Authorization: Bearer <token>.")
    return await edge.authenticator.authenticate(
        authorization, lxm=route.nsid, single_use=route.single_use, place=place
    )


def read_input(route: Route, query: bytes, body: bytes) -> Wire:
    """The parameters or the body as the type of the lexicon. Raises `InvalidWire` or `Refusal`."""
    if route.method.kind == "procedure":
        if query:
            raise Refusal("InvalidRequest", f"{route.nsid} takes no parameters.")
        return decode(_type_of(route), body)
    if route.given is None:
        if query:
            raise Refusal("InvalidRequest", f"{route.nsid} takes no parameters.")
        return Wire()
    return decode_query(route.given, query)


def check_key(route: Route, value: Wire) -> None:
    """Refuse a write that a retry would do twice and that brings no key for it.

    Lexicons of the seed generation call the key optional; its server asked for it all the same.
    """
    if route.idempotency is Idempotency.KEY_REQUIRED and not given(getattr(value, "idempotency_key", "")):
        message = f"{route.nsid} needs an idempotencyKey: the same one when you send the same bytes again."
        raise Refusal("InvalidRequest", message)


def too_large(max_bytes: int) -> Refusal:
    """The refusal of a body that is, or says it is, longer than the method takes."""
    return Refusal("PayloadTooLarge", f"The body may have at most {max_bytes} bytes.")


def _named(route: Route, problem: InvalidWire) -> Exception:
    """What is wrong with an input, by the name its contract has for it: two methods name a list too long."""
    overfull = problem.path == "$.dids" and problem.message.startswith(_TOO_LONG)
    if overfull and _TOO_MANY in error_names(route.nsid):
        return Refusal(_TOO_MANY, str(problem))
    return problem


def _type_of(route: Route) -> type[Wire]:
    if route.given is None:
        raise TypeError(f"{route.nsid} has no input")
    return route.given


def _declared(route: Route, refusal: Refusal) -> Refusal:
    """The refusal under a name that the method's lexicon or XRPC itself has.

    The state machine is shared by both families, and the seed contract declares fewer names.
    """
    if refusal.error in error_names(route.nsid):
        return refusal
    error = "Forbidden" if refusal.error.startswith("Not") else "InvalidRequest"
    return Refusal(error, refusal.message, retry_after=refusal.retry_after, headers=refusal.headers)
