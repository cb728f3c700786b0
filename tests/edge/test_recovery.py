"""A recovery against who has the old key still: nothing of theirs gets in, whatever moment they choose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nacl.signing import SigningKey

from protocol import AccountDid
from router.config import Settings
from router.config.passkey import LoginPasskey
from router.config.sections import Server
from router.edge.routes import ROUTES
from router.identity.accounts import new_account
from router.store.credentials import AccountUnknown, Recovered
from router.store.memory import MemoryStore
from router.store.values import Account as Row
from router.store.values import StoredResult
from tests.edge.house import ROOKERY, SERVICE, Account, House, error_name, open_house
from tests.edge.principals import ticket
from tests.edge.test_identities import code_of
from tests.edge.test_revocation import SESSION, people
from tests.edge.test_routes import knock

Meanwhile = Callable[[], Awaitable[None]]
NEW_KEY = new_account("ann", SERVICE).verification_key


class Slow(MemoryStore):
    """A store that is slow at chosen moments, in which something may happen."""

    def __init__(self) -> None:
        super().__init__()
        self.before_account: Meanwhile | None = None
        self.before_idempotent: Meanwhile | None = None
        self.after_recovery: Meanwhile | None = None

    async def account(self, did: AccountDid) -> Row | None:
        meanwhile, self.before_account = self.before_account, None
        if meanwhile is not None:
            await meanwhile()
        return await super().account(did)

    async def idempotent(self, scope: bytes, *, now: int) -> StoredResult | None:
        found = await super().idempotent(scope, now=now)
        meanwhile, self.before_idempotent = self.before_idempotent, None
        if meanwhile is not None:
            await meanwhile()
        return found

    async def recover_account(
        self, account: AccountDid, verification_key: str, *, keep_devices: bool, now: int
    ) -> Recovered | AccountUnknown:
        outcome = await super().recover_account(account, verification_key, keep_devices=keep_devices, now=now)
        meanwhile, self.after_recovery = self.after_recovery, None
        if meanwhile is not None:  # committed, and the loop has not heard of it yet
            await meanwhile()
        return outcome


async def recover(house: House, account: Account, *, keep_devices: bool = False) -> None:
    await people(house).recover(account.key.did, NEW_KEY, keep_devices=keep_devices)


def a_device(house: House, account: Account) -> dict[str, Any]:
    key = SigningKey(b"e" * 32)
    return {"deviceName": "d", "idempotencyKey": "e", **house.new_key(account, key)}


SETTINGS = Settings(server=Server(body_timeout=5.0), login_passkey=LoginPasskey(enabled=True))


async def test_what_the_old_key_asks_for_between_the_commit_and_its_news_is_refused() -> None:
    """Readers see the new row before anybody was told: what is bound to «the key that stands» would be."""
    store = Slow()
    async with open_house(store, settings=SETTINGS) as house:
        ann = await house.account("ann")
        phone = await house.device(ann)
        code = await code_of(house, 1)
        answers: dict[str, str] = {}

        async def with_the_old_key() -> None:
            for name, body in {
                "registerDevice": a_device(house, ann),
                "createPasskeyLink": {},
                "linkIdentity": code,
                "getTicket": {"purpose": SESSION, "deviceId": phone},
            }.items():
                answer = await house.send("POST", f"{ROOKERY}.{name}", ann, json=body)
                answers[name] = "done" if answer.is_success else error_name(answer)

        store.after_recovery = with_the_old_key
        await recover(house, ann, keep_devices=True)
        assert set(answers.values()) == {"AccessRevoked"}, answers


@pytest.mark.parametrize("keep_devices", [True, False])
async def test_a_ticket_of_before_opens_nothing(keep_devices: bool) -> None:
    """Half a minute is long enough to open a session on a device that is kept, and to stay in it."""
    async with open_house() as house:
        ann = await house.account("ann")
        await house.device(ann)
        text = await ticket(house, ann, SESSION)
        await recover(house, ann, keep_devices=keep_devices)
        assert await knock(house, ROUTES[SESSION], {}, f"?ticket={text}") == (401, "AccessRevoked")


async def test_a_registration_that_was_let_in_before_is_not_done_after() -> None:
    store = Slow()
    async with open_house(store) as house:
        ann = await house.account("ann")
        store.before_idempotent = lambda: recover(house, ann)
        answer = await house.send("POST", f"{ROOKERY}.registerDevice", ann, json=a_device(house, ann))
        assert error_name(answer) == "AccessRevoked"
        assert await store.devices_of(ann.key.did) == []


async def test_a_link_to_the_passkeys_is_not_given_for_the_key_that_came_meanwhile() -> None:
    store = Slow()
    async with open_house(store, settings=SETTINGS) as house:
        ann = await house.account("ann")
        await house.device(ann)  # its key has been looked up, and is in memory
        store.before_account = lambda: recover(house, ann)
        answer = await house.send("POST", f"{ROOKERY}.createPasskeyLink", ann, json={})
        assert error_name(answer) == "AccessRevoked"
