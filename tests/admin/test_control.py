"""The control socket: real sockets, real files, both ends."""

import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.testing import cancel_each_checkpoint
from router.admin import (
    AnyCommand,
    Command,
    CommandFailed,
    ControlBroken,
    ControlClient,
    ControlDenied,
    ControlLimits,
    ControlRefused,
    ControlSocketInUse,
    Emit,
    NoArguments,
    NotASocket,
    ServerNotRunning,
    StreamCommand,
    command_table,
    serve_control,
)
from router.admin.endpoint import LOCK_NAME, NAME, connect, listening_socket
from router.admin.lines import LineReader, LineTooLong

Operate = Callable[[Callable[[], Awaitable[object]]], Awaitable[bool]]


class Greeting(msgspec.Struct, frozen=True):
    """Whom to greet."""

    name: str


class Count(msgspec.Struct, frozen=True):
    """How far to count."""

    upto: int


async def greet(arguments: Greeting) -> dict[str, str]:
    if arguments.name == "nobody":
        raise CommandFailed("NobodyThere", "There is nobody to greet.")
    return {"text": f"good day, {arguments.name}"}


async def count(arguments: Count, emit: Emit) -> None:
    for number in range(arguments.upto):
        await emit(number)
    if arguments.upto == 3:
        raise CommandFailed("DoesNotLikeThree", "It counts no further.")


async def crash(_: NoArguments) -> None:
    raise ZeroDivisionError("did:web:ada.example")


async def crash_streaming(_: NoArguments, emit: Emit) -> None:
    await emit("one")
    raise ZeroDivisionError


COMMANDS: tuple[AnyCommand, ...] = (
    Command("greet", Greeting, greet),
    StreamCommand("count", Count, count),
    Command("crash", NoArguments, crash),
    StreamCommand("crash.streaming", NoArguments, crash_streaming),
)


@asynccontextmanager
async def running(
    folder: Path, *commands: AnyCommand, limits: ControlLimits | None = None
) -> AsyncIterator[list[tuple[str, BaseException]]]:
    """A control server on the folder; yields the list of its crashed handlers."""
    crashes: list[tuple[str, BaseException]] = []

    async def serve(task_status: trio.TaskStatus[Path]) -> None:
        await serve_control(
            folder,
            command_table(commands or COMMANDS),
            on_crash=lambda name, error: crashes.append((name, error)),
            limits=limits or ControlLimits(),
            task_status=task_status,
        )

    async with trio.open_nursery() as nursery:
        path = await nursery.start(serve)
        assert path == folder / NAME
        yield crashes
        nursery.cancel_scope.cancel()


async def raw(folder: Path, request: bytes) -> list[bytes]:
    """What the server answers to these bytes until it closes."""
    async with await connect(folder / NAME) as stream:
        try:
            await stream.send_all(request)
        except trio.BrokenResourceError:
            pass  # it may refuse before it has read everything
        reader = LineReader(stream, max_bytes=1 << 20)
        lines = []
        while (line := await reader.line()) is not None:
            lines.append(line)
        return lines


async def test_a_command_is_asked_and_answered(tmp_path: Path) -> None:
    async with running(tmp_path):
        client = ControlClient(tmp_path)

        assert await client.ask("greet", Greeting("Ada"), answer=dict[str, str]) == {"text": "good day, Ada"}


async def test_a_stream_gives_its_items_in_order_and_ends(tmp_path: Path) -> None:
    async with running(tmp_path), ControlClient(tmp_path).watch("count", Count(5), item=int) as items:
        assert [number async for number in items] == [0, 1, 2, 3, 4]


async def test_a_refusal_has_a_name_and_a_sentence(tmp_path: Path) -> None:
    async with running(tmp_path) as crashes:
        with pytest.raises(ControlRefused, match="nobody to greet") as refused:
            await ControlClient(tmp_path).ask("greet", Greeting("nobody"), answer=dict[str, str])
        seen = []
        with pytest.raises(ControlRefused, match="counts no further"):
            async with ControlClient(tmp_path).watch("count", Count(3), item=int) as items:
                seen.extend([number async for number in items])

        assert refused.value.error == "NobodyThere"
        assert crashes == []


@pytest.mark.parametrize("command", ["crash", "crash.streaming"])
async def test_a_crash_of_a_command_is_reported_and_hurts_nobody_else(tmp_path: Path, command: str) -> None:
    async with running(tmp_path) as crashes:
        client = ControlClient(tmp_path)
        async with client.watch(command, item=str) as items:
            with pytest.raises(ControlRefused, match="the server's log says where") as refused:
                assert [item async for item in items] == []

        assert refused.value.error == "InternalServerError"
        assert "ada" not in str(refused.value)
        assert [(name, type(error)) for name, error in crashes] == [(command, ZeroDivisionError)]
        assert await client.ask("greet", Greeting("Ada"), answer=dict[str, str])


@pytest.mark.parametrize(
    ("request_line", "error"),
    [
        (b"hello\n", "InvalidRequest"),
        (b"\xff\xfe\n", "InvalidRequest"),
        (b"[]\n", "InvalidRequest"),
        (b'{"command":1}\n', "InvalidRequest"),
        (b'{"command":"greet","extra":1}\n', "InvalidRequest"),
        (b'{"command":"fly"}\n', "UnknownCommand"),
        (b'{"command":"greet"}\n', "InvalidArguments"),
        (b'{"command":"greet","arguments":{"name":7}}\n', "InvalidArguments"),
        (b'{"command":"crash","arguments":{"x":1}}\n', "InvalidArguments"),
        (b"x" * 5_000, "RequestTooLarge"),
        (b"[" * 4_000 + b"\n", "InvalidRequest"),
    ],
)
async def test_a_bad_request_is_answered_by_name(tmp_path: Path, request_line: bytes, error: str) -> None:
    async with running(tmp_path, limits=ControlLimits(max_request_bytes=4_096)) as crashes:
        (line,) = await raw(tmp_path, request_line)

        assert msgspec.json.decode(line)["error"] == error
        assert crashes == []


@given(junk=st.binary(max_size=200))
def test_any_bytes_leave_the_server_well(junk: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("control")

    async def main() -> None:
        async with running(folder) as crashes:
            lines = await raw(folder, junk + b"\n")

            assert [msgspec.json.decode(line)["type"] for line in lines] == ["error"]
            assert crashes == []
            assert await ControlClient(folder).ask("greet", Greeting("Ada"), answer=dict[str, str])

    trio.run(main)


async def test_the_socket_is_for_its_owner_alone_and_gone_afterwards(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        async with running(tmp_path):
            assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
            assert stat.S_IMODE((tmp_path / LOCK_NAME).stat().st_mode) == 0o600
            assert os.umask(0) == 0  # it was given back
    finally:
        os.umask(mask)

    assert not (tmp_path / NAME).exists()


async def test_a_second_server_on_the_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path):
        with pytest.raises(ControlSocketInUse, match="Another server is running"):
            await serve_control(tmp_path, {}, on_crash=lambda *_: None)

        assert await ControlClient(tmp_path).ask("greet", Greeting("Ada"), answer=dict[str, str])


async def test_the_socket_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / NAME))
    dead.close()
    with pytest.raises(ServerNotRunning):
        await ControlClient(tmp_path).ask("greet", answer=dict)

    async with running(tmp_path):
        assert await ControlClient(tmp_path).ask("greet", Greeting("Ada"), answer=dict[str, str])


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("my notes")

    with pytest.raises(NotASocket, match="is in the way"):
        await serve_control(tmp_path, {}, on_crash=lambda *_: None)

    assert (tmp_path / NAME).read_text() == "my notes"


async def test_a_data_folder_deeper_than_a_socket_address_works(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)

    async with running(folder):
        assert await ControlClient(folder).ask("greet", Greeting("Ada"), answer=dict[str, str])


async def test_without_a_server_the_client_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ServerNotRunning, match="rookery serve"):
        await ControlClient(tmp_path).ask("greet", answer=dict)
    with pytest.raises(ServerNotRunning):
        await ControlClient(tmp_path / "no" / "such" / "folder").ask("greet", answer=dict)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may open everything")
async def test_a_stranger_is_told_whose_socket_it_is(tmp_path: Path) -> None:
    async with running(tmp_path):
        (tmp_path / NAME).chmod(0)

        with pytest.raises(ControlDenied, match="owner only"):
            await ControlClient(tmp_path).ask("greet", answer=dict)


async def test_leaving_a_watch_cancels_its_command(tmp_path: Path) -> None:
    cancelled = trio.Event()

    async def watch(_: NoArguments, emit: Emit) -> None:
        await emit("first")
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    async with running(tmp_path, StreamCommand("watch", NoArguments, watch)) as crashes:
        async with ControlClient(tmp_path).watch("watch", item=str) as items:
            assert await anext(items) == "first"
        await cancelled.wait()

        assert crashes == []


async def test_a_command_that_answers_once_is_finished_although_its_client_left(tmp_path: Path) -> None:
    begun, go_on, done = trio.Event(), trio.Event(), trio.Event()

    async def work(_: NoArguments) -> None:
        begun.set()
        await go_on.wait()
        done.set()

    async with running(tmp_path, Command("work", NoArguments, work)) as crashes:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: ControlClient(tmp_path).ask("work", answer=type(None)))
            await begun.wait()
            nursery.cancel_scope.cancel()
        go_on.set()
        await done.wait()

        assert crashes == []


async def test_a_server_that_stops_closes_its_clients_and_they_are_told(tmp_path: Path) -> None:
    begun = trio.Event()

    async def work(_: NoArguments) -> None:
        begun.set()
        await trio.sleep_forever()

    async def ask() -> None:
        with pytest.raises(ControlBroken, match="may have been done"):
            await ControlClient(tmp_path).ask("work", answer=type(None))

    async with trio.open_nursery() as nursery, running(tmp_path, Command("work", NoArguments, work)):
        nursery.start_soon(ask)
        await begun.wait()


def test_a_client_that_says_nothing_and_a_command_that_hangs_are_bounded_in_time(tmp_path: Path) -> None:
    async def hang(_: NoArguments) -> None:
        await trio.sleep_forever()

    async def main() -> None:
        async with running(tmp_path, Command("hang", NoArguments, hang)):
            (line,) = await raw(tmp_path, b"no line break")
            assert msgspec.json.decode(line)["error"] == "RequestTimeout"
            with pytest.raises(ControlRefused, match="longer than 60 s"):
                await ControlClient(tmp_path).ask("hang", answer=type(None))
            with pytest.raises(ControlBroken, match="No answer within 3 s"):
                await ControlClient(tmp_path).ask("hang", answer=type(None), timeout=3)

    trio.run(main, clock=MockClock(autojump_threshold=0.01))


def test_a_client_that_does_not_read_is_dropped_in_time(tmp_path: Path) -> None:
    async def flood(_: NoArguments, emit: Emit) -> None:
        while True:
            await emit("x" * 100_000)

    async def main() -> None:
        async with running(tmp_path, StreamCommand("flood", NoArguments, flood)) as crashes:
            async with await connect(tmp_path / NAME) as stream:
                await stream.send_all(b'{"command":"flood"}\n')
                await trio.sleep(11)  # virtual: beyond send_timeout
                received = 0
                while chunk := await stream.receive_some():
                    received += len(chunk)

            assert received < 4_000_000  # what the system's buffers took, then the end
            assert crashes == []

    trio.run(main, clock=MockClock(autojump_threshold=0.01))


async def test_beyond_its_connections_the_server_says_busy(tmp_path: Path) -> None:
    async with running(tmp_path, limits=ControlLimits(max_connections=1)), await connect(tmp_path / NAME):
        with pytest.raises(ControlRefused) as refused:
            await ControlClient(tmp_path).ask("greet", Greeting("Ada"), answer=dict)

        assert refused.value.error == "Busy"


async def test_an_answer_of_another_shape_is_told_as_such(tmp_path: Path) -> None:
    async with running(tmp_path):
        with pytest.raises(ControlBroken, match="another version"):
            await ControlClient(tmp_path).ask("greet", Greeting("Ada"), answer=int)
        with pytest.raises(ControlBroken, match="wrong kind"):
            await ControlClient(tmp_path).ask("count", Count(1), answer=int)


async def test_a_client_cancelled_at_any_moment_leaves_a_server_that_answers(tmp_path: Path) -> None:
    async with running(tmp_path) as crashes:
        client = ControlClient(tmp_path)

        async def ask() -> None:
            await client.ask("greet", Greeting("Ada"), answer=dict[str, str])

        async def attempt(operate: Operate) -> None:
            await operate(ask)
            await ask()

        assert await cancel_each_checkpoint(attempt) > 1
        assert crashes == []


async def test_a_server_cancelled_at_any_moment_leaves_neither_socket_nor_lock(tmp_path: Path) -> None:
    async def serve_and_ask() -> None:
        async with running(tmp_path):
            await ControlClient(tmp_path).ask("greet", Greeting("Ada"), answer=dict[str, str])

    async def attempt(operate: Operate) -> None:
        await operate(serve_and_ask)
        assert not (tmp_path / NAME).exists()
        with listening_socket(tmp_path, backlog=1) as listener:  # the lock is free
            await listener.aclose()

    assert await cancel_each_checkpoint(attempt) > 1


def test_two_commands_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two commands are named greet"):
        command_table([*COMMANDS, COMMANDS[0]])


async def test_the_lock_alone_decides_who_owns_the_folder(tmp_path: Path) -> None:
    with listening_socket(tmp_path, backlog=1) as listener:
        (tmp_path / NAME).unlink()  # somebody tidied up; the owner is still the owner
        with pytest.raises(ControlSocketInUse), listening_socket(tmp_path, backlog=1):
            pass
        await listener.aclose()
    with listening_socket(tmp_path, backlog=1) as listener:
        await listener.aclose()


class Cut(trio.abc.ReceiveStream):
    """A stream whose reads give exactly these pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(piece for piece in pieces if piece)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return next(self._pieces, b"")

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@given(pieces=st.lists(st.sampled_from([b"\n", b"ab", b"c\n", b"\nd\n", b"e\nf"]) | st.binary(max_size=20)))
def test_lines_do_not_depend_on_how_the_bytes_were_cut(pieces: list[bytes]) -> None:
    async def lines() -> list[bytes]:
        reader = LineReader(Cut(pieces), max_bytes=1_000)
        found = []
        while (line := await reader.line()) is not None:
            found.append(line)
        return found

    assert trio.run(lines) == b"".join(pieces).split(b"\n")[:-1]


async def test_a_cancelled_read_keeps_what_came(nursery: trio.Nursery) -> None:
    sender, receiver = trio.testing.memory_stream_one_way_pair()
    reader = LineReader(receiver, max_bytes=20)
    await sender.send_all(b"half")
    with trio.CancelScope() as scope:
        nursery.start_soon(_cancel_when_blocked, scope)
        await reader.line()
    await sender.send_all(b" line\n")

    assert await reader.line() == b"half line"


async def _cancel_when_blocked(scope: trio.CancelScope) -> None:
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()


async def test_a_line_without_an_end_is_refused_before_memory_is() -> None:
    reader = LineReader(Cut([b"x" * 6] * 1_000), max_bytes=20)

    with pytest.raises(LineTooLong):
        await reader.line()
