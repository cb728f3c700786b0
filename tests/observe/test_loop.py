"""The watch over the event loop, on a clock that we move."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from router.observe import Metrics, watch_loop
from tests.observe.helpers import Captured, samples


def test_a_loop_that_wakes_late_is_measured_counted_and_said_at_most_every_ten_seconds() -> None:
    clock, metrics, captured = MockClock(), Metrics(version="1"), Captured()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(
                lambda task_status: watch_loop(
                    metrics, captured.logs.events, interval=0.1, threshold=0.05, task_status=task_status
                )
            )
            for step in (0.1, 0.12, 0.4, 0.7, 0.1, 10.0):
                await wait_all_tasks_blocked()
                clock.jump(step)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=clock)

    found = samples(metrics)
    assert found["rookery_loop_delay_seconds_count"] == 6
    assert found["rookery_loop_stalls_total"] == 3
    assert [(line["event"], line["seconds"], line["count"]) for line in captured.lines()] == [
        ("loop_stall", 0.3, 1),
        ("loop_stall", 9.9, 2),
    ]
