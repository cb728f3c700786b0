"""The one door: from an `Authorization` header to a `Principal`, whatever kind of credential it holds.

    look      by the shape of the token alone, one kind is asked (`Look`)
    lock-out  who was wrong too often in this name from this place waits    `Lockout`
    verify    by that kind's class, in its own fixed order                  `TokenKind.principal`
    time      again, since looking keys up may have taken its time
    scope     the credential's methods
    revoked   accounts suspended, devices and grants revoked, from memory
    replay    last, for kinds whose tokens are used up

From the last `await`, inside the kind, to the return there is none: whoever gets a principal may act on it
until its own next `await`. What cannot be told apart by shape is a service token, whose check refuses it.
"""

import enum
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Protocol

from protocol import Nsid
from router.identity.compact import decode_part, read_compact
from router.identity.errors import AuthError, TokenFault
from router.identity.lockout import Lockout
from router.identity.principal import Principal
from router.identity.replay import ReplayGuard
from router.identity.revocations import Revocations
from router.identity.tickets import Ticket, Tickets

KEY_PREFIX = "rk_"
_MAX_HEADER = 512


class Look(enum.Enum):
    """What a token looks like: a claim that its kind has yet to judge."""

    SERVICE = "a JWT"
    DEVICE = "a JWT with alg EdDSA"
    ACCESS = "a JWT with typ at+jwt (RFC 9068)"
    KEY = "an API key"


class TokenKind(Protocol):
    """How one kind of credential is verified."""

    @property
    def used_up(self) -> bool:
        """Whether a token does for one procedure or one stream only."""

    async def principal(self, token: str, /, *, lxm: Nsid) -> Principal:
        """The caller that the token proves for this method. Raises `AuthError` and what looking up raises."""


class Authenticator:
    """Dispatches by the look of a token; sees to expiry, scope, revocation and single use itself."""

    def __init__(
        self,
        kinds: Mapping[Look, TokenKind],
        *,
        clock: Callable[[], float],
        replay: ReplayGuard,
        remember: Callable[[bytes, int], None],
        revocations: Revocations,
        tickets: Tickets | None = None,
        lockout: Lockout | None = None,
    ) -> None:
        """`kinds` has `Look.SERVICE` at least; `clock` gives Unix seconds.

        `remember(hash, until)` queues a used token to the store and returns at once; the store must
        commit it no later than anything that is submitted after it, so that a token whose effect
        survives a crash is still used after it.
        """
        self._kinds = dict(kinds)
        self._clock = clock
        self._replay = replay
        self._remember = remember
        self._revocations = revocations
        self._tickets = tickets
        self._lockout = Lockout() if lockout is None else lockout

    async def authenticate(
        self, authorization: str | None, *, lxm: Nsid, single_use: bool, place: str = ""
    ) -> Principal:
        """The caller that an `Authorization` header proves, for this method.

        `single_use` for procedures and the opening of streams; a query's token may be used again
        within its life, since clients that fetch tokens from their PDS keep them.
        `place` is where the token came from, for the lock-out. Raises `AuthError`, `LockedOutError` and, when
        a memory is full, `AuthOverloadedError`. A cancelled call has used nothing up.
        """
        token = bearer_token(authorization)
        kind = self._kinds.get(look_of(token)) or self._kinds[Look.SERVICE]
        lockout = self._lockout
        # A name is read twice only while somebody is known to have been wrong.
        name = None if lockout.empty else claimed_name(token)
        if name is not None:
            lockout.check(name, place, self._clock())
        try:
            principal = await kind.principal(token, lxm=lxm)
        except AuthError as error:
            if error.fault in _WRONG:
                lockout.wrong(claimed_name(token) or "", place, self._clock())
            raise
        if name is not None:
            lockout.right(name, place)
        self.admit(principal, lxm=lxm, used_up=single_use and kind.used_up)
        return principal

    def redeem(self, ticket: str, *, lxm: Nsid) -> Ticket:
        """Use a ticket up for the opening of the stream `lxm`. One step, without an await.

        Raises `AuthError`, and `AuthOverloadedError` when the memory for used tokens is full.
        """
        if self._tickets is None:
            raise AuthError(TokenFault.BAD_TICKET)
        read = self._tickets.read(ticket)
        self.admit(read.principal, lxm=lxm, used_up=True)
        return read

    def statistics(self) -> dict[str, int]:
        """What the lock-out holds."""
        return self._lockout.statistics()

    def admit(self, principal: Principal, *, lxm: Nsid, used_up: bool) -> None:
        """What every verified credential has to pass before it counts. One step, without an await."""
        now = self._clock()
        if now >= principal.expires:
            raise AuthError(TokenFault.EXPIRED)
        if principal.methods is not None and lxm not in principal.methods:
            raise AuthError(TokenFault.BAD_METHOD)
        self._revocations.check(principal)
        if used_up:
            if not self._replay.use(principal.token_id, until=principal.expires, now=now):
                raise AuthError(TokenFault.NOT_UNIQUE)
            self._remember(principal.token_id, principal.expires)


_WRONG = frozenset((TokenFault.BAD_SIGNATURE, TokenFault.BAD_KEY, TokenFault.UNTRUSTED_ISSUER))
"""What counts for the lock-out: a token in somebody's name that he did not make. Not the honest mistakes of
a client's clock or configuration."""


def claimed_name(token: str) -> str | None:
    """In whose name a token speaks, true or not: its account or one device of it, or half of an API key."""
    if token.startswith(KEY_PREFIX):
        return token[: len(KEY_PREFIX) + 16]
    try:
        read = read_compact(token)
    except AuthError:
        return None
    look = look_of(token)
    # An access token is issued by this router to everybody: its subject is who speaks.
    name = read.claims.get("sub" if look is Look.ACCESS else "iss")
    if not isinstance(name, str):
        return None
    # A device that was revoked and goes on trying must not lock out the others of its account at home.
    return f"{name} {read.header.get('kid')}" if look is Look.DEVICE else name


def bearer_token(authorization: str | None) -> str:
    """The token of an `Authorization` header (RFC 6750 2.1: scheme in any case, one space)."""
    if authorization is None:
        raise AuthError(TokenFault.MISSING_JWT)
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise AuthError(TokenFault.MISSING_BEARER)
    if not token:
        raise AuthError(TokenFault.MISSING_JWT)
    return token


def look_of(token: str) -> Look:
    """The kind that the token claims to be. Total on texts; believes nothing."""
    if token.startswith(KEY_PREFIX):
        return Look.KEY
    header, _, _ = token.partition(".")
    return _look_of_header(header) if len(header) <= _MAX_HEADER else Look.SERVICE


@lru_cache(maxsize=256)  # a client's tokens differ in everything but the header
def _look_of_header(part: str) -> Look:
    try:
        header = json.loads(decode_part(part))
    except (AuthError, ValueError, RecursionError):
        return Look.SERVICE
    if not isinstance(header, dict):
        return Look.SERVICE
    typ = header.get("typ")
    if isinstance(typ, str) and typ.lower().removeprefix("application/") == "at+jwt":
        return Look.ACCESS
    return Look.DEVICE if header.get("alg") == "EdDSA" else Look.SERVICE
