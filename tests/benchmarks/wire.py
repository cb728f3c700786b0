"""A WebSocket and HTTP client that costs next to nothing, so that a load run measures the server.

It speaks just enough of RFC 6455 and RFC 9112 for our own server's answers: no extensions, no redirects,
answers with a Content-Length. Use `router.client` for anything but load.
"""

import os
import struct
from collections.abc import Iterator
from typing import Self

import trio

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One masked client frame (RFC 6455 section 5.2)."""
    size = len(payload)
    mask = os.urandom(4)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    repeated = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    return head + mask + masked


class FrameReader:
    """Cuts a byte stream from a server into (opcode, payload) pairs; frames are never fragmented there."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames completed by `data`."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1] & 0x7F, 2
            if size == 126:
                if len(buffer) - at < 4:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 4], "big"), 4
            elif size == 127:
                if len(buffer) - at < 10:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 10], "big"), 10
            if len(buffer) - at < head + size:
                break
            yield buffer[at] & 0x0F, bytes(buffer[at + head : at + head + size])
            at += head + size
        del buffer[:at]


class WebSocket:
    """A connected client socket; `receive` gives every message that has come, at least one."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._reader = FrameReader()

    async def send(self, *payloads: bytes, opcode: int = TEXT) -> None:
        """Send messages in one write."""
        await self._stream.send_all(b"".join(frame(payload, opcode) for payload in payloads))

    async def receive(self) -> list[bytes]:
        """The messages that have come; an empty list means the server closed."""
        while True:
            data = await self._stream.receive_some(262_144)
            if not data:
                return []
            messages: list[bytes] = []
            for opcode, payload in self._reader.feed(data):
                if opcode == PING:
                    await self._stream.send_all(frame(payload, PONG))
                elif opcode == CLOSE:
                    return messages
                elif opcode in (TEXT, BINARY):
                    messages.append(payload)
            if messages:
                return messages

    async def aclose(self) -> None:
        """Drop the connection."""
        await self._stream.aclose()


async def open_websocket(
    host: str,
    port: int,
    target: str,
    *,
    headers: dict[str, str] | None = None,
    subprotocol: str | None = None,
) -> WebSocket:
    """Upgrade a fresh connection; raises with the server's answer when it refuses."""
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    if subprotocol:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    stream = await trio.open_tcp_stream(host, port)
    await stream.send_all(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = await stream.receive_some(65_536)
        if not more:
            break
        answer += more
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n", 1)[0] + b" ":
        await stream.aclose()
        raise ConnectionError(answer.decode(errors="replace"))
    socket = WebSocket(stream)
    if rest:
        raise ConnectionError("the server spoke before it was asked")
    return socket


class Http:
    """One keep-alive connection; `post` and `get` return (status, body). Closed with its `async with`."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._stream: trio.SocketStream | None = None
        self._buffer = b""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._stream is not None:
            await trio.aclose_forcefully(self._stream)
            self._stream = None

    async def post(self, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request with a JSON body."""
        return await self._ask("POST", target, body, headers)

    async def get(self, target: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request without a body."""
        return await self._ask("GET", target, b"", headers)

    async def _ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._stream is None:
            self._stream = await trio.open_tcp_stream(self._host, self._port)
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        await self._stream.send_all(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        while b"\r\n\r\n" not in self._buffer:
            await self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(self._buffer) < length:
            await self._more()
        answer, self._buffer = self._buffer[:length], self._buffer[length:]
        return status, answer

    async def _more(self) -> None:
        assert self._stream is not None
        data = await self._stream.receive_some(262_144)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data
