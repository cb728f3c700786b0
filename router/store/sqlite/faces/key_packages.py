"""The store's face for key packages."""

from collections.abc import Mapping, Sequence

from protocol import AccountDid, DeviceId
from router.store import bounds
from router.store.key_packages import (
    ClaimedPackage,
    HistoryPage,
    KeyPackage,
    KeyPackageHeld,
    KeyPackageRecord,
    KeyPackageReserved,
    KeyPackageSpent,
    KeyPackageUnknown,
    NoSuchDevice,
    Published,
    Reconciled,
    ReserveOutcome,
    SuiteStock,
    reconciled,
)
from router.store.sqlite import key_packages
from router.store.sqlite.mls_requests import (
    ClaimKeyPackages,
    DropKeyPackages,
    PackagesClaimed,
    PackagesDropped,
    PublishKeyPackages,
    ReserveKeyPackage,
)
from router.store.sqlite.parts import SqliteParts
from router.store.values import AlreadyAnswered, StoredResult


class KeyPackageFace(SqliteParts):
    """See `KeyPackages`."""

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
        bounds.check_key_packages(packages)
        request = PublishKeyPackages(account, device, tuple(packages), now, max_packages, idempotency)
        return await self._write(request, Published, NoSuchDevice, AlreadyAnswered)

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
        request = ClaimKeyPackages(claimer, target, suite, device, besides, now, ttl)
        return list((await self._write(request, PackagesClaimed)).packages)

    async def reserve_key_package(
        self, account: AccountDid, ref: bytes, *, now: int, ttl: int
    ) -> ReserveOutcome:
        request = ReserveKeyPackage(account, ref, now, ttl)
        return await self._write(
            request, KeyPackageReserved, KeyPackageHeld, KeyPackageSpent, KeyPackageUnknown
        )

    async def drop_key_packages(
        self, account: AccountDid, refs: Sequence[bytes], *, device: DeviceId | None = None, now: int
    ) -> tuple[bytes, ...]:
        bounds.check_refs(refs)
        request = DropKeyPackages(account, tuple(refs), device, now)
        return (await self._write(request, PackagesDropped)).refs

    async def key_package(self, ref: bytes) -> KeyPackageRecord | None:
        return await self._short(lambda reader: key_packages.read_record(reader.execute, ref))

    async def key_packages(self, device: DeviceId) -> list[KeyPackage]:
        return await self._short(lambda reader: key_packages.read_packages(reader.execute, device))

    async def count_key_packages(self, device: DeviceId) -> int:
        return await self._short(lambda reader: key_packages.read_count(reader.execute, device))

    async def key_package_stock(
        self, account: AccountDid, *, device: DeviceId | None = None, now: int
    ) -> list[SuiteStock]:
        return await self._long(lambda reader: key_packages.read_stock(reader.execute, account, device, now))

    async def key_package_history(
        self, account: AccountDid, *, consumed: bool = False, before: int | None = None, limit: int
    ) -> HistoryPage:
        return await self._long(
            lambda reader: key_packages.read_history(reader.execute, account, consumed, before, limit)
        )

    async def reconcile_key_packages(
        self, device: DeviceId, refs: Sequence[bytes], *, now: int
    ) -> Reconciled:
        bounds.check_refs(refs)
        stock = await self._short(lambda reader: key_packages.read_usable_refs(reader.execute, device, now))
        return reconciled(stock, refs)

    async def scheme_keys(self, device: DeviceId) -> Mapping[int, bytes]:
        return await self._short(lambda reader: key_packages.read_scheme_keys(reader.execute, device))
