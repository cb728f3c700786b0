"""One identity provider as it is now: its description and its keys, cached; a code for an ID token.

Description and keys are fresh for an hour; while the provider does not answer, older ones serve for a
day. One look at a time, and after one that failed none for some seconds: who waits for it meanwhile shares
what comes of it, and does not wait for a look of their own. A signature that does not verify, or a `kid`
nobody knows, makes it look for newer keys once, at most every minute: whoever sends forged tokens does not
make us hammer the provider.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Generic, Protocol, TypeVar

import msgspec
import trio

from router.login import id_token, oidc
from router.login.errors import LoginError, LoginFault
from router.login.providers import Provider

FRESH_SECONDS: Final = 3_600.0
STALE_SECONDS: Final = 86_400.0
REFRESH_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0
"""As long as people are told to wait (`fetch.py`)."""

T = TypeVar("T")


class Fetches(Protocol):
    """`Fetch`, or what stands in for it."""

    async def json(
        self, url: str, *, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
    ) -> object:
        """The JSON at `url`; with `form`, of a POST. Raises `LoginError`."""


Keys = tuple[tuple[dict[str, object], id_token.Key], ...]


class Cached(Generic[T]):
    """A value that is fetched when it is old. `clock` gives seconds of whatever origin."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = trio.Lock()
        self._value: T | None = None
        self._fetched = 0.0
        self._failed: tuple[float, LoginFault] | None = None

    @property
    def age(self) -> float:
        """Seconds; beyond all bounds when there is nothing."""
        return self._clock() - self._fetched if self._value is not None else float("inf")

    async def get(self, *, max_age: float = FRESH_SECONDS) -> T:
        """The value, at most `max_age` old if it can be had. Raises `LoginError` when there is none."""
        async with self._lock:
            if self._value is not None and self.age < max_age:
                return self._value
            if self._failed is None or self._clock() >= self._failed[0] + RETRY_SECONDS:
                try:
                    self._value = await self._fetch()
                    self._fetched, self._failed = self._clock(), None
                except LoginError as error:
                    self._failed = self._clock(), error.fault
                    if self._value is None or self.age >= STALE_SECONDS:
                        raise
            elif self._value is None or self.age >= STALE_SECONDS:
                detail = "it could not be asked a moment ago"
                raise LoginError(self._failed[1], detail=detail, retry_after=RETRY_SECONDS)
            return self._value


class ProviderClient:
    """What the flow asks of a provider."""

    def __init__(
        self, provider: Provider, fetch: Fetches, clock: Callable[[], float] = trio.current_time
    ) -> None:
        self.provider = provider
        self._fetch = fetch
        self._metadata: Cached[oidc.Metadata] = Cached(self._discover, clock)
        self._keys: Cached[Keys] = Cached(self._fetch_keys, clock)

    async def metadata(self) -> oidc.Metadata:
        """How the provider describes itself. Raises `LoginError`."""
        return await self._metadata.get()

    async def examine(self) -> int:
        """How many keys it signs with, from its description and its key set. Raises `LoginError`."""
        return len(await self._keys.get())

    async def subject(self, code: str, *, verifier: str, nonce: str, now: float) -> str:
        """Who has logged in, for the code that the browser brought. Raises `LoginError`.

        `now` is Unix seconds. The code is spent by this, whatever comes of it.
        """
        metadata = await self.metadata()
        headers, form = oidc.token_request(self.provider, metadata, code=code, verifier=verifier)
        value = await self._fetch.json(metadata.token_endpoint, headers=headers, form=form)
        try:
            answer = msgspec.convert(value, oidc.TokenAnswer)
        except msgspec.ValidationError:
            raise LoginError(LoginFault.PROVIDER, detail="its token endpoint gave no ID token") from None
        token = await self._verified(answer.id_token)
        return oidc.judge_claims(
            token.claims,
            self.provider,
            nonce=nonce,
            access_token=answer.access_token,
            algorithm=token.algorithm,
            now=now,
        )

    async def _verified(self, text: str) -> id_token.VerifiedToken:
        try:
            try:
                return id_token.verify(text, await self._keys.get())
            except id_token.BadIdTokenError as error:
                if not error.unknown_key or self._keys.age < REFRESH_SECONDS:
                    raise
                return id_token.verify(text, await self._keys.get(max_age=REFRESH_SECONDS))
        except id_token.BadIdTokenError as error:
            raise LoginError(LoginFault.REFUSED, detail=f"ID token: {error.detail}") from None

    async def _discover(self) -> oidc.Metadata:
        issuer = self.provider.issuer
        return oidc.read_metadata(await self._fetch.json(oidc.discovery_url(issuer)), issuer)

    async def _fetch_keys(self) -> Keys:
        try:
            return id_token.read_keys(await self._fetch.json((await self.metadata()).jwks_uri))
        except ValueError:
            raise LoginError(LoginFault.PROVIDER, detail="its keys are out of shape") from None
