"""Devices with MLS clients, and rooms as every honest member knows them: what checks of groups work with.

    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)              # epoch 1: bob was added, a Welcome waits for him
    await room.commit(alice)                           # epoch 2
    await room.say(bob, "m1")

Clients author what is public in MLS, and make up what only members could read.
"""

import base64
import dataclasses
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from crypto import PaddingProfile, pad
from crypto.mls import (
    STANDARD_SUITES,
    Add,
    KeyPackage,
    Proposal,
    PublicGroup,
    Remove,
    VerifiedProposal,
    encode_message,
    key_package_ref,
    read_key_package,
)
from crypto.mls.testing import Client, MadeCommit
from router.identity.keys import AccountKey
from router.testing.conformance.bench import MLS, OURS, Answer, Bench, base64_text, octets
from router.testing.conformance.verdicts import demand, demand_equal

SUITE: Final = STANDARD_SUITES[1]
SUITE_NAME: Final = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"
_LIFETIME = 30 * 86_400


@attrs.define(eq=False)
class Phone:
    """A registered device of an account, and the MLS client on it."""

    bench: Bench
    key: AccountKey
    id: str
    client: Client

    @property
    def did(self) -> str:
        """Its account."""
        return self.key.did

    async def ask(self, nsid: str, given: dict[str, Any] | None = None, **more: Any) -> Answer:
        """Call a method as the account."""
        return await self.bench.ask(self.key, nsid, {**(given or {}), **more})

    async def ok(self, nsid: str, given: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Call a method that succeeds."""
        return (await self.ask(nsid, given, **more)).ok()

    def package(self, *, last_resort: bool = False) -> KeyPackage:
        """A fresh key package, valid from now on."""
        return self.client.key_package(int(self.bench.now()), last_resort=last_resort)

    async def publish(self, *packages: KeyPackage) -> dict[str, Any]:
        """Publish these; what the server says of each."""
        items = [item(self.bench, package) for package in packages]
        return await self.ok(f"{MLS}.publishKeyPackages", {"keyPackages": items, "deviceId": self.id})


def item(bench: Bench, package: KeyPackage) -> dict[str, Any]:
    """A key package as `publishKeyPackages` takes it."""
    expires = datetime.fromtimestamp(bench.now() + _LIFETIME, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "keyPackage": base64_text(encode_message(package)),
        "cipherSuite": SUITE_NAME,
        "expires": expires,
    }  # fmt: skip


def ref(package: KeyPackage) -> str:
    """The one hash of a key package: its KeyPackageRef in hexadecimal."""
    return key_package_ref(package, SUITE).hex()


async def phone(bench: Bench, key: AccountKey, number: int = 1, *, stock: int = 3) -> Phone:
    """A new device of an account, with so many key packages (at least one)."""
    client = Client(SUITE, key.did.encode(), f"{bench.tag} {number}")
    packages = [client.key_package(int(bench.now())) for _ in range(stock)]
    body = {
        "deviceName": f"conformance {number}",
        "signaturePublicKey": octets(client.signing.public),
        "keyPackages": [
            {
                "did": key.did,
                "keyPackage": base64_text(encode_message(each)),
                "cipherSuite": SUITE_NAME,
            }
            for each in packages
        ],
    }
    made = await bench.post(key, f"{MLS}.registerDevice", body)
    bench.cleanup.append((key, made["deviceId"]))
    return Phone(bench, key, made["deviceId"], client)


async def phones(bench: Bench, *names: str, stock: int = 3) -> list[Phone]:
    """One device each of different accounts."""
    return [await phone(bench, key, stock=stock) for key in bench.take(*names)]


async def claim(by: Phone, *targets: Phone) -> list[KeyPackage]:
    """One key package of each of these devices, taken by the account of `by`."""
    taken: dict[bytes, KeyPackage] = {}
    for did in dict.fromkeys(target.did for target in targets):
        told = await by.ok(f"{MLS}.getKeyPackages", dids=[did])
        for each in told["keyPackages"]:
            package = read_key_package(_unpadded(each["keyPackage"]))
            taken[package.leaf_node.signature_key] = package
    missing = [target.id for target in targets if target.client.signing.public not in taken]
    demand(not missing, f"getKeyPackages gave none for the devices {missing}")
    return [taken[target.client.signing.public] for target in targets]


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))


@attrs.define(eq=False)
class Room:
    """A conversation, and the group as every honest member knows it."""

    bench: Bench
    id: str
    group: PublicGroup
    view: dict[str, Any] = attrs.field(factory=dict)
    """What `createConvo` answered."""

    def upload(self, by: Phone, made: MadeCommit) -> dict[str, Any]:
        """The body of `submitCommit` for a commit in clear."""
        body: dict[str, Any] = {
            "convoId": self.id,
            "deviceId": by.id,
            "commit": octets(encode_message(made.message)),
            "groupInfo": octets(encode_message(made.group_info)),
        }
        if made.welcome is not None:
            body["welcome"] = octets(encode_message(made.welcome))
        return body

    async def commit(
        self, by: Phone, proposals: Sequence[Proposal | VerifiedProposal] = ()
    ) -> dict[str, Any]:
        """A commit that is accepted; the room is in its epoch."""
        made = by.client.commit(self.group, proposals)
        answer = await by.ok(f"{OURS}.submitCommit", self.upload(by, made))
        self.group = made.group
        return answer

    async def add(self, by: Phone, *targets: Phone) -> list[KeyPackage]:
        """Add these devices; the key packages that were used."""
        packages = await claim(by, *targets)
        await self.commit(by, [Add(package) for package in packages])
        return packages

    async def remove(self, by: Phone, *targets: Phone) -> None:
        """Remove these devices by a commit."""
        await self.commit(by, [Remove(each.client.leaf_index(self.group)) for each in targets])

    def external(self, by: Phone) -> tuple[dict[str, Any], MadeCommit]:
        """The body of `processExternalCommit`, and what it makes."""
        made = by.client.join(self.group)
        body = {
            "convoId": self.id,
            "deviceId": by.id,
            "externalCommit": base64_text(encode_message(made.message)),
            "groupInfo": base64_text(encode_message(made.group_info)),
        }
        return body, made

    def message(self, by: Phone, msg_id: str, *, epoch: int | None = None) -> dict[str, Any]:
        """The body of `sendMessage`, sealed in the current epoch unless another one is said."""
        sealed = by.client.application(self.group, size=64)
        if epoch is not None:
            sealed = dataclasses.replace(sealed, epoch=epoch)
        data = pad(PaddingProfile.CATBIRD, encode_message(sealed))
        return {
            "convoId": self.id,
            "deviceId": by.id,
            "msgId": msg_id,
            "ciphertext": octets(data),
            "epoch": self.group.epoch if epoch is None else epoch,
            "declaredSize": len(data),
            "paddedSize": len(data),
        }

    async def say(self, by: Phone, msg_id: str) -> dict[str, Any]:
        """Send a message that is accepted."""
        return await by.ok(f"{MLS}.sendMessage", self.message(by, msg_id))

    async def messages(self, by: Phone, **more: Any) -> list[dict[str, Any]]:
        """What a member is shown."""
        told = await by.ok(f"{MLS}.getMessages", convoId=self.id, deviceId=by.id, **more)
        return list(told["messages"])

    async def epoch(self, by: Phone) -> int:
        """The epoch that a member is told."""
        return int((await by.ok(f"{MLS}.getEpoch", convoId=self.id))["currentEpoch"])

    async def stands_at(self, by: Phone, epoch: int, after: str) -> None:
        """The group is in this epoch still, after something that was refused."""
        demand_equal(await self.epoch(by), epoch, f"the epoch after {after}")


def creation(creator: Phone, group_id: bytes, made: Any, **more: Any) -> dict[str, Any]:
    """The body of `createConvo`; `made` is the group, or the commit that added the first members."""
    body: dict[str, Any] = {
        "groupId": group_id.hex(),
        "cipherSuite": SUITE_NAME,
        "idempotencyKey": secrets.token_hex(8),
        "deviceId": creator.id,
        "groupInfo": base64_text(encode_message(made.group_info)),
    }
    if getattr(made, "welcome", None) is not None:
        body["welcomeMessage"] = base64_text(encode_message(made.welcome))
    return body | more


async def found(bench: Bench, creator: Phone, *others: Phone) -> Room:
    """A conversation with these devices in its group: at epoch 0 alone, at epoch 1 with others."""
    body, group = await invitation(creator, *others)
    view = await creator.ok(f"{MLS}.createConvo", body)
    return Room(bench, view["id"], group, view)


async def invitation(creator: Phone, *others: Phone) -> tuple[dict[str, Any], PublicGroup]:
    """The body of `createConvo` for a group with these devices, and the group."""
    group_id = secrets.token_bytes(16)
    made = creator.client.create_group(group_id)
    if not others:
        return creation(creator, group_id, made), made.group
    packages = await claim(creator, *others)
    first = creator.client.commit(made.group, [Add(package) for package in packages])
    hashes = [
        {"did": other.did, "hash": ref(package)} for other, package in zip(others, packages, strict=True)
    ]
    members = list(dict.fromkeys(other.did for other in others if other.did != creator.did))
    body = creation(creator, group_id, first, initialMembers=members, keyPackageHashes=hashes)
    return body, first.group
