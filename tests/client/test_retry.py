"""When a request or a connection is tried again, and when it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.client.errors import (
    BadAnswer,
    ClientError,
    OutcomeUnknown,
    Refused,
    SessionEnded,
    Unavailable,
    xrpc_error,
)
from router.client.retry import Backoff, Lost, Reconnect, RetryPolicy, next_attempt, plan_reconnect

BUSY = Unavailable("NotEnoughResources", "later", status=503, retry_after=3.0)
attempts = st.integers(1, 10_000)
dice = st.floats(0, 1, exclude_max=True)


@given(attempts, dice)
def test_a_delay_lies_between_half_and_the_whole_of_its_step(attempt: int, jitter: float) -> None:
    backoff = Backoff(initial=0.1, factor=2, maximum=10)
    step = min(10, 0.1 * 2 ** min(attempt - 1, 64))
    assert step / 2 <= backoff.delay(attempt, jitter) <= step


def test_what_the_server_asks_for_is_never_shortened() -> None:
    assert next_attempt(RetryPolicy(), attempt=1, elapsed=0, failure=BUSY, jitter=0.0) == 3.0


def test_a_wait_that_does_not_fit_is_handed_to_the_caller() -> None:
    assert next_attempt(RetryPolicy(max_elapsed=2), attempt=1, elapsed=0, failure=BUSY, jitter=0.0) is None


@pytest.mark.parametrize(
    "failure", [Refused("NotMember", "no", status=403), BadAnswer("?"), SessionEnded("over")]
)
def test_the_same_request_is_not_repeated_when_it_is_the_reason(failure: ClientError) -> None:
    assert next_attempt(RetryPolicy(), attempt=1, elapsed=0, failure=failure, jitter=0.5) is None


@given(attempts, dice, st.floats(0, 100))
def test_repeating_always_ends(attempt: int, jitter: float, elapsed: float) -> None:
    policy = RetryPolicy()
    delay = next_attempt(policy, attempt=attempt, elapsed=elapsed, failure=OutcomeUnknown(), jitter=jitter)
    if attempt >= policy.max_attempts or elapsed > policy.max_elapsed:
        assert delay is None
    elif delay is not None:
        assert elapsed + delay <= policy.max_elapsed


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_temporary_status_is_unavailable(status: int) -> None:
    assert isinstance(xrpc_error(status, "Name", ""), Unavailable)


def reconnect(failure: ClientError, *, attempt: int = 0, lived: float = 0.0) -> Reconnect | None:
    return plan_reconnect(Lost(failure, lived), attempt=attempt, backoff=Backoff(), stable=5.0, jitter=0.0)


def test_a_lost_connection_is_opened_again_ever_more_slowly() -> None:
    first = reconnect(OutcomeUnknown("gone"))
    third = reconnect(OutcomeUnknown("gone"), attempt=2)
    assert first == Reconnect(0.05, 1)
    assert third == Reconnect(0.2, 3)


def test_only_a_connection_that_lasted_clears_the_count() -> None:
    greeted = reconnect(OutcomeUnknown("gone"), attempt=6, lived=0.1)
    lasted = reconnect(OutcomeUnknown("gone"), attempt=6, lived=60.0)
    assert greeted is not None
    assert lasted is not None
    assert (greeted.attempt, lasted.attempt) == (7, 1)


@pytest.mark.parametrize("reason", ["ServerDraining", "ConsumerTooSlow", "JwtExpired"])
def test_a_close_that_a_new_connection_cures_is_not_final(reason: str) -> None:
    assert reconnect(SessionEnded(reason)) is not None


@pytest.mark.parametrize(
    "failure",
    [
        Refused("FutureCursor", "restored"),
        Refused("BadJwt", "no", status=401),
        SessionEnded("Forbidden"),
        Refused("JwtExpired", "clock", status=401),
    ],
)
def test_a_final_refusal_belongs_to_the_application(failure: ClientError) -> None:
    assert reconnect(failure) is None
