"""What tests of devices and their stock share: key packages as they travel, devices of the seed contract."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from nacl.signing import SigningKey

from crypto.mls import (
    STANDARD_SUITES,
    CipherSuite,
    KeyPackage,
    SignatureScheme,
    encode_message,
    key_package_ref,
)
from crypto.mls.testing import Client, expand
from protocol import DeviceId
from router.edge.mls.suites import NAMES
from tests.edge.house import MLS, House, device_key, sealed
from tests.edge.mls.people import Phone

CHAT = "blue.catbird.mlsChat"
DAY = 86_400


def text(package: KeyPackage) -> str:
    """A key package as base64 of an MLSMessage."""
    return base64.b64encode(encode_message(package)).decode()


def ref(package: KeyPackage, suite: CipherSuite | None = None) -> str:
    """The one hash of a key package."""
    return key_package_ref(package, suite or STANDARD_SUITES[package.cipher_suite]).hex()


def moment(unix: float) -> str:
    """A lexicon datetime."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def item(house: House, package: KeyPackage, **more: Any) -> dict[str, Any]:
    """One item of `publishKeyPackages`."""
    return {
        "keyPackage": text(package),
        "cipherSuite": NAMES[package.cipher_suite],
        "expires": moment(house.now + 30 * DAY),
        **more,
    }


async def publish_over_http(house: House, device: Phone, count: int) -> list[str]:
    """Publish so many key packages; their hashes."""
    made = [device.client.key_package(int(house.now)) for _ in range(count)]
    body = {"keyPackages": [item(house, package) for package in made], "deviceId": device.id}
    told = await house.post(device.account, f"{MLS}.publishKeyPackages", body)
    assert told["succeeded"] == count
    return [str(each) for each in told["hashes"]]


async def register(
    house: House,
    name: str,
    number: int = 1,
    *,
    suite: CipherSuite = STANDARD_SUITES[1],
    packages: int = 1,
) -> tuple[Phone, dict[str, Any]]:
    """`registerDevice` of the seed contract, and its answer. The same number is the same device."""
    account = await house.account(name)
    client = Client(suite, account.did.encode(), str(number))
    made = [client.key_package(int(house.now)) for _ in range(packages)]
    body = registration(account.did, client, made)
    if suite.signature is not SignatureScheme.ED25519:
        body |= house.new_key(account, device_key(account, number))
    answer = await house.post(account, f"{MLS}.registerDevice", body)
    return Phone(account, DeviceId(answer["deviceId"]), client), answer


def registration(did: str, client: Client, packages: list[KeyPackage]) -> dict[str, Any]:
    """The body of `registerDevice` for a client of an Ed25519 suite."""
    return {
        "deviceName": "phone",
        "signaturePublicKey": sealed(client.signing.public),
        "keyPackages": [
            {"did": did, "keyPackage": text(each), "cipherSuite": NAMES[each.cipher_suite]}
            for each in packages
        ],
    }


def device_token_key(client: Client) -> SigningKey:
    """The key of an Ed25519 client, as a device signs its own tokens with it."""
    return SigningKey(expand(client._seed, "signature", 32))
