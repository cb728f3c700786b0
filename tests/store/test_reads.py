"""Where reads run: a store that stops under one says that it is unavailable, as it does between two runs."""

from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from router.store.errors import StoreUnavailable
from router.store.sqlite import database
from router.store.sqlite.reader import Reader
from router.store.sqlite.reads import Reads


@pytest.fixture
def reads(tmp_path: Path) -> Reads:
    path = tmp_path / "reads.db"
    identity = database.prepare(path)
    return Reads(path, identity.log_id, threads=1, retry_after=7.0)


async def test_a_short_read_that_the_store_stops_under_is_unavailable(reads: Reads) -> None:
    """It waits for its turn of the loop, and the store is gone when the turn comes."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_refused, reads.short)
        # The reader begins in the next turn and reads in the one after it.
        await trio.lowlevel.checkpoint()
        reads.close()


async def test_a_long_read_that_the_store_stops_under_while_it_queues_is_unavailable(reads: Reads) -> None:
    """A closed store opens no connection for it."""
    async with trio.open_nursery() as nursery, reads._limiter:  # the one thread is in use
        nursery.start_soon(_refused, reads.long)
        await wait_all_tasks_blocked()
        reads.close()


async def _refused(read: object) -> None:
    assert callable(read)
    with pytest.raises(StoreUnavailable, match="stopped") as refusal:
        await read(Reader.head)
    assert refusal.value.retry_after == 7.0


async def test_a_read_in_hand_when_the_store_stops_is_read_to_its_end(reads: Reads) -> None:
    """The thread has its connection, which goes when it is done."""

    def read(reader: Reader) -> int:
        trio.from_thread.run_sync(reads.close)
        return reader.head()

    assert await reads.long(read) == 0
