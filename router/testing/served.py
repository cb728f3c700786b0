"""One request a connection over HTTP/1.1, answered honestly or with a fault: what the hosts here share."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Protocol

import h11
import trio

from router.testing.faults import Fault, Garbage, Hang, HangUp, Oversize, Redirect, SlowBody, Status

_JSON = ("content-type", "application/json")


class Answering(Protocol):
    """What knows the answers."""

    faults: dict[str, Fault]
    """By whom a request is about; the key `*` is for all others."""
    asked: list[str]
    """Whom requests were about, in order."""

    def answer(self, target: str, host: str) -> tuple[str, int, bytes]:
        """Whom a request (its target, its Host header) is about, and the honest answer to it."""


async def serve(host: Answering, stream: trio.abc.Stream) -> None:
    """One request and its answer; the connection ends with it, as with whoever breaks it off."""
    try:
        await _serve(host, stream)
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError):
        pass
    finally:
        await trio.aclose_forcefully(stream)


async def _serve(host: Answering, stream: trio.abc.Stream) -> None:
    http = h11.Connection(h11.SERVER)
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(bytes(await stream.receive_some()))
    if not isinstance(event, h11.Request):
        return
    headers = {name.decode(): value.decode() for name, value in event.headers}
    about, status, body = host.answer(event.target.decode(), headers["host"])
    host.asked.append(about)
    fault = host.faults.get(about, host.faults.get("*"))
    extra: tuple[tuple[str, str], ...] = ()
    interval = 0.0
    match fault:
        case Hang():
            await trio.sleep_forever()
        case HangUp():
            return
        case Status():
            status, body = fault.code, b"{}"
        case Redirect():
            status, body, extra = 302, b"", (("location", fault.location),)
        case Garbage():
            status, body, extra = 200, fault.body, fault.headers
        case Oversize():
            status, body = 200, body.ljust(fault.size)
        case SlowBody():
            interval = fault.interval
        case None:
            pass
    framing = ("content-length", str(len(body)))
    if isinstance(fault, Oversize) and not fault.declared:
        framing = ("transfer-encoding", "chunked")
    reason = HTTPStatus(status).phrase.encode()
    headers_out = [_JSON, framing, ("connection", "close"), *extra]
    head = http.send(h11.Response(status_code=status, headers=headers_out, reason=reason)) or b""
    await stream.send_all(head)
    for piece in _pieces(body, 1 if interval else 8192):
        await stream.send_all(http.send(h11.Data(data=piece)) or b"")
        await trio.sleep(interval)
    await stream.send_all(http.send(h11.EndOfMessage()) or b"")


@asynccontextmanager
async def listening(
    tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[tuple[int, list[Answering]]]:
    """A port of 127.0.0.1 for the block (0: any that is free), and a list to put the host in that is to
    answer there."""
    hosts: list[Answering] = []

    async def answer(plain: trio.SocketStream) -> None:
        stream: trio.abc.Stream = plain
        if tls is not None:
            stream = trio.SSLStream(plain, tls, server_side=True, https_compatible=True)
        await serve(hosts[0], stream)

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, answer, [listener])
        yield listener.socket.getsockname()[1], hosts
        nursery.cancel_scope.cancel()


def _pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]
