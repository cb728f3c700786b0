"""Where rate limits apply on the way of a request, and what its client hears of them.

    address   has it failed too often?           before its token is looked at     429, nothing verified
    token     authenticate                       a refused one is counted against the address; that of an
                                                 account which was disabled against the account
    account   count the call in its class        before a byte of the body is read
    target    count what is taken from somebody  by the handler, once the body has named them

A refused address stays refused also for a good token: to verify first would let a stranger make this server
verify, and look documents up, as often as he likes. The price is paid by those who share an address with
him (`rate.failed_auth` a minute, a /64 of IPv6 is one address). A PDS that proxies is such an address: only
who has taken his key away from it, by an act at the directory, can have what it sends refused.

Every answer after the second step carries `RateLimit-Limit`, `-Remaining`, `-Reset` (Unix seconds, as AT
Protocol servers send it, not the delta of the IETF draft) and `-Policy` of the tightest limit; a 429 also
`Retry-After`, and the wait in its message, since a PDS that proxies passes few headers on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import attrs
from hypercorn.typing import HTTPScope, WebsocketScope

from protocol import AccountDid
from router.edge.client_address import Address, TrustedProxies, bucket_of
from router.edge.errors import Headers, Refusal
from router.edge.strangers import StrangersBodies
from router.identity.errors import AuthError, LockedOutError
from router.limits import CLAIM, CLAIM_FROM_ONE, FAILED_AUTH, LOGIN, PREFLIGHT, SEND, Ask, Quotas, Standing
from router.observe import Observer


@attrs.frozen
class Admission:
    """The limits of one server, asked by the edge. Nothing here waits; refusals are `Refusal`s."""

    quotas: Quotas
    proxies: TrustedProxies
    observer: Observer
    now: Callable[[], float]
    """Unix seconds."""
    strangers: StrangersBodies

    def visitor(self, scope: HTTPScope | WebsocketScope) -> Visitor:
        """Whoever sent this request, as far as its connection tells."""
        client = scope.get("client")
        return Visitor(self, self.proxies.client(client[0] if client else None, scope["headers"]))

    def send(self, account: AccountDid) -> None:
        """Count one message that came over a session."""
        self.count(SEND, account)

    def count(self, quota: str, account: AccountDid) -> Standing:
        """Count one request of an account in its class."""
        standing = self.quotas.spend([Ask(quota, account.encode())])
        if not standing.allowed:
            self.observer.rate_limited(quota, "account", account)
            raise self.over(standing, "Too many requests of this kind.")
        return standing

    def take_key_packages(self, targets: Iterable[AccountDid], *, by: AccountDid | None = None) -> None:
        """Count one key package taken from each of these accounts, or none of them.

        They are counted for whoever takes them, and, of an account `by` itself, against a smaller limit, so
        that nobody can use up what others may take.
        """
        wanted = list(targets)
        asked = [Ask(CLAIM, target.encode()) for target in wanted]
        if by is not None:  # a DID holds no NUL
            asked += [Ask(CLAIM_FROM_ONE, f"{by}\0{target}".encode()) for target in wanted]
        if not asked:
            return
        standing = self.quotas.spend(asked)
        if not standing.allowed:
            self.observer.rate_limited(CLAIM)
            raise self.over(standing, "Too many key packages were taken from one of these accounts.")

    def once_in_a_while(self, quota: str, *who: str, error: str = "RateLimitExceeded") -> None:
        """Count one request of a rare kind, of which `who` (a device in a conversation) may make few."""
        standing = self.quotas.spend([Ask(quota, "\0".join(who).encode())])
        if not standing.allowed:
            self.observer.rate_limited(quota)
            raise self.over(standing, "Too many requests of this kind.", error)

    def over(self, standing: Standing, message: str, error: str = "RateLimitExceeded") -> Refusal:
        """The refusal of a request that was one too many."""
        return Refusal(
            error,
            message,
            retry_after=standing.retry_after,
            headers=limit_headers(standing, self.now()),
        )


@attrs.define
class Visitor:
    """One request before it is known whose it is, and what the answer has to say of limits."""

    _admission: Admission
    _address: Address | None
    headers: Headers = ()
    """`RateLimit-*` of an answer to a caller who is known; a refusal by a limit carries its own."""

    @property
    def place(self) -> str:
        """Where the visitor comes from, as the lock-out counts it."""
        return bucket_of(self._address).hex()

    def enter(self) -> None:
        """Refuse an address from which too much has been refused."""
        standing = self._admission.quotas.look(self._ask(FAILED_AUTH))
        if not standing.allowed:
            self._limited(FAILED_AUTH)
            raise self._admission.over(standing, "Too many refused tokens from your address.")

    def failed(self, error: str) -> None:
        """A token of this visitor was refused, or it brought none."""
        self._admission.quotas.spend([self._ask(FAILED_AUTH)])
        self._admission.observer.refused_token(error, str(self._address))

    def refused(self, error: AuthError, quota: str) -> None:
        """A token of this visitor was refused. Raises `Refusal` where a disabled account asks too often."""
        if error.disabled is None:
            self.failed(error.error)
        else:
            self._admission.observer.refused_token(error.error, str(self._address))
            self.count(quota, error.disabled)

    def locked_out(self, locked: LockedOutError) -> Refusal:
        """The refusal of a name that waits: it has one try when the wait is over."""
        wait = locked.retry_after
        return Refusal(
            "RateLimitExceeded",
            "Too many wrong tokens in this name.",
            retry_after=wait,
            headers=_limit_headers(1, 0, max(1, math.ceil(wait)), self._admission.now() + wait),
        )

    def preflight(self) -> None:
        """Count a browser's question."""
        standing = self._admission.quotas.spend([self._ask(PREFLIGHT)])
        if not standing.allowed:
            self._limited(PREFLIGHT)
            raise self._admission.over(standing, "Too many preflights from your address.")

    def begin_login(self) -> None:
        """Count a login that is begun: each keeps a row for a quarter of an hour."""
        standing = self._admission.quotas.spend([self._ask(LOGIN)])
        if not standing.allowed:
            self._limited(LOGIN)
            raise self._admission.over(standing, "Too many logins from your address.")

    def body(self) -> AbstractContextManager[None]:
        """Count that a body of this visitor's is waited for, who has proven nothing. Raises `Refusal`."""
        return self._admission.strangers.waiting(bucket_of(self._address))

    def count(self, quota: str, account: AccountDid) -> None:
        """The visitor is this account: count its request."""
        standing = self._admission.count(quota, account)
        self.headers = limit_headers(standing, self._admission.now())

    def _ask(self, quota: str) -> Ask:
        return Ask(quota, bucket_of(self._address))

    def _limited(self, quota: str) -> None:
        self._admission.observer.rate_limited(quota, "address", str(self._address))


def limit_headers(standing: Standing, now: float) -> Headers:
    """What every answer says of the tightest limit; `now` is Unix seconds."""
    rate = standing.rate
    return _limit_headers(rate.quota, standing.remaining, rate.period, now + standing.full_in)


def _limit_headers(limit: int, remaining: int, seconds: int, reset: float) -> Headers:
    return (
        (b"ratelimit-limit", b"%d" % limit),
        (b"ratelimit-remaining", b"%d" % remaining),
        (b"ratelimit-reset", b"%d" % math.ceil(reset)),
        (b"ratelimit-policy", b"%d;w=%d" % (limit, seconds)),
    )
