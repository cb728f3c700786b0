"""The control socket's server: the operator's commands, from the CLI to the running process.

Only the owner of the data folder can open the socket (mode 0600), so there is no further login. A broken
request is answered with a name and a sentence; a handler's crash is reported and answered, and ends one
connection only.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import assert_never

import attrs
import msgspec
import trio

from router.admin.commands import AnyCommand, Command, CommandFailed, StreamCommand
from router.admin.endpoint import NAME, listening_socket
from router.admin.lines import LineReader, LineTooLong
from router.admin.messages import (
    MAX_REQUEST_BYTES,
    Answer,
    End,
    Failure,
    Item,
    Result,
    decode_request,
    encode_line,
)

Crashed = Callable[[str, BaseException], None]
"""Told of a handler that raised something else than `CommandFailed`: the command's name, the exception."""


@attrs.frozen(kw_only=True)
class ControlLimits:
    """Bounds of the control socket. Times are seconds."""

    max_connections: int = 32
    max_request_bytes: int = MAX_REQUEST_BYTES
    request_timeout: float = 5.0
    """A client must have sent its request within this."""
    command_timeout: float = 60.0
    """A command that answers once must be done within this; streams may last."""
    send_timeout: float = 10.0
    """A client must take an answer within this."""


class _ClientLeft(Exception):
    """The client closed its end or takes nothing: nobody is left to answer."""


async def serve_control(
    folder: Path,
    commands: Mapping[str, AnyCommand],
    *,
    on_crash: Crashed,
    limits: ControlLimits = ControlLimits(),
    task_status: trio.TaskStatus[Path] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `commands` on `folder/control.sock` until cancelled; `started()` gives the socket's path.

    Raises `ControlSocketInUse` or `NotASocket` before it is ready. A cancel closes every connection at once
    and removes the socket; a command that was running is cancelled with it.
    """
    server = _Server(commands, on_crash, limits)
    with listening_socket(folder, backlog=limits.max_connections) as listener:
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, server.serve, [listener])
            task_status.started(folder / NAME)


class _Server:
    def __init__(self, commands: Mapping[str, AnyCommand], on_crash: Crashed, limits: ControlLimits) -> None:
        self._commands = commands
        self._on_crash = on_crash
        self._limits = limits
        self._open = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        self._open += 1
        try:
            async with stream:
                await self._converse(stream)
        except (_ClientLeft, trio.BrokenResourceError):
            pass  # its loss; the command has run or was cancelled, as its kind says
        finally:
            self._open -= 1

    async def _converse(self, stream: trio.SocketStream) -> None:
        if self._open > self._limits.max_connections:
            await self._send(stream, Failure("Busy", "Too many control connections are open; try again."))
            return
        reader = LineReader(stream, max_bytes=self._limits.max_request_bytes)
        try:
            with trio.fail_after(self._limits.request_timeout):
                line = await reader.line()
        except trio.TooSlowError:
            await self._send(stream, Failure("RequestTimeout", "No request came."))
            return
        except LineTooLong:
            await self._send(
                stream,
                Failure("RequestTooLarge", f"A request has at most {self._limits.max_request_bytes} bytes."),
            )
            return
        if line is not None:
            await self._answer(stream, line)

    async def _answer(self, stream: trio.SocketStream, line: bytes) -> None:
        try:
            request = decode_request(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            await self._send(stream, Failure("InvalidRequest", f"This is not a request: {error}."))
            return
        command = self._commands.get(request.command)
        if command is None:
            known = ", ".join(sorted(self._commands)) or "none"
            await self._send(
                stream, Failure("UnknownCommand", f"There is no such command; there are: {known}.")
            )
            return
        try:
            arguments = msgspec.json.decode(request.arguments, type=command.arguments)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            await self._send(stream, Failure("InvalidArguments", f"{error}."))
            return
        await self._send(stream, await self._run(stream, command, arguments))

    async def _run(self, stream: trio.SocketStream, command: AnyCommand, arguments: object) -> Answer:
        try:
            match command:
                case Command():
                    return await self._run_once(command, arguments)
                case StreamCommand():
                    return await self._run_stream(stream, command, arguments)
                case _:
                    assert_never(command)
        except CommandFailed as refusal:
            return Failure(refusal.error, refusal.message)
        except _ClientLeft:
            raise
        except Exception as error:  # noqa: BLE001 - a command must not end the server; it is reported
            self._on_crash(command.name, error)
            return Failure("InternalServerError", f"{command.name} failed; the server's log says where.")

    async def _run_once(self, command: Command[object], arguments: object) -> Answer:
        limit = self._limits.command_timeout
        with trio.move_on_after(limit):
            return Result(_raw(await command.run(arguments)))
        return Failure(
            "CommandTimeout", f"{command.name} took longer than {limit:g} s; it may have been done."
        )

    async def _run_stream(
        self, stream: trio.SocketStream, command: StreamCommand[object], arguments: object
    ) -> Answer:
        async def emit(value: object) -> None:
            try:
                await self._send(stream, Item(_raw(value)))
            except (_ClientLeft, trio.BrokenResourceError):
                left.cancel()
                await trio.lowlevel.checkpoint()

        async def until_the_client_leaves() -> None:
            # what it says after its request is no command; only its leaving matters
            try:
                while await stream.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
            left.cancel()

        failed: Exception | None = None
        with trio.CancelScope() as left:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(until_the_client_leaves)
                try:
                    await command.run(arguments, emit)
                except Exception as error:  # noqa: BLE001 - raised below, outside the nursery's group
                    failed = error
                nursery.cancel_scope.cancel()
        if left.cancelled_caught:
            raise _ClientLeft
        if failed is not None:
            raise failed
        return End()

    async def _send(self, stream: trio.SocketStream, answer: Answer) -> None:
        with trio.move_on_after(self._limits.send_timeout) as limit:
            await stream.send_all(encode_line(answer))
        if limit.cancelled_caught:
            raise _ClientLeft


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
