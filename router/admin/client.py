"""The control socket's client: how the CLI reaches the running server of a data folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import trio

from router.admin.endpoint import NAME, connect
from router.admin.lines import LineReader, LineTooLong
from router.admin.messages import (
    MAX_ANSWER_BYTES,
    Answer,
    End,
    Failure,
    Item,
    Request,
    Result,
    decode_answer,
    encode_line,
)

R = TypeVar("R")


class ControlError(Exception):
    """Base of what can go wrong with a control command; the text is for the person at the terminal."""


class ServerNotRunning(ControlError):
    """No server runs on this data folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"No server is running on {folder}. Start it with `rookery serve`, or name its data folder."
        )
        self.folder = folder


class ControlDenied(ControlError):
    """The socket belongs to somebody else."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} may be opened by its owner only; run this as the user the server runs as.")
        self.path = path


class ControlRefused(ControlError):
    """The server understood and said no: `error` is the name, `message` its sentence."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


class ControlBroken(ControlError):
    """The connection ended or made no sense before the answer; whether the command was done is not known."""


class ControlClient:
    """Asks the server of one data folder; each command has a connection of its own."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._folder = folder

    async def ask(
        self, command: str, arguments: object = None, *, answer: type[R], timeout: float = 65.0
    ) -> R:
        """The result of a command; raises a `ControlError`. `timeout` is seconds for all of it."""
        try:
            with trio.fail_after(timeout):
                async with self._asked(command, arguments) as reader:
                    match await _next(reader):
                        case Result(value):
                            return _decode(value, answer)
                        case other:
                            raise _unexpected(other)
        except trio.TooSlowError as error:
            raise ControlBroken(f"No answer within {timeout:g} s; it may have been done.") from error

    @asynccontextmanager
    async def watch(
        self, command: str, arguments: object = None, *, item: type[R]
    ) -> AsyncIterator[AsyncIterator[R]]:
        """The items of a streaming command, as they come; leaving the block ends the command."""
        async with self._asked(command, arguments) as reader:
            yield _Items(reader, item)

    @asynccontextmanager
    async def _asked(self, command: str, arguments: object) -> AsyncIterator[LineReader]:
        raw = msgspec.Raw(b"{}" if arguments is None else msgspec.json.encode(arguments))
        try:
            stream = await connect(self._path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise ServerNotRunning(self._folder) from error
        except PermissionError as error:
            raise ControlDenied(self._path) from error
        async with stream:
            try:
                await stream.send_all(encode_line(Request(command, raw)))
            except trio.BrokenResourceError:
                pass  # it may have said why before it closed: the answer is read all the same
            yield LineReader(stream, max_bytes=MAX_ANSWER_BYTES)


class _Items(AsyncIterator[R]):
    # a class and not an async generator: leaving a block early leaves nothing to be finalised
    def __init__(self, reader: LineReader, item: type[R]) -> None:
        self._reader = reader
        self._item = item

    async def __anext__(self) -> R:
        match await _next(self._reader):
            case Item(value):
                return _decode(value, self._item)
            case End():
                raise StopAsyncIteration
            case other:
                raise _unexpected(other)


async def _next(reader: LineReader) -> Answer:
    try:
        line = await reader.line()
    except (trio.BrokenResourceError, LineTooLong) as error:
        raise ControlBroken("The connection broke before the answer; it may have been done.") from error
    if line is None:
        raise ControlBroken("The server closed the connection before it answered; it may have been done.")
    try:
        return decode_answer(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ControlBroken("The answer cannot be read; is the server of another version?") from error


def _decode(value: msgspec.Raw, into: type[R]) -> R:
    try:
        return msgspec.json.decode(value, type=into)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ControlBroken("The answer cannot be read; is the server of another version?") from error


def _unexpected(answer: Answer) -> ControlError:
    if isinstance(answer, Failure):
        return ControlRefused(answer.error, answer.message)
    return ControlBroken("The answer is of the wrong kind; is the server of another version?")
