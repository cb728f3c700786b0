"""The parts that look outside, put together from settings: for the server and for the command line.

Two rules of where a name may lead: the directory is the operator's choice and may be anywhere, inside the
house too; a did:web host is a stranger's choice and may be public only (`address_guard`).
"""

import ssl
from collections.abc import Mapping

import attrs
import httpx

from router.config.origin import loopback_hosts, parse_origin
from router.config.sections import Identity
from router.identity.dialer import Connect, Dialer, LookUp, SystemNames, anywhere, connect, only_public
from router.identity.did_cache import CacheTimes, DidCache
from router.identity.fetch import Fetcher
from router.identity.lookup import Source
from router.identity.outside import OutsideResolver, Report
from router.identity.plc import PlcDirectory
from router.identity.web import WebHosts


@attrs.frozen
class Network:
    """How names become addresses and addresses connections, and whose certificates count.

    Tests hand in one of their own (`router.testing.Internet`).
    """

    tls: ssl.SSLContext
    connect: Connect = connect
    look_up: LookUp | None = None
    """None: the system's, with threads of its own for each source."""


def system_network(settings: Identity) -> Network:
    """The real one. Raises `OSError` when `identity.ca_file` cannot be read or holds no certificate.

    Without a file the authorities are those of httpx (certifi's, or `SSL_CERT_FILE`), as for every other
    client of this project.
    """
    if settings.ca_file is None:
        return Network(httpx.create_ssl_context())
    return Network(ssl.create_default_context(cafile=str(settings.ca_file)))


def web_fetcher(settings: Identity, network: Network) -> Fetcher:
    """Fetches from hosts that strangers name."""
    accept = only_public(loopback_hosts(settings))
    return Fetcher(Dialer(accept, look_up=network.look_up, connect=network.connect), network.tls)


def sources(settings: Identity, network: Network) -> Mapping[str, Source]:
    """Who looks for the DIDs of which method; nobody for any where accounts of elsewhere are not wanted."""
    if not settings.outside_accounts:
        return {}
    # threads of its own: strangers' name servers must not keep the directory's name from being looked up
    look_up = SystemNames(4) if network.look_up is None else network.look_up
    directory = Fetcher(Dialer(anywhere, look_up=look_up, connect=network.connect), network.tls)
    origin = parse_origin(settings.plc_url)
    return {
        "plc": PlcDirectory(directory, origin, verify_log=settings.plc_verify_log),
        "web": WebHosts(web_fetcher(settings, network), loopback_hosts(settings)),
    }


def outside_resolver(
    settings: Identity, network: Network | None = None, *, report: Report = lambda _what, _error: None
) -> OutsideResolver:
    """The resolver for accounts that live elsewhere, as the settings want it."""
    cache = DidCache(
        times=CacheTimes(
            fresh=settings.document_fresh,
            stale=settings.document_stale,
            negative=settings.absence,
            brake=settings.refresh_interval,
        ),
        forced_per_minute=settings.refreshes_per_minute,
        max_items=settings.documents,
        max_bytes=settings.document_bytes,
    )
    if network is None and settings.outside_accounts:
        network = system_network(settings)
    return OutsideResolver(
        {} if network is None else sources(settings, network),
        cache,
        look_seconds=settings.lookup_timeout,
        max_at_once=settings.max_lookups,
        report=report,
    )
