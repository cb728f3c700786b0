"""A router's identity parts without a router: accounts in a dictionary, a clock that is told the time."""

from collections.abc import Callable
from dataclasses import dataclass, field

import attrs

from crypto import Curve
from protocol import AccountDid, Nsid
from router.identity.accounts import new_account
from router.identity.authenticator import Authenticator, Look
from router.identity.keys import AccountKey
from router.identity.replay import ReplayGuard
from router.identity.resolver import LocalResolver, Resolver
from router.identity.revocations import Revocations
from router.identity.secrets import ServerSecrets
from router.identity.service import ServiceIdentity
from router.identity.service_auth import ServiceTokens, TokenPolicy
from router.identity.tokens import mint_token

SERVICE = ServiceIdentity("did:web:chat.example.com", "https://chat.example.com")
SEND = Nsid("chat.rookery.sendMessage")
LIST = Nsid("chat.rookery.getConvos")
NOW = 1_780_000_000


@attrs.frozen
class Record:
    """An account as a store would hold it."""

    did: AccountDid
    verification_key: str


class DictAccounts:
    """The `Accounts` protocol over a dictionary; `between` runs while a look-up is under way."""

    def __init__(self) -> None:
        self.records: dict[AccountDid, Record] = {}
        self.reads = 0
        self.between: Callable[[], None] = lambda: None

    async def account(self, did: AccountDid, /) -> Record | None:
        self.reads += 1
        record = self.records.get(did)
        self.between()
        return record

    def create(self, name: str, service: ServiceIdentity = SERVICE, curve: Curve = Curve.K256) -> AccountKey:
        account = new_account(name, service, curve=curve)
        self.records[account.did] = Record(account.did, account.verification_key)
        return account.key


@dataclass
class World:
    """An authenticator with everything it stands on."""

    accounts: DictAccounts = field(default_factory=DictAccounts)
    now: float = NOW
    remembered: list[tuple[bytes, int]] = field(default_factory=list)
    bare_audiences: int = 0
    replay: ReplayGuard = field(default_factory=ReplayGuard)

    def __post_init__(self) -> None:
        self.revocations = Revocations(lambda: self.now)
        self.resolver = LocalResolver(SERVICE, self.accounts)
        self.authenticator = self.with_resolver(self.resolver)

    def with_resolver(self, resolver: Resolver, policy: TokenPolicy | None = None) -> Authenticator:
        """An authenticator of this world that asks another resolver."""
        self.service_tokens = ServiceTokens(
            policy=TokenPolicy(SERVICE) if policy is None else policy,
            resolver=resolver,
            clock=lambda: self.now,
            token_hash=ServerSecrets(b"s" * 32).token_hash,
            on_bare_audience=self._hear_bare_audience,
        )
        return Authenticator(
            {Look.SERVICE: self.service_tokens},
            clock=lambda: self.now,
            replay=self.replay,
            remember=lambda token_hash, until: self.remembered.append((token_hash, until)),
            revocations=self.revocations,
        )

    def _hear_bare_audience(self) -> None:
        self.bare_audiences += 1

    def mint(
        self, key: AccountKey, lxm: Nsid = SEND, *, aud: str = SERVICE.audience, lifetime: int = 60
    ) -> str:
        """A token made now."""
        return mint_token(key, key.did, aud, lxm, self.now, lifetime)
