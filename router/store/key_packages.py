"""The part of the store that hands out key packages: each once, to one who asked for it.

    published ─ claim ─▶ claimed ─ commit ─▶ consumed         a tombstone until `not_after`
        ▲                   │ lapses                          by policy back to stock, or spent as well
        └───────────────────┘
        └─ drop, revoked device ─▶ dropped                    a tombstone until `not_after`

A package is named by its KeyPackageRef (RFC 9420 section 5.2) and by nothing else. A *claim* gives one
random package that has not expired: who claims cannot choose, and two never get the same. The commit that
adds the leaf spends it (`ConsumeKeyPackage`, in the transaction of the append). A *last resort* is given only
when nothing else is left, is never claimed and never spent. The tombstone keeps a ref from being published
twice (a package is used once, RFC 9420 section 10) also after its device is gone.
"""

import abc
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from protocol import AccountDid, ConversationId, DeviceId
from router.store.values import AlreadyAnswered, PublishVerdict, StoredResult


class KeyPackage(msgspec.Struct, frozen=True, gc=False):
    """A key package whose owner, signature and lifetime somebody has verified."""

    ref: bytes
    """Its KeyPackageRef, as long as the hash of its suite."""
    suite: int
    """The cipher suite's number, read from the package itself."""
    package: bytes
    """As it was published: an MLSMessage or the bare structure."""
    not_after: int
    """Unix seconds: the end of its lifetime, as it stands in the package."""
    last_resort: bool = False
    scheme: int = 0
    """The signature scheme whose key it binds to the device (`scheme_keys`); 0 where that is registered."""
    signature_key: bytes = b""
    """The key of that scheme, as it stands in the leaf."""


class Published(msgspec.Struct, frozen=True, tag="published"):
    """A verdict for each package, in order. Those that are ok are in stock, whatever the others are."""

    verdicts: tuple[PublishVerdict, ...]


class ClaimedPackage(msgspec.Struct, frozen=True, gc=False):
    """One package for whoever claimed it, until the claim lapses."""

    device: DeviceId
    ref: bytes
    suite: int
    package: bytes
    last_resort: bool
    remaining: int
    """How many of this device and suite may still be claimed, last resorts aside: low stock is told by it."""


KeyPackageState = Literal["available", "claimed", "consumed", "dropped"]


class KeyPackageRecord(msgspec.Struct, frozen=True, gc=False):
    """What the store knows of a package, the bytes aside."""

    number: int
    """Rises with each package of this server: pages are asked by it. Seal it for clients."""
    ref: bytes
    device: DeviceId | None
    """None once the device is gone."""
    account: AccountDid | None
    suite: int
    last_resort: bool
    state: KeyPackageState
    published: int
    """Bucket, Unix seconds."""
    not_after: int
    spent: int | None
    """Bucket in which it was consumed or dropped."""
    conversation: ConversationId | None
    """The conversation its leaf was added to."""


class HistoryPage(msgspec.Struct, frozen=True):
    """Some records, the newest first."""

    records: list[KeyPackageRecord]
    next: int | None
    """Pass as `before` for the rest; None at the end."""


class SuiteStock(msgspec.Struct, frozen=True, gc=False):
    """The packages of one suite. Those that have expired count nowhere."""

    suite: int
    available: int
    """May be claimed, last resorts aside."""
    claimed: int
    consumed: int
    """As far as their tombstones are still there."""
    consumed_day: int
    """Of these, in the last 24 hours."""
    consumed_week: int
    last_resorts: int
    next_expiry: int | None
    """The earliest `not_after` among those that may be claimed."""


class Reconciled(msgspec.Struct, frozen=True):
    """The difference between what a device has and what is in stock for it. Nothing was changed."""

    server_only: tuple[bytes, ...]
    """In stock, and the device does not have them: it should drop them."""
    local_only: tuple[bytes, ...]
    """The device has them, and they are not in stock: never published, consumed, dropped or expired."""


class KeyPackageReserved(msgspec.Struct, frozen=True, tag="key-package-reserved"):
    """Its owner holds it: nobody claims it until then."""

    until: int
    record: KeyPackageRecord


class KeyPackageHeld(msgspec.Struct, frozen=True, tag="key-package-held", gc=False):
    """Somebody else has claimed it. Nothing was written."""


class KeyPackageSpent(msgspec.Struct, frozen=True, tag="key-package-spent"):
    """It is used up or expired. Nothing was written."""

    record: KeyPackageRecord


class KeyPackageUnknown(msgspec.Struct, frozen=True, tag="key-package-unknown", gc=False):
    """The account has no such package. Nothing was written."""


class NoSuchDevice(msgspec.Struct, frozen=True, tag="no-such-device", gc=False):
    """The account has no such device. Nothing was written."""


ReserveOutcome = KeyPackageReserved | KeyPackageHeld | KeyPackageSpent | KeyPackageUnknown


def may_consume(
    record: KeyPackageRecord | None,
    *,
    device: DeviceId,
    claimed_by: AccountDid | None,
    claimed_until: int,
    by: AccountDid,
    now: int,
) -> bool:
    """Whether a commit of `by` may use a package up for a leaf of `device`. Pure; every store's rule."""
    if record is None or record.device != device or record.not_after <= now:
        return False
    if record.state not in ("available", "claimed"):
        return False
    return record.last_resort or (claimed_by == by and claimed_until > now)


def reconciled(stock: Sequence[bytes], local: Sequence[bytes]) -> Reconciled:
    """The difference between two sets of refs, each in the order it was given. Pure."""
    here, there = set(stock), dict.fromkeys(local)
    return Reconciled(
        tuple(ref for ref in stock if ref not in there), tuple(ref for ref in there if ref not in here)
    )


class KeyPackages(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods."""

    @abc.abstractmethod
    async def publish_key_packages(
        self,
        account: AccountDid,
        device: DeviceId,
        packages: Sequence[KeyPackage],
        *,
        now: int,
        max_packages: int,
        idempotency: tuple[StoredResult, ...] = (),
    ) -> Published | NoSuchDevice | AlreadyAnswered:
        """Take packages into the device's stock, which holds at most `max_packages`, last resorts included.

        Each has its own verdict. The results under `idempotency` are kept if all of them are ok.
        """

    @abc.abstractmethod
    async def claim_key_packages(
        self,
        claimer: AccountDid,
        target: AccountDid,
        *,
        suite: int | None = None,
        device: DeviceId | None = None,
        besides: DeviceId | None = None,
        now: int,
        ttl: int,
    ) -> list[ClaimedPackage]:
        """Claim one package for each device of an account that has any, for `ttl` seconds.

        Of one suite, or of whichever the device has; of one device alone, or of all `besides` one (the
        claimer's own). In the order in which the devices registered.
        """

    @abc.abstractmethod
    async def reserve_key_package(
        self, account: AccountDid, ref: bytes, *, now: int, ttl: int
    ) -> ReserveOutcome:
        """Let nobody claim a package of the account's own for `ttl` seconds."""

    @abc.abstractmethod
    async def drop_key_packages(
        self, account: AccountDid, refs: Sequence[bytes], *, device: DeviceId | None = None, now: int
    ) -> tuple[bytes, ...]:
        """Withdraw packages of the account (of one device); the refs of those that were in stock."""

    @abc.abstractmethod
    async def key_package(self, ref: bytes) -> KeyPackageRecord | None:
        """What is known of a package, while it is in stock or its tombstone stands."""

    @abc.abstractmethod
    async def key_packages(self, device: DeviceId) -> list[KeyPackage]:
        """The device's stock in the order in which it was given, claimed and expired ones included."""

    @abc.abstractmethod
    async def count_key_packages(self, device: DeviceId) -> int:
        """How many packages are in the device's stock, claimed and expired ones included."""

    @abc.abstractmethod
    async def key_package_stock(
        self, account: AccountDid, *, device: DeviceId | None = None, now: int
    ) -> list[SuiteStock]:
        """The account's stock (or one device's) by suite, in the order of their numbers."""

    @abc.abstractmethod
    async def key_package_history(
        self, account: AccountDid, *, consumed: bool = False, before: int | None = None, limit: int
    ) -> HistoryPage:
        """Packages of the account's devices, or only those that were consumed, the newest first."""

    @abc.abstractmethod
    async def reconcile_key_packages(
        self, device: DeviceId, refs: Sequence[bytes], *, now: int
    ) -> Reconciled:
        """Compare what the device says it has with its stock. Deletes nothing."""

    @abc.abstractmethod
    async def scheme_keys(self, device: DeviceId) -> Mapping[int, bytes]:
        """Signature keys that packages have bound to the device, by scheme."""
