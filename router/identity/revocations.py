"""What no longer speaks: suspended accounts, revoked devices, ended grants; and who must be told at once.

Two effects, one call. `suspend` and `revoke` end the live connections that `watch` knows, within the
call, and make `check` refuse every credential it concerns from then on.

*The truth is in the store.* Suspended accounts are loaded from it at start. Rows of devices, API keys and
logins are gone or marked when `revoke` is called, so whoever looks them up sees it; what is remembered
here is for credentials that are verified without a look (an access token is good until it expires, a
ticket for half a minute), and only until the last of them has expired.

*Order.* Commit to the store, then call `revoke`, without an `await` in between. Who opens something
long-lived calls `watch` before it looks into the store: then either its look sees the revocation, or its
watch is told of it. There is no third way. An account that is recovered is held (`hold`) from before the
commit until its effects are in place: between the two a reader sees the new key, and who has the old one is
still believed.

*Bounded, and closed when full.* At capacity the entry that ends soonest is given up, and its end becomes a
watermark: every access token and ticket that ends no later is refused, revoked or not. Its owner gets a
new one a little earlier than otherwise.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from protocol import AccountDid, DeviceId
from router.identity.errors import AuthError, TokenFault
from router.identity.principal import Principal
from router.identity.tickets import LIFETIME as TICKET_SECONDS

DEFAULT_CAPACITY = 100_000
MEMORY_SECONDS = 3600
"""No credential that is verified without a look into the store may live longer than this."""


class Watch:
    """One live connection's ear. `ended` is set once and stays."""

    def __init__(self) -> None:
        self.ended: AuthError | None = None
        self.names: list[str] = []  # kept by `Revocations`
        self._calls: list[Callable[[AuthError], None]] = []

    def on_end(self, call: Callable[[AuthError], None]) -> None:
        """Call when the connection has to go, or now if that was said already. Must not wait or raise."""
        if self.ended is not None:
            call(self.ended)
        else:
            self._calls.append(call)

    def check(self) -> None:
        """Raise `AuthError` if it was told."""
        if self.ended is not None:
            raise self.ended

    def end(self, ended: AuthError) -> None:
        """Tell it; the first reason stays."""
        if self.ended is None:
            self.ended = ended
            calls, self._calls = self._calls, []
            for call in calls:
                call(ended)


class Revocations:
    """Shared by the authenticator, everybody who revokes, and every live connection of this node."""

    def __init__(self, clock: Callable[[], float], *, capacity: int = DEFAULT_CAPACITY) -> None:
        """`clock` gives Unix seconds; `capacity` bounds what is remembered of devices and grants."""
        if capacity < 1:
            raise ValueError("a memory of revocations holds at least one")
        self._clock = clock
        self._capacity = capacity
        self._suspended: set[AccountDid] = set()
        self._held: dict[AccountDid, int] = {}
        self._ticketless: dict[AccountDid, int] = {}
        self._revoked: dict[str, int] = {}
        self._ends: list[tuple[int, str]] = []  # a heap
        self._watermark = 0
        self._watches: defaultdict[str, dict[Watch, None]] = defaultdict(dict)

    # -- those who revoke ------------------------------------------------------------------------------

    def load(self, suspended: Iterable[AccountDid]) -> None:
        """What the store knew when the server started."""
        self._suspended.update(suspended)

    def suspend(self, account: AccountDid) -> None:
        """Refuse the whole account until `restore`, and end what it has open."""
        self._suspended.add(account)
        self._end(_account_name(account), AuthError(TokenFault.ACCOUNT_DISABLED))

    def restore(self, account: AccountDid) -> None:
        """Let the account speak again."""
        self._suspended.discard(account)

    def is_suspended(self, account: AccountDid) -> bool:
        """Whether the operator has disabled the account."""
        return account in self._suspended

    def end_account(self, account: AccountDid) -> None:
        """End everything the account has open, by whatever credential; it may come back with a good one.

        The tickets that it has are refused, too: each would open what was just ended.
        """
        now = int(self._clock())
        self._ticketless = {each: end for each, end in self._ticketless.items() if end > now}
        self._ticketless[account] = now + TICKET_SECONDS
        self._end(_account_name(account), AuthError(TokenFault.ACCESS_REVOKED))

    @contextmanager
    def hold(self, account: AccountDid) -> Iterator[None]:
        """Refuse the whole account while the block changes what it is known by, and end what it has open."""
        self._held[account] = self._held.get(account, 0) + 1
        self.end_account(account)
        try:
            yield
        finally:
            self.end_account(account)
            self._held[account] -= 1
            if not self._held[account]:
                del self._held[account]

    def revoke(self, *, device: DeviceId | None = None, grant: str | None = None) -> None:
        """End what was opened for this device, or with this grant, and refuse it from now on."""
        for name in _names(device, grant):
            self._remember(name)
            self._end(name, AuthError(TokenFault.ACCESS_REVOKED))

    def rekey(self, device: DeviceId) -> None:
        """End what was begun and is not done yet on the word of the device's key before; streams stay."""
        self._end(_key_name(device), AuthError(TokenFault.ACCESS_REVOKED))

    # -- those who check -------------------------------------------------------------------------------

    def check(self, principal: Principal) -> None:
        """Raise `AuthError` unless this caller may still speak. No await: cheap enough for each request."""
        if principal.account in self._suspended:
            raise AuthError(TokenFault.ACCOUNT_DISABLED, disabled=principal.account)
        if principal.account in self._held:
            raise AuthError(TokenFault.ACCESS_REVOKED)
        if any(map(self._is_revoked, _names(principal.device, principal.grant))):
            raise AuthError(TokenFault.ACCESS_REVOKED)
        if principal.kind == "ticket" and principal.expires <= self._ticketless.get(principal.account, 0):
            raise AuthError(TokenFault.ACCESS_REVOKED)
        if principal.kind in ("access", "ticket") and principal.expires <= self._watermark:
            raise AuthError(TokenFault.ACCESS_REVOKED)

    @contextmanager
    def watch(self, principal: Principal) -> Iterator[Watch]:
        """The ear of one live connection, from before its first look into the store until its end.

        Raises what `check` raises.
        """
        self.check(principal)
        watch = Watch()
        for name in (_account_name(principal.account), *_names(principal.device, principal.grant)):
            self._bind(watch, name)
        try:
            yield watch
        finally:
            for name in watch.names:
                listeners = self._watches[name]
                del listeners[watch]
                if not listeners:
                    del self._watches[name]

    def bind(self, watch: Watch, device: DeviceId) -> None:
        """The connection is this device's, too: call it before looking whether the device is registered."""
        for name in _names(device, None):
            self._bind(watch, name)

    def bind_key(self, watch: Watch, device: DeviceId) -> None:
        """What is watched is done on the word of this device's key, and another one voids it."""
        self._bind(watch, _key_name(device))

    def statistics(self) -> dict[str, int]:
        """`suspended` accounts, `items` remembered and their `capacity`, `watched` names."""
        return {
            "suspended": len(self._suspended),
            "items": len(self._revoked),
            "capacity": self._capacity,
            "watched": len(self._watches),
        }

    # -- within ----------------------------------------------------------------------------------------

    def _bind(self, watch: Watch, name: str) -> None:
        if name not in watch.names:
            watch.names.append(name)
            self._watches[name][watch] = None

    def _end(self, name: str, ended: AuthError) -> None:
        for watch in list(self._watches.get(name, ())):
            watch.end(ended)

    def _is_revoked(self, name: str) -> bool:
        return name in self._revoked

    def _remember(self, name: str) -> None:
        if name in self._revoked:
            return  # nothing new is made of what was revoked
        now = int(self._clock())
        while self._ends and (self._ends[0][0] <= now or len(self._revoked) >= self._capacity):
            end, oldest = heapq.heappop(self._ends)
            del self._revoked[oldest]
            self._watermark = max(self._watermark, end)
        self._revoked[name] = now + MEMORY_SECONDS
        heapq.heappush(self._ends, (now + MEMORY_SECONDS, name))


def _account_name(account: AccountDid) -> str:
    return f"account {account}"


def _key_name(device: DeviceId) -> str:
    return f"key of {device}"


def _names(device: DeviceId | None, grant: str | None) -> Iterator[str]:
    if device is not None:
        yield f"device {device}"
    if grant is not None:
        yield f"grant {grant}"
