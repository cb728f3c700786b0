"""What the commands that talk to a server share: an account's client, and the device beside its key."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from router.cli.address import address_of
from router.cli.console import Console
from router.cli.failures import CannotDo, leaves
from router.client.client import RookeryClient, open_client
from router.client.credentials import account_token_source
from router.client.device import Device
from router.client.errors import BadAnswer, OutcomeUnknown
from router.identity.keys import AccountKey, load_account_key

T = TypeVar("T")


def run(function: Callable[..., Awaitable[T]], *args: object) -> T:
    """Run an async function of a command to its end."""
    return trio.run(partial(function, *args))


def read_key(path: Path) -> AccountKey:
    """The account's key; a missing file is told with the command that makes one."""
    try:
        return load_account_key(path)
    except FileNotFoundError:
        name = path.name.removesuffix(".key.json")
        raise CannotDo(
            f"{path} does not exist; make the account with: rookery account create {name}"
        ) from None


@contextlib.asynccontextmanager
async def account_client(key: AccountKey, url: str | None, aud: str | None) -> AsyncIterator[RookeryClient]:
    """A client of the account at its server, or at `url`.

    Where nothing answers, or not Rookery, the exception leaves with a note of the address that was tried.
    """
    address = address_of(key.did, url)
    try:
        async with open_client(address.url, key.did, account_token_source(key, service=aud)) as client:
            yield client
    except BaseException as error:
        for leaf in leaves(error):
            if isinstance(leaf, OutcomeUnknown | BadAnswer):
                leaf.add_note(f"tried {address}")
        raise


def beside(key_file: Path, suffix: str) -> Path:
    """The file that belongs to a key file: alice.key.json → alice.device.json."""
    return key_file.with_name(key_file.name.removesuffix(".json").removesuffix(".key") + suffix)


async def own_device(client: RookeryClient, key_file: Path, console: Console, aud: str | None) -> Device:
    """This machine's device of the account: registered at the first need and kept beside the key.

    `aud` is the server's DID where it cannot be told from the account's.
    """
    path = beside(key_file, ".device.json")
    try:
        return Device.load(path)
    except FileNotFoundError:
        name = socket.gethostname()[:128] or "command line"
        device = await Device.register(client, name, service=aud)
        device.save(path)
        console.remark(f"Registered this machine as a device of the account and kept it in {path}.")
        return device
