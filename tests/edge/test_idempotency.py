"""The same request twice: the five faults of the seed (`mls-ds.md` 5.23), each as a test, and the rule.

There the key was global across users, errors were stored, the look-up came before authentication, the body
was not bound to the key, and two at once both ran. A key here is (caller, method, key) under a keyed hash.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from router.edge.routes import ROUTES, Idempotency, Route
from router.store.memory import MemoryStore
from router.store.values import AppendOutcome, AppendRequest
from tests.edge.house import MLS, ROOKERY, Account, House, error_name, open_house, padded, sealed
from tests.edge.test_calls import private_message
from tests.edge.test_routes import example

CREATE, ADD = f"{ROOKERY}.createConvo", f"{ROOKERY}.addMembers"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


async def test_a_key_belongs_to_its_caller_and_its_method(house: House) -> None:
    """Fault one: the key was the whole primary key, so one user got another's answer."""
    accounts = [await house.account(name) for name in ("alice", "bob")]
    made = []
    for account in accounts:
        await house.device(account)
        made.append((await house.post(account, CREATE, {"idempotencyKey": "same"}))["id"])
    assert made[0] != made[1]
    await house.device(await house.account("carol"))
    add = {"convoId": made[0], "didList": [house.accounts["carol"].did], "idempotencyKey": "same"}
    assert (await house.post(accounts[0], ADD, add))["seq"] == 2, "the key of another method is another key"


async def test_a_refusal_is_not_kept(house: House) -> None:
    """Fault two: errors were cached, so what could be mended stayed refused."""
    convo = await house.group("alice")
    alice, bob = house.accounts["alice"], await house.account("bob")
    add = {"convoId": convo, "didList": [bob.did], "idempotencyKey": "1"}
    assert error_name(await house.send("POST", ADD, alice, json=add)) == "MemberNotFound"
    await house.device(bob)
    assert (await house.post(alice, ADD, add))["seq"] == 2
    assert (await house.post(alice, ADD, add))["seq"] == 2, "and now it is the first answer"


async def test_nothing_is_looked_up_for_a_caller_who_has_proven_nothing(house: House) -> None:
    """Fault three: the caller was read from the unverified token, and a forger got stored answers."""
    await house.group("alice", key="secret")
    alice, mallory = house.accounts["alice"], await house.account("mallory")
    header, claims, _ = house.token(alice, CREATE).split(".")
    signature = house.token(mallory, CREATE).split(".")[2]
    forged = {"authorization": f"Bearer {header}.{claims}.{signature}"}
    answer = await house.send("POST", CREATE, headers=forged, json={"idempotencyKey": "secret"})
    assert error_name(answer) == "BadJwtSignature"


async def test_another_body_under_the_same_key_is_refused_and_not_answered(house: House) -> None:
    """Fault four: a key with another body got the first body's answer."""
    alice = await house.account("alice")
    await house.device(alice)
    first = await house.post(alice, CREATE, {"idempotencyKey": "k", "metadata": {"name": "tea"}})
    other = {"idempotencyKey": "k", "metadata": {"name": "coffee"}}
    assert error_name(await house.send("POST", CREATE, alice, json=other)) == "IdempotencyConflict"
    spelled_otherwise = b'{ "metadata": {"name": "\\u0074ea"},\n "idempotencyKey": "k" }'
    headers = {"content-type": "application/json"}
    again = await house.send("POST", CREATE, alice, content=spelled_otherwise, headers=headers)
    assert again.json()["id"] == first["id"], "the same request, spelled otherwise"


class SlowStore(MemoryStore):
    """Appends wait until they are told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go = trio.Event()
        self.go.set()
        self.waiting = 0
        self.appended: list[int] = []

    async def append(self, request: AppendRequest) -> AppendOutcome:
        self.waiting += 1
        await self.go.wait()
        self.appended.append(len(request.entries))
        return await super().append(request)


async def test_of_two_at_once_one_runs_and_the_other_waits_for_its_answer() -> None:
    """Fault five: check-then-act, so both ran."""
    store = SlowStore()
    async with open_house(store) as house:
        convo = await house.group("alice")
        alice, bob = house.accounts["alice"], await house.account("bob")
        await house.device(bob)
        add = {"convoId": convo, "didList": [bob.did], "idempotencyKey": "1"}
        store.go, before = trio.Event(), len(store.appended)
        answers: list[httpx.Response] = []

        async def post() -> None:
            answers.append(await house.send("POST", ADD, alice, json=add))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(post)
            while store.waiting == before:
                await trio.testing.wait_all_tasks_blocked(0.01)
            assert answers == []
            store.go.set()
        assert [answer.status_code for answer in answers] == [200] * 5
        assert {answer.json()["seq"] for answer in answers} == {2}
        assert sum(store.appended[before:]) == 1, "one entry"


# -- the rule ------------------------------------------------------------------------------------------


def writes(rule: Idempotency) -> list[Route]:
    return [route for route in ROUTES.values() if route.idempotency is rule]


def test_every_write_that_is_not_idempotent_by_itself_needs_a_key() -> None:
    needing = {route.nsid for route in writes(Idempotency.KEY_REQUIRED)}
    for name in ("createConvo", "addMembers", "removeMember"):
        assert {f"{MLS}.{name}", f"{ROOKERY}.{name}"} <= needing
    assert all(route.method.kind != "procedure" for route in writes(Idempotency.READ))


@pytest.mark.parametrize("route", writes(Idempotency.KEY_REQUIRED), ids=lambda route: str(route.nsid))
@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_it_is_refused_with_a_sentence_that_names_it(
    house: House, route: Route, key: str | None
) -> None:
    alice = await house.account("alice")
    body = {**example(route), "idempotencyKey": key}
    if key is None:
        del body["idempotencyKey"]
    answer = await house.send("POST", route.nsid, alice, json=body)
    assert error_name(answer) == "InvalidRequest"
    assert "idempotencyKey" in answer.text


@pytest.mark.parametrize("family", [MLS, ROOKERY])
async def test_a_second_key_beside_a_msg_id_is_taken_and_adds_nothing(house: House, family: str) -> None:
    """No record may tie an account to a message, so a send has its msgId and no result of its own."""
    convo, alice = await _convo(house, family)
    nsid = f"{family}.sendMessage"
    one, two = (padded(b"x"), padded(b"y"))
    if family == MLS:
        message = private_message(b"\x00\xff", 0)
        one, two = sealed(message), sealed(message.replace(b"cc", b"dd"))
    body = {**example(ROUTES[nsid]), "convoId": convo, "msgId": "m", "ciphertext": one}
    if family == MLS:
        body["declaredSize"] = 512
    before = dict(house.memory._results)
    first = await house.post(alice, nsid, {**body, "idempotencyKey": "one"})
    assert await house.post(alice, nsid, {**body, "idempotencyKey": "two"}) == first
    assert await house.post(alice, nsid, body) == first
    other = {**body, "ciphertext": two, "idempotencyKey": "one"}
    assert error_name(await house.send("POST", nsid, alice, json=other)) == "IdempotencyConflict"
    second = {**body, "msgId": "m2", "idempotencyKey": "one"}
    assert (await house.post(alice, nsid, second))["seq"] == first["seq"] + 1, "the key is not looked at"
    assert house.memory._results == before


async def _convo(house: House, family: str) -> tuple[str, Account]:
    if family == ROOKERY:
        return await house.group("alice"), house.accounts["alice"]
    alice = await house.account("alice")
    await house.device(alice)
    nsid = f"{MLS}.createConvo"
    made = await house.post(alice, nsid, example(ROUTES[nsid]))
    return str(made["id"]), alice


@pytest.mark.parametrize("family", [MLS, ROOKERY])
async def test_who_has_left_gets_the_first_answer_to_a_repeat(house: House, family: str) -> None:
    if family == MLS:
        convo, alice = await _convo(house, family)
        await house.device(await house.account("bob"))
        add = {"convoId": convo, "didList": [house.accounts["bob"].did], "idempotencyKey": "1"}
        await house.post(alice, f"{MLS}.addMembers", add)
    else:
        convo = await house.group("alice", "bob")
    leave = {"convoId": convo, "idempotencyKey": "2"}
    left = await house.post(house.accounts["bob"], f"{family}.leaveConvo", leave)
    assert await house.post(house.accounts["bob"], f"{family}.leaveConvo", leave) == left


async def test_what_is_kept_of_a_key_names_nobody(house: House) -> None:
    convo = await house.group("alice", key="my key")
    await house.device(await house.account("bob"))
    add = {"convoId": convo, "didList": [house.accounts["bob"].did], "idempotencyKey": "my key"}
    await house.post(house.accounts["alice"], ADD, add)
    results = house.memory._results
    assert len(results) == 4  # two keys, and two devices whose proof of their key is used up
    for scope, result in results.items():
        assert len(scope) == 32
        assert b"my key" not in scope + result.fingerprint + result.body
        assert b"alice" not in scope + result.fingerprint
