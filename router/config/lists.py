"""Settings that hold a list: networks of proxies, origins of web pages. Read here, used at the edge."""

import ipaddress
import re

from router.config.origin import parse_origin

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

EVERYBODY = "*"


class BadNetworksError(ValueError):
    """Not a list of networks: the text names the part that is none."""


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of `10.0.0.0/8, 2001:db8::/32, 192.0.2.7`; raises `BadNetworksError`."""
    networks: list[Network] = []
    for part in filter(None, re.split(r"[\s,]+", text)):
        try:
            networks.append(ipaddress.ip_network(part))
        except ValueError:
            raise BadNetworksError(f"{part} is no network, which is written 10.0.0.0/8") from None
    return tuple(networks)


def parse_origins(text: str) -> frozenset[str]:
    """The origins of a list, as browsers write them; `*` alone is all. Raises `BadUrlError`."""
    parts = text.replace(",", " ").split()
    if parts == [EVERYBODY]:
        return frozenset(parts)
    return frozenset(str(parse_origin(part)) for part in parts)
