"""A personal data server on a real socket: accounts' records, as com.atproto.repo tells them, and faults.

    async with open_pds(tls) as pds:
        uri = pds.block(alice.did, bob.did)         # Alice blocks Bob
        pds.faults[alice.did] = Hang()              # and now nobody learns of it
        pds.delete(uri)

It knows `listRecords` and `getRecord` of every collection that it was given records of, and refuses what it
does not host as the reference implementation does: 400 with `RepoNotFound`, `RecordNotFound`.
"""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

from router.testing.faults import Fault
from router.testing.served import listening

_BLOCK = "app.bsky.graph.block"
_XRPC = "/xrpc/com.atproto.repo."
_TID_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"
_CID = "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
_CREATED = "2026-01-02T03:04:05.678Z"


@attrs.define
class Pds:
    """What is served, and what went on. Change it while it serves: `repos`, `faults`, `page`."""

    port: int
    scheme: str = "http"
    repos: dict[str, dict[str, dict[str, Any]]] = attrs.field(factory=dict)
    """DID -> `collection/rkey` -> value. An account without records is here too."""
    faults: dict[str, Fault] = attrs.field(factory=dict)
    """By DID; `<did>+` is for what follows the first page of a listing, the key `*` for all others."""
    page: int = 100
    """Records on a page at most, whatever is asked for."""
    asked: list[str] = attrs.field(factory=list)
    """Who was asked for, in order: DIDs, and `<did>+`."""
    targets: list[str] = attrs.field(factory=list)
    """Path and query of every request, in order."""
    _made: int = 0

    def host(self, *dids: str) -> None:
        """Have repositories of these accounts."""
        for did in dids:
            self.repos.setdefault(did, {})

    def block(self, blocker: str, blocked: str, *, created: str = _CREATED) -> str:
        """A new block; returns its URI."""
        return self.put(blocker, _BLOCK, {"subject": blocked, "createdAt": created})

    def put(self, did: str, collection: str, value: Mapping[str, Any]) -> str:
        """A new record of a collection, with a key of its own that sorts last; returns its URI."""
        self._made += 1
        name = f"{collection}/{_tid(1_750_000_000_000_000 + self._made)}"
        self.repos.setdefault(did, {})[name] = {"$type": collection, **value}
        return f"at://{did}/{name}"

    def delete(self, uri: str) -> None:
        """The record is gone."""
        did, _, name = uri.removeprefix("at://").partition("/")
        del self.repos[did][name]

    def answer(self, target: str, _host: str) -> tuple[str, int, bytes]:
        """Who a request is about, and the honest answer to it."""
        self.targets.append(target)
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        did = query.get("repo", "")
        repo = self.repos.get(did)
        if repo is None:
            return did, 400, _error("RepoNotFound", f"Could not find repo: {did}")
        match parts.path.removeprefix(_XRPC):
            case "listRecords":
                return did + "+" * ("cursor" in query), 200, self._list(did, repo, query)
            case "getRecord":
                name = f"{query.get('collection')}/{query.get('rkey')}"
                if name not in repo:
                    return did, 400, _error("RecordNotFound", f"Could not locate record: at://{did}/{name}")
                return did, 200, json.dumps(_record(did, name, repo[name])).encode()
            case _:
                return did, 501, _error("MethodNotImplemented", "Method Not Implemented")

    def _list(self, did: str, repo: Mapping[str, Any], query: Mapping[str, str]) -> bytes:
        """Newest first; the cursor is the key of the last record given."""
        before, prefix = query.get("cursor"), f"{query.get('collection')}/"
        names = sorted((name for name in repo if name.startswith(prefix)), reverse=True)
        names = [name for name in names if before is None or name < prefix + before]
        given = names[: min(int(query.get("limit", "50")), self.page)]
        answer: dict[str, Any] = {"records": [_record(did, name, repo[name]) for name in given]}
        if given:
            answer["cursor"] = given[-1].removeprefix(prefix)
        return json.dumps(answer).encode()


@asynccontextmanager
async def open_pds(tls: ssl.SSLContext | None = None, *, port: int = 0) -> AsyncIterator[Pds]:
    """A PDS on 127.0.0.1, on a port of its own unless one is given, for the block; with `tls` it speaks
    https."""
    async with listening(tls, port) as (bound, hosts):
        pds = Pds(bound, "http" if tls is None else "https")
        hosts.append(pds)
        yield pds


def _record(did: str, name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"uri": f"at://{did}/{name}", "cid": _CID, "value": value}


def _error(name: str, message: str) -> bytes:
    return json.dumps({"error": name, "message": message}).encode()


def _tid(microseconds: int) -> str:
    """A record key that tells a time (atproto.com/specs/tid), its clock identifier 0."""
    number, text = microseconds << 10, ""
    for _ in range(13):
        number, digit = divmod(number, 32)
        text = _TID_LETTERS[digit] + text
    return text
