"""Where a request comes from: the peer, or what trusted proxies say of it. Pure.

Each proxy adds the address it was called from at the right end of the header, so the list is read from there:
as long as an entry is a trusted proxy, the one before it was written by that proxy and may be believed. The
first entry that is none is the client; what stands left of it is the client's own invention. An entry that is
no address ends the walk: the last one believed counts.

`Forwarded` is split from the right as well. Read from the left, one quotation mark of the client's would turn
what is inside and what is outside of quotes round, and with it whose words are whose.

Only one header is read, the one that the settings name. A proxy appends to the header it knows and passes the
others on as they came, so to read both would be to believe whoever sends the one it does not know.

Sources: RFC 7239 (Forwarded), of X-Forwarded-For what everybody does.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import attrs

from router.config import Network, Settings, parse_networks

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_HOPS = 32  # a list longer than any chain of proxies is not walked to its end
_PREFIX_BYTES = 8  # of an IPv6 address: a /64 is one customer's, who can take any address in it
_UNKNOWN = b"unknown"
_MOST_PIECES = 8  # commas inside of quotes that an element may have, and one
# RFC 7239 section 4, but for addresses without quotes, which some proxies write. One way to read any text:
# a token or a quoted string (RFC 9110 5.6) after each name, semicolons between.
_PAIR = re.compile(r'\s*([^\s;,="\\]+)\s*=\s*(?:([^\s;,"\\]+)|"((?:[^"\\]|\\.)*)")\s*(?:;|$)')


@attrs.frozen
class TrustedProxies:
    """Whose word counts, and the header in which it is given (lower case, as ASGI has it)."""

    networks: tuple[Network, ...] = ()
    header: bytes = b"x-forwarded-for"
    peers: bool = False
    """Whoever connects is a proxy of ours: nobody else can reach the listener."""

    @classmethod
    def of(cls, settings: Settings) -> TrustedProxies:
        """As the settings say; they have been checked."""
        server = settings.server
        networks = parse_networks(server.trusted_proxies or "")
        return cls(networks, server.forwarded_header.encode(), peers=server.behind_proxy and not networks)

    def trusts(self, address: Address) -> bool:
        """Whether this is the address of a proxy of ours."""
        return any(address in network for network in self.networks)

    def client(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]]) -> Address | None:
        """The address a request comes from; None for a peer without one, such as a Unix socket.

        `peer` is the other end of the connection. Total: whatever a client writes gives some address.
        """
        last = read_address(peer or "")
        if not (self.peers or (last is not None and self.trusts(last))):
            return last
        lines = [value.decode("latin-1") for name, value in headers if name == self.header]
        for _, entry in zip(range(_MOST_HOPS), self._from_the_right(lines), strict=False):
            address = read_address(entry)
            if address is None:
                break
            last = address
            if not self.trusts(address):
                break
        return last

    def _from_the_right(self, lines: list[str]) -> Iterator[str]:
        joined = ",".join(lines)  # RFC 9110 5.3: several lines are one list
        if self.header != b"forwarded":
            yield from reversed(joined.split(","))
            return
        for element in _elements(joined):
            yield element.get("for", "")


def _elements(text: str) -> Iterator[Mapping[str, str]]:
    """The elements of a `Forwarded` header from the right; an empty one for what is none, and the end.

    An element begins at the last comma from which on all is well-formed. A comma inside of quotes is none of
    these: what follows it has a closing mark and no opening one.
    """
    pieces = text.split(",")
    while pieces:
        element = pieces.pop()
        if not element.strip():
            continue  # RFC 9110 5.6.1: a list may have empty elements
        pairs = _pairs(element)
        for _ in range(_MOST_PIECES - 1):
            if pairs or not pieces:
                break
            element = f"{pieces.pop()},{element}"
            pairs = _pairs(element)
        yield pairs
        if not pairs:
            return


def _pairs(element: str) -> Mapping[str, str]:
    """The parameters of one element, names in lower case; none if it is not well-formed."""
    found: dict[str, str] = {}
    at = 0
    while at < len(element):
        pair = _PAIR.match(element, at)
        if pair is None:
            return {}
        found.setdefault(pair[1].lower(), pair[2] or pair[3] or "")
        at = pair.end()
    return found


@lru_cache(maxsize=4_096)  # the same few clients and proxies, request after request
def read_address(text: str) -> Address | None:
    """An address as headers write it, with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def bucket_of(address: Address | None) -> bytes:
    """What is counted together: an IPv4 address, the /64 of an IPv6 address, all that have none."""
    if address is None:
        return _UNKNOWN
    packed = address.packed
    return packed[:_PREFIX_BYTES] if isinstance(address, ipaddress.IPv6Address) else packed
