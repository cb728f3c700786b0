"""What every store must do with devices, API keys and suspended accounts: a part of `StoreContract`."""

import pytest
from msgspec.structs import replace

from router.store.credentials import (
    AccountUnknown,
    ApiKey,
    ApiKeyConflict,
    ApiKeyMade,
    ApiKeyUnknown,
    DeviceChanged,
    DeviceRevoked,
    DeviceUnknown,
    Recovered,
    Suspension,
    TooManyApiKeys,
)
from router.store.interface import Store
from router.store.key_packages import KeyPackage
from router.store.values import Account, Device, DeviceRegistered, DuplicatePublicKey
from router.testing.store.rooms import NOW, Room, account, device, devices

DAY = NOW // 86_400
ANN, BEN = account("ann"), account("ben")


async def register(store: Store, number: int, name: str = "ann", *packages: KeyPackage) -> Device:
    """A device of an account."""
    wanted = Device(device(number), account(name), f"d{number}", bytes([number]) * 32, DAY)
    outcome = await store.register_device(wanted, packages, now=NOW, max_devices=9)
    assert isinstance(outcome, DeviceRegistered)
    return outcome.device


def api_key(name: str = "k1", number: int = 1, owner: str = "ann") -> ApiKey:
    """A key of a device."""
    methods = ("chat.rookery.getMessages", "chat.rookery.sendMessage")
    return ApiKey(name, account(owner), device(number), "sensor", methods, "$argon2id$x", DAY)


async def keep(store: Store, key: ApiKey, *, replaces: str | None = None, max_keys: int = 3) -> object:
    return await store.keep_api_key(key, replaces=replaces, now=NOW, max_keys=max_keys)


async def acts(store: Store) -> list[str]:
    """The audited acts in order."""
    return [link.read().action for link in await store.audit_records(0, limit=1000)]


class DeviceContract:
    """A device's own life: name, key, day, end."""

    async def test_a_device_gets_another_name_and_key_from_its_account_only(self, store: Store) -> None:
        first = await register(store, 1)
        await register(store, 2, "ben")
        assert await store.rename_device(BEN, first.id, "mine") is None
        assert await store.rotate_device_key(BEN, first.id, b"n" * 32, now=NOW) == DeviceUnknown()

        renamed = replace(first, name="phone")
        assert await store.rename_device(ANN, first.id, "phone") == renamed
        rotated = replace(renamed, signature_key=b"n" * 32)
        for _ in range(2):
            outcome = await store.rotate_device_key(ANN, first.id, b"n" * 32, now=NOW)
            assert outcome == DeviceChanged(rotated)
        taken = await store.rotate_device_key(ANN, first.id, bytes([2]) * 32, now=NOW)
        assert taken == DuplicatePublicKey()
        assert await store.device(first.id) == rotated
        assert await acts(store) == ["device.registered"] * 2 + ["device.key-rotated"]

    async def test_a_revoked_device_is_gone_with_all_that_is_its_own_but_its_memberships(
        self, store: Store
    ) -> None:
        packages = [KeyPackage(bytes([n]) * 32, 1, b"package", NOW + 9) for n in range(3)]
        gone = await register(store, 1, "ann", *packages[:2])
        stays = await register(store, 2, "ann", packages[2])
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1, 2))
        await room.say("m1")
        for each in (gone, stays):
            await store.set_read_mark(each.id, room.id, 1)
        for key in (api_key("k1", 1), api_key("k2", 1), api_key("k3", 2)):
            assert await keep(store, key) == ApiKeyMade(renewed=False)

        assert await store.count_key_packages(gone.id) == 2
        assert await store.revoke_device(BEN, gone.id, now=NOW) == DeviceUnknown()
        assert await store.revoke_device(ANN, gone.id, now=NOW) == DeviceRevoked(2, ("k1", "k2"))
        assert await store.revoke_device(ANN, gone.id, now=NOW) == DeviceUnknown()

        assert await store.devices_of(ANN) == [stays]
        assert await store.count_key_packages(gone.id) == 0
        assert [key.id for key in await store.api_keys_of(ANN)] == ["k3"]
        assert (await store.read_marks(gone.id), await store.read_marks(stays.id)) == ({}, {room.id: 1})
        assert [interval.to_seq for interval in await store.memberships(gone.id)] == [None]
        assert (await acts(store))[-1] == "device.revoked"
        again = await store.register_device(replace(gone, id=device(3)), now=NOW, max_devices=9)
        assert isinstance(again, DeviceRegistered), "the key of a revoked device is free"
        assert again.created

    async def test_a_day_seen_is_kept_for_many_devices_and_never_moves_back(self, store: Store) -> None:
        for number in (1, 2):
            await register(store, number)
        before = await acts(store)
        await store.mark_seen([device(1), device(7)], DAY + 2)
        await store.mark_seen([device(1), device(2)], DAY + 1)
        await store.mark_seen([], DAY + 9)
        assert [each.last_seen_day for each in await store.devices_of(ANN)] == [DAY + 2, DAY + 1]
        assert await acts(store) == before


class ApiKeyContract:
    """API keys: kept without their secret, bounded, replaced, revoked."""

    async def test_a_key_is_kept_found_and_revoked_by_its_account(self, store: Store) -> None:
        await register(store, 1)
        assert await keep(store, api_key(number=5)) == DeviceUnknown()
        assert await keep(store, api_key(owner="ben")) == DeviceUnknown()
        assert await keep(store, api_key()) == ApiKeyMade(renewed=False)
        assert await store.api_key("k1") == api_key()
        assert (await store.api_keys_of(ANN), await store.api_keys_of(BEN)) == ([api_key()], [])
        assert not await store.revoke_api_key(BEN, "k1", now=NOW)
        assert await store.revoke_api_key(ANN, "k1", now=NOW)
        assert not await store.revoke_api_key(ANN, "k1", now=NOW)
        assert await store.api_key("k1") is None
        assert (await acts(store))[1:] == ["api-key.created", "api-key.revoked"]

    async def test_the_same_id_again_renews_the_secret_and_nothing_else(self, store: Store) -> None:
        await register(store, 1)
        await register(store, 2)
        await keep(store, api_key())
        renewed = replace(api_key(), hash="$argon2id$y")
        assert await keep(store, replace(renewed, created_day=DAY + 1)) == ApiKeyMade(renewed=True)
        assert await store.api_key("k1") == renewed
        for other in (replace(renewed, name="x"), replace(renewed, methods=()), api_key(number=2)):
            assert await keep(store, other) == ApiKeyConflict()
        assert await store.api_key("k1") == renewed

    async def test_a_key_that_replaces_another_ends_it_and_needs_no_room(self, store: Store) -> None:
        await register(store, 1)
        await register(store, 2, "ben")
        for name in ("k1", "k2"):
            assert await keep(store, api_key(name), max_keys=2) == ApiKeyMade(renewed=False)
        await keep(store, api_key("b1", 2, "ben"))
        assert await keep(store, api_key("k3"), max_keys=2) == TooManyApiKeys(2)
        for foreign in ("b1", "nobody"):
            assert await keep(store, api_key("k3"), replaces=foreign) == ApiKeyUnknown()
        assert await keep(store, api_key("k3"), replaces="k1", max_keys=2) == ApiKeyMade(renewed=False)
        assert [key.id for key in await store.api_keys_of(ANN)] == ["k2", "k3"]
        assert await store.api_key("b1") is not None


class AccountContract:
    """What operators do to accounts."""

    async def test_a_suspension_is_kept_once_and_undone_once_for_any_account(self, store: Store) -> None:
        stranger = account("stranger")
        for each in (BEN, stranger):
            assert await store.suspend(each, now=NOW)
            assert not await store.suspend(each, now=NOW + 86_400)
        assert await store.suspensions() == [Suspension(BEN, DAY), Suspension(stranger, DAY)]
        assert await store.restore(BEN, now=NOW)
        assert not await store.restore(BEN, now=NOW)
        assert await store.suspensions() == [Suspension(stranger, DAY)]
        assert await acts(store) == ["account.disabled"] * 2 + ["account.enabled"]

    @pytest.mark.parametrize("keep_devices", [True, False])
    async def test_a_recovered_account_has_its_new_key_and_its_devices_only_if_wished(
        self, store: Store, keep_devices: bool
    ) -> None:
        await store.create_account(ANN, "ann", "zOld", now=NOW)
        for number in (1, 2):
            await register(store, number)
        await register(store, 3, "ben")
        await keep(store, api_key("k1", 2))
        await keep(store, api_key("b1", 3, "ben"))

        outcome = await store.recover_account(ANN, "zNew", keep_devices=keep_devices, now=NOW)

        recovered = Account(ANN, "ann", "zNew", DAY)
        if keep_devices:
            assert outcome == Recovered(recovered, (), ())
        else:
            assert outcome == Recovered(recovered, (device(1), device(2)), ("k1",))
        assert await store.account(ANN) == recovered
        assert len(await store.devices_of(ANN)) == (2 if keep_devices else 0)
        assert len(await store.api_keys_of(ANN)) == (1 if keep_devices else 0)
        assert len(await store.devices_of(BEN)) == len(await store.api_keys_of(BEN)) == 1
        tail = ["account.recovered"] + ([] if keep_devices else ["device.revoked"] * 2)
        assert (await acts(store))[6:] == tail
        unknown = await store.recover_account(BEN, "zNew", keep_devices=True, now=NOW)
        assert unknown == AccountUnknown()


class CredentialsContract(DeviceContract, ApiKeyContract, AccountContract):
    """Everything of this file."""
