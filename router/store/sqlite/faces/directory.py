"""The store's face for accounts, devices, API keys and suspensions."""

from collections.abc import Sequence

from protocol import AccountDid, DeviceId
from router.store import bounds, rules
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
from router.store.sqlite.parts import SqliteParts
from router.store.sqlite.reader import Reader
from router.store.sqlite.requests import (
    AccountMade,
    Changed,
    CreateAccount,
    Done,
    KeepApiKey,
    MarkSeen,
    RecoverAccount,
    RegisterDevice,
    RenameDevice,
    RevokeApiKey,
    RevokeDevice,
    RotateDeviceKey,
    Suspend,
)
from router.store.values import (
    Account,
    AlreadyAnswered,
    Device,
    DeviceRegistered,
    DuplicatePublicKey,
    NameTaken,
    RegisterOutcome,
    StoredResult,
    TooManyDevices,
)


class DirectoryFace(SqliteParts):
    """See `Store`."""

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
        max_packages: int = bounds.MAX_BATCH,
        idempotency: tuple[StoredResult, ...] = (),
    ) -> RegisterOutcome:
        bounds.check_key_packages(key_packages)
        request = RegisterDevice(device, key_packages, now, max_devices, max_packages, idempotency)
        return await self._write(
            request, DeviceRegistered, DuplicatePublicKey, TooManyDevices, AlreadyAnswered
        )

    async def device(self, device: DeviceId) -> Device | None:
        return await self._short(lambda reader: reader.device(device))

    async def devices_of(self, account: AccountDid) -> list[Device]:
        return await self._short(lambda reader: reader.devices_of(account))

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
        return await self._write(request, DeviceChanged, DeviceUnknown, DuplicatePublicKey, AlreadyAnswered)

    async def revoke_device(
        self, account: AccountDid, device: DeviceId, *, now: int
    ) -> DeviceRevoked | DeviceUnknown:
        return await self._write(RevokeDevice(account, device, now), DeviceRevoked, DeviceUnknown)

    async def mark_seen(self, devices: Sequence[DeviceId], day: int) -> None:
        await self._write(MarkSeen(tuple(devices), day), Done)

    async def keep_api_key(
        self, key: ApiKey, *, replaces: str | None, now: int, max_keys: int
    ) -> ApiKeyOutcome:
        request = KeepApiKey(key, replaces, now, max_keys)
        return await self._write(
            request, ApiKeyMade, ApiKeyConflict, ApiKeyUnknown, DeviceUnknown, TooManyApiKeys
        )

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
