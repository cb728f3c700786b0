"""The people of a system test: accounts with real keys, their devices, and what they say."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import trio

from protocol import AccountDid, ConversationId, Nsid
from router.client.client import RookeryClient, open_client
from router.client.credentials import account_token_source
from router.client.device import Device
from router.client.directory import AccountCreate, AccountRow
from router.client.retry import Backoff, RetryPolicy
from router.identity.accounts import new_account
from router.identity.keys import AccountKey
from router.identity.service import ServiceIdentity
from tests.system.process import RouterProcess

BACKOFF = Backoff(initial=0.02, maximum=0.1)
PATIENT = RetryPolicy(backoff=BACKOFF, max_attempts=10_000, max_elapsed=120.0)
"""Repeats until a killed server is back."""
ONCE = RetryPolicy(max_attempts=1)
"""Shows each answer as it is."""
CHAT = "chat.rookery"


@attrs.frozen
class Person:
    """An account and a client of it."""

    key: AccountKey
    client: RookeryClient

    @property
    def did(self) -> AccountDid:
        """Its DID."""
        return self.key.did

    @property
    def name(self) -> str:
        """The first label of its DID."""
        return self.did.removeprefix("did:web:").partition(".")[0]

    async def device(self, name: str) -> Device:
        """Register a device."""
        return await Device.register(self.client, name)

    def bearer(self, method: str) -> str:
        """An `Authorization` value for one call of `chat.rookery.<method>`."""
        return self.client.xrpc.bearer(Nsid(f"{CHAT}.{method}"))


async def new_key(router: RouterProcess, name: str) -> AccountKey:
    """Make an account on a running router; its key."""
    status = await router.status()
    account = new_account(name, ServiceIdentity(status.did, status.public_url))
    asked = AccountCreate(name, account.verification_key)
    await router.control.ask("account.create", asked, answer=AccountRow)
    return account.key


@asynccontextmanager
async def open_person(
    router: RouterProcess, key: AccountKey, *, policy: RetryPolicy = ONCE
) -> AsyncIterator[Person]:
    """An account's person with a client, for the block."""
    async with open_client(router.url, key.did, account_token_source(key), policy=policy) as client:
        yield Person(key, client)


@asynccontextmanager
async def open_people(
    router: RouterProcess, *names: str, policy: RetryPolicy = PATIENT
) -> AsyncIterator[list[Person]]:
    """New accounts of a running router, each with its client, for the block."""
    async with AsyncExitStack() as stack:
        people = []
        for name in names:
            key = await new_key(router, name)
            people.append(await stack.enter_async_context(open_person(router, key, policy=policy)))
        yield people


def sealed(label: str, size: int = 512) -> bytes:
    """Bytes that look random, are the same for the same label, and have a size class."""
    return hashlib.shake_256(label.encode()).digest(size)


async def new_convo(creator: Person, *members: Person) -> ConversationId:
    """A conversation of `creator` with all devices that these people have by now."""
    view = await creator.client.chat.create_convo([member.did for member in members])
    return ConversationId(view.id)


async def eventually(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Return once `condition()` is true; fails with `what` after `seconds`."""
    with trio.move_on_after(seconds):
        while not condition():  # noqa: ASYNC110 -- what happens in another process sets no event
            await trio.sleep(0.02)
        return
    raise AssertionError(f"not within {seconds:g} s: {what}")


def named_error(status: int, body: bytes | str) -> str:
    """The name in an XRPC error; fails when the body is anything else."""
    value = json.loads(body)
    assert set(value) == {"error", "message"}, (status, value)
    assert value["message"], value
    name = value["error"]
    assert isinstance(name, str)
    return name
