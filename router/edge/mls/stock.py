"""A device's stock of key packages: whose device it is, what comes in, and what the store said to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import UnsetType

from protocol import IdempotencyKey, Retry, judge_retry
from router.edge.errors import Refusal
from router.edge.members import NO_SUCH_DEVICE, named_device, own_device
from router.edge.mls.bytes import verifying
from router.edge.mls.packages import Offered, Owner, invalid, judge_all, policy_of, signature_key
from router.edge.services import Edge
from router.identity.principal import Principal
from router.store.key_packages import KeyPackage, NoSuchDevice, Published
from router.store.values import AlreadyAnswered, Device, PublishVerdict, StoredResult

REUSED: Final = Refusal(
    "KeyPackageReused", "This key package was published before and used; make a fresh one."
)
TOO_MANY: Final = Refusal("TooManyKeyPackages", "The device has as many key packages as this server keeps.")
_VERDICTS: Final = {
    "reused": REUSED,
    "too-many": TOO_MANY,
    "other-key": invalid("its signature key is not the device's"),
}
_RESULT_LIFETIME: Final = 86_400
GONE: Final = Refusal("DeviceNotFound", NO_SUCH_DEVICE)


async def publisher(
    edge: Edge, caller: Principal, named: str | UnsetType, offers: Sequence[Offered]
) -> Device:
    """The caller's device that these packages are of: its credential's, the one named, or the one whose key
    is in the first leaf that can be read."""
    text = named_device(caller, named)
    if text is not None:
        wanted = await own_device(edge.store, caller.account, text)
        device = await edge.store.device(wanted)
        if device is None:  # revoked meanwhile
            raise GONE
        return device
    devices = await edge.store.devices_of(caller.account)
    if not devices:
        raise Refusal("DeviceNotFound", "Register a device first.")
    if len(devices) == 1:
        return devices[0]
    key = next((key for offer in offers if (key := signature_key(offer.text)) is not None), None)
    for device in devices:
        if key is not None and (
            device.signature_key == key or key in (await edge.store.scheme_keys(device.id)).values()
        ):
            return device
    raise Refusal("InvalidRequest", "You have several devices: name one with deviceId.")


async def judged(
    edge: Edge, device: Device, offers: Sequence[Offered], now: int
) -> list[KeyPackage | Refusal]:
    """What the bytes come to; a batch is judged in a worker thread."""
    owner = Owner(device.account, device.signature_key, await edge.store.scheme_keys(device.id))
    policy = policy_of(edge.settings.mls)
    size = sum(len(offer.text) for offer in offers)
    return await verifying(edge, size, lambda: judge_all(offers, owner, policy, now))


async def publish(
    edge: Edge, device: Device, packages: Sequence[KeyPackage], now: int, key: IdempotencyKey | None = None
) -> list[Refusal | None]:
    """Put them into the stock; for each, why it is not in. A repeat is in.

    Under an idempotency key a repeat is in also when a package was used up meanwhile.
    """
    kept = (
        () if key is None else (StoredResult(key.scope, key.fingerprint, 200, b"", now + _RESULT_LIFETIME),)
    )
    outcome = await edge.store.publish_key_packages(
        device.account,
        device.id,
        packages,
        now=now,
        max_packages=edge.settings.mls.max_key_packages,
        idempotency=kept,
    )
    match outcome:
        case Published(verdicts=verdicts):
            return [verdict_refusal(verdict) for verdict in verdicts]
        case NoSuchDevice():
            raise GONE
        case AlreadyAnswered(stored=stored) if key is not None:
            if judge_retry(stored.fingerprint, key.fingerprint) is Retry.CONFLICT:
                raise Refusal("IdempotencyConflict", "This idempotency key was used for another request.")
            return [None for _ in packages]
        case AlreadyAnswered():
            raise TypeError("a key was found that nobody gave")


def verdict_refusal(verdict: PublishVerdict) -> Refusal | None:
    """Why a package is not in the stock; None when it is."""
    return _VERDICTS.get(verdict)


async def available(edge: Edge, device: Device, now: int) -> int:
    """How many of the device's packages may be taken, last resorts aside."""
    stock = await edge.store.key_package_stock(device.account, device=device.id, now=now)
    return sum(suite.available for suite in stock)
