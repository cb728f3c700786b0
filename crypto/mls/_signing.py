"""Signatures and public keys of the suites: verification only, since a server signs nothing in MLS.

`SignWithLabel` (RFC 9420 section 5.1.2) signs `SignContent`, a label and the content, so that a signature
over one kind of structure is none over another.

**Backends.** Ed25519 goes to libsodium (PyNaCl): 49 us a signature here, OpenSSL 115. libsodium also
refuses keys of small order, under which one signature fits many messages. The rest is OpenSSL
(`cryptography`): Ed448 177 us, P-256 72, P-384 323, P-521 402.

**Keys** (section 5.1.1): of their exact length, on their curve, the NIST curves uncompressed. X25519 and
X448 keys of small order are refused, because every shared secret with them is zero (RFC 7748 section 6);
so an `encryption_key` of zeros, which would hand a group's secrets to everybody, never enters a tree.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, mlkem
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from crypto.mls._suites import CipherSuite, HpkeKey, SignatureScheme
from crypto.mls._writer import opaque

_Verifier: TypeAlias = Callable[[bytes, bytes, bytes], bool]  # (key, message, signature) -> valid
_KeyCheck: TypeAlias = Callable[[bytes], bool]


def sign_content(label: bytes, content: bytes) -> bytes:
    """`SignContent`: what is in truth signed. `label` without its prefix, such as b"LeafNodeTBS"."""
    return opaque(b"MLS 1.0 " + label) + opaque(content)


def verify_with_label(suite: CipherSuite, key: bytes, label: bytes, content: bytes, signature: bytes) -> bool:
    """Whether `signature` is this key's over `content` under `label`. Total: any bytes get a verdict."""
    return _VERIFIERS[suite.signature](key, sign_content(label, content), signature)


def is_signature_key(suite: CipherSuite, key: bytes) -> bool:
    """Whether these bytes can be a signature key of the suite.

    For Ed25519 only the length is looked at: whether it is a point of large order is found by the
    first verification, which every accepted key has behind it.
    """
    return _SIGNATURE_KEYS[suite.signature](key)


def is_hpke_key(suite: CipherSuite, key: bytes) -> bool:
    """Whether these bytes are a public key of the suite's KEM, and one that keeps a secret."""
    return _HPKE_KEYS[suite.hpke_key](key)


_ED25519_KEY_BYTES: Final = 32
_ED25519_SIGNATURE_BYTES: Final = 64
_ED448_KEY_BYTES: Final = 57
_MLKEM768_KEY_BYTES: Final = 1184

_P25519: Final = 2**255 - 19
_P448: Final = 2**448 - 2**224 - 1
_ORDER_8 = (  # the u coordinates of the points of order 8 on Curve25519 and its twist
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
_WEAK_X25519: Final = frozenset({0, 1, _P25519 - 1, *_ORDER_8})
_WEAK_448: Final = frozenset({0, 1, _P448 - 1})  # u on Curve448, y on Ed448


def _verify_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    if len(key) != _ED25519_KEY_BYTES or len(signature) != _ED25519_SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


def _verify_ed448(key: bytes, message: bytes, signature: bytes) -> bool:
    if not _is_ed448_key(key):
        return False
    try:
        ed448.Ed448PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _ecdsa_verifier(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm) -> _Verifier:
    algorithm = ec.ECDSA(digest)
    is_point = _point_check(curve)

    def verify(key: bytes, message: bytes, signature: bytes) -> bool:
        if not is_point(key):
            return False
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(curve, key).verify(signature, message, algorithm)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify


def _point_check(curve: ec.EllipticCurve) -> _KeyCheck:
    length = 1 + 2 * ((curve.key_size + 7) // 8)

    def is_point(key: bytes) -> bool:
        if len(key) != length or key[0] != 4:
            return False
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(curve, key)
        except ValueError:
            return False
        return True

    return is_point


def _is_ed448_key(key: bytes) -> bool:
    if len(key) != _ED448_KEY_BYTES or key[56] & 0x7F:
        return False
    y = int.from_bytes(key[:56], "little")
    return y < _P448 and y not in _WEAK_448


def _is_x25519_key(key: bytes) -> bool:
    if len(key) != 32:
        return False
    u = int.from_bytes(key, "little") & (2**255 - 1)  # the top bit is ignored by every user of the key
    return u % _P25519 not in _WEAK_X25519


def _is_x448_key(key: bytes) -> bool:
    return len(key) == 56 and int.from_bytes(key, "little") % _P448 not in _WEAK_448


def _is_xwing_key(key: bytes) -> bool:
    if len(key) != _MLKEM768_KEY_BYTES + 32:
        return False
    try:  # OpenSSL holds the coefficients to the modulus (FIPS 203 section 7.2)
        mlkem.MLKEM768PublicKey.from_public_bytes(key[:_MLKEM768_KEY_BYTES])
    except ValueError:
        return False
    return _is_x25519_key(key[_MLKEM768_KEY_BYTES:])


_P256, _P384, _P521 = ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()

_VERIFIERS: dict[SignatureScheme, _Verifier] = {
    SignatureScheme.ED25519: _verify_ed25519,
    SignatureScheme.ED448: _verify_ed448,
    SignatureScheme.P256: _ecdsa_verifier(_P256, hashes.SHA256()),
    SignatureScheme.P384: _ecdsa_verifier(_P384, hashes.SHA384()),
    SignatureScheme.P521: _ecdsa_verifier(_P521, hashes.SHA512()),
}
_SIGNATURE_KEYS: dict[SignatureScheme, _KeyCheck] = {
    SignatureScheme.ED25519: lambda key: len(key) == _ED25519_KEY_BYTES,
    SignatureScheme.ED448: _is_ed448_key,
    SignatureScheme.P256: _point_check(_P256),
    SignatureScheme.P384: _point_check(_P384),
    SignatureScheme.P521: _point_check(_P521),
}
_HPKE_KEYS: dict[HpkeKey, _KeyCheck] = {
    HpkeKey.X25519: _is_x25519_key,
    HpkeKey.X448: _is_x448_key,
    HpkeKey.P256: _point_check(_P256),
    HpkeKey.P384: _point_check(_P384),
    HpkeKey.P521: _point_check(_P521),
    HpkeKey.XWING: _is_xwing_key,
}
