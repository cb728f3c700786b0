"""The accounts of a data folder: through the server that runs on it, else directly, under its lock.

What a running server answers here: `status` gives its name and address, `account.create` the account,
`account.list` all of them, `account.disable`, `.enable` and `.recover` what they changed. Without a server
nobody else can write, so the folder is opened for a moment.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Protocol

import attrs
import msgspec

from protocol import AccountDid, bucket
from router.admin import ControlClient, ServerNotRunning
from router.client.errors import ClientError, StateError
from router.config import Settings, public_origin, service_did
from router.identity.service import ServiceIdentity
from router.people import NoSuchAccountError, account_named
from router.store.credentials import AccountUnknown, Suspension
from router.store.sqlite.store import SqliteOptions, SqliteStore, open_sqlite
from router.store.values import Account, NameTaken


class NameIsTaken(ClientError):
    """There is another account with this name."""


class NoSuchAccount(ClientError):
    """There is no account of this name or DID."""


class ServerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The part of `status` that the command line needs."""

    did: str
    public_url: str


class AccountRow(msgspec.Struct, frozen=True, rename="camel"):
    """An account as a directory shows it."""

    did: str
    name: str
    """Empty for an account that lives elsewhere; such a one is shown when it is disabled."""
    verification_key: str
    status: Literal["active", "disabled"] = "active"
    passkeys: int = 0
    """How many its owner may log in with, those set aside among them."""


class AccountNamed(msgspec.Struct, frozen=True, rename="camel"):
    """Arguments of `account.disable` and `account.enable`."""

    account: str
    """A name on this router, or any DID."""


class AccountChanged(msgspec.Struct, frozen=True, rename="camel"):
    """The account, and whether it was otherwise before."""

    did: str
    changed: bool


class AccountRecover(msgspec.Struct, frozen=True, rename="camel"):
    """Arguments of `account.recover`."""

    account: str
    public_key: str
    keep_devices: bool


class AccountRecovered(msgspec.Struct, frozen=True, rename="camel"):
    """The account, and how much of what it had was revoked."""

    did: str
    devices: int
    api_keys: int


def account_rows(
    accounts: Sequence[Account],
    suspensions: Sequence[Suspension],
    passkeys: Mapping[AccountDid, int] = MappingProxyType({}),
) -> list[AccountRow]:
    """What an operator is shown: the accounts that live here, then the disabled ones that do not."""
    disabled = {each.account for each in suspensions}
    home = {account.did for account in accounts}
    rows = [
        AccountRow(
            account.did,
            account.name,
            account.verification_key,
            "disabled" if account.did in disabled else "active",
            passkeys.get(account.did, 0),
        )
        for account in accounts
    ]
    return rows + [AccountRow(did, "", "", "disabled") for did in sorted(disabled - home)]


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

    async def disable(self, account: str) -> AccountChanged:
        """Let an account speak no more; raises `ControlRefused` or `NoSuchAccount`."""
        ...

    async def enable(self, account: str) -> AccountChanged:
        """Let it speak again."""
        ...

    async def recover(self, account: str, public_key: str, *, keep_devices: bool) -> AccountRecovered:
        """Give an account that lives here another key."""
        ...


@attrs.frozen
class _Running:
    service: ServiceIdentity
    control: ControlClient

    async def create(self, name: str, public_key: str) -> AccountRow:
        return await self.control.ask("account.create", AccountCreate(name, public_key), answer=AccountRow)

    async def accounts(self) -> list[AccountRow]:
        return await self.control.ask("account.list", answer=list[AccountRow])

    async def disable(self, account: str) -> AccountChanged:
        return await self.control.ask("account.disable", AccountNamed(account), answer=AccountChanged)

    async def enable(self, account: str) -> AccountChanged:
        return await self.control.ask("account.enable", AccountNamed(account), answer=AccountChanged)

    async def recover(self, account: str, public_key: str, *, keep_devices: bool) -> AccountRecovered:
        asked = AccountRecover(account, public_key, keep_devices)
        return await self.control.ask("account.recover", asked, answer=AccountRecovered)


@attrs.frozen
class _Folder:
    service: ServiceIdentity
    store: SqliteStore
    bucket_seconds: int

    async def create(self, name: str, public_key: str) -> AccountRow:
        did = self.service.account_did(name)
        made = await self.store.create_account(did, name, public_key, now=self._now())
        if isinstance(made, NameTaken):
            raise NameIsTaken(f"there is an account named {name} already; choose another name")
        return account_rows([made], await self.store.suspensions())[0]

    async def accounts(self) -> list[AccountRow]:
        store = self.store
        return account_rows(await store.accounts(), await store.suspensions(), await store.count_passkeys())

    async def disable(self, account: str) -> AccountChanged:
        did = await self._did(account)
        return AccountChanged(did, changed=await self.store.suspend(did, now=self._now()))

    async def enable(self, account: str) -> AccountChanged:
        did = await self._did(account)
        return AccountChanged(did, changed=await self.store.restore(did, now=self._now()))

    async def recover(self, account: str, public_key: str, *, keep_devices: bool) -> AccountRecovered:
        did, now = await self._did(account), self._now()
        await self.store.end_grants_of(did, now=now)
        made = await self.store.recover_account(did, public_key, keep_devices=keep_devices, now=now)
        if isinstance(made, AccountUnknown):
            raise NoSuchAccount(f"{account} does not live here")
        return AccountRecovered(did, devices=len(made.devices), api_keys=len(made.api_keys))

    async def _did(self, account: str) -> AccountDid:
        try:
            return await account_named(account, self.service, self.store)
        except NoSuchAccountError as unknown:
            raise NoSuchAccount(str(unknown)) from None

    def _now(self) -> int:
        return bucket(time.time(), self.bucket_seconds)  # the audit keeps no finer time


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
