"""Small steady work beside the traffic: what expired leaves the store, a little at a time."""

from collections.abc import Callable

import trio

from router.identity.replay import RETENTION_SECONDS, ReplayGuard
from router.store.errors import StoreError
from router.store.interface import Store
from router.store.values import DEFAULT_RETENTION, Retention

SWEEP_SECONDS = 300.0
_ROWS_AT_ONCE = 1_000


async def remember_used_tokens(
    store: Store,
    replay: ReplayGuard,
    now: Callable[[], float],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Teach the replay guard what an earlier run stored; ready only then, so that no token is used twice."""
    replay.load(await store.load_tokens(int(now()) - RETENTION_SECONDS))
    task_status.started()
    await trio.sleep_forever()


async def sweep(
    store: Store,
    now: Callable[[], float],
    *,
    interval: float = SWEEP_SECONDS,
    retention: Retention = DEFAULT_RETENTION,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Delete expired tokens, results, key packages and the like every `interval` seconds, in portions that
    disturb nobody.

    A store that cannot write just now keeps them until the next round.
    """
    task_status.started()
    while True:
        await trio.sleep(interval)
        try:
            while True:
                swept = await store.sweep(int(now()) - RETENTION_SECONDS, limit=_ROWS_AT_ONCE)
                expired = await store.expire(int(now()), limit=_ROWS_AT_ONCE, retention=retention)
                if max(swept.most, expired.most) < _ROWS_AT_ONCE:
                    break
                await trio.sleep(0.05)
        except StoreError:
            continue
