"""What an account is told of its key packages: how many there are, what became of them."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from protocol import DeviceId, bucket_text
from router.edge.errors import Refusal
from router.edge.handlers_device import edge_bucket
from router.edge.members import own_device
from router.edge.mls.suites import NAMES, NUMBERS
from router.edge.services import Call, Edge
from router.store.key_packages import KeyPackageRecord
from schema.wire import given, mls

_DAY: Final = 86_400
_WEEK: Final = 7
_HOUR: Final = 3_600


async def stats(edge: Edge, call: Call) -> mls.GetKeyPackageStatsOutput:
    """How many there are, and how long they will do."""
    params = call.value(mls.GetKeyPackageStatsParams)
    if given(params.did) not in (None, call.account):
        raise Refusal("InvalidDid", "What others have left is not told.")
    device, now = await _device(edge, call, params.device_id), edge_bucket(edge)
    name = given(params.cipher_suite)
    stock = [
        suite
        for suite in await edge.store.key_package_stock(call.account, device=device, now=now)
        if name is None or suite.suite == NUMBERS.get(name)
    ]
    available = sum(suite.available for suite in stock)
    consumed = sum(suite.consumed for suite in stock)
    week = sum(suite.consumed_week for suite in stock)
    daily = -(-week // _WEEK)
    threshold = edge.settings.mls.low_stock
    ends = [suite.next_expiry for suite in stock if suite.next_expiry is not None]
    return mls.GetKeyPackageStatsOutput(
        available=available,
        threshold=threshold,
        needs_replenish=available < threshold,
        oldest_expires_in=_duration(min(ends) - now) if ends else UNSET,
        by_cipher_suite=tuple(
            mls.GetKeyPackageStatsCipherSuiteStats(
                cipher_suite=NAMES[suite.suite], available=suite.available, consumed=suite.consumed
            )
            for suite in stock
        ),
        total=sum(each.available + each.claimed + each.consumed + each.last_resorts for each in stock),
        consumed=consumed,
        consumed_last24h=sum(suite.consumed_day for suite in stock),
        consumed_last7d=week,
        average_daily_consumption=daily,
        predicted_depletion_days=available // daily if daily else UNSET,
    )


async def status(edge: Edge, call: Call) -> mls.GetKeyPackageStatusOutput:
    """Counts, and a page of those that were used."""
    params = call.value(mls.GetKeyPackageStatusParams)
    device = await _device(edge, call, params.device_id)
    stock = await edge.store.key_package_stock(call.account, device=device, now=edge_bucket(edge))
    records, cursor = await _page(edge, call, params.limit, params.cursor, device, consumed=True)
    available = sum(suite.available + suite.last_resorts for suite in stock)
    consumed = sum(suite.consumed for suite in stock)
    reserved = sum(suite.claimed for suite in stock)
    return mls.GetKeyPackageStatusOutput(
        total_uploaded=available + consumed + reserved,
        available=available,
        consumed=consumed,
        reserved=reserved,
        consumed_packages=tuple(
            mls.GetKeyPackageStatusConsumedPackageView(
                key_package_hash=record.ref.hex(),
                used_in_group=record.conversation or UNSET,
                consumed_at=bucket_text(record.published if record.spent is None else record.spent),
                cipher_suite=NAMES[record.suite],
            )
            for record in records
        ),
        cursor=cursor,
    )


async def history(edge: Edge, call: Call) -> mls.GetKeyPackageHistoryOutput:
    """When they came and what became of them, newest first."""
    params = call.value(mls.GetKeyPackageHistoryParams)
    device = await _device(edge, call, params.device_id)
    records, cursor = await _page(edge, call, params.limit, params.cursor, device, consumed=False)
    return mls.GetKeyPackageHistoryOutput(
        history=tuple(
            mls.GetKeyPackageHistoryKeyPackageHistoryEntry(
                package_id=record.ref.hex(),
                created_at=bucket_text(record.published),
                consumed_at=(
                    bucket_text(record.spent)
                    if record.state == "consumed" and record.spent is not None
                    else UNSET
                ),
                consumed_for_convo=record.conversation or UNSET,
                device_id=record.device or UNSET,
                cipher_suite=NAMES[record.suite],
            )
            for record in records
        ),
        cursor=cursor,
    )


async def _device(edge: Edge, call: Call, named: str | UnsetType) -> DeviceId | None:
    text = given(named)
    return None if text is None else await own_device(edge.store, call.account, text)


async def _page(
    edge: Edge, call: Call, limit: int, cursor: str | UnsetType, device: DeviceId | None, *, consumed: bool
) -> tuple[list[KeyPackageRecord], str | UnsetType]:
    """A page is full or the last one: packages of other devices take no room on it."""
    text = given(cursor)
    before = None if text is None else edge.cursors.row(call.account, text)
    found: list[KeyPackageRecord] = []
    while True:
        page = await edge.store.key_package_history(
            call.account, consumed=consumed, before=before, limit=limit - len(found)
        )
        found += [record for record in page.records if device is None or record.device == device]
        before = page.next
        if before is None or len(found) >= limit:
            return found, UNSET if before is None else edge.cursors.page(call.account, before)


def _duration(seconds: int) -> str:
    """An ISO 8601 duration to the hour: what ends sooner than in an hour ends now."""
    days, rest = divmod(max(0, seconds), _DAY)
    return f"P{days}DT{rest // _HOUR}H"
