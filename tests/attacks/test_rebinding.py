"""DNS rebinding: a name that a stranger chose leads to this machine, after the check or from the beginning.

A real edge on real sockets before the real resolver; what is made up is the name service alone, which gives
one answer after the other, and the routes of an internet in which nobody can reach the real one by mistake.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import httpx
import pytest

from protocol import Nsid
from router.edge.public import public_app
from router.identity.authenticator import Authenticator, Look
from router.identity.keys import AccountKey
from router.identity.replay import ReplayGuard
from router.identity.resolver import HomeFirst, LocalResolver
from router.identity.service_auth import ServiceTokens, TokenPolicy
from router.identity.tokens import mint_token
from router.testing import DidDirectory, open_did_directory, web_account
from tests.edge.harness import running
from tests.edge.house import ROOKERY, SERVICE, House, open_house
from tests.identity.outside import WEB_ADDRESS, Outside, open_outside

QUERY = Nsid(f"{ROOKERY}.getConvos")
EVIL = "evil.example.net"
ROUNDS = 3
INSIDE = (
    "127.0.0.1", "::1", "0.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254",
    "100.64.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "fd00::1", "fe80::1", "2002:7f00:1::", "::127.0.0.1",
)  # fmt: skip


@attrs.frozen
class Street:
    """An edge, the outside, and something inside that nobody from outside should reach."""

    house: House
    outside: Outside
    inside: DidDirectory
    http: httpx.AsyncClient

    async def knock(self, key: AccountKey) -> tuple[int, str]:
        """Somebody of elsewhere calls."""
        token = mint_token(key, key.did, SERVICE.audience, QUERY, self.house.now)
        headers = {"authorization": f"Bearer {token}"}
        answer = await self.http.get(f"/xrpc/{QUERY}", headers=headers)
        return answer.status_code, answer.json().get("error", "")


@asynccontextmanager
async def open_street() -> AsyncIterator[Street]:
    async with open_house() as house, open_outside() as outside, open_did_directory() as inside:
        tokens = ServiceTokens(
            policy=TokenPolicy(SERVICE),
            resolver=HomeFirst(SERVICE, LocalResolver(SERVICE, house.store), outside.resolver),
            clock=lambda: house.now,
            token_hash=house.edge.secrets.token_hash,
        )
        authenticator = Authenticator(
            {Look.SERVICE: tokens},
            clock=lambda: house.now,
            replay=ReplayGuard(),
            remember=house.store.remember_token,
            revocations=house.edge.revocations,
        )
        app = public_app(attrs.evolve(house.edge, authenticator=authenticator))
        async with running(app) as server, httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
            for address in INSIDE:
                for port in (80, 443):
                    outside.internet.routes[address, port] = inside.port
            yield Street(house, outside, inside, http)


async def test_a_name_that_changes_between_the_check_and_the_use_is_used_as_it_was_checked() -> None:
    """Public for the check, this machine for whoever asks again: nobody asks again."""
    async with open_street() as street:
        mallory = web_account(EVIL)
        street.outside.put_web(mallory)
        street.inside.put(mallory)
        street.outside.internet.names[EVIL] = [[WEB_ADDRESS], ["127.0.0.1"]]
        assert await street.knock(mallory.key) == (200, "")
        assert street.outside.internet.looked_up == [EVIL]
        assert street.outside.internet.connected == [(WEB_ADDRESS, 443)]
        assert street.inside.asked == []


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_leads_inside_is_not_followed(address: str) -> None:
    """Not at the first look, and not at a later one, when what it was before is forgotten."""
    async with open_street() as street:
        mallory = web_account(EVIL)
        street.inside.put(mallory)
        street.outside.internet.names[EVIL] = [[address]]
        for _ in range(ROUNDS):
            assert await street.knock(mallory.key) == (401, "DidResolutionFailed")
        assert street.outside.internet.connected == []
        assert street.inside.asked == []


async def test_among_public_addresses_one_that_is_not_is_not_tried() -> None:
    """Also when the public ones do not answer, which is when a client goes on to the next."""
    async with open_street() as street:
        mallory = web_account(EVIL)
        street.inside.put(mallory)
        street.outside.internet.names[EVIL] = [["93.184.216.99", "127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1"]]
        assert (await street.knock(mallory.key))[0] == 401
        assert street.outside.internet.connected == [("93.184.216.99", 443)]
        assert street.inside.asked == []
