"""What every store must do with passkeys: a part of `StoreContract`."""

import trio
from msgspec.structs import replace

from router.store.credentials import AccountUnknown
from router.store.interface import Store
from router.store.passkeys import (
    LastWayIn,
    Passkey,
    PasskeyCloned,
    PasskeyKept,
    PasskeyRevoked,
    PasskeySuspended,
    PasskeyTaken,
    PasskeyUnknown,
    PasskeyUsed,
    TooManyPasskeys,
)
from router.store.values import Account, NameTaken
from router.testing.store.rooms import NOW, account

ANN, BEN = account("ann"), account("ben")
TODAY = NOW // 86_400
TOMORROW = NOW + 86_400


def passkey(number: int, owner: str = "ann", *, count: int = 0) -> Passkey:
    """A passkey that nothing else looks like."""
    return Passkey(
        id=f"p{number}",
        account=account(owner),
        credential=bytes((number,)) * 20,
        handle=bytes((200 + len(owner),)) * 32,
        public_key=b"cose" + bytes((number,)),
        sign_count=count,
        synced=False,
        name=f"number {number}",
        created_day=TODAY,
    )


async def join(store: Store, first: Passkey) -> Account | NameTaken | PasskeyTaken:
    """Somebody new."""
    return await store.create_account_with_passkey(first, first.account.split(":")[2].split(".")[0], now=NOW)


async def keep(store: Store, more: Passkey, limit: int = 10, key: str = "") -> object:
    return await store.keep_passkey(more, verification_key=key, now=NOW, max_passkeys=limit)


async def revoke(store: Store, number: int, owner: str = "ann", *, even_if_last: bool = False) -> object:
    return await store.revoke_passkey(account(owner), f"p{number}", even_if_last=even_if_last, now=NOW)


async def acts(store: Store) -> list[str]:
    return [link.read().action for link in await store.audit_records(0, limit=99)]


class KeepingContract:
    """Who has which."""

    async def test_somebody_new_gets_an_account_and_a_passkey_in_one(self, store: Store) -> None:
        first = passkey(1)
        assert await join(store, first) == Account(ANN, "ann", "", TODAY)
        assert await store.account(ANN) == Account(ANN, "ann", "", TODAY)
        assert await store.passkey(first.credential) == first
        assert await store.passkeys_of(ANN) == [first]
        assert await acts(store) == ["account.created", "passkey.registered"]

    async def test_a_name_that_is_taken_makes_neither(self, store: Store) -> None:
        await store.create_account(ANN, "ann", "zKey", now=NOW)
        assert await join(store, passkey(1)) == NameTaken("ann")
        assert await store.passkey(passkey(1).credential) is None
        assert await acts(store) == ["account.created"]

    async def test_a_credential_that_is_a_passkey_already_makes_neither(self, store: Store) -> None:
        """Else whoever can say another's credential id would own the account's next login."""
        await join(store, passkey(1))
        stolen = replace(passkey(2, "ben"), credential=passkey(1).credential)
        assert await join(store, stolen) == PasskeyTaken()
        assert await store.account(BEN) is None
        assert await keep(store, replace(stolen, account=ANN)) == PasskeyTaken()
        assert await store.passkey(stolen.credential) == passkey(1)

    async def test_an_account_has_several_in_their_order_and_no_more_than_it_may(self, store: Store) -> None:
        await join(store, passkey(3))
        assert await keep(store, passkey(1), 3) == PasskeyKept()
        assert await keep(store, passkey(2), 3) == PasskeyKept()
        assert await keep(store, passkey(4), 3) == TooManyPasskeys(3)
        assert [each.id for each in await store.passkeys_of(ANN)] == ["p3", "p1", "p2"]
        await join(store, passkey(9, "ben"))
        assert await store.count_passkeys() == {ANN: 3, BEN: 1}

    async def test_of_many_at_the_same_time_no_more_come_in_than_may(self, store: Store) -> None:
        await join(store, passkey(1))
        async with trio.open_nursery() as nursery:
            for number in range(2, 9):
                nursery.start_soon(keep, store, passkey(number), 4)
        assert len(await store.passkeys_of(ANN)) == 4

    async def test_only_accounts_that_live_here_have_any(self, store: Store) -> None:
        assert await keep(store, passkey(1), key="zKey") == AccountUnknown()
        assert await store.passkeys_of(ANN) == []
        assert await store.count_passkeys() == {}

    async def test_an_owner_renames_their_own(self, store: Store) -> None:
        await join(store, passkey(1))
        await join(store, passkey(2, "ben"))
        assert await store.rename_passkey(ANN, "p1", "blue key")
        assert not await store.rename_passkey(ANN, "p2", "mine now")
        assert not await store.rename_passkey(ANN, "p7", "nothing")
        assert [each.name for each in await store.passkeys_of(ANN)] == ["blue key"]
        assert [each.name for each in await store.passkeys_of(BEN)] == ["number 2"]


class CounterContract:
    """A count that does not rise is a copy in use."""

    async def use(self, store: Store, count: int, now: int = NOW) -> object:
        return await store.use_passkey(passkey(1).credential, count, now=now)

    async def test_a_count_that_rises_is_kept_with_the_day(self, store: Store) -> None:
        await join(store, passkey(1, count=5))
        for count in (6, 7, 2**32 - 1):
            assert await self.use(store, count, TOMORROW) == PasskeyUsed(ANN)
        (kept,) = await store.passkeys_of(ANN)
        assert (kept.sign_count, kept.used_day) == (2**32 - 1, TODAY + 1)

    async def test_an_authenticator_that_does_not_count_says_zero_each_time(self, store: Store) -> None:
        await join(store, passkey(1))
        for _ in range(3):
            assert await self.use(store, 0) == PasskeyUsed(ANN)

    async def test_a_count_that_goes_back_or_stands_still_sets_the_passkey_aside(self, store: Store) -> None:
        """For both: nobody can tell which of the two is its owner."""
        for number, count in enumerate((6, 7, 0), 1):
            await join(store, replace(passkey(number, f"n{number}"), sign_count=7))
            credential = passkey(number).credential
            owner = account(f"n{number}")
            assert await store.use_passkey(credential, count, now=NOW) == PasskeyCloned(owner)
            assert await store.use_passkey(credential, 99, now=NOW) == PasskeySuspended()
            (kept,) = await store.passkeys_of(owner)
            assert (kept.suspended, kept.sign_count, kept.used_day) == (True, 7, 0)
            last = (await store.audit_records(0, limit=99))[-1].read()
            assert (last.action, last.subject, last.detail) == ("passkey.suspended", owner, f"p{number}")

    async def test_of_two_who_use_the_same_count_at_the_same_time_one_is_told(self, store: Store) -> None:
        await join(store, passkey(1, count=1))
        outcomes: list[object] = []

        async def use() -> None:
            outcomes.append(await self.use(store, 2))

        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(use)
        assert sorted(map(repr, outcomes)) == [repr(PasskeyCloned(ANN)), repr(PasskeyUsed(ANN))]

    async def test_a_passkey_that_is_not_there_is_no_act(self, store: Store) -> None:
        assert await self.use(store, 1) == PasskeyUnknown()
        assert await acts(store) == []


class RevocationContract:
    """Gone is gone, and nobody locks themselves out by mistake."""

    async def test_a_revoked_passkey_opens_nothing_and_others_stay(self, store: Store) -> None:
        await join(store, passkey(1))
        await keep(store, passkey(2))
        assert await revoke(store, 1) == PasskeyRevoked()
        assert await revoke(store, 1) == PasskeyUnknown()
        assert await store.passkey(passkey(1).credential) is None
        assert await store.use_passkey(passkey(1).credential, 0, now=NOW) == PasskeyUnknown()
        assert await store.passkeys_of(ANN) == [passkey(2)]
        assert (await acts(store))[-1] == "passkey.revoked"

    async def test_nobody_revokes_anothers(self, store: Store) -> None:
        await join(store, passkey(1))
        await join(store, passkey(2, "ben"))
        assert await revoke(store, 2, even_if_last=True) == PasskeyUnknown()
        assert await store.passkeys_of(BEN) == [passkey(2, "ben")]

    async def test_the_last_way_into_an_account_stays_unless_it_is_meant(self, store: Store) -> None:
        await join(store, passkey(1))
        assert await revoke(store, 1) == LastWayIn()
        assert await store.passkeys_of(ANN) == [passkey(1)]
        assert await revoke(store, 1, even_if_last=True) == PasskeyRevoked()
        assert await store.passkeys_of(ANN) == []

    async def test_one_that_was_set_aside_is_no_way_in(self, store: Store) -> None:
        await join(store, passkey(1, count=3))
        await keep(store, passkey(2))
        await store.use_passkey(passkey(1).credential, 1, now=NOW)
        assert await revoke(store, 2) == LastWayIn()
        assert await revoke(store, 1) == PasskeyRevoked(), "nothing is lost with it"

    async def test_a_key_or_an_identity_provider_is_another_way_in(self, store: Store) -> None:
        await store.create_account(ANN, "ann", "zKey", now=NOW)
        await store.create_account_for(b"i" * 32, BEN, "ben", now=NOW)
        for number, owner, key in ((1, "ann", "zKey"), (2, "ben", "")):
            await keep(store, passkey(number, owner), key=key)
            assert await revoke(store, number, owner) == PasskeyRevoked()

    async def test_recovery_takes_all_passkeys_of_that_account(self, store: Store) -> None:
        """Also where devices are kept: who logs in with one need not be who has the new key."""
        await join(store, passkey(1))
        await keep(store, passkey(2))
        await join(store, passkey(3, "ben"))
        await store.recover_account(ANN, "zNew", keep_devices=True, now=NOW)
        assert await store.passkeys_of(ANN) == []
        assert await store.passkeys_of(BEN) == [passkey(3, "ben")]
        assert (await acts(store))[-3:] == ["account.recovered", "passkey.revoked", "passkey.revoked"]

    async def test_who_was_recognised_before_a_recovery_adds_no_passkey_after_it(self, store: Store) -> None:
        """They may be whom the account was recovered from."""
        await join(store, passkey(1))
        await store.recover_account(ANN, "zNew", keep_devices=True, now=NOW)
        assert await keep(store, passkey(2), key="") == AccountUnknown()
        assert await keep(store, passkey(2), key="zNew") == PasskeyKept()


class PasskeysContract(KeepingContract, CounterContract, RevocationContract):
    """All of it."""
