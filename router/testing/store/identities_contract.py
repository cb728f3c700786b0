"""What every store must do with linked identities: a part of `StoreContract`."""

from router.store.credentials import AccountUnknown
from router.store.identities import (
    MAX_IDENTITIES,
    Identity,
    IdentityKept,
    IdentityUnknown,
    IdentityUnlinked,
    TooManyIdentities,
)
from router.store.interface import Store
from router.store.logins import IdentityLinked
from router.store.passkeys import LastWayIn, Passkey, PasskeyKept
from router.testing.store.rooms import NOW, account

ANN, BEN = account("ann"), account("ben")


def key(number: int) -> bytes:
    """32 bytes."""
    return bytes((number,)) * 32


async def link(store: Store, number: int, owner: str = "ann", verification_key: str = "") -> object:
    label = b"label %d" % number
    return await store.link_identity(
        key(number), account(owner), label=label, verification_key=verification_key, now=NOW
    )


async def unlink(store: Store, number: int, owner: str = "ann") -> object:
    return await store.unlink_identity(account(owner), key(number), now=NOW)


async def keep_passkey(store: Store) -> None:
    passkey = Passkey("p", ANN, b"c", bytes(32), b"k", 0, synced=True, name="p", created_day=1)
    kept = await store.keep_passkey(passkey, verification_key="", now=NOW, max_passkeys=9)
    assert kept == PasskeyKept()


class LinkedIdentityContract:
    """An account may have several people's logins; by an act of its own, and never none."""

    async def test_an_example_from_the_first_login_to_the_last_but_one(self, store: Store) -> None:
        await store.create_account_for(key(1), ANN, "ann", label=b"first", now=NOW)
        assert await link(store, 2) == IdentityKept()
        assert await store.account_of_identity(key(2)) == ANN
        assert await store.identities_of(ANN) == [Identity(key(1), b"first"), Identity(key(2), b"label 2")]
        assert await unlink(store, 1) == IdentityUnlinked()
        assert await store.account_of_identity(key(1)) is None
        assert await unlink(store, 2) == LastWayIn()
        assert await store.identities_of(ANN) == [Identity(key(2), b"label 2")]
        acts = [each.read().action for each in await store.audit_records(0, limit=9)]
        assert acts == ["account.created", "account.linked", "account.unlinked"]

    async def test_linking_again_changes_nothing_and_what_is_anothers_stays_so(self, store: Store) -> None:
        await store.create_account_for(key(1), ANN, "ann", label=b"first", now=NOW)
        await store.create_account_for(key(2), BEN, "ben", now=NOW)
        assert await link(store, 1) == IdentityKept()
        assert await store.identities_of(ANN) == [Identity(key(1), b"first")]
        assert await link(store, 2) == IdentityLinked(BEN)
        assert await unlink(store, 2) == await unlink(store, 9) == IdentityUnknown()
        assert await store.account_of_identity(key(2)) == BEN

    async def test_only_an_account_that_is_here_and_was_not_recovered_gets_one(self, store: Store) -> None:
        await store.create_account(ANN, "ann", "zKey", now=NOW)
        assert await link(store, 1, "ben") == AccountUnknown()
        assert await link(store, 1, verification_key="zOld") == AccountUnknown()
        assert await store.account_of_identity(key(1)) is None
        assert await link(store, 1, verification_key="zKey") == IdentityKept()

    async def test_the_last_may_go_where_a_key_or_a_passkey_opens_the_account(self, store: Store) -> None:
        await store.create_account(BEN, "ben", "zKey", now=NOW)
        await link(store, 1, "ben", "zKey")
        assert await unlink(store, 1, "ben") == IdentityUnlinked()
        await store.create_account_for(key(2), ANN, "ann", now=NOW)
        await keep_passkey(store)
        assert await unlink(store, 2) == IdentityUnlinked()

    async def test_a_passkey_that_was_set_aside_opens_nothing(self, store: Store) -> None:
        await store.create_account_for(key(1), ANN, "ann", now=NOW)
        await keep_passkey(store)
        for count in (2, 1):
            await store.use_passkey(b"c", count, now=NOW)
        assert await unlink(store, 1) == LastWayIn()

    async def test_an_account_has_so_many_and_no_more(self, store: Store) -> None:
        await store.create_account_for(key(1), ANN, "ann", now=NOW)
        for number in range(2, MAX_IDENTITIES + 1):
            assert await link(store, number) == IdentityKept()
        assert await link(store, 99) == TooManyIdentities()
        assert await link(store, 2) == IdentityKept()
