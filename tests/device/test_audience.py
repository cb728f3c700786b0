"""An entry that is for some devices only: the others' cursors move over it, live and in catch-up alike."""

import pytest
import trio.testing

from protocol import ConversationKind, Create, DeviceId, Entry, EntryKind, LeafAdd, TellBlock, WelcomeFor
from tests.device.house import ADMIN, House, account, conversation, device, member, open_house


async def begin_group(house: House) -> None:
    """The admin's group with members 1 and 2."""
    adds = tuple(LeafAdd(member(number), leaf=number) for number in (1, 2))
    welcomes = tuple(WelcomeFor(add.member.account, add.member.device, None, b"w") for add in adds)
    create = Create(
        conversation(0), ADMIN, ConversationKind.MLS, "00", "", None, None, (member(0),), 1,
        adds=adds, welcomes=welcomes,
    )  # fmt: skip
    assert await house.do(create)


async def tell(house: House, *, stands: bool = True) -> None:
    assert await house.do(TellBlock(conversation(0), account(1), account(1), account(2), stands))


async def everything(house: House, of: DeviceId, after: int = 0) -> tuple[list[Entry], int]:
    """What a device that connects now is given, and where its cursor then stands."""
    async with house.devices.open_feed(of, after=after) as feed:
        got: list[Entry] = []
        while not feed.live or feed.queued:
            got += [each.entry for each in feed.take_nowait(1)]
            await trio.testing.wait_all_tasks_blocked()
        return got, feed.cursor


@pytest.mark.parametrize("live", [True, False])
async def test_only_the_admins_devices_get_a_block_conflict_and_all_cursors_pass_it(live: bool) -> None:
    """Of two paths to a device, neither may show the group who blocks whom."""
    async with open_house() as house:
        await begin_group(house)
        head = await house.store.head()
        if not live:
            await tell(house)
        await trio.testing.wait_all_tasks_blocked()  # the tail has seen it
        for number, expected in ((0, 1), (1, 0), (2, 0)):
            async with house.devices.open_feed(device(number), after=head) as feed:
                if live:
                    while not feed.live:
                        feed.take_nowait()
                        await trio.testing.wait_all_tasks_blocked()
                    await tell(house, stands=number % 2 == 0)
                    await trio.testing.wait_all_tasks_blocked()
                else:
                    while not feed.live:
                        feed.take_nowait(0)
                        await trio.testing.wait_all_tasks_blocked()
                got = feed.take_nowait()
                assert [each.entry.kind for each in got] == [EntryKind.NOTICE] * expected
                assert feed.cursor == await house.store.head()
            head = await house.store.head() if live else head


async def test_what_comes_after_it_is_given_to_all_in_order() -> None:
    """A hidden entry is no gap that a feed would wait at."""
    async with open_house(feed_items=1) as house:
        await begin_group(house)
        await tell(house)
        await tell(house, stands=False)
        await tell(house)
        for number, notices in ((0, 3), (1, 0)):
            got, cursor = await everything(house, device(number))
            assert sum(entry.kind is EntryKind.NOTICE for entry in got) == notices
            assert [entry.position for entry in got] == sorted({entry.position for entry in got})
            assert cursor == await house.store.head()
