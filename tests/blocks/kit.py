"""Blocks against the outside of the tests: did:web accounts, their PDS, TLS and the address guard between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from protocol import AccountDid
from router.blocks.cache import BlockCache, BlockTimes
from router.blocks.hosts import Hosts
from router.blocks.pds import PdsRecords
from router.blocks.relation import Findings
from router.blocks.service import Blocks
from router.config import Identity
from router.identity.sources import web_fetcher
from router.testing import Pds, WebAccount, open_pds, web_account
from tests.identity.kit import SERVICE
from tests.identity.outside import Outside, open_outside, server_tls

NOW = 1_780_000_000
PDS_HOST = "pds.example.net"
PDS = f"https://{PDS_HOST}"
PDS_ADDRESS = "93.184.216.35"
HOME = AccountDid("did:web:bob.chat.example.com")
"""An account of the router itself."""


@attrs.define
class World:
    """Accounts and their PDS; `now` is the clock of what is remembered, and stands still."""

    outside: Outside
    pds: Pds
    source: PdsRecords
    blocks: Blocks
    clock: list[float] = attrs.field(factory=lambda: [0.0])

    def person(self, name: str, *, pds: str | None = PDS) -> AccountDid:
        """An account `<name>.example.net` with an empty repository at the PDS."""
        account = web_account(f"{name}.example.net", pds=pds)
        self.outside.put_web(account)
        self.pds.host(account.did)
        return account.did

    def people(self, *names: str) -> tuple[AccountDid, ...]:
        return tuple(self.person(name) for name in names)

    def put(self, account: WebAccount) -> None:
        self.outside.put_web(account)

    def later(self, seconds: float) -> None:
        self.clock[0] += seconds

    async def among(self, *accounts: AccountDid) -> Findings:
        return await self.blocks.between((), accounts)

    @property
    def results(self) -> dict[str, int]:
        """How listings ended."""
        return {result: count for (what, result), count in self.blocks.results().items() if what == "list"}


@asynccontextmanager
async def open_world(
    *,
    request_seconds: float = 60.0,
    look_seconds: float = 120.0,
    max_records: int = 5_000,
    max_bytes: int = 4 * 1024 * 1024,
    max_looks: int = 4_096,
    max_at_once: int = 32,
    per_minute: float = 600,
    times: BlockTimes | None = None,
) -> AsyncIterator[World]:
    """A world for the block. Times are real ones: long, unless a test is about silence."""
    clock = [0.0]
    async with (
        open_outside(None, "*.example.net") as outside,
        open_pds(server_tls(outside.authority, PDS_HOST)) as pds,
        trio.open_nursery() as nursery,
    ):
        outside.internet.names[PDS_HOST] = [[PDS_ADDRESS]]
        outside.internet.routes[PDS_ADDRESS, 443] = pds.port
        source = PdsRecords(
            outside.resolver,
            web_fetcher(Identity(), outside.internet.network()),
            Hosts(at_once=8, per_minute=per_minute, clock=lambda: clock[0]),
            max_at_once=max_at_once,
            request_seconds=request_seconds,
            max_records=max_records,
            max_bytes=max_bytes,
        )
        blocks = Blocks(
            SERVICE,
            source,
            BlockCache(times=times),
            now=lambda: NOW + clock[0],
            clock=lambda: clock[0],
            look_seconds=look_seconds,
            max_looks=max_looks,
        )
        await nursery.start(blocks.run)
        yield World(outside, pds, source, blocks, clock)
        nursery.cancel_scope.cancel()
