"""The test kit, tested: it passes what is right and catches what is wrong."""

import subprocess
import sys

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from actors import (
    ActorContext,
    AskFailed,
    Backoff,
    ChildSpec,
    Fate,
    Intensity,
    Mailbox,
    Registry,
    RegistryOptions,
    Seat,
    Strategy,
    Supervisor,
)
from actors.testing import (
    CRASH,
    HANG,
    Fault,
    FaultKind,
    FaultPlan,
    History,
    Operation,
    PlannedCrash,
    Probe,
    Recorder,
    TrioRunner,
    assert_stopped_in_order,
    cancel_each_checkpoint,
    check_linearizable,
    check_mailbox,
    check_registry,
    check_supervisor,
    strategies,
)

Clock = trio.testing.MockClock
settle = trio.testing.wait_all_tasks_blocked


async def test_our_own_parts_keep_their_contracts(autojump_clock: Clock) -> None:
    await check_mailbox(lambda capacity: Mailbox("box", capacity))
    await check_registry(lambda behave, options: Registry("keys", behave, options))
    await check_supervisor(lambda children, **settings: Supervisor("root", children, **settings))


async def test_the_contracts_catch_a_part_that_breaks_them(autojump_clock: Clock) -> None:
    class Unbounded(Mailbox[int]):
        def __init__(self) -> None:
            super().__init__("box", 1000)

    with pytest.raises(AssertionError, match="a full mailbox refuses"):
        await check_mailbox(lambda _: Unbounded())

    class Forgetful(Mailbox[int]):
        def abandon(self, fate: Fate, error: BaseException | None) -> int:
            self.discard()
            return super().abandon(fate, error)

    with pytest.raises(AssertionError, match="survives"):
        await check_mailbox(lambda capacity: Forgetful("box", capacity))

    def wrong_strategy(children: list[ChildSpec], **settings: object) -> Supervisor:
        return Supervisor("root", children, strategy=Strategy.ONE_FOR_ONE)

    with pytest.raises(AssertionError, match="one_for_all restarts its group"):
        await check_supervisor(wrong_strategy)

    def no_quarantine(behave: object, options: RegistryOptions) -> Registry[str, str]:
        patient = attrs.evolve(options, quarantine=Intensity(100, 1))
        return Registry("keys", behave, patient)  # type: ignore[arg-type]  # any behaviour

    with pytest.raises(AssertionError, match="quarantined"):
        await check_registry(no_quarantine)


async def test_a_probe_shows_what_arrives_and_misbehaves_as_planned(autojump_clock: Clock) -> None:
    faults = FaultPlan({2: CRASH, 3: Fault(FaultKind.SLOW, 2.0)})
    probe = Probe[str]("probe", answer=str.upper, faults=faults)
    async with trio.open_nursery() as nursery:
        await nursery.start(Supervisor("root", [ChildSpec("probe", probe.start)]).run)
        assert await probe.mailbox.ask("one") == "ONE"
        with pytest.raises(AskFailed) as caught:
            await probe.mailbox.ask("two")
        assert isinstance(caught.value.cause, PlannedCrash)
        await probe.mailbox.tell("three")
        await probe.expect("one", "three")
        assert trio.current_time() == pytest.approx(2)
        await probe.expect_nothing()
        with pytest.raises(AssertionError, match="expected"):
            await probe.expect("four")
        await probe.mailbox.tell("four")
        with pytest.raises(AssertionError, match="nothing"):
            await probe.expect_nothing()
        assert probe.incarnations == 2
        assert "step 4" in repr(faults)
        nursery.cancel_scope.cancel()


async def test_a_probe_may_be_an_addressed_actor_that_hangs_or_ignores_its_cancellation(
    autojump_clock: Clock,
) -> None:
    probe: Probe[int] = Probe()
    registry: Registry[object, int] = Registry(
        "keys", probe.behave, RegistryOptions(shutdown=1, cancel_grace=5)
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        await registry.tell("k", 1)
        await probe.expect(1)
        probe.faults.next_is(Fault(FaultKind.STUBBORN, 3.0))
        await registry.tell("k", 2)
        await settle()
        probe.faults.next_is(HANG)
        await registry.tell("k", 3)
        nursery.cancel_scope.cancel()
    assert trio.current_time() == pytest.approx(3)
    assert probe.received == [1, 2]


class Register:
    """A register: `("write", n)` and `"read"`."""

    def initial(self) -> int:
        return 0

    def apply(self, state: int, call: object) -> tuple[int, object]:
        return (state, state) if call == "read" else (call[1], None)  # type: ignore[index]  # a write


def test_a_linearizable_history_is_explained_and_an_impossible_one_is_not() -> None:
    concurrent = [
        Operation(1, 6, ("write", 1)),
        Operation(2, 3, "read", 1),
        Operation(4, 5, "read", 1),
    ]
    order = check_linearizable(concurrent, Register())
    assert [operation.start for operation in order] == [1, 2, 4]

    new_then_old = [
        Operation(1, 6, ("write", 1)),
        Operation(2, 3, "read", 1),
        Operation(4, 5, "read", 0),
    ]
    with pytest.raises(AssertionError, match="no order"):
        check_linearizable(new_then_old, Register())

    unknown = [Operation(1, None, ("write", 7)), Operation(5, 6, "read", 0), Operation(7, 8, "read", 7)]
    assert check_linearizable(unknown, Register())
    assert check_linearizable([Operation(1, None, ("write", 7))], Register()) == []
    with pytest.raises(ValueError, match="too many"):
        check_linearizable([Operation(n, n, "read", 0) for n in range(13)], Register())


@given(
    st.lists(
        st.tuples(st.sampled_from(["read", "write"]), st.integers(1, 3), st.booleans()),
        min_size=2,
        max_size=10,
    )
)
def test_a_register_kept_by_an_actor_is_linearizable_through_crashes_and_cancels(
    calls: list[tuple[str, int, bool]],
) -> None:
    """The state lives beside the incarnations here, as it would in a store."""

    async def main() -> None:
        kept, history = [0], History()
        faults = FaultPlan({4: CRASH})

        async def behave(ctx: ActorContext[str, tuple[str, int]]) -> None:
            while batch := await ctx.take():
                for envelope in batch:
                    what, value = envelope.message
                    if what == "write":
                        kept[0] = value
                    await faults.step()
                    envelope.reply(kept[0] if what == "read" else None)

        registry: Registry[str, tuple[str, int]] = Registry("keys", behave)

        async def client(what: str, value: int, patient: bool) -> None:
            call = "read" if what == "read" else ("write", value)
            with trio.move_on_after(10 if patient else 0):
                try:
                    await history.call(call, lambda: registry.ask("k", (what, value)))
                except AskFailed:
                    pass

        async with trio.open_nursery() as nursery:
            await nursery.start(registry.run)
            async with trio.open_nursery() as clients:
                for call in calls:
                    clients.start_soon(client, *call)
            nursery.cancel_scope.cancel()
        check_linearizable(history.operations, Register())

    trio.run(main, clock=Clock(autojump_threshold=0))


def test_the_runner_settles_advances_and_hands_over_results_and_errors() -> None:
    with TrioRunner() as runner:
        ticks: list[float] = []

        async def tick() -> None:
            while True:
                await trio.sleep(10)
                ticks.append(trio.current_time())

        async def ready(value: int, *, task_status: trio.TaskStatus[int]) -> None:
            task_status.started(value)

        async def fail() -> None:
            raise LookupError

        runner.spawn(tick)
        runner.settle()
        assert ticks == []
        runner.advance(35)
        assert ticks == [10, 20, 30]
        assert runner.now == 35
        assert runner.start(ready, 5) == 5
        with pytest.raises(LookupError):
            runner.run(fail)
    runner.close()  # a second time is nothing


def test_the_runner_reports_a_task_that_outlives_its_cancellation() -> None:
    runner = TrioRunner(close_timeout=0.2)
    release = trio.Event()

    async def stubborn() -> None:
        with trio.CancelScope(shield=True):
            await release.wait()

    runner.spawn(stubborn)
    runner.settle()
    with pytest.raises(AssertionError, match="stubborn"):
        runner.close()
    runner.call(release.set)
    runner.close()


def test_the_runner_raises_what_a_background_task_raised() -> None:
    runner = TrioRunner()

    async def fail() -> None:
        raise LookupError

    runner.spawn(fail)

    def until_it_is_over() -> None:
        while True:
            runner.settle()

    with pytest.raises((ExceptionGroup, trio.RunFinishedError, trio.Cancelled)):
        until_it_is_over()
    with pytest.raises(ExceptionGroup):
        runner.close()


def test_an_operation_that_never_ends_is_reported() -> None:
    async def attempt(operate):  # type: ignore[no-untyped-def]  # the signature is cancel_each_checkpoint's
        async def endless() -> None:
            while True:
                await trio.lowlevel.checkpoint()

        await operate(endless)

    async def main() -> None:
        await cancel_each_checkpoint(attempt, limit=5)

    with pytest.raises(AssertionError, match="did not end"):
        trio.run(main)


async def test_the_order_of_stops_can_be_asserted(autojump_clock: Clock) -> None:
    recorder = Recorder()
    specs = [ChildSpec(name, strategies.steady) for name in "ab"]
    with trio.move_on_after(1):
        await Supervisor("root", specs, instruments=[recorder]).run()

    assert_stopped_in_order(recorder, ["root/b", "root/a"])
    with pytest.raises(AssertionError, match="order"):
        assert_stopped_in_order(recorder, ["root/a", "root/b"])
    with pytest.raises(AssertionError, match="did not stop"):
        assert_stopped_in_order(recorder, ["root/c"])
    assert "4 events" in repr(recorder)
    recorder.clear()
    assert recorder.events == []


@given(
    strategies.trees(),
    strategies.registry_options(),
    strategies.fault_plans(),
    strategies.seats(),
    strategies.child_specs(),
)
def test_the_strategies_give_valid_values(
    tree: Supervisor, options: RegistryOptions, plan: FaultPlan, seats: list[Seat], spec: ChildSpec
) -> None:
    assert tree.name == "root"
    assert options.cap >= 1
    assert plan.steps == 0
    assert len({seat.id for seat in seats}) == len(seats)
    assert spec.id


def test_from_type_knows_the_types_once_they_are_registered() -> None:
    """Hypothesis calls `register` through the entry point when the wheel is installed."""
    strategies.register()

    @given(st.from_type(Intensity), st.from_type(Backoff), st.from_type(FaultPlan))
    def check(intensity: Intensity, backoff: Backoff, plan: FaultPlan) -> None:
        assert intensity.period > 0
        assert backoff.factor >= 1
        assert plan.steps == 0

    check()


def test_the_kit_does_not_need_hypothesis_until_it_is_asked_for_a_machine() -> None:
    script = (
        "import sys, actors.testing as t; t.TrioRunner().close();"
        "print('hypothesis' in sys.modules);"
        "t.ActorMachine; t.strategies; print('hypothesis' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split("\n")[:2] == ["False", "True"]


def test_an_unknown_name_of_the_kit_is_an_attribute_error() -> None:
    import actors.testing

    with pytest.raises(AttributeError):
        _ = actors.testing.nothing
