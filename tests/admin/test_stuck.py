"""`rookery welcomes`: who was added to a group and has not said that it is in."""

from __future__ import annotations

import pytest

from protocol import PutWelcome
from router.admin import CommandFailed
from router.store.memory import MemoryStore
from router.stuck import Stuck, Unanswered
from router.testing.store import NOW, account, device
from router.testing.store.group_rooms import GroupRoom

ANN = account("ann")


async def stuck() -> tuple[Stuck, GroupRoom]:
    store = MemoryStore()
    room = GroupRoom(store, 1)
    await room.found("ann", 1)
    for number, made in ((1, NOW), (2, NOW + 500)):
        await room.put(PutWelcome(device(number), ANN, b"ref", b"secret bytes", 1, 0, made), now=made)
    return Stuck(store, 600), room


async def test_the_oldest_first_and_only_what_waits_for_longer_than_the_setting_says() -> None:
    table, room = await stuck()
    assert await table.list(Unanswered(), NOW + 600) == []
    (row,) = await table.list(Unanswered(), NOW + 602)
    assert (row.conversation, row.account, row.device) == (room.id, ANN, device(1))
    assert (row.epoch, row.waiting_seconds, row.fetched, row.error) == (1, 602, None, None)
    both = await table.list(Unanswered(older_than=0), NOW + 602)
    assert [each.device for each in both] == [device(1), device(2)]
    assert len(await table.list(Unanswered(older_than=0, limit=1), NOW + 602)) == 1


async def test_what_the_device_did_and_said_is_shown_and_what_is_answered_is_not() -> None:
    table, room = await stuck()
    await room.store.fetch_welcome(room.id, device(1), now=NOW + 10)
    await room.store.settle_welcome(room.id, device(1), "failed", reason="no key", now=NOW + 12)
    await room.store.settle_welcome(room.id, device(2), "acknowledged", now=NOW + 510)
    (row,) = await table.list(Unanswered(older_than=0), NOW + 1_000)
    assert row.error == "no key"
    assert row.fetched is not None
    assert "secret bytes" not in repr(row)


@pytest.mark.parametrize("asked", [Unanswered(older_than=-1), Unanswered(limit=0), Unanswered(limit=1_001)])
async def test_nonsense_is_refused(asked: Unanswered) -> None:
    table, _ = await stuck()
    with pytest.raises(CommandFailed):
        await table.list(asked, NOW)
