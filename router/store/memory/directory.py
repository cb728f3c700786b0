"""The memory store's directory: accounts, devices, API keys, suspensions."""

from collections.abc import Sequence

import trio
from msgspec.structs import replace

from protocol import AccountDid, DeviceId
from router.store import bounds, rules
from router.store.audit import AuditFact
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
from router.store.key_packages import KeyPackage
from router.store.memory.key_packages import MemoryKeyPackages
from router.store.memory.ways_in import MemoryWaysIn
from router.store.values import (
    Account,
    Device,
    DeviceRegistered,
    DuplicatePublicKey,
    NameTaken,
    RegisterOutcome,
    StoredResult,
    TooManyDevices,
)


class MemoryDirectory(MemoryKeyPackages, MemoryWaysIn):
    """See `Store`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._api_keys: dict[str, ApiKey] = {}
        self._suspended: dict[AccountDid, int] = {}

    # -- directory -------------------------------------------------------------------------------------

    async def create_account(
        self, did: AccountDid, name: str, verification_key: str, *, now: int
    ) -> Account | NameTaken:
        await trio.lowlevel.checkpoint()
        wanted = Account(did, name, verification_key, rules.day_of(now))
        for account in self._accounts.values():
            if account.did == did or account.name == name:
                same = (account.did, account.name, account.verification_key) == (did, name, verification_key)
                return account if same else NameTaken(name)
        self._accounts[did] = wanted
        self._record((AuditFact("account.created", subject=did),), now)
        return wanted

    async def account(self, did: AccountDid) -> Account | None:
        await trio.lowlevel.checkpoint()
        return self._accounts.get(did)

    async def account_by_name(self, name: str) -> Account | None:
        await trio.lowlevel.checkpoint()
        return next((account for account in self._accounts.values() if account.name == name), None)

    async def accounts(self) -> list[Account]:
        await trio.lowlevel.checkpoint()
        return sorted(self._accounts.values(), key=lambda account: account.name)

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
        await trio.lowlevel.checkpoint()
        bounds.check_key_packages(key_packages)
        answered = self._answered(idempotency, now)
        if answered is not None:
            return answered
        owned = [known for known in self._devices.values() if known.account == device.account]
        same_key = [known for known in self._devices.values() if known.signature_key == device.signature_key]
        known = same_key[0] if same_key else None
        if known is not None and known.account != device.account:
            return DuplicatePublicKey()
        if known is None and len(owned) >= max_devices:
            return TooManyDevices(max_devices)
        if known is None:
            self._record((AuditFact("device.registered", device.account, device.id),), now)
            standing = device
        else:
            standing = replace(known, name=device.name)
        self._devices[standing.id] = standing
        verdicts = self._publish(standing.account, standing.id, key_packages, now, max_packages)
        self._keep_results(idempotency)
        return DeviceRegistered(standing, created=known is None, verdicts=verdicts)

    async def device(self, device: DeviceId) -> Device | None:
        await trio.lowlevel.checkpoint()
        return self._devices.get(device)

    async def devices_of(self, account: AccountDid) -> list[Device]:
        await trio.lowlevel.checkpoint()
        return [device for device in self._devices.values() if device.account == account]

    # -- credentials -----------------------------------------------------------------------------------

    async def rename_device(self, account: AccountDid, device: DeviceId, name: str) -> Device | None:
        await trio.lowlevel.checkpoint()
        known = self._device_of(account, device)
        if known is not None:
            known = self._devices[device] = replace(known, name=name)
        return known

    async def rotate_device_key(
        self,
        account: AccountDid,
        device: DeviceId,
        signature_key: bytes,
        *,
        now: int,
        idempotency: tuple[StoredResult, ...] = (),
    ) -> RotateOutcome:
        await trio.lowlevel.checkpoint()
        answered = self._answered(idempotency, now)
        if answered is not None:
            return answered
        known = self._device_of(account, device)
        if known is None:
            return DeviceUnknown()
        if known.signature_key != signature_key:
            if any(other.signature_key == signature_key for other in self._devices.values()):
                return DuplicatePublicKey()
            self._devices[device] = replace(known, signature_key=signature_key)
            self._record((AuditFact("device.key-rotated", account, device),), now)
        self._keep_results(idempotency)
        return DeviceChanged(self._devices[device])

    async def revoke_device(
        self, account: AccountDid, device: DeviceId, *, now: int
    ) -> DeviceRevoked | DeviceUnknown:
        await trio.lowlevel.checkpoint()
        if self._device_of(account, device) is None:
            return DeviceUnknown()
        self._record((AuditFact("device.revoked", account, device),), now)
        return self._delete_device(device)

    def _delete_device(self, device: DeviceId) -> DeviceRevoked:
        del self._devices[device]
        packages = len(self._stock(device))
        keys = sorted(key.id for key in self._api_keys.values() if key.device == device)
        for key in keys:
            del self._api_keys[key]
        self._forget_device(device)
        return DeviceRevoked(packages, tuple(keys))

    async def mark_seen(self, devices: Sequence[DeviceId], day: int) -> None:
        await trio.lowlevel.checkpoint()
        for device in devices:
            known = self._devices.get(device)
            if known is not None and known.last_seen_day < day:
                self._devices[device] = replace(known, last_seen_day=day)

    async def keep_api_key(
        self, key: ApiKey, *, replaces: str | None, now: int, max_keys: int
    ) -> ApiKeyOutcome:
        await trio.lowlevel.checkpoint()
        if self._device_of(key.account, key.device) is None:
            return DeviceUnknown()
        known = self._api_keys.get(key.id)
        if known is not None:
            if replace(known, hash=key.hash, created_day=key.created_day) != key:
                return ApiKeyConflict()
            self._api_keys[key.id] = replace(known, hash=key.hash)
            self._record((AuditFact("api-key.renewed", key.account, key.device, detail=key.id),), now)
            return ApiKeyMade(renewed=True)
        owned = {other.id for other in self._api_keys.values() if other.account == key.account}
        if replaces is not None and replaces not in owned:
            return ApiKeyUnknown()
        if len(owned - {replaces}) >= max_keys:
            return TooManyApiKeys(max_keys)
        if replaces is not None:
            del self._api_keys[replaces]
        self._api_keys[key.id] = key
        self._record((AuditFact("api-key.created", key.account, key.device, detail=key.id),), now)
        return ApiKeyMade(renewed=False)

    async def api_key(self, key: str) -> ApiKey | None:
        await trio.lowlevel.checkpoint()
        return self._api_keys.get(key)

    async def api_keys_of(self, account: AccountDid) -> list[ApiKey]:
        await trio.lowlevel.checkpoint()
        return sorted((key for key in self._api_keys.values() if key.account == account), key=lambda k: k.id)

    async def revoke_api_key(self, account: AccountDid, key: str, *, now: int) -> bool:
        await trio.lowlevel.checkpoint()
        known = self._api_keys.get(key)
        if known is None or known.account != account:
            return False
        del self._api_keys[key]
        self._record((AuditFact("api-key.revoked", account, detail=key),), now)
        return True

    async def suspend(self, account: AccountDid, *, now: int) -> bool:
        await trio.lowlevel.checkpoint()
        if account in self._suspended:
            return False
        self._suspended[account] = rules.day_of(now)
        self._record((AuditFact("account.disabled", subject=account),), now)
        return True

    async def restore(self, account: AccountDid, *, now: int) -> bool:
        await trio.lowlevel.checkpoint()
        if self._suspended.pop(account, None) is None:
            return False
        self._record((AuditFact("account.enabled", subject=account),), now)
        return True

    async def suspensions(self) -> list[Suspension]:
        await trio.lowlevel.checkpoint()
        return [Suspension(account, day) for account, day in sorted(self._suspended.items())]

    async def recover_account(
        self, account: AccountDid, verification_key: str, *, keep_devices: bool, now: int
    ) -> Recovered | AccountUnknown:
        await trio.lowlevel.checkpoint()
        known = self._accounts.get(account)
        if known is None:
            return AccountUnknown()
        known = self._accounts[account] = replace(known, verification_key=verification_key)
        self._record((AuditFact("account.recovered", subject=account),), now)
        self._forget_ways_in(account, now)
        devices = [device.id for device in self._devices.values() if device.account == account]
        if keep_devices:
            devices = []
        api_keys: list[str] = []
        for device in devices:
            api_keys += self._delete_device(device).api_keys
            self._record((AuditFact("device.revoked", subject=device),), now)
        return Recovered(known, tuple(devices), tuple(api_keys))
