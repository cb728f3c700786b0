"""The supervision tree, watched: a real supervisor and a real registry under the instrument."""

from collections.abc import Mapping

import pytest
import trio
from trio.testing import MockClock

from actors import (
    ActorContext,
    AskFailed,
    Backoff,
    ChildSpec,
    Intensity,
    Quarantined,
    Registry,
    RegistryOptions,
    SlowStep,
    StuckChild,
    Supervisor,
    Tuned,
)
from router.observe import ActorInstrument, Metrics
from tests.observe.helpers import Captured, samples

SOMEBODY = "did:plc:somebody"
KNOWN = frozenset({"rookery", "worker", "conversations"})


def watched() -> tuple[Captured, Metrics, ActorInstrument]:
    captured, metrics = Captured(), Metrics(version="1")
    return captured, metrics, ActorInstrument(captured.logs, metrics, KNOWN)


def actor_samples(metrics: Metrics) -> Mapping[str, float]:
    """What was counted about actors, without the prefix."""
    found = samples(metrics)
    return {
        name.removeprefix("rookery_"): value
        for name, value in found.items()
        if name.startswith(("rookery_actor", "rookery_dead", "rookery_mailbox"))
    }


def test_a_crash_is_one_line_with_its_leaf_and_its_restart_another() -> None:
    captured, metrics, instrument = watched()
    runs = 0

    async def worker(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal runs
        runs += 1
        task_status.started()
        await trio.sleep(1)
        if runs == 1:
            raise ExceptionGroup("inside", [ConnectionResetError(104, SOMEBODY)])
        await trio.sleep_forever()

    async def main() -> None:
        root = Supervisor(
            "rookery",
            [ChildSpec("worker", worker, backoff=Backoff(initial=0.5, jitter=0.0))],
            instruments=[instrument],
        )
        with trio.move_on_after(5):
            await root.run()

    trio.run(main, clock=MockClock(autojump_threshold=0))

    crash, restart, end = captured.lines()
    assert crash | {"where": "", "trace": []} == {
        "event": "exit", "level": "error", "actor": "rookery/worker", "kind": "crashed", "incarnation": 1,
        "uptime_s": 1.0, "error": "ConnectionResetError(ECONNRESET)", "where": "", "trace": [],
    }  # fmt: skip
    assert (restart["event"], restart["restart_in_s"]) == ("restart", 0.5)
    assert (end["event"], end["level"], end["incarnation"]) == ("exit", "info", 2)
    assert SOMEBODY not in captured.text()
    counted = actor_samples(metrics)
    assert counted['actor_exits_total{actor="rookery/worker",kind="crashed"}'] == 1
    assert counted['actor_restarts_total{actor="rookery/worker"}'] == 1


def test_what_happens_below_a_registry_is_told_without_its_keys() -> None:
    captured, metrics, instrument = watched()

    async def behaviour(ctx: ActorContext[str, str]) -> None:
        while batch := await ctx.take():
            for envelope in batch:
                if envelope.message == "poison":
                    raise ValueError(SOMEBODY)
                envelope.reply("fine")

    async def main() -> None:
        options = RegistryOptions(
            idle_timeout=1, quarantine=Intensity(1, 60.0), quarantine_time=5, capacity=1
        )
        registry = Registry[str, str]("conversations", behaviour, options)
        root = Supervisor("rookery", [ChildSpec("conversations", registry.run)], instruments=[instrument])
        async with trio.open_nursery() as nursery:
            await nursery.start(root.run)
            assert await registry.ask("quiet", "hello") == "fine"
            await trio.sleep(2)  # it is parked and forgotten
            for _ in range(2):
                with pytest.raises(AskFailed):
                    await registry.ask(SOMEBODY, "poison")
            with pytest.raises(Quarantined):
                await registry.ask(SOMEBODY, "poison")
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))

    assert SOMEBODY not in captured.text() + metrics.text().decode()
    assert "quiet" not in captured.text() + metrics.text().decode()
    events = [(line["event"], line["actor"]) for line in captured.lines()]
    assert events.count(("exit", "rookery/conversations/*")) == 2  # the crashes; leaving when idle is no line
    assert ("quarantined", "rookery/conversations/*") in events
    counted = actor_samples(metrics)
    assert counted['actor_activations_total{actor="rookery/conversations/*"}'] == 3
    assert counted['actor_passivations_total{actor="rookery/conversations/*"}'] == 1
    assert counted['actor_quarantines_total{actor="rookery/conversations/*"}'] == 1
    assert counted['actor_exits_total{actor="rookery/conversations/*",kind="crashed"}'] == 2
    assert [
        value for name, value in counted.items() if name.startswith("dead_letters") and "poison" in name
    ] == [2]


def test_a_part_that_fails_too_often_is_an_escalation() -> None:
    captured, metrics, instrument = watched()

    async def worker(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        raise ZeroDivisionError

    async def main() -> None:
        root = Supervisor(
            "rookery", [ChildSpec("worker", worker)], intensity=Intensity(1, 60.0), instruments=[instrument]
        )
        with pytest.raises(Exception, match="restarts"):
            await root.run()

    trio.run(main, clock=MockClock(autojump_threshold=0))

    (line,) = [line for line in captured.lines() if line["event"] == "escalated"]
    assert (line["actor"], line["causes"]) == ("rookery", ["ZeroDivisionError"])
    assert actor_samples(metrics)['actor_escalations_total{actor="rookery"}'] == 1


def test_rare_events_are_lines_and_counts_too() -> None:
    captured, metrics, instrument = watched()

    instrument.child_stuck(StuckChild("rookery/worker", 2, 7.5))
    instrument.slow_step(SlowStep(f"rookery/conversations/{SOMEBODY}", "task", 0.75))
    instrument.tuned(Tuned("rookery", {"restarts": 3}, {"restarts": 5}))
    instrument.mailbox_full(f"conversations/{SOMEBODY}")
    instrument.evicted(f"rookery/conversations/{SOMEBODY}", 1)

    assert [line["event"] for line in captured.lines()] == ["stuck", "slow_step", "tuned"]
    assert captured.lines()[2]["knobs"] == {"restarts": "5"}
    assert SOMEBODY not in captured.text() + metrics.text().decode()
    assert set(actor_samples(metrics)) == {
        'actor_stuck_total{actor="rookery/worker"}',
        'actor_slow_steps_total{actor="rookery/conversations/*"}',
        'actor_evictions_total{actor="rookery/conversations/*"}',
        'mailbox_full_total{actor="conversations/*"}',
    }
