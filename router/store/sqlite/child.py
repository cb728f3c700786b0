"""The writer's process: reads a batch from a socket, commits it, answers; ends when the socket ends.

Frames are four bytes of length and MessagePack. The first answer says that the ledger is open, or why not.
SIGINT and SIGTERM are ignored: they reach every process of a terminal or a service at once, and the server
still has things to write while it drains. This process ends by end of file, which nobody can forget to send.

Imports no Trio: its memory and its start are paid for on every server.
"""

import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from router.store.sqlite.ledger import Ledger
from router.store.sqlite.requests import Outcome, Request, Unavailable

if TYPE_CHECKING:
    from router.store.sqlite.engines import Place

LOST = 74
"""The exit status after a failed fsync (EX_IOERR of sysexits.h): the answer may not be heard."""
LENGTH = ">I"
LENGTH_BYTES = struct.calcsize(LENGTH)

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[list[Request]] = msgspec.msgpack.Decoder(list[Request])
_outcomes: msgspec.msgpack.Decoder[list[Outcome]] = msgspec.msgpack.Decoder(list[Outcome])


def frame(payload: bytes) -> bytes:
    """A payload with its length before it."""
    return struct.pack(LENGTH, len(payload)) + payload


def encode_requests(requests: Sequence[Request]) -> bytes:
    """A batch on its way to the ledger."""
    return _encoder.encode(requests)


def decode_outcomes(payload: bytes | bytearray) -> list[Outcome]:
    """A batch's outcomes on their way back."""
    return _outcomes.decode(payload)


def arguments(descriptor: int, place: "Place") -> list[str]:
    """The command line of the process, after `-m`."""
    return [
        str(descriptor),
        str(place.path.absolute()),
        str(place.term),
        place.log_id.hex(),
        place.synchronous,
    ]


def read_greeting(payload: bytes | bytearray) -> str:
    """What the first answer says: nothing when the ledger is open, else why not."""
    return payload.decode()


def main() -> None:
    """Serve one socket until it ends."""
    descriptor, path, term, log_id, synchronous = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(descriptor)) as connection:
        try:
            ledger = Ledger(
                Path(path),
                term=int(term),
                log_id=bytes.fromhex(log_id),
                synchronous="normal" if synchronous == "normal" else "full",
            )
        except Exception as error:  # noqa: BLE001 - told to the parent, which decides
            connection.sendall(frame(f"{type(error).__name__}: {error}".encode()))
            return
        with ledger:
            connection.sendall(frame(b""))
            _serve(connection, ledger)


def _serve(connection: socket.socket, ledger: Ledger) -> None:
    while (head := _exactly(connection, LENGTH_BYTES)) is not None:
        (size,) = struct.unpack(LENGTH, head)
        payload = _exactly(connection, size)
        if payload is None:
            return
        outcomes = ledger.commit(_requests.decode(payload))
        lost = any(isinstance(outcome, Unavailable) and outcome.fatal for outcome in outcomes)
        try:
            connection.sendall(frame(_encoder.encode(outcomes)))
        except (BrokenPipeError, ConnectionResetError):
            if not lost:
                return
        if lost:
            # At once: SQLite would make a checkpoint at the close, should its server be gone already.
            os._exit(LOST)


def _exactly(connection: socket.socket, size: int) -> bytearray | None:
    """So many bytes, or None when the socket ends before."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        try:
            received = connection.recv_into(view)
        except ConnectionResetError:
            return None
        if received == 0:
            return None
        view = view[received:]
    return buffer


if __name__ == "__main__":
    main()
