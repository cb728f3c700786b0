"""Lines over a byte stream, bounded: the framing of the control socket, for both ends."""

import trio


class LineTooLong(Exception):
    """Theirs: the peer sent more than the bound without ending the line."""


class LineReader:
    """Reads lines from a stream. A cancelled read loses nothing: what came is kept for the next."""

    def __init__(self, stream: trio.abc.ReceiveStream, *, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._searched = 0

    async def line(self) -> bytes | None:
        """The next line without its line break; None at the end of the stream (a torn line is dropped).

        Raises `LineTooLong`, and `trio.BrokenResourceError` when the peer is gone.
        """
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._searched = 0
                return line
            if len(self._buffer) > self._max_bytes:
                raise LineTooLong
            self._searched = len(self._buffer)
            chunk = await self._stream.receive_some()
            if not chunk:
                return None
            self._buffer += chunk
