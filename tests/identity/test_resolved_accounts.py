"""People of elsewhere at the door: keys from a real directory, rotation, forgery, silence."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import trio

from crypto import Curve
from protocol import AccountDid, Nsid
from router.client.client import new_msg_id, open_client
from router.client.credentials import account_token_source
from router.client.device import Device
from router.config import Identity
from router.identity.did_cache import DidCache
from router.identity.errors import AuthError, DirectoryAwayError, TokenFault
from router.identity.keys import AccountKey
from router.identity.outside import OutsideResolver
from router.identity.resolver import HomeFirst
from router.identity.service_auth import ServiceTokens
from router.identity.sources import Network, sources
from router.identity.tokens import mint_token
from router.testing import DidDirectory, PlcAccount, Status, open_did_directory, web_account
from tests.client.live_router import LiveRouter, live_router, new_group
from tests.identity.kit import LIST, NOW, SERVICE, World
from tests.identity.test_resolving_network import TLS


@attrs.define
class Door:
    """The verifier of service tokens before a real directory; the clock is told the time.

    Without the lock-out that is in front of it in the house, which would end a storm sooner.
    """

    world: World
    directory: DidDirectory
    tokens: ServiceTokens

    async def judge(self, token: str, lxm: Nsid = LIST) -> TokenFault | AccountDid:
        """Who a token is from, or why nobody."""
        try:
            caller = await self.tokens.principal(token, lxm=lxm)
        except AuthError as refused:
            return refused.fault
        return caller.account


@asynccontextmanager
async def open_door() -> AsyncIterator[Door]:
    async with open_did_directory() as directory, trio.open_nursery() as nursery:
        world = World()
        outside = OutsideResolver(
            sources(Identity(plc_url=directory.url), Network(TLS)), DidCache(), clock=lambda: world.now
        )
        await nursery.start(outside.run)
        world.with_resolver(HomeFirst(SERVICE, world.resolver, outside))
        yield Door(world, directory, world.service_tokens)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("curve", Curve)
async def test_an_account_of_elsewhere_is_let_in_by_its_key(curve: Curve) -> None:
    async with open_door() as door:
        alice = PlcAccount.create("alice.example.com", now=NOW, curve=curve)
        door.directory.put(alice)
        for _ in range(3):
            assert await door.judge(door.world.mint(alice.key, LIST)) == alice.did
        assert door.directory.asked == [alice.did]


async def test_key_rotation_under_load_costs_one_look() -> None:
    """Old tokens pass until the first new one comes; then none does, and everybody hears of it at once."""
    async with open_door() as door:
        alice = PlcAccount.create("alice.example.com", now=NOW)
        door.directory.put(alice)
        assert await door.judge(door.world.mint(alice.key, LIST)) == alice.did
        door.world.now += 120
        old = alice.rotate(now=NOW + 120)
        assert await door.judge(door.world.mint(old, LIST)) == alice.did  # nobody has told us yet

        accepted: list[TokenFault | AccountDid] = []
        late: list[TokenFault | AccountDid] = []
        rotated = trio.Event()

        async def new() -> None:
            accepted.extend([await door.judge(door.world.mint(alice.key, LIST)) for _ in range(5)])
            rotated.set()

        async def behind_the_times() -> None:
            await rotated.wait()
            late.extend([await door.judge(door.world.mint(old, LIST)) for _ in range(5)])

        async with trio.open_nursery() as crowd:
            for _ in range(20):
                crowd.start_soon(new)
                crowd.start_soon(behind_the_times)
        assert accepted == [alice.did] * 100
        assert late == [TokenFault.BAD_SIGNATURE] * 100
        assert door.directory.asked == [alice.did] * 2


async def test_forged_tokens_bring_the_directory_one_look_a_minute() -> None:
    async with open_door() as door:
        alice = PlcAccount.create("alice.example.com", now=NOW)
        door.directory.put(alice)
        forger = AccountKey.generate(alice.did)
        for _ in range(20):  # ten minutes, a storm each half
            verdicts: list[TokenFault | AccountDid] = []

            async def forge(verdicts: list[TokenFault | AccountDid] = verdicts) -> None:
                verdicts.append(await door.judge(door.world.mint(forger, LIST)))

            async with trio.open_nursery() as storm:
                for _ in range(20):
                    storm.start_soon(forge)
            assert set(verdicts) == {TokenFault.BAD_SIGNATURE}
            assert await door.judge(door.world.mint(alice.key, LIST)) == alice.did
            door.world.now += 30
        assert len(door.directory.asked) <= 12


async def test_a_silent_directory_keeps_nobody_out_whom_it_named_before() -> None:
    async with open_door() as door:
        alice = PlcAccount.create("alice.example.com", now=NOW)
        bob = PlcAccount.create("bob.example.com", now=NOW)
        door.directory.put(alice, bob)
        assert await door.judge(door.world.mint(alice.key, LIST)) == alice.did
        door.directory.faults["*"] = Status(503)
        door.world.now += 3600
        assert await door.judge(door.world.mint(alice.key, LIST)) == alice.did
        # a bad signature is one, whether or not the directory answers
        assert (
            await door.judge(door.world.mint(AccountKey.generate(alice.did), LIST))
            is TokenFault.BAD_SIGNATURE
        )
        with pytest.raises(DirectoryAwayError):
            await door.judge(door.world.mint(bob.key, LIST))


async def test_an_account_that_ended_is_not_let_in_any_more() -> None:
    async with open_door() as door:
        alice = PlcAccount.create("alice.example.com", now=NOW)
        door.directory.put(alice)
        assert await door.judge(door.world.mint(alice.key, LIST)) == alice.did
        alice.tombstone(now=NOW + 60)
        door.world.now += 600
        assert await door.judge(door.world.mint(alice.key, LIST)) is TokenFault.NOT_RESOLVED


class TestLiveRouter:
    """The whole house, and a directory beside it."""

    @asynccontextmanager
    async def house(self, folder: Path, **settings: str) -> AsyncIterator[tuple[LiveRouter, DidDirectory]]:
        async with open_did_directory() as directory:
            overrides = {"identity__plc_url": directory.url, **settings}
            async with live_router(folder, **overrides) as router:
                with trio.fail_after(60):
                    yield router, directory

    async def answer(
        self, router: LiveRouter, key: AccountKey, **changes: Any
    ) -> tuple[int, str, httpx.Headers]:
        """What a query of this account is answered: status, error, headers."""
        method = Nsid("chat.rookery.getConvos")
        claims = {"iss": key.did, "aud": router.service.audience, "lxm": method, **changes}
        token = mint_token(key, claims["iss"], claims["aud"], claims["lxm"], time.time())
        async with httpx.AsyncClient(base_url=router.url, trust_env=False) as http:
            response = await http.get(f"/xrpc/{method}", headers={"authorization": f"Bearer {token}"})
        return response.status_code, response.json().get("error", ""), response.headers

    @pytest.mark.parametrize("verify", ["false", "true"])
    async def test_somebody_of_elsewhere_talks_with_somebody_of_here(
        self, tmp_path: Path, verify: str
    ) -> None:
        async with self.house(tmp_path, identity__plc_verify_log=verify) as (router, directory):
            alice = PlcAccount.create("alice.example.com", now=time.time())
            directory.put(alice)
            tokens = account_token_source(alice.key, service=router.service.did)
            bob_key = await router.account("bob")
            async with (
                open_client(router.url, alice.did, tokens) as client,
                router.device(bob_key) as (bob, laptop),
            ):
                phone = await Device.register(client, "phone", service=router.service.did)
                group = await new_group(client, bob_key)
                msg_id = new_msg_id()
                sealed = group.seal(msg_id, "alice", "from elsewhere")
                sent = await client.chat.send_message(group.convo, sealed, msg_id=msg_id, device=phone.id)
                assert sent.seq == 2
                page = await bob.chat.get_messages(group.convo, device=laptop.id)
                assert [message.id for message in page.messages] == [msg_id]
            assert directory.asked == [alice.did]

    async def test_a_did_web_of_this_machine_is_let_in_for_a_developer(self, tmp_path: Path) -> None:
        async with self.house(tmp_path, identity__loopback_hosts="localhost") as (router, directory):
            carol = web_account(f"localhost%3A{directory.port}")
            directory.put(carol)
            assert (await self.answer(router, carol.key))[:2] == (200, "")

    async def test_each_refusal_has_its_name(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as (router, directory):
            alice = PlcAccount.create("alice.example.com", now=time.time())
            absent = PlcAccount.create("absent.example.com", now=time.time())
            directory.put(alice)
            forger = AccountKey.generate(alice.did)
            assert (await self.answer(router, alice.key))[0] == 200
            assert (await self.answer(router, forger))[:2] == (401, "BadJwtSignature")
            assert (await self.answer(router, absent.key))[:2] == (401, "DidResolutionFailed")
            for iss in ("did:plc:short", "did:key:zQ3shx", "did:web:localhost%3A1", "did:web:10.0.0.1"):
                assert (await self.answer(router, alice.key, iss=iss))[:2] == (401, "BadJwtIss")
            directory.faults["*"] = Status(500)
            bob = PlcAccount.create("bob.example.com", now=time.time())
            status, error, headers = await self.answer(router, bob.key)
            assert (status, error) == (503, "NotEnoughResources")
            assert int(headers["retry-after"]) > 0
            assert (await self.answer(router, alice.key))[0] == 200

    async def test_a_closed_house_asks_nobody(self, tmp_path: Path) -> None:
        async with self.house(tmp_path, identity__outside_accounts="false") as (router, directory):
            alice = PlcAccount.create("alice.example.com", now=time.time())
            directory.put(alice)
            assert (await self.answer(router, alice.key))[:2] == (401, "UntrustedIss")
            assert directory.asked == []
            dave = await router.account("dave")
            assert (await self.answer(router, dave))[0] == 200
