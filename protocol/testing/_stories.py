"""Strategies for what is asked of conversations: commands of the cast, stories, states that were lived.

`commands` are sensible and senseless ones side by side; `conversations` are worlds after
steps that fit (`_steps.py`), so every state of them can be reached. They shrink towards few
members, few steps and the first person of the cast.

Commands come from tables made beforehand with a seeded die: one draw a step instead of ten, so that a law
can be tried on many long stories.
"""

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

from hypothesis import reject
from hypothesis import strategies as st

from protocol import (
    Accepted,
    AddMembers,
    Command,
    Conversation,
    ConversationKind,
    Create,
    Framing,
    Leave,
    MemberDevice,
    MsgId,
    RemoveMember,
    Send,
)

from ._authoring import create, send
from ._cast import ACCOUNTS, CONVO, GROUP_ID, ciphertext, owner
from ._steps import DEVICES, steps
from ._world import COMMIT, World

T = TypeVar("T")

EPOCHS = (*range(7), -1, 2**31, 2**64)
BODIES = (
    ciphertext(512),
    ciphertext(512, 1),
    ciphertext(1024),
    ciphertext(5120),
    ciphertext(8192),
    b"",
    b"-",
)
MSG_IDS = tuple(MsgId(f"m{number}") for number in range(6))
FRAMINGS: tuple[Framing | None, ...] = (
    None,
    Framing(GROUP_ID, 0, "application"),
    Framing(GROUP_ID, 1, "application"),
    Framing(b"other", 0, "application"),
    Framing(GROUP_ID, 0, "proposal"),
    Framing(GROUP_ID, 0, "commit"),
    Framing(GROUP_ID, 0, "application", private=False),
)


def starts(kind: ConversationKind | None = None) -> st.SearchStrategy[Create]:
    """Creations that are accepted: Alice and two to four others, in a conversation of this kind or either."""
    kinds = (
        st.sampled_from((ConversationKind.MLS, ConversationKind.OPAQUE)) if kind is None else st.just(kind)
    )
    return st.builds(
        lambda members, kind, epoch: create(
            *members, kind=kind, epoch=epoch if kind is ConversationKind.MLS else None
        ),
        st.lists(st.sampled_from(ACCOUNTS[1:]), min_size=2, max_size=4, unique=True),
        kinds,
        st.sampled_from([None, None, None, 2, 4]),
    )


@cache
def commands() -> st.SearchStrategy[Command]:
    """What anybody may ask of any conversation, weighed so that about half of it happens in a story that
    began with `starts`: members write, come and go; strangers try; some of it makes no sense at all."""
    die = _Die()
    sends = [
        send(account, msg_id, epoch=epoch, body=body)
        for account in ACCOUNTS
        for msg_id in MSG_IDS
        for epoch in (0, 0, 0, 0, 1, 2, 3)
        for body in BODIES[:2]
    ]
    odd_sends = [
        Send(
            CONVO, die.any(ACCOUNTS), die.any((None, *DEVICES)), die.any(MSG_IDS), die.any(EPOCHS),
            die.any(BODIES), die.any(FRAMINGS),
        )
        for _ in range(500)
    ]  # fmt: skip
    adds = [AddMembers(CONVO, die.any(ACCOUNTS[:3]), die.devices()) for _ in range(300)]
    removes = [
        RemoveMember(CONVO, a, b, reason) for a in ACCOUNTS for b in ACCOUNTS for reason in (None, "spam")
    ]
    leaves = [
        *(Leave(CONVO, account, target) for account in ACCOUNTS for target in ACCOUNTS),
        *(Leave(CONVO, account) for account in ACCOUNTS for _ in range(3)),
    ]
    creates = [
        Create(
            CONVO, die.any(ACCOUNTS), die.any(tuple(ConversationKind)), die.any((GROUP_ID.hex(), "")),
            "suite", die.any((None, "name")), None, die.devices(), die.any(EPOCHS),
        )
        for _ in range(100)
    ]  # fmt: skip
    tables: list[Sequence[Command]] = [sends, sends, sends, adds, adds, removes, removes, leaves]
    return st.one_of([st.sampled_from(table) for table in [*tables, odd_sends, creates]])


def member_devices() -> st.SearchStrategy[tuple[MemberDevice, ...]]:
    """Up to four devices of the cast, now and then one in the wrong hands."""
    die = _Die()
    return st.sampled_from([die.devices() for _ in range(100)])


def stories(*, min_size: int = 8, max_size: int = 30) -> st.SearchStrategy[list[Command | str]]:
    """Commands, and commits that another part of the system appended (`COMMIT`): for `play`."""
    return st.lists(
        st.one_of(*[commands()] * 9, st.just(COMMIT)), min_size=min_size, max_size=max_size
    )  # fmt: skip


@st.composite
def conversations(
    draw: st.DrawFn,
    kind: ConversationKind | None = None,
    *,
    max_steps: int = 12,
    such_that: Callable[[Conversation], bool] = lambda _: True,
) -> World:
    """A conversation that was lived: state and log of a creation and up to `max_steps` commands that were
    accepted. `such_that` picks states; one that is rare is better reached by steps of your own."""
    world = World()
    world.ask(draw(starts(kind)))
    now = 1_000_001
    for _ in range(draw(st.integers(0, max_steps))):
        outcome = world.ask(draw(steps(world.now_at, len(world.log))), now)
        now += 20 if isinstance(outcome, Accepted) else 0  # external commits are rationed by time
    if not such_that(world.now_at):
        reject()
    return world


class _Die:
    """A die with a seed: tables are the same in every run."""

    def __init__(self) -> None:
        self._random = random.Random(1)  # noqa: S311 -- chance here keeps no secret

    def any(self, values: Sequence[T]) -> T:
        return values[self._random.randrange(len(values))]

    def devices(self) -> tuple[MemberDevice, ...]:
        chosen = [(owner(each), each) for each in DEVICES]
        drawn = self._random.sample(chosen, self._random.randrange(5))
        if self._random.random() < 0.1:
            drawn.append((self.any(ACCOUNTS), self.any(DEVICES)))
        return tuple(MemberDevice(account, owned) for account, owned in drawn)
