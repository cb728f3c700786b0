"""What a check works with: accounts, calls whose answers are held against the lexicon, a record of them.

Everything goes over HTTP to the server's address; nothing of the server's own code is asked. Each check has
a bench of its own, so its accounts and its record are its own.
"""

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import httpx
import trio

from protocol import AccountDid, Nsid
from router.identity.keys import AccountKey
from router.identity.service import SERVICE_FRAGMENT
from router.identity.tokens import mint_token
from router.testing.conformance.accounts import Accounts
from router.testing.conformance.verdicts import Nonconformity, Skipped, demand
from schema import ERRORS, VALIDATOR, InvalidData
from schema.testing import query_string
from schema.wire import METHODS

MLS: Final = "blue.catbird.mls"
MLS_CHAT: Final = "blue.catbird.mlsChat"
ROOKERY: Final = "chat.rookery"
OURS: Final = "chat.rookery.mls"

_SHOWN = 600
_KEPT = 6
_PATIENCE_STEP = 1.0


@attrs.frozen
class Service:
    """The server under test."""

    base_url: str
    audience: str
    """The `aud` of tokens for it: its DID with the fragment of the service."""

    @property
    def did(self) -> str:
        """Its DID without the fragment."""
        return self.audience.partition("#")[0]


@attrs.frozen
class Manners:
    """How the suite behaves towards a server."""

    patience: float = 60.0
    """Seconds that one call waits in all where it is told `Retry-After`."""
    bucket: int = 2
    """Width of the server's time buckets in seconds: no time may be finer."""
    most_calls: int = 2_000
    """A limit above this is not tried out."""


@attrs.frozen
class Answer:
    """An answer that has the shape its lexicon says."""

    nsid: str
    status: int
    headers: httpx.Headers
    body: dict[str, Any]

    @property
    def error(self) -> str | None:
        """The name of a refusal."""
        return None if self.status < 400 else str(self.body.get("error"))

    def ok(self) -> dict[str, Any]:
        """The body of a success; `Nonconformity` for a refusal."""
        demand(self.status < 400, f"{self.nsid} should succeed and was refused: {self.body}")
        return self.body

    def refused(self, *names: str) -> str:
        """The name of a refusal that is one of these; `Nonconformity` for anything else."""
        wanted = " or ".join(names)
        demand(self.status >= 400, f"{self.nsid} should be refused with {wanted} and succeeded: {self.body}")
        demand(self.error in names, f"{self.nsid} should be refused with {wanted}, not {self.body}")
        return str(self.error)


@attrs.define
class Bench:
    """Accounts and calls of one check."""

    service: Service
    http: httpx.AsyncClient
    accounts: Accounts
    manners: Manners
    exchanges: list[str] = attrs.field(factory=list)
    tag: str = attrs.field(factory=lambda: secrets.token_hex(4))
    """Part of every name the check gives, so that checks and runs do not meet."""
    clock: Callable[[], float] = time.time
    cleanup: list[tuple[AccountKey, str]] = attrs.field(factory=list)
    """Devices that were registered."""

    def now(self) -> float:
        """Unix seconds."""
        return self.clock()

    def take(self, *names: str) -> list[AccountKey]:
        """Accounts of these names, new ones where the suite can make them."""
        return self.accounts.take(names, self.now())

    def token(self, key: AccountKey, nsid: str, **claims: Any) -> str:
        """A token for one call; `claims` are put in the place of the right ones."""
        given = {"aud": self.service.audience, "lxm": Nsid(nsid), "now": self.now(), **claims}
        return mint_token(key, given.pop("iss", key.did), **given)

    async def raw(
        self, method: str, nsid: str, *, token: str | None = None, what: str = "", **request: Any
    ) -> httpx.Response:
        """One request as it is; its answer is not judged, only recorded."""
        headers = dict(request.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        answer = await self.http.request(
            method, f"{self.service.base_url}/xrpc/{nsid}", headers=headers, **request
        )
        self._record(method, nsid, what, answer)
        return answer

    async def knock(
        self, method: str, nsid: str, token: Callable[[], str | None] = lambda: None, **request: Any
    ) -> httpx.Response:
        """`raw` with a token made for each try: waits where the server slows such callers down."""
        until = trio.current_time() + self.manners.patience
        while True:
            answer = await self.raw(method, nsid, token=token(), **request)
            wait = answer.headers.get("retry-after")
            if answer.status_code != 429 or wait is None:
                return answer
            if trio.current_time() + float(wait) > until:
                raise Skipped(f"the server refuses so much for {wait} s; --patience allows less")
            await trio.sleep(float(wait))

    async def ask(
        self,
        key: AccountKey,
        nsid: str,
        given: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        patient: bool = True,
    ) -> Answer:
        """Call a method as an account; the answer has the shape the lexicon says.

        Waits where the server asks for it, unless not `patient`. `Skipped` where it has no such method.
        """
        until = trio.current_time() + self.manners.patience
        while True:
            answer = await self._once(nsid, given or {}, token or self.token(key, nsid))
            if answer.error == "MethodNotImplemented":
                raise Skipped(f"the server has no {nsid}")
            wait = answer.headers.get("retry-after")
            busy = answer.status in (429, 503) and patient and wait is not None
            if not busy or answer.error == "GroupFrozen":
                return answer
            seconds = float(wait or _PATIENCE_STEP)
            if trio.current_time() + seconds > until:
                raise Skipped(f"{nsid} is {answer.error} for {seconds:g} s; --patience allows less")
            await trio.sleep(seconds)

    async def post(self, key: AccountKey, nsid: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """A call that succeeds."""
        return (await self.ask(key, nsid, given)).ok()

    async def get(self, key: AccountKey, nsid: str, **params: Any) -> dict[str, Any]:
        """A query that succeeds."""
        return (await self.ask(key, nsid, params)).ok()

    async def _once(self, nsid: str, given: Mapping[str, Any], token: str) -> Answer:
        what = json.dumps(_shortened(given))
        if METHODS[nsid].kind == "procedure":
            body = json.dumps(dict(given))
            request: dict[str, Any] = {"content": body, "headers": {"content-type": "application/json"}}
            answer = await self.raw("POST", nsid, token=token, what=what, **request)
        else:
            target = f"{nsid}?{query_string(dict(given))}" if given else nsid
            answer = await self.raw("GET", target, token=token, what=what)
        return judged(nsid, answer)

    def _record(self, method: str, nsid: str, what: str, answer: httpx.Response) -> None:
        shown = answer.text if len(answer.text) < _SHOWN else answer.text[:_SHOWN] + "…"
        self.exchanges.append(f"{method} {nsid.partition('?')[0]} {what}\n  → {answer.status_code} {shown}")
        del self.exchanges[:-_KEPT]


def judged(nsid: str, answer: httpx.Response) -> Answer:
    """The answer to a call of a method; `Nonconformity` unless it is one of its lexicon."""
    kind = answer.headers.get("content-type", "")
    demand(
        kind.startswith("application/json"), f"{nsid} answered {answer.status_code} as {kind or 'nothing'}"
    )
    try:
        body = answer.json()
    except ValueError:
        raise Nonconformity(f"{nsid} answered {answer.status_code} with what is no JSON") from None
    try:
        if answer.is_success:
            VALIDATOR.output(nsid, body)
        else:
            name = body.get("error") if isinstance(body, dict) else None
            demand(name in ERRORS, f"{nsid} answered {answer.status_code} with an error nobody knows: {body}")
            VALIDATOR.error(nsid, answer.status_code, body)
    except InvalidData as problem:
        raise Nonconformity(f"the answer of {nsid} is not the lexicon's: {problem}") from None
    return Answer(nsid, answer.status_code, answer.headers, body)


async def find_service(http: httpx.AsyncClient, base_url: str, audience: str | None) -> Service:
    """The service at an address: the audience that is given, or the one in its `did:web` document."""
    base_url = base_url.rstrip("/")
    if audience is not None:
        whole = audience if "#" in audience else audience + SERVICE_FRAGMENT
        return Service(base_url, whole)
    answer = await http.get(f"{base_url}/.well-known/did.json")
    try:
        did = answer.json()["id"]
        return Service(base_url, AccountDid(str(did)) + SERVICE_FRAGMENT)
    except (ValueError, KeyError, TypeError):
        raise Nonconformity(
            f"{base_url}/.well-known/did.json ({answer.status_code}) does not tell the service's DID;"
            " give it with --audience"
        ) from None


def octets(data: bytes) -> dict[str, str]:
    """Bytes as the lexicon's JSON has them."""
    return {"$bytes": base64.b64encode(data).decode()}


def base64_text(data: bytes) -> str:
    """Bytes as the contract's base64 texts have them."""
    return base64.b64encode(data).decode()


def bytes_in(field: Any) -> bytes:
    """The bytes of a field that holds `{"$bytes": …}`."""
    text = str(field["$bytes"])
    return base64.b64decode(text + "=" * (-len(text) % 4))


def _shortened(value: Any) -> Any:
    """A request for the record: long texts are cut."""
    match value:
        case str() if len(value) > 48:
            return value[:40] + "…"
        case Mapping():
            return {name: _shortened(each) for name, each in value.items()}
        case Sequence() if not isinstance(value, str | bytes):
            return [_shortened(each) for each in list(value)[:3]]
        case _:
            return value
