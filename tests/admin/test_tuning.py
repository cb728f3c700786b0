"""Turning knobs of a running tree: what the audit chain says last of a knob is what the knob is."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import ActorContext, ChildSpec, Registry, RegistryOptions, Supervisor, knobs
from router.admin import CommandFailed
from router.store.audit import AuditFact
from router.store.errors import OutcomeUnknown, Overloaded, StoreError, StoreUnavailable
from router.store.memory import MemoryStore
from router.tuning import NodePath, Tuning, Turn

PATH = "root/conversations"


class SlowStore(MemoryStore):
    """A store that writes a record when the test lets it, or refuses to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = trio.Event()
        self.gate.set()
        self.trouble: StoreError | None = None

    async def record(self, facts: tuple[AuditFact, ...], *, now: int) -> None:
        trouble = self.trouble
        await self.gate.wait()
        if trouble is not None:
            raise trouble
        await super().record(facts, now=now)


@attrs.frozen
class World:
    root: Supervisor
    store: SlowStore
    tuning: Tuning

    def value(self, name: str) -> object:
        return knobs(self.root, PATH)[name].value

    async def told(self) -> list[str | None]:
        return [json.loads(link.record)["detail"] for link in await self.store.audit_records(0, limit=100)]


async def behaviour(context: ActorContext[str, str]) -> None:
    while await context.take():
        pass


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    registry: Registry[str, str] = Registry("conversations", behaviour, RegistryOptions(cap=100))
    root = Supervisor("root", (ChildSpec("conversations", registry.run, backoff=None),))
    store = SlowStore()
    async with trio.open_nursery() as nursery:
        await nursery.start(root.run)
        yield World(root, store, Tuning(root, store, lambda: 0))
        nursery.cancel_scope.cancel()


async def test_a_turned_knob_is_recorded_once() -> None:
    async with world() as here:
        turned = await here.tuning.tune(Turn(PATH, {"cap": "200"}))
        again = await here.tuning.tune(Turn(PATH, {"cap": "200"}))

        assert [(change.name, change.before, change.after) for change in turned.changes] == [
            ("cap", "100", "200.0")
        ]
        assert again.changes == []
        assert await here.told() == ["100 -> 200.0"]


@pytest.mark.parametrize("trouble", [Overloaded(1.0), StoreUnavailable(1.0, "disk full")])
async def test_a_change_that_cannot_be_recorded_does_not_stand(trouble: StoreError) -> None:
    async with world() as here:
        here.store.trouble = trouble
        with pytest.raises(type(trouble)):
            await here.tuning.tune(Turn(PATH, {"cap": "200"}))

        assert here.value("cap") == 100
        assert await here.told() == []


async def test_a_refused_change_does_not_undo_a_newer_one() -> None:
    async with world() as here, trio.open_nursery() as nursery:

        async def refused() -> None:
            with pytest.raises(Overloaded):
                await here.tuning.tune(Turn(PATH, {"cap": "200"}))

        async def taken() -> None:
            await here.tuning.tune(Turn(PATH, {"cap": "300"}))

        here.store.gate, here.store.trouble = trio.Event(), Overloaded(1.0)
        nursery.start_soon(refused)
        await wait_all_tasks_blocked()
        here.store.trouble = None
        nursery.start_soon(taken)
        await wait_all_tasks_blocked()
        here.store.gate.set()
        await wait_all_tasks_blocked()

        assert here.value("cap") == 300
        assert await here.told() == ["100 -> 300.0"]


async def test_a_change_stands_when_it_may_be_recorded() -> None:
    async with world() as here:
        here.store.trouble = OutcomeUnknown(1.0, "the writer died")
        with pytest.raises(CommandFailed, match="the change holds") as told:
            await here.tuning.tune(Turn(PATH, {"cap": "200"}))

        assert told.value.error == "OutcomeUnknown"
        assert here.value("cap") == 200


@pytest.mark.parametrize("trouble", [None, Overloaded(1.0)])
async def test_a_cancel_leaves_no_change_without_its_record(trouble: StoreError | None) -> None:
    async with world() as here, trio.open_nursery() as nursery:
        here.store.gate, here.store.trouble = trio.Event(), trouble
        leaving = trio.CancelScope()

        async def turn() -> None:
            with leaving:
                try:
                    await here.tuning.tune(Turn(PATH, {"cap": "200"}))
                except Overloaded:
                    assert trouble is not None

        nursery.start_soon(turn)
        await wait_all_tasks_blocked()
        leaving.cancel()
        await wait_all_tasks_blocked()
        here.store.gate.set()
        await wait_all_tasks_blocked()

        recorded = await here.told()
        assert (here.value("cap"), recorded) in [(200, ["100 -> 200.0"]), (100, [])]
        assert bool(recorded) is (trouble is None)


async def test_a_cancel_before_its_turn_changes_nothing() -> None:
    async with world() as here, trio.open_nursery() as nursery:
        here.store.gate = trio.Event()
        nursery.start_soon(here.tuning.tune, Turn(PATH, {"cap": "200"}))
        await wait_all_tasks_blocked()
        with trio.move_on_after(0):
            await here.tuning.tune(Turn(PATH, {"cap": "300"}))
        here.store.gate.set()
        await wait_all_tasks_blocked()

        assert here.value("cap") == 200
        assert await here.told() == ["100 -> 200.0"]


@pytest.mark.parametrize("first", ["none", "on"])
async def test_a_switched_backoff_is_turned_back_whole(first: str) -> None:
    """Its inner knobs come and go with it."""
    second = {"none": "on", "on": "none"}[first]
    async with world() as here:
        await here.tuning.tune(Turn(PATH, {"child.backoff": first}))
        before = knobs(here.root, PATH)
        here.store.trouble = Overloaded(1.0)
        with pytest.raises(Overloaded):
            await here.tuning.tune(Turn(PATH, {"child.backoff": second}))

        assert knobs(here.root, PATH) == before


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (Turn("root/nowhere", {"cap": "1"}), "UnknownNode"),
        (Turn(PATH, {"cap": "many"}), "InvalidKnob"),
        (Turn(PATH, {"cap": "200", "nonsense": "1"}), "InvalidKnob"),
    ],
)
async def test_what_cannot_be_turned_is_refused_and_not_recorded(turn: Turn, error: str) -> None:
    async with world() as here:
        with pytest.raises(CommandFailed) as told:
            await here.tuning.tune(turn)

        assert told.value.error == error
        assert here.value("cap") == 100
        assert await here.told() == []


async def test_knobs_of_a_node_that_is_not_there_are_refused() -> None:
    async with world() as here:
        assert {row.path for row in await here.tuning.knobs(NodePath())} >= {"root", PATH}
        with pytest.raises(CommandFailed, match="nowhere"):
            await here.tuning.knobs(NodePath("root/nowhere"))
