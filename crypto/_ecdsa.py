"""ECDSA with SHA-256 on secp256k1 (ES256K) and P-256 (ES256), in the one form AT Protocol accepts.

A signature is 64 bytes, r || s, both big-endian, 0 < r < n and 0 < s <= n/2 («low-S»). For each
valid pair (r, s) the pair (r, n - s) is valid too, so a verifier without the low-S rule accepts two
texts for one signed message. OpenSSL and joserfc are such verifiers; here the rule comes before any
curve arithmetic, and signing normalises.

Signing is deterministic (RFC 6979): no nonce to go wrong and no randomness needed, and the two
backends give the same bytes, which a test compares.

**Backends.** `cryptography` (OpenSSL) does both curves. `coincurve` (libsecp256k1, the `speed` extra)
takes over secp256k1 when it can be imported. Microseconds of one core for one `verify`, measured here
with CPython 3.11 (OpenSSL 3, key already parsed): ES256K 445 through OpenSSL, 53 through coincurve;
ES256 90. Parsing a key costs another 45 (OpenSSL) or 6 (coincurve), so callers keep the parsed key.
"""

import enum
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto._entropy import Entropy, system_entropy
from crypto._errors import InvalidKeyError

try:
    import coincurve
except ImportError:  # the `speed` extra is not installed: OpenSSL does both curves
    HAS_COINCURVE = False
else:
    HAS_COINCURVE = True

SIGNATURE_BYTES = 64
SECRET_BYTES = 32


class Curve(enum.Enum):
    """A curve with its JOSE algorithm: the two cannot be chosen apart."""

    K256 = "k256"
    P256 = "p256"

    @property
    def algorithm(self) -> str:
        """The JOSE name of ECDSA with SHA-256 on this curve (RFC 7518 3.4, RFC 8812 3.2)."""
        return "ES256K" if self is Curve.K256 else "ES256"

    @property
    def order(self) -> int:
        """The number of points in the group, n."""
        return _ORDER[self]


_ORDER = {
    Curve.K256: 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141,
    Curve.P256: 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551,
}
_HALF_ORDER = {curve: order // 2 for curve, order in _ORDER.items()}
_OPENSSL_CURVE: dict[Curve, ec.EllipticCurve] = {Curve.K256: ec.SECP256K1(), Curve.P256: ec.SECP256R1()}
_DIGEST = ec.ECDSA(Prehashed(SHA256()))
_DIGEST_DETERMINISTIC = ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True)


def is_signature(curve: Curve, signature: bytes) -> bool:
    """Whether these bytes have the form of a signature: 64, r and s in range, low-S.

    What fails here fails under every key, so a caller can refuse it before it looks a key up.
    """
    if len(signature) != SIGNATURE_BYTES:
        return False
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    return 0 < r < _ORDER[curve] and 0 < s <= _HALF_ORDER[curve]


_Verifier = Callable[[bytes, bytes], bool]  # (DER signature, SHA-256 of the message) -> valid
_Signer = Callable[[bytes], bytes]  # SHA-256 of the message -> DER signature


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point on its curve, checked and ready to verify. Made by `public_key`; equal by curve and point."""

    curve: Curve
    point: bytes  # compressed: 33 bytes
    _verifier: _Verifier = field(repr=False, compare=False)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` (64 bytes, r || s, low-S) is this key's over SHA-256 of `message`.

        Total: any bytes get a verdict and nothing raises.
        """
        if not is_signature(self.curve, signature):
            return False
        r = int.from_bytes(signature[:32], "big")
        s = int.from_bytes(signature[32:], "big")
        return self._verifier(encode_dss_signature(r, s), hashlib.sha256(message).digest())


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A secret scalar with its public key. Made by `private_key`; its representation hides the secret."""

    curve: Curve
    secret: bytes = field(repr=False)
    public: PublicKey
    _signer: _Signer = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        """64 bytes r || s, low-S, deterministic (RFC 6979) over SHA-256 of `message`."""
        r, s = decode_dss_signature(self._signer(hashlib.sha256(message).digest()))
        if s > _HALF_ORDER[self.curve]:
            s = _ORDER[self.curve] - s
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def public_key(curve: Curve, point: bytes, *, native: bool = True) -> PublicKey:
    """The key with this compressed point (33 bytes, first byte 2 or 3).

    `native=False` keeps to OpenSSL even where coincurve is there. Raises `InvalidKeyError` for another
    form and for a point that is not on the curve.
    """
    if len(point) != 33 or point[0] not in (2, 3):
        raise InvalidKeyError("not a compressed point")
    try:
        if native and HAS_COINCURVE and curve is Curve.K256:
            return PublicKey(curve, point, _coincurve_verifier(point))
        return PublicKey(curve, point, _openssl_verifier(curve, point))
    except ValueError:
        raise InvalidKeyError("not a point on the curve") from None


def public_key_from_uncompressed(curve: Curve, point: bytes) -> PublicKey:
    """The key with this uncompressed point (65 bytes, first byte 4), or `InvalidKeyError`."""
    if len(point) != 65 or point[0] != 4:
        raise InvalidKeyError("not an uncompressed point")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(_OPENSSL_CURVE[curve], point)
    except ValueError:
        raise InvalidKeyError("not a point on the curve") from None
    return public_key(curve, key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


def private_key(curve: Curve, secret: bytes, *, native: bool = True) -> PrivateKey:
    """The key with this secret scalar (32 bytes, big-endian, 0 < secret < n), or `InvalidKeyError`."""
    scalar = int.from_bytes(secret, "big")
    if len(secret) != SECRET_BYTES or not 0 < scalar < _ORDER[curve]:
        raise InvalidKeyError("not a secret scalar of the curve")
    openssl_key = ec.derive_private_key(scalar, _OPENSSL_CURVE[curve])
    point = openssl_key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    public = public_key(curve, point, native=native)
    if native and HAS_COINCURVE and curve is Curve.K256:
        return PrivateKey(curve, secret, public, _coincurve_signer(secret))
    return PrivateKey(curve, secret, public, _openssl_signer(openssl_key))


def generate_private_key(curve: Curve, entropy: Entropy = system_entropy) -> PrivateKey:
    """A new key; scalars outside the group (one in 2^32 on P-256, fewer on secp256k1) are drawn again."""
    while True:
        secret = entropy(SECRET_BYTES)
        if 0 < int.from_bytes(secret, "big") < _ORDER[curve]:
            return private_key(curve, secret)


def _openssl_verifier(curve: Curve, point: bytes) -> _Verifier:
    key = ec.EllipticCurvePublicKey.from_encoded_point(_OPENSSL_CURVE[curve], point)

    def verifier(signature: bytes, digest: bytes) -> bool:
        try:
            key.verify(signature, digest, _DIGEST)
        except InvalidSignature:
            return False
        return True

    return verifier


def _openssl_signer(key: ec.EllipticCurvePrivateKey) -> _Signer:
    return lambda digest: key.sign(digest, _DIGEST_DETERMINISTIC)


def _coincurve_verifier(point: bytes) -> _Verifier:
    key = coincurve.PublicKey(point)
    return lambda signature, digest: key.verify(signature, digest, hasher=None)


def _coincurve_signer(secret: bytes) -> _Signer:
    key = coincurve.PrivateKey(secret)
    return lambda digest: key.sign(digest, hasher=None)
