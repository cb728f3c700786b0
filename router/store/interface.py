"""The seam of the store: what the rest of the router may ask of it, whoever keeps the bytes.

Every coroutine is a checkpoint and may be cancelled. A cancelled *read* leaves nothing. A cancelled *write*
is done or not done, like one whose connection died: it was queued, and the writer may have taken it. Whoever
cancels an append reloads before deciding again; `expected_seq` refuses what was decided on an old state.

Writes raise `Overloaded`, `StoreUnavailable`, `OutcomeUnknown` or `PoisonRequest` (see `errors.py`); what a
caller has to expect in the normal course (`SeqConflict` and its like) is a value. Writes submitted one after
another are committed in that order. An answer to a write means that it is durable, and that every read begun
after it sees it.
"""

import abc
from collections.abc import Callable, Mapping, Sequence

from protocol import AccountDid, Conversation, ConversationId, DeviceId, Entry, EntryKind, Known, MsgId
from router.store import bounds
from router.store.audit import AuditFact, AuditHead, AuditLink
from router.store.contacts import Contacts
from router.store.credentials import Credentials
from router.store.groups import Groups
from router.store.identities import Identities
from router.store.key_packages import KeyPackage, KeyPackages
from router.store.logins import Logins
from router.store.moderation import Moderation
from router.store.passkeys import Passkeys
from router.store.preferences import Preferences
from router.store.values import (
    DEFAULT_RETENTION,
    Account,
    AppendOutcome,
    AppendRequest,
    ConversationPage,
    Device,
    DevicePage,
    Expired,
    Membership,
    MlsFigures,
    NameTaken,
    RegisterOutcome,
    Retention,
    StoredResult,
    StoreHealth,
    StoreStatistics,
    Swept,
)
from router.store.welcomes import Welcomes

CommitListener = Callable[[Sequence[Entry]], None]
"""Gets the entries of one commit, with positions, in position order, in the loop, before the askers wake.
Must be quick and must not raise."""


class Store(
    Credentials,
    Logins,
    Identities,
    Passkeys,
    KeyPackages,
    Welcomes,
    Groups,
    Moderation,
    Contacts,
    Preferences,
):
    """The log and everything that is committed with it. See the module for what holds for all methods."""

    @property
    @abc.abstractmethod
    def term(self) -> int:
        """The term under which this store writes its shard: one more at each opening."""

    @property
    @abc.abstractmethod
    def log_id(self) -> bytes:
        """8 bytes that name this log, made when it was created: a cursor of another log is told by it."""

    # -- conversations ---------------------------------------------------------------------------------

    @abc.abstractmethod
    async def conversation(self, conversation: ConversationId) -> Conversation | None:
        """The latest committed state: exactly what `evolve` makes of the conversation's entries."""

    @abc.abstractmethod
    async def append(self, request: AppendRequest) -> AppendOutcome:
        """Commit the entries with all that follows from them, or refuse and write nothing of the request."""

    @abc.abstractmethod
    async def known_sends(self, conversation: ConversationId, msg_ids: Sequence[MsgId]) -> dict[MsgId, Known]:
        """Those of these messages that the log has already."""

    @abc.abstractmethod
    async def idempotent(self, scope: bytes, *, now: int) -> StoredResult | None:
        """The result stored under this key, unless it has expired at `now` (bucket)."""

    @abc.abstractmethod
    async def conversations_of(
        self, account: AccountDid, *, after: int | None = None, limit: int
    ) -> ConversationPage:
        """Conversations in which the account has a device now, oldest first, after a page's `next`."""

    # -- the log ---------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def head(self) -> int:
        """The last committed position; 0 for an empty log."""

    @abc.abstractmethod
    async def entries_after(self, position: int, *, max_entries: int, max_bytes: int) -> list[Entry]:
        """Entries after a position in position order: the tail's read.

        At most `max_entries`, and `max_bytes` of bodies, but at least one if there is one.
        """

    @abc.abstractmethod
    async def device_entries(
        self, device: DeviceId, *, after: int, upto: int, max_entries: int, max_bytes: int
    ) -> DevicePage:
        """Catch-up: entries in (`after`, `upto`] within the device's memberships, in position order.

        Both ends of a membership are inclusive: the entry that added the device and the one that removed it
        are given. Bounds as in `entries_after`; go on after `examined_to` until it is `upto`.
        """

    @abc.abstractmethod
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
        """Entries of one conversation with seq in (`after_seq`, `upto_seq`], of these kinds, in order.

        Judges no membership: that is the caller's. Bounds as in `entries_after`.
        """

    @abc.abstractmethod
    async def memberships(self, device: DeviceId) -> list[Membership]:
        """All intervals of the device, past and open, in the order in which they began."""

    @abc.abstractmethod
    def on_commit(self, listener: CommitListener) -> Callable[[], None]:
        """Call `listener` after each commit that has entries; returns what ends that."""

    # -- read marks ------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def set_read_mark(self, device: DeviceId, conversation: ConversationId, seq: int) -> int:
        """Move the mark forward to `seq`, never back; returns where it stands.

        `PoisonRequest` for a conversation that does not exist: the caller has looked.
        """

    @abc.abstractmethod
    async def read_marks(self, device: DeviceId) -> Mapping[ConversationId, int]:
        """All marks of the device."""

    @abc.abstractmethod
    async def unread(
        self, device: DeviceId, conversations: Sequence[ConversationId]
    ) -> Mapping[ConversationId, int]:
        """Messages behind the mark, within the device's latest membership, by conversation.

        Conversations that the device was never in are left out.
        """

    # -- directory -------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def create_account(
        self, did: AccountDid, name: str, verification_key: str, *, now: int
    ) -> Account | NameTaken:
        """Make an account of this router; the same call again returns the same account."""

    @abc.abstractmethod
    async def account(self, did: AccountDid) -> Account | None:
        """The account, if it lives here."""

    @abc.abstractmethod
    async def account_by_name(self, name: str) -> Account | None:
        """The account with this name, if it lives here."""

    @abc.abstractmethod
    async def accounts(self) -> list[Account]:
        """All accounts that live here, by name. For operators: not bounded."""

    @abc.abstractmethod
    async def register_device(
        self,
        device: Device,
        key_packages: tuple[KeyPackage, ...] = (),
        *,
        now: int,
        max_devices: int,
        max_packages: int = bounds.MAX_BATCH,
        idempotency: tuple[StoredResult, ...] = (),
    ) -> RegisterOutcome:
        """Make the device known with its key packages, each with its verdict as in `publish_key_packages`.

        An account that registers the same signature key again gets the id it had, its name renewed and the
        new packages added. The id of `device` is used only when the key is new.
        """

    @abc.abstractmethod
    async def device(self, device: DeviceId) -> Device | None:
        """The device, if it is registered."""

    @abc.abstractmethod
    async def devices_of(self, account: AccountDid) -> list[Device]:
        """The account's devices in the order of their registration."""

    # -- tokens that were used -------------------------------------------------------------------------

    @abc.abstractmethod
    def remember_token(self, token_hash: bytes, expires: int) -> None:
        """Queue a used token's keyed hash: committed no later than anything submitted after it.

        Not awaited; `Overloaded` when the queue is full. The expiry is kept in steps of a minute, rounded
        up. What is queued while the disk fails is kept and written when it recovers, within the bound.
        """

    @abc.abstractmethod
    async def load_tokens(self, now: int) -> list[tuple[bytes, int]]:
        """Hashes and expiries of used tokens that have not expired: asked once, at start."""

    # -- keeping house ---------------------------------------------------------------------------------

    @abc.abstractmethod
    async def record(self, facts: tuple[AuditFact, ...], *, now: int) -> None:
        """Append audit records for acts that are no entry, such as a knob an operator turned."""

    @abc.abstractmethod
    async def audit_records(self, after: int, *, limit: int) -> list[AuditLink]:
        """Links of the chain after a number, in order. `audit.verify` judges them."""

    @abc.abstractmethod
    async def audit_head(self) -> AuditHead:
        """The end of the chain: worth keeping elsewhere."""

    @abc.abstractmethod
    async def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        """Delete at most `limit` expired rows of each kind: tokens, results, what is left of logins."""

    @abc.abstractmethod
    async def expire(
        self, now: int, *, limit: int = 1000, retention: Retention = DEFAULT_RETENTION
    ) -> Expired:
        """End what nobody asked for in time and delete what ended long ago: key packages, claims, Welcomes,
        evidence, reports, invites, chat requests. At most `limit` rows of each kind."""

    @abc.abstractmethod
    async def mls_figures(self, *, now: int) -> MlsFigures:
        """Counts over everything, for metrics."""

    @abc.abstractmethod
    async def health(self) -> StoreHealth:
        """Whether it can read, and whether the last attempt to write succeeded."""

    @abc.abstractmethod
    def statistics(self) -> StoreStatistics:
        """Counters and depths, for metrics."""
