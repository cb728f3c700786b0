"""What the running server does for the `rookery` command: the table of its control socket."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeVar

import attrs
import msgspec
import trio

from actors import TreeNode
from crypto import CryptoError, parse_multikey
from protocol import AccountDid
from router.admin import AnyCommand, Command, CommandFailed, Emit, NoArguments, StreamCommand, command_table
from router.client.directory import (
    AccountChanged,
    AccountCreate,
    AccountNamed,
    AccountRecover,
    AccountRecovered,
    AccountRow,
    account_rows,
)
from router.complaints import Complaints, ComplaintsAsked
from router.groups import GroupAsked, Groups
from router.identity.accounts import check_name
from router.identity.errors import BadNameError
from router.identity.service import ServiceIdentity
from router.keys import Keys, Rotate
from router.people import NoSuchAccountError, People, account_named
from router.store.credentials import AccountUnknown
from router.store.errors import OutcomeUnknown, PoisonRequest, StoreError
from router.store.interface import Store
from router.store.values import NameTaken, StoreStatistics
from router.stuck import Stuck, Unanswered
from router.tuning import NodePath, Tuning, Turn

A = TypeVar("A")


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """Who runs here, and whether it is well."""

    did: str
    public_url: str
    version: str
    pid: int
    ready: bool
    checks: dict[str, str]
    """Of every check «ok», or what is wrong."""


class Numbers(msgspec.Struct, frozen=True, rename="camel"):
    """Counters of the moment."""

    store: StoreStatistics
    connections: int
    connected_devices: int
    active_conversations: int
    queued_bytes: int
    """Held by feeds for clients that have not taken it yet."""
    head: int
    """The last position of the log; `tailPosition` follows it."""
    tail_position: int
    tail_pending: int
    """Entries that the tail knows of and has not offered yet."""
    tail_reads: int
    """How often the tail read the log back; `tailFailedReads` of them failed."""
    tail_failed_reads: int
    delivered: int
    """Entries offered to feeds, once for each feed."""
    fell_behind: int
    """How often a feed became a cursor because its client was slow."""
    bus_failures: int
    """Hints that a listener failed over."""


class Watch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask again every `interval` seconds, a tenth at least."""

    interval: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 1.0


@attrs.frozen
class ControlHandlers:
    """The handlers; each is one command."""

    store: Store
    service: ServiceIdentity
    people: People
    now: Callable[[], int]
    """Unix seconds, rounded down to the log's bucket: the audit keeps no finer time."""
    status: Callable[[], Awaitable[Status]]
    numbers: Callable[[], Awaitable[Numbers]]
    tree: Callable[[], TreeNode]
    tuning: Tuning
    keys: Keys
    stuck: Stuck

    def table(self) -> Mapping[str, AnyCommand]:
        """The commands by name."""
        return command_table(
            [
                _command("status", NoArguments, lambda _: self.status()),
                _command("statistics", NoArguments, lambda _: self.numbers()),
                _command("tree", NoArguments, self._show_tree),
                StreamCommand("tree.watch", Watch, self._watch_tree),
                _command("knobs", NodePath, self.tuning.knobs),
                _command("tune", Turn, self.tuning.tune),
                _command("keys.list", NoArguments, self.keys.list),
                _command("keys.rotate", Rotate, self.keys.rotate),
                _command("complaints.list", ComplaintsAsked, Complaints(self.store).list),
                _command("group.show", GroupAsked, lambda asked: Groups(self.store).show(asked, self.now())),
                _command("welcomes.stuck", Unanswered, lambda asked: self.stuck.list(asked, self.now())),
                _command("account.create", AccountCreate, self._create_account),
                _command("account.list", NoArguments, self._list_accounts),
                _command("account.disable", AccountNamed, self._disable_account),
                _command("account.enable", AccountNamed, self._enable_account),
                _command("account.recover", AccountRecover, self._recover_account),
            ]
        )

    async def _create_account(self, asked: AccountCreate) -> AccountRow:
        try:
            name = check_name(asked.name, self.service)
        except BadNameError as bad:
            raise CommandFailed("InvalidRequest", str(bad)) from None
        _check_public_key(asked.public_key)
        did = self.service.account_did(name)
        made = await self.store.create_account(did, name, asked.public_key, now=self.now())
        if isinstance(made, NameTaken):
            raise CommandFailed("NameTaken", f"there is an account named {name} already; choose another name")
        return account_rows([made], await self.store.suspensions())[0]

    async def _list_accounts(self, _: NoArguments) -> list[AccountRow]:
        store = self.store
        return account_rows(await store.accounts(), await store.suspensions(), await store.count_passkeys())

    async def _disable_account(self, asked: AccountNamed) -> AccountChanged:
        did = await self._did(asked.account)
        return AccountChanged(did, changed=await self.people.disable(did))

    async def _enable_account(self, asked: AccountNamed) -> AccountChanged:
        did = await self._did(asked.account)
        return AccountChanged(did, changed=await self.people.enable(did))

    async def _recover_account(self, asked: AccountRecover) -> AccountRecovered:
        did = await self._did(asked.account)
        _check_public_key(asked.public_key)
        recovering = self.people.recover(did, asked.public_key, keep_devices=asked.keep_devices)
        outcome = await recovering
        if isinstance(outcome, AccountUnknown):
            raise CommandFailed("AccountNotFound", f"{asked.account} does not live here")
        return AccountRecovered(did, devices=len(outcome.devices), api_keys=len(outcome.api_keys))

    async def _did(self, text: str) -> AccountDid:
        try:
            return await account_named(text, self.service, self.store)
        except BadNameError as bad:
            raise CommandFailed("InvalidRequest", str(bad)) from None
        except NoSuchAccountError as unknown:
            raise CommandFailed("AccountNotFound", str(unknown)) from None

    async def _show_tree(self, _: NoArguments) -> TreeNode:
        return self.tree()

    async def _watch_tree(self, asked: Watch, emit: Emit) -> None:
        while True:
            await emit(self.tree())
            await trio.sleep(asked.interval)


def _command(name: str, arguments: type[A], run: Callable[[A], Awaitable[object]]) -> Command[A]:
    """A command that answers with a sentence when the store is in trouble."""

    async def guarded(asked: A) -> object:
        try:
            return await run(asked)
        except StoreError as trouble:
            raise _refusal(trouble) from trouble

    return Command(name, arguments, guarded)


def _refusal(trouble: StoreError) -> CommandFailed:
    """The one translation of the store's errors for whoever asks over the control socket."""
    match trouble:
        case OutcomeUnknown():
            return CommandFailed(
                "OutcomeUnknown", f"{trouble}; it may have been done: look before you repeat"
            )
        case PoisonRequest():
            return CommandFailed("InternalServerError", f"the store cannot ever do this: {trouble}")
        case _:
            return CommandFailed("NotEnoughResources", f"nothing was done: {trouble}; try again later")


def _check_public_key(text: str) -> None:
    try:
        parse_multikey(text)
    except CryptoError:
        message = "the public key is no Multikey of secp256k1 or P-256"
        raise CommandFailed("InvalidRequest", message) from None
