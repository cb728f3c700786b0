"""The kit's machines find faults: each thing below has one, and a machine that passes it is broken."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from protocol import (
    Accepted,
    Action,
    Close,
    Command,
    Commit,
    Conversation,
    DeviceId,
    Emit,
    EncodedEvent,
    Leave,
    Limits,
    Outcome,
    Rejected,
    RemoveMember,
    Send,
    Session,
    SessionLimits,
    Submit,
    decide,
)
from protocol.testing import ConversationMachine, SessionMachine, Subject, World

HARD = settings(
    max_examples=200, stateful_step_count=25, deadline=None, derandomize=True, database=None,
    print_blob=False, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)  # fmt: skip
"""Enough to find each fault at every run, without the shrinking, which a person would want."""


def believes_any_epoch(state: Conversation | None, command: Command, **given: Any) -> Outcome:
    """The classic: two commits of one epoch."""
    if isinstance(command, Commit) and state is not None:
        command = replace(command, handshake=replace(command.handshake, base_epoch=state.epoch))
    return decide(state, command, **given)


def forgets_resends(state: Conversation | None, command: Command, **given: Any) -> Outcome:
    """A retry is a second message."""
    return decide(state, command, **{**given, "known": None})


def knows_no_cooldown(state: Conversation | None, command: Command, **given: Any) -> Outcome:
    """External commits as fast as anybody likes."""
    limits: Limits = replace(given["limits"], external_cooldown=0)
    return decide(state, command, **{**given, "limits": limits})


def lets_anybody_remove(state: Conversation | None, command: Command, **given: Any) -> Outcome:
    """Who asks is taken for an admin."""
    if isinstance(command, RemoveMember) and state is not None and state.is_member(command.account):
        command = replace(command, account=min(state.admins))
    return decide(state, command, **given)


def takes_the_future(state: Conversation | None, command: Command, **given: Any) -> Outcome:
    """A message of an epoch that has not begun."""
    if isinstance(command, Send) and state is not None and command.epoch > state.epoch and command.framing:
        framing = replace(command.framing, epoch=state.epoch)
        command = replace(command, epoch=state.epoch, framing=framing)
    return decide(state, command, **given)


def takes_the_long_gone(state: Conversation | None, command: Command, **given: Any) -> Outcome:
    """A window that is wider than it should be."""
    limits: Limits = replace(given["limits"], epoch_window=9)
    return decide(state, command, **{**given, "limits": limits})


def removes_who_leaves(state: Conversation | None, command: Command, **given: Any) -> Outcome:
    """A tombstone for who went by itself."""
    outcome = decide(state, command, **given)
    if isinstance(command, Leave) and state is not None and len(state.admins) > 1:
        others = sorted(state.admins - {command.account})
        return decide(state, RemoveMember(command.conversation, others[0], command.account), **given)
    return outcome


def tells_strangers(state: Conversation | None, command: Command, **given: Any) -> Outcome:
    """A refusal by which a stranger learns that the conversation exists."""
    outcome = decide(state, command, **given)
    if isinstance(outcome, Rejected) and outcome.error == "ConvoNotFound":
        return Rejected("NotMember", "You are not a member.")
    return outcome


DECISIONS = [
    believes_any_epoch, forgets_resends, knows_no_cooldown, lets_anybody_remove, takes_the_future,
    takes_the_long_gone, removes_who_leaves, tells_strangers,
]  # fmt: skip


@pytest.mark.parametrize("wrong", DECISIONS, ids=lambda wrong: wrong.__name__)
def test_a_wrong_decision_is_found(wrong: Callable[..., Outcome]) -> None:
    class Wrong(ConversationMachine):
        def build(self) -> Subject:
            return World(decide=wrong)

    with pytest.raises((AssertionError, ValueError)):
        run_state_machine_as_test(Wrong, settings=HARD)


def test_a_subject_that_loses_what_it_accepted_is_found() -> None:
    """Right answers, and a state that is not theirs."""

    class Forgetful(World):
        def ask(self, command: Command, now: float = 0) -> Outcome:
            before = self.state
            outcome = super().ask(command, now)
            if isinstance(outcome, Accepted) and isinstance(command, RemoveMember):
                self.state = before
            return outcome

    class Wrong(ConversationMachine):
        def build(self) -> Subject:
            return Forgetful()

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Wrong, settings=HARD)


# -- sessions ---------------------------------------------------------------------------------------------


class OffersForFree(Session):
    """Credit is not counted down."""

    @property
    def credit(self) -> int:
        return super().credit + (super().credit > 0)


class SubmitsTwice(Session):
    """A send is posted twice."""

    def receive(self, frame: str | bytes, now: float) -> list[Action]:
        actions = super().receive(frame, now)
        return actions + [action for action in actions if isinstance(action, Submit)]


class SpeaksAfterTheClose(Session):
    """The close is not the last word."""

    def receive(self, frame: str | bytes, now: float) -> list[Action]:
        actions = super().receive(frame, now)
        return sorted(actions, key=lambda action: not isinstance(action, Close))


class ClosesWithoutAName(Session):
    """A close that says nothing."""

    def receive(self, frame: str | bytes, now: float) -> list[Action]:
        return [
            replace(action, reason="") if isinstance(action, Close) else action
            for action in super().receive(frame, now)
        ]


class SleepsAtTheDeadline(Session):
    """Time-outs never come."""

    def tick(self, now: float) -> list[Action]:
        return []


class SendsLess(Session):
    """An event is lost."""

    def offer(self, events: Sequence[EncodedEvent]) -> list[Action]:
        return super().offer(events)[:1]


class GarblesFrames(Session):
    """A welcome in the other format, which no reader of this one takes."""

    def welcome(self, device: DeviceId, cursor: str, now: float) -> list[Action]:
        other = b"\xa0" if not self.binary else b"{}"
        return [replace(each, frame=other) if isinstance(each, Emit) else each
                for each in super().welcome(device, cursor, now)]  # fmt: skip


SESSIONS: list[type[Session]] = [
    OffersForFree, SubmitsTwice, SpeaksAfterTheClose, ClosesWithoutAName, SleepsAtTheDeadline, SendsLess,
    GarblesFrames,
]  # fmt: skip


@pytest.mark.parametrize("wrong", SESSIONS, ids=lambda wrong: wrong.__name__)
def test_a_wrong_session_is_found(wrong: type[Session]) -> None:
    class Wrong(SessionMachine):
        def build(self, limits: SessionLimits, now: float) -> Session:
            return wrong(limits, now)

    with pytest.raises((AssertionError, ValueError)):
        run_state_machine_as_test(Wrong, settings=HARD)
