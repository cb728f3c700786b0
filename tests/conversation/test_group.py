"""Commits through the actor and a real store: one wins, a resend is answered, a condition refuses one."""

from protocol import (
    Commit,
    Committed,
    ConversationKind,
    Create,
    EntryKind,
    Handshake,
    LeafAdd,
    Rejected,
    RemoveMember,
    WelcomeFor,
    commit_id,
)
from router.store.memory import MemoryStore
from tests.conversation.test_actor import conversations, log
from tests.device.house import ADMIN, account, conversation, device, member

GROUP = bytes(range(32))
RECEIVED = 1_700_000_000


def group() -> Create:
    """The admin's group, with the first member in it."""
    add = LeafAdd(member(1), leaf=1)
    welcome = WelcomeFor(account(1), device(1), None, b"welcome")
    return Create(
        conversation(0), ADMIN, ConversationKind.MLS, GROUP.hex(), "suite", None, None, (member(0),), 1,
        adds=(add,), welcomes=(welcome,),
    )  # fmt: skip


def commit(by: int, *, epoch: int = 1, add: int | None = None, ref: bytes | None = None) -> Commit:
    """A private commit of member `by`, which may add another one with a key package."""
    adds: tuple[LeafAdd, ...] = ()
    welcomes: tuple[WelcomeFor, ...] = ()
    if add is not None:
        adds = (LeafAdd(member(add), ref),)
        welcomes = (WelcomeFor(account(add), device(add), ref, b"welcome"),)
    made = Handshake(
        b"commit of %d on %d" % (by, epoch), epoch, GROUP, True, adds, committer_device=device(by),
        welcomes=welcomes,
    )  # fmt: skip
    return Commit(conversation(0), ADMIN if by == 0 else account(by), device(by), made)


async def test_of_commits_that_arrive_together_one_wins_and_its_resend_gets_the_same_answer() -> None:
    store = MemoryStore()
    async with conversations(store) as service:
        await service.ask(group())
        replies = [service.post(commit(0)), service.post(commit(1))]
        won, lost = [await reply.wait() for reply in replies]
        assert won == Committed(2, 2, RECEIVED)
        assert isinstance(lost, Rejected)
        assert (lost.error, lost.epoch) == ("EpochMismatch", 2)
        await service.ask(commit(1, epoch=2))
        assert await service.ask(commit(0)) == won
        await service.ask(RemoveMember(conversation(0), ADMIN, account(1)))
        again = await service.ask(commit(1, epoch=2))
        assert again == Committed(3, 3, RECEIVED), "also to who was put out since"


async def test_a_resend_after_a_restart_is_found_in_the_log() -> None:
    """Nothing is remembered beside the log: a new incarnation knows what the old one accepted."""
    store = MemoryStore()
    async with conversations(store) as service:
        await service.ask(group())
        first = await service.ask(commit(0))
    async with conversations(store) as service:
        assert await service.ask(commit(0)) == first
        entries = await log(store)
        assert [entry.msg_id for entry in entries][1:] == [commit_id(commit(0).handshake.body)]


async def test_a_commit_whose_key_package_is_not_there_is_refused_alone_and_writes_nothing() -> None:
    """Failure 6. The commit behind it in the batch has its turn, and the epoch is still free for it."""
    store = MemoryStore()
    async with conversations(store) as service:
        await service.ask(group())
        replies = [service.post(commit(0, add=2, ref=b"no such package")), service.post(commit(1))]
        refused, won = [await reply.wait() for reply in replies]
        assert isinstance(refused, Rejected)
        assert refused.error == "KeyPackageNotFound"
        assert won == Committed(2, 2, RECEIVED)
        assert [entry.kind for entry in await log(store)] == [EntryKind.CREATED, EntryKind.COMMIT]


async def test_what_was_added_by_a_commit_is_in_and_its_welcome_waits() -> None:
    store = MemoryStore()
    async with conversations(store) as service:
        await service.ask(group())
        await service.ask(commit(0, add=2))
    state = await store.conversation(conversation(0))
    assert state is not None
    assert state.is_member(account(2))
    welcome = await store.welcome(conversation(0), device(2))
    assert welcome is not None
    assert (welcome.body, welcome.epoch) == (b"welcome", 2)
