"""The demo's people: three accounts, two devices each, all of them ordinary clients of the router.

Phones hold a session both ways. Laptops send over HTTP and listen over SSE. Each device opens what it
receives with the group key and writes it down; nothing is taken from anywhere else for the verdict.
"""

import contextlib
from collections.abc import AsyncIterator

import attrs
import trio

from protocol import ConversationId
from router.client.client import RookeryClient, new_msg_id, open_client
from router.client.credentials import account_token_source
from router.client.device import Device
from router.client.errors import ClientError
from router.client.events import Event, MessageEvent
from router.client.retry import Backoff, RetryPolicy
from router.client.sealing import GroupKey
from router.client.session import Session, SessionOptions, open_session
from router.client.stream import EventStream, open_stream
from router.demo.plan import Line
from router.demo.verdict import Message
from router.identity.keys import AccountKey

_BACKOFF = Backoff(initial=0.05, maximum=0.5)
_PATIENCE = RetryPolicy(backoff=_BACKOFF, max_attempts=200, max_elapsed=45.0)


@attrs.define
class Actor:
    """A device on the stage: what it said, what was acknowledged, what it heard."""

    name: str
    way: str
    client: RookeryClient
    device: Device
    news: trio.lowlevel.ParkingLot
    session: Session | None = None
    stream: EventStream | None = None
    said: int = 0
    acknowledged: list[Message] = attrs.field(factory=list)
    received: list[Message] = attrs.field(factory=list)
    failures: list[str] = attrs.field(factory=list)

    @property
    def waiting(self) -> int:
        """Sends without an answer."""
        return self.said - len(self.acknowledged) - len(self.failures)

    @property
    def connections(self) -> int:
        """How often it connected to listen."""
        if self.session is not None:
            return self.session.statistics.connections
        return self.stream.connections if self.stream is not None else 0

    @property
    def repeats_dropped(self) -> int:
        """Events the server sent again although the device had them."""
        if self.session is not None:
            return self.session.inbox_statistics.duplicates
        return self.stream.duplicates if self.stream is not None else 0

    async def say(self, line: Line, key: GroupKey) -> None:
        """Seal and send one line; the acknowledgement is written down when it comes."""
        msg_id = new_msg_id()
        sealed = key.seal(msg_id, self.name, line.text)
        self.said += 1
        try:
            if self.session is not None:
                receipt = await self.session.send(key.convo, sealed, msg_id=msg_id)
                seq = (await receipt.wait()).seq
            else:
                sent = await self.client.chat.send_message(
                    key.convo, sealed, msg_id=msg_id, device=self.device.id
                )
                seq = sent.seq
        except ClientError as failure:
            self.failures.append(str(failure))
        else:
            self.acknowledged.append(Message(seq, msg_id, line.text))
        self.news.unpark_all()

    async def listen(
        self, key: GroupKey, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Write down every message until cancelled; ready once the first event of the conversation came."""
        source = self.session or self.stream
        assert source is not None  # noqa: S101 - `open_cast` gives each actor one of the two
        ready = False
        while True:
            event = await source.receive()
            self._hear(event, key)
            if not ready:
                ready = True
                task_status.started()

    def _hear(self, event: Event, key: GroupKey) -> None:
        if isinstance(event, MessageEvent) and event.convo == key.convo:
            opened = key.open(event.msg_id, event.ciphertext)
            self.received.append(Message(event.seq, event.msg_id, opened.text))
            self.news.unpark_all()


@contextlib.asynccontextmanager
async def open_actor(
    url: str, key: AccountKey, owner: str, kind: str, news: trio.lowlevel.ParkingLot
) -> AsyncIterator[Actor]:
    """A device of the account, registered and connected for the block; `news` wakes who waits for more."""
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            open_client(url, key.did, account_token_source(key), policy=_PATIENCE)
        )
        device = await Device.register(client, kind)
        by_session = kind == "phone"
        way = "session" if by_session else "HTTP, SSE"
        actor = Actor(f"{owner}'s {kind}", way, client, device, news)
        if by_session:
            options = SessionOptions(backoff=_BACKOFF)
            actor.session = await stack.enter_async_context(open_session(client, device.id, options=options))
        else:
            actor.stream = await stack.enter_async_context(
                open_stream(client, device=device.id, backoff=_BACKOFF)
            )
        yield actor


async def read_log(actor: Actor, key: GroupKey) -> list[Message]:
    """Every message of the conversation as the server has it now, opened."""
    messages: list[Message] = []
    since: int | None = None
    while True:
        page = await actor.client.chat.get_messages(
            ConversationId(key.convo), since_seq=since, limit=100, device=actor.device.id
        )
        for view in page.messages:
            event = view.event()
            opened = key.open(event.msg_id, event.ciphertext)
            messages.append(Message(event.seq, event.msg_id, opened.text))
        if not page.has_more:
            return messages
        since = page.last_seq
