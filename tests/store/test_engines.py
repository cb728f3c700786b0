"""The writer's process, alone: what it says of itself when it ends, and when it hangs."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from router.store import rules
from router.store.sqlite import database
from router.store.sqlite.engines import Place, ProcessEngine
from router.store.sqlite.requests import Done, Probe


class Watched:
    """A started engine, and a bell for its end."""

    def __init__(self, engine: ProcessEngine) -> None:
        self.engine = engine
        self.died = trio.Event()


@pytest.fixture
async def watched(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator[Watched]:
    path = tmp_path / "engine.db"
    identity = database.prepare(path)
    term = database.take_term(path, rules.SHARD, "test")
    found = Watched(ProcessEngine(Place(path, term, identity.log_id)))
    await found.engine.start(nursery, found.died.set)
    try:
        yield found
    finally:
        await found.engine.aclose()


def kill(engine: ProcessEngine, number: signal.Signals) -> None:
    """A signal for the writer's process."""
    assert engine.pid is not None
    os.kill(engine.pid, number)


async def test_a_process_that_dies_idle_says_so(watched: Watched) -> None:
    assert await watched.engine.commit([Probe()]) == [Done()]
    kill(watched.engine, signal.SIGKILL)
    with trio.fail_after(20):
        await watched.died.wait()
    assert not watched.engine.alive


async def test_an_answer_that_is_read_after_the_death_of_its_process_does_not_revive_it(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is in the socket, the process is gone, and its end has been told already."""
    receive = watched.engine._receive

    async def receive_late() -> bytearray:
        answer = await receive()
        kill(watched.engine, signal.SIGKILL)
        await watched.died.wait()
        return answer

    monkeypatch.setattr(watched.engine, "_receive", receive_late)
    with trio.fail_after(20):
        assert await watched.engine.commit([Probe()]) == [Done()]
    assert not watched.engine.alive
