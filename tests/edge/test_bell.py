"""The bell that a session's writer waits at."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from router.edge.bell import Bell


async def test_a_ring_wakes_the_one_who_waits_and_is_not_kept() -> None:
    bell = Bell()
    bell.ring()
    turns = 0

    async def wait() -> None:
        nonlocal turns
        while True:
            await bell.wait()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert turns == 0
        bell.ring()
        bell.ring()
        await trio.testing.wait_all_tasks_blocked()
        assert turns == 1
        nursery.cancel_scope.cancel()


async def test_a_cancelled_wait_leaves_the_bell_to_the_next() -> None:
    bell = Bell()
    with trio.move_on_after(0):
        await bell.wait()
    bell.ring()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bell.wait)
        await trio.testing.wait_all_tasks_blocked()
        bell.ring()


async def test_one_task_waits_at_a_time() -> None:
    bell = Bell()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bell.wait)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await bell.wait()
        bell.ring()
