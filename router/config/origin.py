"""Who this server is: its public URL and its DID, given or derived. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:  # sections are read with what is defined here
    from router.config.sections import Identity, Settings


class BadUrlError(ValueError):
    """Not an origin: the text says what is wrong with it."""


@attrs.frozen
class Origin:
    """A scheme, a lower-case host and a port (None = the scheme's own)."""

    scheme: str
    host: str
    port: int | None

    @property
    def netloc(self) -> str:
        """`host[:port]`, an IPv6 host in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def parse_origin(url: str) -> Origin:
    """Read `scheme://host[:port]`; raises `BadUrlError` for anything more or less."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrlError(f"is not a URL ({error})") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadUrlError("must be http://host or https://host, with a port where it is not the usual one")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BadUrlError("must end after the host and port: no user, path, query or fragment")
    usual = {"http": 80, "https": 443}[parts.scheme]
    return Origin(scheme=parts.scheme, host=parts.hostname, port=None if port == usual else port)


def public_origin(settings: Settings, *, bound_port: int | None = None) -> Origin:
    """How clients reach this server; `bound_port` is the real one where the setting is 0 (any free port)."""
    if settings.server.public_url is not None:
        return parse_origin(settings.server.public_url)
    return Origin(scheme="http", host="localhost", port=bound_port or settings.server.port)


def service_did(settings: Settings, *, bound_port: int | None = None) -> str:
    """The DID of this service: the one set, or did:web of the public host (its port written as %3A)."""
    if settings.service.did is not None:
        return settings.service.did
    return "did:web:" + public_origin(settings, bound_port=bound_port).netloc.replace(":", "%3A")


def loopback_hosts(identity: Identity) -> frozenset[str]:
    """The host names that a developer has declared to be on this machine, in lower case."""
    names = (identity.loopback_hosts or "").lower().split(",")
    return frozenset(name.strip() for name in names if name.strip())


def superadmins(line: str | None) -> frozenset[str]:
    """The accounts of `identity.superadmins`; letters as they are, since a DID's count."""
    return frozenset(did.strip() for did in (line or "").split(",") if did.strip())


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener bound to the host; an unknown name counts as public."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
