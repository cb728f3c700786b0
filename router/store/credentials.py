"""The part of the store that says by what accounts and devices may speak, and whether they may.

Days are the finest time here. Everything but a name and a day seen is audited in the transaction of the act.
"""

import abc
from collections.abc import Sequence

import msgspec

from protocol import AccountDid, DeviceId
from router.store.values import Account, AlreadyAnswered, Device, DuplicatePublicKey, StoredResult


class ApiKey(msgspec.Struct, frozen=True, gc=False):
    """An API key of a device, without its secret."""

    id: str
    """The public part: names the key, opens nothing."""
    account: AccountDid
    device: DeviceId
    name: str
    methods: tuple[str, ...]
    """NSIDs, sorted: what it may call."""
    hash: str
    """Argon2id of the secret part, as libsodium writes it."""
    created_day: int
    """Days since 1970-01-01."""


class ApiKeyMade(msgspec.Struct, frozen=True, tag="api-key-made", gc=False):
    """The key is there; what it replaced is not."""

    renewed: bool
    """Whether a key of this id was there already and has got a new secret."""


class ApiKeyConflict(msgspec.Struct, frozen=True, tag="api-key-conflict", gc=False):
    """A key of this id has another device, name or methods. Nothing was written."""


class ApiKeyUnknown(msgspec.Struct, frozen=True, tag="api-key-unknown", gc=False):
    """The account has no such key. Nothing was written."""


class DeviceUnknown(msgspec.Struct, frozen=True, tag="device-unknown", gc=False):
    """The account has no such device. Nothing was written."""


class TooManyApiKeys(msgspec.Struct, frozen=True, tag="too-many-api-keys", gc=False):
    """The account has as many keys as it may have."""

    limit: int


class DeviceChanged(msgspec.Struct, frozen=True, tag="device-changed"):
    """The device as it stands now."""

    device: Device


class DeviceRevoked(msgspec.Struct, frozen=True, tag="device-revoked"):
    """The device is gone, with everything that was its own."""

    key_packages: int
    """How many went with it."""
    api_keys: tuple[str, ...]
    """Ids of its API keys, which went as well."""


class Recovered(msgspec.Struct, frozen=True, tag="recovered"):
    """The account has its new key."""

    account: Account
    devices: tuple[DeviceId, ...]
    """Those that were revoked."""
    api_keys: tuple[str, ...]


class AccountUnknown(msgspec.Struct, frozen=True, tag="account-unknown", gc=False):
    """No such account lives here. Nothing was written."""


class Suspension(msgspec.Struct, frozen=True, gc=False):
    """An account, of this router or any other, that may not speak here."""

    account: AccountDid
    since_day: int
    """Days since 1970-01-01."""


ApiKeyOutcome = ApiKeyMade | ApiKeyConflict | ApiKeyUnknown | DeviceUnknown | TooManyApiKeys
RotateOutcome = DeviceChanged | DeviceUnknown | DuplicatePublicKey | AlreadyAnswered


class Credentials(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods."""

    # -- devices ---------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def rename_device(self, account: AccountDid, device: DeviceId, name: str) -> Device | None:
        """The device under its new name; None when the account has no such device."""

    @abc.abstractmethod
    async def rotate_device_key(
        self,
        account: AccountDid,
        device: DeviceId,
        signature_key: bytes,
        *,
        now: int,
        idempotency: tuple[StoredResult, ...] = (),
    ) -> RotateOutcome:
        """Give the device another signature key; the one it has already is no change and no act.

        A key that any device has, of whatever account, is `DuplicatePublicKey`. `idempotency` is kept where
        the outcome is `DeviceChanged`.
        """

    @abc.abstractmethod
    async def revoke_device(
        self, account: AccountDid, device: DeviceId, *, now: int
    ) -> DeviceRevoked | DeviceUnknown:
        """Delete the device with its key packages, Welcomes, read marks and API keys.

        Its memberships stay as they are: they are entries of conversations.
        """

    @abc.abstractmethod
    async def mark_seen(self, devices: Sequence[DeviceId], day: int) -> None:
        """These devices were here on this day (never moved back; unknown ones are passed over).

        Many at a time and not at the moment itself: beside a message in one commit a single one would
        say who wrote it.
        """

    # -- API keys --------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def keep_api_key(
        self, key: ApiKey, *, replaces: str | None, now: int, max_keys: int
    ) -> ApiKeyOutcome:
        """Keep the key; the one it replaces ends in the same transaction.

        The same id again gives that key the new secret, unless anything else differs.
        """

    @abc.abstractmethod
    async def api_key(self, key: str) -> ApiKey | None:
        """The key of this id."""

    @abc.abstractmethod
    async def api_keys_of(self, account: AccountDid) -> list[ApiKey]:
        """The account's keys, by id."""

    @abc.abstractmethod
    async def revoke_api_key(self, account: AccountDid, key: str, *, now: int) -> bool:
        """Delete the key; False when the account has no such key."""

    # -- accounts, for operators -----------------------------------------------------------------------

    @abc.abstractmethod
    async def suspend(self, account: AccountDid, *, now: int) -> bool:
        """Let the account not speak here any more, wherever it lives; False if it may not already."""

    @abc.abstractmethod
    async def restore(self, account: AccountDid, *, now: int) -> bool:
        """Undo `suspend`; False if there is nothing to undo."""

    @abc.abstractmethod
    async def suspensions(self) -> list[Suspension]:
        """All of them, by account: asked at start and by operators."""

    @abc.abstractmethod
    async def recover_account(
        self, account: AccountDid, verification_key: str, *, keep_devices: bool, now: int
    ) -> Recovered | AccountUnknown:
        """Give an account that lives here another key, and revoke its devices and API keys, or keep them.

        Its passkeys and identities go in any case: whoever logs in with one is not who has the new key.
        """
