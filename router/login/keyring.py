"""The keys that sign access tokens: one signs, those before it verify while tokens of theirs live.

    data folder:   token-key-0001.json   token-key-0002.json   token-key-0003.json
                   forgotten             verifies until 0003's  signs
                                         birth + OVERLAP_SECONDS

A file is written once and never changed. So a rotation is one new file; what a key may do follows from the
files alone, and nodes that share the folder agree without talking: a token with an unknown `kid` makes a
node look into the folder again, at most once a second.

Ed25519, because it is small, fast and has no parameters to get wrong; the `kid` is the key's RFC 7638
thumbprint. Verifying costs 90 us (PyNaCl).
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import attrs
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from crypto import Entropy, system_entropy
from router.identity.compact import encode_part
from router.identity.errors import IdentityFileError
from router.identity.files import read_secret, write_secret
from router.identity.revocations import MEMORY_SECONDS

OVERLAP_SECONDS = MEMORY_SECONDS
"""How long a key verifies after its successor was made: no access token lives longer."""

_VERSION = 1
_SEED_BYTES = 32
_FILE = re.compile(r"token-key-(\d{4,})\.json")
_LOOK_AGAIN_SECONDS = 1.0


@attrs.frozen
class TokenKey:
    """One key of the ring."""

    number: int
    """1, 2, 3 …: the greatest signs."""
    created: int
    """Unix seconds."""
    kid: str
    _signing: SigningKey = attrs.field(repr=False, eq=False)

    @classmethod
    def of(cls, number: int, created: int, seed: bytes) -> "TokenKey":
        """From the 32 bytes of a file."""
        signing = SigningKey(seed)
        return cls(number, created, _thumbprint(signing.verify_key), signing)

    def sign(self, message: bytes) -> bytes:
        """64 bytes of Ed25519."""
        return self._signing.sign(message).signature

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed the message. Total on bytes."""
        try:
            self._signing.verify_key.verify(message, signature)
        except (BadSignatureError, ValueError):  # ValueError: not 64 bytes
            return False
        return True

    def to_jwk(self) -> dict[str, str]:
        """The public half as it is published (RFC 8037)."""
        return {**_jwk(self._signing.verify_key), "kid": self.kid, "alg": "EdDSA", "use": "sig"}


def living(keys: Iterable[TokenKey], now: float) -> tuple[TokenKey, ...]:
    """Those that may still verify, oldest first; the last one signs. Pure."""
    ordered = sorted(keys, key=lambda key: key.number)
    return tuple(
        key
        for key, successor in zip(ordered, (*ordered[1:], None), strict=False)
        if successor is None or now < successor.created + OVERLAP_SECONDS
    )


class KeyRing:
    """The keys of one data folder. Every method is short and synchronous; files are read when keys change."""

    def __init__(
        self, folder: Path, clock: Callable[[], float], *, entropy: Entropy = system_entropy
    ) -> None:
        """Reads the folder and makes the first key if it has none. `clock` gives Unix seconds.

        Raises `IdentityFileError` for a key file that cannot be used.
        """
        self._folder = folder
        self._clock = clock
        self._entropy = entropy
        self._looked = clock()
        self._keys = _read(folder)
        if not self._keys:
            self.rotate()

    @property
    def signing(self) -> TokenKey:
        """The key that signs now."""
        return self._keys[-1]

    def keys(self) -> Sequence[TokenKey]:
        """Those that verify now, oldest first; the last one signs. For operators and for `jwks`."""
        return living(self._keys, self._clock())

    def find(self, kid: str) -> TokenKey | None:
        """The key of this id, if tokens of its may still live."""
        found = self._find(kid)
        now = self._clock()
        # A clock that was set back must not stop the looking: hence the distance and not the difference.
        if found is None and abs(now - self._looked) >= _LOOK_AGAIN_SECONDS:
            try:
                self.reload()
            except (OSError, IdentityFileError):
                return None  # the keys in memory are good; the operator meets the reason at `rookery keys`
            found = self._find(kid)
        return found

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys, newest first, as `/.well-known/jwks.json` serves them (RFC 7517)."""
        return {"keys": [key.to_jwk() for key in reversed(self.keys())]}

    def rotate(self, *, at_once: bool = False) -> TokenKey:
        """Sign with a new key from now on; the ones before it verify until their tokens are gone.

        `at_once`, when a key may be out: the ones before it are forgotten, and with them every access
        token; clients get new ones for their refresh tokens. Of two processes that rotate at the same time
        one makes the key for both. Raises OSError when the folder cannot be written.
        """
        self.reload()
        number = self._keys[-1].number + 1 if self._keys else 1
        # never earlier than the key before, whatever the clock does
        created = max(int(self._clock()), self._keys[-1].created if self._keys else 0)
        content = {
            "version": _VERSION,
            "created": created,
            "seed": base64.b64encode(self._entropy(_SEED_BYTES)).decode(),
        }
        try:
            write_secret(self._path(number), json.dumps(content).encode() + b"\n")
        except FileExistsError:
            pass  # another process was first, and its key is the one
        self.reload()
        if at_once:
            for key in self._keys[:-1]:
                self._path(key.number).unlink(missing_ok=True)
            self.reload()
        return self.signing

    def reload(self) -> None:
        """Read the folder again and forget the files of keys that verify nothing any more.

        Raises `IdentityFileError`; the ring is then as it was.
        """
        self._looked = self._clock()
        keys = _read(self._folder)
        alive = living(keys, self._looked)
        for key in keys:
            if key not in alive:
                self._path(key.number).unlink(missing_ok=True)
        self._keys = alive

    def _find(self, kid: str) -> TokenKey | None:
        return next((key for key in self.keys() if key.kid == kid), None)

    def _path(self, number: int) -> Path:
        return self._folder / f"token-key-{number:04}.json"


def _read(folder: Path) -> tuple[TokenKey, ...]:
    numbers = sorted(int(match[1]) for path in folder.iterdir() if (match := _FILE.fullmatch(path.name)))
    keys = (_load(folder / f"token-key-{number:04}.json", number) for number in numbers)
    return tuple(key for key in keys if key is not None)


def _load(path: Path, number: int) -> TokenKey | None:
    try:
        content = json.loads(read_secret(path))
        version, created = content["version"], content["created"]
        if version != _VERSION or type(created) is not int:
            raise IdentityFileError(f"{path} was written by another version of Rookery")
        return TokenKey.of(number, created, base64.b64decode(content["seed"], validate=True))
    except FileNotFoundError:
        return None  # another process has just forgotten it
    except (ValueError, TypeError, KeyError):
        raise IdentityFileError(
            f"{path} is damaged; restore it from a backup, or delete it: access tokens made with it are "
            "refused then, and clients get new ones by themselves"
        ) from None


def _jwk(key: VerifyKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_part(bytes(key))}


def _thumbprint(key: VerifyKey) -> str:
    """RFC 7638: SHA-256 over the required members in lexicographic order, without white space."""
    canonical = json.dumps(_jwk(key), sort_keys=True, separators=(",", ":"))
    return encode_part(hashlib.sha256(canonical.encode()).digest())
