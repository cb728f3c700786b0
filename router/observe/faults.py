"""An exception as facts that may be logged: its type and the way it took, not its words.

The text of an exception often quotes what it choked on: an id, a path, a body. Types, error codes of the
system and places in the source do not. An exception group is told by its leaves, because the group says
only that something happened somewhere.
"""

import errno
import sqlite3
from collections.abc import Iterator
from types import TracebackType

import attrs
import trio

_OWN = ("router.", "actors.", "protocol.", "crypto.", "schema.")
_DEEPEST = 12  # frames told, the innermost
_LONGEST_TEXT = 200


@attrs.frozen
class Fault:
    """One leaf of what was raised."""

    error: str
    """The qualified name of its type, with the code of the system or of SQLite where there is one."""
    where: str
    """The innermost frame of our own code, as `module:function:line`; else the innermost of all."""
    trace: tuple[str, ...]
    """The frames, outermost first."""
    causes: tuple[str, ...]
    """Types of the exceptions it was raised from, nearest first."""
    leaves: int
    """How many exceptions the group held; 1 when it was none."""
    text: str
    """Its words, in one line and cut. Never logged unless the operator asked for it."""


def fault_of(error: BaseException) -> Fault:
    """The facts of the first leaf that is not a cancellation."""
    leaves = list(_leaves(error))
    leaf = next((each for each in leaves if not isinstance(each, trio.Cancelled)), leaves[0])
    frames = tuple(_frames(leaf.__traceback__))
    own = [frame for frame in frames if frame.startswith(_OWN)]
    return Fault(
        error=_name(leaf),
        where=(own or frames or ("?",))[-1],
        trace=frames[-_DEEPEST:],
        causes=tuple(_name(cause) for cause in _causes(leaf)),
        leaves=len(leaves),
        text=" ".join(str(leaf).split())[:_LONGEST_TEXT],
    )


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    while True:
        after = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if after is None or id(after) in seen:  # somebody may have tied a knot
            return
        seen.add(id(after))
        yield after
        error = after


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame = traceback.tb_frame
        module = frame.f_globals.get("__name__", "?")
        yield f"{module}:{frame.f_code.co_name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next


def _name(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name}({errno.errorcode.get(error.errno, error.errno)})"
    if isinstance(error, sqlite3.Error):
        # set by the module on errors that come from the library, absent on those Python raises itself
        code: str | None = getattr(error, "sqlite_errorname", None)
        return f"{name}({code})" if code else name
    return name
