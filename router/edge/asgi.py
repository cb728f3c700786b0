"""The little ASGI that is needed: reading a request, writing an answer, opening or refusing a WebSocket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, cast

from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPScope,
    WebsocketScope,
)

from router.edge.errors import ClientGone, Refusal, Reply

NextChunk = Callable[[], Awaitable[bytes | None]]
"""Gives the next piece of a body, and None at its end. Raises `ClientGone`."""

STANDARD_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""Answers are data: nothing may guess a type, keep a copy, or show them as a page."""


class HeaderFields:
    """Header fields by lower-case name. A field that must be single and is not is refused."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self._fields: dict[bytes, list[bytes]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def one(self, name: bytes) -> str | None:
        """The value of a field that occurs at most once."""
        values = self._fields.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise Refusal("InvalidRequest", f"The header {name.decode('latin-1')} may be given once.")
        return values[0].decode("latin-1")


def chunks_of(receive: ASGIReceiveCallable) -> NextChunk:
    """The body of a request, piece by piece."""
    more = True

    async def next_chunk() -> bytes | None:
        nonlocal more
        if not more:
            return None
        event = await receive()
        if event["type"] != "http.request":
            raise ClientGone
        more = event["more_body"]
        return event["body"]

    return next_chunk


def with_standard_headers(reply: Reply, request: str, *, close: bool) -> list[tuple[bytes, bytes]]:
    """All headers of an answer; `close` when the connection cannot be used again."""
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", b"%d" % len(reply.body)),
        (b"x-request-id", request.encode()),
        *STANDARD_HEADERS,
        *reply.headers,
    ]
    if close:
        headers.append((b"connection", b"close"))
    return headers


async def respond(send: ASGISendCallable, reply: Reply, request: str, *, close: bool = False) -> None:
    """Answer an HTTP request."""
    headers = with_standard_headers(reply, request, close=close)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


async def turn_down(scope: WebsocketScope, send: ASGISendCallable, reply: Reply, request: str) -> None:
    """Answer the opening request of a WebSocket with an error instead of a 101."""
    if "websocket.http.response" not in scope["extensions"]:
        await send({"type": "websocket.close", "code": 1008, "reason": reply.error or ""})
        return
    headers = with_standard_headers(reply, request, close=True)
    await send({"type": "websocket.http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reply.body, "more_body": False})


def fields_of(scope: HTTPScope | WebsocketScope) -> HeaderFields:
    """The header fields of a request."""
    return HeaderFields(scope["headers"])


def extension(scope: HTTPScope | WebsocketScope, name: str) -> bool:
    """Whether the server offers an ASGI extension."""
    return name in cast("Mapping[str, object]", scope.get("extensions") or {})
