"""What kind of network an address belongs to, and whether a stranger's name may lead us there.

A did:web is a name that a stranger chose, and its address is what that stranger's name server says. If
that could be `127.0.0.1`, `10.0.0.1` or `169.254.169.254`, the server would knock on its own house for
anybody who can write a token. So an address is public or it is refused; what is in no table is not public.

IPv6 carries IPv4 in several wrappings. Those that stand for an IPv4 host (mapped, NAT64) are judged by
that host: a network without IPv4 reaches every IPv4 host through `64:ff9b::/96`. The rest (6to4, Teredo,
IPv4-compatible, local NAT64) are retired or lead where nobody can tell, and are refused whole.

Pure; the table is ours because `ipaddress.is_global` changed its mind between patch releases of Python.
Source: IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890, 8190, 9637).
"""

import enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


class AddressClass(enum.StrEnum):
    """A kind of address; only `PUBLIC` is anywhere for a stranger's name to lead."""

    PUBLIC = "public"
    UNSPECIFIED = "unspecified"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    SHARED = "shared (carrier-grade NAT)"
    LINK_LOCAL = "link-local"
    MULTICAST = "multicast"
    DOCUMENTATION = "documentation"
    BENCHMARKING = "benchmarking"
    TRANSLATED = "translated"
    RESERVED = "reserved"


_V4 = {
    IPv4Network(text): kind
    for text, kind in {
        "0.0.0.0/8": AddressClass.UNSPECIFIED,  # «this network»: Linux takes 0.0.0.0 for loopback
        "10.0.0.0/8": AddressClass.PRIVATE,
        "100.64.0.0/10": AddressClass.SHARED,
        "127.0.0.0/8": AddressClass.LOOPBACK,
        "169.254.0.0/16": AddressClass.LINK_LOCAL,  # where clouds keep their metadata
        "172.16.0.0/12": AddressClass.PRIVATE,
        "192.0.0.0/24": AddressClass.RESERVED,
        "192.0.2.0/24": AddressClass.DOCUMENTATION,
        "192.88.99.0/24": AddressClass.TRANSLATED,  # 6to4 relays, retired by RFC 7526
        "192.168.0.0/16": AddressClass.PRIVATE,
        "198.18.0.0/15": AddressClass.BENCHMARKING,
        "198.51.100.0/24": AddressClass.DOCUMENTATION,
        "203.0.113.0/24": AddressClass.DOCUMENTATION,
        "224.0.0.0/4": AddressClass.MULTICAST,
        "240.0.0.0/4": AddressClass.RESERVED,  # broadcast among them
    }.items()
}

_V6_GLOBAL = IPv6Network("2000::/3")  # all that IANA has opened for global unicast
_V6 = {
    IPv6Network(text): kind
    for text, kind in {
        "::/128": AddressClass.UNSPECIFIED,
        "::1/128": AddressClass.LOOPBACK,
        "64:ff9b:1::/48": AddressClass.TRANSLATED,  # NAT64 for use inside (RFC 8215)
        "fc00::/7": AddressClass.PRIVATE,
        "fe80::/10": AddressClass.LINK_LOCAL,
        "fec0::/10": AddressClass.PRIVATE,  # site-local, before fc00::/7
        "ff00::/8": AddressClass.MULTICAST,
        # inside of 2000::/3
        "2001::/32": AddressClass.TRANSLATED,  # Teredo
        "2001:2::/48": AddressClass.BENCHMARKING,
        "2001::/23": AddressClass.RESERVED,  # the rest of IETF protocol assignments
        "2001:db8::/32": AddressClass.DOCUMENTATION,
        "2002::/16": AddressClass.TRANSLATED,  # 6to4, with any IPv4 address inside
        "3fff::/20": AddressClass.DOCUMENTATION,
    }.items()
}
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")


def classify(address: str) -> AddressClass:
    """The class of an address as text; `ValueError` for text that is none (a host name, say).

    An address with a zone (`fe80::1%eth0`) is of its zone alone: link-local, whatever stands before it.
    """
    bare, zone, _ = address.partition("%")
    parsed = ip_address(bare)
    if zone:
        return AddressClass.LINK_LOCAL
    if isinstance(parsed, IPv6Address):
        if parsed in _MAPPED or parsed in _NAT64:
            parsed = IPv4Address(int(parsed) & 0xFFFFFFFF)
        else:
            return _classify_v6(parsed)
    return next((kind for network, kind in _V4.items() if parsed in network), AddressClass.PUBLIC)


def _classify_v6(address: IPv6Address) -> AddressClass:
    for network, kind in _V6.items():
        if address in network:
            return kind
    return AddressClass.PUBLIC if address in _V6_GLOBAL else AddressClass.RESERVED
