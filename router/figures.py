"""Figures of MLS for the metrics: counted over the whole store now and then; no scrape waits for that."""

from collections.abc import Callable

import trio

from router.observe import Metrics, MlsStock, record_mls_stock
from router.store.errors import StoreError
from router.store.interface import Store

COUNT_SECONDS = 60.0


async def keep_figures(
    store: Store,
    metrics: Metrics,
    now: Callable[[], float],
    *,
    interval: float = COUNT_SECONDS,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Count at once and every `interval` seconds. A store that cannot read just now leaves the last figures.

    `now` gives Unix seconds. The age of the oldest Welcome is as coarse as the buckets of the log.
    """
    task_status.started()
    while True:
        try:
            figures = await store.mls_figures(now=int(now()))
        except StoreError:
            pass
        else:
            oldest = figures.oldest_welcome
            record_mls_stock(
                metrics,
                MlsStock(
                    packages_available=figures.packages_available,
                    packages_claimed=figures.packages_claimed,
                    welcomes_pending=figures.welcomes_pending,
                    oldest_welcome_age=0 if oldest is None else max(0, int(now()) - oldest),
                    reports_pending=figures.reports_pending,
                    requests_pending=figures.requests_pending,
                    evidence=figures.evidence,
                ),
            )
        await trio.sleep(interval)
