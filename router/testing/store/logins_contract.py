"""What every store must do with pending ceremonies, identities and logins: a part of `StoreContract`."""

import pytest
import trio
from msgspec.structs import replace

from router.store.errors import PoisonRequest
from router.store.interface import Store
from router.store.logins import (
    Grant,
    GrantReused,
    GrantRotated,
    GrantUnknown,
    IdentityLinked,
)
from router.store.values import Account, NameTaken
from router.testing.store.rooms import NOW, account

ANN, BEN = account("ann"), account("ben")
DAY = 86_400
END = (NOW // DAY + 30) * DAY


def key(number: int) -> bytes:
    """32 bytes."""
    return bytes((number,)) * 32


async def create(store: Store, number: int = 1, name: str = "ann") -> object:
    return await store.create_account_for(key(number), account(name), name, now=NOW)


async def login(store: Store, name: str = "g1", owner: str = "ann", token: int = 1) -> Grant:
    """A login of an account, made if need be."""
    await create(store, 7 if owner == "ann" else 8, owner)
    grant = Grant(name, account(owner), key(token), None, END)
    assert await store.begin_grant(grant)
    return grant


async def refresh(
    store: Store,
    presented: int,
    successor: int,
    retry: int | None = None,
    *,
    grant: str = "g1",
    now: int = NOW,
) -> object:
    return await store.rotate_grant(
        grant,
        presented=key(presented),
        successor=key(successor),
        retry=None if retry is None else key(retry),
        now=now,
    )


class PendingContract:
    """Taken once, by one, in time."""

    async def test_what_is_pending_is_given_out_once(self, store: Store) -> None:
        await store.keep_pending(key(1), b"sealed", expires=NOW + 900)
        assert await store.take_pending(key(2), now=NOW) is None
        assert await store.take_pending(key(1), now=NOW) == b"sealed"
        assert await store.take_pending(key(1), now=NOW) is None

    async def test_of_many_who_ask_at_the_same_time_one_gets_it(self, store: Store) -> None:
        await store.keep_pending(key(1), b"sealed", expires=NOW + 900)
        got: list[bytes | None] = []

        async def ask() -> None:
            got.append(await store.take_pending(key(1), now=NOW))

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask)
        assert sorted(got, key=bool)[-2:] == [None, b"sealed"]

    async def test_what_has_expired_is_not_given_out_and_is_swept(self, store: Store) -> None:
        for number in range(3):
            await store.keep_pending(key(number), b"sealed", expires=NOW + 1)
        await store.keep_pending(key(9), b"sealed", expires=NOW + 900)
        after = NOW + 120
        assert await store.take_pending(key(1), now=after) is None
        assert (await store.sweep(after, limit=2)).logins == 2
        assert (await store.sweep(after)).logins == 1
        assert await store.take_pending(key(9), now=after) == b"sealed"

    async def test_keeping_again_replaces(self, store: Store) -> None:
        await store.keep_pending(key(1), b"first", expires=NOW + 60)
        await store.keep_pending(key(1), b"second", expires=NOW + 900)
        assert await store.take_pending(key(1), now=NOW + 300) == b"second"


class IdentityContract:
    """One person, one account; one name, one account."""

    async def test_a_person_gets_an_account_without_a_key_and_finds_it_again(self, store: Store) -> None:
        assert await store.account_of_identity(key(1)) is None
        made = await create(store)
        assert made == Account(ANN, "ann", "", NOW // DAY)
        assert await create(store) == made
        assert await store.account_of_identity(key(1)) == ANN
        assert await store.account(ANN) == made
        acts = [link.read().action for link in await store.audit_records(0, limit=9)]
        assert acts == ["account.created"]

    async def test_a_name_that_is_taken_stays_with_who_has_it(self, store: Store) -> None:
        """Whoever has it: somebody else who logged in, or an account with a key of its own."""
        await create(store, 1, "ann")
        await store.create_account(BEN, "ben", "zKey", now=NOW)
        assert await create(store, 2, "ann") == NameTaken("ann")
        assert await create(store, 2, "ben") == NameTaken("ben")
        assert await store.account_of_identity(key(2)) is None

    async def test_who_has_an_account_gets_no_second_one(self, store: Store) -> None:
        await create(store, 1, "ann")
        assert await create(store, 1, "ben") == IdentityLinked(ANN)
        assert await store.account(BEN) is None

    async def test_recovery_parts_an_account_from_who_logs_in_to_it(self, store: Store) -> None:
        """In the transaction that gives it another key: between two, the old key could link somebody anew."""
        await create(store)
        await store.recover_account(ANN, "zNew", keep_devices=True, now=NOW)
        assert await store.account_of_identity(key(1)) is None
        assert await store.identities_of(ANN) == []
        assert await create(store) == NameTaken("ann")
        acts = [link.read().action for link in await store.audit_records(0, limit=9)]
        assert acts == ["account.created", "account.recovered", "account.unlinked"]


class GrantContract:
    """One good token at a time."""

    async def test_a_login_is_refreshed_token_by_token(self, store: Store) -> None:
        await login(store)
        for number in range(1, 4):
            assert await refresh(store, number, number + 1) == GrantRotated(ANN, END)

    async def test_a_token_that_is_used_again_ends_the_login_for_both(self, store: Store) -> None:
        await login(store)
        await refresh(store, 1, 2)
        assert await refresh(store, 1, 3) == GrantReused(ANN)
        assert await refresh(store, 2, 3) == GrantUnknown()
        assert await refresh(store, 1, 3) == GrantUnknown()
        assert await store.ended_grants(NOW) == ["g1"]
        last = (await store.audit_records(0, limit=9))[-1].read()
        assert (last.action, last.subject) == ("login.reused", ANN)

    async def test_the_same_refresh_may_be_asked_again_until_the_next_one(self, store: Store) -> None:
        """The answer was lost; who has the old token but not the key of that refresh is a thief."""
        await login(store)
        for _ in range(2):
            assert await refresh(store, 1, 2, retry=70) == GrantRotated(ANN, END)
        assert await refresh(store, 2, 3, retry=71) == GrantRotated(ANN, END)
        assert await refresh(store, 1, 2, retry=70) == GrantReused(ANN)

    async def test_the_old_token_with_another_key_is_no_retry(self, store: Store) -> None:
        await login(store)
        await refresh(store, 1, 2, retry=70)
        assert await refresh(store, 1, 2, retry=71) == GrantReused(ANN)

    async def test_a_login_has_an_end_that_no_refresh_moves(self, store: Store) -> None:
        await login(store)
        assert await refresh(store, 1, 2, now=END - 1) == GrantRotated(ANN, END)
        assert await refresh(store, 2, 3, now=END) == GrantUnknown()
        await store.sweep(END)
        assert await store.begin_grant(Grant("g1", ANN, key(1), None, END + DAY))

    async def test_a_login_ends_once_and_others_go_on(self, store: Store) -> None:
        await login(store)
        await login(store, "g2")
        assert await store.end_grant("g1", now=NOW) == ANN
        assert await store.end_grant("g1", now=NOW) is None
        assert await store.end_grant("nothing", now=NOW) is None
        assert await refresh(store, 1, 2) == GrantUnknown()
        assert await refresh(store, 1, 2, grant="g2") == GrantRotated(ANN, END)

    async def test_all_logins_of_an_account_end_and_of_no_other(self, store: Store) -> None:
        for name, owner in (("g1", "ann"), ("g2", "ann"), ("g3", "ben")):
            await login(store, name, owner)
        await store.end_grant("g1", now=NOW)
        assert await store.end_grants_of(ANN, now=NOW) == ["g2"]
        assert await store.end_grants_of(ANN, now=NOW) == []
        assert sorted(await store.ended_grants(NOW)) == ["g1", "g2"]
        assert await refresh(store, 1, 2, grant="g3") == GrantRotated(BEN, END)

    async def test_an_ended_login_is_remembered_for_as_long_as_its_access_tokens_may_live(
        self, store: Store
    ) -> None:
        await login(store)
        await store.end_grant("g1", now=NOW)
        await store.sweep(NOW + 3_600)
        assert await store.ended_grants(NOW + 3_600) == ["g1"]
        await store.sweep(NOW + 3 * DAY)
        assert await store.ended_grants(0) == []

    async def test_a_login_is_begun_once_and_only_for_an_account_that_lives_here(self, store: Store) -> None:
        grant = await login(store)
        assert not await store.begin_grant(replace(grant, current=key(9)))
        assert await refresh(store, 1, 2) == GrantRotated(ANN, END)
        with pytest.raises(PoisonRequest):
            await store.begin_grant(Grant("g9", account("nobody"), key(1), None, END))


class LoginsContract(PendingContract, IdentityContract, GrantContract):
    """All of it."""
