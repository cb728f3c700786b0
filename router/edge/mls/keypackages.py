"""Key packages: published, taken, compared, withdrawn.

One hash names a package everywhere: its KeyPackageRef (RFC 9420 section 5.2) in hexadecimal. What a claim
takes is nobody else's until it lapses; the commit that adds the leaf uses it up (`ConsumeKeyPackage`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, UnsetType

from protocol import AccountDid, DeviceId, InvalidId, parse_account_did
from router.edge.commands import idempotency
from router.edge.errors import Refusal
from router.edge.handlers_device import edge_bucket
from router.edge.members import own_device
from router.edge.mls.account_log import restocked, running_low
from router.edge.mls.bytes import to_base64
from router.edge.mls.kept import moment
from router.edge.mls.packages import Offered
from router.edge.mls.stock import available, judged, publish, publisher
from router.edge.mls.suites import NAMES, NUMBERS
from router.edge.services import Call, Edge
from router.store.key_packages import ClaimedPackage, KeyPackage
from schema.wire import given, mls, mls_chat

_NOT_FOUND: Final = Refusal("KeyPackageNotFound", "The account has no key package of this hash.")
_NO_REFS: Final = Refusal("InvalidRequest", "A hash is a KeyPackageRef in hexadecimal.")
_LONGEST_REF: Final = 64


# -- published ---------------------------------------------------------------------------------------------


async def publish_one(edge: Edge, call: Call) -> mls.PublishKeyPackageOutput:
    """One package. A retry is answered as the first time, also when the package was used meanwhile."""
    body = call.value(mls.PublishKeyPackageInput)
    offers = (Offered(body.key_package, body.cipher_suite, _end(edge, body.expires)),)
    device = await publisher(edge, call.caller, body.device_id, offers)
    now = edge_bucket(edge)
    (package,) = await judged(edge, device, offers, int(edge.now()))
    if isinstance(package, Refusal):
        raise package
    key = idempotency(edge, call, body.idempotency_key)
    (refusal,) = await publish(edge, device, (package,), now, key)
    if refusal is not None:
        raise refusal
    await restocked(edge, device, now)
    return mls.PublishKeyPackageOutput(
        key_package_hash=package.ref.hex(), available=await available(edge, device, now)
    )


async def publish_many(edge: Edge, call: Call) -> mls.PublishKeyPackagesOutput:
    """A batch: each is judged by itself, and those that are good are in whatever the others are."""
    body = call.value(mls.PublishKeyPackagesInput)
    most = edge.settings.mls.max_batch
    if len(body.key_packages) > most:
        raise Refusal("BatchTooLarge", f"A batch has at most {most} key packages.")
    if not body.key_packages:
        raise Refusal("InvalidBatch", "The batch is empty.")
    offers = tuple(
        Offered(item.key_package, item.cipher_suite, moment(edge, "expires", item.expires))
        for item in body.key_packages
    )
    device = await publisher(edge, call.caller, body.device_id, offers)
    now = edge_bucket(edge)
    verdicts = await judged(edge, device, offers, int(edge.now()))
    good = [verdict for verdict in verdicts if isinstance(verdict, KeyPackage)]
    if len({package.ref for package in good}) != len(good):
        raise Refusal("InvalidBatch", "The batch has one key package twice.")
    outcomes = iter(await publish(edge, device, good, now) if good else ())
    errors = [
        (index, refusal)
        for index, verdict in enumerate(verdicts)
        if (refusal := verdict if isinstance(verdict, Refusal) else next(outcomes)) is not None
    ]
    refused = {index for index, _ in errors}
    if len(refused) < len(verdicts):
        await restocked(edge, device, now)
    return mls.PublishKeyPackagesOutput(
        succeeded=len(verdicts) - len(refused),
        failed=len(refused),
        errors=tuple(
            mls.PublishKeyPackagesBatchError(index=index, error=f"{refusal.error}: {refusal.message}")
            for index, refusal in errors
        ),
        hashes=tuple(
            verdict.ref.hex()
            for index, verdict in enumerate(verdicts)
            if isinstance(verdict, KeyPackage) and index not in refused
        ),
        available=await available(edge, device, now),
    )


# -- taken -------------------------------------------------------------------------------------------------


async def take(edge: Edge, call: Call) -> mls.GetKeyPackagesOutput:
    """One package of each device of these accounts; of the caller's own account, of its other devices."""
    params = call.value(mls.GetKeyPackagesParams)
    targets = tuple(dict.fromkeys(_account(did) for did in params.dids))
    most = edge.settings.mls.max_targets
    if len(targets) > most:
        raise Refusal("TooManyDids", f"Key packages of at most {most} accounts are given at once.")
    name = given(params.cipher_suite)
    suite = None if name is None else NUMBERS.get(name)
    taken: list[tuple[AccountDid, ClaimedPackage]] = []
    if name is None or suite is not None:
        edge.admission.take_key_packages(targets, by=call.account)
        for target in targets:
            taken += [(target, each) for each in await claim(edge, call, target, suite=suite)]
    found = {target for target, _ in taken}
    return mls.GetKeyPackagesOutput(
        key_packages=tuple(claimed_view(target, each) for target, each in taken),
        missing=tuple(target for target in targets if target not in found),
    )


async def claim(
    edge: Edge, call: Call, target: AccountDid, *, suite: int | None, device: DeviceId | None = None
) -> list[ClaimedPackage]:
    """Take from one account, and tell its devices where little is left. The caller has counted it."""
    now = edge_bucket(edge)
    taken = await edge.store.claim_key_packages(
        call.account,
        target,
        suite=suite,
        device=device,
        besides=call.caller.device if target == call.account else None,
        now=now,
        ttl=edge.settings.mls.claim_ttl,
    )
    await running_low(edge, target, taken)
    return taken


def claimed_view(account: AccountDid, taken: ClaimedPackage) -> mls.KeyPackageRef:
    """A taken package as the contract shows it. How many are left is its owner's business."""
    return mls.KeyPackageRef(
        did=account,
        key_package=to_base64(taken.package),
        cipher_suite=NAMES[taken.suite],
        device_id=taken.device,
        key_package_hash=taken.ref.hex(),
        last_resort=True if taken.last_resort else UNSET,
    )


def _account(did: str) -> AccountDid:
    try:
        return parse_account_did(did)
    except InvalidId:
        raise Refusal("InvalidDid", "A DID names an account, without a device.") from None


# -- compared and withdrawn --------------------------------------------------------------------------------


async def sync(edge: Edge, call: Call) -> mls.SyncKeyPackagesOutput:
    """Withdraw what the device does not have any more.

    Hashes of which this server knows none at all are of another kind than KeyPackageRefs: to believe them
    would empty the stock, so nothing is withdrawn.
    """
    body = call.value(mls.SyncKeyPackagesInput)
    device, now = await _device(edge, call, body.device_id), edge_bucket(edge)
    local = refs_of(body.local_hashes)
    before = [package.ref for package in await edge.store.key_packages(device)]
    kept = set(local)
    orphaned = [ref for ref in before if ref not in kept]
    if local and before and len(orphaned) == len(before):
        known = [await edge.store.key_package(ref) for ref in local]
        if not any(record is not None and record.account == call.account for record in known):
            raise Refusal("InvalidRequest", "None of these is the KeyPackageRef of a package of yours.")
    dropped = await edge.store.drop_key_packages(call.account, orphaned, device=device, now=now)
    stock = await edge.store.key_package_stock(call.account, device=device, now=now)
    return mls.SyncKeyPackagesOutput(
        server_hashes=hexes(before),
        orphaned_count=len(orphaned),
        deleted_count=len(dropped),
        orphaned_hashes=hexes(orphaned),
        remaining_available=sum(suite.available for suite in stock),
        device_id=device,
    )


async def reconcile(edge: Edge, call: Call) -> mls_chat.ReconcileKeyPackagesOutput:
    """The same difference; nothing is withdrawn."""
    body = call.value(mls_chat.ReconcileKeyPackagesInput)
    device = await _device(edge, call, body.device_id)
    found = await edge.store.reconcile_key_packages(device, refs_of(body.local_hashes), now=edge_bucket(edge))
    return mls_chat.ReconcileKeyPackagesOutput(
        server_only=hexes(found.server_only),
        local_only=hexes(found.local_only),
        total=await edge.store.count_key_packages(device),
        device_verified=call.caller.kind == "device" and call.caller.device == device,
    )


async def invalidate(edge: Edge, call: Call) -> mls_chat.InvalidateKeyPackageOutput:
    """Withdraw one package of the caller's."""
    body = call.value(mls_chat.InvalidateKeyPackageInput)
    account, _, named = body.device_did.partition("#")
    if account != call.account or call.caller.device not in (None, named):
        raise Refusal("Unauthorized", "A key package is withdrawn by its own device or account.")
    refs = refs_of((body.key_package_hash,), _NOT_FOUND)
    record = await edge.store.key_package(refs[0])
    if record is None or record.account != call.account or record.device != named:
        raise _NOT_FOUND
    dropped = await edge.store.drop_key_packages(
        call.account, refs, device=record.device, now=edge_bucket(edge)
    )
    return mls_chat.InvalidateKeyPackageOutput(marked=bool(dropped), already_dead=not dropped)


async def _device(edge: Edge, call: Call, named: str) -> DeviceId:
    if call.caller.device not in (None, named):
        raise Refusal("Unauthorized", "A device's key packages are its own business.")
    return await own_device(edge.store, call.account, named)


def refs_of(hashes: Sequence[str], refusal: Refusal = _NO_REFS) -> tuple[bytes, ...]:
    """The refs that these texts spell; raises `refusal` for one that cannot be a ref."""
    try:
        refs = tuple(bytes.fromhex(text) for text in hashes)
    except ValueError:
        raise refusal from None
    if not all(0 < len(ref) <= _LONGEST_REF for ref in refs):
        raise refusal
    return refs


def hexes(refs: Sequence[bytes]) -> tuple[str, ...]:
    """Refs as the contract's hashes."""
    return tuple(ref.hex() for ref in refs)


def _end(edge: Edge, text: str | UnsetType) -> int | None:
    value = given(text)
    return None if value is None else moment(edge, "expires", value)
