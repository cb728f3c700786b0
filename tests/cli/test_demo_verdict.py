"""The demo's judge: silent when the promises hold, and never silent when one is broken."""

from hypothesis import given
from hypothesis import strategies as st

from router.demo.plan import ACCOUNTS, DEVICES, make_plan
from router.demo.verdict import Message, judge

LOG = [Message(seq, f"m{seq}", f"text {seq}") for seq in range(2, 12)]


def verdict(
    *, acknowledged: list[Message] = LOG, log: list[Message] = LOG, received: list[Message] = LOG
) -> list[str]:
    return judge(acknowledged=acknowledged, log=log, devices={"phone": received})


def test_all_is_well() -> None:
    assert verdict() == []


def test_the_order_in_which_answers_came_does_not_matter() -> None:
    assert verdict(acknowledged=LOG[::-1]) == []


@given(st.integers(0, len(LOG) - 1))
def test_a_message_that_was_acknowledged_and_lost_is_a_fault(which: int) -> None:
    log = LOG[:which] + LOG[which + 1 :]
    assert any("Lost" in fault for fault in verdict(log=log, received=log))


@given(st.integers(0, len(LOG) - 1))
def test_a_message_that_a_device_lacks_is_a_fault(which: int) -> None:
    assert verdict(received=LOG[:which] + LOG[which + 1 :]) == ["phone lacks 1 messages."]


@given(st.integers(0, len(LOG) - 1), st.integers(0, len(LOG)))
def test_a_message_received_twice_is_a_fault(which: int, where: int) -> None:
    assert any("twice" in fault for fault in verdict(received=[*LOG[:where], LOG[which], *LOG[where:]]))


@given(st.permutations(LOG))
def test_any_other_order_is_a_fault(received: list[Message]) -> None:
    assert bool(verdict(received=received)) == (received != LOG)


def test_a_message_in_the_log_twice_is_a_fault() -> None:
    assert any("twice" in fault for fault in verdict(log=[*LOG, Message(12, "m2", "text 2")]))


def test_a_changed_text_is_a_fault() -> None:
    changed = [Message(2, "m2", "another text"), *LOG[1:]]
    assert any("Changed" in fault for fault in verdict(log=changed, received=changed))
    assert any("does not have" in fault for fault in verdict(received=changed))


@given(st.integers(12, 500))
def test_a_plan_says_each_line_once_and_every_device_speaks_in_the_burst(messages: int) -> None:
    plan = make_plan(messages)
    assert [line.number for line in plan.lines] == list(range(1, messages + 1))
    assert {line.device for line in plan.burst} == set(range(len(ACCOUNTS) * len(DEVICES)))
    assert plan.before
    assert plan.after
