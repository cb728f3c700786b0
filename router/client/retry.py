"""When to try again: pure rules, given the failure, the clock and the dice.

One `Backoff` serves requests and connections. The delay grows geometrically to a ceiling and half of
it is random, so that clients that lost the same server do not return in the same instant.
"""

import attrs

from router.client.errors import ClientError, OutcomeUnknown, SessionEnded, Unavailable


@attrs.frozen
class Backoff:
    """Delays in seconds: `initial`, times `factor` for each further attempt, never above `maximum`."""

    initial: float = 0.1
    factor: float = 2.0
    maximum: float = 10.0

    def delay(self, attempt: int, jitter: float) -> float:
        """Seconds before attempt number `attempt + 1`; `attempt` counts from 1, `jitter` is in [0, 1)."""
        # A ceiling on the exponent: a client that tried for a week must not overflow a float.
        whole = min(self.maximum, self.initial * self.factor ** min(attempt - 1, 64))
        return whole * (0.5 + jitter / 2)


@attrs.frozen
class RetryPolicy:
    """How long one request is repeated: at most `max_attempts` and `max_elapsed` seconds in all."""

    backoff: Backoff = Backoff()
    max_attempts: int = 6
    max_elapsed: float = 30.0


DEFAULT_POLICY = RetryPolicy()


def next_attempt(
    policy: RetryPolicy, *, attempt: int, elapsed: float, failure: ClientError, jitter: float
) -> float | None:
    """Seconds to wait before repeating a failed request, or None: give up and raise `failure`.

    `attempt` is the number of attempts made, `elapsed` the seconds since the first began. Only an
    unknown outcome and a temporary refusal are repeated. A wait the server asks for is a floor, never
    shortened; if it does not fit into what is left, the caller gets the error and its `retry_after`.
    """
    match failure:
        case Unavailable(retry_after=asked):
            floor = asked or 0.0
        case OutcomeUnknown():
            floor = 0.0
        case _:
            return None
    delay = max(floor, policy.backoff.delay(attempt, jitter))
    if attempt >= policy.max_attempts or elapsed + delay > policy.max_elapsed:
        return None
    return delay


@attrs.frozen
class Lost:
    """A connection that ended: `lived` seconds after it was welcomed (0: never), and why.

    `retry_after` is what the server asked for (its close frame or `Retry-After`).
    """

    failure: ClientError
    lived: float = 0.0
    retry_after: float | None = None


@attrs.frozen
class Reconnect:
    """Connect again after `delay` seconds; `attempt` is the running count of failures in a row."""

    delay: float
    attempt: int


_CURED_BY_RECONNECTING = frozenset(
    {
        "ConsumerTooSlow",
        "HelloTimeout",
        "IdleTimeout",
        "InternalServerError",
        "JwtExpired",
        "NotEnoughResources",
        "ServerDraining",
    }
)
"""Reasons of a close (`protocol.CloseReason`) that say nothing against coming back with a new token."""


def plan_reconnect(
    lost: Lost, *, attempt: int, backoff: Backoff, stable: float, jitter: float
) -> Reconnect | None:
    """What to do after a lost connection; None: the failure is final and belongs to the application.

    A connection that lived for `stable` seconds clears the count, a shorter one does not: a server
    that greets and dies at once must not be asked ten times a second.
    """
    match lost.failure:
        case Unavailable() | OutcomeUnknown():
            pass
        case SessionEnded(reason=reason) if reason in _CURED_BY_RECONNECTING:
            pass
        case _:
            return None
    attempt = 1 if lost.lived >= stable else attempt + 1
    return Reconnect(max(lost.retry_after or 0.0, backoff.delay(attempt, jitter)), attempt)
