"""People with MLS clients in the house: their devices, their key packages, and the groups they are in.

Everything a test does goes over HTTP through the real endpoints; a `Client` of `crypto.mls.testing` authors
what real clients would send: every public byte is right, and what only members could read is made up. `Room`
keeps what all honest members know, the group of the current epoch::

    async with open_house() as house:
        alice, bob = await phone(house, "alice"), await phone(house, "bob")
        room = await create(house, alice, bob)          # epoch 1: bob was added by the Welcome
        await room.commit(bob)                          # epoch 2
        await room.say(alice, "m1")
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import httpx
from nacl.signing import SigningKey

from crypto import PaddingProfile, pad
from crypto.mls import (
    STANDARD_SUITES,
    Add,
    CipherSuite,
    ContentType,
    GroupInfo,
    KeyPackage,
    Proposal,
    PublicGroup,
    Remove,
    SignatureScheme,
    VerifiedProposal,
    Welcome,
    encode_message,
    key_package_ref,
    read_key_package,
)
from crypto.mls.testing import Client, MadeCommit, expand
from protocol import DeviceId
from router.edge.mls.suites import NAMES
from tests.edge.house import MLS, ROOKERY, Account, House, device_key, sealed

OURS = "chat.rookery.mls"
SUITE = STANDARD_SUITES[1]
SUITE_NAME = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"
STOCK = 3
"""Key packages that a device brings."""


@attrs.define
class Phone:
    """A device of an account, and the MLS client on it."""

    account: Account
    id: DeviceId
    client: Client

    @property
    def did(self) -> str:
        """Its account."""
        return self.account.did


async def phone(
    house: House, name: str, number: int = 1, *, suite: CipherSuite = SUITE, stock: int = STOCK
) -> Phone:
    """A registered device of the account `name`, with so many key packages in stock.

    Devices of one account have different numbers, and clients of their own. Where the suite signs with
    Ed25519, the key that is registered is the client's; else the first key package brings the client's.
    """
    account = await house.account(name)
    client = Client(suite, account.did.encode(), str(number))
    key = device_key(account, number)
    if suite.signature is SignatureScheme.ED25519:
        key = SigningKey(expand(client._seed, "signature", 32))
    body = {"deviceName": f"d{number}", **house.new_key(account, key)}
    made = await house.post(account, f"{ROOKERY}.registerDevice", body)
    device = Phone(account, DeviceId(made["deviceId"]), client)
    await publish(house, device, stock)
    return device


async def publish(house: House, device: Phone, count: int = STOCK, *, last_resort: bool = False) -> None:
    """Put key packages into the device's stock; with `last_resort` the first of them is one."""
    packages = [
        device.client.key_package(int(house.now), last_resort=last_resort and not number)
        for number in range(count)
    ]
    if not packages:
        return
    items = [
        {
            "keyPackage": base64.b64encode(encode_message(package)).decode(),
            "cipherSuite": NAMES[package.cipher_suite],
            "expires": datetime.fromtimestamp(house.now + 30 * 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for package in packages
    ]
    body = {"keyPackages": items, "deviceId": device.id}
    told = await house.post(device.account, f"{MLS}.publishKeyPackages", body)
    assert told["succeeded"] == count, told


async def claim(house: House, by: Phone, *targets: Phone) -> list[KeyPackage]:
    """One key package of each of these devices, taken by the account of `by`.

    Whoever asks for an account takes one of each of its devices.
    """
    taken: dict[str, KeyPackage] = {}
    for did in dict.fromkeys(target.did for target in targets):
        told = await house.get(by.account, f"{MLS}.getKeyPackages", dids=did)
        for each in told["keyPackages"]:
            taken[each["deviceId"]] = read_key_package(base64.b64decode(each["keyPackage"]))
    return [taken[target.id] for target in targets]


def text(value: GroupInfo | Welcome) -> str:
    """A message as the contract's base64 texts have it."""
    return base64.b64encode(encode_message(value)).decode()


def hashes(targets: Sequence[Phone], packages: Sequence[KeyPackage]) -> list[dict[str, str]]:
    """`keyPackageHashes` of the contract: the KeyPackageRefs in hexadecimal."""
    return [
        {"did": target.did, "hash": key_package_ref(package, target.client.suite).hex()}
        for target, package in zip(targets, packages, strict=True)
    ]


@attrs.define
class Room:
    """A conversation, and the group as every honest member knows it."""

    house: House
    convo: str
    group: PublicGroup
    messages: int = 0

    # -- what a client sends ---------------------------------------------------------------------------

    def upload(
        self, by: Phone, made: MadeCommit, *, group_info: bool = True, envelope: bool = False
    ) -> dict[str, Any]:
        """The body of `submitCommit` for a commit in clear."""
        commit = encode_message(made.message)
        body: dict[str, Any] = {
            "convoId": self.convo,
            "deviceId": by.id,
            "commit": sealed(pad(PaddingProfile.CATBIRD, commit) if envelope else commit),
        }
        if made.welcome is not None:
            body["welcome"] = sealed(encode_message(made.welcome))
        if group_info:
            body["groupInfo"] = sealed(encode_message(made.group_info))
        return body

    def upload_sealed(
        self,
        by: Phone,
        made: MadeCommit,
        *,
        adds: Sequence[tuple[Phone, KeyPackage]] = (),
        removes: Sequence[Phone] = (),
        group_info: bool = True,
    ) -> dict[str, Any]:
        """The same for an encrypted commit, of which the server is told what it does."""
        body = self.upload(by, made, group_info=group_info)
        body["commit"] = sealed(encode_message(by.client.sealed(self.group, ContentType.COMMIT)))
        body["adds"] = [
            {
                "did": device.did,
                "deviceId": device.id,
                "keyPackageHash": key_package_ref(package, device.client.suite).hex(),
            }
            for device, package in adds
        ]
        body["removes"] = [{"did": device.did, "deviceId": device.id} for device in removes]
        return body

    def remove(self, *targets: Phone) -> list[Proposal]:
        """Proposals that remove these devices."""
        return [Remove(target.client.leaf_index(self.group)) for target in targets]

    # -- what a client does ----------------------------------------------------------------------------

    async def submit(self, by: Phone, body: dict[str, Any]) -> httpx.Response:
        """`submitCommit` as it is answered."""
        return await self.house.send("POST", f"{OURS}.submitCommit", by.account, json=body)

    async def commit(
        self, by: Phone, proposals: Sequence[Proposal | VerifiedProposal] = ()
    ) -> dict[str, Any]:
        """A commit in clear that is accepted; the room is in its epoch."""
        made = by.client.commit(self.group, proposals)
        answer = await self.house.post(by.account, f"{OURS}.submitCommit", self.upload(by, made))
        self.group = made.group
        return answer

    async def add(self, by: Phone, *targets: Phone) -> dict[str, Any]:
        """Add these devices."""
        packages = await claim(self.house, by, *targets)
        return await self.commit(by, [Add(package) for package in packages])

    async def join(self, by: Phone, *, replacing: int | None = None) -> dict[str, Any]:
        """Come in by an external commit that is accepted."""
        made = by.client.join(self.group, replacing=replacing)
        answer = await self.house.post(by.account, f"{MLS}.processExternalCommit", self.external(by, made))
        self.group = made.group
        return answer

    def external(self, by: Phone, made: MadeCommit) -> dict[str, Any]:
        """The body of `processExternalCommit`."""
        return {
            "convoId": self.convo,
            "deviceId": by.id,
            "externalCommit": base64.b64encode(encode_message(made.message)).decode(),
            "groupInfo": text(made.group_info),
        }

    def message(self, by: Phone, msg_id: str, *, epoch: int | None = None) -> dict[str, Any]:
        """The body of `sendMessage` for a message of the current epoch."""
        data = pad(PaddingProfile.CATBIRD, encode_message(by.client.application(self.group)))
        return {
            "convoId": self.convo,
            "deviceId": by.id,
            "msgId": msg_id,
            "ciphertext": sealed(data),
            "epoch": self.group.epoch if epoch is None else epoch,
            "declaredSize": len(data),
            "paddedSize": len(data),
        }

    async def say(self, by: Phone, msg_id: str) -> dict[str, Any]:
        """Send a message that is accepted."""
        return await self.house.post(by.account, f"{MLS}.sendMessage", self.message(by, msg_id))

    async def epoch(self, by: Phone) -> int:
        """The epoch the server tells a member."""
        told = await self.house.get(by.account, f"{MLS}.getEpoch", convoId=self.convo)
        return int(told["currentEpoch"])


def creation(creator: Phone, made: MadeCommit | None, group_id: bytes, **more: Any) -> dict[str, Any]:
    """The body of `createConvo` for a group at epoch 0, or after the commit that added the first members."""
    body: dict[str, Any] = {
        "groupId": group_id.hex(),
        "cipherSuite": SUITE_NAME,
        "idempotencyKey": f"create {group_id.hex()}",
        "deviceId": creator.id,
    }
    if made is not None:
        body["groupInfo"] = text(made.group_info)
        if made.welcome is not None:
            body["welcomeMessage"] = text(made.welcome)
    return body | more


async def create(
    house: House, creator: Phone, *others: Phone, group_id: bytes = b"room", named: Sequence[str] = ()
) -> Room:
    """A conversation with these devices in its group: at epoch 0 alone, at epoch 1 with others.

    Accounts in `named` are named besides, and have no leaf.
    """
    made = creator.client.create_group(group_id)
    group, members = made.group, [*dict.fromkeys(each.did for each in others), *named]
    if others:
        packages = await claim(house, creator, *others)
        first = creator.client.commit(group, [Add(package) for package in packages])
        body = creation(creator, first, group_id, initialMembers=members)
        body["keyPackageHashes"] = hashes(others, packages)
        group = first.group
    else:
        body = creation(creator, None, group_id, groupInfo=text(made.group_info), initialMembers=members)
    view = await house.post(creator.account, f"{MLS}.createConvo", body)
    return Room(house, view["id"], group)
