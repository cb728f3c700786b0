"""A storm of forged tokens makes the router ask the directory no more often than its brakes allow.

Anybody can send a token in the name of any DID, and a signature that fails is a reason to look the key up
again. Without brakes the router would knock on the directory's door once for each, on a stranger's behalf.
"""

from functools import partial

import pytest
import trio

from crypto import Curve, generate_private_key
from router.identity.did_cache import CacheTimes
from router.identity.keys import AccountKey
from router.testing import PlcAccount
from tests.attacks.stage import Stage, open_stage

pytestmark = pytest.mark.system

DEADLINE = 60.0
A_MINUTE = 6
SETTINGS = {
    "ROOKERY_SERVER__TRUSTED_PROXIES": "127.0.0.1",  # each forgery comes from a place of its own: no lock-out
    "ROOKERY_IDENTITY__REFRESHES_PER_MINUTE": str(A_MINUTE),
}


class Storm:
    """Forges tokens of accounts whose documents the router holds, from everywhere."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.forger = generate_private_key(Curve.K256)
        self.sent = 0

    async def hold(self, accounts: list[PlcAccount]) -> None:
        for account in accounts:
            assert await self.stage.judge(self.stage.mint(account.key)) == ""

    async def forge(self, account: PlcAccount) -> None:
        self.sent += 1
        place = f"10.{self.sent >> 16 & 255}.{self.sent >> 8 & 255}.{self.sent & 255}"
        token = self.stage.mint(AccountKey(account.did, self.forger))
        assert await self.stage.judge(token, place=place) == "BadJwtSignature"

    async def at_once(self, accounts: list[PlcAccount]) -> None:
        async with trio.open_nursery() as crowd:
            for account in accounts:
                crowd.start_soon(self.forge, account)

    async def until_looked_up_again(self, account: PlcAccount) -> None:
        """What was fetched just now is not fetched again for anybody: forge until it may be."""
        before = self.stage.directory.asked.count(account.did)
        while self.stage.directory.asked.count(account.did) == before:
            await self.forge(account)


async def test_a_storm_in_one_name_brings_one_look() -> None:
    async with open_stage(SETTINGS) as stage:
        storm, alice = Storm(stage), stage.account()
        await storm.hold([alice])
        with trio.fail_after(DEADLINE):
            await storm.until_looked_up_again(alice)
            until = trio.current_time() + CacheTimes().settle + 1  # what was fetched just now holds so long
            while trio.current_time() < until:
                await storm.at_once([alice] * 20)
        assert stage.directory.asked == [alice.did] * 2
        assert await stage.judge(stage.mint(alice.key)) == "", "its owner notices nothing"


async def test_a_storm_in_many_names_brings_as_many_looks_as_are_allowed_in_all() -> None:
    async with open_stage(SETTINGS) as stage:
        storm = Storm(stage)
        accounts = [stage.account(f"account{number}") for number in range(60)]
        await storm.hold(accounts)
        began = trio.current_time()
        with trio.fail_after(DEADLINE):
            await storm.until_looked_up_again(accounts[-1])  # by then all others may be, too
            for _ in range(3):
                await storm.at_once(accounts)
        minutes = (trio.current_time() - began) / 60
        forced = len(stage.directory.asked) - len(accounts)
        assert A_MINUTE <= forced <= A_MINUTE + A_MINUTE * minutes
        for account in accounts:
            assert await stage.judge(stage.mint(account.key)) == ""


async def test_names_that_nobody_has_are_asked_for_once_each() -> None:
    """That a DID does not exist is remembered too."""
    async with open_stage(SETTINGS) as stage:
        nobody = [PlcAccount.create(f"nobody{number}.example.com", now=stage.now) for number in range(20)]
        async with trio.open_nursery() as crowd:
            for account in nobody * 5:
                crowd.start_soon(partial(stage.judge, stage.mint(account.key)))
        assert sorted(stage.directory.asked) == sorted(account.did for account in nobody)
