"""API keys: how a simple device speaks, one that cannot sign.

    rk_<16 letters: its public id>_<64 letters: 32 random bytes and an 8-byte tag>        base32, lower case

The tag is a keyed hash of the rest, so a made-up key is refused in microseconds: nobody outside can make
this server look into the store or spend an Argon2 on his guesses. What is kept of a real key is its id and
Argon2id of the 32 bytes (19 MiB, two passes, 30 ms), made and checked in a thread.

A key acts for one device and may call what it was made for, nothing else. It is not used up and has no
end; whoever loses it replaces it. The row is read for each request (25 us), so a key that was revoked or
replaced is refused from the commit on; only the answer of Argon2 is remembered, for `CACHE_SECONDS`, under a
hash of the key's text and of the row's hash, so a renewed key does not answer to its old text.
"""

import base64
import binascii
import hmac
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Final, Protocol

import attrs
import nacl.pwhash
import trio
from nacl.exceptions import InvalidkeyError

from crypto import Entropy, system_entropy
from protocol import AccountDid, DeviceId, Nsid
from router.identity.authenticator import KEY_PREFIX
from router.identity.errors import AuthError, AuthOverloadedError, TokenFault
from router.identity.principal import Principal
from router.identity.revocations import MEMORY_SECONDS
from router.identity.secrets import ServerSecrets

CACHE_SECONDS: Final = 10.0
_CACHE_ITEMS: Final = 10_000

# OWASP's second recommendation for Argon2id; a secret of 256 random bits would stand a faster hash too.
_OPSLIMIT: Final = 2
_MEMLIMIT: Final = 19 * 1024 * 1024
_THREADS: Final = 2  # so that at most 38 MiB are spent on it at once
_WAITING: Final = 64

_ID_BYTES, _SECRET_BYTES, _TAG_BYTES = 10, 32, 8
_ID_LETTERS, _REST_LETTERS = 16, 64


class ApiKeyRecord(Protocol):
    """What identity needs of a key as the store holds it."""

    @property
    def account(self) -> AccountDid:
        """Whose it is."""

    @property
    def device(self) -> DeviceId:
        """The device it speaks for."""

    @property
    def methods(self) -> tuple[str, ...]:
        """What it may call."""

    @property
    def hash(self) -> str:
        """Argon2id of its secret."""


class ApiKeyRecords(Protocol):
    """Where keys are looked up: the store."""

    async def api_key(self, key: str, /) -> ApiKeyRecord | None:
        """The key, or None."""


@attrs.frozen
class NewApiKey:
    """A key that was just made: its text goes to its owner and nowhere else."""

    id: str
    hash: str
    text: str = attrs.field(repr=False)


class ApiKeys:
    """Makes keys and verifies them: the kind of credential behind `Look.KEY`."""

    used_up = False

    def __init__(
        self,
        records: ApiKeyRecords,
        secrets: ServerSecrets,
        *,
        clock: Callable[[], float],
        entropy: Entropy = system_entropy,
        threads: int = _THREADS,
        waiting: int = _WAITING,
    ) -> None:
        """`clock` gives Unix seconds. `waiting` requests may queue for a thread; further ones are told so."""
        self._records = records
        self._secrets = secrets
        self._clock = clock
        self._entropy = entropy
        self._limiter = trio.CapacityLimiter(threads)
        self._max_waiting = waiting
        self._waiting = 0
        self._verified: OrderedDict[bytes, float] = OrderedDict()
        self._cache_key = entropy(32)
        self.hashed = 0

    async def make(self, scope: bytes) -> NewApiKey:
        """A new key. The same scope always gets the same id, and each time another secret."""
        name = self._secrets.api_key_id(scope)
        secret = self._entropy(_SECRET_BYTES)
        async with self._turn():
            digest = await trio.to_thread.run_sync(_hash, secret, limiter=_UNBOUNDED)
        return NewApiKey(_base32(name), digest, self._spell(name, secret))

    async def principal(self, token: str, /, *, lxm: Nsid) -> Principal:  # noqa: ARG002 - judged by `methods`
        """The device whose key this is. Raises `AuthError`, `AuthOverloadedError`, what the store raises."""
        name, secret = self._read(token)
        record = await self._records.api_key(name)
        if record is None or not await self._fits(token, secret, record.hash):
            raise AuthError(TokenFault.BAD_KEY)
        return Principal(
            account=record.account,
            device=record.device,
            kind="key",
            expires=int(self._clock()) + MEMORY_SECONDS,
            token_id=self._secrets.token_hash("api key", name),
            methods=frozenset(map(Nsid, record.methods)),
            grant=grant_of(name),
        )

    def statistics(self) -> dict[str, int]:
        """`items` verified lately, their `capacity`, `waiting` for a thread, and how often one `hashed`."""
        return {
            "items": len(self._verified),
            "capacity": _CACHE_ITEMS,
            "waiting": self._waiting,
            "hashed": self.hashed,
        }

    def _read(self, text: str) -> tuple[str, bytes]:
        """Id and secret of a key that this router made; `AuthError` for any other text."""
        name, underline, rest = text.removeprefix(KEY_PREFIX).partition("_")
        try:
            if not underline or (len(name), len(rest)) != (_ID_LETTERS, _REST_LETTERS):
                raise AuthError(TokenFault.BAD_KEY)
            raw_name, raw = _from_base32(name), _from_base32(rest)
        except (binascii.Error, ValueError):
            raise AuthError(TokenFault.BAD_KEY) from None
        secret, tag = raw[:_SECRET_BYTES], raw[_SECRET_BYTES:]
        right = hmac.compare_digest(tag, self._secrets.api_key_tag(raw_name, secret))
        if not right or not hmac.compare_digest(text.encode(), self._spell(raw_name, secret).encode()):
            raise AuthError(TokenFault.BAD_KEY)
        return name, secret

    def _spell(self, name: bytes, secret: bytes) -> str:
        rest = _base32(secret + self._secrets.api_key_tag(name, secret))
        return f"{KEY_PREFIX}{_base32(name)}_{rest}"

    async def _fits(self, token: str, secret: bytes, digest: str) -> bool:
        """Whether the secret is the one that was hashed, asked of Argon2 at most once in `CACHE_SECONDS`."""
        seen = blake2b(f"{token} {digest}".encode(), key=self._cache_key, digest_size=16).digest()
        if self._is_verified(seen):
            return True
        async with self._turn():
            # of many requests that came at once, the first one's work does for all
            if self._is_verified(seen):
                return True
            fits = await trio.to_thread.run_sync(_verifies, digest, secret, limiter=_UNBOUNDED)
        self.hashed += 1
        if fits:
            self._verified[seen] = self._clock() + CACHE_SECONDS
            self._verified.move_to_end(seen)
            if len(self._verified) > _CACHE_ITEMS:
                self._verified.popitem(last=False)
        return fits

    def _is_verified(self, seen: bytes) -> bool:
        return self._verified.get(seen, 0.0) > self._clock()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the few that may hash at a time; `AuthOverloadedError` when too many wait already."""
        if self._waiting >= self._max_waiting:
            raise AuthOverloadedError(retry_after=1.0)
        self._waiting += 1
        try:
            async with self._limiter:
                yield
        finally:
            self._waiting -= 1


_UNBOUNDED = trio.CapacityLimiter(1_000)
"""Threads are bounded by each `ApiKeys`' own limiter."""


def grant_of(name: str) -> str:
    """The grant of what is opened with the key of this id: what revocation ends."""
    return f"api-key {name}"


def _hash(secret: bytes) -> str:
    return nacl.pwhash.argon2id.str(secret, opslimit=_OPSLIMIT, memlimit=_MEMLIMIT).decode()


def _verifies(digest: str, secret: bytes) -> bool:
    try:
        return nacl.pwhash.verify(digest.encode(), secret)
    except InvalidkeyError:
        return False


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().lower()


def _from_base32(text: str) -> bytes:
    return base64.b32decode(text.upper())
