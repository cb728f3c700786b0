"""A house that is a process of its own: what the people of `people.py` do, they do to a real server.

It has accounts and HTTP, and nothing to look inside: no store, no edge, no clock to turn.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio
from nacl.signing import SigningKey

from protocol import Nsid
from router.edge.server import TcpAddress
from router.identity.service import ServiceIdentity
from router.identity.tokens import mint_token
from tests.edge.harness import Running
from tests.edge.house import Account, House
from tests.proofs import new_key
from tests.system.people import new_key as new_account_key
from tests.system.process import RouterProcess


class RemoteHouse(House):
    """The calls of a `House`, to a router process."""

    def __init__(self, router: RouterProcess, service: ServiceIdentity, http: httpx.AsyncClient) -> None:
        self.router = router
        self.service = service
        self.http = http
        self.accounts = {}
        self.server = Running([TcpAddress("127.0.0.1", router.port)], trio.Event(), [], [], trio.Event())
        self.now = time.time()

    async def account(self, name: str) -> Account:
        """An account of the process, made at the first call."""
        if name not in self.accounts:
            self.accounts[name] = Account(name, await new_account_key(self.router, name))
        return self.accounts[name]

    def token(self, account: Account, nsid: str) -> str:
        """A token of this moment."""
        return mint_token(account.key, account.key.did, self.service.audience, Nsid(nsid), time.time())

    def new_key(self, account: Account, key: SigningKey, device: str | None = None) -> dict[str, Any]:
        """The fields of a request that brings a device's key, with a proof of this moment."""
        return new_key(key, self.service.did, account.did, time.time(), device)


@asynccontextmanager
async def remote_house(
    router: RouterProcess, made: type[RemoteHouse] = RemoteHouse
) -> AsyncIterator[RemoteHouse]:
    """The house of a router that runs, with connections of its own. `made` is how its people behave."""
    status = await router.status()
    service = ServiceIdentity(status.did, status.public_url)
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=router.url, timeout=60, limits=limits, trust_env=False) as http:
        yield made(router, service, http)
