"""Devices: made known with the key packages they bring, shown, renamed, given another key, revoked."""

from __future__ import annotations

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
from router.edge.mls.departures import leave_groups
from router.edge.possession import proven, repeated
from router.edge.services import Call, Edge
from router.identity.api_keys import grant_of
from router.identity.device_auth import is_signature_key
from router.store.bounds import MAX_BATCH
from router.store.credentials import DeviceChanged, DeviceRevoked, DeviceUnknown
from router.store.key_packages import KeyPackage
from router.store.values import (
    AlreadyAnswered,
    Device,
    DeviceRegistered,
    DuplicatePublicKey,
    StoredResult,
    TooManyDevices,
)
from schema.wire import Octets, rookery

_DAY = 86_400
_RESULT_LIFETIME = _DAY


async def register_rookery(edge: Edge, call: Call) -> rookery.RegisterDeviceOutput:
    """Register a device; the same signature key gets the same id again."""
    body = call.value(rookery.RegisterDeviceInput)
    key = idempotency(edge, call, body.idempotency_key)
    public = check_key(body.signature_public_key)
    now = edge_bucket(edge)
    used = proven(edge, call, public, body.proof, now=now)
    outcome = await register(edge, call, body.device_name, public, (), key, used, now)
    return rookery.RegisterDeviceOutput(device_id=outcome.device.id)


async def register(
    edge: Edge,
    call: Call,
    name: str,
    signature_key: bytes,
    packages: tuple[KeyPackage, ...],
    key: IdempotencyKey | None,
    used: StoredResult | None,
    now: int,
    *,
    max_packages: int = MAX_BATCH,
) -> DeviceRegistered:
    """The device as it stands, and a verdict for each package; `used` is the proof that was given.

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
            wanted,
            packages,
            now=now,
            max_devices=edge.settings.limits.max_devices,
            max_packages=max_packages,
            idempotency=kept,
        )
        match outcome:
            case DeviceRegistered():
                return outcome
            case DuplicatePublicKey():
                raise Refusal("DuplicatePublicKey", "The signature key belongs to another account's device.")
            case TooManyDevices():
                raise Refusal("TooManyDevices", f"An account has at most {outcome.limit} devices here.")
            case AlreadyAnswered() if used is not None and outcome.stored.scope == used.scope:
                standing = await repeated(edge, call, signature_key, used, outcome.stored)
                return DeviceRegistered(standing, created=False)
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


# -- a device's life -------------------------------------------------------------------------------------


async def list_rookery(edge: Edge, call: Call) -> rookery.ListDevicesOutput:
    """The caller's devices, with the keys they sign with."""
    return rookery.ListDevicesOutput(
        devices=tuple(
            rookery.ListDevicesDeviceView(
                device_id=device.id,
                device_name=device.name,
                signature_public_key=Octets(device.signature_key),
                registered_at=day_text(device.registered_day),
                last_seen_at=last_seen(device),
            )
            for device in await edge.store.devices_of(call.account)
        )
    )


async def rename(edge: Edge, call: Call) -> rookery.RenameDeviceOutput:
    """Change what a device is called. Names that stand in conversations stay: they are entries."""
    body = call.value(rookery.RenameDeviceInput)
    device = await edge.store.rename_device(call.account, own(call, body.device_id), body.device_name)
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
    key, device, now = check_key(body.signature_public_key), own(call, body.device_id), edge_bucket(edge)
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


async def revoke_rookery(edge: Edge, call: Call) -> rookery.RevokeDeviceOutput:
    """End a device: its own doing, or its account's."""
    body = call.value(rookery.RevokeDeviceInput)
    revoked = await revoke(edge, call, own(call, body.device_id))
    return rookery.RevokeDeviceOutput(
        key_packages_deleted=revoked.key_packages, api_keys_revoked=len(revoked.api_keys)
    )


async def revoke(edge: Edge, call: Call, device: DeviceId) -> DeviceRevoked:
    """Out of its MLS groups, gone from the store, then, without an await between, from all that is open.

    The groups come first: what is cut off in the middle is mended by a repeat, which finds the device still
    here. What it entered in between is left behind it. Conversations without a group count it as a member
    from then on too, and nothing is delivered to it, since nobody can prove to be it any more.
    """
    known = await edge.store.device(device)
    if known is None or known.account != call.account:
        raise _UNKNOWN
    await leave_groups(edge, call.account, device)
    outcome = await edge.store.revoke_device(call.account, device, now=edge_bucket(edge))
    if isinstance(outcome, DeviceUnknown):
        raise _UNKNOWN
    edge.revocations.revoke(device=device)
    for key in outcome.api_keys:
        edge.revocations.revoke(grant=grant_of(key))
    await leave_groups(edge, call.account, device)
    return outcome


def own(call: Call, named: str) -> DeviceId:
    """The device named, if the caller may change it: a device changes itself only."""
    if call.caller.device is not None and call.caller.device != named:
        raise Refusal("Forbidden", "A device changes itself; the others are its account's to change.")
    try:
        return parse_device_id(named)
    except InvalidId:
        raise _UNKNOWN from None


def check_key(given_key: bytes) -> bytes:
    """The key, unless it cannot be that of a device."""
    if not is_signature_key(given_key):
        raise Refusal("InvalidRequest", "The signature key is no Ed25519 public key.")
    return bytes(given_key)


def last_seen(device: Device) -> str:
    """The day on which a device was seen last, as a datetime."""
    return day_text(max(device.registered_day, device.last_seen_day))


def day_text(day: int) -> str:
    """The midnight with which a day begins, as a datetime: nothing finer is kept."""
    return bucket_text(day * _DAY)


def edge_bucket(edge: Edge) -> int:
    """The time as records may have it."""
    return bucket(edge.now(), edge.settings.log.received_bucket_seconds)


_UNKNOWN = Refusal("DeviceNotFound", "The device named is not one of yours.")
