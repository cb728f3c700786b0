"""A small world for the protocol's tests: accounts with devices, strategies for commands, and a log.

`World` is the oracle's bookkeeping: it decides, appends what was accepted and keeps every first answer.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import strategies as st

from protocol import (
    Accepted,
    AccountDid,
    AddMembers,
    Command,
    CommitMade,
    Conversation,
    ConversationKind,
    Create,
    CreateAnswer,
    DeviceId,
    Entry,
    EntryKind,
    Framing,
    Known,
    LeafAdd,
    Leave,
    Limits,
    MemberDevice,
    MsgId,
    Outcome,
    Rejected,
    RemoveMember,
    Send,
    WelcomeFor,
    body_hash,
    commit_id,
    conversation_id_from_bytes,
    decide,
    encode_fact,
    evolve,
    named_entry,
    next_digest,
)

CONVO = conversation_id_from_bytes(bytes(range(16)))
GROUP_ID = bytes(range(32))
LIMITS = Limits(max_members=5)
NOW = 1_000_001.7

ALICE, BOB, CAROL, DAVE, EVE, MALLORY = (
    AccountDid(f"did:web:{name}.example") for name in ("alice", "bob", "carol", "dave", "eve", "mallory")
)
ACCOUNTS = (ALICE, BOB, CAROL, DAVE, EVE, MALLORY)


def device(account: AccountDid, number: int = 1) -> DeviceId:
    """Two devices for each account, with ids that can be told apart at a glance."""
    return DeviceId(f"0000000{number}-0000-4000-8000-{ACCOUNTS.index(account):012d}")


def devices(*accounts: AccountDid) -> tuple[MemberDevice, ...]:
    """The first device of each account."""
    return tuple(MemberDevice(account, device(account), f"{account[8:]}'s") for account in accounts)


def ciphertext(size: int = 512, fill: int = 0) -> bytes:
    return bytes([fill]) * size


def create(
    *members: AccountDid, kind: ConversationKind = ConversationKind.OPAQUE, epoch: int | None = None
) -> Create:
    """Alice begins a conversation with herself and `members`, who have a leaf in her group if it is one.

    A group with others in it stands at epoch 1 unless another one is said.
    """
    if kind is ConversationKind.OPAQUE:
        return Create(CONVO, ALICE, kind, "", "", None, None, devices(ALICE, *members), epoch or 0)
    adds = tuple(LeafAdd(member, leaf=leaf) for leaf, member in enumerate(devices(*members), 1))
    return Create(
        CONVO, ALICE, kind, GROUP_ID.hex(), "", None, None, devices(ALICE),
        min(1, len(adds)) if epoch is None else epoch,
        adds=adds, welcomes=welcomes(adds),
    )  # fmt: skip


def welcomes(adds: Sequence[LeafAdd]) -> tuple[WelcomeFor, ...]:
    """One for each device that is added."""
    return tuple(
        WelcomeFor(each.member.account, each.member.device, each.key_package, b"welcome") for each in adds
    )


def send(account: AccountDid, msg_id: str, *, epoch: int = 0, body: bytes = ciphertext()) -> Send:
    """A well-formed send; in an mls conversation its framing says what the command says."""
    framing = Framing(GROUP_ID, epoch, "application")
    return Send(CONVO, account, device(account), MsgId(msg_id), epoch, body, framing)


def commit_entry(state: Conversation) -> Entry:
    """An empty commit of some member, which moves an MLS conversation to its next epoch."""
    body = b"commit on %d in %s" % (state.epoch, state.group.digest)
    fact = CommitMade(body, state.accounts()[0], next_digest(state.group.digest, body))
    return Entry(
        state.id, state.last_seq + 1, EntryKind.COMMIT, state.epoch + 1, commit_id(body), encode_fact(fact),
        body_hash(body), state.app_count, 1_000_000,
    )  # fmt: skip


def began(
    *members: AccountDid, kind: ConversationKind = ConversationKind.OPAQUE, epoch: int | None = None
) -> Conversation:
    """The state after Alice created the conversation."""
    outcome = decide(None, create(*members, kind=kind, epoch=epoch), now=NOW, limits=LIMITS)
    assert isinstance(outcome, Accepted)
    assert isinstance(outcome.answer, CreateAnswer)
    return outcome.answer.conversation


@dataclass
class World:
    """A conversation that lives: state, log, and what a store would know of sends."""

    state: Conversation | None = None
    log: list[Entry] = field(default_factory=list)
    known: dict[MsgId, Known] = field(default_factory=dict)

    def ask(self, command: Command, now: float = NOW) -> Outcome:
        """Decide as the actor does, look-up included, and append what was accepted."""
        name = named_entry(command)
        known = None if name is None else self.known.get(name)
        outcome = decide(self.state, command, now=now, known=known, limits=LIMITS, looked_up=True)
        if isinstance(outcome, Accepted):
            self.append(outcome.entries)
        return outcome

    def append(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.state = evolve(self.state, entry)
            self.log.append(entry)
            if entry.msg_id is not None:
                self.known[entry.msg_id] = Known(entry.seq, entry.body_hash, entry.epoch, entry.received)


# -- strategies: every command, sensible and senseless ---------------------------------------------------
#
# Commands are drawn from tables made beforehand with a seeded die: one draw a step instead of ten, so that
# a law can be tried on many long stories.

_DIE = random.Random(1)
_EPOCHS = (*range(7), -1, 2**31, 2**64)
_BODIES = (
    ciphertext(512),
    ciphertext(512, 1),
    ciphertext(1024),
    ciphertext(5120),
    ciphertext(8192),
    b"",
    b"-",
)
_MSG_IDS = tuple(MsgId(f"m{number}") for number in range(6))
_DEVICES = tuple(device(account, number) for account in ACCOUNTS for number in (1, 2))
_FRAMINGS: tuple[Framing | None, ...] = (
    None,
    Framing(GROUP_ID, 0, "application"),
    Framing(GROUP_ID, 1, "application"),
    Framing(b"other", 0, "application"),
    Framing(GROUP_ID, 0, "proposal"),
    Framing(GROUP_ID, 0, "commit"),
    Framing(GROUP_ID, 0, "application", private=False),
)

T = TypeVar("T")


def _any(values: Sequence[T]) -> T:
    return values[_DIE.randrange(len(values))]


def _some_devices() -> tuple[MemberDevice, ...]:
    """Mostly devices with their owners, now and then one in the wrong hands."""
    chosen = [(account, device(account, number)) for account in ACCOUNTS for number in (1, 2)]
    drawn = _DIE.sample(chosen, _DIE.randrange(5))
    if _DIE.random() < 0.1:
        drawn.append((_any(ACCOUNTS), _any(_DEVICES)))
    return tuple(MemberDevice(account, owned) for account, owned in drawn)


_SENDS = [
    send(account, msg_id, epoch=epoch, body=body)
    for account in ACCOUNTS
    for msg_id in _MSG_IDS
    for epoch in (0, 0, 0, 0, 1, 2, 3)
    for body in _BODIES[:2]
]
_ODD_SENDS = [
    Send(
        CONVO, _any(ACCOUNTS), _any((None, *_DEVICES)), _any(_MSG_IDS), _any(_EPOCHS), _any(_BODIES),
        _any(_FRAMINGS),
    )
    for _ in range(500)
]  # fmt: skip
_ADDS = [AddMembers(CONVO, _any(ACCOUNTS[:3]), _some_devices()) for _ in range(300)]
_REMOVES = [
    RemoveMember(CONVO, a, b, reason) for a in ACCOUNTS for b in ACCOUNTS for reason in (None, "spam")
]
_LEAVES = [
    *(Leave(CONVO, account, target) for account in ACCOUNTS for target in ACCOUNTS),
    *(Leave(CONVO, account) for account in ACCOUNTS for _ in range(3)),
]
_CREATES = [
    Create(
        CONVO, _any(ACCOUNTS), _any(tuple(ConversationKind)), _any((GROUP_ID.hex(), "")), "suite",
        _any((None, "name")), None, _some_devices(), _any(_EPOCHS),
    )
    for _ in range(100)
]  # fmt: skip

accounts = st.sampled_from(ACCOUNTS)
epochs = st.sampled_from(_EPOCHS)
bodies = st.sampled_from(_BODIES)
msg_ids = st.sampled_from(_MSG_IDS)
member_devices = st.sampled_from([_some_devices() for _ in range(100)])
kinds = st.sampled_from((ConversationKind.MLS, ConversationKind.OPAQUE))
commands: st.SearchStrategy[Command] = st.one_of(
    st.sampled_from(_SENDS),
    st.sampled_from(_SENDS),
    st.sampled_from(_SENDS),
    st.sampled_from(_ADDS),
    st.sampled_from(_ADDS),
    st.sampled_from(_REMOVES),
    st.sampled_from(_REMOVES),
    st.sampled_from(_LEAVES),
    st.sampled_from(_ODD_SENDS),
    st.sampled_from(_CREATES),
)
"""Weighed so that about half of a story happens: members write, come and go; strangers try."""

starts = st.builds(
    lambda members, kind, epoch: create(
        *members, kind=kind, epoch=epoch if kind is ConversationKind.MLS else None
    ),
    st.lists(st.sampled_from(ACCOUNTS[1:]), min_size=2, max_size=4, unique=True),
    kinds,
    st.sampled_from([None, None, None, 2, 4]),
)
"""Creations that are accepted, so that a story can begin."""

COMMIT = "commit"
stories = st.lists(st.one_of(*[commands] * 9, st.just(COMMIT)), min_size=8, max_size=30)
"""What happens to a conversation: commands, and commits that another part of the system appended."""


def play(start: Create, story: Sequence[Command | str]) -> tuple[World, list[tuple[Command, Outcome]]]:
    """Let a story happen; returns the world and each command with its outcome."""
    world = World()
    outcomes: list[tuple[Command, Outcome]] = [(start, world.ask(start))]
    assert world.state is not None
    for step in story:
        if not isinstance(step, str):
            outcomes.append((step, world.ask(step)))
        elif world.state.kind is ConversationKind.MLS:
            world.append([commit_entry(world.state)])
    return world, outcomes


def refusal(outcome: Outcome) -> Rejected:
    """The outcome as the refusal it is expected to be."""
    assert isinstance(outcome, Rejected), outcome
    return outcome
