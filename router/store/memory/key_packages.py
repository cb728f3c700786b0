"""The memory store's key packages."""

import secrets
from collections.abc import Iterable, Mapping, Sequence

import attrs
import trio

from protocol import AccountDid, ConsumeKeyPackage, ConversationId, DeviceId
from router.store import bounds
from router.store.key_packages import (
    ClaimedPackage,
    HistoryPage,
    KeyPackage,
    KeyPackageHeld,
    KeyPackageRecord,
    KeyPackageReserved,
    KeyPackageSpent,
    KeyPackageState,
    KeyPackageUnknown,
    NoSuchDevice,
    Published,
    Reconciled,
    ReserveOutcome,
    SuiteStock,
    may_consume,
    reconciled,
)
from router.store.memory.base import Base
from router.store.values import AlreadyAnswered, LapsedClaims, PublishVerdict, StoredResult

_DAY = 86_400


@attrs.define
class _Package:
    number: int
    given: KeyPackage
    device: DeviceId | None
    account: AccountDid | None
    published: int
    claimed_by: AccountDid | None = None
    claimed_until: int = 0
    ended: KeyPackageState | None = None
    spent: int | None = None
    conversation: ConversationId | None = None

    @property
    def state(self) -> KeyPackageState:
        if self.ended is not None:
            return self.ended
        return "available" if self.claimed_by is None else "claimed"

    def record(self) -> KeyPackageRecord:
        """What is known of it."""
        return KeyPackageRecord(
            self.number,
            self.given.ref,
            self.device,
            self.account,
            self.given.suite,
            self.given.last_resort,
            self.state,
            self.published,
            self.given.not_after,
            self.spent,
            self.conversation,
        )

    def end(self, how: KeyPackageState, now: int, conversation: ConversationId | None = None) -> None:
        """From here on it is a tombstone."""
        self.ended, self.spent, self.conversation = how, now, conversation
        self.claimed_by, self.claimed_until = None, 0


class MemoryKeyPackages(Base):
    """See `KeyPackages`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._packages: dict[bytes, _Package] = {}
        self._package_number = 0
        self._scheme_keys: dict[tuple[DeviceId, int], bytes] = {}

    # -- into the stock --------------------------------------------------------------------------------

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
        await trio.lowlevel.checkpoint()
        bounds.check_key_packages(packages)
        answered = self._answered(idempotency, now)
        if answered is not None:
            return answered
        if self._device_of(account, device) is None:
            return NoSuchDevice()
        verdicts = self._publish(account, device, packages, now, max_packages)
        if all(verdict == "ok" for verdict in verdicts):
            self._keep_results(idempotency)
        return Published(verdicts)

    def _publish(
        self, account: AccountDid, device: DeviceId, packages: Iterable[KeyPackage], now: int, most: int
    ) -> tuple[PublishVerdict, ...]:
        return tuple([self._publish_one(account, device, package, now, most) for package in packages])

    def _publish_one(
        self, account: AccountDid, device: DeviceId, package: KeyPackage, now: int, most: int
    ) -> PublishVerdict:
        known = self._packages.get(package.ref)
        if known is not None:
            return "duplicate" if known.ended is None and known.device == device else "reused"
        if package.scheme:
            bound = self._scheme_keys.get((device, package.scheme))
            owner = self._scheme_owner(package.scheme, package.signature_key)
            if bound not in (None, package.signature_key) or owner not in (None, device):
                return "other-key"
        if sum(kept.given.not_after > now for kept in self._stock(device)) >= most:
            return "too-many"
        if package.scheme:
            self._scheme_keys[device, package.scheme] = package.signature_key
        self._package_number += 1
        self._packages[package.ref] = _Package(self._package_number, package, device, account, now)
        return "ok"

    def _scheme_owner(self, scheme: int, key: bytes) -> DeviceId | None:
        bound = ((device, known) for (device, which), known in self._scheme_keys.items() if which == scheme)
        return next((device for device, known in bound if known == key), None)

    def _stock(self, device: DeviceId) -> list[_Package]:
        return [kept for kept in self._packages.values() if kept.device == device and kept.ended is None]

    # -- out of it -------------------------------------------------------------------------------------

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
        await trio.lowlevel.checkpoint()
        asked = [
            owned.id
            for owned in self._devices.values()
            if owned.account == target and owned.id != besides and device in (None, owned.id)
        ]
        claimed = [self._claim(claimer, one, suite, now, ttl) for one in asked]
        return [one for one in claimed if one is not None]

    def _claim(
        self, claimer: AccountDid, device: DeviceId, suite: int | None, now: int, ttl: int
    ) -> ClaimedPackage | None:
        fit = [
            kept
            for kept in self._stock(device)
            if kept.given.not_after > now and suite in (None, kept.given.suite)
        ]
        free = [kept for kept in fit if not kept.given.last_resort and kept.claimed_by is None]
        if free:
            chosen = secrets.choice(free)
            chosen.claimed_by, chosen.claimed_until = claimer, now + ttl
        else:
            last = [kept for kept in fit if kept.given.last_resort]
            if not last:
                return None
            chosen = last[-1]
        given = chosen.given
        remaining = sum(
            kept.claimed_by is None and not kept.given.last_resort and kept.given.suite == given.suite
            for kept in fit
        )
        return ClaimedPackage(device, given.ref, given.suite, given.package, given.last_resort, remaining)

    async def reserve_key_package(
        self, account: AccountDid, ref: bytes, *, now: int, ttl: int
    ) -> ReserveOutcome:
        await trio.lowlevel.checkpoint()
        known = self._packages.get(ref)
        if known is None or known.account != account:
            return KeyPackageUnknown()
        if known.ended is not None or known.given.not_after <= now:
            return KeyPackageSpent(known.record())
        if known.claimed_by not in (None, account):
            return KeyPackageHeld()
        known.claimed_by, known.claimed_until = account, now + ttl
        return KeyPackageReserved(now + ttl, known.record())

    async def drop_key_packages(
        self, account: AccountDid, refs: Sequence[bytes], *, device: DeviceId | None = None, now: int
    ) -> tuple[bytes, ...]:
        await trio.lowlevel.checkpoint()
        bounds.check_refs(refs)
        dropped = []
        for ref in refs:
            known = self._packages.get(ref)
            if known is None or known.ended is not None or known.account != account:
                continue
            if device in (None, known.device):
                known.end("dropped", now)
                dropped.append(ref)
        return tuple(dropped)

    def _may_consume(self, effect: ConsumeKeyPackage) -> bool:
        known = self._packages.get(effect.ref)
        return may_consume(
            None if known is None else known.record(),
            device=effect.device,
            claimed_by=None if known is None else known.claimed_by,
            claimed_until=0 if known is None else known.claimed_until,
            by=effect.by,
            now=effect.now,
        )

    def _consume(self, effect: ConsumeKeyPackage, conversation: ConversationId) -> None:
        known = self._packages[effect.ref]
        if not known.given.last_resort:
            known.end("consumed", effect.now, conversation)

    def _forget_device(self, device: DeviceId) -> None:
        super()._forget_device(device)
        for kept in self._packages.values():
            if kept.device == device:
                if kept.ended is None:
                    kept.end("dropped", kept.published)
                kept.device = kept.account = kept.conversation = None
        self._scheme_keys = {place: key for place, key in self._scheme_keys.items() if place[0] != device}

    def _expire_packages(self, now: int, limit: int, lapsed: LapsedClaims) -> tuple[int, int]:
        """Packages and tombstones that are over, claims that lapsed."""
        over = [ref for ref, kept in self._packages.items() if kept.given.not_after <= now][:limit]
        for ref in over:
            del self._packages[ref]
        claims = [
            kept
            for kept in self._packages.values()
            if kept.claimed_by is not None and kept.claimed_until <= now
        ][:limit]
        for kept in claims:
            if lapsed == "destroy" and kept.claimed_by != kept.account:
                kept.end("dropped", now)
            else:
                kept.claimed_by, kept.claimed_until = None, 0
        return len(over), len(claims)

    # -- reads -----------------------------------------------------------------------------------------

    async def key_package(self, ref: bytes) -> KeyPackageRecord | None:
        await trio.lowlevel.checkpoint()
        known = self._packages.get(ref)
        return None if known is None else known.record()

    async def key_packages(self, device: DeviceId) -> list[KeyPackage]:
        await trio.lowlevel.checkpoint()
        return [kept.given for kept in self._stock(device)]

    async def count_key_packages(self, device: DeviceId) -> int:
        await trio.lowlevel.checkpoint()
        return len(self._stock(device))

    async def key_package_stock(
        self, account: AccountDid, *, device: DeviceId | None = None, now: int
    ) -> list[SuiteStock]:
        await trio.lowlevel.checkpoint()
        mine = [
            kept
            for kept in self._packages.values()
            if kept.account == account and device in (None, kept.device) and kept.given.not_after > now
        ]
        return [
            _stock_of(suite, [kept for kept in mine if kept.given.suite == suite], now)
            for suite in sorted({kept.given.suite for kept in mine})
        ]

    async def key_package_history(
        self, account: AccountDid, *, consumed: bool = False, before: int | None = None, limit: int
    ) -> HistoryPage:
        await trio.lowlevel.checkpoint()
        mine = [
            kept.record()
            for kept in reversed(self._packages.values())
            if kept.account == account
            and (before is None or kept.number < before)
            and (not consumed or kept.state == "consumed")
        ]
        return HistoryPage(mine[:limit], mine[limit - 1].number if len(mine) > limit else None)

    async def reconcile_key_packages(
        self, device: DeviceId, refs: Sequence[bytes], *, now: int
    ) -> Reconciled:
        await trio.lowlevel.checkpoint()
        bounds.check_refs(refs)
        stock = [kept.given.ref for kept in self._stock(device) if kept.given.not_after > now]
        return reconciled(stock, refs)

    async def scheme_keys(self, device: DeviceId) -> Mapping[int, bytes]:
        await trio.lowlevel.checkpoint()
        return {scheme: key for (owner, scheme), key in self._scheme_keys.items() if owner == device}


def _stock_of(suite: int, kept: Sequence[_Package], now: int) -> SuiteStock:
    ordinary = [one for one in kept if not one.given.last_resort]
    free = [one for one in ordinary if one.state == "available"]
    used = [now - one.spent for one in kept if one.state == "consumed" and one.spent is not None]
    return SuiteStock(
        suite,
        available=len(free),
        claimed=sum(one.state == "claimed" for one in ordinary),
        consumed=len(used),
        consumed_day=sum(age < _DAY for age in used),
        consumed_week=sum(age < 7 * _DAY for age in used),
        last_resorts=sum(one.given.last_resort and one.ended is None for one in kept),
        next_expiry=min((one.given.not_after for one in free), default=None),
    )
