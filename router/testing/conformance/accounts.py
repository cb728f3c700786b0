"""Whom the suite acts as: accounts that the server under test believes in.

Either the suite is the DID directory (`Directory`): the server is told to look did:plc up there, and every
check gets accounts nobody has used. Or the server has accounts already and their key files are given
(`KeyFiles`): then checks share them, each with devices of its own.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import attrs

from router.identity.keys import AccountKey, load_account_key
from router.testing.conformance.verdicts import Skipped
from router.testing.directory import DidDirectory, open_did_directory
from router.testing.pds import Pds, open_pds
from router.testing.people import PlcAccount


class Accounts(Protocol):
    """Where accounts come from."""

    def take(self, names: Sequence[str], now: float) -> list[AccountKey]:
        """Keys of as many different accounts, for one check; `Skipped` where there are not so many."""


@attrs.frozen
class Directory:
    """New accounts of did:plc, served by this process."""

    directory: DidDirectory
    pds: Pds

    def take(self, names: Sequence[str], now: float) -> list[AccountKey]:
        """A new account for each name."""
        pds = f"{self.pds.scheme}://127.0.0.1:{self.pds.port}"
        pds = f"{self.pds.scheme}://127.0.0.1:{self.pds.port}"
        made = [PlcAccount.create(f"{name}.conformance.example", now=now, pds=pds) for name in names]
        self.directory.put(*made)
        self.pds.host(*(account.did for account in made))
        return [account.key for account in made]


@attrs.frozen
class KeyFiles:
    """Accounts that the server has."""

    keys: tuple[AccountKey, ...]

    @classmethod
    def load(cls, paths: Sequence[Path]) -> "KeyFiles":
        """From files as `rookery account create` writes them; `IdentityFileError` for one that is none."""
        return cls(tuple(load_account_key(path) for path in paths))

    def take(self, names: Sequence[str], now: float) -> list[AccountKey]:
        """The first of them, the same ones for every check."""
        del now
        if len(names) > len(self.keys):
            raise Skipped(f"needs {len(names)} accounts, {len(self.keys)} key files were given")
        return list(self.keys[: len(names)])


@asynccontextmanager
async def open_directory(plc_port: int, pds_port: int) -> AsyncIterator[Directory]:
    """A directory and a PDS on these ports of 127.0.0.1, for the block."""
    async with AsyncExitStack() as stack:
        directory = await stack.enter_async_context(open_did_directory(port=plc_port))
        pds = await stack.enter_async_context(open_pds(port=pds_port))
        yield Directory(directory, pds)
