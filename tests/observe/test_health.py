"""Health: what is green, what is ready, and that asking costs little and ends in time."""

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from router.observe import CallCheck, Health, Metrics, Report, Verdict, health_page, live_page, ready_page
from tests.observe.helpers import samples


async def green() -> Verdict:
    return Verdict(ok=True, detail="12 commits")


async def red() -> Verdict:
    return Verdict(ok=False, detail="disk full")


async def broken() -> Verdict:
    raise RuntimeError("did:plc:somebody")


async def hanging() -> Verdict:
    await trio.sleep_forever()
    raise AssertionError("it sleeps for ever")


def test_checks_run_together_and_each_is_bounded_in_time() -> None:
    async def main() -> None:
        metrics = Metrics(version="1")
        checks = tuple(
            CallCheck(name, check)
            for name, check in [
                ("slow", hanging),
                ("store", green),
                ("bus", red),
                ("tails", broken),
                ("z", hanging),
            ]
        )
        health = Health(checks, metrics, timeout=2)

        report = await health.report()

        assert trio.current_time() == 2  # not 4
        assert report.verdicts == {
            "slow": Verdict(ok=False, detail="no answer within 2 s"),
            "store": Verdict(ok=True, detail="12 commits"),
            "bus": Verdict(ok=False, detail="disk full"),
            "tails": Verdict(ok=False, detail="RuntimeError"),
            "z": Verdict(ok=False, detail="no answer within 2 s"),
        }
        assert not report.healthy
        assert samples(metrics)['rookery_health{check="store"}'] == 1
        assert samples(metrics)['rookery_health{check="bus"}'] == 0

    trio.run(main, clock=_started_at_zero())


def test_many_askers_share_one_round_of_checks() -> None:
    rounds = 0

    async def counted() -> Verdict:
        nonlocal rounds
        rounds += 1
        await trio.sleep(0.5)
        return Verdict(ok=True)

    async def main() -> None:
        health = Health((CallCheck("store", counted),), Metrics(version="1"), timeout=2, max_age=1)
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(health.report)
        assert rounds == 1
        await trio.sleep(1.1)
        await health.report()
        assert rounds == 2

    trio.run(main, clock=_started_at_zero())


async def test_an_asker_that_leaves_does_not_spoil_the_next() -> None:
    release = trio.Event()

    async def waits() -> Verdict:
        await release.wait()
        return Verdict(ok=True)

    health = Health((CallCheck("store", waits),), Metrics(version="1"), timeout=60)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(health.report)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    release.set()

    assert (await health.report()).healthy


async def test_draining_makes_the_server_unready_and_not_unhealthy() -> None:
    health = Health((CallCheck("store", green),), Metrics(version="1"), timeout=1)
    assert (await health.report()).ready

    health.begin_drain()

    report = await health.report()
    assert (report.healthy, report.ready) == (True, False)
    assert ready_page(report, detailed=False).status == 503
    assert health_page(report, version="1", detailed=False).status == 200


@pytest.mark.parametrize("detailed", [True, False])
def test_strangers_see_colours_and_operators_see_reasons(detailed: bool) -> None:
    report = Report({"store": Verdict(ok=False, detail="disk full"), "bus": Verdict(ok=True)})

    ready = msgspec.json.decode(ready_page(report, detailed=detailed).body)
    health = msgspec.json.decode(health_page(report, version="1.2.3", detailed=detailed).body)

    if detailed:
        checks: object = {
            "store": {"healthy": False, "detail": "disk full"},
            "bus": {"healthy": True, "detail": ""},
        }
        assert ready == {"ready": False, "checks": checks}
        assert health == {"status": "unhealthy", "version": "1.2.3", "draining": False, "checks": checks}
    else:
        checks = {"store": False, "bus": True}
        assert ready == {"ready": False, "checks": checks}
        assert health == {"status": "unhealthy", "checks": checks}


@given(
    verdicts=st.dictionaries(st.text(), st.builds(Verdict, ok=st.booleans(), detail=st.text())),
    draining=st.booleans(),
)
def test_a_page_is_503_exactly_when_something_is_wrong(verdicts: dict[str, Verdict], draining: bool) -> None:
    report = Report(verdicts, draining=draining)
    green = all(verdict.ok for verdict in verdicts.values())

    assert health_page(report, version="1", detailed=True).status == (200 if green else 503)
    assert ready_page(report, detailed=True).status == (200 if green and not draining else 503)
    assert live_page().status == 200


def _started_at_zero() -> MockClock:
    return MockClock(autojump_threshold=0)
