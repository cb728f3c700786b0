"""The accounts of a data folder: through the server that runs on it, else directly, under its lock.

What a running server answers here: `status` gives its name and address, `account.create` the account,
`account.list` all of them. Without a server nobody else can write, so the folder is opened for a moment.
"""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Protocol

import attrs
import msgspec

from protocol import bucket
from router.admin import ControlClient, ServerNotRunning
from router.client.errors import ClientError, StateError
from router.config import Settings, public_origin, service_did
from router.identity.service import ServiceIdentity
from router.store.sqlite.store import SqliteOptions, SqliteStore, open_sqlite
from router.store.values import NameTaken


class NameIsTaken(ClientError):
    """There is another account with this name."""


class ServerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The part of `status` that the command line needs."""

    did: str
    public_url: str


class AccountRow(msgspec.Struct, frozen=True, rename="camel"):
    """An account as a directory shows it."""

    did: str
    name: str
    verification_key: str


class AccountCreate(msgspec.Struct, frozen=True, rename="camel"):
    """Arguments of `account.create`; asked again alike it gives the same account."""

    name: str
    public_key: str


class Directory(Protocol):
    """Accounts of one router."""

    @property
    def service(self) -> ServiceIdentity:
        """Who the router is."""
        ...

    async def create(self, name: str, public_key: str) -> AccountRow:
        """Make an account; raises `ControlRefused` or `NameIsTaken`."""
        ...

    async def accounts(self) -> list[AccountRow]:
        """All of them, by name."""
        ...


@attrs.frozen
class _Running:
    service: ServiceIdentity
    control: ControlClient

    async def create(self, name: str, public_key: str) -> AccountRow:
        return await self.control.ask("account.create", AccountCreate(name, public_key), answer=AccountRow)

    async def accounts(self) -> list[AccountRow]:
        return await self.control.ask("account.list", answer=list[AccountRow])


@attrs.frozen
class _Folder:
    service: ServiceIdentity
    store: SqliteStore
    bucket_seconds: int

    async def create(self, name: str, public_key: str) -> AccountRow:
        did = self.service.account_did(name)
        now = bucket(time.time(), self.bucket_seconds)  # the audit keeps no finer time
        made = await self.store.create_account(did, name, public_key, now=now)
        if isinstance(made, NameTaken):
            raise NameIsTaken(f"there is an account named {name} already; choose another name")
        return AccountRow(made.did, made.name, made.verification_key)

    async def accounts(self) -> list[AccountRow]:
        return [AccountRow(a.did, a.name, a.verification_key) for a in await self.store.accounts()]


@contextlib.asynccontextmanager
async def open_directory(settings: Settings) -> AsyncIterator[Directory]:
    """The accounts of the settings' data folder, for the block."""
    control = ControlClient(settings.store.path)
    try:
        status = await control.ask("status", answer=ServerStatus, timeout=10)
    except ServerNotRunning:
        service = _offline_identity(settings)
        options = SqliteOptions(writer="inline", synchronous=settings.store.synchronous)
        async with open_sqlite(settings.store.path, options) as store:
            yield _Folder(service, store, settings.log.received_bucket_seconds)
    else:
        yield _Running(ServiceIdentity(status.did, status.public_url), control)


def _offline_identity(settings: Settings) -> ServiceIdentity:
    """Who the server of these settings will be; an account's DID is made of it and never changes."""
    if settings.server.port == 0 and settings.server.public_url is None:
        raise StateError(
            "with server.port = 0 the server's name is not known before it runs; start `rookery serve` "
            "first, or set server.public_url"
        )
    return ServiceIdentity(service_did(settings), str(public_origin(settings)))
