"""Hypothesis against running trees: a supervisor and a registry, each with a model beside it."""

from typing import Any

import trio
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from actors import (
    ActorContext,
    AutoShutdown,
    Backoff,
    ChildSpec,
    ExitKind,
    Intensity,
    MailboxFull,
    Quarantined,
    Registry,
    RegistryFull,
    RegistryOptions,
    Restart,
    Seat,
    Strategy,
    Supervisor,
)
from actors._policy import decide
from actors.testing import ActorMachine
from tests.actors.workers import Worker

KINDS = st.sampled_from(Restart)
ENDS = st.sampled_from(["crash", "finish", "leave"])
EXITS = {"crash": ExitKind.CRASHED, "finish": ExitKind.RETURNED, "leave": ExitKind.SHUTDOWN}


class SupervisorMachine(ActorMachine):
    """Two supervisors, one inside the other; workers crash alone or together, fail to start, back off."""

    def __init__(self) -> None:
        self.workers: dict[str, Worker] = {}
        super().__init__()

    @initialize(
        kinds=st.lists(KINDS, min_size=1, max_size=4),
        strategy=st.sampled_from(Strategy),
        inner=st.sampled_from(Strategy),
        limit=st.integers(0, 6),
        backoff=st.booleans(),
    )
    def set_up(
        self, kinds: list[Restart], strategy: Strategy, inner: Strategy, limit: int, backoff: bool
    ) -> None:
        self.kinds = {f"w{n}": kind for n, kind in enumerate(kinds)}
        self.workers = {name: Worker(name) for name in self.kinds}
        self.nested = Worker("nested")
        self.limit = limit
        below = Supervisor("inner", [self.nested.spec()], strategy=inner, intensity=Intensity(1, 10))
        children = [
            self.workers[name].spec(
                restart=kind, backoff=Backoff(1, jitter=0.5) if backoff and name == "w0" else None
            )
            for name, kind in self.kinds.items()
        ]
        self.supervisor = Supervisor(
            "root",
            [*children, ChildSpec("inner", below.run)],
            strategy=strategy,
            intensity=Intensity(limit, 30),
            instruments=[self.recorder],
            rng=lambda: 0.5,
        )
        self.begin(self.supervisor)

    def up(self) -> list[str]:
        return sorted(name for name, worker in self.workers.items() if worker.alive)

    def seats(self) -> list[Seat]:
        return [child.seat for child in self.supervisor.children()]

    @precondition(lambda self: self.gave_up is None)
    @rule(data=st.data(), how=ENDS)
    def one_ends(self, data: st.DataObject, how: str) -> None:
        """Exactly what the pure policy says happens (unless something backs off)."""
        assume(self.up())
        name = data.draw(st.sampled_from(self.up()))
        calm = all(child.due is None for child in self.supervisor.children())
        seats = [seat if seat.id != name else Seat(name, seat.restart, alive=False) for seat in self.seats()]
        before = {n: worker.starts for n, worker in self.workers.items()}
        self.runner.call(getattr(self.workers[name], how))
        self.runner.settle()
        if self.gave_up is not None or not calm or any(c.due for c in self.supervisor.children()):
            return
        plan = decide(self.supervisor.strategy, AutoShutdown.NEVER, seats, name, EXITS[how])
        started = {n for n, worker in self.workers.items() if worker.starts > before[n]}
        assert started == set(plan.start) - {"inner"}
        assert not set(plan.forget) & {seat.id for seat in self.seats()}

    @precondition(lambda self: self.gave_up is None)
    @rule(data=st.data(), how=ENDS)
    def several_end_at_once(self, data: st.DataObject, how: str) -> None:
        assume(self.up())
        names = data.draw(st.lists(st.sampled_from(self.up()), min_size=1, unique=True))

        def end() -> None:
            for name in names:
                getattr(self.workers[name], how)()

        self.runner.call(end)
        self.runner.settle()

    @precondition(lambda self: self.gave_up is None)
    @rule(data=st.data(), times=st.integers(1, 3))
    def the_next_starts_fail(self, data: st.DataObject, times: int) -> None:
        assume(self.up())
        name = data.draw(st.sampled_from(self.up()))
        self.workers[name].fail_starts = times
        self.runner.call(self.workers[name].crash)
        self.runner.settle()

    @precondition(lambda self: self.gave_up is None and self.nested.alive)
    @rule()
    def the_nested_one_crashes(self) -> None:
        self.runner.call(self.nested.crash)
        self.runner.settle()

    @precondition(lambda self: self.gave_up is None)
    @rule(data=st.data())
    def an_operator_restarts_one(self, data: st.DataObject) -> None:
        assume(self.up())
        name = data.draw(st.sampled_from(self.up()))
        self.runner.run(self.supervisor.restart_child, name)
        self.runner.settle()

    @invariant()
    def what_should_be_up_is_up(self) -> None:
        if not self.workers or self.gave_up is not None:
            return
        waiting = {c.spec.id for c in self.supervisor.children() if c.due is not None}
        for name, kind in self.kinds.items():
            if kind is Restart.PERMANENT and not waiting:
                assert self.workers[name].alive, f"{name} should be up"

    @invariant()
    def one_who_gave_up_has_nobody_up(self) -> None:
        if self.gave_up is not None:
            assert not self.up()
            assert not self.nested.alive


class RegistryMachine(ActorMachine):
    """Keys that answer, crash, hang for a while and idle out, under a small cap and small mailboxes."""

    def build(self) -> Registry[str, tuple[int, str]]:
        self.count = 0
        self.asked: list[Any] = []
        self.waits: list[float] = []
        self.registry: Registry[str, tuple[int, str]] = Registry(
            "keys",
            self.behave,
            RegistryOptions(
                idle_timeout=20,
                capacity=3,
                cap=3,
                quarantine=Intensity(2, 30),
                quarantine_time=40,
                storm=Intensity(12, 30),
                backoff=Backoff(0.5, jitter=0.5),
                passivate_timeout=15,
            ),
            instruments=[self.recorder],
            rng=lambda: 0.5,
        )
        return self.registry

    async def behave(self, ctx: ActorContext[str, tuple[int, str]]) -> None:
        while batch := await ctx.take(max_items=2):
            for envelope in batch:
                number, what = envelope.message
                if what == "crash":
                    raise ValueError(number)
                if what == "slow":
                    await trio.sleep(5)
                self.handled(ctx.path, envelope.message)
                envelope.reply(number)
        await trio.sleep(3)  # it takes its time to leave

    @precondition(lambda self: self.gave_up is None)
    @rule(
        key=st.sampled_from("abcdef"),
        what=st.sampled_from(["ok", "ok", "slow", "crash"]),
        ask=st.booleans(),
        burst=st.integers(1, 4),
    )
    def send(self, key: str, what: str, ask: bool, burst: int) -> None:
        def post() -> None:
            for _ in range(burst):
                self.count += 1
                message = (self.count, what)
                try:
                    if ask:
                        self.asked.append((self.count, self.registry.post_nowait(key, message)))
                    else:
                        self.registry.tell_nowait(key, message)
                except MailboxFull:
                    pass
                except Quarantined as error:
                    self.waits.append(error.retry_after)
                except RegistryFull:
                    assert self.registry.statistics().active >= 3

        self.runner.call(post)
        self.runner.settle()

    @precondition(lambda self: self.gave_up is None)
    @rule(key=st.sampled_from("abcdef"))
    def an_operator_passivates_or_releases(self, key: str) -> None:
        self.runner.call(self.registry.passivate, key)
        self.runner.call(self.registry.release, key)
        self.runner.settle()

    @invariant()
    def the_cap_holds_but_for_those_that_leave(self) -> None:
        s = self.runner.call(self.registry.statistics)
        returning = sum(e.hook == "child_exited" for e in self.recorder.events)
        assert s.active - s.leaving <= 3 + returning

    @invariant()
    def a_quarantine_has_an_end(self) -> None:
        assert all(0 < wait <= 40 for wait in self.waits)

    @invariant()
    def an_answer_is_the_right_one(self) -> None:
        for number, reply in self.asked:
            if reply.done and reply._error is None:
                assert reply._value == number

    def teardown(self) -> None:
        super().teardown()
        for _, reply in self.asked:
            assert reply.done, "an asker was left waiting"
            assert reply._error is None or isinstance(reply._error, Exception)


TestSupervisorMachine = SupervisorMachine.TestCase
TestRegistryMachine = RegistryMachine.TestCase
