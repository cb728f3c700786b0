"""The parts of the login, put together for the edge."""

from collections.abc import Callable, Mapping

import attrs
import trio

from crypto import Entropy, system_entropy
from router.config import Settings
from router.config.origin import parse_origin
from router.config.redirects import Redirects
from router.identity.revocations import Revocations
from router.identity.service import ServiceIdentity
from router.login.discovery import ProviderClient
from router.login.fetch import Fetch
from router.login.flow import LoginFlow
from router.login.grants import Grants
from router.login.identities import LinkedIdentities
from router.login.keyring import KeyRing
from router.login.passkey.ceremony import RelyingParty
from router.login.passkey.flow import PasskeyFlow
from router.login.pending import Pending
from router.login.providers import Provider, providers
from router.login.secrets import LoginSecrets
from router.store.interface import Store


@attrs.frozen(kw_only=True)
class Login:
    """What the edge is given."""

    service: ServiceIdentity
    providers: Mapping[str, Provider]
    flow: LoginFlow
    grants: Grants
    pending: Pending
    ring: KeyRing
    secrets: LoginSecrets
    identities: LinkedIdentities
    passkeys: PasskeyFlow | None = None
    """None where they are not offered."""

    @property
    def secure(self) -> bool:
        """Whether browsers reach this router over TLS; it is http on localhost only."""
        return self.service.endpoint.startswith("https:")


def make_login(
    settings: Settings,
    *,
    store: Store,
    service: ServiceIdentity,
    root: bytes,
    ring: KeyRing,
    revocations: Revocations,
    clock: Callable[[], float],
    bucket: Callable[[], int],
    report: Callable[[str, BaseException | None], None],
    fetch_clock: Callable[[], float] = trio.current_time,
    entropy: Entropy = system_entropy,
) -> Login:
    """All parts, wired; `root` is `ServerSecrets.logins`. No I/O."""
    chosen = settings.login
    secrets = LoginSecrets(root)
    pending = Pending(store, secrets, clock, capacity=chosen.max_pending, entropy=entropy)
    grants = Grants(
        store,
        secrets,
        ring,
        service,
        revocations,
        clock=clock,
        access_lifetime=chosen.access_lifetime,
        lifetime_days=chosen.lifetime_days,
        entropy=entropy,
    )
    found = providers(settings, service.endpoint)
    fetch = Fetch(chosen.provider_timeout)
    clients = {name: ProviderClient(provider, fetch, fetch_clock) for name, provider in found.items()}
    flow = LoginFlow(
        clients,
        Redirects(chosen.redirects),
        pending,
        store,
        grants,
        service,
        secrets,
        clock=clock,
        bucket=bucket,
        report=report,
        entropy=entropy,
    )
    passkeys = None
    if settings.login_passkey.enabled:
        passkeys = PasskeyFlow(
            settings.login_passkey,
            RelyingParty(
                settings.login_passkey.relying_party(parse_origin(service.endpoint)),
                settings.login_passkey.name,
                service.endpoint,
            ),
            pending,
            store,
            grants,
            flow,
            service,
            revocations,
            clock=clock,
            bucket=bucket,
            report=report,
            entropy=entropy,
        )
    return Login(
        service=service,
        providers=found,
        flow=flow,
        grants=grants,
        pending=pending,
        ring=ring,
        secrets=secrets,
        identities=LinkedIdentities(found, pending, store, secrets, bucket=bucket, entropy=entropy),
        passkeys=passkeys,
    )
