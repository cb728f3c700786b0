"""Sealing values under a shared key, and keyed hashes: PyNaCl's SecretBox and BLAKE2b.

**seal / open_sealed**: XSalsa20-Poly1305 under a key derived from (key, context), so that a value
sealed for one context (a device, a conversation) does not open in another. SecretBox has no
associated data of its own. Layout: version 01, nonce 24, box (message + 16). 41 bytes longer than
the message; about 8 us for 512 bytes.

**keyed_hash** binds each part with its length, so that («ab», «c») and («a», «bc») differ, and a
purpose, so that one key serves many uses without one standing for another. **derive_key** is the same
function used to make purpose keys out of one secret: BLAKE2b is a PRF when keyed (RFC 7693).
"""

import hashlib

from nacl.exceptions import CryptoError as NaclError
from nacl.secret import SecretBox

from crypto._entropy import Entropy, system_entropy
from crypto._errors import SealError

KEY_BYTES = SecretBox.KEY_SIZE
SEAL_OVERHEAD_BYTES = 1 + SecretBox.NONCE_SIZE + SecretBox.MACBYTES
_VERSION = b"\x01"


def keyed_hash(key: bytes, purpose: str, *parts: bytes, size: int = 32) -> bytes:
    """A BLAKE2b MAC of `size` bytes (1 to 64) over purpose and parts, each bound by its length.

    `key` has 16 to 64 bytes; a shorter one is the caller's mistake (`ValueError`).
    """
    if not 16 <= len(key) <= 64:
        raise ValueError("a key has 16 to 64 bytes")
    mac = hashlib.blake2b(key=key, digest_size=size)
    for part in (purpose.encode(), *parts):
        mac.update(len(part).to_bytes(8, "big"))
        mac.update(part)
    return mac.digest()


def derive_key(secret: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose; keys of different purposes say nothing about each other."""
    return keyed_hash(secret, "derive:" + purpose)


def seal(key: bytes, message: bytes, *, context: bytes = b"", entropy: Entropy = system_entropy) -> bytes:
    """`message` under `key` (32 bytes), to be opened with the same key and context only."""
    box = SecretBox(keyed_hash(key, "seal", context))
    return _VERSION + bytes(box.encrypt(message, entropy(SecretBox.NONCE_SIZE)))


def open_sealed(key: bytes, sealed: bytes, *, context: bytes = b"") -> bytes:
    """The message that `seal` was given; `SealError` for any other bytes, key or context."""
    if sealed[:1] != _VERSION or len(sealed) < SEAL_OVERHEAD_BYTES:
        raise SealError("not sealed under this key for this context")
    try:
        return SecretBox(keyed_hash(key, "seal", context)).decrypt(sealed[1:])
    except NaclError:
        raise SealError("not sealed under this key for this context") from None
