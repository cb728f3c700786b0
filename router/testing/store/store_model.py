"""A store against a model of dictionaries and lists, under any sequence of acts (Hypothesis).

The model knows nothing of SQL: a log is a list, a membership is a pair of seqs. Each rule acts on both and
compares the answers; after each, log, states and audit chain are compared whole. A subclass opens the store;
`reopen` is a rule where the store can be closed and opened again.
"""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol import Entry
from router.store import audit
from router.store.errors import PoisonRequest
from router.store.interface import Store
from router.store.values import Appended, AppendOutcome, DuplicateMsgIds, Membership, SeqConflict, StaleTerm
from router.testing.store.rooms import NOW, Room, account, device, devices

T = TypeVar("T")
ALL = 1_000_000
NAMES = ("ann", "ben", "cat")
DEVICES = {"ann": (1, 2), "ben": (3,), "cat": (4, 5)}

rooms = st.integers(0, 3)
names = st.sampled_from(NAMES)
numbers = st.integers(1, 5)
sizes = st.sampled_from([1, 400, ALL])


class Loop:
    """A Trio loop in a thread, with one store open in it: the machine's rules are not async."""

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[Store]]) -> None:
        self._opened = opened
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._run,))
        self._thread.start()
        self._ready.wait()

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._stop = trio.Event()
        try:
            async with self._opened() as self.store:
                self._ready.set()
                await self._stop.wait()
        finally:
            self._ready.set()

    def call(self, act: Callable[[], Awaitable[T]]) -> T:
        """Run one act in the loop and wait for it."""
        return trio.from_thread.run(act, trio_token=self._token)

    def stop(self) -> None:
        """Close the store and end the thread."""
        self._token.run_sync_soon(self._stop.set)
        self._thread.join()


class StoreMachine(RuleBasedStateMachine):
    """See the module."""

    def opened(self) -> AbstractAsyncContextManager[Store]:
        """The store under test; called again by `reopen`."""
        raise NotImplementedError

    can_reopen = False

    @initialize()
    def begin(self) -> None:
        self.loop = Loop(self.opened)
        self.log: list[Entry] = []
        self.rooms = {number: Room(self.loop.store, number) for number in range(4)}
        self.inside: dict[int, list[str]] = {number: [] for number in range(4)}
        self.intervals: dict[int, list[Membership]] = {number: [] for number in range(1, 6)}
        self.marks: dict[tuple[int, int], int] = {}
        self.tokens: set[bytes] = set()
        self.count = 0

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.stop()

    def _fresh(self) -> str:
        self.count += 1
        return f"m{self.count}"

    # -- acts ------------------------------------------------------------------------------------------

    def _append(self, number: int, *entries: Entry) -> None:
        room = self.rooms[number]
        outcome: AppendOutcome = self.loop.call(lambda: room.post(*entries))
        assert isinstance(outcome, Appended)
        first = len(self.log) + 1
        assert [entry.position for entry in outcome.entries] == list(range(first, first + len(entries)))
        self.log.extend(outcome.entries)

    def _joined(self, number: int, name: str) -> None:
        entry = self.log[-1]
        self.inside[number].append(name)
        for owned in DEVICES[name]:
            began = Membership(entry.conversation, entry.seq, None, entry.position, None)
            self.intervals[owned].append(began)

    def _left(self, number: int, name: str) -> None:
        entry = self.log[-1]
        self.inside[number].remove(name)
        for owned in DEVICES[name]:
            for index, interval in enumerate(self.intervals[owned]):
                if interval.conversation == entry.conversation and interval.to_seq is None:
                    self.intervals[owned][index] = Membership(
                        interval.conversation,
                        interval.from_seq,
                        entry.seq,
                        interval.from_position,
                        entry.position,
                    )

    @rule(number=rooms, name=names)
    def create(self, number: int, name: str) -> None:
        if self.rooms[number].state is None:
            self._append(number, self.rooms[number].created(name, devices(name, *DEVICES[name])))
            self._joined(number, name)

    @rule(number=rooms, many=st.integers(1, 4), size=st.integers(0, 300))
    def say(self, number: int, many: int, size: int) -> None:
        if self.rooms[number].state is not None:
            fresh = [self._fresh() for _ in range(many)]
            self._append(number, *self.rooms[number].messages(*fresh, body=bytes(size)))

    @rule(number=rooms, name=names)
    def add(self, number: int, name: str) -> None:
        room = self.rooms[number]
        if room.state is not None and self.inside[number] and name not in self.inside[number]:
            actor = next(a for a in self.inside[number] if account(a) in room.state.admins)
            self._append(number, room.added(actor, devices(name, *DEVICES[name])))
            self._joined(number, name)

    @rule(number=rooms, name=names, put_out=st.booleans())
    def leave(self, number: int, name: str, put_out: bool) -> None:
        room = self.rooms[number]
        if room.state is None or name not in self.inside[number] or len(self.inside[number]) < 2:
            return
        admins = [a for a in self.inside[number] if account(a) in room.state.admins and a != name]
        self._append(number, room.removed(name, by=admins[0] if put_out and admins else None))
        self._left(number, name)

    @rule(number=rooms, which=st.integers(0, 40))
    def say_again(self, number: int, which: int) -> None:
        room = self.rooms[number]
        said = [entry for entry in room.log if entry.msg_id is not None]
        if said:
            old = said[which % len(said)]
            entries = room.messages(self._fresh(), str(old.msg_id), body=b"other bytes")
            outcome = self.loop.call(lambda: room.post(*entries))
            assert isinstance(outcome, DuplicateMsgIds)
            assert {name: known.seq for name, known in outcome.known.items()} == {old.msg_id: old.seq}

    @rule(number=rooms, off=st.sampled_from([-1, 1, 5]))
    def append_on_another_state(self, number: int, off: int) -> None:
        room = self.rooms[number]
        if room.seq + off >= 1:
            entry = room.messages("late")[0]
            moved = room.request(expected=room.seq + off)
            assert self.loop.call(lambda: self.loop.store.append(moved)) == SeqConflict(room.seq), entry

    @rule(number=rooms)
    def append_under_another_term(self, number: int) -> None:
        room = self.rooms[number]
        if room.state is not None:
            request = room.request(*room.messages("x"), term=self.loop.store.term + 1)
            assert self.loop.call(lambda: self.loop.store.append(request)) == StaleTerm(self.loop.store.term)

    @rule(poisoned=st.one_of(st.none(), rooms))
    def append_everywhere_at_once(self, poisoned: int | None) -> None:
        """One message into each room at once; one of them may be poison."""
        asked = {}
        for number, room in self.rooms.items():
            if room.state is not None:
                twice = ("p", "p") if number == poisoned else ()
                asked[number] = room.request(*room.messages(self._fresh(), *twice))
        outcomes: dict[int, object] = {}

        async def ask_all() -> None:
            async def ask(number: int) -> None:
                try:
                    outcomes[number] = await self.loop.store.append(asked[number])
                except PoisonRequest as poison:
                    outcomes[number] = poison

            async with trio.open_nursery() as nursery:
                for number in asked:
                    nursery.start_soon(ask, number)

        self.loop.call(ask_all)
        committed: list[Entry] = []
        for number, outcome in outcomes.items():
            if number == poisoned:
                assert isinstance(outcome, PoisonRequest)
            else:
                assert isinstance(outcome, Appended)
                self.rooms[number].took(outcome.entries)
                committed += outcome.entries
        self.log += sorted(committed, key=lambda entry: entry.position)

    @rule(number=rooms, owned=numbers, seq=st.integers(0, 30))
    def read_up_to(self, number: int, owned: int, seq: int) -> None:
        room = self.rooms[number]
        if room.state is not None:
            moved = self.loop.call(lambda: self.loop.store.set_read_mark(device(owned), room.id, seq))
            self.marks[owned, number] = max(seq, self.marks.get((owned, number), 0))
            assert moved == self.marks[owned, number]

    @rule(token=st.binary(min_size=16, max_size=16))
    def use_token(self, token: bytes) -> None:
        store = self.loop.store

        async def use() -> list[tuple[bytes, int]]:
            store.remember_token(token, NOW + 60)
            await store.record((), now=NOW)
            return await store.load_tokens(NOW)

        self.tokens.add(token)
        assert {kept for kept, _ in self.loop.call(use)} == self.tokens

    @precondition(lambda self: self.can_reopen)
    @rule()
    def reopen(self) -> None:
        before = self.loop.store.term
        self.loop.stop()
        self.loop = Loop(self.opened)
        assert self.loop.store.term == before + 1
        for room in self.rooms.values():
            room.store = self.loop.store

    # -- what must hold --------------------------------------------------------------------------------

    @rule(
        owned=numbers, after=st.integers(0, 40), most=st.integers(1, 9), size=st.sampled_from([1, 400, ALL])
    )
    def a_device_resumes(self, owned: int, after: int, most: int, size: int) -> None:
        """From any position, in pages of any size: exactly the log restricted to its memberships."""
        store = self.loop.store

        async def pages() -> list[Entry]:
            got: list[Entry] = []
            position, head = after, await store.head()
            while position < head:
                page = await store.device_entries(
                    device(owned), after=position, upto=head, max_entries=most, max_bytes=size
                )
                got += page.entries
                assert position < page.examined_to <= head
                position = page.examined_to
            return got

        assert self.loop.call(pages) == [
            entry
            for entry in self.log
            if entry.position > after
            and any(
                interval.conversation == entry.conversation
                and interval.from_seq <= entry.seq <= (interval.to_seq or ALL)
                for interval in self.intervals[owned]
            )
        ]

    @rule(owned=numbers)
    def memberships_and_marks_are_those_of_the_model(self, owned: int) -> None:
        store = self.loop.store
        assert self.loop.call(lambda: store.memberships(device(owned))) == self.intervals[owned]
        assert self.loop.call(lambda: store.read_marks(device(owned))) == {
            self.rooms[number].id: mark for (owner, number), mark in self.marks.items() if owner == owned
        }

    @rule(owned=numbers, number=rooms)
    def unread_is_what_lies_behind_the_mark(self, owned: int, number: int) -> None:
        room = self.rooms[number]
        mine = [i for i in self.intervals[owned] if i.conversation == room.id]
        counted = self.loop.call(lambda: self.loop.store.unread(device(owned), [room.id]))
        if not mine:
            assert counted == {}
        else:
            start = max(mine[-1].from_seq, self.marks.get((owned, number), 0))
            behind = [
                e for e in room.log if start < e.seq <= (mine[-1].to_seq or ALL) and e.msg_id is not None
            ]
            assert counted == {room.id: len(behind)}

    @rule(name=names)
    def an_account_sees_the_conversations_it_is_in(self, name: str) -> None:
        page = self.loop.call(lambda: self.loop.store.conversations_of(account(name), limit=10))
        created = sorted(self.rooms.values(), key=lambda room: room.log[0].position if room.log else 0)
        assert [state.id for state in page.conversations] == [
            room.id for room in created if room.state is not None and room.state.is_member(account(name))
        ]

    @invariant()
    def log_states_and_audit_chain_are_those_of_the_model(self) -> None:
        if hasattr(self, "loop"):
            self.loop.call(self._compare)

    async def _compare(self) -> None:
        store = self.loop.store
        assert await store.entries_after(0, max_entries=ALL, max_bytes=1 << 40) == self.log
        for room in self.rooms.values():
            assert await store.conversation(room.id) == room.state
        links = await store.audit_records(0, limit=ALL)
        head = await store.audit_head()
        assert audit.verify(links, after=audit.genesis(store.log_id, 0), expected=head) == head


@asynccontextmanager
async def kept(store: Store) -> AsyncIterator[Store]:
    """A store that needs no closing."""
    await trio.lowlevel.checkpoint()
    yield store
