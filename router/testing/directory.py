"""A DID directory and host of did:web documents on a real socket, which can be told to misbehave.

Which DID a request is about follows from its
path (`/<did>`, `/<did>/log/audit`) or, for `/.well-known/did.json`, from its Host header; faults are set by
DID.
"""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

import attrs

from router.testing.faults import Fault
from router.testing.people import PlcAccount, WebAccount
from router.testing.served import listening

_DOCUMENT = "/.well-known/did.json"
_HANDLE = "/.well-known/atproto-did"


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

    def answer(self, target: str, host: str) -> tuple[str, int, bytes]:
        """The DID a request is about, and the honest answer to it."""
        # clients escape the colons of a DID or leave them, and mean the same (RFC 3986 6.2.2.2)
        target = unquote(target)
        if target == _HANDLE:
            did = self.handles.get(host)
            return host, (404 if did is None else 200), (did or "").encode()
        did = f"did:web:{host.replace(':', '%3A')}" if target == _DOCUMENT else target[1:].partition("/")[0]
        account = self.accounts.get(did)
        match account:
            case PlcAccount() if target == f"/{did}/log/audit":
                return did, 200, _json(account.log)
            case PlcAccount(tombstoned=True):
                return did, 410, _json({"message": f"DID not available: {did}"})
            case PlcAccount() if target == f"/{did}":
                return did, 200, _json(account.document().to_json())
            case WebAccount() if target == _DOCUMENT:
                return did, 200, _json(account.document().to_json())
            case _:
                return did, 404, _json({"message": f"DID not registered: {did}"})


@asynccontextmanager
async def open_did_directory(
    tls: ssl.SSLContext | None = None, *, port: int = 0
) -> AsyncIterator[DidDirectory]:
    """A directory on 127.0.0.1, on a port of its own unless one is given, for the block; with `tls` it speaks
    https."""
    async with listening(tls, port) as (bound, hosts):
        directory = DidDirectory(bound, "http" if tls is None else "https")
        hosts.append(directory)
        yield directory


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
