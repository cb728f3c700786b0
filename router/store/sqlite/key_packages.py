"""The ledger's and the reader's page for key packages: each public function is one request or one read.

As everywhere in the ledger: whatever could refuse is looked at before the first write.
"""

from collections.abc import Iterable, Sequence

from protocol import AccountDid, ConsumeKeyPackage, ConversationId, DeviceId
from router.store.key_packages import (
    ClaimedPackage,
    HistoryPage,
    KeyPackage,
    KeyPackageHeld,
    KeyPackageRecord,
    KeyPackageReserved,
    KeyPackageSpent,
    KeyPackageState,
    KeyPackageUnknown,
    NoSuchDevice,
    Published,
    SuiteStock,
    may_consume,
)
from router.store.sqlite import results
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.mls_requests import (
    ClaimKeyPackages,
    DropKeyPackages,
    PackagesClaimed,
    PackagesDropped,
    PublishKeyPackages,
    ReserveKeyPackage,
)
from router.store.values import AlreadyAnswered, LapsedClaims, PublishVerdict

_DAY = 86_400
_NO_LIMIT = 2**62
_RecordRow = tuple[
    int,
    bytes,
    DeviceId | None,
    AccountDid | None,
    int,
    int,
    KeyPackageState | None,
    AccountDid | None,
    int,
    int,
    int | None,
    ConversationId | None,
]

# -- into the stock --------------------------------------------------------------------------------------


def publish(
    execute: Execute, _: Record, request: PublishKeyPackages
) -> Published | NoSuchDevice | AlreadyAnswered:
    answered = results.answered(execute, request.idempotency, request.now)
    if answered is not None:
        return answered
    if execute(SQL["device_of"], (request.device, request.account)).fetchone() is None:
        return NoSuchDevice()
    verdicts = take(
        execute, request.account, request.device, request.packages, request.now, request.max_packages
    )
    if all(verdict == "ok" for verdict in verdicts):
        results.keep(execute, request.idempotency)
    return Published(verdicts)


def take(
    execute: Execute, account: str, device: str, packages: Iterable[KeyPackage], now: int, most: int
) -> tuple[PublishVerdict, ...]:
    """Put packages into a device's stock; a verdict for each."""
    return tuple([_take_one(execute, account, device, package, now, most) for package in packages])


def _take_one(
    execute: Execute, account: str, device: str, package: KeyPackage, now: int, most: int
) -> PublishVerdict:
    known = execute(SQL["known_package"], (package.ref,)).fetchone()
    if known is not None:
        return "duplicate" if known == (device, None) else "reused"
    if package.scheme:
        bound = execute(SQL["scheme_key"], (device, package.scheme)).fetchone()
        owner = execute(SQL["scheme_key_owner"], (package.scheme, package.signature_key)).fetchone()
        if bound not in (None, (package.signature_key,)) or owner not in (None, (device,)):
            return "other-key"
    (stock,) = execute(SQL["count_usable_packages"], (device, now)).fetchone()
    if stock >= most:
        return "too-many"
    if package.scheme:
        execute(SQL["bind_scheme_key"], (device, package.scheme, package.signature_key))
    execute(
        SQL["insert_key_package"],
        (
            package.ref,
            device,
            account,
            package.suite,
            package.last_resort,
            package.scheme,
            now,
            package.not_after,
            package.package,
        ),
    )
    return "ok"


# -- out of it -------------------------------------------------------------------------------------------


def claim(execute: Execute, _: Record, request: ClaimKeyPackages) -> PackagesClaimed:
    owned = [row[0] for row in execute(SQL["devices_of"], (request.target,)).fetchall()]
    asked = [one for one in owned if one != request.besides and request.device in (None, one)]
    claimed = [_claim_one(execute, request, device) for device in asked]
    return PackagesClaimed(tuple(one for one in claimed if one is not None))


def _claim_one(execute: Execute, request: ClaimKeyPackages, device: DeviceId) -> ClaimedPackage | None:
    suite, now = request.suite, request.now
    until = now + request.ttl
    # fetchall runs a statement with RETURNING to its end
    if suite is None:
        rows = execute(SQL["claim_package"], (request.claimer, until, device, now)).fetchall()
    else:
        rows = execute(SQL["claim_package_of_suite"], (request.claimer, until, device, suite, now)).fetchall()
    if not rows:
        rows = execute(SQL["last_resort"], (device, now, suite, suite)).fetchall()
    if not rows:
        return None
    ref, suite, package, last_resort = rows[0]
    (remaining,) = execute(SQL["count_claimable"], (device, suite, now)).fetchone()
    return ClaimedPackage(device, ref, suite, package, bool(last_resort), remaining)


def reserve(
    execute: Execute, _: Record, request: ReserveKeyPackage
) -> KeyPackageReserved | KeyPackageHeld | KeyPackageSpent | KeyPackageUnknown:
    row = execute(SQL["package_record"], (request.ref,)).fetchone()
    if row is None or row[3] != request.account:
        return KeyPackageUnknown()
    record, claimed_by = _record(row[:-1]), row[7]
    if record.state in ("consumed", "dropped") or record.not_after <= request.now:
        return KeyPackageSpent(record)
    if claimed_by not in (None, request.account):
        return KeyPackageHeld()
    until = request.now + request.ttl
    execute(SQL["reserve_package"], (request.account, until, request.ref))
    row = execute(SQL["package_record"], (request.ref,)).fetchone()
    return KeyPackageReserved(until, _record(row[:-1]))


def drop(execute: Execute, _: Record, request: DropKeyPackages) -> PackagesDropped:
    device = request.device
    dropped = [
        ref
        for ref in request.refs
        if execute(SQL["drop_package"], (request.now, ref, request.account, device, device)).rowcount
    ]
    return PackagesDropped(tuple(dropped))


def may_be_consumed(execute: Execute, effect: ConsumeKeyPackage) -> bool:
    """Whether the effect's condition holds (`may_consume`)."""
    row = execute(SQL["package_record"], (effect.ref,)).fetchone()
    return may_consume(
        None if row is None else _record(row[:-1]),
        device=effect.device,
        claimed_by=None if row is None else row[7],
        claimed_until=0 if row is None else row[-1] or 0,
        by=effect.by,
        now=effect.now,
    )


def consume(execute: Execute, effect: ConsumeKeyPackage, conversation: int) -> None:
    """Carry the effect out; one of last resort stays."""
    execute(SQL["consume_package"], (effect.now, conversation, effect.ref))


def forget_device(execute: Execute, device: DeviceId) -> int:
    """Leave only tombstones that name nobody; how many packages were in stock."""
    dropped = execute(SQL["drop_device_packages"], (device,)).rowcount
    execute(SQL["forget_device_packages"], (device,))
    execute(SQL["delete_scheme_keys"], (device,))
    return dropped


def expire(execute: Execute, now: int, limit: int, lapsed: LapsedClaims) -> tuple[int, int]:
    """Delete what is over, end claims that lapsed; how many of each."""
    over = execute(SQL["sweep_packages"], (now, limit)).rowcount
    claims = execute(SQL["lapsed_claims"], (now, limit)).fetchall()
    for key, own in claims:
        if lapsed == "destroy" and not own:
            execute(SQL["destroy_package"], (now, key))
        else:
            execute(SQL["return_package"], (key,))
    return over, len(claims)


# -- reads -----------------------------------------------------------------------------------------------


def read_record(execute: Execute, ref: bytes) -> KeyPackageRecord | None:
    """See `Store.key_package`."""
    row = execute(SQL["package_record"], (ref,)).fetchone()
    return None if row is None else _record(row[:-1])


def read_packages(execute: Execute, device: DeviceId) -> list[KeyPackage]:
    """See `Store.key_packages`."""
    return [
        KeyPackage(ref, suite, package, not_after, bool(last_resort), scheme, key or b"")
        for ref, suite, package, not_after, last_resort, scheme, key in execute(
            SQL["key_packages"], (device,)
        ).fetchall()
    ]


def read_count(execute: Execute, device: DeviceId) -> int:
    """See `Store.count_key_packages`."""
    (count,) = execute(SQL["count_key_packages"], (device,)).fetchone()
    return int(count)


def read_stock(execute: Execute, account: AccountDid, device: DeviceId | None, now: int) -> list[SuiteStock]:
    """See `Store.key_package_stock`."""
    rows = execute(SQL["package_stock"], (now - _DAY, now - 7 * _DAY, account, now, device, device))
    return [
        SuiteStock(
            suite,
            available=available,
            claimed=claimed,
            consumed=consumed,
            consumed_day=day,
            consumed_week=week,
            last_resorts=last_resorts,
            next_expiry=next_expiry,
        )
        for suite, available, claimed, consumed, day, week, last_resorts, next_expiry in rows.fetchall()
    ]


def read_history(
    execute: Execute, account: AccountDid, consumed: bool, before: int | None, limit: int
) -> HistoryPage:
    """See `Store.key_package_history`."""
    asked = (account, _NO_LIMIT if before is None else before, not consumed, limit + 1)
    records = [_record(row) for row in execute(SQL["package_history"], asked).fetchall()]
    return HistoryPage(records[:limit], records[limit - 1].number if len(records) > limit else None)


def read_usable_refs(execute: Execute, device: DeviceId, now: int) -> Sequence[bytes]:
    """Refs of the packages in stock that have not expired."""
    return [ref for (ref,) in execute(SQL["usable_refs"], (device, now)).fetchall()]


def read_scheme_keys(execute: Execute, device: DeviceId) -> dict[int, bytes]:
    """See `Store.scheme_keys`."""
    return dict(execute(SQL["scheme_keys"], (device,)).fetchall())


def _record(row: _RecordRow) -> KeyPackageRecord:
    (
        number,
        ref,
        device,
        account,
        suite,
        last_resort,
        ended,
        claimed_by,
        published,
        not_after,
        spent,
        conversation,
    ) = row
    state: KeyPackageState = ended or ("available" if claimed_by is None else "claimed")
    return KeyPackageRecord(
        number,
        ref,
        device,
        account,
        suite,
        bool(last_resort),
        state,
        published,
        not_after,
        spent,
        conversation,
    )
