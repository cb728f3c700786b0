"""A small internet: host names with the addresses a name server gives, addresses with a local port behind.

    internet = Internet(tls)
    internet.names["alice.example.com"] = [["93.184.216.34"], ["127.0.0.1"]]   # the second look is another
    internet.routes["93.184.216.34", 443] = directory.port
    sources(settings, internet.network())

The address guard in between is the real one; so are the sockets and TLS. What nobody may do in a test is
reach the real internet: an address without a route is refused.
"""

import ssl
from collections.abc import Sequence

import attrs
import trio

from router.identity.dialer import connect
from router.identity.sources import Network


@attrs.define
class Internet:
    """Names, routes, and what was asked of them."""

    tls: ssl.SSLContext
    names: dict[str, list[list[str]]] = attrs.field(factory=dict)
    """Host -> the answers of its name server, one after the other; the last one stays."""
    routes: dict[tuple[str, int], int] = attrs.field(factory=dict)
    """(address, port) -> a port of 127.0.0.1."""
    looked_up: list[str] = attrs.field(factory=list)
    connected: list[tuple[str, int]] = attrs.field(factory=list)
    """Every address and port that a connection was tried to."""

    async def look_up(self, host: str, _port: int) -> Sequence[str]:
        """The name service."""
        await trio.lowlevel.checkpoint()
        self.looked_up.append(host)
        answers = self.names.get(host)
        if not answers:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def connect(self, address: str, port: int) -> trio.abc.Stream:
        """The way to an address."""
        self.connected.append((address, port))
        behind = self.routes.get((address, port))
        if behind is None:
            await trio.lowlevel.checkpoint()
            raise OSError("no route")
        return await connect("127.0.0.1", behind)

    def network(self) -> Network:
        """For `router.identity.sources`."""
        return Network(self.tls, self.connect, self.look_up)
