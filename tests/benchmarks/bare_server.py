"""The floors' server: the router's own server under an application that does nothing.

python -m tests.benchmarks.bare_server     prints its port; ends when its standard input ends

POST /answer                     reads the body, answers as many bytes as an ack has
GET  /stream                     begins an SSE stream and leaves it open
GET  /flood?rounds=R&many=M      writes R × M messages to every joined socket, M in one write
GET  /park?tasks=N               starts N tasks that wait on a channel of their own
ws   /echo                       sends back what it gets
ws   /join                       is flooded
"""

import os
import sys
from typing import cast
from urllib.parse import parse_qsl

import trio
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
    WebsocketScope,
)

from router.edge.http11 import SEND_MANY
from router.edge.server import Limits, TcpAddress, serve
from tests.benchmarks.load import allow_many_files
from tests.benchmarks.messages import FRAME_BYTES

_ANSWER = (
    b'{"messageId":"0123456789abcdef0123","seq":12345,"epoch":0,"receivedAt":"2026-01-01T00:00:00.000Z"}'
)
_EVENT = os.urandom(FRAME_BYTES).hex()[:FRAME_BYTES]


class Bare:
    """The application; what it must know is who joined."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._joined: dict[ASGISendCallable, None] = {}
        self._channels: list[trio.MemorySendChannel[int]] = []

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """ASGI."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _websocket(
        self, scope: WebsocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        if scope["path"] == "/join":
            self._joined[send] = None
        while (event := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "bytes": event["bytes"], "text": event["text"]})
        self._joined.pop(send, None)

    async def _http(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        while (event := await receive())["type"] == "http.request" and event["more_body"]:
            pass
        asked = {name: int(value) for name, value in parse_qsl(scope["query_string"].decode())}
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ANSWER))]
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b": \n\n", "more_body": True})
            await receive()
            return
        if scope["path"] == "/flood":
            await self._flood(asked["rounds"], asked["many"])
        if scope["path"] == "/park":
            self._park(asked["tasks"])
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _ANSWER, "more_body": False})

    async def _flood(self, rounds: int, many: int) -> None:
        messages = [_EVENT.encode()] * many
        together = cast("ASGISendEvent", {"type": SEND_MANY, "messages": messages, "text": True})
        for _ in range(rounds):
            for send in list(self._joined):
                if many == 1:
                    await send({"type": "websocket.send", "bytes": None, "text": _EVENT})
                else:
                    await send(together)

    def _park(self, tasks: int) -> None:
        async def parked(channel: "trio.MemoryReceiveChannel[int]") -> None:
            async for _ in channel:
                pass

        for _ in range(tasks):
            send, receive = trio.open_memory_channel[int](64)
            self._channels.append(send)
            self._nursery.start_soon(parked, receive)


def _report(what: str, error: BaseException | None) -> None:
    if error is not None:
        print(what, repr(error), file=sys.stderr)


async def main() -> None:
    """Serve until the standard input ends."""
    allow_many_files()
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(
            lambda task_status=trio.TASK_STATUS_IGNORED: serve(
                Bare(nursery),
                [TcpAddress("127.0.0.1", 0)],
                Limits(),
                drain=trio.Event(),
                report=_report,
                task_status=task_status,
            )
        )
        print(bound[0].port, flush=True)
        await trio.lowlevel.FdStream(os.dup(0)).receive_some()
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
