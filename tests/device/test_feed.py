"""A feed whose taker waits for other things too: it looks without waiting, and is told when to look."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from router.device.feed import Feed, FeedClosed, FeedState
from tests.device.house import device, entitled, open_house


async def test_a_listener_that_looks_whenever_it_is_told_gets_what_a_taker_gets(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Also when the feed is too small for what comes, and falls behind again and again."""
    async with open_house(feed_items=4) as house:
        await house.create(0, (1,))
        async with house.devices.open_feed(device(1)) as feed:
            got: list[int] = []

            told = trio.Event()

            def look() -> None:
                """All there is, in bites."""
                while batch := feed.take_nowait(2):
                    got.extend(each.position for each in batch)

            feed.listen(lambda: told.set())
            look()
            for burst in range(12):
                for _ in range(burst):
                    await house.send(0)
                await trio.testing.wait_all_tasks_blocked()
                while told.is_set():
                    told = trio.Event()
                    look()
                    await trio.testing.wait_all_tasks_blocked()
            assert got == entitled(await house.log(), 1)


def _feed(asked: list[Feed], *, finish: bool = False) -> Feed:
    def ask(feed: Feed) -> None:
        asked.append(feed)
        if finish:
            feed.finish("overloaded", "too much to do")

    return Feed(device(1), after=0, ask=ask, live_position=lambda: 0)


def test_an_empty_look_asks_for_what_the_feed_is_behind_once() -> None:
    asked: list[Feed] = []
    feed = _feed(asked)
    assert feed.take_nowait() == feed.take_nowait() == []
    assert asked == [feed]
    feed.rest()
    feed.take_nowait()
    assert asked == [feed, feed]


def test_a_feed_that_cannot_be_served_says_so_to_the_one_who_looks() -> None:
    """The end comes within the asking: nobody would wake a taker that went to sleep after it."""
    with pytest.raises(FeedClosed, match="too much"):
        _feed([], finish=True).take_nowait()


async def test_a_feed_that_ended_while_it_joined_wakes_its_taker_when_it_has_joined() -> None:
    feed = _feed([])
    feed.take_nowait()
    feed.state = FeedState.JOINING
    feed.finish("draining", "the server stops")
    async with trio.open_nursery() as nursery:

        async def take() -> None:
            with pytest.raises(FeedClosed, match="stops"):
                await feed.take()

        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        feed.go_live()
