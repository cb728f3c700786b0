"""A DID directory and host of did:web documents on a real socket, which can be told to misbehave.

It speaks plain HTTP/1.1 with h11, one request a connection. Which DID a request is about follows from its
path (`/<did>`, `/<did>/log/audit`) or, for `/.well-known/did.json`, from its Host header; faults are set by
DID.
"""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import unquote

import attrs
import h11
import trio

from router.testing.faults import Fault, Garbage, Hang, HangUp, Oversize, Redirect, SlowBody, Status
from router.testing.people import PlcAccount, WebAccount

_DOCUMENT = "/.well-known/did.json"
_HANDLE = "/.well-known/atproto-did"
_JSON = ("content-type", "application/json")


@attrs.define
class DidDirectory:
    """What is served, and what went on. Change it while it serves: `accounts`, `faults`."""

    port: int
    scheme: str = "http"
    accounts: dict[str, PlcAccount | WebAccount] = attrs.field(factory=dict)
    handles: dict[str, str] = attrs.field(factory=dict)
    """Host -> DID, for `/.well-known/atproto-did`."""
    faults: dict[str, Fault] = attrs.field(factory=dict)
    """By DID; the key `*` is for all others."""
    asked: list[str] = attrs.field(factory=list)
    """The DIDs that were asked for, in order."""

    @property
    def url(self) -> str:
        """Its origin, for `identity.plc_url`."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def put(self, *accounts: PlcAccount | WebAccount) -> None:
        """Serve these accounts."""
        self.accounts.update((account.did, account) for account in accounts)

    def answer(self, path: str, host: str) -> tuple[str, int, bytes]:
        """The DID a request is about, and the honest answer to it."""
        if path == _HANDLE:
            did = self.handles.get(host)
            return host, (404 if did is None else 200), (did or "").encode()
        did = f"did:web:{host.replace(':', '%3A')}" if path == _DOCUMENT else path[1:].partition("/")[0]
        account = self.accounts.get(did)
        match account:
            case PlcAccount() if path == f"/{did}/log/audit":
                return did, 200, _json(account.log)
            case PlcAccount(tombstoned=True):
                return did, 410, _json({"message": f"DID not available: {did}"})
            case PlcAccount() if path == f"/{did}":
                return did, 200, _json(account.document().to_json())
            case WebAccount() if path == _DOCUMENT:
                return did, 200, _json(account.document().to_json())
            case _:
                return did, 404, _json({"message": f"DID not registered: {did}"})

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One request and its answer; the connection ends with it, as with whoever breaks it off."""
        try:
            await self._serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        http = h11.Connection(h11.SERVER)
        while (event := http.next_event()) is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some()))
        if not isinstance(event, h11.Request):
            return
        headers = {name.decode(): value.decode() for name, value in event.headers}
        # clients escape the colons of a DID or leave them, and mean the same (RFC 3986 6.2.2.2)
        did, status, body = self.answer(unquote(event.target.decode()), headers["host"])
        self.asked.append(did)
        fault = self.faults.get(did, self.faults.get("*"))
        extra: tuple[tuple[str, str], ...] = ()
        interval = 0.0
        match fault:
            case Hang():
                await trio.sleep_forever()
            case HangUp():
                return
            case Status():
                status, body = fault.code, b"{}"
            case Redirect():
                status, body, extra = 302, b"", (("location", fault.location),)
            case Garbage():
                status, body, extra = 200, fault.body, fault.headers
            case Oversize():
                status, body = 200, body.ljust(fault.size)
            case SlowBody():
                interval = fault.interval
            case None:
                pass
        framing = ("content-length", str(len(body)))
        if isinstance(fault, Oversize) and not fault.declared:
            framing = ("transfer-encoding", "chunked")
        reason = HTTPStatus(status).phrase.encode()
        headers_out = [_JSON, framing, ("connection", "close"), *extra]
        head = http.send(h11.Response(status_code=status, headers=headers_out, reason=reason)) or b""
        await stream.send_all(head)
        for piece in _pieces(body, 1 if interval else 8192):
            await stream.send_all(http.send(h11.Data(data=piece)) or b"")
            await trio.sleep(interval)
        await stream.send_all(http.send(h11.EndOfMessage()) or b"")


@asynccontextmanager
async def open_did_directory(tls: ssl.SSLContext | None = None) -> AsyncIterator[DidDirectory]:
    """A directory on a port of 127.0.0.1 of its own, for the block; with `tls` it speaks https."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        directory = DidDirectory(port, "http" if tls is None else "https")

        async def serve(plain: trio.SocketStream) -> None:
            stream: trio.abc.Stream = plain
            if tls is not None:
                stream = trio.SSLStream(plain, tls, server_side=True, https_compatible=True)
            await directory.serve(stream)

        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield directory
        nursery.cancel_scope.cancel()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]
