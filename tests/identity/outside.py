"""The world outside for tests: a directory, hosts with certificates, and the resolver that looks at them."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio
import trustme

from router.config import Identity
from router.identity.outside import OutsideResolver
from router.identity.sources import outside_resolver
from router.testing import DidDirectory, Internet, WebAccount, open_did_directory

PLC_HOST = "plc.example.com"
PLC_ADDRESS = "198.41.0.4"
WEB_ADDRESS = "93.184.216.34"


@attrs.frozen
class Outside:
    """An internet with a did:plc directory and hosts of did:web, all over https at public addresses."""

    internet: Internet
    directory: DidDirectory
    hosts: DidDirectory
    authority: trustme.CA
    resolver: OutsideResolver

    def put_web(self, *accounts: WebAccount) -> None:
        """Serve these accounts, each at its own name, all at one address."""
        self.hosts.put(*accounts)
        for account in accounts:
            self.internet.names[account.web_name] = [[WEB_ADDRESS]]


@asynccontextmanager
async def open_outside(settings: Identity | None = None, *host_names: str) -> AsyncIterator[Outside]:
    """The world for the block; `host_names` are those the did:web hosts have a certificate for."""
    authority = trustme.CA()
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with (
        open_did_directory(server_tls(authority, PLC_HOST)) as directory,
        open_did_directory(server_tls(authority, *(host_names or ("*.example.net",)))) as hosts,
    ):
        internet = Internet(client)
        internet.names[PLC_HOST] = [[PLC_ADDRESS]]
        internet.routes[PLC_ADDRESS, 443] = directory.port
        internet.routes[WEB_ADDRESS, 443] = hosts.port
        chosen = Identity(plc_url=f"https://{PLC_HOST}") if settings is None else settings
        resolver = outside_resolver(chosen, internet.network())
        async with trio.open_nursery() as nursery:
            await nursery.start(resolver.run)
            yield Outside(internet, directory, hosts, authority, resolver)
            nursery.cancel_scope.cancel()


def server_tls(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """A server's TLS with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context
