"""How commands speak: tables and colours for a person, one JSON value for a program.

Results go to stdout, remarks to stderr. Colours are off where stdout is not a terminal or `NO_COLOR` is
set. With `--json` stdout has JSON only, one value a line where the command streams.
"""

import os
import sys
from typing import TextIO

import attrs
import msgspec
from rich.console import Console as RichConsole
from rich.console import RenderableType

_WIDTH_OF_A_FILE = 200


@attrs.frozen
class Console:
    """The two streams of one command. `json` is the user's choice of form."""

    json: bool
    out: RichConsole
    err: RichConsole

    def data(self, value: object) -> None:
        """One JSON value on a line of its own; `value` is made of msgspec-encodable parts."""
        self.line(msgspec.json.encode(value).decode())

    def line(self, text: str) -> None:
        """One line as it is: not wrapped, not styled, flushed, so that a pipe sees it at once."""
        self.out.file.write(text + "\n")
        self.out.file.flush()

    def show(self, renderable: RenderableType) -> None:
        """Something for a person: a table, a styled line."""
        self.out.print(renderable)

    def remark(self, text: str) -> None:
        """A word beside the result, on stderr; silent for programs."""
        if not self.json:
            self.err.print(text, style="dim", highlight=False)


def make_console(*, json: bool) -> Console:
    """The console of this process."""
    plain = "NO_COLOR" in os.environ or None
    return Console(json=json, out=_stream(sys.stdout, plain), err=_stream(sys.stderr, plain))


def _stream(file: TextIO, plain: bool | None) -> RichConsole:
    # Where nobody looks, a line must not be broken because some terminal would be narrow.
    width = None if file.isatty() else _WIDTH_OF_A_FILE
    return RichConsole(file=file, no_color=plain, highlight=False, width=width)
