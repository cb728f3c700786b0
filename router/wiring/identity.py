"""Who may speak: this service's name, its secrets, every kind of credential, and how people log in."""

from collections.abc import Callable

import attrs

from router.blocks.service import Blocks
from router.config import Settings, loopback_hosts, public_origin, service_did
from router.device.seen import LastSeen
from router.identity.api_keys import ApiKeys
from router.identity.authenticator import Authenticator, Look, TokenKind
from router.identity.device_auth import DeviceTokens
from router.identity.outside import OutsideResolver
from router.identity.replay import ReplayGuard
from router.identity.resolver import HomeFirst, LocalResolver
from router.identity.revocations import Revocations
from router.identity.secrets import ServerSecrets, load_or_create_secrets
from router.identity.service import ServiceIdentity
from router.identity.service_auth import ServiceTokens, TokenPolicy
from router.identity.sources import outside_resolver
from router.identity.tickets import Tickets
from router.login.keyring import KeyRing
from router.login.service import Login, make_login
from router.login.tokens import AccessTokens
from router.store.interface import Store
from router.wiring.blocks import make_blocks
from router.wiring.observation import Observation


@attrs.frozen(kw_only=True)
class Identity:
    """What knows people, devices and keys."""

    service: ServiceIdentity
    secrets: ServerSecrets
    token_keys: KeyRing
    replay: ReplayGuard
    revocations: Revocations
    login: Login
    residents: LocalResolver
    outside: OutsideResolver
    blocks: Blocks
    api_keys: ApiKeys
    tickets: Tickets
    seen: LastSeen
    authenticator: Authenticator


def make_identity(
    settings: Settings,
    store: Store,
    observation: Observation,
    *,
    now: Callable[[], float],
    bucket: Callable[[], int],
) -> Identity:
    """Wire them; reads the secrets of the data folder, or makes them. `now` gives Unix seconds."""
    secrets = load_or_create_secrets(settings.store.path)
    service = ServiceIdentity(service_did(settings), str(public_origin(settings)))
    token_keys = KeyRing(settings.store.path, now)
    revocations, replay = Revocations(now), ReplayGuard()
    residents = LocalResolver(service, store)
    outside = outside_resolver(settings.identity, report=observation.report)
    resolver = HomeFirst(service, residents, outside)
    api_keys, tickets = ApiKeys(store, secrets, clock=now), Tickets(secrets, clock=now)
    policy, token_hash = _token_policy(settings, service), secrets.token_hash
    kinds: dict[Look, TokenKind] = {
        Look.SERVICE: ServiceTokens(
            policy=policy,
            resolver=resolver,
            clock=now,
            token_hash=token_hash,
            on_bare_audience=observation.observer.bare_audience,
        ),
        Look.DEVICE: DeviceTokens(policy=policy, devices=store, clock=now, token_hash=token_hash),
        Look.KEY: api_keys,
        Look.ACCESS: AccessTokens(service, token_keys, clock=now, token_hash=token_hash),
    }
    return Identity(
        service=service,
        secrets=secrets,
        token_keys=token_keys,
        replay=replay,
        revocations=revocations,
        login=make_login(
            settings,
            store=store,
            service=service,
            root=secrets.logins,
            ring=token_keys,
            revocations=revocations,
            clock=now,
            bucket=bucket,
            report=observation.report,
        ),
        residents=residents,
        outside=outside,
        blocks=make_blocks(settings, service, resolver, now=now, report=observation.report),
        api_keys=api_keys,
        tickets=tickets,
        seen=LastSeen(now),
        authenticator=Authenticator(
            kinds,
            clock=now,
            replay=replay,
            remember=store.remember_token,
            revocations=revocations,
            tickets=tickets,
        ),
    )


def _token_policy(settings: Settings, service: ServiceIdentity) -> TokenPolicy:
    return TokenPolicy(
        service=service,
        max_lifetime=int(settings.auth.max_token_lifetime),
        issue_skew=int(settings.auth.clock_skew),
        bare_audience_accepted=settings.service.aud_bare_did_accepted,
        loopback_hosts=loopback_hosts(settings.identity),
    )
