"""Revocations: what is refused, what ends at once, and that nothing slips through a full memory."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import AccountDid, DeviceId
from router.identity.errors import AuthError, TokenFault
from router.identity.principal import Principal, PrincipalKind
from router.identity.revocations import MEMORY_SECONDS, Revocations
from tests.identity.kit import NOW

ANN, BEN = AccountDid("did:web:ann.example.com"), AccountDid("did:web:ben.example.com")
PHONE, WATCH = (DeviceId(f"00000000-0000-4000-8000-00000000000{number}") for number in (1, 2))


def caller(
    account: AccountDid = ANN,
    device: DeviceId | None = None,
    grant: str | None = None,
    kind: PrincipalKind = "access",
    expires: int = NOW + 600,
) -> Principal:
    return Principal(account, device, kind, expires, b"id", None, grant)


class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


def refusal(revocations: Revocations, principal: Principal) -> TokenFault | None:
    try:
        revocations.check(principal)
    except AuthError as error:
        return error.fault
    return None


def test_an_example_of_a_suspension_and_its_end() -> None:
    revocations = Revocations(Clock())
    heard: list[str] = []
    with revocations.watch(caller()) as watch, revocations.watch(caller(BEN)) as other:
        watch.on_end(lambda end: heard.append(end.error))
        revocations.suspend(ANN)
        assert heard == ["AccountDisabled"]
        watch.on_end(lambda end: heard.append("late: " + end.error))
        assert heard[1:] == ["late: AccountDisabled"], "who listens too late is told at once"
        assert other.ended is None
    assert refusal(revocations, caller()) is TokenFault.ACCOUNT_DISABLED
    with pytest.raises(AuthError), revocations.watch(caller()):
        pass
    revocations.restore(ANN)
    assert refusal(revocations, caller()) is None


def test_a_device_and_a_grant_end_what_was_opened_with_them_and_nothing_else() -> None:
    revocations = Revocations(Clock())
    callers = {
        "phone": caller(device=PHONE),
        "watch": caller(device=WATCH),
        "login": caller(grant="g"),
        "named later": caller(),
    }
    with ExitStack() as stack:
        watches = {name: stack.enter_context(revocations.watch(each)) for name, each in callers.items()}
        revocations.bind(watches["named later"], PHONE)
        revocations.revoke(device=PHONE)
        assert [name for name, watch in watches.items() if watch.ended] == ["phone", "named later"]
        revocations.revoke(grant="g")
        assert watches["login"].ended is not None
        assert watches["login"].ended.fault is TokenFault.ACCESS_REVOKED
        revocations.end_account(ANN)
        assert all(watch.ended for watch in watches.values())
    assert [refusal(revocations, each) is None for each in callers.values()] == [False, True, False, True]


def test_what_ended_is_not_listened_to_any_more() -> None:
    revocations = Revocations(Clock())
    with revocations.watch(caller(device=PHONE, grant="g")):
        assert revocations.statistics()["watched"] == 3
    assert revocations.statistics()["watched"] == 0


def test_suspensions_are_loaded_at_start() -> None:
    revocations = Revocations(Clock())
    revocations.load([ANN])
    assert revocations.is_suspended(ANN)
    assert refusal(revocations, caller(kind="service")) is TokenFault.ACCOUNT_DISABLED


def test_a_revocation_is_remembered_as_long_as_anything_of_it_can_live() -> None:
    clock = Clock()
    revocations = Revocations(clock)
    revocations.revoke(grant="g")
    clock.now += MEMORY_SECONDS - 1
    revocations.revoke(grant="h")
    assert refusal(revocations, caller(grant="g", expires=NOW + MEMORY_SECONDS)) is TokenFault.ACCESS_REVOKED
    clock.now += 1
    revocations.revoke(grant="i")
    assert revocations.statistics()["items"] == 2


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.integers(1, 5))
def test_at_capacity_nothing_that_was_revoked_is_let_in(numbers: list[int], capacity: int) -> None:
    clock = Clock()
    revocations = Revocations(clock, capacity=capacity)
    for number in numbers:
        clock.now += 1
        # A token that was made just before its login ended, with the longest life there is.
        last = caller(grant=f"g{number}", expires=int(clock.now) + MEMORY_SECONDS)
        revocations.revoke(grant=f"g{number}")
        assert refusal(revocations, last) is TokenFault.ACCESS_REVOKED
        assert revocations.statistics()["items"] <= capacity
    for number in set(numbers):
        assert refusal(revocations, caller(grant=f"g{number}", expires=NOW + 60)) is TokenFault.ACCESS_REVOKED
    fresh = caller(grant="new", expires=int(clock.now) + MEMORY_SECONDS + 1)
    assert refusal(revocations, fresh) is None, "who gets a new token is let in"


def test_a_watch_tells_its_first_reason_only() -> None:
    revocations = Revocations(Clock())
    heard: list[TokenFault] = []
    with revocations.watch(caller(device=PHONE)) as watch:
        watch.on_end(lambda end: heard.append(end.fault))
        revocations.revoke(device=PHONE)
        revocations.suspend(ANN)
    assert heard == [TokenFault.ACCESS_REVOKED]
