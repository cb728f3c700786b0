"""The Node process with AT Protocol's libraries in it (`tests/node/atproto`), asked by JSON lines."""

import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from tests.node.runtime import node, packages

FOLDER: Final = Path(__file__).parents[1] / "node" / "atproto"
_SECONDS: Final = 30.0


@attrs.frozen
class TheirError(Exception):
    """What a library of theirs threw."""

    type: str
    """The class, as `XRPCError`."""
    name: str
    """The error's name as the protocol has it, as `JwtExpired`."""
    message: str
    status: int | None
    """What the library made of the HTTP status: it knows a few only."""
    headers: Mapping[str, str]
    cause: str | None


@attrs.define
class AtProto:
    """The process. One question at a time."""

    _process: trio.Process
    _lock: trio.Lock = attrs.field(factory=trio.Lock)
    _said: bytes = b""

    async def ask(self, do: str, **given: Any) -> Any:
        """The answer of one function of `main.mjs`. Raises `TheirError`."""
        async with self._lock:
            with trio.fail_after(_SECONDS):
                answer = json.loads(await self._line(json.dumps({"do": do, "given": given}).encode()))
        if "error" in answer:
            raise TheirError(**answer["error"])
        return answer["value"]

    async def _line(self, asked: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        await self._process.stdin.send_all(asked + b"\n")
        while b"\n" not in self._said:
            chunk = await self._process.stdout.receive_some()
            assert chunk, "the process ended: run `node main.mjs` in tests/node/atproto"
            self._said += chunk
        line, _, self._said = self._said.partition(b"\n")
        return line


@asynccontextmanager
async def open_atproto() -> AsyncIterator[AtProto]:
    """A process for the block. `packages(FOLDER)` comes first: it may take long, and may skip."""
    async with trio.open_nursery() as nursery:
        run = partial(
            trio.run_process,
            [node(), "main.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            check=False,
        )
        process: trio.Process = await nursery.start(run)
        yield AtProto(process)
        process.kill()


def install() -> None:
    """See to the packages; skips where they cannot be had."""
    packages(FOLDER)
