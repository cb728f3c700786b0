"""What waits for its second half: kept sealed in the store, found only with all it is bound to, taken once.

Any node can finish what another began. The row's key is a keyed hash over everything the second half must
bring (a `state` from the URL *and* the browser's cookie, say): who brings only a part finds nothing, and
uses nothing up. The exact end is sealed inside; the store's own is in minutes.

How much may wait is bounded per node, since anybody can begin a login.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from crypto import Entropy, SealError, system_entropy
from protocol import AccountDid
from router.login.errors import LoginError, LoginFault
from router.login.secrets import LoginSecrets
from router.store.logins import Logins
from router.store.values import Account

LOGIN_SECONDS: Final = 900
"""A login at a provider, and then the choice of a name, may take so long each."""

CODE_SECONDS: Final = 60
"""An app fetches its tokens at once."""


class AppRequest(msgspec.Struct, frozen=True):
    """What the app asked for, and where it waits."""

    redirect_uri: str
    challenge: str
    """PKCE, S256: only who has the verifier can use the code."""
    state: str | None


class Waiting(msgspec.Struct, frozen=True):
    """What may wait. Its kinds are structs with `tag=True`: one kind is never taken for another."""

    expires: int
    """Unix seconds."""


class LoginBegun(Waiting, frozen=True, tag=True):
    """The browser is at the provider. Bound to `state` and the browser."""

    provider: str
    nonce: str
    verifier: str
    app: AppRequest
    link: bool = False
    """To be linked to an account that the app speaks for, and not to log in."""


class NameWanted(Waiting, frozen=True, tag=True):
    """Somebody new, known by `identity`, chooses a name. Bound to the form's secret and the browser."""

    identity: bytes
    app: AppRequest
    provider: str = ""


class IdentityProven(Waiting, frozen=True, tag=True):
    """Somebody who wants to be linked to an account. Bound to the code."""

    identity: bytes
    provider: str
    app: AppRequest


class CodeIssued(Waiting, frozen=True, tag=True):
    """The app may fetch its tokens. Bound to the code."""

    account: AccountDid
    key_mark: bytes
    app: AppRequest


W = TypeVar("W", bound=Waiting)


def key_mark(account: Account) -> bytes:
    """8 bytes that change with the account's own key: what was begun before a recovery ends with it."""
    return hashlib.sha256(account.verification_key.encode()).digest()[:8]


class Pending:
    """Keeps and gives out. `clock` gives Unix seconds."""

    def __init__(
        self,
        store: Logins,
        secrets: LoginSecrets,
        clock: Callable[[], float] = time.time,
        *,
        capacity: int = 10_000,
        entropy: Entropy = system_entropy,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._capacity = capacity
        self._entropy = entropy
        self._ends: dict[bytes, int] = {}
        self._swept = 0.0

    async def keep(self, value: Waiting, *binding: str) -> None:
        """Keep until `value.expires`. Raises `LoginError` (BUSY) when too much waits on this node."""
        key = self._secrets.pending_key(type(value).__name__, *binding)
        self._make_room()
        self._ends[key] = value.expires
        sealed = self._secrets.seal(msgspec.msgpack.encode(value), key, entropy=self._entropy)
        try:
            await self._store.keep_pending(key, sealed, expires=value.expires)
        except BaseException:
            self._ends.pop(key, None)
            raise

    async def take(self, kind: type[W], *binding: str) -> W | None:
        """What waits under all of this, and nobody gets it again; None if there is nothing (any more)."""
        key = self._secrets.pending_key(kind.__name__, *binding)
        sealed = await self._store.take_pending(key, now=int(self._clock()))
        self._ends.pop(key, None)
        if sealed is None:
            return None
        try:
            value = msgspec.msgpack.decode(self._secrets.open(sealed, key), type=kind)
        except (SealError, msgspec.DecodeError):
            return None  # a row that somebody has put there, or of another version: begin again
        return value if self._clock() < value.expires else None

    def statistics(self) -> dict[str, int]:
        """`items` that wait and were begun on this node, and their `capacity`."""
        return {"items": len(self._ends), "capacity": self._capacity}

    def _make_room(self) -> None:
        now = self._clock()
        # once a second at most: being full must not make it slow as well
        if len(self._ends) >= self._capacity and abs(now - self._swept) >= 1:
            self._swept = now
            self._ends = {key: end for key, end in self._ends.items() if end > now}
        if len(self._ends) >= self._capacity:
            raise LoginError(LoginFault.BUSY, retry_after=max(1.0, min(self._ends.values()) - now))
