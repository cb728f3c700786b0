"""Hooks: unused ones cost nothing, crashing ones are removed, nodes hand theirs down."""

import trio
import trio.testing

from actors import ChildSpec, Exit, Instrument, Mailbox, Registry, Supervisor
from actors._instrument import HOOKS, Hooks
from actors.testing import Recorder
from tests.actors.workers import Worker


class Faulty(Instrument):
    def __init__(self) -> None:
        self.calls = 0

    def child_exited(self, exit: Exit) -> None:  # noqa: A002  # as in Instrument
        self.calls += 1
        raise RuntimeError("a watcher with a fault")

    def message_accepted(self, address: str, message: object) -> None:
        self.calls += 100


def test_a_hook_that_nobody_overrides_is_an_empty_tuple() -> None:
    class OnlyExits(Instrument):
        def child_exited(self, exit: Exit) -> None:  # noqa: A002  # as in Instrument
            pass

    hooks = Hooks([OnlyExits()])
    assert hooks.child_exited
    assert all(not getattr(hooks, name) for name in HOOKS if name != "child_exited")


def test_every_hook_has_its_place_in_the_dispatcher() -> None:
    assert set(HOOKS) <= set(Hooks.__slots__)
    assert len(HOOKS) == 16


async def test_a_crashing_instrument_is_removed_everywhere_and_the_run_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    faulty, recorder, worker = Faulty(), Recorder(), Worker("a")
    inner = Supervisor("inner", [worker.spec()])
    outer = Supervisor("root", [ChildSpec("inner", inner.run)], instruments=[faulty, recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(outer.run)
        worker.crash()
        await trio.sleep(1)
        worker.crash()
        await trio.sleep(1)
        assert faulty.calls == 1
        assert worker.alive == 1
        assert outer.statistics().instruments_failed == 1
        assert inner.statistics().instruments_failed == 1
        nursery.cancel_scope.cancel()

    assert recorder.paths("child_exited") == ["root/inner/a"] * 3 + ["root/inner"]


async def test_a_node_below_reports_to_the_instruments_above_each_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    recorder = Recorder()

    async def behaviour(ctx):  # type: ignore[no-untyped-def]  # the shortest actor
        await ctx.take()
        raise ValueError

    registry: Registry[str, int] = Registry("keys", behaviour, instruments=[recorder])
    supervisor = Supervisor("root", [ChildSpec("keys", registry.run)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        await registry.tell("k", 1)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

    assert recorder.paths("activated") == ["root/keys/k"]
    assert [letter.address for letter in recorder.dead_letters] == ["root/keys/k"]


async def test_a_mailbox_reports_to_the_supervisor_of_the_actor_that_takes_from_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    recorder, mailbox = Recorder(), Mailbox[int]("box")

    async def actor(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await mailbox.take()

    supervisor = Supervisor("root", [ChildSpec("actor", actor)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        await trio.sleep(1)
        mailbox.tell_nowait(1)
        await trio.sleep(1)
        mailbox.tell_nowait(1)
        mailbox.discard()
        nursery.cancel_scope.cancel()

    assert len(recorder.dead_letters) == 1
