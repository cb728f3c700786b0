"""Who finds out about blocks, and how hard it tries."""

from collections.abc import Callable

from router.blocks.cache import BlockCache, BlockTimes
from router.blocks.hosts import Hosts
from router.blocks.pds import PdsRecords
from router.blocks.service import Blocks, BlockSource, Report
from router.config import Settings, loopback_hosts
from router.identity.resolver import Resolver
from router.identity.service import ServiceIdentity
from router.identity.sources import system_network, web_fetcher


def make_blocks(
    settings: Settings,
    service: ServiceIdentity,
    resolver: Resolver,
    *,
    now: Callable[[], float],
    report: Report,
) -> Blocks:
    """Wire it; `now` gives Unix seconds."""
    chosen = settings.blocks
    cache = BlockCache(
        times=BlockTimes(
            fresh=chosen.fresh, unknown=chosen.unknown, stale=chosen.stale, interval=chosen.claim_interval
        ),
        claims_per_minute=chosen.claims_per_minute,
        max_items=chosen.accounts,
        max_bytes=chosen.cache_bytes,
    )
    return Blocks(
        service,
        _source(settings, resolver),
        cache,
        now=now,
        look_seconds=chosen.lookup_timeout,
        retry_after=chosen.unknown,
        report=report,
    )


def _source(settings: Settings, resolver: Resolver) -> BlockSource:
    chosen = settings.blocks
    return PdsRecords(
        resolver,
        web_fetcher(settings.identity, system_network(settings.identity)),
        Hosts(at_once=chosen.max_lookups_per_host, per_minute=chosen.requests_per_host),
        loopback_hosts=loopback_hosts(settings.identity),
        max_at_once=chosen.max_lookups,
        request_seconds=chosen.request_timeout,
        max_records=chosen.max_records,
        max_bytes=chosen.max_bytes,
    )
