"""Raw sockets to a router: bytes as they are, for clients that do what no library would do.

`RawClient` is one TCP connection. `ask` sends bytes and reads one HTTP answer; `open_websocket` upgrades.
"""

import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from tests.benchmarks.wire import BINARY, CLOSE, PING, PONG, TEXT, FrameReader, frame
from tests.system.people import named_error
from tests.system.process import RouterProcess

DEADLINE_SECONDS = 20.0


@attrs.frozen
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The name of the error that it is."""
        assert self.headers["content-type"] == "application/json", self.headers
        return named_error(self.status, self.body)


@attrs.frozen
class Closed:
    """How a WebSocket ended: its close frame, or 1006 where there was none."""

    code: int
    reason: str


Frame = str | bytes | Closed


def request(
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> bytes:
    """The bytes of a request; `content-length` and `host` are added unless given."""
    fields = {"host": "localhost", **(headers or {})}
    if body is not None:
        fields.setdefault("content-type", "application/json")
        fields.setdefault("content-length", str(len(body)))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def upgrade(target: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The request that opens a WebSocket."""
    return request(
        "GET",
        target,
        {
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-version": "13",
            **(headers or {}),
        },
    )


class RawClient:
    """One connection. Everything that waits fails after `DEADLINE_SECONDS`."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""
        self._frames = FrameReader()
        self._waiting: list[tuple[int, bytes]] = []

    # -- HTTP ------------------------------------------------------------------------------------------

    async def ask(self, data: bytes) -> Answer:
        """Send bytes, as many as the server takes, and read its answer."""
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError:
            pass  # it may have answered all the same
        return await self.answer()

    async def answer(self) -> Answer:
        """The next answer, with its body: of the length it says, else to the end of the connection."""
        with trio.fail_after(DEADLINE_SECONDS):
            head = await self._until(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            length = int(headers.get("content-length", "0"))
            while len(self._buffer) < length:
                await self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(int(first.split(" ")[1]), headers, body)

    async def head(self, data: bytes) -> tuple[int, str]:
        """Send bytes and read the head of an answer whose body goes on: status and head."""
        await self.stream.send_all(data)
        with trio.fail_after(DEADLINE_SECONDS):
            head = (await self._until(b"\r\n\r\n")).decode("latin-1")
        return int(head.split(" ")[1]), head

    async def read_to_end(self) -> bytes:
        """Everything until the server ends the connection; a reset ends it too."""
        data = bytearray(self._buffer)
        with trio.fail_after(DEADLINE_SECONDS):
            try:
                async for chunk in self.stream:
                    data += chunk
            except trio.BrokenResourceError:
                pass
        return bytes(data)

    # -- WebSocket -------------------------------------------------------------------------------------

    async def open_websocket(self, target: str, headers: Mapping[str, str] | None = None) -> Answer | None:
        """Upgrade; None when it is open, else the refusal."""
        await self.stream.send_all(upgrade(target, headers))
        answer = await self.answer()
        if answer.status != 101:
            return answer
        self._waiting += self._frames.feed(self._buffer)
        return None

    async def say(self, *frames: Mapping[str, Any] | str | bytes) -> None:
        """Send messages: objects and texts as text, bytes as binary."""
        await self.stream.send_all(b"".join(_encoded(frames)))

    async def hear(self) -> Frame:
        """The next message, or how the socket was closed. Pings are answered."""
        with trio.fail_after(DEADLINE_SECONDS):
            while True:
                while self._waiting:
                    opcode, payload = self._waiting.pop(0)
                    if opcode == PING:
                        await self.stream.send_all(frame(payload, PONG))
                    elif opcode == CLOSE:
                        code = int.from_bytes(payload[:2], "big") if payload else 1005
                        return Closed(code, payload[2:].decode())
                    elif opcode == TEXT:
                        return payload.decode()
                    elif opcode == BINARY:
                        return payload
                try:
                    data = await self.stream.receive_some(65_536)
                except trio.BrokenResourceError:
                    data = b""
                if not data:
                    return Closed(1006, "")
                self._waiting += self._frames.feed(data)

    async def hear_object(self) -> dict[str, Any]:
        """The next message, which must be a JSON object."""
        heard = await self.hear()
        assert isinstance(heard, str), heard
        value = json.loads(heard)
        assert isinstance(value, dict), heard
        return value

    async def hear_type(self, kind: str) -> dict[str, Any]:
        """The next session frame of this type; others before it are passed over."""
        while (value := await self.hear_object())["type"] != kind:
            pass
        return value

    async def hear_close(self) -> Closed:
        """How it is closed; what comes before is passed over."""
        while not isinstance(heard := await self.hear(), Closed):
            pass
        return heard

    # -- bytes -----------------------------------------------------------------------------------------

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            await self._more()
        head, _, self._buffer = self._buffer.partition(mark)
        return head

    async def _more(self) -> None:
        try:
            data = await self.stream.receive_some(65_536)
        except trio.BrokenResourceError:
            data = b""
        assert data, f"the connection ended without a whole answer: {self._buffer!r}"
        self._buffer += data


def _encoded(frames: tuple[Mapping[str, Any] | str | bytes, ...]) -> Iterator[bytes]:
    for each in frames:
        if isinstance(each, bytes):
            yield frame(each, BINARY)
        else:
            yield frame((each if isinstance(each, str) else json.dumps(each)).encode(), TEXT)


@asynccontextmanager
async def raw_client(router: RouterProcess, *, receive_buffer: int | None = None) -> AsyncIterator[RawClient]:
    """A connection for the block; `receive_buffer` bytes are all the kernel takes for it unread."""
    with trio.socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await sock.connect(("127.0.0.1", router.port))
        yield RawClient(trio.SocketStream(sock))


def dechunked(data: bytes) -> bytes:
    """The body in a chunked transfer coding (RFC 9112 section 7.1) that may have been cut anywhere."""
    body = bytearray()
    while b"\r\n" in data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body += data[:length]
        data = data[length + 2 :]
    return bytes(body)
