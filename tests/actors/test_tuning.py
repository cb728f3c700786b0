"""Knobs: read, checked, changed at once, visible, and effective in the running tree."""

import math
from typing import Self

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from actors import (
    ActorContext,
    Backoff,
    ChildSpec,
    Instrument,
    Intensity,
    InvalidKnob,
    Mailbox,
    MailboxFull,
    Registry,
    RegistryOptions,
    Shedding,
    SlowStep,
    StepWatchdog,
    Supervisor,
    UnknownNode,
    knobs,
    tunable,
    tune,
)
from actors._knobs import BadValue, change, read
from actors.testing import Recorder
from tests.actors.workers import Worker

settle = trio.testing.wait_all_tasks_blocked


class Tree:
    """root ─ worker, taker (with a mailbox), keys (a registry), inner ─ deep."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.worker, self.deep = Worker("worker"), Worker("deep")
        self.mailbox = Mailbox[int]("box", capacity=1)
        self.registry: Registry[str, int] = Registry("keys", self.behave, RegistryOptions(capacity=2))
        self.inner = Supervisor("inner", [self.deep.spec()])
        self.root = Supervisor(
            "root",
            [
                self.worker.spec(),
                ChildSpec("taker", self.take_one),
                ChildSpec("keys", self.registry.run),
                ChildSpec("inner", self.inner.run),
            ],
            instruments=[self.recorder],
        )
        self.go_on = trio.Event()

    async def behave(self, ctx: ActorContext[str, int]) -> None:
        while batch := await ctx.take():
            if batch[0].message < 0:
                await trio.sleep_forever()

    async def take_one(self, *, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await self.mailbox.take()
        await trio.sleep_forever()

    async def __aenter__(self) -> Self:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        await self._nursery.start(self.root.run)
        await settle()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._nursery.cancel_scope.cancel()
        await self._manager.__aexit__(None, None, None)


async def test_every_node_of_the_tree_has_knobs_under_its_path(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with Tree() as tree:
        paths = list(tunable(tree.root))
        assert paths == [
            "root",
            "root/worker",
            "root/taker",
            "root/taker/box",
            "root/keys",
            "root/inner",
            "root/inner/deep",
        ]
        for path in paths:
            assert knobs(tree.root, path)
        assert set(knobs(tree.root)) == {"intensity"}
        assert knobs(tree.root, "root/keys")["idle_timeout"].value == 120
        assert knobs(tree.root, "root/keys")["child.shutdown"].value == 5
        assert knobs(tree.root, "root/taker/box")["capacity"].kind == "number"
        for path in ("nowhere", "root/nowhere", "root/worker/nowhere", "root/inner/nowhere", "root/keys/k"):
            with pytest.raises(UnknownNode):
                knobs(tree.root, path)


async def test_a_changed_intensity_counts_from_the_next_restart(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with Tree() as tree:
        tuned = tune(tree.root, "root", {"intensity": "20/30"})
        assert tuned.before == {"intensity": Intensity(5, 30)}
        assert tuned.after == {"intensity": Intensity(20, 30)}
        for _ in range(10):
            tree.worker.crash()
            await settle()
        assert tree.worker.alive == 1
        assert [event.value for event in tree.recorder.of("tuned")] == [tuned]


async def test_a_changed_back_off_and_shutdown_hold_and_survive_a_restart_of_the_supervisor(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with Tree() as tree:
        changes = {"backoff.initial": "3", "backoff.jitter": 0, "shutdown": 1}
        tune(tree.root, "root/inner/deep", changes)
        await tree.root.restart_child("inner")
        assert knobs(tree.root, "root/inner/deep")["backoff.initial"].value == 3
        tree.deep.crash()
        await trio.sleep(2.9)
        assert tree.deep.alive == 0
        await trio.sleep(0.2)
        assert tree.deep.alive == 1
        tune(tree.root, "root/inner/deep", {"backoff": "none"})
        tree.deep.crash()
        await settle()
        assert tree.deep.alive == 1
        assert "backoff.initial" not in knobs(tree.root, "root/inner/deep")


async def test_a_shorter_idle_time_sends_the_idle_home(autojump_clock: trio.testing.MockClock) -> None:
    async with Tree() as tree:
        await tree.registry.tell("k", 1)
        await trio.sleep(50)
        tune(tree.root, "root/keys", {"idle_timeout": "10", "child.start_timeout": 3})
        await settle()
        assert not tree.registry.active("k")
        assert tree.root.children()[2].spec.start_timeout == 3


async def test_a_larger_mailbox_lets_waiting_senders_in(autojump_clock: trio.testing.MockClock) -> None:
    async with Tree() as tree:
        tree.registry.tell_nowait("k", -1)
        await settle()
        for n in range(2):
            tree.registry.tell_nowait("k", n)
        with pytest.raises(MailboxFull):
            tree.registry.tell_nowait("k", 3)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.registry.tell, "k", 3)
            await settle()
            tune(tree.root, "root/keys", {"capacity": 3})
        tune(tree.root, "root/keys", {"shutdown": 0, "cancel_grace": 0.5})

        tree.mailbox.tell_nowait(0)
        await settle()
        tree.mailbox.tell_nowait(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.mailbox.tell, 2)
            await settle()
            tune(tree.root, "root/taker/box", {"capacity": math.inf})
        assert len(tree.mailbox) == 2


async def test_a_lower_cap_asks_the_surplus_to_leave(autojump_clock: trio.testing.MockClock) -> None:
    async with Tree() as tree:
        for key in "abcd":
            await tree.registry.tell(key, 1)
        await settle()
        tune(tree.root, "root/keys", {"cap": 2})
        await settle()
        assert sorted(tree.registry.keys()) == ["c", "d"]


async def test_a_change_is_complete_or_does_not_happen(autojump_clock: trio.testing.MockClock) -> None:
    async with Tree() as tree:
        before = {name: knob.value for name, knob in knobs(tree.root, "root/keys").items()}
        for bad in (
            {"idle_timeout": 60, "cap": 0},
            {"idle_timeout": 60, "child.shutdown": -1},
            {"idle_timeout": 60, "unheard_of": 1},
            {"idle_timeout": "soon"},
            {"idle_timeout": True},
            {"eager": "perhaps"},
            {"storm": "many"},
            {"storm": 5},
            {"backoff": "sometimes"},
            {"backoff.factor": 0.5},
            {"shedding.high": 0.5},
            {"shedding": 1},
            {"max_weight": 10},
            {"cap.small": 1},
            {"weigh": "len"},
        ):
            with pytest.raises(InvalidKnob) as caught:
                tune(tree.root, "root/keys", bad)
            assert caught.value.path == "root/keys"
        assert {name: knob.value for name, knob in knobs(tree.root, "root/keys").items()} == before
        assert not tree.recorder.of("tuned")
        with pytest.raises(UnknownNode):
            tune(tree.root, "root/nowhere", {"capacity": 1})


def test_a_root_may_be_a_registry_or_a_mailbox_too() -> None:
    mailbox = Mailbox[bytes]("box", max_weight=5, weigh=len)
    tune(mailbox, None, {"max_weight": "none", "capacity": "inf"})
    assert knobs(mailbox)["max_weight"].value is None
    with pytest.raises(InvalidKnob):
        tune(mailbox, "box", {"capacity": 0})

    options = RegistryOptions(shedding=Shedding(lambda: 0.0))

    async def behave(ctx: ActorContext[str, int]) -> None:
        await ctx.take()

    registry = Registry("keys", behave, options)
    tune(registry, None, {"shedding.low": 0.5, "eager": "on", "backoff": Backoff(1)})
    assert registry.options.shedding is not None
    assert registry.options.shedding.low == 0.5
    assert registry.options.eager
    assert list(tunable(registry)) == ["keys"]
    assert read(registry.options)["backoff.initial"].value == 1


@given(
    st.dictionaries(
        st.sampled_from(["idle_timeout", "cap", "capacity", "quarantine_time", "backoff.maximum", "nope"]),
        st.one_of(st.floats(-1, 1000), st.integers(-2, 50), st.text(max_size=4), st.none()),
        max_size=4,
    )
)
def test_any_change_gives_valid_settings_with_just_these_values_or_is_refused(
    changes: dict[str, object],
) -> None:
    options = RegistryOptions(backoff=Backoff())
    try:
        new = change(options, changes)
    except BadValue:
        return
    for name, knob in read(new).items():
        if name not in changes:
            assert knob.value == read(options)[name].value
        else:
            assert str(knob.value) == str(changes[name]) or float(str(changes[name])) == knob.value


def test_settings_are_read_back_as_they_were_written() -> None:
    options = RegistryOptions(backoff=Backoff(), shedding=Shedding(lambda: 0.0))
    written = {name: str(knob.value) for name, knob in read(options).items()}

    assert change(options, written) == options


async def test_the_watchdog_names_the_actor_that_held_the_thread(
    autojump_clock: trio.testing.MockClock,
) -> None:
    now = 0.0
    steps: list[SlowStep] = []

    class Listener(Instrument):
        def slow_step(self, step: SlowStep) -> None:
            steps.append(step)

    async def slow(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal now
        task_status.started()
        await trio.sleep(1)
        now += 0.2
        await trio.sleep_forever()

    watchdog = StepWatchdog(0.05, [Listener()], clock=lambda: now)
    trio.lowlevel.add_instrument(watchdog)
    async with trio.open_nursery() as nursery:
        await nursery.start(Supervisor("root", [ChildSpec("slow", slow)]).run)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    trio.lowlevel.remove_instrument(watchdog)

    assert [(step.path, step.seconds) for step in steps] == [("root/slow", 0.2)]
    assert (watchdog.slow_steps, watchdog.longest) == (1, 0.2)
