"""The server's own secrets: one random value in the data folder, a key for each purpose made from it.

`server-secret.json`, mode 0600, is created at the first start and never changes: hashes and ids that
were made under it are in the store. Each use has a key of its own (keyed BLAKE2b over the purpose), so
what leaks in one place opens nothing in another. Every node of one deployment shares the file.

==================  ============================================================================
purpose             why keyed
==================  ============================================================================
conversation ids    the same createConvo, asked twice, finds the same conversation; nobody can aim
idempotency scopes  a stored result does not say who asked for what
replay hashes       a row for a used token names neither account nor token
cursors             a client cannot read or make up a position in the log
API keys            a made-up key is told from a real one without a look into the store
tickets             a pass to one stream that only this router can make and read
logins              who somebody is elsewhere, what waits in a login, refresh tokens
==================  ============================================================================
"""

import base64
import json
from pathlib import Path

import attrs

from crypto import Entropy, derive_key, keyed_hash, open_sealed, seal, system_entropy
from router.identity.errors import IdentityFileError
from router.identity.files import read_secret, write_secret

FILE_NAME = "server-secret.json"

_VERSION = 1
_SECRET_BYTES = 32


@attrs.frozen(init=False)
class ServerSecrets:
    """Purpose keys and the few operations they are for."""

    _conversation_ids: bytes = attrs.field(repr=False)
    _idempotency: bytes = attrs.field(repr=False)
    _replay: bytes = attrs.field(repr=False)
    _cursors: bytes = attrs.field(repr=False)
    _api_keys: bytes = attrs.field(repr=False)
    _tickets: bytes = attrs.field(repr=False)
    logins: bytes = attrs.field(repr=False)
    """From which the login makes its own keys (`router/login/secrets.py`)."""

    def __init__(self, secret: bytes) -> None:
        """From the 32 bytes of the file; tests hand in their own."""
        if len(secret) != _SECRET_BYTES:
            raise ValueError("the server's secret has 32 bytes")
        self.__attrs_init__(
            conversation_ids=derive_key(secret, "conversation ids"),
            idempotency=derive_key(secret, "idempotency scopes"),
            replay=derive_key(secret, "replay hashes"),
            cursors=derive_key(secret, "cursors"),
            api_keys=derive_key(secret, "API keys"),
            tickets=derive_key(secret, "tickets"),
            logins=derive_key(secret, "logins"),
        )

    def conversation_id(self, seed: bytes) -> bytes:
        """16 bytes that depend on the seed and that nobody outside can foresee."""
        return keyed_hash(self._conversation_ids, "conversation", seed, size=16)

    def idempotency_scope(self, caller: str, endpoint: str, key: str) -> bytes:
        """32 bytes under which the result of one request is kept."""
        return keyed_hash(self._idempotency, "scope", caller.encode(), endpoint.encode(), key.encode())

    def token_hash(self, issuer: str, jti: str) -> bytes:
        """16 bytes that stand for one token."""
        return keyed_hash(self._replay, "token", issuer.encode(), jti.encode(), size=16)

    def seal_cursor(self, cursor: bytes, holder: str, *, entropy: Entropy = system_entropy) -> bytes:
        """A cursor that only this router can read and only for this holder, such as a device."""
        return seal(self._cursors, cursor, context=holder.encode(), entropy=entropy)

    def open_cursor(self, sealed: bytes, holder: str) -> bytes:
        """The cursor that was sealed for this holder; `crypto.SealError` for any other bytes."""
        return open_sealed(self._cursors, sealed, context=holder.encode())

    def api_key_id(self, scope: bytes) -> bytes:
        """10 bytes: the name of the API key that is made by one request, however often it is asked."""
        return keyed_hash(self._api_keys, "id", scope, size=16)[:10]

    def api_key_tag(self, name: bytes, secret: bytes) -> bytes:
        """8 bytes that show that this router made this key."""
        return keyed_hash(self._api_keys, "tag", name, secret, size=16)[:8]

    def seal_ticket(self, ticket: bytes, *, entropy: Entropy = system_entropy) -> bytes:
        """A ticket that only this router can read."""
        return seal(self._tickets, ticket, context=b"ticket", entropy=entropy)

    def open_ticket(self, sealed: bytes) -> bytes:
        """What was sealed; `crypto.SealError` for any other bytes."""
        return open_sealed(self._tickets, sealed, context=b"ticket")


def load_or_create_secrets(folder: Path, *, entropy: Entropy = system_entropy) -> ServerSecrets:
    """The secrets of this data folder, made now if it has none. `IdentityFileError` if they are unusable.

    A damaged file is never replaced: with another secret no stored hash could be found again.
    """
    path = folder / FILE_NAME
    try:
        return _load(path)
    except FileNotFoundError:
        pass
    content = {"version": _VERSION, "secret": base64.b64encode(entropy(_SECRET_BYTES)).decode()}
    try:
        write_secret(path, json.dumps(content).encode() + b"\n")
    except FileExistsError:
        pass  # another process was first, and its secret is the one
    return _load(path)


def _load(path: Path) -> ServerSecrets:
    try:
        content = json.loads(read_secret(path))
        version, secret = content["version"], base64.b64decode(content["secret"], validate=True)
        if version != _VERSION:
            raise IdentityFileError(f"{path} was written by another version of Rookery")
        return ServerSecrets(secret)
    except (ValueError, TypeError, KeyError):
        raise IdentityFileError(
            f"{path} is damaged; restore it from a backup, since what is stored depends on it"
        ) from None
