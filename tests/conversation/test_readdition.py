"""A lost device's request is passed on: one helper at a time, three seconds each, over a restart too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio
import trio.testing

from protocol import (
    Commit,
    ConversationKind,
    Create,
    DeviceId,
    Handshake,
    LeafAdd,
    Limits,
    ReadditionRequested,
    RequestReadd,
    WelcomeFor,
    WelcomeReissueRequested,
    decode_fact,
)
from router.conversation.service import Busy, Conversations
from router.readdition import ONLINE_POLL_SECONDS, Readditions
from router.store.memory import MemoryStore
from tests.conversation.test_actor import NOW, conversations
from tests.device.house import ADMIN, account, conversation, device, member

GROUP = bytes(range(32))
ROOM = conversation(0)
LOST = device(1)


def group(size: int) -> Create:
    """The admin's group with the members 1 to `size`."""
    adds = tuple(LeafAdd(member(number), leaf=number) for number in range(1, size + 1))
    welcomes = tuple(WelcomeFor(account(n), device(n), None, b"welcome") for n in range(1, size + 1))
    return Create(
        ROOM, ADMIN, ConversationKind.MLS, GROUP.hex(), "suite", None, None, (member(0),), 1,
        adds=adds, welcomes=welcomes,
    )  # fmt: skip


def added_again(by: int, lost: DeviceId = LOST, epoch: int = 1) -> Commit:
    """The commit by which a member gives the lost device another leaf."""
    again = LeafAdd(member(1), leaf=1)
    made = Handshake(
        b"again", epoch, GROUP, True, (again,), (lost,), device(by),
        welcomes=(WelcomeFor(account(1), lost, None, b"welcome"),),
    )  # fmt: skip
    return Commit(ROOM, ADMIN if by == 0 else account(by), device(by), made)


@attrs.define
class Desk:
    """A group in a memory store, and the service that watches it."""

    store: MemoryStore
    service: Conversations
    readditions: Readditions
    online: set[DeviceId]

    async def offers(self) -> list[tuple[DeviceId | None, int]]:
        """Whom the device's request was offered to, in order."""
        entries = await self.store.conversation_entries(ROOM, after_seq=0, max_entries=100, max_bytes=1 << 20)
        facts = [decode_fact(entry.body) for entry in entries]
        return [
            (fact.leased_to, fact.attempt)
            for fact in facts
            if isinstance(fact, ReadditionRequested | WelcomeReissueRequested)
        ]


@asynccontextmanager
async def desk(size: int = 3, *, watching: bool = True, limits: Limits | None = None) -> AsyncIterator[Desk]:
    store = MemoryStore()
    async with conversations(store) as service, trio.open_nursery() as nursery:
        await service.ask(group(size))
        online: set[DeviceId] = set()
        readditions = Readditions(
            store,
            service,
            subscribe=store.on_commit,
            online=lambda: online,
            now=lambda: NOW + trio.current_time(),
            limits=limits or Limits(),
        )
        if watching:
            await nursery.start(readditions.run)
        yield Desk(store, service, readditions, online)
        nursery.cancel_scope.cancel()


async def test_a_request_goes_from_helper_to_helper_every_three_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The example: the first helper sleeps, the second adds the device, and nobody is asked after that."""
    async with desk() as at:
        at.online |= {device(2), device(3)}
        await at.service.ask(RequestReadd(ROOM, account(1), LOST, device(2)))
        await trio.sleep(2.9)
        assert await at.offers() == [(device(2), 1)]
        await trio.sleep(0.2)
        assert await at.offers() == [(device(2), 1), (device(3), 2)]
        await at.service.ask(added_again(3))
        await trio.sleep(100)
        assert len(await at.offers()) == 2
        assert at.readditions.watched == 0
        assert (at.readditions.passed_on, at.readditions.delayed) == (1, 0)


async def test_a_request_waits_for_somebody_to_come_online(autojump_clock: trio.testing.MockClock) -> None:
    async with desk() as at:
        await at.service.ask(RequestReadd(ROOM, account(1), LOST, None))
        at.online.add(LOST)  # who asks cannot help
        await trio.sleep(60)
        assert await at.offers() == [(None, 1)]
        at.online.add(device(3))
        await trio.sleep(ONLINE_POLL_SECONDS + 0.1)
        assert await at.offers() == [(None, 1), (device(3), 2)]


async def test_a_helper_that_goes_away_is_not_waited_for_longer_than_its_lease(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with desk() as at:
        at.online.add(device(2))
        await at.service.ask(RequestReadd(ROOM, account(1), LOST, device(2)))
        at.online.clear()
        at.online.add(device(3))
        await trio.sleep(3.1)
        assert await at.offers() == [(device(2), 1), (device(3), 2)]


async def test_what_was_asked_before_a_start_is_passed_on_after_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A restart in the middle: the request is in the log, and the log is read back."""
    async with desk(watching=False) as at, trio.open_nursery() as nursery:
        at.online |= {device(2), device(3)}
        await at.service.ask(RequestReadd(ROOM, account(1), LOST, device(2)))
        await nursery.start(at.readditions.run)
        assert at.readditions.watched == 1
        await trio.sleep(3.1)
        assert len(await at.offers()) == 2
        nursery.cancel_scope.cancel()


async def test_ten_that_are_lost_at_once_are_all_given_to_one_helper(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Scenario 15, the rejoin storm: one commit can add them all; ten helpers would make ten epochs."""
    async with desk(size=12) as at:
        for number in range(1, 11):
            await at.service.ask(RequestReadd(ROOM, account(number), device(number), None))
        at.online |= {device(11), device(12)}
        await trio.sleep(ONLINE_POLL_SECONDS + 0.1)
        state = await at.store.conversation(ROOM)
        assert state is not None
        assert len({request.leased_to for request in state.group.needs_rejoin.values()}) == 1
        assert len(state.group.needs_rejoin) == 10


async def test_the_cause_is_kept_when_a_request_is_passed_on(autojump_clock: trio.testing.MockClock) -> None:
    async with desk() as at:
        at.online |= {device(2), device(3)}
        await at.service.ask(RequestReadd(ROOM, account(1), LOST, device(2), cause="welcome"))
        await trio.sleep(3.1)
        state = await at.store.conversation(ROOM)
        assert state is not None
        assert state.group.needs_rejoin[LOST].cause == "welcome"
        assert state.group.needs_rejoin[LOST].attempt == 2


async def test_a_store_that_is_away_only_delays(autojump_clock: trio.testing.MockClock) -> None:
    class Busily(Conversations):
        refuse = False

        async def ask(self, command: object) -> object:  # type: ignore[override]
            if self.refuse:
                raise Busy(1.0)
            return await super().ask(command)  # type: ignore[arg-type]

    async with desk(watching=False) as at, trio.open_nursery() as nursery:
        busy = Busily(at.service.addresses)
        at.readditions._conversations = busy
        at.online |= {device(2), device(3)}
        await nursery.start(at.readditions.run)
        await busy.ask(RequestReadd(ROOM, account(1), LOST, device(2)))
        Busily.refuse = True
        await trio.sleep(10)
        assert len(await at.offers()) == 1
        assert at.readditions.delayed
        Busily.refuse = False
        await trio.sleep(2)
        assert len(await at.offers()) == 2
        nursery.cancel_scope.cancel()


async def test_it_ends_its_subscription_when_it_is_cancelled() -> None:
    ended: list[bool] = []

    def subscribe(_: object) -> object:
        return lambda: ended.append(True)

    async with desk(watching=False) as at, trio.open_nursery() as nursery:
        at.readditions._subscribe = subscribe  # type: ignore[assignment]
        await nursery.start(at.readditions.run)
        nursery.cancel_scope.cancel()
    assert ended == [True]
