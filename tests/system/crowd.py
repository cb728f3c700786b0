"""A crowd that talks and listens while its server dies: four accounts, eight devices, four conversations.

Phones hold a session both ways, laptops send over HTTP and listen over SSE. One account is put out of a
conversation and taken in again all the time. Everything that was acknowledged and everything that was
heard is written down, and nothing else is: the judges compare.
"""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import trio

from protocol import ConversationId, DeviceId, MsgId
from router.client.client import new_msg_id
from router.client.errors import Refused
from router.client.events import Event, MessageEvent
from router.client.session import Session, SessionOptions, open_session
from router.client.stream import EventStream, open_stream
from tests.system.people import BACKOFF, Person, new_convo, open_people, sealed
from tests.system.process import RouterProcess

_PAUSE_SECONDS = 0.03
_PIPELINED = 4
_WINDOW = 32  # small, so that credit runs out and comes back


@attrs.frozen
class Acknowledged:
    """What the server promised: these bytes, this place, this time."""

    person: Person
    convo: ConversationId
    msg_id: MsgId
    body: bytes
    seq: int
    received_at: str


@attrs.define
class Listener:
    """One device and what it heard, in the order in which it heard it."""

    name: str
    person: Person
    device: DeviceId
    source: Session | EventStream
    heard: list[Event] = attrs.field(factory=list)

    @property
    def places(self) -> list[tuple[str, int]]:
        """(conversation, seq) of everything heard."""
        return [(event.convo, event.seq) for event in self.heard if event.convo is not None]

    @property
    def bodies(self) -> dict[tuple[str, int], bytes]:
        """The messages heard, by their place."""
        return {(e.convo, e.seq): e.ciphertext for e in self.heard if isinstance(e, MessageEvent)}

    @property
    def repeats(self) -> int:
        """Events the server sent although they lie at or before what the device had resumed from."""
        if isinstance(self.source, Session):
            return self.source.inbox_statistics.duplicates
        return self.source.duplicates

    @property
    def connections(self) -> int:
        """How often it connected."""
        if isinstance(self.source, Session):
            return self.source.statistics.connections
        return self.source.connections

    async def listen(self) -> None:
        """Hear until cancelled."""
        while True:
            self.heard.append(await self.source.receive())


@attrs.define
class Crowd:
    """Everybody. `stop` ends the talk; who listens goes on."""

    people: list[Person]
    listeners: list[Listener]
    convos: dict[ConversationId, list[Person]]
    changing: ConversationId
    dice: random.Random
    acknowledged: list[Acknowledged] = attrs.field(factory=list)
    refused: int = 0
    changes: int = 0
    stop: bool = False

    async def talk(self) -> None:
        """Everybody sends until `stop` and then until the last answer is there."""
        async with trio.open_nursery() as nursery:
            for listener in self.listeners:
                nursery.start_soon(self._talk, listener)
            nursery.start_soon(self._change)

    async def _talk(self, listener: Listener) -> None:
        mine = [convo for convo, members in self.convos.items() if listener.person in members]
        places = trio.Semaphore(_PIPELINED if isinstance(listener.source, Session) else 1)
        async with trio.open_nursery() as nursery:
            while not self.stop:
                await places.acquire()
                nursery.start_soon(self._send, listener, self.dice.choice(mine), places)
                await trio.sleep(self.dice.uniform(0, _PAUSE_SECONDS))

    async def _send(self, listener: Listener, convo: ConversationId, places: trio.Semaphore) -> None:
        msg_id = new_msg_id()
        body = sealed(msg_id, self.dice.choice((512, 512, 1024, 4096)))
        try:
            seq, received_at = await say(listener, convo, msg_id, body)
        except Refused as refusal:
            if refusal.error != "NotMember" or convo != self.changing:
                raise
            self.refused += 1
        else:
            done = Acknowledged(listener.person, convo, msg_id, body, seq, received_at)
            self.acknowledged.append(done)
        finally:
            places.release()

    async def _change(self) -> None:
        """The last of the people comes and goes in one conversation."""
        admin, guest = self.people[0].client.chat, self.people[-1]
        while not self.stop:
            await admin.remove_member(self.changing, guest.did)
            await trio.sleep(self.dice.uniform(0, 0.3))
            await admin.add_members(self.changing, [guest.did])
            self.changes += 2
            await trio.sleep(self.dice.uniform(0, 0.3))


async def say(listener: Listener, convo: ConversationId, msg_id: MsgId, body: bytes) -> tuple[int, str]:
    """Send one message the way the device sends; (seq, receivedAt) of the answer."""
    if isinstance(listener.source, Session):
        receipt = await listener.source.send(convo, body, msg_id=msg_id)
        sent = await receipt.wait()
        return sent.seq, sent.received_at
    view = await listener.person.client.chat.send_message(convo, body, msg_id=msg_id, device=listener.device)
    return view.seq, view.received_at


@asynccontextmanager
async def open_crowd(router: RouterProcess, dice: random.Random) -> AsyncIterator[Crowd]:
    """The crowd, registered, in its conversations and listening, for the block."""
    async with AsyncExitStack() as stack:
        people = await stack.enter_async_context(open_people(router, "alice", "bob", "carol", "dave"))
        listeners = []
        for person in people:
            phone = (await person.device("phone")).id
            options = SessionOptions(window=_WINDOW, backoff=BACKOFF)
            session = await stack.enter_async_context(open_session(person.client, phone, options=options))
            listeners.append(Listener(f"{person.name}'s phone", person, phone, session))
            laptop = (await person.device("laptop")).id
            stream = await stack.enter_async_context(
                open_stream(person.client, device=laptop, backoff=BACKOFF)
            )
            listeners.append(Listener(f"{person.name}'s laptop", person, laptop, stream))
        alice, bob, carol, dave = people
        changing = await new_convo(alice, bob, dave)
        convos = {
            await new_convo(alice, bob, carol, dave): people,
            await new_convo(bob, alice): [alice, bob],
            await new_convo(carol, alice, bob): [alice, bob, carol],
            changing: [alice, bob, dave],
        }
        nursery = await stack.enter_async_context(trio.open_nursery())
        for listener in listeners:
            nursery.start_soon(listener.listen)
        yield Crowd(people, listeners, convos, changing, dice)
        nursery.cancel_scope.cancel()
