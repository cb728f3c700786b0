"""The Node process with MLS clients in it, asked by JSON lines. Plain calls: it needs no event loop."""

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from tests.node.runtime import node, packages

FOLDER: Final = Path(__file__).parent
_SECONDS: Final = 60.0
_PIECE: Final = 1 << 16


@attrs.frozen
class TheirRefusal(Exception):
    """What the client threw: the router's error by its name, or its own."""

    name: str
    message: str
    status: int | None
    """The HTTP status, if the router refused."""


@attrs.define
class MlsClients:
    """The process. One question at a time; `together` puts several into one."""

    _process: "subprocess.Popen[bytes]"
    _said: bytes = b""

    def ask(self, do: str, **given: Any) -> Any:
        """The answer of one function of `main.mjs`. Raises `TheirRefusal`."""
        return _value(self._answer({"do": do, "given": given}))

    def together(self, *asks: dict[str, Any]) -> list[Any]:
        """The answers to `asking(…)`s that are made at once; a refusal is given, not raised."""
        outcomes = self.ask("together", asks=asks)
        return [TheirRefusal(**each["error"]) if "error" in each else each["value"] for each in outcomes]

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        until = time.monotonic() + _SECONDS
        while b"\n" not in self._said:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"no answer to {asked['do']} within {_SECONDS:g} s"
            piece = os.read(self._process.stdout.fileno(), _PIECE)
            assert piece, "the process ended: run `node main.mjs` in tests/node/mls"
            self._said += piece
        line, _, self._said = self._said.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def asking(do: str, **given: Any) -> dict[str, Any]:
    """A question for `together`."""
    return {"do": do, "given": given}


def _value(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise TheirRefusal(**answer["error"])
    return answer["value"]


@contextmanager
def open_clients() -> Iterator[MlsClients]:
    """A process for the block, its packages seen to; skips the test where they cannot be had."""
    packages(FOLDER)
    process = subprocess.Popen(
        [node(), "main.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        try:
            yield MlsClients(process)
        finally:
            process.kill()
