"""Settings of the login: general ones, and a section for each identity provider there may be.

A provider is there when its `client_id` is set. Okta, Azure, Keycloak and Google say where they are in
their own words (a domain, a tenant, a realm); `login_oidc` takes the issuer of any other provider. What
they come to is an issuer, from which everything else is discovered. Only `openid` is asked for: neither
e-mail address nor name has any use here.
"""

import re
from collections.abc import Iterator
from typing import Protocol

import attrs

from router.config.options import option
from router.config.origin import BadUrlError, is_loopback, parse_origin

_ID = "Client id at the provider; without it the provider is not offered."
_SECRET = "Client secret at the provider; none for a public client."  # noqa: S105 - what it is, not one
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
_MANY_TENANTS = ("common", "organizations", "consumers")


@attrs.frozen(kw_only=True)
class Login:
    """Login of people without an AT Protocol account, whatever they log in with."""

    redirects: str = option(
        "http://127.0.0.1/callback http://[::1]/callback",
        "Where apps may have their code delivered: URIs with spaces between; of a loopback one any port.",
    )
    access_lifetime: int = option(600, "Life of an access token.", unit="s", minimum=60, maximum=3_600)
    lifetime_days: int = option(
        30, "A login ends after so many days, however often it is refreshed.", minimum=1, maximum=366
    )
    max_pending: int = option(
        10_000,
        "Logins begun on this node and not finished; further ones wait.",
        minimum=10,
        maximum=1_000_000,
    )
    provider_timeout: float = option(
        10.0, "An identity provider must answer within this time.", unit="s", minimum=0.5, maximum=60
    )


class ProviderSection(Protocol):
    """What every provider's section has."""

    @property
    def client_id(self) -> str | None:
        """None: the provider is not offered."""

    @property
    def client_secret(self) -> str | None:
        """None: a public client."""

    @property
    def name(self) -> str:
        """What people read."""

    def issuer(self) -> str:
        """Its issuer; `IssuerError` when the settings name none."""


class IssuerError(ValueError):
    """No issuer follows from the settings: `key` is the one to mend, the text says what is wrong."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@attrs.frozen(kw_only=True)
class LoginOkta:
    """Okta."""

    client_id: str | None = option(None, _ID)
    client_secret: str | None = option(None, _SECRET, secret=True)
    name: str = option("Okta", "What people read.")
    domain: str | None = option(None, "Your Okta domain, as example.okta.com.")
    authorization_server: str | None = option(
        None, "Id of a custom authorization server, as default; without it the organisation's own."
    )

    def issuer(self) -> str:
        """`https://domain`, or `https://domain/oauth2/id` for a custom authorization server."""
        host = f"https://{_host(self.domain, 'domain')}"
        if self.authorization_server is None:
            return host
        return f"{host}/oauth2/{_segment(self.authorization_server, 'authorization_server')}"


@attrs.frozen(kw_only=True)
class LoginAzure:
    """Azure (Microsoft Entra ID), version 2.0 endpoints."""

    client_id: str | None = option(None, _ID)
    client_secret: str | None = option(None, _SECRET, secret=True)
    name: str = option("Microsoft", "What people read.")
    tenant: str | None = option(None, "Your tenant's id (a UUID).")

    def issuer(self) -> str:
        """The v2 issuer of one tenant. Many-tenant endpoints have none: their documents hold a blank."""
        tenant = _segment(self.tenant, "tenant")
        if tenant in _MANY_TENANTS:
            raise IssuerError("tenant", "stands for many tenants, whose tokens have an issuer each")
        return f"https://login.microsoftonline.com/{tenant}/v2.0"


@attrs.frozen(kw_only=True)
class LoginKeycloak:
    """Keycloak."""

    client_id: str | None = option(None, _ID)
    client_secret: str | None = option(None, _SECRET, secret=True)
    name: str = option("Keycloak", "What people read.")
    url: str | None = option(None, "Where Keycloak is, as https://sso.example.com or with a path.")
    realm: str | None = option(None, "The realm.")

    def issuer(self) -> str:
        """`url/realms/realm`."""
        return f"{_url(self.url, 'url').rstrip('/')}/realms/{_segment(self.realm, 'realm')}"


@attrs.frozen(kw_only=True)
class LoginGoogle:
    """Google."""

    client_id: str | None = option(None, _ID)
    client_secret: str | None = option(None, _SECRET, secret=True)
    name: str = option("Google", "What people read.")

    def issuer(self) -> str:
        """The one there is."""
        return "https://accounts.google.com"


@attrs.frozen(kw_only=True)
class LoginOidc:
    """Any other OpenID provider."""

    client_id: str | None = option(None, _ID)
    client_secret: str | None = option(None, _SECRET, secret=True)
    name: str = option("Single sign-on", "What people read.")
    issuer_url: str | None = option(None, "Its issuer, to the letter as in its discovery document.")

    def issuer(self) -> str:
        """As it is set."""
        return _url(self.issuer_url, "issuer_url")


def is_trustworthy(url: str) -> bool:
    """Whether what is sent there can be read by nobody else: https, or http on this machine."""
    scheme, _, rest = url.partition("://")
    try:
        origin = parse_origin(f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}")
    except BadUrlError:
        return False
    return origin.scheme == "https" or is_loopback(origin.host)


def provider_problems(section: ProviderSection) -> Iterator[tuple[str, str]]:
    """Key and sentence of whatever keeps a provider that was begun to be set from working."""
    if section.client_id is None:
        for attribute in attrs.fields(type(section)):  # type: ignore[arg-type]  # every section is an attrs class
            if getattr(section, attribute.name) != attribute.default:
                yield "client_id", f"is not set, but {attribute.name} is"
        return
    try:
        section.issuer()
    except IssuerError as error:
        yield error.key, str(error)


def _host(text: str | None, key: str) -> str:
    if text is None or _HOST.fullmatch(text) is None:
        raise IssuerError(key, "must be a host name")
    return text.lower()


def _segment(text: str | None, key: str) -> str:
    if text is None or _SEGMENT.fullmatch(text) is None:
        raise IssuerError(key, "must be set, and of letters, digits and ._~-")
    return text


def _url(text: str | None, key: str) -> str:
    if text is None or not is_trustworthy(text) or re.search(r"[?#\s\\]", text):
        raise IssuerError(key, "must be an https URL without query or fragment (http on loopback only)")
    return text
