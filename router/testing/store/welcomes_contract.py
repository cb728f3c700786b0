"""What every store must do with Welcomes: a part of `StoreContract`."""

import pytest

from protocol import PutWelcome
from router.store import bounds
from router.store.errors import PoisonRequest
from router.store.interface import Store
from router.store.values import DEFAULT_RETENTION, Appended
from router.store.welcomes import Welcome, WelcomeEnded, WelcomeSettled, WelcomeUnknown, WelcomeVerdict
from router.testing.store.group_rooms import GroupRoom, package, publish, ref, register
from router.testing.store.rooms import NOW, account, device

ANN, BEN = account("ann"), account("ben")
DAY = 86_400


async def welcomed(store: Store, number: int = 1) -> GroupRoom:
    """A group in which a commit has added Ann's first device."""
    room = GroupRoom(store, number)
    await room.found("ben", 90)
    await room.let_in(90, "ben", "ann", 1)
    return room


async def put(room: GroupRoom, number: int, body: bytes, *, now: int = NOW, epoch: int = 1) -> None:
    """Another Welcome, beside no entry: reissued."""
    effect = PutWelcome(device(number), ANN, None, body, epoch, 0, now)
    assert await room.put(effect, now=now) == Appended(())


async def body_of(store: Store, room: GroupRoom, number: int = 1) -> bytes | None:
    """What a device gets that asks."""
    welcome = await store.fetch_welcome(room.id, device(number), now=NOW)
    return None if welcome is None or welcome.state != "pending" else welcome.body


async def settle(
    store: Store, room: GroupRoom, verdict: WelcomeVerdict, reason: str | None = None, number: int = 1
) -> object:
    return await store.settle_welcome(room.id, device(number), verdict, reason=reason, now=NOW + 2)


class WelcomesContract:
    """One at a time for each device in each conversation; there until it is answered."""

    async def test_a_welcome_is_fetched_any_number_of_times_until_it_is_acknowledged(
        self, store: Store
    ) -> None:
        """Failure 13: fetched and lost. The example of the whole life."""
        room = await welcomed(store)
        assert await store.pending_welcomes(device(1)) == [
            Welcome(room.id, device(1), ANN, None, 1, 0, "pending", NOW, None, None, None, b"")
        ]
        for later in range(3):
            fetched = await store.fetch_welcome(room.id, device(1), now=NOW + later * DAY)
            assert fetched is not None
            assert (fetched.body, fetched.fetched) == (b"welcome 1", NOW + later * DAY)
        for changed in (True, False):
            outcome = await settle(store, room, "acknowledged")
            assert isinstance(outcome, WelcomeSettled)
            assert (outcome.changed, outcome.welcome.state, outcome.welcome.body) == (
                changed,
                "acknowledged",
                b"",
            )
        assert await body_of(store, room) is None
        assert await store.pending_welcomes(device(1)) == []

    async def test_it_does_not_need_the_key_package_it_was_made_for(self, store: Store) -> None:
        """Failure 9: fetched eight days later, when everything else is swept."""
        await register(store, 1)
        await publish(store, 1, "ann", package("a", not_after=NOW + DAY))
        await store.claim_key_packages(BEN, ANN, now=NOW, ttl=60)
        room = GroupRoom(store, 1)
        await room.found("ben", 90)
        await room.let_in(90, "ben", "ann", 1, ref("a"))
        await store.expire(NOW + 8 * DAY)
        assert await store.key_package(ref("a")) is None
        welcome = await store.welcome(room.id, device(1))
        assert welcome is not None
        assert (welcome.body, welcome.key_package) == (b"welcome 1", ref("a"))

    async def test_a_failed_attempt_is_noted_and_the_welcome_stays(self, store: Store) -> None:
        room = await welcomed(store)
        outcome = await settle(store, room, "failed", "no matching key package")
        assert isinstance(outcome, WelcomeSettled)
        assert (outcome.welcome.state, outcome.welcome.reason) == ("pending", "no matching key package")
        assert await body_of(store, room) == b"welcome 1"
        acknowledged = await settle(store, room, "acknowledged")
        assert isinstance(acknowledged, WelcomeSettled)
        assert acknowledged.welcome.reason == "no matching key package"

    @pytest.mark.parametrize("first", ["acknowledged", "rejected"])
    async def test_what_has_ended_is_told_and_not_changed(self, store: Store, first: WelcomeVerdict) -> None:
        room = await welcomed(store)
        await settle(store, room, first, "because")
        again = await settle(store, room, first, "other words")
        assert isinstance(again, WelcomeSettled)
        assert (again.changed, again.welcome.reason) == (False, "because")
        other: WelcomeVerdict = "rejected" if first == "acknowledged" else "acknowledged"
        outcome = await settle(store, room, other)
        assert isinstance(outcome, WelcomeEnded)
        assert outcome.welcome.state == first
        assert await settle(store, room, first, number=7) == WelcomeUnknown()

    async def test_a_newer_one_takes_the_place_of_what_is_pending(self, store: Store) -> None:
        """Failure 14: a stale Welcome kept over the new one."""
        room = await welcomed(store)
        await put(room, 1, b"newer")
        assert await body_of(store, room) == b"newer"
        assert len(await store.pending_welcomes(device(1))) == 1
        await settle(store, room, "rejected", "no key")
        await put(room, 1, b"newest")
        assert await body_of(store, room) == b"newest"

    async def test_what_is_said_late_of_the_welcome_before_does_not_end_the_new_one(
        self, store: Store
    ) -> None:
        """A nack that was on its way when another commit added the device again."""
        room = await welcomed(store)
        newer = PutWelcome(device(1), ANN, b"ref 2", b"newer", 2, 0, NOW)
        assert await room.put(newer, now=NOW) == Appended(())
        for verdict in ("acknowledged", "rejected", "failed"):
            late = await store.settle_welcome(
                room.id, device(1), verdict, key_package=b"ref 1", reason="late", now=NOW
            )
            assert late == WelcomeUnknown()
        assert await body_of(store, room) == b"newer"
        outcome = await store.settle_welcome(
            room.id, device(1), "acknowledged", key_package=b"ref 2", now=NOW
        )
        assert isinstance(outcome, WelcomeSettled)

    async def test_a_welcome_is_for_one_device_in_one_conversation(self, store: Store) -> None:
        """Failure 14: Welcomes of another conversation, another device's invalidated."""
        rooms = [await welcomed(store, number) for number in (1, 2)]
        await put(rooms[0], 2, b"second device")
        await settle(store, rooms[0], "acknowledged")
        assert await body_of(store, rooms[0]) is None
        assert await body_of(store, rooms[0], 2) == b"second device"
        assert await body_of(store, rooms[1]) == b"welcome 1"
        assert await store.fetch_welcome(rooms[1].id, device(2), now=NOW) is None
        assert await store.welcome(GroupRoom(store, 9).id, device(1)) is None

    async def test_who_is_out_again_has_no_welcome_any_more(self, store: Store) -> None:
        room = await welcomed(store)
        await put(room, 2, b"stays")
        assert isinstance(await room.ask(room.commit(90, "ben", removes=[1])), Appended)
        welcome = await store.welcome(room.id, device(1))
        assert welcome is not None
        assert (welcome.state, welcome.body) == ("superseded", b"")
        assert await body_of(store, room, 2) == b"stays"

    async def test_a_reset_ends_the_welcomes_to_the_group_before(self, store: Store) -> None:
        rooms = [await welcomed(store, number) for number in (1, 2)]
        assert isinstance(await rooms[0].ask(rooms[0].reset(90, "ben")), Appended)
        assert await body_of(store, rooms[0]) is None
        assert await body_of(store, rooms[1]) == b"welcome 1"

    async def test_a_revoked_device_takes_its_welcomes_along(self, store: Store) -> None:
        for number in (1, 2):
            await register(store, number)
        room = await welcomed(store)
        await put(room, 2, b"other device")
        await store.revoke_device(ANN, device(1), now=NOW)
        assert await store.welcome(room.id, device(1)) is None
        assert await body_of(store, room, 2) == b"other device"

    async def test_nobody_fetches_for_ever_and_what_ended_is_forgotten_in_time(self, store: Store) -> None:
        room = await welcomed(store)
        await put(room, 2, b"acknowledged")
        await settle(store, room, "acknowledged", number=2)
        end = NOW + DEFAULT_RETENTION.welcome
        assert (await store.expire(end - 1)).welcomes == 0
        assert (await store.expire(end)).welcomes == 1
        welcome = await store.welcome(room.id, device(1))
        assert welcome is not None
        assert (welcome.state, welcome.settled, welcome.body) == ("expired", end, b"")
        assert isinstance(await settle(store, room, "acknowledged"), WelcomeEnded)
        assert await store.welcome(room.id, device(2)) is None, "it had ended long ago"
        assert (await store.expire(end + DEFAULT_RETENTION.ended)).ended == 1
        assert await store.welcome(room.id, device(1)) is None

    async def test_operators_see_what_nobody_answers_oldest_first(self, store: Store) -> None:
        rooms = [await welcomed(store, number) for number in (1, 2, 3)]
        await put(rooms[1], 2, b"fresh", now=NOW + DAY)
        await put(rooms[2], 1, b"renewed", now=NOW + 2)
        await settle(store, rooms[0], "acknowledged")
        stuck = await store.stuck_welcomes(before=NOW + DAY, limit=9)
        assert [(one.conversation, one.created, one.body) for one in stuck] == [
            (rooms[1].id, NOW, b""),
            (rooms[2].id, NOW + 2, b""),
        ]
        assert len(await store.stuck_welcomes(before=NOW + DAY, limit=1)) == 1
        assert await store.stuck_welcomes(before=NOW, limit=9) == []
        figures = await store.mls_figures(now=NOW)
        assert (figures.welcomes_pending, figures.oldest_welcome) == (3, NOW)

    async def test_sizes_are_bounded(self, store: Store) -> None:
        room = await welcomed(store)
        with pytest.raises(PoisonRequest):
            await settle(store, room, "failed", "x" * (bounds.MAX_REASON + 1))
        large = PutWelcome(device(3), ANN, None, bytes(bounds.MAX_WELCOME_BYTES + 1), 1, 0, NOW)
        with pytest.raises(PoisonRequest):
            await room.put(large)
        with pytest.raises(PoisonRequest, match="without a conversation"):
            await GroupRoom(store, 9).put(PutWelcome(device(3), ANN, None, b"w", 1, 0, NOW))
