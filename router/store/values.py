"""What goes into the store and what comes out: frozen structs, because they cross a process border.

Requests are asked of the writer, outcomes are its answers: a refusal that a caller must expect (somebody
else was first, the message is there already) is a value, a surprise is an exception (`errors.py`).
Times are buckets or days, never finer (promise P5).
"""

from typing import Literal

import msgspec

from protocol import AccountDid, Conversation, ConversationId, DeviceId, Effect, Entry, Known, MsgId
from router.store.audit import AuditFact


class StoredResult(msgspec.Struct, frozen=True, gc=False):
    """The final answer of a command that carried an idempotency key."""

    scope: bytes
    """32 bytes, keyed hash of caller, endpoint and key. Nothing of the caller can be read back."""
    fingerprint: bytes
    """32 bytes, hash of the request's body."""
    status: int
    """HTTP status of the answer."""
    body: bytes
    """The answer itself, as the service encoded it."""
    expires: int
    """Bucket, Unix seconds: from here on the key is free again."""


class AppendRequest(msgspec.Struct, frozen=True, tag="append", gc=False):
    """Entries of one conversation and their effects, committed all together or not at all.

    Membership rows, tombstones, roles and their audit records follow from the entries: the store derives
    them, so no change of membership can be committed without its record.
    """

    conversation: ConversationId
    expected_seq: int
    """The last seq the caller decided on; 0 begins a conversation."""
    entries: tuple[Entry, ...]
    """Seqs `expected_seq + 1 …`, position 0. The first entry of a conversation is its CREATED."""
    term: int
    """`Store.term` as the caller knows it; another one is refused (`StaleTerm`)."""
    now: int = 0
    """Bucket, Unix seconds: judges whether a stored result under the same key has expired."""
    idempotency: tuple[StoredResult, ...] = ()
    audit: tuple[AuditFact, ...] = ()
    """Records for acts that are no entry. Those for membership entries are added by the store."""
    effects: tuple[Effect, ...] = ()
    """Carried out in order behind the entries. One whose condition does not hold refuses all of it."""


class Appended(msgspec.Struct, frozen=True, tag="appended", gc=False):
    """Durable. The entries carry their positions."""

    entries: tuple[Entry, ...]


class SeqConflict(msgspec.Struct, frozen=True, tag="seq-conflict", gc=False):
    """The conversation stands elsewhere: reload it and decide again. Nothing was written."""

    actual_seq: int
    """Its last seq; 0 when there is no such conversation."""


class DuplicateMsgIds(msgspec.Struct, frozen=True, tag="duplicate-msg-ids"):
    """Some messages are in the log already. Nothing was written."""

    known: dict[MsgId, Known]


class StaleTerm(msgspec.Struct, frozen=True, tag="stale-term", gc=False):
    """Somebody took the shard over since. Nothing was written, and nothing will be under the old term."""

    term: int
    """The term that holds now."""


class AlreadyAnswered(msgspec.Struct, frozen=True, tag="already-answered"):
    """Another command with the same key was first; this is its result. Nothing was written."""

    stored: StoredResult


class ConditionFailed(msgspec.Struct, frozen=True, tag="condition-failed", gc=False):
    """An effect cannot be carried out. Nothing was written."""

    effect: int
    """Its index in `AppendRequest.effects`."""
    error: str
    """The error's name, as `protocol._effects` says."""


AppendOutcome = Appended | SeqConflict | DuplicateMsgIds | StaleTerm | AlreadyAnswered | ConditionFailed


class Membership(msgspec.Struct, frozen=True, gc=False):
    """One interval of a device in a conversation, inclusive on both ends. None: it is still open."""

    conversation: ConversationId
    from_seq: int
    to_seq: int | None
    from_position: int
    to_position: int | None


class DevicePage(msgspec.Struct, frozen=True):
    """Part of a catch-up: entries in position order, and how far the log has been examined."""

    entries: list[Entry]
    examined_to: int
    """Continue after this position: everything up to it that the device may see has been given."""


class ConversationPage(msgspec.Struct, frozen=True):
    """Some conversations of an account, in the order in which they were created."""

    conversations: list[Conversation]
    next: int | None
    """Pass as `after` for the rest; None at the end. A row number of this server: seal it for clients."""


class Account(msgspec.Struct, frozen=True, gc=False):
    """An account that lives on this router."""

    did: AccountDid
    name: str
    verification_key: str
    """Multibase (Multikey) of its public key; empty for who logs in elsewhere and has none."""
    created_day: int
    """Days since 1970-01-01."""


class NameTaken(msgspec.Struct, frozen=True, tag="name-taken", gc=False):
    """The name or the DID belongs to another account already."""

    name: str


class Device(msgspec.Struct, frozen=True, gc=False):
    """A device, of an account here or elsewhere."""

    id: DeviceId
    account: AccountDid
    name: str
    signature_key: bytes
    """Ed25519: the device signs its own tokens with it."""
    registered_day: int
    """Days since 1970-01-01."""
    last_seen_day: int = 0
    """Days since 1970-01-01; 0 until it was seen."""


LapsedClaims = Literal["return", "destroy"]
"""What becomes of a key package whose claim no commit followed.

`return`: it is in stock again. Safe, since a commit of the first claimer is refused from then on.
`destroy`: it is spent, as if it had been used; whoever claims much can then empty a stock for good.
"""

PublishVerdict = Literal["ok", "duplicate", "reused", "too-many", "other-key"]
"""What became of one key package.

ok         it is in stock
duplicate  it was in stock already: a repeat
reused     its ref was consumed, dropped or belongs to another device
too-many   the device has as many as it may have
other-key  the device has bound another signature key for this scheme, or another device this one
"""


class DeviceRegistered(msgspec.Struct, frozen=True, tag="registered"):
    """The device as it stands now; a key that was registered before keeps its first id."""

    device: Device
    created: bool
    verdicts: tuple[PublishVerdict, ...] = ()
    """One for each key package that came with it, in order."""


class DuplicatePublicKey(msgspec.Struct, frozen=True, tag="duplicate-public-key", gc=False):
    """The signature key belongs to a device of another account."""


class TooManyDevices(msgspec.Struct, frozen=True, tag="too-many-devices", gc=False):
    """The account has as many devices as it may have."""

    limit: int


RegisterOutcome = DeviceRegistered | DuplicatePublicKey | TooManyDevices | AlreadyAnswered


class Swept(msgspec.Struct, frozen=True, tag="swept", gc=False):
    """How many expired rows went."""

    tokens: int
    results: int
    logins: int = 0
    """Of pending ceremonies or of logins that are over, whichever were more."""

    @property
    def most(self) -> int:
        """Of the kind of which there were most: at the limit, there may be more."""
        return max(self.tokens, self.results, self.logins)


class Retention(msgspec.Struct, frozen=True, gc=False):
    """How long what has ended, or was never fetched, stays. Seconds."""

    welcome: int = 90 * 86_400
    """A pending Welcome that nobody fetches or answers: as long as the longest key package lives."""
    ended: int = 30 * 86_400
    """Welcomes and chat requests that have ended, invites that serve nobody any more."""
    evidence: int = 90 * 86_400
    report: int = 365 * 86_400
    """A report, from its resolution."""
    lapsed_claims: LapsedClaims = "return"


DEFAULT_RETENTION = Retention()


class Expired(msgspec.Struct, frozen=True, tag="expired", gc=False):
    """How many rows went or ended in one round of `expire`."""

    key_packages: int
    claims: int
    welcomes: int
    """That were pending."""
    ended: int
    """Welcomes, requests, invites and reports that had ended before, and evidence."""
    requests: int
    """That were pending."""

    @property
    def most(self) -> int:
        """Of the kind of which there were most: at the limit, there may be more."""
        return max(self.key_packages, self.claims, self.welcomes, self.ended, self.requests)


class MlsFigures(msgspec.Struct, frozen=True, gc=False):
    """Counts over the whole store, for metrics. Reads much: once a minute, not per scrape."""

    packages_available: int
    packages_claimed: int
    welcomes_pending: int
    oldest_welcome: int | None
    """Bucket of the oldest pending Welcome."""
    reports_pending: int
    requests_pending: int
    evidence: int


class StoreHealth(msgspec.Struct, frozen=True, gc=False):
    """Whether writes are taken just now, and if not, why (for an operator, no ids in it)."""

    ok: bool
    detail: str


class StoreStatistics(msgspec.Struct, frozen=True, gc=False):
    """Counters since the store was opened, and the depth of its queue now."""

    writer: str
    """Where commits happen: memory, inline, thread or process."""
    queued_items: int = 0
    queued_bytes: int = 0
    commits: int = 0
    """Transactions that were committed."""
    entries: int = 0
    """Entries in them."""
    refused: int = 0
    """Requests refused because the queue was full."""
    unavailable: int = 0
    """Requests that failed because the disk or the writer did."""
    writer_restarts: int = 0
    wal_pages: int = 0
    """Pages in the write-ahead log at the last checkpoint."""
