"""A command of the control socket: a name, the type of its arguments, and what it does.

The wiring registers them as a table. A handler gets decoded, checked arguments and gives back a value that
msgspec can encode; it says no by raising `CommandFailed`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import attrs
import msgspec

A = TypeVar("A")

Emit = Callable[[object], Awaitable[None]]
"""Sends one item to the client of a streaming command, which is cancelled here if the client has left."""


class CommandFailed(Exception):
    """The command was understood and refused: a name for programs and a sentence for people."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.error = error
        self.message = message


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For a command that takes none."""


@attrs.frozen
class Command(Generic[A]):
    """Answers once. It runs to its end even if its client goes away, within the server's time limit."""

    name: str
    arguments: type[A]
    run: Callable[[A], Awaitable[object]]


@attrs.frozen
class StreamCommand(Generic[A]):
    """Answers any number of times; cancelled as soon as its client goes away."""

    name: str
    arguments: type[A]
    run: Callable[[A, Emit], Awaitable[None]]


AnyCommand = Command[Any] | StreamCommand[Any]


def command_table(commands: Iterable[AnyCommand]) -> Mapping[str, AnyCommand]:
    """The commands by name; two with one name are a fault of the caller (ValueError)."""
    table: dict[str, AnyCommand] = {}
    for command in commands:
        if command.name in table:
            raise ValueError(f"two commands are named {command.name}")
        table[command.name] = command
    return MappingProxyType(table)
