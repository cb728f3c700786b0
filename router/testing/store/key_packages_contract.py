"""What every store must do with key packages: a part of `StoreContract`."""

from collections import Counter

import pytest
import trio

from protocol import ConsumeKeyPackage
from router.store import bounds
from router.store.errors import PoisonRequest
from router.store.interface import Store
from router.store.key_packages import (
    ClaimedPackage,
    KeyPackage,
    KeyPackageHeld,
    KeyPackageReserved,
    KeyPackageSpent,
    KeyPackageUnknown,
    NoSuchDevice,
    Published,
    Reconciled,
    SuiteStock,
)
from router.store.values import AlreadyAnswered, Appended, ConditionFailed, Retention
from router.testing.store.group_rooms import LIFE, GroupRoom, package, publish, ref, register
from router.testing.store.rooms import NOW, account, device, result

ANN, BEN, CAT = account("ann"), account("ben"), account("cat")
DESTROY = Retention(lapsed_claims="destroy")
GONE = ConditionFailed(0, "KeyPackageNotFound")


async def claim(
    store: Store, claimer: str = "ben", target: str = "ann", *, suite: int | None = None, now: int = NOW
) -> list[ClaimedPackage]:
    return await store.claim_key_packages(account(claimer), account(target), suite=suite, now=now, ttl=300)


async def consume(room: GroupRoom, name: str, *, number: int = 1, by: str = "ben", now: int = NOW) -> object:
    """Use a package up, as a commit would."""
    return await room.put(ConsumeKeyPackage(ref(name), device(number), account(by), now), now=now)


async def room_of(store: Store, number: int = 1) -> GroupRoom:
    room = GroupRoom(store, number)
    await room.found("ben", 90)
    return room


class PublishContract:
    """Into the stock: each ref once, as many as fit."""

    async def test_a_package_is_published_claimed_and_used_up(self, store: Store) -> None:
        """The whole life of one, as an example."""
        await register(store, 1)
        room = await room_of(store)
        assert await publish(store, 1, "ann", package("a")) == ("ok",)
        assert await claim(store) == [
            ClaimedPackage(device(1), ref("a"), 1, b"package a", last_resort=False, remaining=0)
        ]
        assert await claim(store) == []
        assert await consume(room, "a") == Appended(())
        record = await store.key_package(ref("a"))
        assert record is not None
        assert (record.state, record.spent, record.conversation) == ("consumed", NOW, room.id)
        assert await store.key_packages(device(1)) == []
        assert await consume(room, "a") == GONE

    async def test_each_package_has_its_verdict(self, store: Store) -> None:
        await register(store, 1)
        await register(store, 2)
        assert await publish(store, 1, "ann", package("a"), package("b"), package("a")) == (
            "ok",
            "ok",
            "duplicate",
        )
        assert await publish(store, 1, "ann", package("c"), package("a"), package("d"), most=3) == (
            "ok",
            "duplicate",
            "too-many",
        )
        assert await publish(store, 2, "ann", package("a")) == ("reused",), "it is another device's"
        assert [kept.ref for kept in await store.key_packages(device(1))] == [ref("a"), ref("b"), ref("c")]
        assert await store.count_key_packages(device(1)) == 3

    async def test_only_the_accounts_own_device_publishes(self, store: Store) -> None:
        await register(store, 1)
        for owner, number in ((BEN, 1), (ANN, 2)):
            outcome = await store.publish_key_packages(
                owner, device(number), [package("a")], now=NOW, max_packages=9
            )
            assert outcome == NoSuchDevice()
        assert await store.key_package(ref("a")) is None

    async def test_expired_packages_take_no_room(self, store: Store) -> None:
        await register(store, 1)
        assert await publish(store, 1, "ann", package("old", not_after=NOW), package("a"), most=1) == (
            "ok",
            "ok",
        )

    async def test_what_was_consumed_or_dropped_never_comes_back_until_it_would_have_ended(
        self, store: Store
    ) -> None:
        """RFC 9420 section 10: a package is used once. Its bytes are gone, its ref is remembered."""
        await register(store, 1)
        room = await room_of(store)
        await publish(store, 1, "ann", package("a"), package("b"))
        await claim(store)
        await claim(store)
        assert await consume(room, "a") == Appended(())
        assert await store.drop_key_packages(ANN, [ref("b"), ref("c"), ref("a")], now=NOW) == (ref("b"),)
        for now in (NOW, NOW + LIFE - 1):
            await store.expire(now)
            assert await publish(store, 1, "ann", package("a"), package("b"), now=now) == ("reused",) * 2
        await store.expire(NOW + LIFE)
        assert await store.key_package(ref("a")) is None
        assert await publish(store, 1, "ann", package("a"), now=NOW + LIFE) == ("ok",)

    async def test_a_batch_under_a_key_is_answered_once_if_all_of_it_went_in(self, store: Store) -> None:
        await register(store, 1)
        first = result("k")

        async def give(*packages: KeyPackage) -> object:
            return await store.publish_key_packages(
                ANN, device(1), packages, now=NOW, max_packages=9, idempotency=(first,)
            )

        await publish(store, 1, "ann", package("x"))
        assert await give(package("a"), package("x")) == Published(("ok", "duplicate"))
        assert await give(package("b")) == Published(("ok",))
        assert await give(package("c")) == AlreadyAnswered(first)
        assert await store.key_package(ref("c")) is None

    async def test_the_first_package_of_a_scheme_binds_its_key_to_the_device(self, store: Store) -> None:
        for number in (1, 2):
            await register(store, number)

        def of(name: str, key: bytes) -> KeyPackage:
            return KeyPackage(ref(name), 2, b"p", NOW + LIFE, scheme=0x0403, signature_key=key)

        assert await publish(store, 1, "ann", of("a", b"k1"), of("b", b"k2"), of("c", b"k1")) == (
            "ok",
            "other-key",
            "ok",
        )
        assert await publish(store, 2, "ann", of("d", b"k1"), of("e", b"k2")) == ("other-key", "ok")
        assert await store.scheme_keys(device(1)) == {0x0403: b"k1"}
        assert [kept.signature_key for kept in await store.key_packages(device(1))] == [b"k1", b"k1"]
        await store.revoke_device(ANN, device(1), now=NOW)
        assert await store.scheme_keys(device(1)) == {}
        assert await publish(store, 2, "ann", of("f", b"k2")) == ("ok",)

    async def test_sizes_are_bounded(self, store: Store) -> None:
        await register(store, 1)
        large = KeyPackage(ref("a"), 1, bytes(bounds.MAX_KEY_PACKAGE_BYTES + 1), NOW + 1)
        nameless = KeyPackage(b"", 1, b"p", NOW + 1)
        for bad in ([large], [nameless], [package(str(n)) for n in range(bounds.MAX_BATCH + 1)]):
            with pytest.raises(PoisonRequest):
                await store.publish_key_packages(ANN, device(1), bad, now=NOW, max_packages=999)
        assert await store.count_key_packages(device(1)) == 0


class ClaimContract:
    """Out of it: random, once, one for each device; the last resort last."""

    async def test_of_twice_as_many_claims_as_packages_each_gets_another_or_none(self, store: Store) -> None:
        """Failure 6 of the study: two inviters with one package. Here all at once."""
        await register(store, 1)
        await publish(store, 1, "ann", *(package(f"p{n}") for n in range(12)))
        got: list[bytes] = []

        async def ask(number: int) -> None:
            got.extend(one.ref for one in await claim(store, f"c{number}"))

        async with trio.open_nursery() as nursery:
            for number in range(24):
                nursery.start_soon(ask, number)
        assert sorted(got) == sorted(ref(f"p{n}") for n in range(12))

    async def test_a_claim_gives_one_for_each_device_and_tells_how_many_are_left(self, store: Store) -> None:
        for number in (1, 2, 3):
            await register(store, number)
        await publish(store, 1, "ann", package("a1"), package("a2"), package("a3", suite=2))
        await publish(store, 2, "ann", package("b1"))
        first = await claim(store, suite=1)
        assert [(one.device, one.suite, one.remaining) for one in first] == [
            (device(1), 1, 1),
            (device(2), 1, 0),
        ]
        assert [one.ref for one in await claim(store, suite=2)] == [ref("a3")]
        assert [one.device for one in await claim(store, suite=1)] == [device(1)]
        assert await claim(store) == []

    async def test_one_device_may_be_claimed_from_or_all_besides_one(self, store: Store) -> None:
        for number in (1, 2):
            await register(store, number)
            await publish(store, number, "ann", *(package(f"{number}{n}") for n in range(3)))
        only = await store.claim_key_packages(BEN, ANN, device=device(2), now=NOW, ttl=60)
        others = await store.claim_key_packages(ANN, ANN, besides=device(1), now=NOW, ttl=60)
        assert [one.device for one in only + others] == [device(2)] * 2
        assert await store.claim_key_packages(BEN, CAT, now=NOW, ttl=60) == []

    async def test_a_last_resort_is_given_only_when_nothing_else_is_left_and_is_never_used_up(
        self, store: Store
    ) -> None:
        await register(store, 1)
        room = await room_of(store)
        await publish(store, 1, "ann", package("old", last_resort=True))
        await publish(store, 1, "ann", package("last", last_resort=True), package("a"))
        given = [await claim(store, name) for name in ("ben", "cat", "dan")]
        assert [one.ref for (one,) in given] == [ref("a"), ref("last"), ref("last")], "the newest"
        assert [one.last_resort for (one,) in given] == [False, True, True]
        for number in range(3):
            assert await consume(room, "last", by=f"x{number}") == Appended(())
        assert [one.ref for one in await claim(store, "eve")] == [ref("last")]
        assert await claim(store, suite=7) == []

    async def test_nobody_gets_an_expired_package(self, store: Store) -> None:
        await register(store, 1)
        await publish(
            store, 1, "ann", package("a", not_after=NOW), package("l", not_after=NOW, last_resort=True)
        )
        assert await claim(store) == []

    async def test_which_one_is_chance(self, store: Store) -> None:
        """A claimer who could foresee it could have it claimed by somebody else first."""
        await register(store, 1)
        seen: Counter[bytes] = Counter()
        await publish(store, 1, "ann", *(package(f"p{n}") for n in range(50)))
        for _ in range(3):
            (one,) = await claim(store)
            seen[one.ref] += 1
        assert set(seen) != {ref("p0"), ref("p1"), ref("p2")}, "1 in 19,600 by chance"

    async def test_a_claim_that_lapsed_gives_nothing_to_who_had_it(self, store: Store) -> None:
        await register(store, 1)
        room = await room_of(store)
        await publish(store, 1, "ann", package("a"))
        await claim(store)
        assert await consume(room, "a", now=NOW + 300) == GONE
        assert (await store.expire(NOW + 299)).claims == 0
        assert (await store.expire(NOW + 300)).claims == 1
        assert [one.ref for one in await claim(store, "cat", now=NOW + 300)] == [ref("a")]
        assert await consume(room, "a", by="ben", now=NOW + 301) == GONE
        assert await consume(room, "a", by="cat", now=NOW + 301) == Appended(())

    async def test_a_lapsed_claim_may_be_the_end_of_the_package_but_not_the_owners_own(
        self, store: Store
    ) -> None:
        await register(store, 1)
        await publish(store, 1, "ann", package("a"))
        await claim(store)
        await publish(store, 1, "ann", package("b"))
        await store.reserve_key_package(ANN, ref("b"), now=NOW, ttl=300)
        assert (await store.expire(NOW + 300, retention=DESTROY)).claims == 2
        assert [one.ref for one in await claim(store, "cat", now=NOW + 300)] == [ref("b")]
        assert await publish(store, 1, "ann", package("a")) == ("reused",)

    @pytest.mark.parametrize("wrong", ["unknown", "device", "claimer", "unclaimed", "expired", "twice"])
    async def test_a_condition_that_fails_refuses_the_whole_append(self, store: Store, wrong: str) -> None:
        """Entries, other effects and results with it: nothing of a refused commit is there."""
        await register(store, 1)
        room = await room_of(store)
        await publish(store, 1, "ann", package("a", not_after=NOW + 200), package("free"))
        while not any(one.ref == ref("a") for one in await claim(store)):
            pass
        assert await store.drop_key_packages(ANN, [ref("free")], now=NOW) == (ref("free"),)
        await publish(store, 1, "ann", package("unclaimed"))
        name = wrong if wrong in ("unknown", "unclaimed") else "a"
        effect = ConsumeKeyPackage(
            ref(name),
            device(2 if wrong == "device" else 1),
            CAT if wrong == "claimer" else BEN,
            NOW + (200 if wrong == "expired" else 0),
        )
        effects = (effect, effect) if wrong == "twice" else (effect,)
        commit = room.request_for(room.commit(90, "ben", adds=[("cat", 5, None)], group_info=b"new"))
        request = commit.__class__(
            commit.conversation,
            commit.expected_seq,
            commit.entries,
            commit.term,
            commit.now,
            (result("k"),),
            effects=(*effects, *commit.effects),
        )
        before = (await store.audit_head(), await store.head())
        assert await store.append(request) == ConditionFailed(len(effects) - 1, "KeyPackageNotFound")
        assert (await store.audit_head(), await store.head()) == before
        assert await store.conversation(room.id) == room.state
        assert await store.idempotent(result("k").scope, now=NOW) is None
        assert await store.welcome(room.id, device(5)) is None
        assert await store.group_info(room.id) is None
        if wrong != "expired":
            assert await consume(room, "a") == Appended(()), "the claim is as good as before"

    async def test_an_owner_may_hold_a_package_of_its_own(self, store: Store) -> None:
        await register(store, 1)
        room = await room_of(store)
        await publish(store, 1, "ann", package("a"))

        async def reserve(owner: str, name: str = "a", now: int = NOW) -> object:
            return await store.reserve_key_package(account(owner), ref(name), now=now, ttl=300)

        assert await reserve("ben") == KeyPackageUnknown()
        assert await reserve("ann", "x") == KeyPackageUnknown()
        held = await reserve("ann")
        assert isinstance(held, KeyPackageReserved)
        assert (held.until, held.record.state) == (NOW + 300, "claimed")
        assert await claim(store) == []
        await store.expire(NOW + 300)
        await claim(store, now=NOW + 300)
        assert await reserve("ann", now=NOW + 300) == KeyPackageHeld()
        await consume(room, "a", now=NOW + 300)
        assert isinstance(await reserve("ann", now=NOW + 300), KeyPackageSpent)


class StockContract:
    """What owners are told."""

    async def test_the_stock_is_told_by_suite_and_leaves_out_what_expired(self, store: Store) -> None:
        for number in (1, 2):
            await register(store, number)
        await register(store, 3, "ben")
        room = await room_of(store)
        early = NOW + LIFE - 100
        await publish(store, 1, "ann", package("used"))
        await claim(store)
        await consume(room, "used")
        await publish(store, 1, "ann", package("claimed"))
        await claim(store)
        await publish(
            store, 1, "ann", package("a", not_after=early), package("b"), package("old", not_after=NOW)
        )
        await publish(store, 2, "ann", package("c", suite=2), package("last", suite=2, last_resort=True))
        await publish(store, 3, "ben", package("d"))
        assert await store.key_package_stock(ANN, now=NOW) == [
            SuiteStock(1, 2, 1, 1, 1, 1, 0, early),
            SuiteStock(2, 1, 0, 0, 0, 0, 1, NOW + LIFE),
        ]
        later = await store.key_package_stock(ANN, device=device(1), now=NOW + 2 * 86_400)
        assert [(one.consumed, one.consumed_day, one.consumed_week) for one in later] == [(1, 0, 1)]
        assert await store.key_package_stock(CAT, now=NOW) == []
        figures = await store.mls_figures(now=NOW)
        assert (figures.packages_available, figures.packages_claimed) == (4, 1)

    async def test_the_history_is_told_in_pages_the_newest_first(self, store: Store) -> None:
        await register(store, 1)
        await register(store, 2, "ben")
        room = await room_of(store)
        for name in ("a", "b", "c"):
            await publish(store, 1, "ann", package(name))
            await publish(store, 2, "ben", package("x" + name))
            await claim(store)
        await consume(room, "b")
        first = await store.key_package_history(ANN, limit=2)
        assert [(one.ref, one.state) for one in first.records] == [
            (ref("c"), "claimed"),
            (ref("b"), "consumed"),
        ]
        assert first.next is not None
        rest = await store.key_package_history(ANN, before=first.next, limit=2)
        assert ([one.ref for one in rest.records], rest.next) == ([ref("a")], None)
        used = await store.key_package_history(ANN, consumed=True, limit=2)
        assert [(one.ref, one.conversation) for one in used.records] == [(ref("b"), room.id)]

    async def test_reconciling_tells_the_difference_and_deletes_nothing(self, store: Store) -> None:
        """Failure 7: a sync that deletes takes packages whose Welcome is under way."""
        await register(store, 1)
        await publish(store, 1, "ann", package("both"), package("server"), package("expired", not_after=NOW))
        local = [ref("local"), ref("both"), ref("expired"), ref("local")]
        for _ in range(2):
            assert await store.reconcile_key_packages(device(1), local, now=NOW) == Reconciled(
                (ref("server"),), (ref("local"), ref("expired"))
            )

    async def test_only_its_owner_drops_a_package_and_perhaps_only_its_device(self, store: Store) -> None:
        for number in (1, 2):
            await register(store, number)
            await publish(store, number, "ann", package(f"p{number}"))
        both = [ref("p1"), ref("p2")]
        assert await store.drop_key_packages(BEN, both, now=NOW) == ()
        assert await store.drop_key_packages(ANN, both, device=device(2), now=NOW) == (ref("p2"),)
        assert [one.ref for one in await claim(store)] == [ref("p1")]

    async def test_a_revoked_device_leaves_tombstones_that_name_nobody(self, store: Store) -> None:
        """Its key may be registered again, and with it a package that somebody has used."""
        await register(store, 1)
        room = await room_of(store)
        await publish(store, 1, "ann", package("used"))
        await claim(store)
        await consume(room, "used")
        await publish(store, 1, "ann", package("a"), package("b"))
        await store.revoke_device(ANN, device(1), now=NOW)
        assert await claim(store) == []
        record = await store.key_package(ref("used"))
        assert record is not None
        assert (record.device, record.account, record.conversation) == (None, None, None)
        await register(store, 1)
        assert await publish(store, 1, "ann", package("used"), package("a")) == ("reused", "reused")
        assert (await store.key_package_history(ANN, limit=9)).records == []


class KeyPackagesContract(PublishContract, ClaimContract, StockContract):
    """Everything of this file."""
