"""What every store must do with a group's state, GroupInfo, handshakes, evidence and additions."""

from collections.abc import Callable

import pytest

from protocol import (
    AddMembers,
    Command,
    EntryKind,
    Group,
    Leave,
    PolicyChange,
    PutGroupInfo,
    RemoveMember,
    UpdateGroupInfo,
    UpdatePolicy,
    body_hash,
)
from router.store import bounds
from router.store.errors import PoisonRequest
from router.store.groups import (
    AdditionHeld,
    AdditionLeased,
    AdditionUnknown,
    Evidence,
    PendingAddition,
    StoredGroupInfo,
)
from router.store.interface import Store
from router.store.values import DEFAULT_RETENTION, Appended, DuplicateMsgIds
from router.testing.store.group_rooms import GroupRoom, info, package, publish, ref, register
from router.testing.store.rooms import NOW, Room, account, device, devices

ANN, BEN, CAT = account("ann"), account("ben"), account("cat")
ALL = 1_000_000


async def grouped(store: Store, number: int = 1) -> GroupRoom:
    """A group of Ann's first device and Ben's second."""
    room = GroupRoom(store, number)
    await room.found("ann", 1)
    await room.let_in(1, "ann", "ben", 2)
    return room


class GroupStateContract:
    """The state read back is the fold of the entries, and acts are audited."""

    async def test_every_kind_of_entry_moves_the_state_as_evolve_says(self, store: Store) -> None:
        room = GroupRoom(store, 1)
        await room.found("ann", 1, others=["cat"])
        assert await store.conversation(room.id) == room.state
        steps: list[Callable[[], Command]] = [
            lambda: room.commit(1, "ann", adds=[("ben", 2, None), ("cat", 3, None)], group_info=b"g"),
            lambda: room.proposal(2, "ben", b"r1"),
            lambda: room.role("ann", "cat", "moderator"),
            lambda: room.role("ann", "ben", "admin"),
            lambda: UpdatePolicy(room.id, ANN, PolicyChange(max_members=9)),
            lambda: room.commit(2, "ben", adds=[("ben", 4, None)], removes=[3]),
            lambda: UpdateGroupInfo(room.id, ANN, info(2)),
            lambda: room.reset(2, "ben", adds=[("ben", 4)]),
            lambda: room.commit(2, "ben", adds=[("ann", 5, None)]),
            lambda: room.role("ben", "ann", "member"),
        ]
        for step in steps:
            outcome = await room.ask(step())
            assert isinstance(outcome, Appended), outcome
            assert await store.conversation(room.id) == room.state
        assert room.state is not None
        assert (room.state.group.generation, room.state.admins) == (1, frozenset({BEN}))
        acts = [link.read() for link in await store.audit_records(0, limit=100)]
        done = {act.action for act in acts if act.conversation == room.id}
        assert done >= {"moderator.promoted", "admin.promoted", "policy.changed"}
        assert done >= {"member.removed", "member.demoted", "group.reset"}

    async def test_who_went_is_named_again_struck_again_and_let_in_again(self, store: Store) -> None:
        """Standings move with notices too, and with removals of who is not in."""
        room = await grouped(store)
        commands: tuple[Callable[[], Command], ...] = (
            lambda: Leave(room.id, BEN),
            lambda: AddMembers(room.id, ANN, devices("ben", 2)),
            lambda: RemoveMember(room.id, ANN, BEN, None),
            lambda: room.commit(1, "ann", removes=[2]),
            lambda: room.commit(1, "ann", adds=[("ben", 2, None)]),
        )
        for command in commands:
            outcome = await room.ask(command())
            assert isinstance(outcome, Appended), outcome
            assert await store.conversation(room.id) == room.state

    async def test_an_opaque_conversation_has_no_group(self, store: Store) -> None:
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1))
        await room.add("ann", devices("ben", 2))
        state = await store.conversation(room.id)
        assert state is not None
        assert (state.group, state) == (Group(), room.state)

    async def test_a_commit_that_is_there_already_is_told_as_a_message_is(self, store: Store) -> None:
        """Also when its key packages are gone, as they are: by itself."""
        await register(store, 3, "cat")
        await publish(store, 3, "cat", package("c"))
        room = await grouped(store)
        await store.claim_key_packages(ANN, CAT, now=NOW, ttl=60)
        commit = room.commit(1, "ann", adds=[("cat", 3, ref("c"))])
        first = room.request_for(commit)
        assert isinstance(await room.ask(commit), Appended)
        head = first.entries[0]
        again = first.__class__(
            room.id,
            room.seq,
            tuple(
                entry.__class__(
                    entry.conversation,
                    room.seq + 1 + number,
                    entry.kind,
                    entry.epoch,
                    entry.msg_id,
                    entry.body,
                    entry.body_hash,
                    entry.app_count,
                    entry.received,
                )
                for number, entry in enumerate(first.entries)
            ),
            first.term,
            first.now,
            effects=first.effects,
        )
        outcome = await store.append(again)
        assert isinstance(outcome, DuplicateMsgIds)
        assert [known.seq for known in outcome.known.values()] == [head.seq]
        assert head.msg_id is not None
        assert await store.known_sends(room.id, [head.msg_id]) == outcome.known


class GroupMaterialContract:
    """GroupInfo, handshakes by epoch, evidence."""

    async def test_the_group_info_changes_with_the_commit_and_goes_with_one_that_brings_none(
        self, store: Store
    ) -> None:
        room = await grouped(store)
        assert await store.group_info(room.id) is None
        await room.ask(room.commit(1, "ann", adds=[("cat", 3, None)], group_info=b"second"))
        assert await store.group_info(room.id) == StoredGroupInfo(0, 2, body_hash(b"second"), b"second", NOW)
        await room.ask(room.commit(1, "ann", removes=[3]))
        assert await store.group_info(room.id) is None
        await room.ask(UpdateGroupInfo(room.id, BEN, info(3, b"third")), now=NOW + 8)
        assert await store.group_info(room.id) == StoredGroupInfo(
            0, 3, body_hash(b"third"), b"third", NOW + 8
        )
        with pytest.raises(PoisonRequest):
            await room.put(PutGroupInfo(0, 3, bytes(bounds.MAX_GROUP_INFO_BYTES + 1), b"h"))

    async def test_commits_are_read_by_epoch_and_only_those_of_the_current_group(self, store: Store) -> None:
        room = await grouped(store)
        for number in (3, 4, 5):
            await room.let_in(1, "ann", "cat", number)
            await room.ask(room.proposal(2, "ben", b"r%d" % number))

        async def epochs(first: int, last: int | None = None, most: int = ALL) -> list[int]:
            entries = await store.commits(
                room.id, from_epoch=first, to_epoch=last, max_entries=most, max_bytes=ALL
            )
            assert all(entry.kind is EntryKind.COMMIT for entry in entries)
            return [entry.epoch for entry in entries]

        async def proposed(epoch: int) -> list[int]:
            entries = await store.proposals(room.id, epoch=epoch, max_entries=9, max_bytes=ALL)
            return [entry.epoch for entry in entries if entry.kind is EntryKind.PROPOSAL]

        assert (await epochs(0), await epochs(2, 3)) == ([1, 2, 3, 4], [2, 3])
        assert await epochs(1, most=2) == [1, 2]
        assert (await proposed(3), await proposed(1)) == ([3], [])
        await room.ask(room.reset(1, "ann"))
        assert (await epochs(0), await proposed(3)) == ([], [])
        await room.let_in(1, "ann", "ben", 2)
        assert await epochs(0) == [1]
        assert await store.commits(Room(store, 9).id, from_epoch=0, max_entries=9, max_bytes=9) == []

    async def test_evidence_is_kept_once_newest_first_and_only_so_much_of_it(self, store: Store) -> None:
        room, other = await grouped(store, 1), await grouped(store, 2)
        for body in (b"bad", b"worse", b"bad"):
            digest = await store.keep_evidence(room.id, body, reason="InvalidCommit", sender=BEN, now=NOW)
            assert digest == body_hash(body)
        assert await store.evidence(room.id) == [
            Evidence(room.id, body_hash(body), body, "InvalidCommit", BEN, NOW) for body in (b"worse", b"bad")
        ]
        for number in range(bounds.MAX_EVIDENCE + 3):
            await store.keep_evidence(other.id, b"%d" % number, reason="X", sender=BEN, now=NOW + 2)
        kept = [piece.body for piece in await store.evidence(other.id)]
        assert kept == [b"%d" % number for number in range(bounds.MAX_EVIDENCE + 2, 2, -1)]
        assert len(await store.evidence(room.id)) == 2
        assert (await store.mls_figures(now=NOW)).evidence == 2 + bounds.MAX_EVIDENCE
        with pytest.raises(PoisonRequest):
            await store.keep_evidence(Room(store, 9).id, b"x", reason="X", sender=BEN, now=NOW)
        assert (await store.expire(NOW + DEFAULT_RETENTION.evidence)).ended == 2
        assert await store.evidence(room.id) == []


class AdditionContract:
    """New devices wait until somebody adds them; one at a time."""

    async def _waits(self, store: Store, who: str = "ann", **asked: object) -> list[tuple[str, str]]:
        found = await store.pending_additions(account(who), now=NOW, limit=99, **asked)  # type: ignore[arg-type]
        return [(one.conversation, one.device) for one in found]

    async def test_a_device_registered_later_waits_in_every_group_of_its_account(self, store: Store) -> None:
        rooms = [await grouped(store, number) for number in (1, 2)]
        plain = Room(store, 3)
        await plain.create("ann", devices("ann", 1) + devices("ben", 2))
        for number, name in ((2, "ben"), (7, "ben"), (8, "cat"), (9, "ben")):
            await register(store, number, name)
        assert await self._waits(store) == [], "no key package: nobody could add it"
        await publish(store, 7, "ben", package("a"), package("b", suite=2))
        await publish(store, 9, "ben", package("old", not_after=NOW))
        await publish(store, 8, "cat", package("c"))
        assert await store.pending_additions(ANN, now=NOW, limit=1) == [
            PendingAddition(rooms[0].id, BEN, device(7), "d7", NOW // 86_400, (1, 2), None, None)
        ]
        assert await self._waits(store) == [(room.id, device(7)) for room in rooms]
        assert await self._waits(store, "ben") == await self._waits(store), "its own account sees it too"
        assert await self._waits(store, conversations=[rooms[1].id]) == [(rooms[1].id, device(7))]
        assert await self._waits(store, "cat") == []

        await rooms[0].let_in(1, "ann", "ben", 7)
        assert await self._waits(store) == [(rooms[1].id, device(7))]

    async def test_a_device_that_was_put_out_alone_does_not_wait_but_one_whose_account_came_back_does(
        self, store: Store
    ) -> None:
        for number in (2, 7):
            await register(store, number, "ben")
            await publish(store, number, "ben", package(f"p{number}"))
        room = await grouped(store)
        await room.let_in(1, "ann", "ben", 7)
        await room.ask(room.commit(1, "ann", removes=[7]))
        assert await self._waits(store) == [], "somebody took it out; it asks if it wants to come back"
        await room.ask(room.commit(1, "ann", removes=[2]))
        assert await self._waits(store) == [], "the account is out"
        await room.let_in(1, "ann", "ben", 2)
        assert await self._waits(store) == [(room.id, device(7))]

    async def test_one_device_at_a_time_adds_another(self, store: Store) -> None:
        room = await grouped(store)
        await register(store, 7, "ben")
        await publish(store, 7, "ben", package("a"))

        async def lease(to: int, number: int = 7, now: int = NOW) -> object:
            return await store.lease_addition(room.id, device(number), to=device(to), now=now, ttl=60)

        async def end(by: int, now: int = NOW) -> str:
            return await store.end_addition(room.id, device(7), by=device(by), now=now)

        assert await lease(1, 8) == AdditionUnknown()
        assert await lease(1) == AdditionLeased(NOW + 60)
        assert await lease(2, now=NOW + 59) == AdditionHeld(device(1), NOW + 60)
        assert await lease(1, now=NOW + 2) == AdditionLeased(NOW + 62)
        (waiting,) = await store.pending_additions(ANN, now=NOW, limit=9)
        assert (waiting.leased_to, waiting.leased_until) == (device(1), NOW + 62)
        assert await end(2) == "not-claimed"
        assert await end(1) == "pending"
        assert await lease(2, now=NOW + 3) == AdditionLeased(NOW + 63)
        assert await lease(1, now=NOW + 63) == AdditionLeased(NOW + 123)
        assert await end(2, NOW + 63) == "not-claimed", "it had lapsed"
        await store.claim_key_packages(ANN, BEN, device=device(7), now=NOW, ttl=60)
        assert await lease(1, now=NOW + 64) == AdditionLeased(NOW + 124), "its package is claimed for this"
        await room.let_in(1, "ann", "ben", 7)
        assert await end(1, NOW + 65) == "completed"
        assert await lease(1) == AdditionUnknown()

    async def test_a_revoked_device_neither_waits_nor_adds(self, store: Store) -> None:
        room = await grouped(store)
        await register(store, 1)
        for number in (7, 8):
            await register(store, number, "ben")
            await publish(store, number, "ben", package(f"p{number}"))
            await store.lease_addition(room.id, device(number), to=device(1), now=NOW, ttl=60)
        await store.revoke_device(BEN, device(7), now=NOW)
        assert await self._waits(store) == [(room.id, device(8))]
        await store.revoke_device(ANN, device(1), now=NOW)
        assert isinstance(
            await store.lease_addition(room.id, device(8), to=device(2), now=NOW, ttl=60), AdditionLeased
        )


class GroupsContract(GroupStateContract, GroupMaterialContract, AdditionContract):
    """Everything of this file."""
