"""One GET of a small document, and nothing a document does not need.

h11 reads and writes HTTP; the connection under it is our own, so that the address that was judged
(`dialer.py`) is the address that is spoken to, while TLS is told the host's name and checks its
certificate. There is no pool, no redirect, no proxy from the environment, no cookie and no compression: each
would be another way to be led elsewhere or to be sent more than was asked for. A connection serves one
request; documents are kept for ten minutes, so a look-up is rare and its handshake cheap beside it.

The time of the whole is the caller's deadline. A body that comes a byte at a time ends with it.
"""

import enum
import ssl
from collections.abc import Collection
from typing import Final

import attrs
import h11
import trio

from router.config.origin import Origin
from router.identity.dialer import Dialer, ForbiddenAddressError, NoAddressError, NotConnectedError

MAX_DOCUMENT_BYTES: Final = 64 * 1024
_MAX_HEAD_BYTES: Final = 16 * 1024
_CHUNK: Final = 16 * 1024
_USUAL_PORT: Final = {"http": 80, "https": 443}
_GONE: Final = (404, 410)


class Why(enum.StrEnum):
    """Why there is no document. The value is a label of a metric and never names a host."""

    NO_ADDRESS = "no_address"
    NOT_CONNECTED = "not_connected"
    TLS = "tls"
    BROKEN_OFF = "broken_off"
    STATUS = "status"
    FORBIDDEN_ADDRESS = "forbidden_address"
    REDIRECT = "redirect"
    TOO_LARGE = "too_large"
    CODING = "coding"

    @property
    def is_silence(self) -> bool:
        """Whether the host has said nothing of the document: it may be asked again, and is not to blame."""
        return self not in _SPOKEN


_SPOKEN: Final = (Why.FORBIDDEN_ADDRESS, Why.REDIRECT, Why.TOO_LARGE, Why.CODING)


class FetchFailed(Exception):
    """No document, for the reason given."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


@attrs.frozen
class Answer:
    """What a host answered."""

    status: int
    body: bytes


class Fetcher:
    """Fetches documents through one dialer."""

    def __init__(self, dialer: Dialer, tls: ssl.SSLContext, *, agent: str = "Rookery") -> None:
        self._dialer = dialer
        self._tls = tls
        self._agent = agent

    async def get(
        self,
        origin: Origin,
        path: str,
        *,
        max_bytes: int = MAX_DOCUMENT_BYTES,
        accept: str = "application/json",
    ) -> bytes | None:
        """The body at `path` (ASCII, absolute), or None where the host says there is nothing (404, 410).

        Raises `FetchFailed`. Waits as long as the caller lets it. The media type of the answer is not
        looked at: hosts of did:web documents give anything from `text/plain` to `application/did+json`.
        """
        answer = await self.ask(origin, path, max_bytes=max_bytes, accept=accept)
        return None if answer.status in _GONE else answer.body

    async def ask(
        self,
        origin: Origin,
        path: str,
        *,
        refusals: Collection[int] = (),
        max_bytes: int = MAX_DOCUMENT_BYTES,
        accept: str = "application/json",
    ) -> Answer:
        """What `get` fetches, with its status; of `refusals`, statuses of 4xx, the body too: an XRPC host
        says there why. Other statuses fail, but 404 and 410, which come without a body."""
        stream = await self._open(origin)
        try:
            exchange = _Exchange(stream, max_bytes, frozenset((200, *refusals)))
            return await exchange.get(origin.netloc, path, accept, self._agent)
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError):
            raise FetchFailed(Why.BROKEN_OFF) from None
        finally:
            await trio.aclose_forcefully(stream)

    async def _open(self, origin: Origin) -> trio.abc.Stream:
        port = origin.port or _USUAL_PORT[origin.scheme]
        try:
            plain = await self._dialer.open(origin.host, port)
        except ForbiddenAddressError:
            raise FetchFailed(Why.FORBIDDEN_ADDRESS) from None
        except NoAddressError:
            raise FetchFailed(Why.NO_ADDRESS) from None
        except NotConnectedError:
            raise FetchFailed(Why.NOT_CONNECTED) from None
        if origin.scheme == "http":
            return plain
        # `https_compatible`: most servers end a connection without TLS's own goodbye. A body cut short by
        # somebody in between is JSON cut short, which is no JSON.
        secure = trio.SSLStream(plain, self._tls, server_hostname=origin.host, https_compatible=True)
        try:
            await secure.do_handshake()
        except BaseException as error:
            await trio.aclose_forcefully(plain)
            if isinstance(error, trio.BrokenResourceError | ssl.SSLError):
                raise FetchFailed(Why.TLS) from None
            raise
        return secure


class _Exchange:
    """One request and its answer on a connection."""

    def __init__(self, stream: trio.abc.Stream, max_bytes: int, wanted: Collection[int]) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._wanted = wanted
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)

    async def get(self, host: str, path: str, accept: str, agent: str) -> Answer:
        headers = [
            ("Host", host),
            ("Accept", accept),
            ("Accept-Encoding", "identity"),
            ("User-Agent", agent),
            ("Connection", "close"),
        ]
        request = self._http.send(h11.Request(method="GET", target=path, headers=headers)) or b""
        await self._stream.send_all(request + (self._http.send(h11.EndOfMessage()) or b""))
        response = await self._next()
        while isinstance(response, h11.InformationalResponse):
            response = await self._next()
        if not isinstance(response, h11.Response):
            raise FetchFailed(Why.BROKEN_OFF)
        status = response.status_code
        if 300 <= status < 400:
            raise FetchFailed(Why.REDIRECT)
        if status not in self._wanted:
            if status in _GONE:
                return Answer(status, b"")
            raise FetchFailed(Why.STATUS)
        for name, value in response.headers:
            if name == b"content-encoding" and value.lower() != b"identity":
                raise FetchFailed(Why.CODING)
            if name == b"content-length" and int(value) > self._max_bytes:
                raise FetchFailed(Why.TOO_LARGE)
        return Answer(status, await self._body())

    async def _body(self) -> bytes:
        body = bytearray()
        while not isinstance(event := await self._next(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise FetchFailed(Why.BROKEN_OFF)
            body += event.data
            if len(body) > self._max_bytes:
                raise FetchFailed(Why.TOO_LARGE)
        return bytes(body)

    async def _next(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(bytes(await self._stream.receive_some(_CHUNK)))
            elif event is h11.PAUSED:
                raise FetchFailed(Why.BROKEN_OFF)
            else:
                assert isinstance(event, h11.Event)  # noqa: S101 - h11's two sentinels are above
                return event
