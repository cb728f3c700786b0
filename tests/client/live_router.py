"""A whole router in the test's own process, on a folder and a port of its own, and accounts on it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import trio

from protocol import ConversationId
from router.admin import ControlClient
from router.app import run
from router.client.client import RookeryClient, open_client
from router.client.credentials import account_token_source
from router.client.device import Device
from router.client.directory import AccountCreate, AccountRow, ServerStatus
from router.client.sealing import GroupKey
from router.config import load
from router.identity.accounts import new_account
from router.identity.keys import AccountKey
from router.identity.service import ServiceIdentity
from tests import generous


@attrs.frozen
class LiveRouter:
    """A router that serves; `url` is where."""

    url: str
    data: Path
    service: ServiceIdentity

    async def account(self, name: str) -> AccountKey:
        """A new account, made over the control socket."""
        account = new_account(name, self.service)
        await ControlClient(self.data).ask(
            "account.create", AccountCreate(name, account.verification_key), answer=AccountRow
        )
        return account.key

    @contextlib.asynccontextmanager
    async def device(
        self, key: AccountKey, name: str = "phone"
    ) -> AsyncIterator[tuple[RookeryClient, Device]]:
        """A client of the account with a device of its own."""
        async with open_client(self.url, key.did, account_token_source(key)) as client:
            yield client, await Device.register(client, name)


@contextlib.asynccontextmanager
async def live_router(folder: Path, **settings: str) -> AsyncIterator[LiveRouter]:
    """A router for the block; it is cancelled at its end, which is not a drain."""
    data = folder / "data"
    overrides = {
        "server.port": "0",
        "admin.port": "0",
        "store.path": str(data),
        "store.writer": "inline",
        "logging.level": "error",
        **generous.OVERRIDES,
        **{name.replace("__", "."): value for name, value in settings.items()},
    }
    async with trio.open_nursery() as nursery:
        await nursery.start(run, load(environ={}, overrides=overrides).settings)
        status = await ControlClient(data).ask("status", answer=ServerStatus)
        url = status.public_url.replace("localhost", "127.0.0.1")
        yield LiveRouter(url, data, ServiceIdentity(status.did, status.public_url))
        nursery.cancel_scope.cancel()


async def new_group(creator: RookeryClient, *members: AccountKey) -> GroupKey:
    """A conversation with these accounts in it, and a key for it."""
    view = await creator.chat.create_convo([key.did for key in members])
    return GroupKey.create(ConversationId(view.id))
