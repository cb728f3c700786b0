"""Keys of the test kit's clients: derived from a seed, so that every run is the same. Never for real use."""

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mlkem
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.mls import CipherSuite, HpkeKey, SignatureScheme, sign_content

_Sign = Callable[[bytes], bytes]


def expand(seed: bytes, label: str, size: int) -> bytes:
    """`size` bytes that look random and follow from seed and label."""
    return hashlib.shake_256(len(seed).to_bytes(4, "big") + seed + label.encode()).digest(size)


def hpke_public_key(suite: CipherSuite, seed: bytes, label: str) -> bytes:
    """A public key of the suite's KEM that nobody keeps the private key of."""
    match suite.hpke_key:
        case HpkeKey.X25519:
            return expand(seed, label, 32)
        case HpkeKey.X448:
            return expand(seed, label, 56)
        case HpkeKey.P256:
            return _point(_ec_key(ec.SECP256R1(), seed, label))
        case HpkeKey.P384:
            return _point(_ec_key(ec.SECP384R1(), seed, label))
        case HpkeKey.P521:
            return _point(_ec_key(ec.SECP521R1(), seed, label))
        case HpkeKey.XWING:
            kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(expand(seed, label, 64))
            return kem.public_key().public_bytes_raw() + expand(seed, label + " x25519", 32)


class SigningKey:
    """A signature key pair of a suite."""

    def __init__(self, suite: CipherSuite, seed: bytes) -> None:
        self.public, self._sign = _signer(suite.signature, seed)

    def sign(self, label: bytes, content: bytes) -> bytes:
        """`SignWithLabel` (RFC 9420 section 5.1.2)."""
        return self._sign(sign_content(label, content))


def _signer(scheme: SignatureScheme, seed: bytes) -> tuple[bytes, _Sign]:
    match scheme:
        case SignatureScheme.ED25519:
            edwards = ed25519.Ed25519PrivateKey.from_private_bytes(expand(seed, "signature", 32))
            return edwards.public_key().public_bytes_raw(), edwards.sign
        case SignatureScheme.ED448:
            goldilocks = ed448.Ed448PrivateKey.from_private_bytes(expand(seed, "signature", 57))
            return goldilocks.public_key().public_bytes_raw(), goldilocks.sign
        case SignatureScheme.P256:
            return _ecdsa(ec.SECP256R1(), hashes.SHA256(), seed)
        case SignatureScheme.P384:
            return _ecdsa(ec.SECP384R1(), hashes.SHA384(), seed)
        case SignatureScheme.P521:
            return _ecdsa(ec.SECP521R1(), hashes.SHA512(), seed)


def _ecdsa(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm, seed: bytes) -> tuple[bytes, _Sign]:
    key = _ec_key(curve, seed, "signature")
    algorithm = ec.ECDSA(digest, deterministic_signing=True)
    return _point(key), lambda message: key.sign(message, algorithm)


def _ec_key(curve: ec.EllipticCurve, seed: bytes, label: str) -> ec.EllipticCurvePrivateKey:
    # a byte less than the curve has, and not zero: below the order without a second try
    scalar = int.from_bytes(expand(seed, label, (curve.key_size - 1) // 8), "big") | 1
    return ec.derive_private_key(scalar, curve)


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
