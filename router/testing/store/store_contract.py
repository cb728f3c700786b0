"""What every store must do. A test module subclasses `StoreContract` and gives it a `store` fixture.

Each test is one promise of `router/store/interface.py`; the model-based test in `store_model.py` looks for
what these have forgotten.
"""

from collections.abc import Sequence

import pytest
import trio
from msgspec.structs import replace

from protocol import Entry, EntryKind, Known, MsgId, decode_fact
from router.store import audit
from router.store.audit import AuditFact, AuditHead, ChainBroken
from router.store.errors import PoisonRequest
from router.store.interface import Store
from router.store.key_packages import KeyPackage
from router.store.values import (
    Account,
    AlreadyAnswered,
    Appended,
    Device,
    DeviceRegistered,
    DuplicateMsgIds,
    DuplicatePublicKey,
    NameTaken,
    SeqConflict,
    StaleTerm,
    TooManyDevices,
)
from router.testing.store.credentials_contract import CredentialsContract
from router.testing.store.groups_contract import GroupsContract
from router.testing.store.identities_contract import LinkedIdentityContract
from router.testing.store.key_packages_contract import KeyPackagesContract
from router.testing.store.logins_contract import LoginsContract
from router.testing.store.moderation_contract import ModerationContract
from router.testing.store.passkeys_contract import PasskeysContract
from router.testing.store.rooms import NOW, Room, account, device, devices, result
from router.testing.store.welcomes_contract import WelcomesContract

ALL = 1_000_000


async def whole_log(store: Store) -> list[Entry]:
    """Everything, in position order."""
    return await store.entries_after(0, max_entries=ALL, max_bytes=1 << 40)


async def catch_up(
    store: Store, number: int, after: int = 0, *, max_entries: int = ALL, max_bytes: int = 1 << 40
) -> list[Entry]:
    """Everything a device gets after a position, page by page, as a device would ask."""
    got: list[Entry] = []
    upto = await store.head()
    while after < upto:
        page = await store.device_entries(
            device(number), after=after, upto=upto, max_entries=max_entries, max_bytes=max_bytes
        )
        assert page.examined_to > after, "a page makes progress"
        assert all(after < entry.position <= page.examined_to for entry in page.entries)
        got += page.entries
        after = page.examined_to
    return got


class AppendContract:
    """Appends: dense, once, fenced, all or nothing."""

    async def test_an_example_of_a_conversation_from_its_first_entry_to_what_a_device_reads(
        self, store: Store
    ) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1) + devices("ben", 2))

        outcome = await store.append(room.request(*room.messages("m1", "m2")))

        assert isinstance(outcome, Appended)
        assert [(entry.seq, entry.position) for entry in outcome.entries] == [(2, 2), (3, 3)]
        state = await store.conversation(room.id)
        assert state is not None
        assert (state.last_seq, state.app_count, state.accounts()) == (3, 2, (account("ann"), account("ben")))
        assert [entry.seq for entry in await catch_up(store, 2)] == [1, 2, 3]

    async def test_the_state_read_back_is_what_evolve_makes_of_the_log(self, store: Store) -> None:
        room = Room(store, 1)
        assert await store.conversation(room.id) is None
        await room.create("ann", devices("ann", 1, 2) + devices("ben", 3))
        await room.say("m1")
        await room.add("ann", devices("cat", 5, 4))
        await room.add("ann", devices("ann", 6))
        await room.remove("ben", by="ann")
        await room.remove("ann")
        assert await store.conversation(room.id) == room.state
        await room.add("cat", devices("ann", 1))
        await room.say("m2", "m3")
        assert await store.conversation(room.id) == room.state

    async def test_an_append_on_an_old_state_is_refused_with_the_seq_that_holds(self, store: Store) -> None:
        room = Room(store, 1)
        assert await store.append(room.request(*room.messages("x")[:0], expected=4)) == SeqConflict(0)
        await room.create("ann", devices("ann", 1))
        late = room.request(*room.messages("late"))
        await room.say("m1")

        assert await store.append(late) == SeqConflict(2)
        assert await store.append(Room(store, 1).request(room.log[0])) == SeqConflict(2)
        assert [entry.msg_id for entry in await whole_log(store)] == [None, "m1"]

    async def test_a_message_that_is_there_is_told_with_all_a_retry_needs_and_nothing_is_written(
        self, store: Store
    ) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("m1", body=b"one")

        outcome = await store.append(room.request(*room.messages("m0", "m1", "m2", body=b"other")))

        first = room.log[1]
        known = Known(2, first.body_hash, 0, NOW)
        assert outcome == DuplicateMsgIds({MsgId("m1"): known})
        assert len(await whole_log(store)) == 2
        assert await store.known_sends(room.id, [MsgId("m1"), MsgId("m0"), MsgId("m1")]) == {"m1": known}

    async def test_the_same_message_id_in_another_conversation_is_another_message(self, store: Store) -> None:
        for number in (1, 2):
            room = Room(store, number)
            await room.create("ann", devices("ann", 1))
            await room.say("m1")
        assert len(await whole_log(store)) == 4
        assert await store.known_sends(Room(store, 3).id, [MsgId("m1")]) == {}

    async def test_an_append_under_another_term_is_refused(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        for term in (store.term - 1, store.term + 1):
            refused = await store.append(room.request(*room.messages("m1"), term=term))
            assert refused == StaleTerm(store.term)
        assert len(await whole_log(store)) == 1

    @pytest.mark.parametrize("wrong", ["gap", "foreign", "second creation", "no creation", "same id twice"])
    async def test_a_request_that_can_never_be_committed_is_poison_and_leaves_nothing(
        self, store: Store, wrong: str
    ) -> None:
        room, other = Room(store, 1), Room(store, 2)
        await room.create("ann", devices("ann", 1))
        m1, m2 = room.messages("m1", "m2")
        requests = {
            "gap": room.request(m2),
            "foreign": room.request(other.messages("m1")[0], expected=0),
            "second creation": room.request(room.fact(EntryKind.CREATED, decode_fact(room.log[0].body))),
            "no creation": other.request(*other.messages("m1")),
            "same id twice": room.request(m1, room.messages("x", "m1")[1]),
        }
        with pytest.raises(PoisonRequest):
            await store.append(requests[wrong])
        assert len(await whole_log(store)) == 1
        assert await room.say("m1") == [2], "and the positions go on as if nothing had been"

    async def test_of_many_appends_at_once_only_the_failing_ones_fail(self, store: Store) -> None:
        rooms = [Room(store, number) for number in range(8)]
        for room in rooms:
            await room.create("ann", devices("ann", 1))
        await rooms[0].say("taken")
        requests = {
            "duplicate": rooms[0].request(*rooms[0].messages("fresh", "taken")),
            "conflict": rooms[1].request(*rooms[1].messages("late"), expected=1, term=None),
            "stale": rooms[2].request(*rooms[2].messages("m"), term=store.term - 1),
            "poison": rooms[3].request(*rooms[3].messages("m", "m")),
        } | {str(n): rooms[n].request(*rooms[n].messages("a", "b")) for n in range(4, 8)}
        await rooms[1].say("first")
        seen: dict[str, object] = {}

        async def ask(name: str) -> None:
            try:
                seen[name] = type(await store.append(requests[name]))
            except PoisonRequest:
                seen[name] = PoisonRequest

        async with trio.open_nursery() as nursery:
            for name in requests:
                nursery.start_soon(ask, name)

        assert seen == {
            "duplicate": DuplicateMsgIds,
            "conflict": SeqConflict,
            "stale": StaleTerm,
            "poison": PoisonRequest,
        } | {str(n): Appended for n in range(4, 8)}
        log = await whole_log(store)
        assert [entry.position for entry in log] == list(range(1, len(log) + 1))
        assert len(log) == 8 + 2 + 8

    async def test_of_appends_on_one_state_at_once_exactly_one_wins(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        outcomes = []

        async def ask(name: str) -> None:
            outcomes.append(await store.append(room.request(*room.messages(name))))

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ask, f"m{number}")

        assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 1
        assert outcomes.count(SeqConflict(2)) == 19

    async def test_listeners_hear_each_commit_in_position_order_before_the_asker_wakes(
        self, store: Store
    ) -> None:
        heard: list[Entry] = []

        def listen(entries: Sequence[Entry]) -> None:
            heard.extend(entries)

        stop = store.on_commit(listen)
        rooms = [Room(store, number) for number in range(5)]

        async def talk(room: Room) -> None:
            await room.create("ann", devices("ann", 1))
            for number in range(5):
                (position,) = await room.say(f"m{number}")
                assert position in {entry.position for entry in heard}

        async with trio.open_nursery() as nursery:
            for room in rooms:
                nursery.start_soon(talk, room)

        assert heard == await whole_log(store)
        stop()
        await rooms[0].say("unheard")
        assert len(heard) == 30


class IdempotencyContract:
    """Results under keys: the first one stays until it expires."""

    async def test_a_result_is_committed_with_its_entries_and_the_next_under_its_key_is_refused(
        self, store: Store
    ) -> None:
        room, twin = Room(store, 1), Room(store, 2)
        first, second = result("k"), result("k", fingerprint=b"g" * 32)
        await room.post(room.created("ann", devices("ann", 1)), results=(first,))

        refused = await twin.post(twin.created("ann", devices("ann", 1)), results=(second,))

        assert refused == AlreadyAnswered(first), "two creations at once make one conversation"
        assert await store.conversation(twin.id) is None
        assert await store.idempotent(first.scope, now=NOW) == first

    async def test_a_refused_append_stores_no_result(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        refused = await store.append(room.request(expected=7, results=(result("k"),)))
        assert refused == SeqConflict(1)
        assert await store.idempotent(result("k").scope, now=NOW) is None

    async def test_an_expired_result_is_gone_and_its_key_is_free_again(self, store: Store) -> None:
        room = Room(store, 1)
        old, new = result("k", expires=NOW), result("k", fingerprint=b"n" * 32)
        await room.post(room.created("ann", devices("ann", 1)), results=(old,))
        assert await store.idempotent(old.scope, now=NOW) is None
        assert await store.idempotent(old.scope, now=NOW - 2) == old
        assert isinstance(await room.post(*room.messages("m1"), results=(new,)), Appended)
        assert await store.idempotent(old.scope, now=NOW) == new

    async def test_a_result_may_be_stored_without_entries(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        assert await store.append(room.request(results=(result("k"),))) == Appended(())
        assert await store.idempotent(result("k").scope, now=NOW) == result("k")

    async def test_sweeping_takes_what_has_expired_and_no_more_than_the_limit(self, store: Store) -> None:
        for number in range(5):
            store.remember_token(bytes([number]) * 32, NOW + number)
        store.remember_token(b"later" * 6, NOW + 3600)
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        stale = tuple(result(f"k{n}", expires=NOW + 2) for n in range(4))
        await store.append(room.request(results=(*stale, result("fresh"))))

        swept = [await store.sweep(NOW + 120, limit=3) for _ in range(3)]

        assert [(one.tokens, one.results) for one in swept] == [(3, 3), (2, 1), (0, 0)]
        assert [token for token, _ in await store.load_tokens(0)] == [b"later" * 6]
        assert await store.idempotent(result("fresh").scope, now=NOW) is not None


class MembershipContract:
    """Intervals: inclusive at both ends, exact after a return."""

    async def test_a_device_gets_its_joining_and_its_removal_and_nothing_outside(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("before")
        await room.add("ann", devices("ben", 2))
        await room.say("within")
        await room.remove("ben", by="ann")
        await room.say("after")
        assert [entry.seq for entry in await catch_up(store, 2)] == [3, 4, 5]
        assert [entry.seq for entry in await catch_up(store, 1)] == [1, 2, 3, 4, 5, 6]
        assert await catch_up(store, 3) == []

    async def test_a_device_that_comes_back_gets_both_intervals_and_not_what_lies_between(
        self, store: Store
    ) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1) + devices("ben", 2))
        await room.say("first")
        await room.remove("ben")
        await room.say("hidden 1", "hidden 2")
        await room.add("ann", devices("ben", 2, 3))
        await room.say("again")
        assert [entry.seq for entry in await catch_up(store, 2)] == [1, 2, 3, 6, 7]
        assert [entry.seq for entry in await catch_up(store, 3)] == [6, 7]
        assert [(m.from_seq, m.to_seq) for m in await store.memberships(device(2))] == [(1, 3), (6, None)]
        assert [(m.from_position, m.to_position) for m in await store.memberships(device(2))] == [
            (1, 3),
            (6, None),
        ]

    async def test_resuming_from_any_position_in_pages_of_any_size_loses_and_repeats_nothing(
        self, store: Store
    ) -> None:
        rooms = [Room(store, number) for number in range(3)]
        for room in rooms:
            await room.create("ann", devices("ann", 1) + devices("ben", 2))
        for step in range(6):
            await rooms[step % 3].say(f"m{step}", body=bytes(100))
        await rooms[0].remove("ben", by="ann")
        await rooms[0].say("hidden")
        await rooms[1].say("seen")
        everything = await catch_up(store, 2)
        positions = [entry.position for entry in everything]
        assert positions == sorted(positions)
        assert "hidden" not in {entry.msg_id for entry in everything}
        for after in range(await store.head() + 1):
            for max_entries, max_bytes in ((1, ALL), (2, ALL), (ALL, 1), (ALL, 250), (ALL, ALL)):
                got = await catch_up(store, 2, after, max_entries=max_entries, max_bytes=max_bytes)
                assert got == [entry for entry in everything if entry.position > after]

    async def test_a_page_examines_no_further_than_it_was_asked(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("m1", "m2", "m3")
        page = await store.device_entries(device(1), after=1, upto=3, max_entries=ALL, max_bytes=ALL)
        assert ([entry.position for entry in page.entries], page.examined_to) == ([2, 3], 3)
        stranger = await store.device_entries(device(9), after=1, upto=3, max_entries=ALL, max_bytes=ALL)
        assert (stranger.entries, stranger.examined_to) == ([], 3)

    async def test_an_account_sees_its_conversations_in_pages(self, store: Store) -> None:
        rooms = [Room(store, number) for number in range(5)]
        for room in rooms:
            await room.create("ann", devices("ann", 1, 2) + devices("ben", 3))
        await rooms[1].remove("ben", by="ann")
        first = await store.conversations_of(account("ben"), limit=2)
        assert first.next is not None
        rest = await store.conversations_of(account("ben"), after=first.next, limit=2)
        assert [state.id for state in first.conversations + rest.conversations] == [
            rooms[n].id for n in (0, 2, 3, 4)
        ]
        assert first.conversations[0] == rooms[0].state
        assert rest.next is None
        assert (await store.conversations_of(account("cat"), limit=2)).conversations == []


class LogContract:
    """The log in position order, and one conversation in seq order."""

    async def test_the_log_is_read_in_position_order_within_both_bounds(self, store: Store) -> None:
        assert await store.head() == 0
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("m1", "m2", "m3", body=bytes(1000))
        assert await store.head() == 4

        async def positions(after: int, entries: int, size: int) -> list[int]:
            read = await store.entries_after(after, max_entries=entries, max_bytes=size)
            return [entry.position for entry in read]

        assert await positions(1, 2, ALL) == [2, 3]
        assert await positions(1, ALL, 2000) == [2, 3]
        assert await positions(1, ALL, 1999) == [2]
        assert await positions(1, ALL, 1) == [2], "one entry, however large, so that reading goes on"
        assert await positions(4, ALL, ALL) == []

    async def test_entries_come_back_as_they_were_appended(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("m1", body=bytes(range(256)) * 40)
        assert await whole_log(store) == room.log

    async def test_one_conversation_is_read_by_seq_and_kind(self, store: Store) -> None:
        room, noise = Room(store, 1), Room(store, 2)
        await noise.create("ann", devices("ann", 1))
        await room.create("ann", devices("ann", 1))
        await room.say("m1", "m2")
        await noise.say("other")
        await room.add("ann", devices("ben", 2))
        await room.say("m3")

        async def seqs(after: int, upto: int | None, most: int, *kinds: EntryKind) -> list[int]:
            read = await store.conversation_entries(
                room.id,
                after_seq=after,
                upto_seq=upto,
                max_entries=most,
                max_bytes=ALL,
                kinds=frozenset(kinds) or None,
            )
            assert all(entry.conversation == room.id for entry in read)
            return [entry.seq for entry in read]

        assert await seqs(0, None, ALL) == [1, 2, 3, 4, 5]
        assert await seqs(1, 4, ALL) == [2, 3, 4]
        assert await seqs(1, None, 2, EntryKind.MESSAGE) == [2, 3]
        assert await seqs(3, None, ALL, EntryKind.MESSAGE) == [5]
        assert await seqs(0, None, ALL, EntryKind.CREATED, EntryKind.MEMBERS_ADDED) == [1, 4]
        assert (
            await store.conversation_entries(Room(store, 9).id, after_seq=0, max_entries=9, max_bytes=9) == []
        )


class ReadMarkContract:
    """Marks move forward, and unread is counted from them."""

    async def test_a_mark_never_moves_back_and_belongs_to_one_device(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1, 2))
        await room.say("m1", "m2", "m3")
        assert await store.set_read_mark(device(1), room.id, 3) == 3
        assert await store.set_read_mark(device(1), room.id, 2) == 3
        assert await store.read_marks(device(1)) == {room.id: 3}
        assert await store.read_marks(device(2)) == {}
        with pytest.raises(PoisonRequest):
            await store.set_read_mark(device(1), Room(store, 9).id, 1)

    async def test_unread_counts_messages_behind_the_mark_within_the_membership(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("m1", "m2")
        await room.add("ann", devices("ben", 2))
        await room.say("m3", "m4")

        async def unread(number: int) -> object:
            return (await store.unread(device(number), [room.id, Room(store, 9).id])).get(room.id)

        assert (await unread(1), await unread(2), await unread(3)) == (4, 2, None)
        await store.set_read_mark(device(1), room.id, 5)
        assert await unread(1) == 1
        await store.set_read_mark(device(1), room.id, 6)
        assert await unread(1) == 0
        await room.remove("ben", by="ann")
        await room.say("m5")
        assert (await unread(1), await unread(2)) == (1, 2)


class DirectoryContract:
    """Accounts and devices."""

    async def test_an_account_is_made_once_and_found_by_did_and_by_name(self, store: Store) -> None:
        ann = Account(account("ann"), "ann", "zKey", NOW // 86_400)
        assert await store.account(ann.did) is None
        for _ in range(2):
            assert await store.create_account(ann.did, "ann", "zKey", now=NOW) == ann
        assert await store.create_account(account("ben"), "ann", "zOther", now=NOW) == NameTaken("ann")
        assert await store.create_account(ann.did, "other", "zKey", now=NOW) == NameTaken("other")
        assert await store.create_account(ann.did, "ann", "zOther", now=NOW) == NameTaken("ann")
        assert (await store.account(ann.did), await store.account_by_name("ann")) == (ann, ann)
        assert (await store.accounts(), await store.account_by_name("ben")) == ([ann], None)

    async def test_a_device_that_registers_its_key_again_keeps_its_id(self, store: Store) -> None:
        phone = Device(device(1), account("ann"), "phone", b"k" * 32, NOW // 86_400)
        packages = tuple(KeyPackage(bytes([n]) * 32, 1, bytes([n]) * 50, NOW + 9) for n in range(3))

        async def register(wanted: Device, *given: KeyPackage) -> object:
            return await store.register_device(wanted, given, now=NOW + 86_400 * 3, max_devices=2)

        assert await register(phone, *packages[:2]) == DeviceRegistered(phone, True, ("ok", "ok"))
        again = replace(phone, id=device(2), name="new phone", registered_day=phone.registered_day + 3)
        renamed = replace(phone, name="new phone")
        assert await register(again, *packages[1:]) == DeviceRegistered(renamed, False, ("duplicate", "ok"))
        assert await store.key_packages(phone.id) == list(packages)
        assert (await store.device(phone.id), await store.device(device(2))) == (renamed, None)

    async def test_a_key_of_another_account_and_one_device_too_many_are_refused(self, store: Store) -> None:
        async def register(number: int, name: str, key: bytes) -> object:
            wanted = Device(device(number), account(name), "d", key, 1)
            return await store.register_device(wanted, now=NOW, max_devices=2)

        assert isinstance(await register(1, "ann", b"1" * 32), DeviceRegistered)
        assert await register(2, "ben", b"1" * 32) == DuplicatePublicKey()
        assert isinstance(await register(3, "ann", b"3" * 32), DeviceRegistered)
        assert await register(4, "ann", b"4" * 32) == TooManyDevices(2)
        assert [known.id for known in await store.devices_of(account("ann"))] == [device(1), device(3)]
        assert await store.devices_of(account("ben")) == []

    async def test_a_registration_with_a_key_gets_its_first_result_again(self, store: Store) -> None:
        wanted = Device(device(1), account("ann"), "d", b"1" * 32, 1)
        first = result("k")
        await store.register_device(wanted, now=NOW, max_devices=2, idempotency=(first,))
        other = Device(device(2), account("ann"), "d", b"2" * 32, 1)
        again = await store.register_device(other, now=NOW, max_devices=2, idempotency=(first,))
        assert again == AlreadyAnswered(first)
        assert await store.device(device(2)) is None


class TokenContract:
    """Used tokens."""

    async def test_a_token_is_there_once_anything_submitted_after_it_is(self, store: Store) -> None:
        store.remember_token(b"t" * 32, NOW + 59)
        store.remember_token(b"t" * 32, NOW + 59)
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        ((token, expires),) = await store.load_tokens(NOW)
        assert token == b"t" * 32
        assert expires >= NOW + 59
        assert expires % 60 == 0, "no finer than a minute: it would tell when its owner wrote"
        assert await store.load_tokens(expires) == []


class AuditContract:
    """The chain: complete, verifiable, and broken by whatever is done to it."""

    async def _chain(self, store: Store) -> tuple[list[audit.AuditLink], AuditHead]:
        room = Room(store, 1)
        await store.create_account(account("ann"), "ann", "zKey", now=NOW)
        await store.register_device(
            Device(device(1), account("ann"), "d", b"1" * 32, 1), now=NOW, max_devices=9
        )
        await room.create("ann", devices("ann", 1) + devices("ben", 2))
        await room.say("m1")
        await room.add("ben", devices("cat", 3, 4))
        await room.remove("ben", by="ann")
        await room.remove("ann")
        await store.record((AuditFact("knob.changed", detail="intensity=9"),), now=NOW)
        links = await store.audit_records(0, limit=ALL)
        return links, await store.audit_head()

    async def test_each_act_has_its_record_in_the_transaction_of_the_act_and_messages_have_none(
        self, store: Store
    ) -> None:
        links, head = await self._chain(store)
        start = audit.genesis(store.log_id, 0)
        assert audit.verify(links, after=start, expected=head) == head
        names: dict[str | None, str] = {account(name): name for name in ("ann", "ben", "cat")}
        acts = [
            (read.action, names.get(read.actor), names.get(read.subject), read.seq)
            for read in (chained.read() for chained in links)
        ]
        assert acts == [
            ("account.created", None, "ann", None),
            ("device.registered", "ann", None, None),
            ("conversation.created", "ann", None, 1),
            ("member.added", "ann", "ben", 1),
            ("member.added", "ben", "cat", 3),
            ("member.removed", "ann", "ben", 4),
            ("member.left", "ann", "ann", 5),
            ("admin.promoted", "ann", "cat", 5),
            ("knob.changed", None, None, None),
        ]

    async def test_a_part_of_the_chain_verifies_from_the_head_before_it(self, store: Store) -> None:
        links, head = await self._chain(store)
        middle = audit.head_of(links[3])
        part = await store.audit_records(4, limit=3)
        assert part == links[4:7]
        assert audit.verify(part, after=middle) == audit.head_of(links[6])
        assert audit.verify(links[4:], after=middle, expected=head) == head

    async def test_refused_appends_leave_no_record(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        before = await store.audit_head()
        await store.append(room.request(room.added("ann", devices("ben", 2)), term=store.term + 1))
        await store.append(room.request(expected=9, acts=(AuditFact("never"),)))
        assert await store.audit_head() == before

    @pytest.mark.parametrize("crime", ["edit", "delete", "reorder", "insert", "cut off", "other log"])
    async def test_whatever_is_done_to_the_chain_is_found(self, store: Store, crime: str) -> None:
        links, head = await self._chain(store)
        start = audit.genesis(store.log_id, 0)
        edited = links[2].record.replace(b"created", b"deleted")
        doctored = {
            "edit": [*links[:2], audit.AuditLink(3, links[2].previous, edited, links[2].hash), *links[3:]],
            "delete": links[:2] + links[3:],
            "reorder": [*links[:2], links[3], links[2], *links[4:]],
            "insert": [*links[:2], audit.link(audit.head_of(links[1]), AuditFact("lie"), NOW), *links[2:]],
            "cut off": links[:-1],
            "other log": links,
        }[crime]
        if crime == "other log":
            start = audit.genesis(bytes(8), 0)
        with pytest.raises(ChainBroken):
            audit.verify(doctored, after=start, expected=head)


class OperationContract:
    """Health, statistics, cancellation."""

    async def test_a_store_that_works_says_so(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.say("m1", "m2")
        assert (await store.health()).ok
        figures = store.statistics()
        assert (figures.entries, figures.queued_items, figures.queued_bytes) == (3, 0, 0)
        assert figures.commits == 2

    async def test_a_call_that_is_cancelled_before_it_begins_does_nothing(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.append(room.request(*room.messages("m1")))
        assert scope.cancelled_caught
        assert await room.say("m1") == [2]


class WriteContract(
    AppendContract,
    IdempotencyContract,
    ReadMarkContract,
    DirectoryContract,
    TokenContract,
    OperationContract,
    KeyPackagesContract,
    WelcomesContract,
    GroupsContract,
    ModerationContract,
):
    """What depends on where commits happen."""


class StoreContract(
    WriteContract,
    MembershipContract,
    LogContract,
    AuditContract,
    CredentialsContract,
    LoginsContract,
    PasskeysContract,
    LinkedIdentityContract,
):
    """All of it."""
