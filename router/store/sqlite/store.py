"""The embedded store: one data folder, one server, one database.

    SqliteStore.run   lock the folder → migrate → take the term → writer and checkpoints until cancelled

Writes go through the `Writer`, reads through `Reads`; this file only names what goes where.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar, overload

import attrs
import trio

from protocol import AccountDid, Conversation, ConversationId, DeviceId, Entry, EntryKind, Known, MsgId
from router.store import rules
from router.store.audit import AuditFact, AuditHead, AuditLink
from router.store.credentials import (
    AccountUnknown,
    ApiKey,
    ApiKeyConflict,
    ApiKeyMade,
    ApiKeyOutcome,
    ApiKeyUnknown,
    DeviceChanged,
    DeviceRevoked,
    DeviceUnknown,
    Recovered,
    RotateOutcome,
    Suspension,
    TooManyApiKeys,
)
from router.store.errors import StoreUnavailable
from router.store.identities import (
    Identity,
    IdentityKept,
    IdentityUnknown,
    IdentityUnlinked,
    LinkOutcome,
    TooManyIdentities,
    UnlinkOutcome,
)
from router.store.interface import CommitListener, Store
from router.store.logins import (
    Grant,
    GrantReused,
    GrantRotated,
    GrantUnknown,
    IdentityLinked,
    RotationOutcome,
)
from router.store.passkeys import (
    KeepOutcome,
    LastWayIn,
    Passkey,
    PasskeyCloned,
    PasskeyKept,
    PasskeyRevoked,
    PasskeySuspended,
    PasskeyTaken,
    PasskeyUnknown,
    PasskeyUsed,
    RevokeOutcome,
    TooManyPasskeys,
    UseOutcome,
)
from router.store.sqlite import database, trouble
from router.store.sqlite.checkpoint import Checkpointed, Checkpointer
from router.store.sqlite.database import Synchronous
from router.store.sqlite.engines import Engine, InlineEngine, Place, ProcessEngine
from router.store.sqlite.folder import FolderLock, database_path
from router.store.sqlite.reader import Reader
from router.store.sqlite.reads import Reads
from router.store.sqlite.requests import (
    AccountMade,
    BeginGrant,
    Changed,
    CreateAccount,
    CreateAccountFor,
    CreateAccountWithPasskey,
    Done,
    EndGrants,
    GrantsEnded,
    KeepApiKey,
    KeepPasskey,
    KeepPending,
    LinkIdentity,
    Marked,
    MarkSeen,
    MoveReadMark,
    PendingTaken,
    RecordActs,
    RecoverAccount,
    RegisterDevice,
    RememberToken,
    RenameDevice,
    RenamePasskey,
    Request,
    RevokeApiKey,
    RevokeDevice,
    RevokePasskey,
    RotateDeviceKey,
    RotateGrant,
    Suspend,
    Sweep,
    TakePending,
    UnlinkIdentity,
    UsePasskey,
)
from router.store.sqlite.writer import Bounds, Writer
from router.store.values import (
    Account,
    AlreadyAnswered,
    Appended,
    AppendOutcome,
    AppendRequest,
    ConversationPage,
    Device,
    DevicePage,
    DeviceRegistered,
    DuplicateMsgIds,
    DuplicatePublicKey,
    KeyPackage,
    Membership,
    NameTaken,
    RegisterOutcome,
    SeqConflict,
    StaleTerm,
    StoredResult,
    StoreHealth,
    StoreStatistics,
    Swept,
    TooManyDevices,
)

WriterPlace = Literal["inline", "process"]

_ENGINES: dict[WriterPlace, Callable[[Place], Engine]] = {
    "inline": InlineEngine,
    "process": ProcessEngine,
}
_T = TypeVar("_T")
_U = TypeVar("_U")
_V = TypeVar("_V")
_APPEND_OUTCOMES = (Appended, SeqConflict, DuplicateMsgIds, StaleTerm, AlreadyAnswered)
"""A tuple, since a union would be built anew at each append."""


@attrs.frozen
class SqliteOptions:
    """The operator's choices."""

    writer: WriterPlace = "process"
    """Where commits happen; measured in `writer.py`. Tests on a fake clock want `inline`: a clock that jumps
    does not wait for another process."""
    synchronous: Synchronous = "full"
    """`full`: an answer means on the disk. `normal`: a power failure may take the last commits."""
    bounds: Bounds = attrs.Factory(Bounds)
    checkpoint_interval: float = 2.0
    """Seconds between checkpoints while there are commits."""
    max_reading_threads: int = 4
    """Long reads at the same time; each has a connection of its own."""


class SqliteStore(Store):
    """See `Store`. Lives as long as its `run`; may be run again after it, by a supervisor.

    Listeners belong to the object and survive that. Between two runs writes raise `StoreUnavailable`.
    """

    def __init__(self, folder: Path, options: SqliteOptions | None = None) -> None:
        self._folder = folder
        self._options = SqliteOptions() if options is None else options
        self._listeners: list[CommitListener] = []
        self._running: _Running | None = None

    async def run(self, *, task_status: trio.TaskStatus["SqliteStore"] = trio.TASK_STATUS_IGNORED) -> None:
        """Open the folder, report `started(self)`, serve until cancelled.

        Raises `StoreInUse`, `StoreTooNew`, `StoreUnavailable` or OSError when it cannot start, and
        `DurabilityLost` (in an exception group) when the process must end.
        """
        path = database_path(self._folder)
        with FolderLock(self._folder):
            place = self._take_over(path)
            running = _Running.of(place, self._options, self._notify)
            clean = False
            try:
                async with trio.open_nursery() as nursery:
                    await nursery.start(running.writer.run)
                    nursery.start_soon(running.keep_checkpointing, self._options.checkpoint_interval)
                    self._running = running
                    task_status.started(self)
            except BaseException as error:
                clean = _is_cancellation(error)
                raise
            finally:
                self._running = None
                await running.close(clean=clean)

    def _take_over(self, path: Path) -> Place:
        """Migrate and become the owner: synchronous, before anybody is served."""
        try:
            identity = database.prepare(path)
            term = database.take_term(path, rules.SHARD, f"process {os.getpid()}")
        except sqlite3.Error as error:
            if not trouble.is_of_the_world(error):
                raise
            raise StoreUnavailable(
                self._options.bounds.retry_after, f"{trouble.describe(error)} ({path.absolute()})"
            ) from error
        return Place(path, term, identity.log_id, self._options.synchronous)

    def _notify(self, entries: Sequence[Entry]) -> None:
        for listener in tuple(self._listeners):
            listener(entries)

    @property
    def _parts(self) -> "_Running":
        """The parts while it runs; there are none before and after."""
        if self._running is None:
            raise StoreUnavailable(self._options.bounds.retry_after, "the store is not running")
        return self._running

    async def _short(self, read: Callable[[Reader], _T]) -> _T:
        return await self._parts.reads.short(read)

    async def _long(self, read: Callable[[Reader], _T]) -> _T:
        return await self._parts.reads.long(read)

    @overload
    async def _write(self, request: Request, one: type[_T], /) -> _T: ...

    @overload
    async def _write(self, request: Request, one: type[_T], two: type[_U], /) -> _T | _U: ...

    @overload
    async def _write(
        self, request: Request, one: type[_T], two: type[_U], three: type[_V], /
    ) -> _T | _U | _V: ...

    async def _write(self, request: Request, *answers: type) -> object:
        """Submit; the outcome must be one of these classes."""
        outcome = await self._parts.writer.submit(request)
        if not isinstance(outcome, answers):
            raise TypeError(f"{type(request).__name__} was answered with {type(outcome).__name__}")
        return outcome

    @property
    def term(self) -> int:
        return self._parts.place.term

    @property
    def log_id(self) -> bytes:
        return self._parts.place.log_id

    # -- conversations ---------------------------------------------------------------------------------

    async def conversation(self, conversation: ConversationId) -> Conversation | None:
        return await self._short(lambda reader: reader.conversation(conversation))

    async def append(self, request: AppendRequest) -> AppendOutcome:
        rules.check_append(request)
        outcome = await self._parts.writer.submit(request)
        if isinstance(outcome, _APPEND_OUTCOMES):
            return outcome
        raise TypeError(f"an append was answered with {type(outcome).__name__}")

    async def known_sends(self, conversation: ConversationId, msg_ids: Sequence[MsgId]) -> dict[MsgId, Known]:
        return await self._short(lambda reader: reader.known_sends(conversation, msg_ids))

    async def idempotent(self, scope: bytes, *, now: int) -> StoredResult | None:
        return await self._short(lambda reader: reader.idempotent(scope, now))

    async def conversations_of(
        self, account: AccountDid, *, after: int | None = None, limit: int
    ) -> ConversationPage:
        return await self._long(lambda reader: reader.conversations_of(account, after or 0, limit))

    # -- the log ---------------------------------------------------------------------------------------

    async def head(self) -> int:
        return await self._short(Reader.head)

    async def entries_after(self, position: int, *, max_entries: int, max_bytes: int) -> list[Entry]:
        return await self._long(lambda reader: reader.entries_after(position, max_entries, max_bytes))

    async def device_entries(
        self, device: DeviceId, *, after: int, upto: int, max_entries: int, max_bytes: int
    ) -> DevicePage:
        return await self._long(
            lambda reader: reader.device_entries(device, after, upto, max_entries, max_bytes)
        )

    async def conversation_entries(
        self,
        conversation: ConversationId,
        *,
        after_seq: int,
        upto_seq: int | None = None,
        max_entries: int,
        max_bytes: int,
        kinds: frozenset[EntryKind] | None = None,
    ) -> list[Entry]:
        return await self._long(
            lambda reader: reader.conversation_entries(
                conversation, after_seq, upto_seq, max_entries, max_bytes, kinds
            )
        )

    async def memberships(self, device: DeviceId) -> list[Membership]:
        return await self._short(lambda reader: reader.memberships(device))

    def on_commit(self, listener: CommitListener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- read marks ------------------------------------------------------------------------------------

    async def set_read_mark(self, device: DeviceId, conversation: ConversationId, seq: int) -> int:
        return (await self._write(MoveReadMark(device, conversation, seq), Marked)).seq

    async def read_marks(self, device: DeviceId) -> Mapping[ConversationId, int]:
        return await self._short(lambda reader: reader.read_marks(device))

    async def unread(
        self, device: DeviceId, conversations: Sequence[ConversationId]
    ) -> Mapping[ConversationId, int]:
        return await self._short(lambda reader: reader.unread(device, conversations))

    # -- directory -------------------------------------------------------------------------------------

    async def create_account(
        self, did: AccountDid, name: str, verification_key: str, *, now: int
    ) -> Account | NameTaken:
        account = Account(did, name, verification_key, rules.day_of(now))
        outcome = await self._parts.writer.submit(CreateAccount(account, now))
        match outcome:
            case AccountMade(account=made):
                return made
            case NameTaken():
                return outcome
            case _:
                raise TypeError(f"an account was answered with {type(outcome).__name__}")

    async def account(self, did: AccountDid) -> Account | None:
        return await self._short(lambda reader: reader.account(did))

    async def account_by_name(self, name: str) -> Account | None:
        return await self._short(lambda reader: reader.account_by_name(name))

    async def accounts(self) -> list[Account]:
        return await self._long(Reader.accounts)

    async def register_device(
        self,
        device: Device,
        key_packages: tuple[KeyPackage, ...] = (),
        *,
        now: int,
        max_devices: int,
        idempotency: tuple[StoredResult, ...] = (),
    ) -> RegisterOutcome:
        request = RegisterDevice(device, key_packages, now, max_devices, idempotency)
        outcome = await self._parts.writer.submit(request)
        if isinstance(outcome, DeviceRegistered | DuplicatePublicKey | TooManyDevices | AlreadyAnswered):
            return outcome
        raise TypeError(f"a registration was answered with {type(outcome).__name__}")

    async def device(self, device: DeviceId) -> Device | None:
        return await self._short(lambda reader: reader.device(device))

    async def devices_of(self, account: AccountDid) -> list[Device]:
        return await self._short(lambda reader: reader.devices_of(account))

    async def key_packages(self, device: DeviceId) -> list[KeyPackage]:
        return await self._short(lambda reader: reader.key_packages(device))

    # -- credentials -----------------------------------------------------------------------------------

    async def rename_device(self, account: AccountDid, device: DeviceId, name: str) -> Device | None:
        outcome = await self._write(RenameDevice(account, device, name), DeviceChanged, DeviceUnknown)
        return outcome.device if isinstance(outcome, DeviceChanged) else None

    async def rotate_device_key(
        self,
        account: AccountDid,
        device: DeviceId,
        signature_key: bytes,
        *,
        now: int,
        idempotency: tuple[StoredResult, ...] = (),
    ) -> RotateOutcome:
        request = RotateDeviceKey(account, device, signature_key, now, idempotency)
        outcome = await self._parts.writer.submit(request)
        if isinstance(outcome, DeviceChanged | DeviceUnknown | DuplicatePublicKey | AlreadyAnswered):
            return outcome
        raise TypeError(f"a new key was answered with {type(outcome).__name__}")

    async def revoke_device(
        self, account: AccountDid, device: DeviceId, *, now: int
    ) -> DeviceRevoked | DeviceUnknown:
        return await self._write(RevokeDevice(account, device, now), DeviceRevoked, DeviceUnknown)

    async def count_key_packages(self, device: DeviceId) -> int:
        return await self._short(lambda reader: reader.count_key_packages(device))

    async def mark_seen(self, devices: Sequence[DeviceId], day: int) -> None:
        await self._write(MarkSeen(tuple(devices), day), Done)

    async def keep_api_key(
        self, key: ApiKey, *, replaces: str | None, now: int, max_keys: int
    ) -> ApiKeyOutcome:
        outcome = await self._parts.writer.submit(KeepApiKey(key, replaces, now, max_keys))
        if isinstance(outcome, ApiKeyMade | ApiKeyConflict | ApiKeyUnknown | DeviceUnknown | TooManyApiKeys):
            return outcome
        raise TypeError(f"an API key was answered with {type(outcome).__name__}")

    async def api_key(self, key: str) -> ApiKey | None:
        return await self._short(lambda reader: reader.api_key(key))

    async def api_keys_of(self, account: AccountDid) -> list[ApiKey]:
        return await self._short(lambda reader: reader.api_keys_of(account))

    async def revoke_api_key(self, account: AccountDid, key: str, *, now: int) -> bool:
        return (await self._write(RevokeApiKey(account, key, now), Changed)).changed

    async def suspend(self, account: AccountDid, *, now: int) -> bool:
        return (await self._write(Suspend(account, suspended=True, now=now), Changed)).changed

    async def restore(self, account: AccountDid, *, now: int) -> bool:
        return (await self._write(Suspend(account, suspended=False, now=now), Changed)).changed

    async def suspensions(self) -> list[Suspension]:
        return await self._long(Reader.suspensions)

    async def recover_account(
        self, account: AccountDid, verification_key: str, *, keep_devices: bool, now: int
    ) -> Recovered | AccountUnknown:
        request = RecoverAccount(account, verification_key, keep_devices, now)
        return await self._write(request, Recovered, AccountUnknown)

    # -- logins ----------------------------------------------------------------------------------------

    async def keep_pending(self, key: bytes, sealed: bytes, *, expires: int) -> None:
        await self._write(KeepPending(key, sealed, rules.replay_expiry(expires)), Done)

    async def take_pending(self, key: bytes, *, now: int) -> bytes | None:
        return (await self._write(TakePending(key, now), PendingTaken)).sealed

    async def account_of_identity(self, identity: bytes) -> AccountDid | None:
        return await self._short(lambda reader: reader.account_of_identity(identity))

    async def create_account_for(
        self, identity: bytes, did: AccountDid, name: str, *, label: bytes = b"", now: int
    ) -> Account | NameTaken | IdentityLinked:
        request = CreateAccountFor(identity, Account(did, name, "", rules.day_of(now)), label, now)
        outcome = await self._parts.writer.submit(request)
        match outcome:
            case AccountMade(account=made):
                return made
            case NameTaken() | IdentityLinked():
                return outcome
            case _:
                raise TypeError(f"an account was answered with {type(outcome).__name__}")

    async def link_identity(
        self, identity: bytes, account: AccountDid, *, label: bytes, verification_key: str, now: int
    ) -> LinkOutcome:
        request = LinkIdentity(identity, account, label, verification_key, now)
        outcome = await self._parts.writer.submit(request)
        if isinstance(outcome, IdentityKept | IdentityLinked | TooManyIdentities | AccountUnknown):
            return outcome
        raise TypeError(f"an identity was answered with {type(outcome).__name__}")

    async def identities_of(self, account: AccountDid) -> list[Identity]:
        return await self._short(lambda reader: reader.identities_of(account))

    async def unlink_identity(self, account: AccountDid, identity: bytes, *, now: int) -> UnlinkOutcome:
        outcome = await self._parts.writer.submit(UnlinkIdentity(account, identity, now))
        if isinstance(outcome, IdentityUnlinked | IdentityUnknown | LastWayIn):
            return outcome
        raise TypeError(f"an unlinking was answered with {type(outcome).__name__}")

    async def begin_grant(self, grant: Grant) -> bool:
        return (await self._write(BeginGrant(grant), Changed)).changed

    async def rotate_grant(
        self, grant: str, *, presented: bytes, successor: bytes, retry: bytes | None, now: int
    ) -> RotationOutcome:
        outcome = await self._parts.writer.submit(RotateGrant(grant, presented, successor, retry, now))
        if isinstance(outcome, GrantRotated | GrantReused | GrantUnknown):
            return outcome
        raise TypeError(f"a refresh was answered with {type(outcome).__name__}")

    async def end_grant(self, grant: str, *, now: int) -> AccountDid | None:
        ended = (await self._write(EndGrants(grant, None, now), GrantsEnded)).grants
        return AccountDid(ended[0][1]) if ended else None

    async def end_grants_of(self, account: AccountDid, *, now: int) -> list[str]:
        ended = (await self._write(EndGrants(None, account, now), GrantsEnded)).grants
        return sorted(name for name, _ in ended)

    async def ended_grants(self, now: int) -> list[str]:
        return await self._long(lambda reader: reader.ended_grants(now))

    # -- passkeys --------------------------------------------------------------------------------------

    async def create_account_with_passkey(
        self, passkey: Passkey, name: str, *, now: int
    ) -> Account | NameTaken | PasskeyTaken:
        account = Account(passkey.account, name, "", rules.day_of(now))
        request = CreateAccountWithPasskey(account, passkey, now)
        outcome = await self._write(request, AccountMade, NameTaken, PasskeyTaken)
        return outcome.account if isinstance(outcome, AccountMade) else outcome

    async def keep_passkey(
        self, passkey: Passkey, *, verification_key: str, now: int, max_passkeys: int
    ) -> KeepOutcome:
        request = KeepPasskey(passkey, verification_key, now, max_passkeys)
        outcome = await self._parts.writer.submit(request)
        if isinstance(outcome, PasskeyKept | PasskeyTaken | TooManyPasskeys | AccountUnknown):
            return outcome
        raise TypeError(f"a passkey was answered with {type(outcome).__name__}")

    async def passkey(self, credential: bytes) -> Passkey | None:
        return await self._short(lambda reader: reader.passkey(credential))

    async def passkeys_of(self, account: AccountDid) -> list[Passkey]:
        return await self._short(lambda reader: reader.passkeys_of(account))

    async def count_passkeys(self) -> Mapping[AccountDid, int]:
        return await self._long(Reader.count_passkeys)

    async def use_passkey(self, credential: bytes, sign_count: int, *, now: int) -> UseOutcome:
        outcome = await self._parts.writer.submit(UsePasskey(credential, sign_count, now))
        if isinstance(outcome, PasskeyUsed | PasskeyCloned | PasskeySuspended | PasskeyUnknown):
            return outcome
        raise TypeError(f"a passkey's use was answered with {type(outcome).__name__}")

    async def rename_passkey(self, account: AccountDid, passkey: str, name: str) -> bool:
        return (await self._write(RenamePasskey(account, passkey, name), Changed)).changed

    async def revoke_passkey(
        self, account: AccountDid, passkey: str, *, even_if_last: bool, now: int
    ) -> RevokeOutcome:
        request = RevokePasskey(account, passkey, even_if_last, now)
        return await self._write(request, PasskeyRevoked, PasskeyUnknown, LastWayIn)

    # -- tokens ----------------------------------------------------------------------------------------

    def remember_token(self, token_hash: bytes, expires: int) -> None:
        self._parts.writer.submit_nowait(RememberToken(token_hash, rules.replay_expiry(expires)))

    async def load_tokens(self, now: int) -> list[tuple[bytes, int]]:
        return await self._long(lambda reader: reader.tokens(now))

    # -- keeping house ---------------------------------------------------------------------------------

    async def record(self, facts: tuple[AuditFact, ...], *, now: int) -> None:
        await self._write(RecordActs(facts, now), Done)

    async def audit_records(self, after: int, *, limit: int) -> list[AuditLink]:
        return await self._long(lambda reader: reader.audit_records(after, limit))

    async def audit_head(self) -> AuditHead:
        return await self._short(Reader.audit_head)

    async def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        return await self._write(Sweep(now, limit), Swept)

    @property
    def writer_pid(self) -> int | None:
        """The process id of the writer, where it has a process of its own."""
        return self._parts.engine.pid

    async def checkpoint(self) -> Checkpointed | None:
        """Move the write-ahead log into the database now, beside the regular times: before a backup."""
        return await self._parts.checkpointer.checkpoint()

    async def health(self) -> StoreHealth:
        try:
            parts = self._parts
            await parts.reads.short(Reader.head)
        except StoreUnavailable as error:
            return StoreHealth(ok=False, detail=error.detail)
        wrong = parts.writer.trouble
        if wrong is not None:
            return StoreHealth(ok=False, detail=wrong)
        return StoreHealth(ok=True, detail=f"writing in {self._options.writer}")

    def statistics(self) -> StoreStatistics:
        running = self._running
        if running is None:
            return StoreStatistics(writer=self._options.writer)
        counters = running.writer.counters
        items, size = running.writer.queued
        return StoreStatistics(
            writer=self._options.writer,
            queued_items=items,
            queued_bytes=size,
            commits=counters.commits,
            entries=counters.entries,
            refused=counters.refused,
            unavailable=counters.unavailable,
            writer_restarts=counters.restarts,
            wal_pages=running.checkpointer.wal_pages,
        )


@attrs.frozen
class _Running:
    """What a store is made of between the start and the end of `run`."""

    place: Place
    engine: Engine
    writer: Writer
    reads: Reads
    checkpointer: Checkpointer

    @classmethod
    def of(
        cls, place: Place, options: SqliteOptions, committed: Callable[[Sequence[Entry]], None]
    ) -> "_Running":
        engine = _ENGINES[options.writer](place)
        return cls(
            place,
            engine,
            Writer(engine, options.bounds, committed),
            Reads(
                place.path,
                place.log_id,
                threads=options.max_reading_threads,
                retry_after=options.bounds.retry_after,
            ),
            Checkpointer(place.path, place.synchronous),
        )

    async def keep_checkpointing(self, interval: float) -> None:
        """A checkpoint after each interval that had commits."""
        seen = 0
        while True:
            await trio.sleep(interval)
            if self.writer.counters.commits != seen:
                seen = self.writer.counters.commits
                await self.checkpointer.checkpoint()

    async def close(self, *, clean: bool) -> None:
        """Let the database go, within seconds; after a clean stop with the log moved into it.

        After `DurabilityLost` nothing may be moved: the log that is read then may not be what is on the disk.
        But SQLite makes a checkpoint by itself when the last connection closes, and Python 3.11 has no
        SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE. A connection that cannot write makes none, and keeps those that
        close before it from being the last one: so the readers close last, unless all has been moved.
        """
        whole = False
        try:
            whole = clean and await self.checkpointer.finish()
        finally:
            if whole:
                self.reads.close()
                self.checkpointer.close()
            else:
                self.checkpointer.close()
                self.reads.close()


def _is_cancellation(error: BaseException) -> bool:
    """Whether it was stopped from outside, and nothing else went wrong."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_cancellation(one) for one in error.exceptions)
    return isinstance(error, trio.Cancelled)


@asynccontextmanager
async def open_sqlite(folder: Path, options: SqliteOptions | None = None) -> AsyncIterator[SqliteStore]:
    """A running store for the length of the block: for tests and for commands without a supervisor.

    What the block raises, or what keeps the store from starting, comes out as it is, in no exception group.
    """
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            store: SqliteStore = await nursery.start(SqliteStore(folder, options).run)
            yield store
        except Exception as error:  # noqa: BLE001 - raised again below, outside the nursery
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
