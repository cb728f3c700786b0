"""The supervisor's shell: order, bounds, shields, incarnations. Time is fake throughout."""

import math

import pytest
import trio
import trio.testing

from actors import (
    AutoShutdown,
    Backoff,
    ChildSpec,
    ChildState,
    ExitKind,
    ExitShutdown,
    Intensity,
    NeverStarted,
    NotRunning,
    Restart,
    RestartIntensityExceeded,
    Shutdown,
    StartFailed,
    StartTimeout,
    Strategy,
    Supervisor,
    UnknownNode,
    format_tree,
    knobs,
    stopping,
    tunable,
)
from actors.testing import Recorder, cancel_each_checkpoint
from tests.actors.workers import Worker

settle = trio.testing.wait_all_tasks_blocked


async def up(nursery: trio.Nursery, supervisor: Supervisor) -> trio.CancelScope:
    """Start it in a cancel scope of its own, so that a test can stop it and look."""
    scope = trio.CancelScope()

    async def run(*, task_status: trio.TaskStatus[Supervisor]) -> None:
        with scope:
            await supervisor.run(task_status=task_status)

    await nursery.start(run)
    return scope


async def test_a_crashed_child_is_started_again_and_its_siblings_do_not_notice(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What the library is for, in one picture."""
    log: list[str] = []
    a, b = Worker("a", log), Worker("b", log)
    supervisor = Supervisor("root", [a.spec(), b.spec()])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        a.crash()
        await settle()
        scope.cancel()

    assert log == ["up a", "up b", "down a", "up a", "down b", "down a"]


async def test_children_start_in_order_each_when_the_one_before_is_ready(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []

    async def slow(*, task_status: trio.TaskStatus[None]) -> None:
        log.append("slow begins")
        await trio.sleep(3)
        log.append("slow is ready")
        task_status.started()
        await trio.sleep_forever()

    supervisor = Supervisor("root", [ChildSpec("slow", slow), Worker("a", log).spec()])
    async with trio.open_nursery() as nursery:
        assert await nursery.start(supervisor.run) is supervisor
        assert log == ["slow begins", "slow is ready", "up a"]
        nursery.cancel_scope.cancel()


async def test_a_cancel_from_outside_stops_children_in_reverse_order_each_with_its_own_grace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A plain nursery cancels all at once; here the last started one has gone before the next is asked."""
    log: list[str] = []
    workers = [Worker(name, log) for name in "abc"]
    for worker in workers:
        worker.cleanup = 2.0
    supervisor = Supervisor("root", [worker.spec(shutdown=3.0) for worker in workers])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        began = trio.current_time()
        nursery.cancel_scope.cancel()

    assert log[3:] == ["down c", "down b", "down a"]
    assert trio.current_time() - began == pytest.approx(6.0)


async def test_the_same_order_holds_when_the_deadline_of_an_outer_scope_strikes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []
    supervisor = Supervisor("root", [Worker(name, log).spec() for name in "abc"])
    with trio.move_on_after(5):
        await supervisor.run()

    assert log[3:] == ["down c", "down b", "down a"]


async def test_cancelling_the_start_of_a_supervisor_ends_at_once_and_stops_what_was_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A child shielded before `Nursery.start` has adopted it would hang the starter for ever."""
    log: list[str] = []
    a, b = Worker("a", log), Worker("b", log)
    b.hang_starts = 1
    supervisor = Supervisor("root", [a.spec(), b.spec(start_timeout=math.inf)])
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1) as scope:
            await nursery.start(supervisor.run)

        assert scope.cancelled_caught
        assert log == ["up a", "down b", "down a"]
        assert trio.current_time() == pytest.approx(1.0)
        assert not nursery.child_tasks


async def test_a_child_is_shielded_from_the_moment_it_is_ready() -> None:
    seen: list[str] = []

    async def child(*, task_status: trio.TaskStatus[None]) -> None:
        stopping()  # so that its supervisor does not cancel it at once either
        outer.cancel()
        task_status.started()
        await trio.lowlevel.checkpoint()  # the outer cancellation does not reach a child that is ready
        seen.append("alive")

    with trio.CancelScope() as outer:
        await Supervisor("root", [ChildSpec("child", child)]).run()

    assert seen == ["alive"]


async def test_a_start_that_fails_rolls_back_the_earlier_siblings_and_names_the_reason(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is a start failure with its own cause, not Trio's «exited without calling started»."""
    log: list[str] = []
    a, b = Worker("a", log), Worker("b", log)
    b.fail_starts = 1
    with pytest.raises(StartFailed) as caught:
        await Supervisor("root", [a.spec(), b.spec(), Worker("c", log).spec()]).run()

    assert caught.value.path == "root/b"
    assert isinstance(caught.value.reason, OSError)
    assert log == ["up a", "down b", "down a"]


async def test_a_start_that_takes_too_long_is_a_start_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    worker = Worker("a")
    worker.hang_starts = 1
    with pytest.raises(StartFailed) as caught:
        await Supervisor("root", [worker.spec(start_timeout=4.0)]).run()

    assert isinstance(caught.value.reason, StartTimeout)
    assert trio.current_time() == pytest.approx(4.0)


async def test_a_child_that_returns_before_it_is_ready_failed_to_start() -> None:
    async def forgetful(*, task_status: trio.TaskStatus[None]) -> None:
        pass

    with pytest.raises(StartFailed) as caught:
        await Supervisor("root", [ChildSpec("a", forgetful)]).run()

    assert isinstance(caught.value.reason, NeverStarted)


async def test_a_start_failure_during_a_restart_counts_as_another_restart(
    autojump_clock: trio.testing.MockClock,
) -> None:
    worker, recorder = Worker("a"), Recorder()
    supervisor = Supervisor("root", [worker.spec()], intensity=Intensity(3, 30), instruments=[recorder])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        worker.fail_starts = 2
        worker.crash()
        await settle()

        assert worker.alive == 1
        assert supervisor.statistics().restarts == 3
        kinds = [e.kind for e in recorder.exits]
        assert kinds == [ExitKind.CRASHED, ExitKind.START_FAILED, ExitKind.START_FAILED]
        scope.cancel()


async def test_too_many_restarts_stop_the_children_in_reverse_order_and_escalate(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []
    a, b, c = (Worker(name, log) for name in "abc")
    recorder = Recorder()
    supervisor = Supervisor(
        "root", [w.spec() for w in (a, b, c)], intensity=Intensity(1, 10), instruments=[recorder]
    )

    async def crash_twice() -> None:
        await settle()
        b.crash()
        await settle()
        b.crash(KeyError("the last straw"))

    error: RestartIntensityExceeded | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crash_twice)
        try:
            await supervisor.run()
        except RestartIntensityExceeded as exceeded:
            error = exceeded

    assert error is not None
    assert isinstance(error.__cause__, KeyError)
    assert [exit_.incarnation for exit_ in error.exits] == [1, 2]
    assert log[-3:] == ["down b", "down c", "down a"]
    assert recorder.paths("escalated") == ["root"]


async def test_restarts_outside_of_the_window_do_not_add_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    worker = Worker("a")
    supervisor = Supervisor("root", [worker.spec()], intensity=Intensity(1, 10))
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        for _ in range(5):
            worker.crash()
            await trio.sleep(10.5)
        assert worker.starts == 6
        scope.cancel()


async def test_an_exceeded_child_supervisor_is_restarted_by_its_parent_from_its_first_children(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Levels multiply; a dynamic child does not survive the restart of its supervisor (as in OTP)."""
    worker = Worker("w")
    inner = Supervisor("inner", [worker.spec()], intensity=Intensity(0, 10))
    outer = Supervisor("root", [ChildSpec("inner", inner.run)])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, outer)
        await inner.start_child(Worker("extra").spec())
        worker.crash()
        await settle()

        assert worker.alive == 1
        assert [c.id for c in inner.statistics().children] == ["w"]
        assert inner.path == "root/inner"
        assert outer.statistics().restarts == 1
        scope.cancel()


async def test_two_simultaneous_crashes_under_one_for_all_leave_one_incarnation_of_each(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The late exit belongs to an incarnation that is gone; matched by id it would start a second copy."""
    a, b = Worker("a"), Worker("b")
    supervisor = Supervisor("root", [a.spec(), b.spec()], strategy=Strategy.ONE_FOR_ALL)
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        a.crash()
        b.crash()
        await settle()

        assert (a.alive, b.alive) == (1, 1)
        assert (a.starts, b.starts) == (2, 2)
        assert supervisor.statistics().restarts == 1
        scope.cancel()


async def test_an_exit_during_the_restart_of_a_sibling_is_not_lost(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = Worker("a"), Worker("b")
    a.cleanup = 0.0
    supervisor = Supervisor("root", [a.spec(), b.spec()])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        a.hang_starts = 1
        supervisor.children()[0]
        a.crash()
        await settle()
        b.crash()  # while `a` hangs in its start, for 10 seconds
        await trio.sleep(11)

        assert (a.alive, b.alive) == (1, 1)
        scope.cancel()


async def test_rest_for_one_restarts_the_later_ones_in_order_and_leaves_the_earlier_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []
    a, b, c = (Worker(name, log) for name in "abc")
    supervisor = Supervisor("root", [w.spec() for w in (a, b, c)], strategy=Strategy.REST_FOR_ONE)
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        b.crash()
        await settle()
        scope.cancel()

    assert log[3:7] == ["down b", "down c", "up b", "up c"]


async def test_a_temporary_bystander_is_not_started_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """OTP `temporary_bystander`."""
    a, b = Worker("a"), Worker("b")
    supervisor = Supervisor(
        "root", [a.spec(restart=Restart.TEMPORARY), b.spec()], strategy=Strategy.ONE_FOR_ALL
    )
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        b.crash()
        await settle()

        assert (a.alive, b.alive) == (0, 1)
        assert [c.id for c in supervisor.statistics().children] == ["b"]
        scope.cancel()


@pytest.mark.parametrize("how", ["finish", "leave", "crash"])
@pytest.mark.parametrize("restart", Restart)
async def test_a_child_is_restarted_as_its_kind_says(
    restart: Restart, how: str, autojump_clock: trio.testing.MockClock
) -> None:
    worker = Worker("a")
    supervisor = Supervisor("root", [worker.spec(restart=restart)])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        getattr(worker, how)()
        await settle()
        again = restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and how == "crash")

        assert worker.alive == again
        assert len(supervisor.statistics().children) == (restart is not Restart.TEMPORARY)
        scope.cancel()


async def test_an_exit_on_purpose_inside_a_nursery_of_the_child_is_still_on_purpose(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Children raise groups; a policy by type must look inside."""

    async def child(*, task_status: trio.TaskStatus[None]) -> None:
        async def leave() -> None:
            raise ExitShutdown

        async with trio.open_nursery() as nursery:
            task_status.started()
            nursery.start_soon(leave)
            await trio.sleep_forever()

    supervisor = Supervisor("root", [ChildSpec("a", child, restart=Restart.TRANSIENT)])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        assert (await supervisor.watch("a")).kind is ExitKind.SHUTDOWN
        await settle()
        assert supervisor.statistics().children[0].state is ChildState.DOWN
        scope.cancel()


async def test_back_off_delays_restarts_and_starts_over_after_a_calm_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    worker, recorder = Worker("a"), Recorder()
    backoff = Backoff(1.0, 2.0, 10.0, jitter=0.5, reset_after=60.0)
    supervisor = Supervisor(
        "root",
        [worker.spec(backoff=backoff)],
        intensity=Intensity(100, 1),
        instruments=[recorder],
        rng=lambda: 0.0,
    )
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        for _ in range(3):
            worker.crash()
            await settle()
            assert worker.alive == 0
            assert supervisor.statistics().children[0].state is ChildState.BACKING_OFF
            delay = supervisor.statistics().children[0].restart_in
            assert delay is not None
            await trio.sleep(delay + 0.001)
            assert worker.alive == 1
        await trio.sleep(60)
        worker.crash()
        await settle()
        scope.cancel()

    delays = [event.value[0] for event in recorder.of("restart_planned")]  # type: ignore[index]  # a pair
    assert delays == [1.0, 2.0, 4.0, 1.0]


async def test_a_crash_of_another_child_during_back_off_is_handled_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = Worker("a"), Worker("b")
    supervisor = Supervisor("root", [a.spec(backoff=Backoff(5, jitter=0)), b.spec()])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        a.crash()
        await settle()
        b.crash()
        await settle()
        assert (a.alive, b.alive) == (0, 1)
        await trio.sleep(5.1)
        assert a.alive == 1
        scope.cancel()


async def test_a_cancel_during_back_off_ends_at_once(autojump_clock: trio.testing.MockClock) -> None:
    worker = Worker("a")
    supervisor = Supervisor("root", [worker.spec(backoff=Backoff(30, jitter=0))])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        worker.crash()
        await settle()
        scope.cancel()

    assert trio.current_time() == 0


async def test_a_child_that_asked_for_it_gets_a_polite_signal_before_it_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    seen: list[str] = []

    async def polite(*, task_status: trio.TaskStatus[None]) -> None:
        stop = stopping()
        task_status.started()
        await stop.wait()
        await trio.sleep(2)  # not cancelled: this is its time to leave
        seen.append("left")

    async def deaf(*, task_status: trio.TaskStatus[None]) -> None:
        stopping()
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            seen.append(f"cancelled after {trio.current_time()}")

    recorder = Recorder()
    supervisor = Supervisor(
        "root",
        [ChildSpec("polite", polite), ChildSpec("deaf", deaf, shutdown=Shutdown(3, 1))],
        instruments=[recorder],
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        nursery.cancel_scope.cancel()

    assert seen == ["cancelled after 3.0", "left"]
    assert [e.kind for e in recorder.exits] == [ExitKind.KILLED, ExitKind.STOPPED]


def test_asking_for_the_polite_signal_outside_of_a_child_is_an_error() -> None:
    with pytest.raises(RuntimeError):
        stopping()


async def test_a_child_that_ignores_its_cancellation_is_reported_and_holds_up_nobody_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A Trio task cannot be killed. The others are stopped meanwhile, within their limits."""
    log: list[str] = []
    recorder = Recorder()
    stubborn = Worker("stubborn", log)
    stubborn.cleanup = 100.0
    a = Worker("a", log)
    supervisor = Supervisor("root", [a.spec(), stubborn.spec(shutdown=2.0)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep(3)
            assert log[2:] == ["down a"]
            (event,) = recorder.of("child_stuck")
            assert event.path == "root/stubborn"
            assert not supervisor.statistics().healthy
            assert "! stubborn [child] stuck" in format_tree(supervisor.tree())

    assert trio.current_time() == pytest.approx(100)


async def test_a_restart_waits_for_the_stuck_incarnation_and_then_happens(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """At most one incarnation, whatever it costs; the supervisor stays responsive meanwhile."""
    a, b = Worker("a"), Worker("b")
    b.cleanup = 50.0
    supervisor = Supervisor("root", [a.spec(), b.spec(shutdown=1.0)], strategy=Strategy.ONE_FOR_ALL)
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        a.crash()
        await trio.sleep(10)
        assert (a.alive, b.alive) == (1, 1)
        assert b.starts == 1
        assert supervisor.statistics().stuck == 1
        b.cleanup = 0.0
        await trio.sleep(50)
        assert (a.starts, b.starts) == (2, 2)
        assert supervisor.statistics().healthy
        scope.cancel()


async def test_a_stuck_temporary_bystander_is_forgotten_when_it_has_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = Worker("a"), Worker("b")
    b.cleanup = 20.0
    supervisor = Supervisor(
        "root",
        [a.spec(), b.spec(shutdown=1.0, restart=Restart.TEMPORARY)],
        strategy=Strategy.ONE_FOR_ALL,
    )
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        a.crash()
        await trio.sleep(10)
        assert [child.state for child in supervisor.children()] == [ChildState.UP, ChildState.STUCK]
        await trio.sleep(20)
        assert [child.spec.id for child in supervisor.children()] == ["a"]
        assert b.starts == 1
        scope.cancel()


async def test_a_nested_supervisor_has_the_time_its_children_need_together(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []
    recorder = Recorder()
    workers = [Worker(name, log) for name in "abc"]
    for worker in workers:
        worker.cleanup = 4.0
    inner = Supervisor("inner", [worker.spec(shutdown=5.0) for worker in workers])
    outer = Supervisor("root", [ChildSpec("inner", inner.run, shutdown=1.0)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(outer.run)
        nursery.cancel_scope.cancel()

    assert log[3:] == ["down c", "down b", "down a"]
    assert trio.current_time() == pytest.approx(12)
    assert not recorder.of("child_stuck")


async def test_a_crash_while_being_stopped_is_reported_and_counts_as_no_restart(
    autojump_clock: trio.testing.MockClock,
) -> None:
    recorder = Recorder()

    async def bad_cleanup(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            raise RuntimeError("in clean-up")

    supervisor = Supervisor("root", [ChildSpec("a", bad_cleanup)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        nursery.cancel_scope.cancel()

    (exit_,) = recorder.exits
    assert exit_.kind is ExitKind.CRASHED
    assert exit_.asked
    assert supervisor.statistics().restarts == 0


async def test_a_crash_while_its_start_is_cancelled_does_not_escape() -> None:
    async def bad_start(*, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise RuntimeError("in clean-up")

    recorder = Recorder()
    supervisor = Supervisor("root", [ChildSpec("a", bad_start)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await settle()
        nursery.cancel_scope.cancel()

    (exit_,) = recorder.exits
    assert exit_.asked


async def test_a_keyboard_interrupt_in_a_child_goes_through_and_the_others_are_still_stopped_in_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """`Exception` is a crash; any other `BaseException` gets out of the way."""
    log: list[str] = []
    a, b, c = (Worker(name, log) for name in "abc")
    supervisor = Supervisor("root", [w.spec() for w in (a, b, c)])
    rest: BaseException | None = ValueError("nothing came through")
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            b.crash(KeyboardInterrupt())
    except BaseExceptionGroup as group:
        rest = group.split(KeyboardInterrupt)[1]

    assert rest is None
    assert log[3:] == ["down b", "down c", "down a"]


async def test_the_end_of_the_significant_child_ends_the_supervisor_normally(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []
    a, b = Worker("a", log), Worker("b", log)
    supervisor = Supervisor(
        "root",
        [a.spec(), b.spec(restart=Restart.TRANSIENT, significant=True)],
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        b.finish()

    assert log[2:] == ["down b", "down a"]


async def test_children_can_be_added_stopped_restarted_and_removed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []
    a, b = Worker("a", log), Worker("b", log)
    supervisor = Supervisor("root", [a.spec()])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        assert await supervisor.start_child(b.spec()) == 1
        with pytest.raises(ValueError, match="already"):
            await supervisor.start_child(b.spec())
        await supervisor.stop_child("b")
        await supervisor.stop_child("b")
        assert b.alive == 0
        assert await supervisor.restart_child("b") == 2
        assert await supervisor.restart_child("a") == 2
        await supervisor.remove_child("a")
        with pytest.raises(UnknownNode):
            await supervisor.remove_child("a")
        assert [c.id for c in supervisor.statistics().children] == ["b"]
        assert supervisor.statistics().restarts == 0
        await supervisor.start_child(a.spec(restart=Restart.TEMPORARY))
        await supervisor.stop_child("a")
        assert [c.id for c in supervisor.statistics().children] == ["b"]
        scope.cancel()

    with pytest.raises(NotRunning):
        await supervisor.stop_child("b")


async def test_an_added_child_that_does_not_start_is_forgotten_and_its_adder_learns_why(
    autojump_clock: trio.testing.MockClock,
) -> None:
    worker = Worker("w")
    worker.fail_starts = 2
    supervisor = Supervisor("root")
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        with pytest.raises(StartFailed):
            await supervisor.start_child(worker.spec())
        assert supervisor.statistics().children == ()
        with pytest.raises(StartFailed):
            await supervisor.start_child(worker.spec())
        await supervisor.start_child(worker.spec())
        worker.fail_starts = 1
        with pytest.raises(StartFailed):
            await supervisor.restart_child("w")
        assert supervisor.statistics().children[0].state is ChildState.DOWN
        scope.cancel()


async def test_a_command_that_waits_when_the_supervisor_ends_fails_with_not_running(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Also the one that was being carried out: nobody may wait for an answer for ever."""
    failures: list[str] = []
    a, b = Worker("a"), Worker("b")
    supervisor = Supervisor("root", [a.spec(), b.spec()])

    async def command(name: str) -> None:
        try:
            await supervisor.restart_child(name)
        except NotRunning:
            failures.append(name)

    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        a.hang_starts = 1
        nursery.start_soon(command, "a")
        await settle()
        nursery.start_soon(command, "b")
        await settle()
        with trio.move_on_after(1) as asker:
            await supervisor.stop_child("b")
        assert asker.cancelled_caught  # it gave up before its turn, so nothing happened
        scope.cancel()

    assert sorted(failures) == ["a", "b"]
    assert b.starts == 1


async def test_watch_tells_the_end_of_the_present_incarnation(
    autojump_clock: trio.testing.MockClock,
) -> None:
    worker = Worker("a")
    supervisor = Supervisor("root", [worker.spec(restart=Restart.TRANSIENT)])
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        with trio.move_on_after(1) as patience:
            await supervisor.watch("a")
        assert patience.cancelled_caught
        worker.crash()
        first = await supervisor.watch("a")
        assert (first.kind, first.incarnation) == (ExitKind.CRASHED, 1)
        await settle()
        worker.finish()
        assert (await supervisor.watch("a")).kind is ExitKind.RETURNED
        await settle()
        assert (await supervisor.watch("a")).incarnation == 2
        with pytest.raises(UnknownNode):
            await supervisor.watch("nobody")
        scope.cancel()


async def test_a_supervisor_runs_once_at_a_time_and_may_run_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    worker = Worker("a")
    supervisor = Supervisor("root", [worker.spec()])
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            with pytest.raises(trio.BusyResourceError):
                await supervisor.run()
            nursery.cancel_scope.cancel()
    assert worker.starts == 2
    assert supervisor.statistics().children[0].incarnation == 2


def test_faulty_specs_are_refused_when_they_are_written() -> None:
    worker = Worker("a")
    for bad in (
        lambda: worker.spec(significant=True),
        lambda: worker.spec(start_timeout=0.0),
        lambda: ChildSpec("", worker.start),
        lambda: ChildSpec("a/b", worker.start),
        lambda: Supervisor("a/b"),
        lambda: Supervisor("root", [worker.spec(), worker.spec()]),
    ):
        with pytest.raises(ValueError):
            bad()


async def test_a_start_is_told_before_the_exit_that_follows_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Found by the soak: the supervisor may wake up only after the child has crashed."""
    recorder = Recorder()

    async def short(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        raise ValueError

    supervisor = Supervisor(
        "root", [ChildSpec("a", short, restart=Restart.TEMPORARY)], instruments=[recorder]
    )
    async with trio.open_nursery() as nursery:
        scope = await up(nursery, supervisor)
        await settle()
        assert [event.hook for event in recorder.events] == ["child_started", "child_exited"]
        assert supervisor.children() == ()
        scope.cancel()


async def test_started_twice_is_the_authors_fault() -> None:
    async def twice(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        task_status.started()

    supervisor = Supervisor("root", [ChildSpec("a", twice)], intensity=Intensity(0, 1))
    with pytest.raises(RestartIntensityExceeded) as caught:
        await supervisor.run()
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_cancel_at_any_checkpoint_of_start_crash_and_restart_leaves_nothing_alive() -> None:
    async def attempt(operate):  # type: ignore[no-untyped-def]  # the signature is cancel_each_checkpoint's
        log: list[str] = []
        workers = [Worker(name, log) for name in "ab"]
        supervisor = Supervisor("root", [w.spec() for w in workers], strategy=Strategy.ONE_FOR_ALL)

        async def live() -> None:
            with trio.move_on_after(3):
                await supervisor.run()

        async def crash() -> None:
            await trio.sleep(1)
            if workers[0].alive:
                workers[0].crash()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(crash)
            await operate(live)
            assert [w.alive for w in workers] == [0, 0]
            assert not supervisor.running
            nursery.cancel_scope.cancel()

    async def main() -> int:
        return await cancel_each_checkpoint(attempt)

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) > 5


async def test_a_starting_child_feels_an_outer_cancellation_at_once_whatever_others_still_need(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nobody depends on it yet; shielding it already would make it wait for its turn."""
    log: list[str] = []
    a, b = Worker("a", log), Worker("b", log)
    b.cleanup = 4.0
    supervisor = Supervisor("root", [a.spec(start_timeout=math.inf), b.spec()])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        a.hang_starts = 1
        a.crash()
        await settle()
        log.clear()
        nursery.cancel_scope.cancel()

    assert log == ["down a", "down b"]


async def test_a_child_stuck_in_its_start_is_tried_again_only_when_it_has_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    recorder, worker = Recorder(), Worker("a")
    supervisor = Supervisor("root", [worker.spec(start_timeout=2, shutdown=1)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        await supervisor.stop_child("a")
        worker.hang_starts, worker.cleanup = 1, 20.0
        with pytest.raises(StartFailed):
            await supervisor.restart_child("a")
        assert recorder.paths("child_stuck") == ["root/a"]
        with pytest.raises(StartFailed, match="stuck"):
            await supervisor.restart_child("a")
        worker.cleanup = 0.0
        await supervisor.watch("a")
        await settle()
        assert await supervisor.restart_child("a") == 3
        worker.hang_starts = 1
        worker.crash()
        await settle()
        worker.cleanup = 20.0  # stuck in its restart: the next one waits until it has gone
        await trio.sleep(10)
        assert (worker.alive, worker.starts) == (1, 4)
        worker.cleanup = 0.0
        await trio.sleep(15)
        assert (worker.alive, worker.starts) == (1, 5)
        nursery.cancel_scope.cancel()


async def test_two_nodes_in_one_child_have_paths_of_their_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    inner = [Supervisor(name, [Worker(f"w{name}").spec()]) for name in ("one", "two")]

    async def both(*, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            for supervisor in inner:
                await nursery.start(supervisor.run)
            task_status.started()

    root = Supervisor("root", [ChildSpec("both", both)])
    async with trio.open_nursery() as nursery:
        await nursery.start(root.run)
        assert [node.path for node in root.tree().walk()] == [
            "root",
            "root/both",
            "root/both/wone",
            "root/both/two",
            "root/both/two/wtwo",
        ]
        assert list(tunable(root)) == [
            "root",
            "root/both",
            "root/both/wone",
            "root/both/two",
            "root/both/two/wtwo",
        ]
        assert set(knobs(root, "root/both/two")) == {"intensity"}
        assert "shutdown" in knobs(root, "root/both/two/wtwo")
        nursery.cancel_scope.cancel()


async def test_the_tree_says_when_a_backing_off_child_is_due(
    autojump_clock: trio.testing.MockClock,
) -> None:
    worker = Worker("a")
    supervisor = Supervisor("root", [worker.spec(backoff=Backoff(5, jitter=0))])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        worker.crash()
        await trio.sleep(2)
        assert "! a [child] backing off #1 restart_in=3.0s last_exit=crashed" in format_tree(
            supervisor.tree()
        )
        assert "0 of 1 up" in repr(supervisor)
        nursery.cancel_scope.cancel()
