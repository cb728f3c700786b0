"""One XRPC call: a fresh token, one request, a typed answer or a named error; repeated where that is safe.

Every method is safe to repeat, because the caller gives each call an identity (msgId, idempotencyKey)
that the repeat carries again. So an answer that never came is asked for again with the same bytes and
a new token (a token is good for one request).
"""

import email.utils
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

import attrs
import httpx
import msgspec
import trio

from protocol import Nsid
from router.client.errors import BadAnswer, ClientError, OutcomeUnknown, xrpc_error
from router.client.retry import DEFAULT_POLICY, RetryPolicy, next_attempt

T = TypeVar("T")
TokenSource = Callable[[Nsid], str]
"""Mints a service-auth token for one request to this method."""


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every XRPC error."""

    error: str
    message: str = ""


@attrs.frozen
class Dice:
    """Where a client's time and chance come from; tests hand in their own."""

    jitter: Callable[[], float] = random.random
    monotonic: Callable[[], float] = trio.current_time
    wall: Callable[[], float] = time.time


SYSTEM_DICE = Dice()
"""Trio's clock, the machine's time, and chance that nobody relies on."""


def retry_after_seconds(header: str | None, *, now: float) -> float | None:
    """Seconds in a `Retry-After` header, delta or HTTP date (RFC 9110 section 10.2.3), or None."""
    if not header:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return None


def read_error(status: int, body: bytes, *, retry_after: float | None) -> ClientError:
    """The exception for an answer that is not a success."""
    try:
        named = msgspec.json.decode(body, type=ErrorBody)
    except msgspec.MsgspecError:
        # A proxy between us may answer for the server; the status is all that can be known.
        named = ErrorBody(f"Http{status}", "the answer carries no XRPC error")
    return xrpc_error(status, named.error, named.message, retry_after)


class Xrpc:
    """Calls the methods of one server as one account. Shares one connection pool between tasks."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        token: TokenSource,
        *,
        policy: RetryPolicy = DEFAULT_POLICY,
        dice: Dice = SYSTEM_DICE,
    ) -> None:
        """`http` has the server as its `base_url` and is closed by its owner."""
        self.http = http
        self.token = token
        self.policy = policy
        self.dice = dice

    async def query(self, nsid: Nsid, params: Mapping[str, str | int | None], answer: type[T]) -> T:
        """A GET with `params` (those that are None left out)."""
        given = {name: value for name, value in params.items() if value is not None}
        return await self._repeat(
            lambda: self.http.build_request("GET", f"/xrpc/{nsid}", params=given), nsid, answer
        )

    async def procedure(self, nsid: Nsid, body: msgspec.Struct, answer: type[T]) -> T:
        """A POST of `body`; raises `Refused`, `Unavailable`, `OutcomeUnknown` or `BadAnswer`."""
        content = msgspec.json.encode(body)
        headers = {"content-type": "application/json"}
        return await self._repeat(
            lambda: self.http.build_request("POST", f"/xrpc/{nsid}", content=content, headers=headers),
            nsid,
            answer,
        )

    def bearer(self, nsid: Nsid) -> str:
        """An `Authorization` header value for one request."""
        return f"Bearer {self.token(nsid)}"

    async def _repeat(self, request: Callable[[], httpx.Request], nsid: Nsid, answer: type[T]) -> T:
        began, attempt = self.dice.monotonic(), 0
        while True:
            attempt += 1
            try:
                return await self._once(request(), nsid, answer)
            except ClientError as failure:
                delay = next_attempt(
                    self.policy,
                    attempt=attempt,
                    elapsed=self.dice.monotonic() - began,
                    failure=failure,
                    jitter=self.dice.jitter(),
                )
                if delay is None:
                    raise
            await trio.sleep(delay)

    async def _once(self, request: httpx.Request, nsid: Nsid, answer: type[T]) -> T:
        request.headers["authorization"] = self.bearer(nsid)
        request.stream = _Whole(request.content)
        try:
            response = await self.http.send(request)
        except httpx.TransportError as error:
            raise OutcomeUnknown(f"{nsid}: no answer ({type(error).__name__}: {error})") from error
        if response.status_code != 200:
            raise read_error(response.status_code, response.content, retry_after=self.asked_wait(response))
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.MsgspecError as error:
            raise BadAnswer(f"{nsid}: the answer has not the shape of its lexicon: {error}") from error

    def asked_wait(self, response: httpx.Response) -> float | None:
        """The wait in seconds that this answer asks for, or None."""
        return retry_after_seconds(response.headers.get("retry-after"), now=self.dice.wall())


class _Whole(httpx.AsyncByteStream):
    """A body in one piece.

    httpx's own is an async generator: a connection that breaks while it is sent leaves it unfinished, for
    the garbage collector to complain about.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces([self._data])


class _Pieces(AsyncIterator[bytes]):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop(0)
