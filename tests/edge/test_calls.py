"""Calls over HTTP, as clients make them: conversations, messages, devices, and what each refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from nacl.signing import SigningKey

from router.store.errors import OutcomeUnknown, StoreUnavailable
from router.store.memory import MemoryStore
from router.store.values import AppendOutcome, AppendRequest
from tests.edge.house import MLS, NOW, ROOKERY, House, error_name, open_house, padded, sealed

SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"
NO_CONVO = "a" * 26


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


async def refusal(house: House, who: str, method: str, nsid: str, **given: Any) -> str:
    return error_name(await house.send(method, nsid, await house.account(who), **given))


async def test_a_message_goes_from_one_account_to_another(house: House) -> None:
    """The example: register, create, send, read."""
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    sent = await house.say(alice, convo, "m1", b"sealed")
    assert sent == {"messageId": "m1", "seq": 2, "epoch": 0, "receivedAt": "2026-05-28T20:26:40Z"}
    page = await house.get(bob, f"{ROOKERY}.getMessages", convoId=convo)
    (message,) = page["messages"]
    assert message == {
        "id": "m1",
        "convoId": convo,
        "ciphertext": {"$bytes": padded(b"sealed")["$bytes"].rstrip("=")},
        "epoch": 0,
        "seq": 2,
        "createdAt": "2026-05-28T20:26:40Z",
    }
    assert (page["lastSeq"], page["hasMore"]) == (2, False)


# -- who may see what --------------------------------------------------------------------------------------


async def test_a_stranger_cannot_tell_a_foreign_conversation_from_none(house: House) -> None:
    """Word for word the same answer, whatever is asked."""
    convo = await house.group("alice", "bob")
    eve = await house.account("eve")
    await house.device(eve)
    asks: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "getMessages", {}),
        ("POST", "sendMessage", {"msgId": "m", "ciphertext": padded(b"x")}),
        ("POST", "addMembers", {"didList": [eve.did], "idempotencyKey": "1"}),
        ("POST", "removeMember", {"targetDid": house.accounts["bob"].did, "idempotencyKey": "1"}),
        ("POST", "leaveConvo", {"idempotencyKey": "1"}),
        ("POST", "updateCursor", {"seq": 1}),
    ]
    for method, name, body in asks:
        answers = []
        for named in (convo, NO_CONVO, "not an id", ""):
            where = "params" if method == "GET" else "json"
            answer = await house.send(method, f"{ROOKERY}.{name}", eve, **{where: {"convoId": named, **body}})
            assert error_name(answer) == "ConvoNotFound"
            answers.append(answer.content)
        assert len(set(answers)) == 1, name


async def test_a_removed_member_reads_and_sends_no_more(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    await house.say(bob, convo, "before")
    body = {"convoId": convo, "targetDid": bob.did, "idempotencyKey": "1"}
    removed = await house.post(alice, f"{ROOKERY}.removeMember", body)
    assert removed["seq"] == 3
    await house.say(alice, convo, "after")
    assert (
        await refusal(house, "bob", "GET", f"{ROOKERY}.getMessages", params={"convoId": convo}) == "NotMember"
    )
    send = {"convoId": convo, "msgId": "m2", "ciphertext": padded(b"x")}
    assert await refusal(house, "bob", "POST", f"{ROOKERY}.sendMessage", json=send) == "NotMember"
    assert (await house.get(bob, f"{ROOKERY}.getConvos"))["conversations"] == []
    # but a repeat of what it sent gets its first answer
    assert (await house.say(bob, convo, "before"))["seq"] == 2


async def test_who_joins_later_reads_from_there_on(house: House) -> None:
    convo = await house.group("alice")
    alice, bob = house.accounts["alice"], await house.account("bob")
    await house.device(bob)
    await house.say(alice, convo, "early")
    await house.post(
        alice, f"{ROOKERY}.addMembers", {"convoId": convo, "didList": [bob.did], "idempotencyKey": "1"}
    )
    await house.say(alice, convo, "late")
    page = await house.get(bob, f"{ROOKERY}.getMessages", convoId=convo, sinceSeq=0)
    assert [message["id"] for message in page["messages"]] == ["late"]


async def test_a_device_of_somebody_else_is_no_device(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    theirs = await house.device(bob)
    for named in (theirs, "0" * 36, "", "x"):
        mark = {"convoId": convo, "seq": 1, "deviceId": named}
        assert await refusal(house, "alice", "POST", f"{ROOKERY}.updateCursor", json=mark) == "DeviceNotFound"
        read = {"convoId": convo, "deviceId": named}
        assert await refusal(house, "alice", "GET", f"{ROOKERY}.getMessages", params=read) == "DeviceNotFound"
    send = {"convoId": convo, "msgId": "m", "ciphertext": padded(b"x"), "deviceId": theirs}
    assert await refusal(house, "alice", "POST", f"{ROOKERY}.sendMessage", json=send) == "NotMember"
    await house.device(alice, 2)
    assert await refusal(
        house, "alice", "POST", f"{ROOKERY}.updateCursor", json={"convoId": convo, "seq": 1}
    ) == ("InvalidRequest")


# -- retries -----------------------------------------------------------------------------------------------


async def test_the_same_message_twice_gets_the_first_answer_and_other_bytes_a_conflict(house: House) -> None:
    convo = await house.group("alice")
    alice = house.accounts["alice"]
    first = await house.say(alice, convo, "m", b"one")
    house.now += 100
    assert await house.say(alice, convo, "m", b"one") == first
    other = {"convoId": convo, "msgId": "m", "ciphertext": padded(b"two")}
    assert (
        await refusal(house, "alice", "POST", f"{ROOKERY}.sendMessage", json=other) == "IdempotencyConflict"
    )


async def test_a_creation_repeated_is_one_conversation(house: House) -> None:
    alice = await house.account("alice")
    await house.device(alice)
    nsid, body = f"{ROOKERY}.createConvo", {"idempotencyKey": "k", "metadata": {"name": "tea"}}
    first = await house.post(alice, nsid, body)
    assert first["metadata"] == {"name": "tea"}
    await house.say(alice, first["id"], "m")
    assert await house.post(alice, nsid, dict(reversed(body.items()))) == first
    other = {"idempotencyKey": "k", "metadata": {"name": "coffee"}}
    assert await refusal(house, "alice", "POST", nsid, json=other) == "IdempotencyConflict"
    bob = await house.account("bob")
    await house.device(bob)
    assert (await house.post(bob, nsid, body))["id"] != first["id"]


async def test_twins_sent_at_once_are_one(house: House) -> None:
    alice = await house.account("alice")
    await house.device(alice)
    ids: list[str] = []

    async def create() -> None:
        ids.append((await house.post(alice, f"{ROOKERY}.createConvo", {"idempotencyKey": "k"}))["id"])

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(create)
    assert len(set(ids)) == 1
    assert len((await house.get(alice, f"{ROOKERY}.getConvos"))["conversations"]) == 1


async def test_a_removal_repeated_answers_as_it_did(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    body = {"convoId": convo, "targetDid": bob.did, "idempotencyKey": "1"}
    first = await house.post(alice, f"{ROOKERY}.removeMember", body)
    assert await house.post(alice, f"{ROOKERY}.removeMember", body) == first
    conflict = {**body, "reason": "spam"}
    name = await refusal(house, "alice", "POST", f"{ROOKERY}.removeMember", json=conflict)
    assert name == "IdempotencyConflict"


async def test_a_device_registered_twice_keeps_its_id(house: House) -> None:
    alice, nsid = await house.account("alice"), f"{ROOKERY}.registerDevice"
    key = SigningKey(b"k" * 32)
    body = {"deviceName": "phone", **house.new_key(alice, key), "idempotencyKey": "1"}
    first = await house.post(alice, nsid, body)
    assert await house.post(alice, nsid, body) == first
    renamed = {**body, "deviceName": "tablet"}
    assert await refusal(house, "alice", "POST", nsid, json=renamed) == "IdempotencyConflict"
    del renamed["idempotencyKey"]
    assert await house.post(alice, nsid, {**renamed, **house.new_key(alice, key)}) == first
    by_bob = {**body, **house.new_key(await house.account("bob"), key)}
    assert await refusal(house, "bob", "POST", nsid, json=by_bob) == "DuplicatePublicKey"


async def test_an_account_has_so_many_devices_and_no_more(house: House) -> None:
    alice = await house.account("alice")
    most = house.edge.settings.limits.max_devices
    for number in range(1, most + 1):
        await house.device(alice, number)
    body = {"deviceName": "d", **house.new_key(alice, SigningKey(b"x" * 32))}
    assert await refusal(house, "alice", "POST", f"{ROOKERY}.registerDevice", json=body) == "TooManyDevices"


# -- what a message may be ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 511, 513, 1_000, 4_097, 5_121])
async def test_a_ciphertext_has_one_of_the_padding_sizes(house: House, size: int) -> None:
    convo = await house.group("alice")
    body = {"convoId": convo, "msgId": "m", "ciphertext": sealed(bytes(size))}
    assert await refusal(house, "alice", "POST", f"{ROOKERY}.sendMessage", json=body) == "InvalidAsset"


async def test_a_message_of_ten_mebibytes_goes_through_and_one_byte_more_does_not(house: House) -> None:
    convo = await house.group("alice")
    alice, size = house.accounts["alice"], 10 * 1024 * 1024
    body = {"convoId": convo, "msgId": "m", "ciphertext": sealed(bytes(size))}
    await house.post(alice, f"{ROOKERY}.sendMessage", body)
    (message,) = (await house.get(alice, f"{ROOKERY}.getMessages", convoId=convo))["messages"]
    assert len(message["ciphertext"]["$bytes"]) == (size * 4 + 2) // 3
    body = {"convoId": convo, "msgId": "n", "ciphertext": sealed(bytes(size + 1))}
    assert await refusal(house, "alice", "POST", f"{ROOKERY}.sendMessage", json=body) == "InvalidRequest"


@pytest.mark.parametrize("msg_id", ["", " ", "a b", "ä", "x" * 65, "a/b", "\u0000"])
async def test_a_message_id_is_made_of_plain_characters(house: House, msg_id: str) -> None:
    convo = await house.group("alice")
    body = {"convoId": convo, "msgId": msg_id, "ciphertext": padded(b"x")}
    assert await refusal(house, "alice", "POST", f"{ROOKERY}.sendMessage", json=body) == "InvalidRequest"


# -- reading -----------------------------------------------------------------------------------------------


async def test_pages_of_messages_join_without_gap_or_repeat(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    for number in range(7):
        await house.say(alice, convo, f"m{number}")
    read: list[str] = []
    since = 0
    while True:
        page = await house.get(bob, f"{ROOKERY}.getMessages", convoId=convo, limit=3, sinceSeq=since)
        read += [message["id"] for message in page["messages"]]
        since = page["lastSeq"]
        if not page["hasMore"]:
            break
    assert read == [f"m{number}" for number in range(7)]
    assert since == 8
    empty = await house.get(bob, f"{ROOKERY}.getMessages", convoId=convo, sinceSeq=since)
    assert empty == {"messages": [], "lastSeq": 8, "hasMore": False}


async def test_a_page_ends_at_its_bound_in_bytes_and_says_that_more_follows(house: House) -> None:
    convo = await house.group("alice")
    alice = house.accounts["alice"]
    size = 7 * 1024 * 1024
    for name in ("a", "b", "c"):
        body = {"convoId": convo, "msgId": name, "ciphertext": padded(name.encode(), size)}
        await house.post(alice, f"{ROOKERY}.sendMessage", body)
    page = await house.get(alice, f"{ROOKERY}.getMessages", convoId=convo)
    assert [message["id"] for message in page["messages"]] == ["a", "b"]
    assert (page["lastSeq"], page["hasMore"]) == (3, True)


async def test_pages_of_conversations_join_and_their_cursors_are_the_callers_own(house: House) -> None:
    ids = [await house.group("alice", "bob", key=str(number)) for number in range(5)]
    alice = house.accounts["alice"]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await house.get(alice, f"{ROOKERY}.getConvos", limit=2, **cursor)
        found += [convo["id"] for convo in page["conversations"]]
        if "cursor" not in page:
            break
        cursor = {"cursor": page["cursor"]}
    assert found == ids
    for bad in (cursor["cursor"], "", "AAAA", "é", "x" * 600, cursor["cursor"][:-2]):
        name = await refusal(house, "bob", "GET", f"{ROOKERY}.getConvos", params={"cursor": bad})
        assert name in ("InvalidCursor", "InvalidRequest"), bad


async def test_reading_changes_nothing_and_the_mark_only_moves_forward(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    for number in range(3):
        await house.say(alice, convo, f"m{number}")

    async def unread() -> int:
        (view,) = (await house.get(bob, f"{ROOKERY}.getConvos"))["conversations"]
        return int(view["unreadCount"])

    await house.get(bob, f"{ROOKERY}.getMessages", convoId=convo)
    assert await unread() == 3
    nsid = f"{ROOKERY}.updateCursor"
    assert await house.post(bob, nsid, {"convoId": convo, "seq": 3}) == {"seq": 3}
    assert await unread() == 1
    assert await house.post(bob, nsid, {"convoId": convo, "seq": 2}) == {"seq": 3}
    assert await refusal(house, "bob", "POST", nsid, json={"convoId": convo, "seq": 99}) == "FutureCursor"


async def test_every_time_on_the_wire_is_a_bucket(house: House) -> None:
    house.now = NOW + 0.999
    convo = await house.group("alice")
    sent = await house.say(house.accounts["alice"], convo, "m")
    (view,) = (await house.get(house.accounts["alice"], f"{ROOKERY}.getConvos"))["conversations"]
    times = {sent["receivedAt"], view["createdAt"], view["lastMessageAt"], view["members"][0]["joinedAt"]}
    assert times == {"2026-05-28T20:26:42Z"}


# -- the seed contract -------------------------------------------------------------------------------------


def private_message(group: bytes, epoch: int, size: int = 512) -> bytes:
    """An MLS PrivateMessage with application content (RFC 9420 section 6.3) in its padding envelope."""
    body = b"\x00\x01\x00\x02" + bytes((len(group),)) + group + epoch.to_bytes(8, "big") + b"\x01"
    body += b"\x00" + b"\x04sndr" + b"\x10" + b"c" * 16
    return (len(body).to_bytes(4, "big") + body).ljust(size, b"\0")


async def mls_group(house: House) -> str:
    alice = await house.account("alice")
    await house.device(alice)
    body = {"groupId": "00ff", "cipherSuite": SUITE, "idempotencyKey": "1"}
    return str((await house.post(alice, f"{MLS}.createConvo", body))["id"])


def mls_send(convo: str, message: bytes, **change: Any) -> dict[str, Any]:
    size = len(message)
    return {
        "convoId": convo,
        "msgId": "m",
        "ciphertext": sealed(message),
        "epoch": 0,
        "declaredSize": size,
        "paddedSize": size,
        **change,
    }


async def test_an_mls_message_is_taken_and_read_by_its_lexicon(house: House) -> None:
    convo = await mls_group(house)
    alice = house.accounts["alice"]
    send = mls_send(convo, private_message(b"\x00\xff", 0))
    assert (await house.post(alice, f"{MLS}.sendMessage", send))["seq"] == 2
    told = await house.get(alice, f"{MLS}.getEpoch", convoId=convo)
    assert (told["currentEpoch"], told["groupId"], told["generation"]) == (0, "00ff", 0)
    page = await house.get(alice, f"{MLS}.getMessages", convoId=convo)
    assert [message["id"] for message in page["messages"]] == ["m"]
    after = await house.get(alice, f"{MLS}.getMessages", convoId=convo, sinceMessage="m")
    assert after["messages"] == []
    nsid = f"{MLS}.getMessages"
    unknown = {"convoId": convo, "sinceMessage": "nope"}
    assert await refusal(house, "alice", "GET", nsid, params=unknown) == "InvalidCursor"
    mark = {"convoId": convo, "cursor": "m"}
    assert await house.post(alice, f"{MLS}.updateCursor", mark) == {"success": True, "seq": 2}


async def test_an_mls_group_registered_twice_is_one(house: House) -> None:
    convo = await mls_group(house)
    alice = house.accounts["alice"]
    body = {"groupId": "00ff", "cipherSuite": SUITE, "idempotencyKey": "1"}
    assert (await house.post(alice, f"{MLS}.createConvo", body))["id"] == convo
    body |= {"groupId": "00FF", "idempotencyKey": "2"}  # the same group, another request
    assert await refusal(house, "alice", "POST", f"{MLS}.createConvo", json=body) == "ConvoAlreadyExists"
    body |= {"idempotencyKey": "1"}  # the same key, another request
    assert await refusal(house, "alice", "POST", f"{MLS}.createConvo", json=body) == "IdempotencyConflict"
    eve = await house.account("eve")
    await house.device(eve)
    assert await refusal(house, "eve", "POST", f"{MLS}.createConvo", json=body) == "ConvoAlreadyExists"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"epoch": 1}, "EpochMismatch"),
        ({"epoch": 2**53 - 1}, "EpochMismatch"),
        ({"paddedSize": 1024}, "InvalidAsset"),
        ({"declaredSize": 513}, "InvalidAsset"),
        ({"ciphertext": sealed(private_message(b"\x00\xfe", 0))}, "InvalidAsset"),
        ({"ciphertext": sealed(private_message(b"\x00\xff", 1))}, "InvalidAsset"),
        ({"ciphertext": sealed(bytes(512))}, "InvalidAsset"),
        ({"ciphertext": sealed(bytes(700)), "paddedSize": 700}, "InvalidAsset"),
        ({"msgId": "x" * 27}, "InvalidRequest"),
    ],
)
async def test_what_an_mls_message_may_not_be(house: House, change: dict[str, Any], error: str) -> None:
    convo = await mls_group(house)
    send = mls_send(convo, private_message(b"\x00\xff", 0), **change)
    answer = await house.send("POST", f"{MLS}.sendMessage", house.accounts["alice"], json=send)
    assert error_name(answer) == error
    if error == "EpochMismatch":
        assert "current epoch is 0" in answer.json()["message"]
    assert (await house.get(house.accounts["alice"], f"{MLS}.getMessages", convoId=convo))["messages"] == []


async def test_each_family_shows_its_own_conversations(house: House) -> None:
    opaque = await house.group("alice")
    group = await mls_group(house)
    alice = house.accounts["alice"]
    for family, mine, other in ((ROOKERY, opaque, group), (MLS, group, opaque)):
        page = await house.get(alice, f"{family}.getConvos")
        assert [convo["id"] for convo in page["conversations"]] == [mine]
        params = {"convoId": other}
        assert await refusal(house, "alice", "GET", f"{family}.getMessages", params=params) == "ConvoNotFound"


# -- members -----------------------------------------------------------------------------------------------


async def test_accounts_nobody_knows_cannot_be_added(house: House) -> None:
    convo = await house.group("alice")
    ghost = "did:web:ghost.example"
    add = {"convoId": convo, "didList": [ghost], "idempotencyKey": "1"}
    assert await refusal(house, "alice", "POST", f"{ROOKERY}.addMembers", json=add) == "MemberNotFound"
    create = {"idempotencyKey": "2", "initialMembers": [ghost]}
    assert await refusal(house, "alice", "POST", f"{ROOKERY}.createConvo", json=create) == "MemberNotFound"
    create = {"groupId": "aa", "cipherSuite": SUITE, "initialMembers": [ghost], "idempotencyKey": "3"}
    assert await refusal(house, "alice", "POST", f"{MLS}.createConvo", json=create) == "KeyPackageNotFound"
    create = {"groupId": "aa", "cipherSuite": "ROT13", "idempotencyKey": "4"}
    assert await refusal(house, "alice", "POST", f"{MLS}.createConvo", json=create) == "InvalidCipherSuite"


async def test_only_an_admin_removes_and_nobody_the_last(house: House) -> None:
    convo = await house.group("alice", "bob")
    alice, bob = house.accounts["alice"], house.accounts["bob"]
    remove = {"convoId": convo, "targetDid": alice.did, "idempotencyKey": "1"}
    assert await refusal(house, "bob", "POST", f"{ROOKERY}.removeMember", json=remove) == "NotAdmin"
    assert await refusal(house, "alice", "POST", f"{ROOKERY}.removeMember", json=remove) == "CannotRemoveSelf"
    left = await house.post(bob, f"{ROOKERY}.leaveConvo", {"convoId": convo, "idempotencyKey": "1"})
    assert left == await house.post(bob, f"{ROOKERY}.leaveConvo", {"convoId": convo, "idempotencyKey": "1"})
    leave = {"convoId": convo, "idempotencyKey": "2"}
    assert await refusal(house, "alice", "POST", f"{ROOKERY}.leaveConvo", json=leave) == "LastMember"


# -- the world fails ---------------------------------------------------------------------------------------


class FailingStore(MemoryStore):
    """A memory store that raises what it is told to."""

    failure: Exception | None = None

    async def append(self, request: AppendRequest) -> AppendOutcome:
        if self.failure is not None:
            await trio.lowlevel.checkpoint()
            raise self.failure
        return await super().append(request)


@pytest.mark.parametrize(
    ("failure", "error", "reported"),
    [
        (StoreUnavailable(3.2, "disk full"), "NotEnoughResources", False),
        (OutcomeUnknown(2.0, "the writer died"), "UpstreamTimeout", False),
        (RuntimeError("secret"), "InternalServerError", True),
    ],
)
async def test_a_store_that_fails_is_an_error_with_a_wait_and_nothing_is_lost(
    failure: Exception, error: str, reported: bool
) -> None:
    store = FailingStore()
    async with open_house(store) as house:
        convo = await house.group("alice")
        alice = house.accounts["alice"]
        store.failure = failure
        body = {"convoId": convo, "msgId": "m", "ciphertext": padded(b"x")}
        answer = await house.send("POST", f"{ROOKERY}.sendMessage", alice, json=body)
        assert error_name(answer) == error
        wait = int(answer.headers["retry-after"])
        assert f"Try again in {wait} s." in answer.json()["message"]
        assert "secret" not in answer.text
        assert bool(house.faults) is reported
        store.failure = None
        house.now += 10
        assert (await house.post(alice, f"{ROOKERY}.sendMessage", body))["seq"] == 2


async def test_a_conversation_with_too_much_to_do_says_when_to_come_back() -> None:
    class SlowStore(MemoryStore):
        gate = trio.Event()
        slow = False

        async def append(self, request: AppendRequest) -> AppendOutcome:
            if self.slow:
                await self.gate.wait()
            return await super().append(request)

    store = SlowStore()
    async with open_house(store, mailbox=2) as house:
        convo = await house.group("alice")
        alice = house.accounts["alice"]
        store.slow = True
        names: list[str] = []

        async def say(number: int) -> None:
            body = {"convoId": convo, "msgId": f"m{number}", "ciphertext": padded(b"x")}
            answer = await house.send("POST", f"{ROOKERY}.sendMessage", alice, json=body)
            if answer.is_success:
                names.append("sent")
            else:
                names.append(error_name(answer))
                store.gate.set()

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(say, number)
        assert set(names) == {"sent", "NotEnoughResources"}
