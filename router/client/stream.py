"""Following events over SSE: one GET that lasts, opened again with `Last-Event-ID` where it broke off.

Each event brings its own cursor, so the resume is exact and needs no acknowledgement: what was
received is behind us. A repeat, should a server send one, is dropped by its seq.
"""

import contextlib
from collections.abc import AsyncIterator

import httpx
import trio

from protocol import ConversationId, DeviceId
from router.client.client import RookeryClient
from router.client.errors import BadAnswer, ClientError, OutcomeUnknown
from router.client.events import Event, read_event
from router.client.retry import Backoff, Lost, plan_reconnect
from router.client.sse import SseEvent, SseParser
from router.client.xrpc import read_error

_STABLE_SECONDS = 5.0
_READ_SECONDS = 45.0  # three keep-alive intervals without a byte: the other side is gone


class EventStream:
    """Made by `open_stream`. One task receives; it reconnects by itself and bounds nothing but reading."""

    def __init__(
        self,
        client: RookeryClient,
        *,
        convo: ConversationId | None,
        device: DeviceId | None,
        cursor: str | None,
        backoff: Backoff,
    ) -> None:
        self._client = client
        self._params = {name: value for name, value in (("convoId", convo), ("deviceId", device)) if value}
        self._backoff = backoff
        self._attempt = 0
        self._opened = 0.0
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._parser = SseParser()
        self._waiting: list[SseEvent] = []
        self._seen: dict[ConversationId, int] = {}
        self.cursor = cursor
        self.connections = 0
        self.duplicates = 0

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Event:
        return await self.receive()

    async def receive(self) -> Event:
        """The next event, once each and in order; raises a refusal that no new connection can cure.

        A cancel loses nothing: the stream is opened again behind the last event that was returned.
        """
        while True:
            while self._waiting:
                event = self._take(self._waiting.pop(0))
                if event is not None:
                    return event
            try:
                self._waiting = await self._read()
            except ClientError as failure:
                await self.aclose()
                await self._wait_before_next(failure)

    async def aclose(self) -> None:
        """Close the connection, if one is open; `receive` would open another."""
        response, self._response = self._response, None
        chunks, self._chunks = self._chunks, None
        if chunks is not None:
            await _unwind(chunks)
        if response is not None:
            await response.aclose()

    def _take(self, raw: SseEvent) -> Event | None:
        event, cursor = read_event(raw.data)
        self.cursor = raw.id or cursor or self.cursor
        if event.convo is not None:
            if event.seq <= self._seen.get(event.convo, 0):
                self.duplicates += 1
                return None
            self._seen[event.convo] = event.seq
        return event

    async def _read(self) -> list[SseEvent]:
        chunks = self._chunks or await self._open()
        try:
            return self._parser.feed(await anext(chunks))
        except StopAsyncIteration:
            raise OutcomeUnknown("the stream ended") from None
        except (httpx.TransportError, httpx.StreamError) as error:
            raise OutcomeUnknown(f"the stream broke ({type(error).__name__}: {error})") from error
        except BaseException:
            # Cancelled in the middle: this response cannot be read on, and nothing of it is missing.
            self._chunks = None
            raise

    async def _open(self) -> AsyncIterator[bytes]:
        xrpc, nsid = self._client.xrpc, self._client.chat.nsid("streamEvents")
        headers = {"accept": "text/event-stream", "authorization": xrpc.bearer(nsid)}
        if self.cursor is not None:
            headers["last-event-id"] = self.cursor
        request = xrpc.http.build_request(
            "GET",
            f"/xrpc/{nsid}",
            params=self._params,
            headers=headers,
            timeout=httpx.Timeout(10.0, read=_READ_SECONDS),
        )
        await self.aclose()
        try:
            response = await xrpc.http.send(request, stream=True)
        except httpx.TransportError as error:
            raise OutcomeUnknown(f"no stream ({type(error).__name__}: {error})") from error
        self._response = response
        if response.status_code != 200:
            body = await response.aread()
            raise read_error(response.status_code, body, retry_after=xrpc.asked_wait(response))
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise BadAnswer("the answer is not an event stream")
        self._parser = SseParser()
        self._opened = xrpc.dice.monotonic()
        self.connections += 1
        self._chunks = response.aiter_bytes()
        return self._chunks

    async def _wait_before_next(self, failure: ClientError) -> None:
        dice = self._client.xrpc.dice
        lived = dice.monotonic() - self._opened if self._opened else 0.0
        plan = plan_reconnect(
            Lost(failure, lived, getattr(failure, "retry_after", None)),
            attempt=self._attempt,
            backoff=self._backoff,
            stable=_STABLE_SECONDS,
            jitter=dice.jitter(),
        )
        self._opened = 0.0
        if plan is None:
            raise failure
        self._attempt = plan.attempt
        await trio.sleep(plan.delay)


async def _unwind(chunks: AsyncIterator[bytes]) -> None:
    """End the chain of generators that httpx reads through.

    They wait at their yields; dropped there, each would be left to the garbage collector, where Trio
    cannot finish it. A cancelled scope lets them run on to their next wait, which then raises in the
    innermost one and unwinds them all.
    """
    with trio.CancelScope() as scope:
        scope.cancel()
        with contextlib.suppress(httpx.HTTPError, httpx.StreamError):
            async for _ in chunks:
                pass


@contextlib.asynccontextmanager
async def open_stream(
    client: RookeryClient,
    *,
    convo: ConversationId | None = None,
    device: DeviceId | None = None,
    cursor: str | None = None,
    backoff: Backoff = Backoff(initial=0.1, maximum=10.0),  # noqa: B008 - frozen
) -> AsyncIterator[EventStream]:
    """The events of the account's device (or of one conversation) after `cursor`, alive for the block."""
    stream = EventStream(client, convo=convo, device=device, cursor=cursor, backoff=backoff)
    try:
        yield stream
    finally:
        with trio.move_on_after(1, shield=True):
            await stream.aclose()
