"""Key packages over HTTP: each given once, named by one hash, never withdrawn in silence.

Scenarios 6, 7, 8, 9, 10 and 33 of `reference/mls-ds.md` section 5 have their names here.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import attrs
import pytest
import trio

from crypto.mls import (
    STANDARD_SUITES,
    X_WING_SUITE,
    Add,
    KeyPackage,
    Lifetime,
    encode_message,
    key_package_ref,
    read_key_package,
)
from crypto.mls.testing import Client
from protocol import AccountDid, EntryKind, KeyPackagesLow, decode_fact
from router.config import Mls, Rates, Settings
from router.edge.mls.account_log import account_log
from router.edge.mls.suites import NAMES
from tests import generous
from tests.edge.harness import read_until
from tests.edge.house import MLS, House, error_name, open_house
from tests.edge.mls.people import Phone, create, phone
from tests.edge.mls.stocks import CHAT, DAY, item, moment, publish_over_http, ref, text
from tests.vectors import load_vectors

PUBLISH, TAKE = f"{MLS}.publishKeyPackage", f"{MLS}.getKeyPackages"
SUITE_1 = NAMES[1]


def fresh(house: House, device: Phone, **more: Any) -> KeyPackage:
    return device.client.key_package(int(house.now), **more)


def body(package: KeyPackage, **more: Any) -> dict[str, Any]:
    return {"keyPackage": text(package), "cipherSuite": NAMES[package.cipher_suite], **more}


async def refusal(house: House, device: Phone, nsid: str, given: dict[str, Any]) -> str:
    return error_name(await house.send("POST", nsid, device.account, json=given))


async def taken(house: House, by: Phone, *targets: Phone, **more: Any) -> list[dict[str, Any]]:
    answer = await house.get(by.account, TAKE, dids=[each.did for each in targets], **more)
    return list(answer["keyPackages"])


# -- published ---------------------------------------------------------------------------------------------


async def test_a_package_is_published_taken_used_and_gone(house: House) -> None:
    """The example of a key package's life."""
    alice, bob = await phone(house, "alice", stock=0), await phone(house, "bob", stock=0)
    package = fresh(house, bob)
    answer = await house.post(bob.account, PUBLISH, body(package))
    assert answer == {"keyPackageHash": ref(package), "available": 1}
    (given,) = await taken(house, alice, bob)
    assert given["keyPackageHash"] == ref(package)
    assert (given["did"], given["deviceId"], given["cipherSuite"]) == (bob.did, bob.id, SUITE_1)
    assert base64.b64decode(given["keyPackage"]) == encode_message(package)
    assert (await house.get(alice.account, TAKE, dids=[bob.did]))["missing"] == [bob.did]


async def test_a_retry_is_in_and_what_was_used_is_not_taken_again(house: House) -> None:
    """RFC 9420 section 10: a package is for one group only; its tombstone says so until its end."""
    alice, bob = await phone(house, "alice", stock=0), await phone(house, "bob", stock=0)
    package = fresh(house, bob)
    first = await house.post(bob.account, PUBLISH, body(package, idempotencyKey="k"))
    assert await house.post(bob.account, PUBLISH, body(package)) == first
    room = await create(house, alice)
    (given,) = await taken(house, alice, bob)
    await room.commit(alice, [Add(read_key_package(base64.b64decode(given["keyPackage"])))])
    assert await refusal(house, bob, PUBLISH, body(package)) == "KeyPackageReused"
    again = await house.post(bob.account, PUBLISH, body(package, idempotencyKey="k"))
    assert again["keyPackageHash"] == ref(package), "the retry of a request is answered as the first time"
    other = body(fresh(house, bob), idempotencyKey="k")
    assert await refusal(house, bob, PUBLISH, other) == "IdempotencyConflict"


async def test_every_labelled_fault_has_its_name_and_nothing_is_kept(house: House) -> None:
    """The classes of `vectors/mls/key-packages-labelled.json`, of which each is refused by its own word."""
    bob = await phone(house, "bob", stock=0)
    for case in load_vectors("mls/key-packages-labelled.json")["cases"]:
        if case["expect"] == "accept":
            continue
        package = base64.b64encode(bytes.fromhex(case["message"])).decode()
        answer = await house.send(
            "POST", PUBLISH, bob.account, json={"keyPackage": package, "cipherSuite": SUITE_1}
        )
        assert error_name(answer) in ("InvalidKeyPackage", "InvalidCipherSuite", "ExpirationTooFar"), case
    assert await house.store.count_key_packages(bob.id) == 0


async def test_a_package_is_of_the_account_and_of_the_device(house: House) -> None:
    bob, eve = await phone(house, "bob", stock=0), await phone(house, "eve", stock=0)
    assert await refusal(house, bob, PUBLISH, body(fresh(house, eve))) == "InvalidKeyPackage"
    stranger = Client(STANDARD_SUITES[1], bob.did.encode(), "a device that nobody registered")
    assert (
        await refusal(house, bob, PUBLISH, body(stranger.key_package(int(house.now)))) == "InvalidKeyPackage"
    )


async def test_the_key_in_the_leaf_tells_whose_package_it_is(house: House) -> None:
    one, two = await phone(house, "bob", 1, stock=0), await phone(house, "bob", 2, stock=0)
    for device in (one, two):
        await house.post(device.account, PUBLISH, body(fresh(house, device)))
        assert await house.store.count_key_packages(device.id) == 1
    assert await refusal(house, one, PUBLISH, body(fresh(house, one), deviceId=two.id)) == "InvalidKeyPackage"


async def test_the_first_package_of_another_scheme_binds_its_key_to_the_device(house: House) -> None:
    """A device's registered key is Ed25519: other suites sign with another one."""
    bob = await phone(house, "bob", stock=0)
    suite = STANDARD_SUITES[2]
    bob.client = Client(suite, bob.did.encode(), "p256")
    await house.post(bob.account, PUBLISH, body(fresh(house, bob)))
    await house.post(bob.account, PUBLISH, body(fresh(house, bob)))
    bob.client = Client(suite, bob.did.encode(), "another key")
    assert await refusal(house, bob, PUBLISH, body(fresh(house, bob))) == "InvalidKeyPackage"


@pytest.mark.parametrize(
    ("days", "error"), [(91, "ExpirationTooFar"), (-1, "InvalidKeyPackage"), (30, None), (89, None)]
)
async def test_an_end_beside_the_bytes_only_narrows(house: House, days: int, error: str | None) -> None:
    """Clients say ninety days and sign eighty-four: the earlier end counts."""
    bob = await phone(house, "bob", stock=0)
    package = fresh(house, bob)
    given = body(package, expires=moment(house.now + days * DAY))
    if error is not None:
        assert await refusal(house, bob, PUBLISH, given) == error
        return
    await house.post(bob.account, PUBLISH, given)
    (kept,) = await house.store.key_packages(bob.id)
    lifetime = package.leaf_node.origin
    assert isinstance(lifetime, Lifetime)
    assert abs(kept.not_after - min(house.now + days * DAY, lifetime.not_after)) <= 2


async def test_a_lifetime_that_is_too_long_has_its_own_name(house: House) -> None:
    bob = await phone(house, "bob", stock=0)
    now = int(house.now)
    leaf = bob.client.leaf(Lifetime(now - 60, now + 91 * DAY))
    assert (
        await refusal(house, bob, PUBLISH, body(bob.client.key_package(now, leaf=leaf))) == "ExpirationTooFar"
    )


async def test_suites_are_a_setting_and_x_wing_may_be_one_of_them() -> None:
    async with open_house(settings=Settings(mls=Mls(cipher_suites="1, 0x4D"))) as house:
        bob = await phone(house, "bob", stock=0)
        given = {"keyPackage": "AA==", "cipherSuite": NAMES[2]}
        assert await refusal(house, bob, PUBLISH, given) == "InvalidCipherSuite"
        other = Client(STANDARD_SUITES[3], bob.did.encode(), "1").key_package(int(house.now))
        given = {"keyPackage": text(other), "cipherSuite": SUITE_1}
        assert await refusal(house, bob, PUBLISH, given) == "InvalidCipherSuite", "the bytes count"
        xwing = await phone(house, "carol", suite=X_WING_SUITE, stock=0)
        package = fresh(house, xwing)
        answer = await house.post(xwing.account, PUBLISH, body(package))
        assert answer["keyPackageHash"] == ref(package, X_WING_SUITE)


async def test_a_batch_takes_what_is_good_and_names_what_is_not(house: House) -> None:
    bob, eve = await phone(house, "bob", stock=0), await phone(house, "eve", stock=0)
    good = [fresh(house, bob) for _ in range(2)]
    items = [item(house, good[0]), item(house, fresh(house, eve)), item(house, good[1])]
    answer = await house.post(bob.account, f"{MLS}.publishKeyPackages", {"keyPackages": items})
    assert (answer["succeeded"], answer["failed"], answer["available"]) == (2, 1, 2)
    assert answer["hashes"] == [ref(package) for package in good]
    (error,) = answer["errors"]
    assert error["index"] == 1
    assert error["error"].startswith("InvalidKeyPackage")


async def test_a_batch_is_neither_empty_nor_endless_nor_double(house: House) -> None:
    bob = await phone(house, "bob", stock=0)
    one = item(house, fresh(house, bob))
    batch = f"{MLS}.publishKeyPackages"
    for items, error in (([], "InvalidBatch"), ([one, one], "InvalidBatch"), ([one] * 101, "BatchTooLarge")):
        assert await refusal(house, bob, batch, {"keyPackages": items}) == error
    assert await house.store.count_key_packages(bob.id) == 0


async def test_a_device_keeps_only_so_many() -> None:
    async with open_house(settings=Settings(mls=Mls(max_key_packages=2, low_stock=1))) as house:
        bob = await phone(house, "bob", stock=0)
        await publish_over_http(house, bob, 2)
        assert await refusal(house, bob, PUBLISH, body(fresh(house, bob))) == "TooManyKeyPackages"


# -- taken -------------------------------------------------------------------------------------------------


async def test_scenario_6_no_package_is_given_twice_however_many_ask_at_once(house: House) -> None:
    """2×N parallel claims on N packages: N different ones, the rest finds nothing."""
    bob = await phone(house, "bob", stock=0)
    count = 8
    published = set(await publish_over_http(house, bob, count))
    claimers = [await phone(house, f"claimer{number}", stock=0) for number in range(2 * count)]
    given: list[str] = []

    async def claim(by: Phone) -> None:
        given.extend(each["keyPackageHash"] for each in await taken(house, by, bob))

    async with trio.open_nursery() as nursery:
        for claimer in claimers:
            nursery.start_soon(claim, claimer)
    assert len(given) == count
    assert set(given) == published


async def test_scenario_6_a_claim_that_no_commit_follows_goes_back(house: House) -> None:
    alice, bob = await phone(house, "alice", stock=0), await phone(house, "bob", stock=0)
    (only,) = await publish_over_http(house, bob, 1)
    await taken(house, alice, bob)
    assert await taken(house, alice, bob) == []
    house.now += house.edge.settings.mls.claim_ttl + 2
    await house.store.expire(int(house.now))
    (again,) = await taken(house, alice, bob)
    assert again["keyPackageHash"] == only


async def test_one_of_each_device_and_none_of_the_device_that_asks(house: House) -> None:
    alice = await phone(house, "alice")
    laptop, tablet = await phone(house, "bob", 1), await phone(house, "bob", 2)
    assert {each["deviceId"] for each in await taken(house, alice, laptop)} == {laptop.id, tablet.id}
    own = await taken(house, laptop, laptop)
    assert {each["deviceId"] for each in own} == {laptop.id, tablet.id}, "an account's token is no device's"


async def test_the_last_resort_is_given_when_nothing_else_is_left_and_stays(house: House) -> None:
    """Scenario 9: no last resort, so an account that was long away could not be reached."""
    alice, bob = await phone(house, "alice", stock=0), await phone(house, "bob", stock=0)
    await house.post(bob.account, PUBLISH, body(fresh(house, bob, last_resort=True)))
    await publish_over_http(house, bob, 1)
    marks = [(await taken(house, alice, bob))[0].get("lastResort", False) for _ in range(3)]
    assert marks == [False, True, True]


async def test_only_the_suite_that_was_asked_for(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    assert len(await taken(house, alice, bob, cipherSuite=SUITE_1)) == 1
    for other in (NAMES[3], "ROT13"):
        answer = await house.get(alice.account, TAKE, dids=[bob.did], cipherSuite=other)
        assert answer == {"keyPackages": [], "missing": [bob.did]}


async def test_more_accounts_than_the_server_gives_at_once_and_no_account_at_all() -> None:
    async with open_house(settings=Settings(mls=Mls(max_targets=1))) as house:
        alice, bob = await phone(house, "alice"), await phone(house, "bob")
        params = {"dids": [alice.did, bob.did]}
        assert error_name(await house.send("GET", TAKE, alice.account, params=params)) == "TooManyDids"


async def test_scenario_33_one_account_cannot_empty_the_stock_of_another() -> None:
    """Draining: a limit for whoever takes, a wider one for all together, and nothing taken when refused."""
    rates = attrs.evolve(generous.RATES, claim_from_one=2, claim_key_package=3)
    async with open_house(settings=Settings(rate=rates)) as house:
        eve, bob, carol = [await phone(house, name, stock=0) for name in ("eve", "bob", "carol")]
        await publish_over_http(house, bob, 8)
        for _ in range(2):
            assert await taken(house, eve, bob)
        refused = await house.send("GET", TAKE, eve.account, params={"dids": [carol.did, bob.did]})
        assert error_name(refused) == "RateLimitExceeded"
        assert await taken(house, carol, bob), "others still get theirs"
        mallory = await phone(house, "mallory", stock=0)
        refused = await house.send("GET", TAKE, mallory.account, params={"dids": [bob.did]})
        assert error_name(refused) == "RateLimitExceeded", "an army of accounts is limited too"
        stock = await house.store.key_package_stock(AccountDid(bob.did), now=int(house.now))
        assert stock[0].available == 5


async def test_the_widest_limit_of_one_taker_is_below_that_of_all() -> None:
    assert Rates().claim_from_one < Rates().claim_key_package


# -- low stock ---------------------------------------------------------------------------------------------


async def low_notices(house: House, of: Phone) -> list[KeyPackagesLow]:
    log = account_log(house.edge.secrets, AccountDid(of.did))
    entries = await house.store.conversation_entries(log, after_seq=0, max_entries=100, max_bytes=1 << 20)
    facts = [decode_fact(entry.body) for entry in entries if entry.kind is EntryKind.NOTICE]
    return [fact for fact in facts if isinstance(fact, KeyPackagesLow)]


async def test_the_owner_is_told_once_that_few_are_left_and_again_after_it_refilled(house: House) -> None:
    """Not for every claim; and in the account's own log, which nobody else can see or name."""
    alice, bob = await phone(house, "alice", stock=0), await phone(house, "bob", stock=0)
    await publish_over_http(house, bob, 11)
    await taken(house, alice, bob)
    assert await low_notices(house, bob) == [], "ten are enough"
    for _ in range(3):
        await taken(house, alice, bob)
    (told,) = await low_notices(house, bob)
    assert (told.device, told.suite, told.remaining) == (bob.id, 1, 9)
    await publish_over_http(house, bob, 3)
    await taken(house, alice, bob)
    assert len(await low_notices(house, bob)) == 2
    assert (await house.get(bob.account, f"{MLS}.getConvos"))["conversations"] == []


async def test_the_owner_hears_of_it_on_its_stream(house: House) -> None:
    alice, bob = await phone(house, "alice", stock=0), await phone(house, "bob")
    await taken(house, alice, bob)
    nsid = f"{MLS}.streamConvoEvents"
    request = f"GET /xrpc/{nsid}?deviceId={bob.id} HTTP/1.1\r\nhost: x\r\n"
    request += f"authorization: Bearer {house.token(bob.account, nsid)}\r\n\r\n"
    with trio.fail_after(10):
        async with await house.server.connect() as stream:
            await stream.send_all(request.encode())
            seen = await read_until(stream, b"keyPackagesLow")
    assert bob.id.encode() in seen


# -- compared and withdrawn --------------------------------------------------------------------------------


async def test_scenario_8_there_is_one_hash_and_another_one_finds_nothing(house: House) -> None:
    """KeyPackageRef (RFC 9420 section 5.2), not SHA-256 of the bytes."""
    bob = await phone(house, "bob", stock=0)
    package = fresh(house, bob)
    await house.post(bob.account, PUBLISH, body(package))
    (known,) = [key_package_ref(package, STANDARD_SUITES[1]).hex()]
    plain = hashlib.sha256(encode_message(package)).hexdigest()
    device = {"deviceDid": f"{bob.did}#{bob.id}", "reason": "noMatchingKeyPackage"}
    withdraw = f"{CHAT}.invalidateKeyPackage"
    assert await refusal(house, bob, withdraw, {**device, "keyPackageHash": plain}) == "KeyPackageNotFound"
    found = await house.post(bob.account, withdraw, {**device, "keyPackageHash": known})
    assert found == {"marked": True, "alreadyDead": False}
    found = await house.post(bob.account, withdraw, {**device, "keyPackageHash": known})
    assert found == {"marked": False, "alreadyDead": True}


async def test_scenario_8_hashes_of_another_kind_do_not_empty_the_stock(house: House) -> None:
    bob = await phone(house, "bob", stock=0)
    await publish_over_http(house, bob, 3)
    wrong = {"deviceId": bob.id, "localHashes": ["00" * 32, "11" * 32]}
    assert await refusal(house, bob, f"{MLS}.syncKeyPackages", wrong) == "InvalidRequest"
    assert await house.store.count_key_packages(bob.id) == 3


async def test_scenario_7_what_the_device_lost_is_found_by_comparing_and_withdrawn_by_syncing(
    house: House,
) -> None:
    """NoMatchingKeyPackage: packages whose private keys are gone. Comparing withdraws nothing by itself."""
    bob = await phone(house, "bob", stock=0)
    published = await publish_over_http(house, bob, 3)
    local = [published[0], "ab" * 32]
    compared = await house.post(
        bob.account,
        f"{CHAT}.reconcileKeyPackages",
        {"deviceId": bob.id, "localHashes": local, "schemaVersion": 2},
    )
    assert set(compared["serverOnly"]) == set(published[1:])
    assert (compared["localOnly"], compared["total"]) == (["ab" * 32], 3)
    assert compared["deviceVerified"] is False, "it was the account that asked"
    synced = await house.post(
        bob.account, f"{MLS}.syncKeyPackages", {"deviceId": bob.id, "localHashes": local}
    )
    assert (synced["orphanedCount"], synced["deletedCount"], synced["remainingAvailable"]) == (2, 2, 1)
    assert set(synced["serverHashes"]) == set(published)
    emptied = await house.post(bob.account, f"{MLS}.syncKeyPackages", {"deviceId": bob.id, "localHashes": []})
    assert emptied["remainingAvailable"] == 0, "a device that lost everything says so"


async def test_scenario_10_publish_stats_claim_and_sync_agree_on_the_device(house: House) -> None:
    """Its id was normalised in one path only, and packages were published under another name."""
    alice, bob = await phone(house, "alice", stock=0), await phone(house, "bob", stock=0)
    published = await publish_over_http(house, bob, 3)
    stats = await house.get(bob.account, f"{MLS}.getKeyPackageStats", deviceId=bob.id)
    assert (stats["available"], stats["total"]) == (3, 3)
    (given,) = await taken(house, alice, bob)
    assert given["deviceId"] == bob.id
    synced = await house.post(
        bob.account, f"{MLS}.syncKeyPackages", {"deviceId": bob.id, "localHashes": published}
    )
    assert (synced["orphanedCount"], set(synced["serverHashes"])) == (0, set(published))


async def test_nobody_touches_the_stock_of_others(house: House) -> None:
    bob, eve = await phone(house, "bob", stock=0), await phone(house, "eve", stock=0)
    (hashed,) = await publish_over_http(house, bob, 1)
    sync = {"deviceId": bob.id, "localHashes": []}
    assert await refusal(house, eve, f"{MLS}.syncKeyPackages", sync) == "DeviceNotFound"
    reconcile = {"deviceId": bob.id, "localHashes": [], "schemaVersion": 2}
    assert await refusal(house, eve, f"{CHAT}.reconcileKeyPackages", reconcile) == "DeviceNotFound"
    withdraw = {"deviceDid": f"{bob.did}#{bob.id}", "keyPackageHash": hashed, "reason": "unowned"}
    assert await refusal(house, eve, f"{CHAT}.invalidateKeyPackage", withdraw) == "Unauthorized"
    assert (
        error_name(await house.send("GET", f"{MLS}.getKeyPackageStats", eve.account, params={"did": bob.did}))
        == "InvalidDid"
    )


# -- told --------------------------------------------------------------------------------------------------


async def test_counts_and_history_tell_what_became_of_each(house: House) -> None:
    alice, bob = await phone(house, "alice"), await phone(house, "bob", stock=0)
    published = await publish_over_http(house, bob, 3)
    room = await create(house, alice)
    await room.add(alice, bob)
    stats = await house.get(bob.account, f"{MLS}.getKeyPackageStats", cipherSuite=SUITE_1)
    assert (stats["available"], stats["consumed"], stats["consumedLast24h"]) == (2, 1, 1)
    assert (stats["threshold"], stats["needsReplenish"]) == (10, True)
    assert stats["oldestExpiresIn"].startswith("P29D") or stats["oldestExpiresIn"].startswith("P30D")
    assert stats["predictedDepletionDays"] == 2
    status = await house.get(bob.account, f"{MLS}.getKeyPackageStatus")
    (used,) = status["consumedPackages"]
    assert used["keyPackageHash"] in published
    assert used["usedInGroup"] == room.convo
    assert (status["totalUploaded"], status["available"], status["reserved"]) == (3, 2, 0)
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await house.get(bob.account, f"{MLS}.getKeyPackageHistory", limit=2, deviceId=bob.id, **cursor)
        found += [each["packageId"] for each in page["history"]]
        if "cursor" not in page:
            break
        cursor = {"cursor": page["cursor"]}
    assert sorted(found) == sorted(published)
    foreign = await house.send(
        "GET", f"{MLS}.getKeyPackageHistory", alice.account, params={"cursor": "nonsense"}
    )
    assert error_name(foreign) == "InvalidCursor"
