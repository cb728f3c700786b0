"""A watch over the event loop: how late it wakes a sleeper, which is how late it serves everybody."""

import trio
from structlog.typing import FilteringBoundLogger

from router.observe import metrics
from router.observe.metrics import Metrics

_SECONDS_BETWEEN_LINES = 10.0


async def watch_loop(
    recorded: Metrics,
    events: FilteringBoundLogger,
    *,
    interval: float,
    threshold: float,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Measure the loop's delay every `interval` seconds, until cancelled.

    Each measure goes into a histogram; one above `threshold` is a stall, counted and, at most every ten
    seconds, logged with the worst since the last line. A loop that never returns is not seen from inside:
    for that, whoever runs the process asks `/health/live`.
    """
    worst, stalls = 0.0, 0
    may_log_at = -1.0
    task_status.started()
    while True:
        due = trio.current_time() + interval
        await trio.sleep_until(due)
        now = trio.current_time()
        delay = max(0.0, now - due)
        recorded.observe(metrics.LOOP_DELAY, delay)
        if delay > threshold:
            recorded.count(metrics.LOOP_STALLS)
            worst, stalls = max(worst, delay), stalls + 1
        if stalls and now >= may_log_at:
            events.warning("loop_stall", seconds=round(worst, 3), count=stalls)
            worst, stalls = 0.0, 0
            may_log_at = now + _SECONDS_BETWEEN_LINES
