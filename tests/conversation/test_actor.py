"""The conversation actor against a real store: batches, retries, failures of the world and of ours."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from actors import Registry, RegistryOptions
from protocol import (
    AccountDid,
    AddMembers,
    Changed,
    Conversation,
    ConversationId,
    ConversationKind,
    Create,
    CreateAnswer,
    Entry,
    IdempotencyKey,
    Known,
    Leave,
    Limits,
    MsgId,
    Rejected,
    Send,
    Sent,
    decide_batch,
)
from router.conversation.actor import ConversationBehaviour
from router.conversation.service import Ask, Busy, Conversations, OutcomeLost, weigh
from router.store.errors import StoreUnavailable
from router.store.interface import Store
from router.store.memory import MemoryStore
from router.store.values import Appended, AppendOutcome, AppendRequest
from tests.device.house import ADMIN, account, conversation, member

NOW = 1_700_000_001.5
BODY = b"\x01" * 512


class WeakStore(MemoryStore):
    """A memory store whose disk can be full, and which can choke on one message."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.poison: MsgId | None = None
        self.appends = 0

    async def append(self, request: AppendRequest) -> AppendOutcome:
        if self.full:
            await trio.lowlevel.checkpoint()
            raise StoreUnavailable(3.0, "disk full")
        if any(entry.msg_id == self.poison for entry in request.entries if self.poison):
            await trio.lowlevel.checkpoint()
            raise RuntimeError("this one cannot be written")
        self.appends += 1
        return await super().append(request)


@asynccontextmanager
async def conversations(store: Store, capacity: int = 64) -> AsyncIterator[Conversations]:
    """The service over real actors and this store."""
    behaviour = ConversationBehaviour(store, Limits(), lambda: NOW)
    registry: Registry[ConversationId, Ask] = Registry(
        "conversations",
        behaviour,
        RegistryOptions(weigh=weigh, max_weight=1 << 20, capacity=capacity),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        yield Conversations(registry)
        nursery.cancel_scope.cancel()


def create(number: int = 0, key: IdempotencyKey | None = None) -> Create:
    """The admin begins conversation `number` alone."""
    return Create(
        conversation(number),
        ADMIN,
        ConversationKind.OPAQUE,
        "",
        "",
        None,
        None,
        (member(0),),
        idempotency=key,
    )


def send(name: str, body: bytes = BODY, by: AccountDid = ADMIN) -> Send:
    """A message into conversation 0."""
    return Send(conversation(0), by, None, MsgId(name), 0, body)


async def log(store: Store) -> list[Entry]:
    """Conversation 0 as it stands in the store."""
    return await store.conversation_entries(
        conversation(0), after_seq=0, max_entries=10_000, max_bytes=1 << 30
    )


async def test_a_conversation_from_its_creation_to_a_retried_send() -> None:
    """The example to read first: create, send, send the same again."""
    store = MemoryStore()
    async with conversations(store) as service:
        created = await service.ask(create())
        assert isinstance(created, CreateAnswer)
        first = await service.ask(send("a"))
        assert first == Sent(MsgId("a"), 2, 0, 1_700_000_000)
        assert await service.ask(send("a")) == first, "a retry gets the first answer"
        other = await service.ask(send("a", b"\x02" * 512))
        assert isinstance(other, Rejected)
        assert other.error == "IdempotencyConflict"
        assert [entry.seq for entry in await log(store)] == [1, 2]


async def test_what_waits_is_committed_together_and_in_the_order_it_was_posted() -> None:
    store = WeakStore()
    async with conversations(store) as service:
        await service.ask(create())
        before = store.appends
        replies = [service.post(send(f"m{number}")) for number in range(40)]
        answers = [await reply.wait() for reply in replies]
        assert [answer.seq for answer in answers if isinstance(answer, Sent)] == list(range(2, 42))
        assert store.appends - before <= 2


async def test_a_full_disk_refuses_with_a_time_and_the_same_bytes_go_through_afterwards() -> None:
    store = WeakStore()
    async with conversations(store) as service:
        await service.ask(create())
        store.full = True
        with pytest.raises(StoreUnavailable) as full:
            await service.ask(send("a"))
        assert full.value.retry_after == 3.0
        store.full = False
        assert await service.ask(send("a")) == Sent(MsgId("a"), 2, 0, 1_700_000_000)


async def test_poison_fails_alone_and_its_neighbours_in_the_batch_are_answered() -> None:
    store = WeakStore()
    async with conversations(store) as service:
        await service.ask(create())
        store.poison = MsgId("m5")
        replies = [service.post(send(f"m{number}")) for number in range(11)]
        seqs: list[int | None] = []
        for reply in replies:
            try:
                answer = await reply.wait()
                seqs.append(answer.seq if isinstance(answer, Sent) else None)
            except Exception:  # noqa: BLE001 -- which one failed is what this test looks at
                seqs.append(None)
        assert seqs == [2, 3, 4, 5, 6, None, 7, 8, 9, 10, 11]
        store.poison = None
        assert isinstance(await service.ask(send("after")), Sent), "a crash and a clean restart"


async def test_a_state_that_another_writer_made_old_is_reloaded() -> None:
    """After an unknown outcome the log may be ahead of the actor; the store says so and wins."""
    store = MemoryStore()
    async with conversations(store) as here, conversations(store) as there:
        await here.ask(create())
        await there.ask(send("from there"))
        assert await here.ask(send("from here")) == Sent(MsgId("from here"), 3, 0, 1_700_000_000)
        assert await here.ask(send("from there")) == Sent(MsgId("from there"), 2, 0, 1_700_000_000)


async def test_a_removed_sender_still_learns_the_fate_of_what_it_sent() -> None:
    store = MemoryStore()
    async with conversations(store) as service:
        await service.ask(create())
        await service.ask(AddMembers(conversation(0), ADMIN, (member(1),)))
        first = await service.ask(send("a", by=account(1)))
        await service.ask(Leave(conversation(0), account(1)))
        assert await service.ask(send("a", by=account(1))) == first
        refused = await service.ask(send("b", by=account(1)))
        assert isinstance(refused, Rejected)
        assert refused.error == "NotMember"


async def test_an_idempotent_change_answers_the_same_after_a_restart() -> None:
    store = MemoryStore()
    key = IdempotencyKey(b"s" * 32, b"f" * 32)
    add = AddMembers(conversation(0), ADMIN, (member(1),), idempotency=key)
    async with conversations(store) as service:
        await service.ask(create())
        first = await service.ask(add)
        assert isinstance(first, Changed)
    async with conversations(store) as service:
        assert await service.ask(add) == first
        other = AddMembers(
            conversation(0), ADMIN, (member(2),), idempotency=IdempotencyKey(b"s" * 32, b"g" * 32)
        )
        refused = await service.ask(other)
        assert isinstance(refused, Rejected)
        assert refused.error == "IdempotencyConflict"


async def test_a_full_mailbox_is_an_explicit_refusal() -> None:
    store = WeakStore()
    async with conversations(store, capacity=4) as service:
        await service.ask(create())
        replies = [service.post(send(f"m{number}")) for number in range(4)]
        with pytest.raises(Busy) as busy:
            service.post(send("one too many"))
        assert busy.value.retry_after > 0
        for reply in replies:
            await reply.wait()


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), max_size=30))
def test_any_crowd_of_sends_and_retries_leaves_a_dense_log_with_each_message_once(
    sends: list[tuple[int, bool, bool]],
) -> None:
    """Each send may be repeated with other bytes, and each asker may give up waiting at once."""

    async def main() -> None:
        store = MemoryStore()
        results: dict[tuple[int, bool], set[object]] = {}

        async def ask(service: Conversations, name: int, other: bool, hasty: bool) -> None:
            body = b"\x02" * 512 if other else BODY
            with trio.move_on_after(0 if hasty else 60):
                answer = await service.ask(send(f"m{name}", body))
                results.setdefault((name, other), set()).add(
                    answer.seq if isinstance(answer, Sent) else getattr(answer, "error", None)
                )

        async with conversations(store) as service:
            await service.ask(create())
            async with trio.open_nursery() as crowd:
                for name, other, hasty in sends:
                    crowd.start_soon(ask, service, name, other, hasty)
        entries = await log(store)
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        names = [entry.msg_id for entry in entries[1:]]
        assert len(names) == len(set(names))
        for answers in results.values():
            assert len(answers) == 1, "one msgId and body, one answer"

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_the_crash_of_an_actor_is_told_as_an_unknown_outcome() -> None:
    class Choking(MemoryStore):
        async def append(self, request: AppendRequest) -> AppendOutcome:
            await super().append(request)
            raise RuntimeError("written, but who knows")

    async with conversations(Choking()) as service:
        with pytest.raises(OutcomeLost):
            await service.ask(create())


async def test_a_conversation_that_cannot_even_load_is_left_alone_for_a_while() -> None:
    class Gone(MemoryStore):
        async def conversation(self, conversation: ConversationId) -> None:
            raise RuntimeError("cannot even load")

    async with conversations(Gone()) as service:
        for _ in range(4):
            with pytest.raises(OutcomeLost):
                await service.ask(send("a"))
        with pytest.raises(Busy) as busy:
            await service.ask(send("a"))
        assert busy.value.retry_after > 1


async def test_a_store_that_cannot_read_is_no_crash_and_the_actor_goes_on_when_it_can() -> None:
    """The world's fault is told with a time; it must not add up to a quarantine."""

    class Unreadable(MemoryStore):
        down = True

        async def conversation(self, conversation: ConversationId) -> Conversation | None:
            if self.down:
                await trio.lowlevel.checkpoint()
                raise StoreUnavailable(2.0, "cannot read")
            return await super().conversation(conversation)

    store = Unreadable()
    async with conversations(store) as service:
        for _ in range(10):
            with pytest.raises(StoreUnavailable):
                await service.ask(create())
        store.down = False
        assert isinstance(await service.ask(create()), CreateAnswer)


async def test_what_was_looked_up_before_a_conflict_is_looked_up_again() -> None:
    """A send of unknown outcome lands between the look-up and the append: it gets its first result."""

    class Late(MemoryStore):
        """Answers the first look-up, and only then lets an earlier append land."""

        late: AppendRequest | None = None

        async def known_sends(
            self, conversation: ConversationId, msg_ids: Sequence[MsgId]
        ) -> dict[MsgId, Known]:
            found = await super().known_sends(conversation, msg_ids)
            if self.late is not None:
                request, self.late = self.late, None
                assert isinstance(await super().append(request), Appended)
            return found

    store = Late()
    async with conversations(store) as service:
        await service.ask(create())
        await service.ask(AddMembers(conversation(0), ADMIN, (member(1),)))
        state = await store.conversation(conversation(0))
        lost = decide_batch(state, [send("lost", by=account(1))], now=NOW, limits=Limits())
        store.late = AppendRequest(conversation(0), 2, lost.entries, store.term)
        # the wrong size would be refused; it is looked up first, and meanwhile "lost" becomes known
        batch = [service.post(send("lost", b"too short", by=account(1))), service.post(send("other"))]
        first = await batch[0].wait()
        assert isinstance(first, Rejected)
        assert first.error == "IdempotencyConflict", "judged against what landed, not against an old look"
        assert isinstance(await batch[1].wait(), Sent)
