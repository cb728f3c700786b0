"""The opening of a stream: who, which device, from where on. Shared by SSE, AT Protocol frames and sessions.

*Cursors.* A stream of all of a device's conversations resumes from a sealed position of the log; a stream
of one conversation resumes from a seq. Everything after the cursor is given, the entry at it is not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import attrs
import trio
from hypercorn.typing import HTTPScope, WebsocketScope
from msgspec import UnsetType

from protocol import Conversation, ConversationId, DeviceId, InvalidCursor
from router.device.feed import Feed
from router.device.published import Published
from router.device.service import FutureCursor
from router.edge.asgi import HeaderFields
from router.edge.cursors import FUTURE_CURSOR, Cursors
from router.edge.errors import Refusal
from router.edge.members import acting_device, named_device, own_device, readable
from router.edge.routes import Route
from router.edge.services import Edge
from router.edge.xrpc import admit_to_stream
from router.identity.principal import Principal
from router.identity.revocations import Watch
from schema.wire import given, mls, rookery

_TAIL_PATIENCE = 2.0
_RECONNECT_SECONDS = 1.0
_RECONNECT_SPREAD = 4.0

BEGINNING = "0"
"""The cursor before everything that the device may see."""


@attrs.frozen
class StreamCaller:
    """Who opens a stream, and the ear that hears when he may not any more."""

    principal: Principal
    watch: Watch
    convo: str | None = None
    """The one conversation that a ticket is for."""

    def check(self) -> None:
        """Raise `AuthError` if the caller was revoked since it was admitted."""
        self.watch.check()


async def stream_caller(
    edge: Edge, route: Route, headers: HeaderFields, scope: HTTPScope | WebsocketScope, ear: ExitStack
) -> StreamCaller:
    """The caller of a stream, admitted and watched until `ear` closes. No await between the two."""
    visitor = edge.admission.visitor(scope)
    principal, convo = await admit_to_stream(edge, route, headers, scope["query_string"], visitor)
    return StreamCaller(principal, ear.enter_context(edge.revocations.watch(principal)), convo)


async def listening_device(edge: Edge, caller: StreamCaller, named: str | UnsetType | None) -> DeviceId:
    """The device that the stream is for, its revocation heard from before the look into the store."""
    text = named_device(caller.principal, named)
    if text is None:
        text = await acting_device(edge.store, caller.principal, None)
    edge.revocations.bind(caller.watch, DeviceId(text))
    return await own_device(edge.store, caller.principal.account, text)


def cut_when_revoked(watch: Watch, feed: Feed) -> None:
    """End the feed in the moment in which its caller is revoked; at once if that was before."""
    watch.on_end(lambda end: feed.cut(end.error, end.message))


StreamParams = (
    mls.StreamConvoEventsParams
    | mls.SubscribeConvoEventsParams
    | rookery.StreamEventsParams
    | rookery.SubscribeEventsParams
)


@attrs.frozen
class Opening:
    """A stream that may begin: `after` is a position of the log, None is before everything."""

    device: DeviceId
    only: Conversation | None
    after: int | None
    seq: int
    """In a stream of one conversation: the seq that `after` stands for."""
    cursors: Cursors

    def cursor_of(self, published: Published) -> str:
        """The cursor that resumes after this event."""
        if self.only is not None:
            return str(published.entry.seq)
        return self.cursors.at(self.device, published.position)

    def cursor_at(self, feed: Feed, last: str | None) -> str:
        """The cursor of an event that the server itself says: where the stream stands."""
        if self.only is not None:
            return last or str(self.seq)
        return self.cursors.at(self.device, feed.cursor)


def refuse_when_draining(edge: Edge) -> None:
    """A server that leaves opens no streams: another node takes them, or the next process."""
    if edge.drain.is_set():
        raise Refusal("NotEnoughResources", "The server is stopping.", retry_after=reconnect_after(edge))


def reconnect_after(edge: Edge) -> float:
    """Seconds until a client should come back, spread so that not all of them come at once."""
    return _RECONNECT_SECONDS + _RECONNECT_SPREAD * edge.dice()


async def prepare(
    edge: Edge,
    route: Route,
    caller: StreamCaller,
    params: StreamParams,
    *,
    cursor: str | None,
    from_now: bool,
) -> Opening:
    """Judge what a client asked for. `from_now` says what no cursor means: the end, or the beginning.

    Raises `Refusal`, `InvalidCursor`, and `AuthError` when the caller was revoked meanwhile.
    """
    opening = await _prepare(edge, route, caller, params, cursor, from_now=from_now)
    caller.check()
    return opening


async def _prepare(
    edge: Edge,
    route: Route,
    caller: StreamCaller,
    params: StreamParams,
    cursor: str | None,
    *,
    from_now: bool,
) -> Opening:
    device = await listening_device(edge, caller, params.device_id)
    convo_id = given(params.convo_id, caller.convo)
    if caller.convo is not None and convo_id != caller.convo:
        raise Refusal("InvalidRequest", "The ticket is for another conversation.")
    cursors = edge.cursors
    if convo_id is None:
        after = await _position(edge, cursors, device, cursor, from_now=from_now)
        return Opening(device, None, after, 0, cursors)
    state = await readable(edge, caller.principal.account, convo_id, route.kind)
    if device not in state.members:
        raise Refusal("NotMember", "This device is not in the conversation.")
    seq = state.last_seq if from_now else 0
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 17):
            raise InvalidCursor("a stream of one conversation resumes from a seq")
        seq = int(cursor)
    return Opening(device, state, await _position_of_seq(edge, state, device, seq), seq, cursors)


async def _position(
    edge: Edge, cursors: Cursors, device: DeviceId, cursor: str | None, *, from_now: bool
) -> int | None:
    if cursor is None:
        return await edge.store.head() if from_now else None
    if cursor == BEGINNING:
        return None
    position = cursors.position(device, cursor)
    if position > await edge.store.head():
        raise FUTURE_CURSOR
    return position


async def _position_of_seq(edge: Edge, state: Conversation, device: DeviceId, seq: int) -> int:
    """The position of the entry at `seq`: what follows it is given, nothing before the device joined."""
    if seq > state.last_seq:
        raise FUTURE_CURSOR
    first = state.members[device].from_seq
    wanted = max(seq, first)
    (entry,) = await edge.store.conversation_entries(
        state.id, after_seq=wanted - 1, upto_seq=wanted, max_entries=1, max_bytes=1
    )
    return entry.position if seq >= first else entry.position - 1


@asynccontextmanager
async def open_feed(
    edge: Edge,
    device: DeviceId,
    *,
    after: int | None,
    only: ConversationId | None = None,
    seen: Mapping[ConversationId, int] | None = None,
) -> AsyncIterator[Feed]:
    """A feed from a position that the store knows.

    The tail may be a moment behind the store: a client that has just been answered can name an entry
    the tail has not read yet. That is waited for; it is no cursor of the future.
    """
    edge.seen.note(device)
    async with AsyncExitStack() as stack:
        patience = trio.current_time() + _TAIL_PATIENCE
        while True:
            try:
                opened = edge.devices.open_feed(device, after=after, only=only, seen=seen)
                feed = await stack.enter_async_context(opened)
                break
            except FutureCursor:
                if trio.current_time() >= patience:
                    raise Refusal(
                        "NotEnoughResources", "The server is behind its log.", retry_after=1
                    ) from None
            await trio.sleep(0.005)
        yield feed
