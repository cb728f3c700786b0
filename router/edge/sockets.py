"""A WebSocket as a stream sees it: accept, take a message, give many, close. Over any ASGI server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, WebsocketScope

from router.edge.asgi import extension, turn_down
from router.edge.errors import reply_of
from router.edge.exchange import Exchange
from router.edge.http11 import SEND_MANY, STALLED
from router.edge.services import Edge

T = TypeVar("T")

_MAX_REASON = 120  # RFC 6455 section 5.5: a close frame carries at most 123 bytes of reason


class Stalled(Exception):
    """The client takes nothing: its socket is cut, and what waited for it is gone from memory."""


class Socket:
    """One accepted WebSocket. One task may receive while another sends."""

    def __init__(
        self,
        scope: WebsocketScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        send_timeout: float,
        exchange: Exchange,
    ) -> None:
        self._receive = receive
        self._send = send
        self._send_timeout = send_timeout
        self._many = extension(scope, SEND_MANY)
        self._exchange = exchange

    async def accept(self, subprotocol: str | None) -> None:
        """Answer the opening request."""
        connect = await self._receive()
        if connect["type"] == "websocket.connect":
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})

    async def receive(self) -> str | bytes | None:
        """The next message; None when the client has gone."""
        event = await self._receive()
        if event["type"] != "websocket.receive":
            if cast("dict[str, object]", event).get("reason") == STALLED:
                self._exchange.ended(1008, STALLED)
            return None
        text, data = event.get("text"), event.get("bytes")
        message = data if text is None else text
        self._exchange.bytes_in += len(message or b"")
        return message

    async def send_all(self, messages: Sequence[bytes], *, text: bool) -> None:
        """Give all messages, in one write if the server can. Raises `Stalled`."""
        if not messages:
            return
        if self._many:
            # The server with this extension is ours and has a deadline on each write; two would cost twice.
            await self._send(cast("ASGISendEvent", {"type": SEND_MANY, "messages": messages, "text": text}))
        else:
            await self._send_each(messages, text=text)
        self._exchange.bytes_out += sum(map(len, messages))

    async def _send_each(self, messages: Sequence[bytes], *, text: bool) -> None:
        with trio.move_on_after(self._send_timeout) as limit:
            for message in messages:
                if text:
                    await self._send({"type": "websocket.send", "bytes": None, "text": message.decode()})
                else:
                    await self._send({"type": "websocket.send", "bytes": message, "text": None})
        if limit.cancelled_caught:
            raise Stalled

    async def close(self, code: int, reason: str) -> None:
        """Say the last word."""
        with trio.move_on_after(self._send_timeout):
            await self._send({"type": "websocket.close", "code": code, "reason": reason[:_MAX_REASON]})


async def open_or_turn_down(
    edge: Edge,
    scope: WebsocketScope,
    send: ASGISendCallable,
    exchange: Exchange,
    opening: Callable[[], Awaitable[T]],
) -> T | None:
    """What `opening` gives; None when it refuses, and the client has been told so over HTTP."""
    try:
        with trio.fail_after(edge.answer_timeout):
            return await opening()
    except Exception as error:  # noqa: BLE001 - translated once; what is ours is reported
        reply = reply_of(error)
        exchange.answered(reply)
        if reply.crash is not None:
            edge.report("request_crashed", reply.crash)
        await turn_down(scope, send, reply, exchange.request)
        return None
