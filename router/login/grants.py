"""Logins as they live: begun once, refreshed token by token, ended by the person, by reuse, or by their day.

Whatever somebody logged in with (an identity provider, a passkey), `Grants.begin` is where it ends. An
ended grant is ended here and now: the store first, then, without an await, live connections and access
tokens on this node (`Revocations`).
"""

import re
import time
from collections.abc import Callable

import attrs

from crypto import Entropy, system_entropy
from protocol import AccountDid, Nsid
from router.identity.errors import AuthError, TokenFault
from router.identity.revocations import Revocations
from router.identity.service import ServiceIdentity
from router.login.errors import LoginError, LoginFault
from router.login.keyring import KeyRing
from router.login.refresh import GRANT_BYTES, SECRET_BYTES, RefreshToken, read_refresh_token
from router.login.secrets import LoginSecrets
from router.login.tokens import mint_access_token
from router.store.logins import Grant, GrantReused, GrantRotated, GrantUnknown, Logins

_DAY = 86_400
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{16,128}")


@attrs.frozen
class Tokens:
    """What an app holds of a login."""

    account: AccountDid
    access_token: str = attrs.field(repr=False)
    expires_in: int
    """Seconds the access token lives."""
    refresh_token: str = attrs.field(repr=False)
    login_expires: int
    """Unix seconds: the end of the login, which no refresh moves."""


class Grants:
    """Begin, refresh, end. `clock` gives Unix seconds."""

    def __init__(
        self,
        store: Logins,
        secrets: LoginSecrets,
        ring: KeyRing,
        service: ServiceIdentity,
        revocations: Revocations,
        *,
        clock: Callable[[], float] = time.time,
        access_lifetime: int = 600,
        lifetime_days: int = 30,
        entropy: Entropy = system_entropy,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._ring = ring
        self._service = service
        self._revocations = revocations
        self._clock = clock
        self._access_lifetime = access_lifetime
        self._lifetime_days = lifetime_days
        self._entropy = entropy

    async def load(self) -> None:
        """Refuse the access tokens of logins that ended before this start. Once, before the edge opens."""
        for grant in await self._store.ended_grants(int(self._clock())):
            self._revocations.revoke(grant=grant)

    async def begin(self, account: AccountDid, *, grant: bytes | None = None) -> Tokens:
        """A new login of an account that lives here. `grant`: its 16 bytes, where they follow from something.

        Raises `AuthError` for an account the operator has disabled, `LoginError` (EXPIRED) if there was a
        login of these bytes already.
        """
        if self._revocations.is_suspended(account):
            raise AuthError(TokenFault.ACCOUNT_DISABLED)
        token = RefreshToken(grant or self._entropy(GRANT_BYTES), self._entropy(SECRET_BYTES))
        expires = (int(self._clock()) // _DAY + 1 + self._lifetime_days) * _DAY
        wanted = Grant(token.grant_id, account, token.at_rest(self._secrets), None, expires)
        if not await self._store.begin_grant(wanted):
            raise LoginError(LoginFault.EXPIRED, detail="the code was used before")
        return self._tokens(account, token, expires, methods=None)

    async def refresh(
        self, text: str, *, idempotency_key: str | None = None, methods: frozenset[Nsid] | None = None
    ) -> Tokens:
        """Tokens for a refresh token, which is good no more. `methods` narrows the access token.

        The same token with the same `idempotency_key` (16 to 128 characters) may be asked again until the
        next refresh: an answer that was lost is no logout. Otherwise a token that comes twice ends the
        login. Raises `LoginError` (ENDED, INVALID) and `AuthError` for a disabled account.
        """
        if idempotency_key is not None and _IDEMPOTENCY_KEY.fullmatch(idempotency_key) is None:
            raise LoginError(LoginFault.INVALID, "An idempotencyKey has 16 to 128 visible characters.")
        token = self._read(text)
        successor = token.successor(self._secrets)
        retry = None
        if idempotency_key is not None:
            retry = self._secrets.refresh_retry(token.grant, token.secret, idempotency_key)
        outcome = await self._store.rotate_grant(
            token.grant_id,
            presented=token.at_rest(self._secrets),
            successor=successor.at_rest(self._secrets),
            retry=retry,
            now=int(self._clock()),
        )
        match outcome:
            case GrantRotated(account=account, expires=expires):
                if self._revocations.is_suspended(account):
                    raise AuthError(TokenFault.ACCOUNT_DISABLED)
                return self._tokens(account, successor, expires, methods)
            case GrantReused():
                self._revocations.revoke(grant=token.grant_id)
                raise LoginError(LoginFault.ENDED, detail="a refresh token was used twice")
            case GrantUnknown():
                raise LoginError(LoginFault.ENDED, detail="no such login")

    async def logout(self, text: str, *, everywhere: bool = False) -> None:
        """End the login of this refresh token, or all of its account. One that is over already is no error.

        An old token of a login will do to end that one login, which is what its holder may always wish;
        ending all of them takes one that is still good, and so it counts as a refresh.
        Raises `LoginError` (ENDED) for a token that is none of ours, and, `everywhere`, what `refresh` does.
        """
        token = self._read(text)
        if everywhere:
            tokens = await self.refresh(text)
            await self.end_account(tokens.account)
        else:
            await self.end(token.grant_id)

    async def end(self, grant: str) -> None:
        """End one login, if it lives."""
        await self._store.end_grant(grant, now=int(self._clock()))
        self._revocations.revoke(grant=grant)

    async def end_account(self, account: AccountDid) -> int:
        """End all logins of an account; how many there were. Its devices and keys stay."""
        ended = await self._store.end_grants_of(account, now=int(self._clock()))
        for grant in ended:
            self._revocations.revoke(grant=grant)
        return len(ended)

    async def end_of_code(self, code: str) -> None:
        """A code came a second time: who has its tokens may not be who logged in (RFC 6749 4.1.2)."""
        grant = RefreshToken(self._secrets.grant_of_code(code), b"").grant_id
        if await self._store.end_grant(grant, now=int(self._clock())) is not None:
            self._revocations.revoke(grant=grant)

    def _read(self, text: str) -> RefreshToken:
        token = read_refresh_token(text, self._secrets)
        if token is None:
            raise LoginError(LoginFault.ENDED, detail="not a refresh token of this router")
        return token

    def _tokens(
        self, account: AccountDid, token: RefreshToken, expires: int, methods: frozenset[Nsid] | None
    ) -> Tokens:
        access = mint_access_token(
            self._ring.signing,
            self._service,
            account,
            grant=token.grant_id,
            methods=methods,
            now=self._clock(),
            lifetime=self._access_lifetime,
            entropy=self._entropy,
        )
        return Tokens(account, access, self._access_lifetime, token.text(self._secrets), expires)
