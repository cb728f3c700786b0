"""The scenarios of OTP's own suite (`supervisor_SUITE.erl`) against running trees, on a fake clock."""

import itertools
import math

import pytest
import trio
import trio.testing

from actors import (
    AutoShutdown,
    ChildSpec,
    ChildState,
    ExitKind,
    Intensity,
    Restart,
    RestartIntensityExceeded,
    Shutdown,
    Strategy,
    Supervisor,
)
from actors.testing import Recorder
from tests.actors import otp
from tests.actors.workers import Worker

settle = trio.testing.wait_all_tasks_blocked
Clock = trio.testing.MockClock

ENDS = {"normal": "finish", "shutdown": "leave", "abnormal": "crash"}


@pytest.mark.parametrize("reason", ENDS)
@pytest.mark.parametrize("strategy", Strategy)
def test_the_matrix_of_kinds_reasons_and_strategies_in_a_running_tree(
    strategy: Strategy, reason: str
) -> None:
    """Three children of every combination of kinds, each one failing in turn: what starts and stops."""

    async def main() -> None:
        for kinds in itertools.product(Restart, repeat=3):
            for failing in range(3):
                await one(kinds, failing)

    async def one(kinds: tuple[Restart, ...], failing: int) -> None:
        log: list[str] = []
        workers = [Worker(f"c{n}", log) for n in range(3)]
        specs = [w.spec(restart=kind) for w, kind in zip(workers, kinds, strict=True)]
        supervisor = Supervisor("root", specs, strategy=strategy)
        who = f"c{failing}"
        terminated, started, listed = otp.on_exit(
            strategy.value,
            [(spec.id, spec.restart.value) for spec in specs],
            {spec.id for spec in specs if spec.id != who},
            who,
            reason,
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            log.clear()
            getattr(workers[failing], ENDS[reason])()
            await settle()
            seen = [entry for entry in log if entry != f"down {who}"]
            assert seen == [f"down {name}" for name in terminated] + [f"up {name}" for name in started]
            assert [child.spec.id for child in supervisor.children()] == listed
            nursery.cancel_scope.cancel()

    trio.run(main, clock=Clock(autojump_threshold=0))


def test_the_defaults_are_those_the_readme_promises() -> None:
    """OTP `child_specs`, `sup_flags`: what is not said is permanent, one_for_one, five in thirty seconds."""
    spec = ChildSpec("a", Worker("a").start)
    supervisor = Supervisor("root")

    assert (spec.restart, spec.shutdown, spec.significant) == (Restart.PERMANENT, Shutdown(5), False)
    assert (spec.start_timeout, spec.backoff) == (10, None)
    assert (supervisor.strategy, supervisor.intensity) == (Strategy.ONE_FOR_ONE, Intensity(5, 30))
    assert supervisor.auto_shutdown is AutoShutdown.NEVER


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_another_child_that_fails_to_restart_is_tried_again(
    strategy: Strategy, autojump_clock: Clock
) -> None:
    """OTP `rest_for_one_other_child_fails_restart`: the failing start is an exit of its own."""
    log: list[str] = []
    a, b, c = (Worker(name, log) for name in "abc")
    supervisor = Supervisor("root", [w.spec() for w in (a, b, c)], strategy=strategy)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        c.fail_starts = 1
        log.clear()
        b.crash()
        await settle()
        nursery.cancel_scope.cancel()

    if strategy is Strategy.REST_FOR_ONE:
        assert log[:6] == ["down b", "down c", "up b", "down c", "up c", "down c"]
    else:
        again = ["down c", "down b", "down a", "up a", "up b", "up c"]
        assert log[:5] == ["down b", "down c", "down a", "up a", "up b"]
        assert log[5:11] == again
    assert supervisor.statistics().restarts == 2


async def test_a_loop_of_failing_restarts_can_be_stopped_from_outside(autojump_clock: Clock) -> None:
    """OTP `hanging_restart_loop`: the supervisor stays reachable although a child never comes up again."""
    worker = Worker("a")
    supervisor = Supervisor("root", [worker.spec()], intensity=Intensity(10**9, math.inf))
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        worker.fail_starts = 10**9
        worker.crash()
        for _ in range(100):
            await trio.lowlevel.checkpoint()
        with trio.fail_after(1):
            await supervisor.stop_child("a")
        assert worker.starts > 3
        nursery.cancel_scope.cancel()
    assert worker.alive == 0


async def test_many_temporary_children_come_and_go(autojump_clock: Clock) -> None:
    """OTP `count_children`, `simple_one_for_one`-like use: nothing of them stays behind."""
    supervisor = Supervisor("root", intensity=Intensity(0, 1))
    workers = [Worker(f"w{n}") for n in range(100)]
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        for worker in workers:
            await supervisor.start_child(worker.spec(restart=Restart.TEMPORARY))
        for number, worker in enumerate(workers):
            (worker.crash if number % 2 else worker.finish)()
        await settle()
        assert supervisor.children() == ()
        assert supervisor._incarnations == {}
        assert supervisor.statistics().restarts == 0
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("shutdown", "seconds"), [(Shutdown(0, 10), 3), (Shutdown(5, 10), 3), (Shutdown(math.inf), 3)]
)
async def test_brutal_bounded_and_endless_stops_all_wait_for_clean_up(
    shutdown: Shutdown, seconds: float, autojump_clock: Clock
) -> None:
    """OTP `brutal_kill`, a time, `infinity`: without a kill they differ only in how long they wait."""
    worker = Worker("a")
    worker.cleanup = seconds
    async with trio.open_nursery() as nursery:
        await nursery.start(Supervisor("root", [worker.spec(shutdown=shutdown)]).run)
        nursery.cancel_scope.cancel()
    assert trio.current_time() == seconds


async def test_a_child_that_crashes_exactly_while_it_is_stopped_is_not_restarted(
    autojump_clock: Clock,
) -> None:
    recorder = Recorder()
    a, b = Worker("a"), Worker("b")
    supervisor = Supervisor("root", [a.spec(), b.spec()], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        a.crash()
        await supervisor.stop_child("a")
        await settle()
        assert [child.state for child in supervisor.children()] == [ChildState.DOWN, ChildState.UP]
        nursery.cancel_scope.cancel()
    assert a.starts in (1, 2)  # the crash came first, or the stop did; either way it is down


@pytest.mark.parametrize("strategy", Strategy)
async def test_every_strategy_escalates_and_leaves_nothing_alive(
    strategy: Strategy, autojump_clock: Clock
) -> None:
    """OTP `*_escalation`."""
    a, b = Worker("a"), Worker("b")
    supervisor = Supervisor("root", [a.spec(), b.spec()], strategy=strategy, intensity=Intensity(0, 1))
    gave_up = False

    async def crash() -> None:
        await settle()
        a.crash()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(crash)
        try:
            await supervisor.run()
        except RestartIntensityExceeded as error:
            gave_up = error.exits[-1].kind is ExitKind.CRASHED
    assert gave_up
    assert (a.alive, b.alive, a.starts, b.starts) == (0, 0, 1, 1)


async def test_a_finished_transient_bystander_is_started_again_with_its_group(
    autojump_clock: Clock,
) -> None:
    """OTP starts every child of the group that is not temporary, also those that were down."""
    a, b = Worker("a"), Worker("b")
    supervisor = Supervisor(
        "root", [a.spec(restart=Restart.TRANSIENT), b.spec()], strategy=Strategy.ONE_FOR_ALL
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        a.finish()
        await settle()
        assert a.alive == 0
        b.crash()
        await settle()
        assert (a.alive, b.alive) == (1, 1)
        nursery.cancel_scope.cancel()
