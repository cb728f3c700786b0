"""Devices: make one known, with the key packages it brings."""

from __future__ import annotations

import base64
import binascii
import uuid

from protocol import IdempotencyKey, Retry, bucket, judge_retry, parse_device_id
from router.edge.commands import idempotency
from router.edge.errors import Refusal
from router.edge.services import Call, Edge
from router.store.values import (
    AlreadyAnswered,
    Device,
    DeviceRegistered,
    DuplicatePublicKey,
    KeyPackage,
    StoredResult,
    TooManyDevices,
)
from schema.wire import mls, rookery

_DAY = 86_400
_RESULT_LIFETIME = _DAY


async def register_mls(edge: Edge, call: Call) -> mls.RegisterDeviceOutput:
    """Register a device with its key packages; the same signature key gets the same id again."""
    body = call.value(mls.RegisterDeviceInput)
    packages = tuple(_package(call, ref) for ref in body.key_packages)
    device = await _register(edge, call, body.device_name, bytes(body.signature_public_key), packages, None)
    return mls.RegisterDeviceOutput(device_id=device.id, mls_did=call.account, auto_joined_convos=())


async def register_rookery(edge: Edge, call: Call) -> rookery.RegisterDeviceOutput:
    """Register a device; the same signature key gets the same id again."""
    body = call.value(rookery.RegisterDeviceInput)
    key = idempotency(edge, call, body.idempotency_key)
    device = await _register(edge, call, body.device_name, bytes(body.signature_public_key), (), key)
    return rookery.RegisterDeviceOutput(device_id=device.id)


async def _register(
    edge: Edge,
    call: Call,
    name: str,
    signature_key: bytes,
    packages: tuple[KeyPackage, ...],
    key: IdempotencyKey | None,
) -> Device:
    """The device as it stands.

    The signature key makes a repeat harmless by itself, so under an idempotency key only its body's hash
    is kept: it tells a repeat from another request, and there is no result that could grow old.
    """
    now = bucket(edge.now(), edge.settings.log.received_bucket_seconds)
    wanted = Device(parse_device_id(str(uuid.uuid4())), call.account, name, signature_key, now // _DAY)
    kept: tuple[StoredResult, ...] = ()
    if key is not None and await _is_fresh(edge, key, now):
        kept = (StoredResult(key.scope, key.fingerprint, 200, b"", now + _RESULT_LIFETIME),)
    while True:
        outcome = await edge.store.register_device(
            wanted, packages, now=now, max_devices=edge.settings.limits.max_devices, idempotency=kept
        )
        match outcome:
            case DeviceRegistered():
                return outcome.device
            case DuplicatePublicKey():
                raise Refusal("DuplicatePublicKey", "The signature key belongs to another account's device.")
            case TooManyDevices():
                raise Refusal("TooManyDevices", f"An account has at most {outcome.limit} devices here.")
            case AlreadyAnswered() if key is not None:  # a twin of this request was first
                _judge(outcome.stored, key)
                kept = ()
            case AlreadyAnswered():
                raise TypeError("a key was found that nobody gave")


async def _is_fresh(edge: Edge, key: IdempotencyKey, now: int) -> bool:
    stored = await edge.store.idempotent(key.scope, now=now)
    if stored is not None:
        _judge(stored, key)
    return stored is None


def _judge(stored: StoredResult, key: IdempotencyKey) -> None:
    if judge_retry(stored.fingerprint, key.fingerprint) is Retry.CONFLICT:
        raise Refusal("IdempotencyConflict", "This idempotency key was used for another request.")


def _package(call: Call, ref: mls.KeyPackageRef) -> KeyPackage:
    if ref.did != call.account:
        raise Refusal("InvalidKeyPackage", "A device brings key packages of its own account only.")
    try:
        package = base64.b64decode(ref.key_package, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("InvalidKeyPackage", "A key package is base64.") from None
    if not package:
        raise Refusal("InvalidKeyPackage", "A key package is not empty.")
    return KeyPackage(ref.cipher_suite, package)
