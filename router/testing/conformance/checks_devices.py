"""Devices, and the key packages by which others add them."""

import dataclasses
from typing import Any

import trio

from crypto.mls import KeyPackage, encode_message, read_key_package
from crypto.mls.testing import Client
from router.testing.conformance.bench import MLS, Bench, base64_text, octets
from router.testing.conformance.people import (
    SUITE,
    SUITE_NAME,
    Phone,
    claim,
    found,
    invitation,
    item,
    phone,
    phones,
    ref,
)
from router.testing.conformance.registry import check
from router.testing.conformance.verdicts import demand, demand_equal

STATS = f"{MLS}.getKeyPackageStats"


def registration(client: Client, did: str, *packages: KeyPackage) -> dict[str, Any]:
    """The body of `registerDevice`."""
    told = [
        {"did": did, "keyPackage": base64_text(encode_message(each)), "cipherSuite": SUITE_NAME}
        for each in packages
    ]
    public = octets(client.signing.public)
    return {"deviceName": "conformance", "signaturePublicKey": public, "keyPackages": told}


@check("devices", "a registered device is listed under an MLS identity of its own")
async def registered(bench: Bench) -> None:
    """An account is not a device: two devices of one account are two."""
    (alice,) = bench.take("alice")
    one, two = await phone(bench, alice, 1), await phone(bench, alice, 2)
    demand(one.id != two.id, "two devices have one id")
    told = await one.ok(f"{MLS}.listDevices")
    listed = {each["deviceId"] for each in told["devices"]}
    demand({one.id, two.id} <= listed, f"listDevices lists {sorted(listed)}")


@check("devices", "the same key again is the same device, and in other hands it is refused")
async def registered_again(bench: Bench) -> None:
    """A registration whose answer was lost is sent again; a key belongs to one account."""
    alice, bob = bench.take("alice", "bob")
    first = await phone(bench, alice)
    body = registration(first.client, alice.did, first.package())
    again = (await bench.ask(alice, f"{MLS}.registerDevice", body)).ok()
    demand_equal(again["deviceId"], first.id, "the device of a key that is registered again")
    stolen = Client(SUITE, bob.did.encode(), "thief")
    stolen.signing = first.client.signing
    body = registration(stolen, bob.did, stolen.key_package(int(bench.now())))
    (await bench.ask(bob, f"{MLS}.registerDevice", body)).refused("DuplicatePublicKey")


@check("devices", "a device that was deleted is gone, and so are its key packages")
async def deleted(bench: Bench) -> None:
    """Nobody may add a device that its owner has lost."""
    alice, bob = await phones(bench, "alice", "bob")
    await bob.ok(f"{MLS}.deleteDevice", deviceId=bob.id)
    told = await bob.ok(f"{MLS}.listDevices")
    demand(bob.id not in {each["deviceId"] for each in told["devices"]}, "it is still listed")
    given = await alice.ok(f"{MLS}.getKeyPackages", dids=[bob.did])
    keys = {_package(each).leaf_node.signature_key for each in given["keyPackages"]}
    demand(bob.client.signing.public not in keys, "its key packages are still handed out")


@check("key packages", "each is handed out once, whoever asks and however many at once")
async def single_use(bench: Bench) -> None:
    """Two adds with one package share its init key: the second joiner could read what the first one may."""
    alice, bob, carol = await phones(bench, "alice", "bob", "carol", stock=4)
    taken: list[bytes] = []

    async def take(by: Phone) -> None:
        told = await by.ok(f"{MLS}.getKeyPackages", dids=[bob.did])
        taken.extend(
            package.init_key
            for package in map(_package, told["keyPackages"])
            if package.leaf_node.signature_key == bob.client.signing.public
        )

    async with trio.open_nursery() as nursery:
        for by in (alice, carol, alice, carol, alice, carol):
            nursery.start_soon(take, by)
    demand_equal(len(set(taken)), len(taken), "different packages handed out")
    demand_equal(len(taken), 4, "packages handed out of a stock of four")


@check("key packages", "the one of last resort is handed out when nothing else is left, and stays")
async def last_resort(bench: Bench) -> None:
    """A device that was away for long can still be added."""
    alice, bob = await phones(bench, "alice", "bob", stock=1)
    last = bob.package(last_resort=True)
    demand_equal((await bob.publish(last))["succeeded"], 1, "packages published")
    taken = [(await claim(alice, bob))[0] for _ in range(3)]
    demand(taken[0].init_key != last.init_key, "it was handed out while another one was there")
    demand_equal([each.init_key for each in taken[1:]], [last.init_key] * 2, "what is left after that")


@check("key packages", "what was used by an add cannot be published again")
async def reused(bench: Bench) -> None:
    """Tombstones: a client that restored a backup would put a used key back into stock."""
    alice, bob = await phones(bench, "alice", "bob", stock=1)
    body, _ = await invitation(alice, bob)
    used = body["keyPackageHashes"][0]["hash"]
    package = await _published(bob)
    await alice.ok(f"{MLS}.createConvo", body)
    demand(used != ref(package), "a fresh package has another hash")
    stats = await bob.ok(STATS, deviceId=bob.id)
    again = bob.client.key_package(int(bench.now()))
    demand_equal((await bob.publish(again))["succeeded"], 1, "a fresh one published")
    after = await bob.ok(STATS, deviceId=bob.id)
    demand_equal(after["available"], stats["available"] + 1, "packages available after one more")


@check(
    "key packages", "one that does not verify is refused by its place in the batch, and the others are kept"
)
async def invalid(bench: Bench) -> None:
    """Signature, identity and suite are public: a server that does not look lets members fail later."""
    (alice,) = await phones(bench, "alice", stock=1)
    good = alice.package()
    broken = dataclasses.replace(good, signature=bytes(len(good.signature)))
    other = Client(SUITE, b"did:web:somebody.else.example", "x").key_package(int(bench.now()))
    told = await alice.publish(good, broken, other)
    demand_equal((told["succeeded"], told["failed"]), (1, 2), "(succeeded, failed)")
    demand_equal(sorted(each["index"] for each in told.get("errors", [])), [1, 2], "places of the errors")
    demand_equal((await alice.ok(STATS, deviceId=alice.id))["available"], 2, "packages available")


@check("key packages", "the stock that is told is the stock that is there")
async def stock(bench: Bench) -> None:
    """By it a client knows when to publish more."""
    alice, bob = await phones(bench, "alice", "bob", stock=3)
    demand_equal((await bob.ok(STATS, deviceId=bob.id))["available"], 3, "available at first")
    await found(bench, alice, bob)
    demand_equal((await bob.ok(STATS, deviceId=bob.id))["available"], 2, "available after one was used")
    told = await alice.ok(f"{MLS}.getKeyPackages", dids=[bob.did], cipherSuite=SUITE_NAME)
    demand(all(each["cipherSuite"] == SUITE_NAME for each in told["keyPackages"]), "of another suite")


async def _published(by: Phone) -> KeyPackage:
    package = by.package()
    items = [item(by.bench, package)]
    told = await by.ok(f"{MLS}.publishKeyPackages", {"keyPackages": items, "deviceId": by.id})
    demand_equal(told["succeeded"], 1, "packages published")
    return package


def _package(told: dict[str, Any]) -> KeyPackage:
    import base64

    text = told["keyPackage"]
    return read_key_package(base64.b64decode(text + "=" * (-len(text) % 4)))
