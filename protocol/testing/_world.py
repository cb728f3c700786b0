"""One conversation that lives: what is decided is appended, and every first answer is remembered.

    world = World()
    world.ask(create(BOB))
    assert isinstance(world.ask(send(BOB, "m1")), Accepted)
    assert world.state == replay(world.log)

It is what an actor and its store do together, without either, and it is where another implementation of
`decide` is put to be tried: `World(decide=mine)`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from protocol import (
    Accepted,
    AccountDid,
    Command,
    Conversation,
    ConversationKind,
    Create,
    CreateAnswer,
    Entry,
    Known,
    Limits,
    MsgId,
    Outcome,
    Rejected,
    decide,
    evolve,
    named_entry,
)

from ._authoring import commit_entry, create
from ._cast import NOW
from ._require import fail

LIMITS = Limits(max_members=5)
"""One account fewer than the cast has, so that a full conversation is met."""


class Decide(Protocol):
    """What `protocol.decide` is."""

    def __call__(
        self,
        state: Conversation | None,
        command: Command,
        *,
        now: float,
        known: Known | None = None,
        limits: Limits,
        looked_up: bool = False,
    ) -> Outcome: ...


@dataclass
class World:
    """State and log of a conversation, and what a store would know of the bytes in it."""

    state: Conversation | None = None
    log: list[Entry] = field(default_factory=list)
    known: dict[MsgId, Known] = field(default_factory=dict)
    decide: Decide = decide
    limits: Limits = LIMITS

    @property
    def now_at(self) -> Conversation:
        """The state of a conversation that has begun."""
        if self.state is None:
            raise LookupError("the conversation has not begun")
        return self.state

    def ask(self, command: Command, now: float = NOW) -> Outcome:
        """Decide as the actor does, look-up included, and append what was accepted."""
        name = named_entry(command)
        known = None if name is None else self.known.get(name)
        outcome = self.decide(
            self.state, command, now=now, known=known, limits=self.limits, looked_up=True
        )  # fmt: skip
        if isinstance(outcome, Accepted):
            self.append(outcome.entries)
        return outcome

    def append(self, entries: Iterable[Entry]) -> None:
        """These entries happened."""
        for entry in entries:
            self.state = evolve(self.state, entry)
            self.log.append(entry)
            if entry.msg_id is not None:
                self.known[entry.msg_id] = Known(entry.seq, entry.body_hash, entry.epoch, entry.received)


def replay(log: Iterable[Entry]) -> Conversation | None:
    """The state that a log adds up to; `BrokenLog` where it is none."""
    state: Conversation | None = None
    for entry in log:
        state = evolve(state, entry)
    return state


def began(
    *members: AccountDid, kind: ConversationKind = ConversationKind.OPAQUE, epoch: int | None = None
) -> Conversation:
    """The state after Alice created a conversation with these members."""
    answer = accepted(World().ask(create(*members, kind=kind, epoch=epoch))).answer
    if not isinstance(answer, CreateAnswer):
        fail(f"a creation was answered with {answer}")
    return answer.conversation


def group(*members: AccountDid) -> World:
    """A world in which Alice made a group with the first device of each member, at epoch 1."""
    world = World()
    accepted(world.ask(create(*members, kind=ConversationKind.MLS)))
    return world


COMMIT = "commit"
"""A step of a story: a commit that another part of the system appended."""


def play(start: Create, story: Sequence[Command | str]) -> tuple[World, list[tuple[Command, Outcome]]]:
    """Let a story happen; returns the world, and each command with its outcome."""
    world = World()
    outcomes: list[tuple[Command, Outcome]] = [(start, world.ask(start))]
    for step in story:
        if not isinstance(step, str):
            outcomes.append((step, world.ask(step)))
        elif world.now_at.kind is ConversationKind.MLS:
            world.append([commit_entry(world.now_at)])
    return world, outcomes


def accepted(outcome: Outcome) -> Accepted:
    """The outcome as the acceptance it is expected to be; AssertionError when it is another."""
    if not isinstance(outcome, Accepted):
        fail(f"expected to be accepted: {outcome}")
    return outcome


def refusal(outcome: Outcome) -> Rejected:
    """The outcome as the refusal it is expected to be; AssertionError when it is another."""
    if not isinstance(outcome, Rejected):
        fail(f"expected to be refused: {outcome}")
    return outcome
