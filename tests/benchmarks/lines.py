"""Lines over a pair of pipes, both ends of a load process."""

import trio


class Lines:
    """Reads and writes whole lines."""

    def __init__(self, incoming: trio.abc.ReceiveStream, outgoing: trio.abc.SendStream) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._buffer = bytearray()

    async def read(self) -> bytes:
        """The next line; `EOFError` when the other side is gone."""
        while b"\n" not in self._buffer:
            data = await self._incoming.receive_some()
            if not data:
                raise EOFError
            self._buffer += data
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        return line

    async def write(self, line: bytes) -> None:
        """One line."""
        await self._outgoing.send_all(line + b"\n")
