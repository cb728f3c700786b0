"""Opening a Welcome with the keys of an official vector.

A delivery service never does this: it is here to find where a recorded group begins. The vectors of passive
clients give a group by its Welcome alone, so the tests open it, take the GroupInfo out, and from there on
follow the recorded commits as a server would.
"""

import hmac
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from crypto.mls import (
    STANDARD_SUITES,
    CipherSuite,
    GroupInfo,
    PreSharedKeyId,
    Welcome,
    read_group_info,
    read_group_secrets,
)
from crypto.mls._reader import read_whole
from crypto.mls._writer import opaque, uint16

_KEM = {1: KEM.X25519, 2: KEM.P256, 3: KEM.X25519}
_AEAD = {1: AEAD.AES_128_GCM, 2: AEAD.AES_128_GCM, 3: AEAD.CHACHA20_POLY1305}
_KEY_BYTES = {1: 16, 2: 16, 3: 32}
SUITES = frozenset(_KEM)
"""The suites that can be opened: those of the vectors at hand."""


def open_welcome(welcome: Welcome, ref: bytes, init_key: bytes, psks: Mapping[bytes, bytes]) -> GroupInfo:
    """The GroupInfo sealed in a Welcome, for the owner of the key package `ref` with this private key."""
    suite = STANDARD_SUITES[welcome.cipher_suite]
    (entry,) = [entry for entry in welcome.secrets if entry.new_member == ref]
    sealed = entry.encrypted_group_secrets
    context = opaque(b"MLS 1.0 Welcome") + opaque(welcome.encrypted_group_info)
    opener = Suite(_KEM[suite.number], KDF.HKDF_SHA256, _AEAD[suite.number])
    plain = opener.decrypt(sealed.kem_output + sealed.ciphertext, _private_key(suite, init_key), context)
    secrets = read_whole(plain, read_group_secrets)
    member = _extract(suite, secrets.joiner_secret, _psk_secret(suite, secrets.psks, psks))
    welcome_secret = _expand(suite, member, b"welcome", suite.hash_bytes)
    key = _expand(suite, welcome_secret, b"key", _KEY_BYTES[suite.number])
    nonce = _expand(suite, welcome_secret, b"nonce", 12)
    cipher = ChaCha20Poly1305(key) if suite.number == 3 else AESGCM(key)
    return read_group_info(cipher.decrypt(nonce, welcome.encrypted_group_info, b""))


def _private_key(suite: CipherSuite, raw: bytes) -> x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey:
    if suite.number == 2:
        return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())
    return x25519.X25519PrivateKey.from_private_bytes(raw)


def _psk_secret(suite: CipherSuite, ids: tuple[PreSharedKeyId, ...], psks: Mapping[bytes, bytes]) -> bytes:
    """RFC 9420 section 8.4."""
    secret = bytes(suite.hash_bytes)
    for index, psk_id in enumerate(ids):
        label = psk_id.encode() + uint16(index) + uint16(len(ids))
        extracted = _extract(suite, bytes(suite.hash_bytes), psks[getattr(psk_id, "psk_id", b"")])
        secret = _extract(suite, _expand(suite, extracted, b"derived psk", suite.hash_bytes, label), secret)
    return secret


def _extract(suite: CipherSuite, salt: bytes, material: bytes) -> bytes:
    return hmac.digest(salt, material, suite.hash_name)


def _expand(suite: CipherSuite, secret: bytes, label: bytes, length: int, context: bytes = b"") -> bytes:
    """`ExpandWithLabel`; one block of output is enough here."""
    info = uint16(length) + opaque(b"MLS 1.0 " + label) + opaque(context)
    assert length <= suite.hash_bytes
    return hmac.digest(secret, info + b"\x01", suite.hash_name)[:length]
