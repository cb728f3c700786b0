"""Which identity providers there are: the settings as values, each with its issuer and its own way back."""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from router.config import Settings
from router.config.named import provider_sections


@attrs.frozen
class Provider:
    """One identity provider and who we are to it."""

    id: str
    """As it stands in `/login/{id}`: its section's name without `login_`, such as `keycloak_partners`."""
    name: str
    """What people read."""
    issuer: str
    client_id: str
    client_secret: str | None = attrs.field(repr=False)
    redirect_uri: str
    """Its own: a provider that gets an answer meant for another cannot pass it on as its own."""


def providers(settings: Settings, endpoint: str) -> Mapping[str, Provider]:
    """Those whose `client_id` is set, by id. `endpoint` is the origin at which browsers reach this router.

    Raises `IssuerError` for settings that `config.check` refuses.
    """
    found = {}
    for name, section in provider_sections(settings).items():
        slot = name.removeprefix("login_")
        if section.client_id is not None:
            found[slot] = Provider(
                slot,
                section.name,
                section.issuer(),
                section.client_id,
                section.client_secret,
                f"{endpoint}/login/{slot}/callback",
            )
    return MappingProxyType(found)
