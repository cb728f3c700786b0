"""A small house for delivery tests: a memory store, the bus, the tail and a reader for feeds that ask."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from protocol import (
    Accepted,
    AccountDid,
    AddMembers,
    Command,
    ConversationId,
    ConversationKind,
    Create,
    Created,
    DeviceId,
    Entry,
    EntryKind,
    Limits,
    MemberDevice,
    MemberRemoved,
    MembersAdded,
    MsgId,
    RemoveMember,
    Send,
    conversation_id_from_bytes,
    decide_batch,
    decode_fact,
)
from router.bus.local import LocalBus
from router.device.actor import CatchUp, catch_up
from router.device.service import Devices
from router.device.tail import Tail
from router.store.interface import Store
from router.store.memory import MemoryStore
from router.store.values import Appended, AppendRequest

ADMIN = AccountDid("did:web:admin.example")
NOW = 1_000_000.0


def account(number: int) -> AccountDid:
    """The account of member `number`; each has one device."""
    return AccountDid(f"did:web:m{number}.example")


def device(number: int) -> DeviceId:
    """The one device of member `number`; 0 is the admin's."""
    return DeviceId(str(uuid.UUID(int=number << 64 | 0x8 << 60, version=4)))


def member(number: int) -> MemberDevice:
    """Member `number` as a device about to join."""
    return MemberDevice(ADMIN if number == 0 else account(number), device(number))


def conversation(number: int) -> ConversationId:
    """Conversation `number`."""
    return conversation_id_from_bytes(number.to_bytes(16, "big"))


class House:
    """Commands go straight to the store; feeds are served by a plain task in the actor's place."""

    def __init__(self, store: Store, bus: LocalBus, tail: Tail, devices: Devices) -> None:
        self.store, self.bus, self.tail, self.devices = store, bus, tail, devices
        self.lose_hints = False
        self._sent = 0

    async def do(self, command: Command) -> bool:
        """Decide and append one command; whether it was accepted."""
        state = await self.store.conversation(command.conversation)
        decision = decide_batch(state, [command], now=NOW, limits=Limits())
        if not isinstance(decision.outcomes[0], Accepted):
            return False
        outcome = await self.store.append(
            AppendRequest(
                command.conversation,
                0 if state is None else state.last_seq,
                decision.entries,
                self.store.term,
            )
        )
        assert isinstance(outcome, Appended)
        return True

    async def create(self, number: int, members: tuple[int, ...]) -> bool:
        """The admin begins a conversation with these members."""
        return await self.do(
            Create(
                conversation(number),
                ADMIN,
                ConversationKind.OPAQUE,
                "",
                "",
                None,
                None,
                (member(0), *(member(each) for each in members if each)),
            )
        )

    async def send(self, number: int, size: int = 512) -> bool:
        """The admin sends a message of `size` bytes."""
        self._sent += 1
        body = self._sent.to_bytes(8, "big") + bytes(size - 8)
        return await self.do(Send(conversation(number), ADMIN, None, MsgId(f"m{self._sent}"), 0, body))

    async def add(self, number: int, who: int) -> bool:
        """The admin adds a member."""
        return await self.do(AddMembers(conversation(number), ADMIN, (member(who),)))

    async def remove(self, number: int, who: int) -> bool:
        """The admin removes a member."""
        return await self.do(RemoveMember(conversation(number), ADMIN, account(who)))

    async def log(self) -> list[Entry]:
        """Everything committed, in position order."""
        return await self.store.entries_after(0, max_entries=1_000_000, max_bytes=1 << 40)


class _Reader:
    """Takes the place of the registry: runs each `CatchUp` in a task of the house's nursery."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.store: Store
        self.tail: Tail

    def tell_nowait(self, key: DeviceId, message: CatchUp) -> None:
        assert key == message.feed.device
        self.nursery.start_soon(self._serve, message)

    async def _serve(self, message: CatchUp) -> None:
        try:
            await catch_up(message.feed, self.store, self.tail)
        finally:
            if not message.feed.live:
                message.feed.rest()


@asynccontextmanager
async def open_house(
    store: Store | None = None, *, feed_items: int = 8, feed_bytes: int = 1 << 20, max_connections: int = 4
) -> AsyncIterator[House]:
    """A running house; everything in it ends with the block."""
    store = store or MemoryStore()
    bus = LocalBus()
    tail = Tail(store, bus)
    async with trio.open_nursery() as nursery:
        reader = _Reader(nursery)
        reader.store, reader.tail = store, tail
        devices = Devices(
            reader, tail, max_connections=max_connections, feed_items=feed_items, feed_bytes=feed_bytes
        )
        house = House(store, bus, tail, devices)
        store.on_commit(lambda entries: None if house.lose_hints else bus.hint(entries))
        await nursery.start(tail.run)
        yield house
        nursery.cancel_scope.cancel()


def entitled(log: list[Entry], who: int, only: ConversationId | None = None) -> list[int]:
    """The positions member `who` must get, from the log alone: its membership intervals, inclusive."""
    inside: set[ConversationId] = set()
    mine = device(who)
    positions: list[int] = []
    for entry in log:
        fact = None if entry.kind is EntryKind.MESSAGE else decode_fact(entry.body)
        if isinstance(fact, Created | MembersAdded) and any(each.device == mine for each in fact.members):
            inside.add(entry.conversation)
        if entry.conversation in inside and only in (None, entry.conversation):
            positions.append(entry.position)
        if isinstance(fact, MemberRemoved) and mine in fact.devices:
            inside.discard(entry.conversation)
    return positions
