"""The ledger's page for accounts and devices that are made: each function is one request.

As everywhere in the ledger: whatever could refuse is looked at before the first write.
"""

from msgspec.structs import replace

from router.store.audit import AuditFact
from router.store.sqlite import key_packages, results
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.requests import AccountMade, CreateAccount, RegisterDevice
from router.store.values import (
    Account,
    Device,
    DeviceRegistered,
    DuplicatePublicKey,
    NameTaken,
    RegisterOutcome,
    TooManyDevices,
)


def create_account(execute: Execute, record: Record, request: CreateAccount) -> AccountMade | NameTaken:
    wanted = request.account
    rows = [
        row
        for name, value in (("account", wanted.did), ("account_by_name", wanted.name))
        if (row := execute(SQL[name], (value,)).fetchone()) is not None
    ]
    for row in rows:
        account = Account(*row)
        same = (account.did, account.name, account.verification_key) == (
            wanted.did,
            wanted.name,
            wanted.verification_key,
        )
        return AccountMade(account) if same else NameTaken(wanted.name)
    execute(SQL["insert_account"], (wanted.did, wanted.name, wanted.verification_key, wanted.created_day))
    record((AuditFact("account.created", subject=wanted.did),), request.now)
    return AccountMade(wanted)


def register_device(execute: Execute, record: Record, request: RegisterDevice) -> RegisterOutcome:
    answered = results.answered(execute, request.idempotency, request.now)
    if answered is not None:
        return answered
    device = request.device
    row = execute(SQL["device_by_key"], (device.signature_key,)).fetchone()
    if row is not None:
        known = Device(*row)
        if known.account != device.account:
            return DuplicatePublicKey()
        standing = replace(known, name=device.name)
        execute(SQL["rename_device"], (device.name, known.id))
    else:
        (count,) = execute(SQL["count_devices"], (device.account,)).fetchone()
        if count >= request.max_devices:
            return TooManyDevices(request.max_devices)
        standing = device
        execute(
            SQL["insert_device"],
            (
                device.id,
                device.account,
                device.name,
                device.signature_key,
                device.registered_day,
                device.last_seen_day,
            ),
        )
        record((AuditFact("device.registered", device.account, device.id),), request.now)
    verdicts = key_packages.take(
        execute,
        standing.account,
        standing.id,
        request.key_packages,
        request.now,
        request.max_packages,
    )
    results.keep(execute, request.idempotency)
    return DeviceRegistered(standing, created=row is None, verdicts=verdicts)
