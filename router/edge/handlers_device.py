"""Devices: made known with the key packages they bring, shown, renamed, given another key, revoked."""

from __future__ import annotations

import base64
import binascii
import uuid

from protocol import (
    DeviceId,
    IdempotencyKey,
    InvalidId,
    Retry,
    bucket,
    bucket_text,
    judge_retry,
    parse_device_id,
)
from router.edge.commands import idempotency
from router.edge.errors import Refusal
from router.edge.possession import proven, repeated
from router.edge.services import Call, Edge
from router.identity.api_keys import grant_of
from router.identity.device_auth import is_signature_key
from router.store.credentials import DeviceChanged, DeviceRevoked, DeviceUnknown
from router.store.values import (
    AlreadyAnswered,
    Device,
    DeviceRegistered,
    DuplicatePublicKey,
    KeyPackage,
    StoredResult,
    TooManyDevices,
)
from schema.wire import Octets, given, mls, rookery

_DAY = 86_400
_RESULT_LIFETIME = _DAY


async def register_mls(edge: Edge, call: Call) -> mls.RegisterDeviceOutput:
    """Register a device with its key packages; the same signature key gets the same id again."""
    body = call.value(mls.RegisterDeviceInput)
    packages = tuple(_package(call, ref) for ref in body.key_packages)
    public = _key(body.signature_public_key)
    now, proof = edge_bucket(edge), given(body.proof)
    used = None if proof is None else proven(edge, call, public, proof, now=now)
    device = await _register(edge, call, body.device_name, public, packages, None, used, now)
    return mls.RegisterDeviceOutput(device_id=device.id, mls_did=call.account, auto_joined_convos=())


async def register_rookery(edge: Edge, call: Call) -> rookery.RegisterDeviceOutput:
    """Register a device; the same signature key gets the same id again."""
    body = call.value(rookery.RegisterDeviceInput)
    key = idempotency(edge, call, body.idempotency_key)
    public = _key(body.signature_public_key)
    now = edge_bucket(edge)
    used = proven(edge, call, public, body.proof, now=now)
    device = await _register(edge, call, body.device_name, public, (), key, used, now)
    return rookery.RegisterDeviceOutput(device_id=device.id)


async def _register(
    edge: Edge,
    call: Call,
    name: str,
    signature_key: bytes,
    packages: tuple[KeyPackage, ...],
    key: IdempotencyKey | None,
    used: StoredResult | None,
    now: int,
) -> Device:
    """The device as it stands; `used` is the proof that was given.

    The signature key makes a repeat harmless by itself, so under an idempotency key only its body's hash
    is kept: it tells a repeat from another request, and there is no result that could grow old.
    """
    wanted = Device(parse_device_id(str(uuid.uuid4())), call.account, name, signature_key, now // _DAY)
    proof = () if used is None else (used,)
    kept = proof
    if key is not None and await _is_fresh(edge, key, now):
        kept = (*proof, StoredResult(key.scope, key.fingerprint, 200, b"", now + _RESULT_LIFETIME))
    while True:
        call.still()
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
            case AlreadyAnswered() if used is not None and outcome.stored.scope == used.scope:
                return await repeated(edge, call, signature_key, used, outcome.stored)
            case AlreadyAnswered() if key is not None:  # a twin of this request was first
                _judge(outcome.stored, key)
                kept = proof
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


# -- a device's life -------------------------------------------------------------------------------------


async def list_mls(edge: Edge, call: Call) -> mls.ListDevicesOutput:
    """The caller's devices, with the number of their key packages."""
    return mls.ListDevicesOutput(
        devices=tuple(
            [
                mls.ListDevicesDeviceInfo(
                    device_id=device.id,
                    device_name=device.name,
                    device_u_u_i_d=device.id,
                    credential_did=device.account,
                    last_seen_at=_last_seen(device),
                    registered_at=day_text(device.registered_day),
                    key_package_count=await edge.store.count_key_packages(device.id),
                )
                for device in await edge.store.devices_of(call.account)
            ]
        )
    )


async def list_rookery(edge: Edge, call: Call) -> rookery.ListDevicesOutput:
    """The caller's devices, with the keys they sign with."""
    return rookery.ListDevicesOutput(
        devices=tuple(
            rookery.ListDevicesDeviceView(
                device_id=device.id,
                device_name=device.name,
                signature_public_key=Octets(device.signature_key),
                registered_at=day_text(device.registered_day),
                last_seen_at=_last_seen(device),
            )
            for device in await edge.store.devices_of(call.account)
        )
    )


async def rename(edge: Edge, call: Call) -> rookery.RenameDeviceOutput:
    """Change what a device is called. Names that stand in conversations stay: they are entries."""
    body = call.value(rookery.RenameDeviceInput)
    device = await edge.store.rename_device(call.account, _own(call, body.device_id), body.device_name)
    if device is None:
        raise _UNKNOWN
    return rookery.RenameDeviceOutput(device_id=device.id, device_name=device.name)


async def rotate(edge: Edge, call: Call) -> rookery.RotateDeviceKeyOutput:
    """Another signature key: asked for by the old one, whose token this is, or by the account.

    Either way the new key proves that its holder is asking. Live connections stay: they are the same
    device's. The old key signs nothing from the commit on, and calls that it had begun are not done. Whoever
    fears that somebody else has it revokes the device: that ends connections.
    """
    body = call.value(rookery.RotateDeviceKeyInput)
    key, device, now = _key(body.signature_public_key), _own(call, body.device_id), edge_bucket(edge)
    used = proven(edge, call, key, body.proof, now=now, device=device)
    outcome = await edge.store.rotate_device_key(call.account, device, key, now=now, idempotency=(used,))
    match outcome:
        case DeviceChanged():
            edge.revocations.rekey(device)
            return rookery.RotateDeviceKeyOutput(device_id=outcome.device.id)
        case AlreadyAnswered():
            standing = await repeated(edge, call, key, used, outcome.stored)
            return rookery.RotateDeviceKeyOutput(device_id=standing.id)
        case DeviceUnknown():
            raise _UNKNOWN
        case DuplicatePublicKey():
            raise Refusal("DuplicatePublicKey", "A device has this signature key already.")


async def revoke(edge: Edge, call: Call) -> rookery.RevokeDeviceOutput:
    """End a device: its own doing, or its account's."""
    body = call.value(rookery.RevokeDeviceInput)
    revoked = await _revoke(edge, call, _own(call, body.device_id))
    return rookery.RevokeDeviceOutput(
        key_packages_deleted=revoked.key_packages, api_keys_revoked=len(revoked.api_keys)
    )


async def delete_mls(edge: Edge, call: Call) -> mls.DeleteDeviceOutput:
    """The same in the words of the seed contract."""
    body = call.value(mls.DeleteDeviceInput)
    try:
        device = _own(call, body.device_id)
    except Refusal as refusal:
        error = "Unauthorized" if refusal.error == "Forbidden" else refusal.error
        raise Refusal(error, refusal.message) from None
    revoked = await _revoke(edge, call, device)
    return mls.DeleteDeviceOutput(deleted=True, key_packages_deleted=revoked.key_packages)


async def _revoke(edge: Edge, call: Call, device: DeviceId) -> DeviceRevoked:
    """Gone from the store, then, without an await between, from everything that is open.

    Its memberships stay open: in this protocol a removal takes an account with all its devices, and the leaf
    of a single one goes with an MLS commit. Until then entries still count it as a member, and nothing is
    delivered to it, since nobody can prove to be it any more.
    """
    outcome = await edge.store.revoke_device(call.account, device, now=edge_bucket(edge))
    if isinstance(outcome, DeviceUnknown):
        raise _UNKNOWN
    edge.revocations.revoke(device=device)
    for key in outcome.api_keys:
        edge.revocations.revoke(grant=grant_of(key))
    return outcome


def _own(call: Call, named: str) -> DeviceId:
    """The device named, if the caller may change it: a device changes itself only."""
    if call.caller.device is not None and call.caller.device != named:
        raise Refusal("Forbidden", "A device changes itself; the others are its account's to change.")
    try:
        return parse_device_id(named)
    except InvalidId:
        raise _UNKNOWN from None


def _key(given_key: bytes) -> bytes:
    if not is_signature_key(given_key):
        raise Refusal("InvalidRequest", "The signature key is no Ed25519 public key.")
    return bytes(given_key)


def _last_seen(device: Device) -> str:
    return day_text(max(device.registered_day, device.last_seen_day))


def day_text(day: int) -> str:
    """The midnight with which a day begins, as a datetime: nothing finer is kept."""
    return bucket_text(day * _DAY)


def edge_bucket(edge: Edge) -> int:
    """The time as records may have it."""
    return bucket(edge.now(), edge.settings.log.received_bucket_seconds)


_UNKNOWN = Refusal("DeviceNotFound", "The device named is not one of yours.")
