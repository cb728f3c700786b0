"""Classes of requests: who is counted with whom, all or none, and the tightest is told."""

import attrs
import pytest

from router.config import Rates
from router.edge.routes import ROUTES
from router.limits import CLAIM, FAILED_AUTH, Ask, LocalQuotas, Whose, classes


@attrs.define
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def quotas(clock: Clock, **rates: int) -> LocalQuotas:
    return LocalQuotas(classes(Rates(**rates)), capacity=1_000, clock=clock)


def test_the_defaults_are_those_that_were_promised() -> None:
    rates = {name: each.rate.quota for name, each in classes(Rates()).items() if each.whose is Whose.ACCOUNT}
    assert rates == {
        "send": 100,
        "publishKeyPackage": 20,
        "publishKeyPackages": 50,
        "addMembers": 10,
        "removeMember": 10,
        "registerDevice": 10,
        "createConvo": 5,
        "reportMember": 5,
        "checkBlocks": 30,
        "read": 500,
        "stream": 200,
        "default": 200,
    }
    hourly = {name for name, each in classes(Rates()).items() if each.rate.period == 3_600}
    assert hourly == {"rejoin", "reissueWelcome"}
    assert {each.rate.period for each in classes(Rates()).values()} == {60, 3_600}


def test_every_route_names_a_class_of_accounts() -> None:
    table = classes(Rates())
    assert {route.nsid for route in ROUTES.values() if table[route.quota].whose is not Whose.ACCOUNT} == set()


def test_accounts_and_classes_do_not_disturb_each_other(clock: Clock) -> None:
    counted = quotas(clock, send=2, read=3)
    for _ in range(2):
        assert counted.spend([Ask("send", b"a")]).allowed
    assert not counted.spend([Ask("send", b"a")]).allowed
    assert counted.spend([Ask("send", b"b")]).allowed
    assert counted.spend([Ask("read", b"a")]).allowed
    clock.now += 30
    assert counted.spend([Ask("send", b"a")]).allowed


def test_a_request_that_one_limit_refuses_is_counted_by_none(clock: Clock) -> None:
    counted = quotas(clock, default=10, claim_key_package=1)
    both = [Ask("default", b"caller"), Ask(CLAIM, b"target")]
    assert counted.spend(both).allowed
    refused = counted.spend(both)
    assert not refused.allowed
    assert refused.rate.quota == 1
    assert counted.look(Ask("default", b"caller")).remaining == 9


def test_a_target_is_protected_from_many_callers(clock: Clock) -> None:
    counted = quotas(clock, claim_key_package=5)
    through = [
        counted.spend([Ask("default", b"%d" % caller), Ask(CLAIM, b"target")]).allowed for caller in range(50)
    ]
    assert sum(through) == 5


def test_the_tightest_limit_is_told(clock: Clock) -> None:
    counted = quotas(clock, default=10, claim_key_package=100)
    assert counted.spend([Ask("default", b"a"), Ask(CLAIM, b"t")]).rate.quota == 10
    counted = quotas(clock, default=1, claim_key_package=1)
    assert counted.spend([Ask("default", b"a"), Ask(CLAIM, b"t")]).allowed
    clock.now += 30
    assert counted.spend([Ask("default", b"b"), Ask(CLAIM, b"u")]).allowed
    assert counted.spend([Ask("default", b"b"), Ask(CLAIM, b"t")]).retry_after == 60, "the longest wait"


def test_looking_counts_nothing_and_the_tables_tell_their_fill(clock: Clock) -> None:
    counted = quotas(clock, failed_auth=1)
    for _ in range(5):
        assert counted.look(Ask(FAILED_AUTH, b"address")).allowed
    counted.spend([Ask(FAILED_AUTH, b"address")])
    assert not counted.look(Ask(FAILED_AUTH, b"address")).allowed
    fill = {each.whose: each.items for each in counted.statistics()}
    assert fill == {Whose.ACCOUNT: 0, Whose.ADDRESS: 1, Whose.TARGET: 0}


def test_a_class_nobody_knows_is_a_fault_of_ours(clock: Clock) -> None:
    with pytest.raises(KeyError):
        quotas(clock).spend([Ask("sned", b"a")])
    with pytest.raises(ValueError, match="nothing"):
        quotas(clock).spend([])
