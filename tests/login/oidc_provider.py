"""The certified provider (`oidc-provider`, Node) as a process of its own, for the length of a block."""

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import trio

from tests.node.runtime import node, packages
from tests.system.process import free_port

FOLDER: Final = Path(__file__).parents[1] / "node" / "oidc"
CLIENT: Final = "rookery"
SECRET: Final = "a secret: with %, & and +"
_START_SECONDS = 60.0


@attrs.frozen
class OidcProvider:
    """A provider that runs."""

    issuer: str


@asynccontextmanager
async def oidc_provider(redirect_uri: str, *, alg: str = "RS256") -> AsyncIterator[OidcProvider]:
    """A provider that knows one client, which may be sent back to `redirect_uri`."""
    packages(FOLDER)
    port = free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "CLIENT_ID": CLIENT,
        "CLIENT_SECRET": SECRET,
        "REDIRECT_URI": redirect_uri,
        "ALG": alg,
    }
    async with trio.open_nursery() as nursery:
        start = partial(
            trio.run_process,
            [node(), "provider.mjs"],
            cwd=FOLDER,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        process: trio.Process = await nursery.start(start)
        assert process.stdout is not None
        said = b""
        with trio.fail_after(_START_SECONDS):
            while b"\n" not in said:
                chunk = await process.stdout.receive_some()
                assert chunk, "the provider did not start: run `node provider.mjs` in tests/node/oidc"
                said += chunk
        yield OidcProvider(said.decode().split()[1])
        process.kill()
