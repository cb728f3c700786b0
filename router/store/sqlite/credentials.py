"""The ledger's page for devices, API keys and suspended accounts: each function is one request.

As everywhere in the ledger: whatever could refuse is looked at before the first write.
"""

import msgspec
from msgspec.structs import replace

from protocol import AccountDid, DeviceId
from router.store import rules
from router.store.audit import AuditFact
from router.store.credentials import (
    AccountUnknown,
    ApiKey,
    ApiKeyConflict,
    ApiKeyMade,
    ApiKeyUnknown,
    DeviceChanged,
    DeviceRevoked,
    DeviceUnknown,
    Recovered,
    TooManyApiKeys,
)
from router.store.sqlite import groups, key_packages, results
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.requests import (
    Changed,
    Done,
    KeepApiKey,
    MarkSeen,
    Outcome,
    RecoverAccount,
    RenameDevice,
    RevokeApiKey,
    RevokeDevice,
    RotateDeviceKey,
    Suspend,
)
from router.store.values import Account, Device, DuplicatePublicKey

Row = tuple[str, str, str, str, str, str, int]


def read_api_key(row: Row) -> ApiKey:
    """A row of `api_keys`."""
    name, account, device, title, methods, digest, day = row
    wanted = msgspec.json.decode(methods, type=tuple[str, ...])
    return ApiKey(name, AccountDid(account), DeviceId(device), title, wanted, digest, day)


def rename_device(execute: Execute, _: Record, request: RenameDevice) -> Outcome:
    device = _device(execute, request.account, request.device)
    if device is None:
        return DeviceUnknown()
    execute(SQL["rename_device"], (request.name, device.id))
    return DeviceChanged(replace(device, name=request.name))


def rotate_device_key(execute: Execute, record: Record, request: RotateDeviceKey) -> Outcome:
    answered = results.answered(execute, request.idempotency, request.now)
    if answered is not None:
        return answered
    outcome = _rotated(execute, record, request)
    if isinstance(outcome, DeviceChanged):
        results.keep(execute, request.idempotency)
    return outcome


def _rotated(execute: Execute, record: Record, request: RotateDeviceKey) -> Outcome:
    device = _device(execute, request.account, request.device)
    if device is None:
        return DeviceUnknown()
    if device.signature_key == request.signature_key:
        return DeviceChanged(device)
    if execute(SQL["device_by_key"], (request.signature_key,)).fetchone() is not None:
        return DuplicatePublicKey()
    execute(SQL["set_device_key"], (request.signature_key, device.id))
    record((AuditFact("device.key-rotated", device.account, device.id),), request.now)
    return DeviceChanged(replace(device, signature_key=request.signature_key))


def revoke_device(execute: Execute, record: Record, request: RevokeDevice) -> Outcome:
    device = _device(execute, request.account, request.device)
    if device is None:
        return DeviceUnknown()
    revoked = _delete_device(execute, device.id)
    record((AuditFact("device.revoked", device.account, device.id),), request.now)
    return revoked


def mark_seen(execute: Execute, _: Record, request: MarkSeen) -> Outcome:
    devices = msgspec.json.encode(request.devices).decode()
    execute(SQL["mark_seen"], (request.day, devices, request.day))
    return Done()


def keep_api_key(execute: Execute, record: Record, request: KeepApiKey) -> Outcome:
    key = request.key
    if _device(execute, key.account, key.device) is None:
        return DeviceUnknown()
    row = execute(SQL["api_key"], (key.id,)).fetchone()
    if row is not None:
        known = read_api_key(row)
        if replace(known, hash=key.hash, created_day=key.created_day) != key:
            return ApiKeyConflict()
        execute(SQL["renew_api_key"], (key.hash, key.id))
        record((AuditFact("api-key.renewed", key.account, key.device, detail=key.id),), request.now)
        return ApiKeyMade(renewed=True)
    if request.replaces is not None:
        old = execute(SQL["api_key"], (request.replaces,)).fetchone()
        if old is None or read_api_key(old).account != key.account:
            return ApiKeyUnknown()
    (count,) = execute(SQL["count_api_keys"], (key.account,)).fetchone()
    if count - (request.replaces is not None) >= request.max_keys:
        return TooManyApiKeys(request.max_keys)
    if request.replaces is not None:
        execute(SQL["delete_api_key"], (request.replaces, key.account))
    methods = msgspec.json.encode(key.methods).decode()
    execute(
        SQL["insert_api_key"],
        (key.id, key.account, key.device, key.name, methods, key.hash, key.created_day),
    )
    record((AuditFact("api-key.created", key.account, key.device, detail=key.id),), request.now)
    return ApiKeyMade(renewed=False)


def revoke_api_key(execute: Execute, record: Record, request: RevokeApiKey) -> Outcome:
    if not execute(SQL["delete_api_key"], (request.key, request.account)).rowcount:
        return Changed(changed=False)
    record((AuditFact("api-key.revoked", AccountDid(request.account), detail=request.key),), request.now)
    return Changed(changed=True)


def suspend(execute: Execute, record: Record, request: Suspend) -> Outcome:
    if request.suspended:
        cursor = execute(SQL["suspend"], (request.account, rules.day_of(request.now)))
    else:
        cursor = execute(SQL["restore"], (request.account,))
    if not cursor.rowcount:
        return Changed(changed=False)
    act = "account.disabled" if request.suspended else "account.enabled"
    record((AuditFact(act, subject=request.account),), request.now)
    return Changed(changed=True)


def recover_account(execute: Execute, record: Record, request: RecoverAccount) -> Outcome:
    row = execute(SQL["account"], (request.account,)).fetchone()
    if row is None:
        return AccountUnknown()
    account = replace(Account(*row), verification_key=request.verification_key)
    execute(SQL["set_account_key"], (account.verification_key, account.did))
    record((AuditFact("account.recovered", subject=account.did),), request.now)
    # fetchall runs a statement with RETURNING to its end
    passkeys = sorted(name for (name,) in execute(SQL["delete_passkeys_of"], (account.did,)).fetchall())
    gone = [AuditFact("passkey.revoked", subject=account.did, detail=name) for name in passkeys]
    record(gone, request.now)
    if execute(SQL["unlink_identities"], (account.did,)).rowcount:
        record((AuditFact("account.unlinked", subject=account.did),), request.now)
    if request.keep_devices:
        return Recovered(account, (), ())
    devices = [Device(*each).id for each in execute(SQL["devices_of"], (account.did,)).fetchall()]
    api_keys: list[str] = []
    for device in devices:
        api_keys += _delete_device(execute, device).api_keys
        record((AuditFact("device.revoked", subject=device),), request.now)
    return Recovered(account, tuple(devices), tuple(api_keys))


def _device(execute: Execute, account: str, device: str) -> Device | None:
    row = execute(SQL["device_of"], (device, account)).fetchone()
    return None if row is None else Device(*row)


def _delete_device(execute: Execute, device: DeviceId) -> DeviceRevoked:
    # fetchall runs a statement with RETURNING to its end
    keys = execute(SQL["delete_device_api_keys"], (device,)).fetchall()
    packages = key_packages.forget_device(execute, device)
    execute(SQL["delete_device_welcomes"], (device,))
    groups.forget_device(execute, device)
    execute(SQL["delete_read_marks"], (device,))
    execute(SQL["delete_device"], (device,))
    return DeviceRevoked(packages, tuple(sorted(name for (name,) in keys)))
