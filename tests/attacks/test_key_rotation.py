"""Keys that change while everybody calls.

What must hold at every moment: once a token of the new key got in, none of the old key that is begun after it
does; the new key gets in soon, and from then on always; and however many tokens fail meanwhile, the directory
is asked once. Honest callers come back when they are told to, after as long as one mistake earns.
"""

from functools import partial

import pytest
import trio

from router.identity.keys import AccountKey
from router.testing import PlcAccount, SlowBody
from tests.attacks.stage import QUERY, Stage, open_stage

pytestmark = pytest.mark.system

DEADLINE = 30.0
ACCOUNTS = 3
CALLERS = 20
"""With each key of each account, all the time."""
AFTER = 5
"""Calls of each that must be judged rightly after the change."""


class Load:
    """Calls with the new key of one account from its home, and with the old one from elsewhere."""

    def __init__(self, stage: Stage, account: PlcAccount) -> None:
        self.stage = stage
        self.account = account
        self.old = account.rotate(now=stage.now)
        self.new_in = False
        self.waits: list[int] = []

    async def call_with_new(self) -> None:
        right = 0
        while right < AFTER:
            seen = self.new_in
            heard, wait = await self._judge(self.account.key, "198.51.100.1")
            if heard == "":
                right += 1
                self.new_in = True
            else:
                assert not seen, f"the new key was let in and then not: {heard}"
                self.waits.append(wait)
                await trio.sleep(wait)

    async def call_with_old(self) -> None:
        late = 0
        while late < AFTER:
            seen = self.new_in
            heard, _ = await self._judge(self.old, f"203.0.113.{late}")
            assert heard in ("", "BadJwtSignature", "RateLimitExceeded")
            if seen:
                assert heard != "", "a key that was replaced is believed again"
                late += 1

    async def _judge(self, key: AccountKey, place: str) -> tuple[str, int]:
        """The verdict, and the wait that the client is told."""
        headers = {"authorization": f"Bearer {self.stage.mint(key)}", "x-forwarded-for": place}
        answer = await self.stage.http.get(f"/xrpc/{QUERY}", headers=headers)
        heard = "" if answer.is_success else str(answer.json()["error"])
        return heard, int(answer.headers.get("retry-after", "0"))


async def test_keys_of_accounts_change_in_the_directory_while_everybody_calls() -> None:
    async with open_stage({"ROOKERY_SERVER__TRUSTED_PROXIES": "127.0.0.1"}) as stage:
        accounts = [stage.account(f"account{number}") for number in range(ACCOUNTS)]
        for account in accounts:
            assert await stage.judge(stage.mint(account.key)) == ""
        loads = [Load(stage, account) for account in accounts]
        with trio.fail_after(DEADLINE):
            async with trio.open_nursery() as crowd:
                for load in loads:
                    for _ in range(CALLERS):
                        crowd.start_soon(load.call_with_new)
                        crowd.start_soon(load.call_with_old)
        for load in loads:
            assert stage.directory.asked.count(load.account.did) == 2
            # two seconds for the first lock, four if its end still met the old document
            assert max(load.waits, default=0) <= 4


async def test_a_crowd_that_is_ahead_of_the_directory_waits_as_for_one_mistake() -> None:
    """The new key signs before the directory tells of it: fifty tokens wait for one look and all fail. Each
    counted for itself would lock their owner out of his home for a quarter of an hour."""
    async with open_stage({"ROOKERY_SERVER__TRUSTED_PROXIES": "127.0.0.1"}) as stage:
        alice = stage.account()
        assert await stage.judge(stage.mint(alice.key)) == ""
        ahead = AccountKey.generate(alice.did)
        stage.directory.faults[alice.did] = SlowBody(0.0002)
        homes = (f"198.51.100.{number}" for number in range(256))
        with trio.fail_after(DEADLINE):
            while len(stage.directory.asked) == 1:  # what was looked up just now is not looked up again
                home = next(homes)
                async with trio.open_nursery() as crowd:
                    for _ in range(50):
                        crowd.start_soon(partial(stage.judge, stage.mint(ahead), place=home))
        headers = {"authorization": f"Bearer {stage.mint(alice.key)}", "x-forwarded-for": home}
        answer = await stage.http.get(f"/xrpc/{QUERY}", headers=headers)
        assert answer.json()["error"] == "RateLimitExceeded"
        assert int(answer.headers["retry-after"]) <= 2
