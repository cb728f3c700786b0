"""API keys: made, verified, scoped, remembered for seconds; and what a made-up key costs."""

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from protocol import AccountDid, DeviceId, Nsid
from router.identity.api_keys import CACHE_SECONDS, ApiKeys, NewApiKey
from router.identity.authenticator import Authenticator, Look
from router.identity.errors import AuthError, AuthOverloadedError, TokenFault
from router.identity.secrets import ServerSecrets
from tests.identity.kit import LIST, NOW, SEND, World

ANN = AccountDid("did:web:ann.chat.example.com")
PHONE = DeviceId("00000000-0000-4000-8000-000000000001")
SECRETS = ServerSecrets(b"s" * 32)


@attrs.define
class Record:
    hash: str
    account: AccountDid = ANN
    device: DeviceId = PHONE
    methods: tuple[str, ...] = (SEND,)


class Records:
    """The store as API keys see it."""

    def __init__(self) -> None:
        self.rows: dict[str, Record] = {}
        self.reads = 0

    async def api_key(self, key: str, /) -> Record | None:
        self.reads += 1
        await trio.lowlevel.checkpoint()
        return self.rows.get(key)

    def keep(self, made: NewApiKey) -> None:
        self.rows[made.id] = Record(made.hash)


class House:
    """Keys, their rows and a door."""

    def __init__(self, threads: int = 2, waiting: int = 64) -> None:
        self.world = World()
        self.records = Records()
        self.keys = ApiKeys(
            self.records, SECRETS, clock=lambda: self.world.now, threads=threads, waiting=waiting
        )
        self.door = Authenticator(
            {Look.SERVICE: self.world.service_tokens, Look.KEY: self.keys},
            clock=lambda: self.world.now,
            replay=self.world.replay,
            remember=lambda *_: None,
            revocations=self.world.revocations,
        )

    async def made(self, scope: bytes = b"scope") -> NewApiKey:
        made = await self.keys.make(scope)
        self.records.keep(made)
        return made

    async def fault(self, text: str, lxm: Nsid = SEND) -> TokenFault:
        with pytest.raises(AuthError) as caught:
            await self.door.authenticate(f"Bearer {text}", lxm=lxm, single_use=True)
        return caught.value.fault


async def test_an_example_of_a_simple_device_that_speaks_many_times_with_one_key() -> None:
    house = House()
    made = await house.made()
    assert made.text.startswith(f"rk_{made.id}_")
    assert made.text not in repr(made)
    assert made.hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    for _ in range(3):
        caller = await house.door.authenticate(f"Bearer {made.text}", lxm=SEND, single_use=True)
        assert (caller.account, caller.device, caller.kind) == (ANN, PHONE, "key")
        assert (caller.methods, caller.grant) == (frozenset({SEND}), f"api-key {made.id}")
    assert await house.fault(made.text, LIST) is TokenFault.BAD_METHOD


async def test_argon2_is_asked_once_in_ten_seconds_and_a_replaced_hash_is_asked_at_once() -> None:
    house = House()
    made = await house.made()
    for _ in range(5):
        await house.keys.principal(made.text, lxm=SEND)
    assert house.keys.hashed == 1
    house.world.now += CACHE_SECONDS
    await house.keys.principal(made.text, lxm=SEND)
    assert house.keys.hashed == 2

    again = await house.made()
    assert (again.id, again.text != made.text) == (made.id, True)
    assert await house.fault(made.text) is TokenFault.BAD_KEY
    await house.keys.principal(again.text, lxm=SEND)
    del house.records.rows[made.id]
    assert await house.fault(again.text) is TokenFault.BAD_KEY


async def test_many_requests_at_once_with_one_key_cost_one_argon2() -> None:
    house = House(threads=1)
    made = await house.made()
    async with trio.open_nursery() as nursery:
        for _ in range(10):

            async def ask() -> None:
                await house.keys.principal(made.text, lxm=SEND)

            nursery.start_soon(ask)
    assert house.keys.hashed == 1


async def test_too_many_that_wait_for_a_thread_are_told_to_come_back() -> None:
    house = House(threads=1, waiting=3)
    made = [await house.made(bytes([number])) for number in range(6)]
    refused = []
    async with trio.open_nursery() as nursery:

        async def ask(key: NewApiKey) -> None:
            try:
                await house.keys.principal(key.text, lxm=SEND)
            except AuthOverloadedError as error:
                refused.append(error.retry_after)

        for key in made:
            nursery.start_soon(ask, key)
    assert refused == [1.0] * 3
    assert house.keys.statistics()["waiting"] == 0


async def test_a_cancelled_request_gives_its_place_back() -> None:
    house = House(threads=1)
    made = await house.made()
    with trio.CancelScope() as scope:
        scope.cancel()
        await house.keys.principal(made.text, lxm=SEND)
    assert house.keys.statistics()["waiting"] == 0
    await house.keys.principal(made.text, lxm=SEND)


async def test_a_made_up_key_costs_no_look_and_no_hash() -> None:
    house = House()
    made = await house.made()
    foreign = await ApiKeys(house.records, ServerSecrets(b"t" * 32), clock=lambda: NOW).make(b"scope")
    for wrong in (
        "rk_", "rk__", "rk_a_b", f"rk_{'a' * 16}_{'a' * 64}", foreign.text, made.text.upper(),
        made.text + "a", made.text[:-1], made.text.replace("_", "-"), "rk_" + "é" * 16 + "_" + "a" * 64,
    ):  # fmt: skip
        with pytest.raises(AuthError):
            await house.keys.principal(wrong, lxm=SEND)
    assert (house.records.reads, house.keys.hashed) == (0, 0)


async def test_a_key_of_the_right_tag_whose_hash_is_another_s_is_refused() -> None:
    """The hash decides, not the tag: rows that were exchanged in the database open nothing."""
    house = House()
    first, second = await house.made(b"1"), await house.made(b"2")
    house.records.rows[first.id] = house.records.rows[second.id]
    assert await house.fault(first.text) is TokenFault.BAD_KEY
    house.records.rows[first.id] = Record("$argon2id$broken")
    assert await house.fault(first.text) is TokenFault.BAD_KEY


LETTERS = "abcdefghijklmnopqrstuvwxyz234567_=A0 é"


@given(st.integers(3, 83), st.sampled_from(LETTERS))
def test_a_key_of_which_any_character_was_changed_is_refused(place: int, character: str) -> None:
    """The text alone is judged: no store, no Argon2."""
    keys = House().keys
    text = keys._spell(b"n" * 10, b"s" * 32)
    assert len(text) == 84
    assert keys._read(text)[1] == b"s" * 32
    if text[place] != character:
        with pytest.raises(AuthError):
            keys._read(text[:place] + character + text[place + 1 :])
