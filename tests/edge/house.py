"""A real edge over real actors and a memory store: what the edge's tests call over real sockets."""

from __future__ import annotations

import base64
import io
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio
from nacl.signing import SigningKey

from actors import Registry, RegistryOptions
from protocol import SUBPROTOCOL, AccountDid, ConversationId, DeviceId, Nsid
from protocol import Limits as ProtocolLimits
from router.blocks.cache import BlockCache
from router.blocks.pds import Reading, Unread
from router.blocks.relation import Block
from router.blocks.service import Blocks
from router.bus.local import LocalBus
from router.config import Logging, Rates, Settings
from router.config.sections import Server as ServerSettings
from router.conversation.actor import ConversationBehaviour
from router.conversation.service import Ask, Conversations, weigh
from router.device.actor import CatchUp, DeviceBehaviour
from router.device.seen import LastSeen
from router.device.service import Devices
from router.device.tail import Tail
from router.edge.admission import Admission
from router.edge.client_address import TrustedProxies
from router.edge.public import public_app
from router.edge.routes import ROUTES, route_names
from router.edge.server import Limits
from router.edge.services import Edge
from router.edge.strangers import StrangersBodies
from router.identity.accounts import new_account
from router.identity.api_keys import ApiKeys
from router.identity.authenticator import Authenticator, Look
from router.identity.device_auth import DeviceTokens
from router.identity.keys import AccountKey
from router.identity.replay import ReplayGuard
from router.identity.resolver import LocalResolver, Resolver
from router.identity.revocations import Revocations
from router.identity.secrets import ServerSecrets
from router.identity.service import ServedDocuments, ServiceIdentity
from router.identity.service_auth import ServiceTokens, TokenPolicy
from router.identity.tickets import Tickets
from router.identity.tokens import mint_token
from router.limits import LocalQuotas, classes
from router.login.keyring import KeyRing
from router.login.service import make_login
from router.login.tokens import AccessTokens
from router.observe import CallCheck, Health, Metrics, Observer, Verdict, Vocabulary, make_logs
from router.store.interface import Store
from router.store.memory import MemoryStore
from schema import ERRORS, VALIDATOR
from tests import generous
from tests.edge.harness import Running, WebSocket, running
from tests.proofs import new_key

NOW = 1_780_000_001.25
SERVICE = ServiceIdentity("did:web:chat.example.com", "https://chat.example.com")
MLS = "blue.catbird.mls"
ROOKERY = "chat.rookery"


class _NoPds:
    """For accounts of elsewhere, of which a house has none: nobody can be asked."""

    async def blocks_of(self, account: AccountDid, /, *, seconds: float) -> Reading:
        await trio.lowlevel.checkpoint()
        return Reading((), complete=False, result="unsupported", asked=False)

    async def record(self, account: AccountDid, rkey: str, /, *, seconds: float) -> Block | None:
        await trio.lowlevel.checkpoint()
        raise Unread("unsupported", asked=False)

    def statistics(self) -> dict[str, int]:
        return {"items": 0, "capacity": 0}


NO_PDS = _NoPds()


@attrs.define
class Account:
    """An account of the house and its key."""

    name: str
    key: AccountKey

    @property
    def did(self) -> str:
        return self.key.did


@attrs.define
class House:
    """A running edge and everything below it."""

    edge: Edge
    store: Store
    server: Running
    http: httpx.AsyncClient
    log: io.StringIO
    faults: list[tuple[str, BaseException | None]]
    verdict: list[Verdict]
    metrics: Metrics
    now: float = NOW
    accounts: dict[str, Account] = attrs.field(factory=dict)

    @property
    def memory(self) -> MemoryStore:
        """The store of a house that keeps nothing, for who looks inside."""
        assert isinstance(self.store, MemoryStore)
        return self.store

    async def account(self, name: str) -> Account:
        """An account of this router, made at the first call."""
        if name not in self.accounts:
            made = new_account(name, SERVICE)
            await self.store.create_account(made.did, name, made.verification_key, now=int(NOW))
            self.accounts[name] = Account(name, made.key)
        return self.accounts[name]

    def token(self, account: Account, nsid: str) -> str:
        return mint_token(account.key, account.key.did, SERVICE.audience, Nsid(nsid), self.now)

    def headers(self, account: Account, nsid: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(account, nsid)}"}

    async def send(
        self, method: str, nsid: str, account: Account | None = None, **request: Any
    ) -> httpx.Response:
        """One request as it is; its answer is held against the lexicon."""
        headers = dict(request.pop("headers", {}))
        if account is not None:
            headers = {**self.headers(account, nsid), **headers}
        answer = await self.http.request(method, f"/xrpc/{nsid}", headers=headers, **request)
        check_answer(nsid, answer)
        return answer

    async def post(self, account: Account, nsid: str, body: dict[str, Any]) -> dict[str, Any]:
        """A procedure that succeeds."""
        answer = await self.send("POST", nsid, account, json=body)
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    async def get(self, account: Account, nsid: str, **params: Any) -> dict[str, Any]:
        """A query that succeeds."""
        answer = await self.send("GET", nsid, account, params=params)
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    def new_key(self, account: Account, key: SigningKey, device: str | None = None) -> dict[str, Any]:
        """The fields of a request that brings a device's key, with a fresh proof."""
        return new_key(key, SERVICE.did, account.did, self.now, device)

    async def device(self, account: Account, number: int = 1) -> str:
        """A device of the account, registered at each call (the same number gets the same id)."""
        body = {"deviceName": f"d{number}", **self.new_key(account, device_key(account, number))}
        return str((await self.post(account, f"{ROOKERY}.registerDevice", body))["deviceId"])

    async def group(self, *names: str, key: str = "k") -> str:
        """A conversation of these accounts, each with one device; the first one made it."""
        accounts = [await self.account(name) for name in names]
        for account in accounts:
            await self.device(account)
        body = {"idempotencyKey": key, "initialMembers": [account.did for account in accounts[1:]]}
        return str((await self.post(accounts[0], f"{ROOKERY}.createConvo", body))["id"])

    async def say(self, account: Account, convo: str, msg_id: str, text: bytes = b"") -> dict[str, Any]:
        """Send one message."""
        body = {"convoId": convo, "msgId": msg_id, "ciphertext": padded(text or msg_id.encode())}
        return await self.post(account, f"{ROOKERY}.sendMessage", body)

    def socket(
        self, account: Account, nsid: str, *, subprotocols: list[str] | None = None, query: str = ""
    ) -> WebSocket:
        """A WebSocket that the server accepts."""
        headers = self.headers(account, nsid)
        return WebSocket(self.server, f"/xrpc/{nsid}{query}", headers=headers, subprotocols=subprotocols)

    def session(self, account: Account) -> WebSocket:
        """A `rookery.v1` session before its hello."""
        return self.socket(account, f"{ROOKERY}.session", subprotocols=[SUBPROTOCOL])


def device_key(account: Account, number: int = 1) -> SigningKey:
    """The key of an account's device."""
    return SigningKey(bytes((number,)) * 31 + account.name.encode()[:1])


def signature_key(seed: bytes) -> dict[str, str]:
    """An Ed25519 public key, made from one byte, as the lexicon's JSON has it."""
    return sealed(bytes(SigningKey(seed * 32).verify_key))


def sealed(data: bytes) -> dict[str, str]:
    """Bytes as the lexicon's JSON has them."""
    return {"$bytes": base64.b64encode(data).decode()}


def padded(text: bytes, size: int = 512) -> dict[str, str]:
    """A ciphertext of one of the padding sizes."""
    return sealed(text.ljust(size, b"\0"))


def check_answer(nsid: str, answer: httpx.Response) -> None:
    """Every answer has the shape of its lexicon, every refusal a name and a message."""
    assert answer.headers["content-type"].startswith(("application/json", "text/event-stream"))
    if answer.is_success:
        if not answer.headers["content-type"].startswith("text/event-stream"):
            VALIDATOR.output(nsid, answer.json())
        return
    error_name(answer)
    if nsid in route_names():
        VALIDATOR.error(nsid, answer.status_code, answer.json())


def error_name(answer: httpx.Response) -> str:
    """The name of a refusal; fails unless it is an XRPC error of the catalogue with its status."""
    body = answer.json()
    assert set(body) == {"error", "message"}, body
    assert body["message"], body
    assert ERRORS[body["error"]].status == answer.status_code, (body, answer.status_code)
    assert "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == f'Bearer error="{body["error"]}"'
    if ERRORS[body["error"]].status in (429, 503):
        assert int(answer.headers["retry-after"]) >= 1
    return str(body["error"])


@asynccontextmanager
async def open_house(
    store: Store | None = None,
    *,
    settings: Settings | None = None,
    limits: Limits | None = None,
    mailbox: int = 64,
    debug: bool = False,
    blocks: Blocks | None = None,
    resolver: Resolver | None = None,
) -> AsyncIterator[House]:
    """A house that is torn down with the block. `mailbox` is how many commands wait for a conversation;
    `blocks` is one that runs already, in the place of one that knows no account of elsewhere, and `resolver`
    finds the keys of all accounts, in the place of one that knows those of this router."""
    settings = settings or Settings(server=ServerSettings(body_timeout=5.0))
    if settings.rate == Rates():  # a test that is about limits says which
        settings = attrs.evolve(settings, rate=generous.RATES)
    store = store or MemoryStore()
    bus = LocalBus()
    store.on_commit(bus.hint)
    tail = Tail(store, bus)
    conversation_actors: Registry[ConversationId, Ask] = Registry(
        "conversations",
        ConversationBehaviour(
            store, ProtocolLimits(max_members=settings.limits.max_members), lambda: house.now
        ),
        RegistryOptions(weigh=weigh, max_weight=64 << 20, capacity=mailbox),
    )
    device_actors: Registry[DeviceId, CatchUp] = Registry("devices", DeviceBehaviour(store, tail))
    secrets = ServerSecrets(b"s" * 32)
    revocations = Revocations(lambda: house.now)
    api_keys = ApiKeys(store, secrets, clock=lambda: house.now)
    tickets = Tickets(secrets, clock=lambda: house.now)
    log = io.StringIO()
    metrics = Metrics(version="test")
    faults: list[tuple[str, BaseException | None]] = []
    verdict = [Verdict(ok=True)]

    async def examine() -> Verdict:
        return verdict[0]

    logging = Logging(format="json", level="debug" if debug else "warning")
    logs = make_logs(logging, bucket_seconds=2, stream=log, clock=lambda: NOW)
    drain = trio.Event()
    observer = Observer(logs, metrics, Vocabulary(route_names(), ERRORS))
    quotas = LocalQuotas(
        classes(settings.rate), capacity=settings.rate.max_keys, clock=lambda: house.now + trio.current_time()
    )
    folder = Path(tempfile.mkdtemp(prefix="rookery-house-"))
    ring = KeyRing(folder, lambda: NOW)
    edge = Edge(
        store=store,
        conversations=Conversations(conversation_actors),
        devices=Devices(
            device_actors,
            tail,
            max_connections=settings.devices.max_connections_per_device,
            feed_items=settings.devices.feed_items,
            feed_bytes=settings.devices.feed_bytes,
        ),
        api_keys=api_keys,
        tickets=tickets,
        seen=LastSeen(lambda: house.now),
        routes=ROUTES,
        authenticator=Authenticator(
            {
                Look.SERVICE: ServiceTokens(
                    policy=TokenPolicy(SERVICE),
                    resolver=resolver or LocalResolver(SERVICE, store),
                    clock=lambda: house.now,
                    token_hash=secrets.token_hash,
                ),
                Look.DEVICE: DeviceTokens(
                    policy=TokenPolicy(SERVICE),
                    devices=store,
                    clock=lambda: house.now,
                    token_hash=secrets.token_hash,
                ),
                Look.KEY: api_keys,
                Look.ACCESS: AccessTokens(
                    SERVICE, ring, clock=lambda: house.now, token_hash=secrets.token_hash
                ),
            },
            clock=lambda: house.now,
            replay=ReplayGuard(),
            remember=store.remember_token,
            revocations=revocations,
            tickets=tickets,
        ),
        admission=Admission(
            quotas, TrustedProxies.of(settings), observer, lambda: house.now, StrangersBodies(100, each=4)
        ),
        revocations=revocations,
        login=make_login(
            settings,
            store=store,
            service=SERVICE,
            root=secrets.logins,
            ring=ring,
            revocations=revocations,
            clock=lambda: house.now,
            bucket=lambda: int(house.now) // 2 * 2,
            report=lambda what, error: faults.append((what, error)),
        ),
        blocks=blocks or Blocks(SERVICE, NO_PDS, BlockCache(), now=lambda: house.now),
        documents=ServedDocuments(SERVICE, store),
        secrets=secrets,
        health=Health((CallCheck("store", examine),), metrics, timeout=1.0, max_age=0.0),
        observer=observer,
        settings=settings,
        version="test",
        drain=drain,
        now=lambda: house.now,
        dice=lambda: 0.5,
        report=lambda what, error: faults.append((what, error)),
    )
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        nursery = await stack.enter_async_context(trio.open_nursery())
        stack.callback(nursery.cancel_scope.cancel)
        await nursery.start(conversation_actors.run)
        await nursery.start(tail.run)
        if blocks is None:
            await nursery.start(edge.blocks.run)
        await nursery.start(device_actors.run)
        on_drain = lambda: edge.devices.end_all("draining", "the server is stopping")  # noqa: E731
        limits = limits or Limits(linger_timeout=0.2)
        serving = running(public_app(edge), limits, drain=drain, on_drain=on_drain)
        server = await stack.enter_async_context(serving)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, timeout=600))
        house = House(edge, store, server, http, log, faults, verdict, metrics)
        yield house
        assert server.crashes == []


def frames_of(log: str) -> list[dict[str, Any]]:
    """The lines of the log."""
    return [json.loads(line) for line in log.splitlines()]
