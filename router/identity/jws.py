"""The JWS step: joserfc does JOSE, our own ECDSA does the arithmetic.

joserfc is the project's JOSE library: it binds each algorithm to its key type and writes the compact form.
Its own ES256 and ES256K accept high-S, sign high-S half of the time and cannot use libsecp256k1. So the
registry here has exactly two algorithms, whose signatures are made and checked by `crypto`: low-S inside the
algorithm, where no call can forget it.

**A token is read once**, by `compact.py`, which is stricter than joserfc in every point (duplicate members,
depth, one spelling of base64) and refuses every `crit`; joserfc only judges the signature over what was read.
To have it read the text a second time cost a quarter of all that the edge adds to a signature, and could find
nothing: that it reads our tokens as we do is a test (`tests/identity/test_compact.py`), not a step.

Measured per token, key cached, one core: `make bench`, the table «Who calls».
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry, serialize_compact

from crypto import Curve, InvalidKeyError, PrivateKey, PublicKey, parse_bare_multibase, parse_multikey

MAX_TOKEN_BYTES = 8192

_CURVES: dict[Curve, ec.EllipticCurve] = {Curve.K256: ec.SECP256K1(), Curve.P256: ec.SECP256R1()}
_LEGACY_TYPES = {
    "EcdsaSecp256k1VerificationKey2019": Curve.K256,
    "EcdsaSecp256r1VerificationKey2019": Curve.P256,
}


class VerificationKey(ECKey):
    """A public key that joserfc takes for an EC key and `crypto` verifies with. Keep it: making one costs."""

    def __init__(self, public: PublicKey) -> None:
        point = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[public.curve], public.point)
        super().__init__(point, point)
        self.public = public


class SigningKey(ECKey):
    """A private key that joserfc takes for an EC key and that `crypto` signs with."""

    def __init__(self, private: PrivateKey) -> None:
        scalar = ec.derive_private_key(int.from_bytes(private.secret, "big"), _CURVES[private.curve])
        super().__init__(scalar, scalar)
        self.private = private


def parse_verification_key(kind: str, multibase: str) -> VerificationKey:
    """The key of an entry of `verificationMethod`, by its `type`; `InvalidKeyError` for any other."""
    if kind == "Multikey":
        return VerificationKey(parse_multikey(multibase))
    curve = _LEGACY_TYPES.get(kind)
    if curve is None:
        raise InvalidKeyError("a key of unknown type")
    return VerificationKey(parse_bare_multibase(curve, multibase))


def verifies(curve: Curve, signed: bytes, signature: bytes, key: VerificationKey) -> bool:
    """Whether the key made this signature over the signing input of a JWS whose `alg` is the curve's.

    A key of the other curve never did. Total on bytes.
    """
    return _MODELS[curve].verify(signed, signature, key)


def sign_compact(header: dict[str, str], payload: bytes, key: SigningKey) -> str:
    """A compact JWS; `alg` is the key's and need not be given."""
    header = {**header, "alg": key.private.curve.algorithm}
    return serialize_compact(header, payload, key, registry=_REGISTRY)


class _LowS(JWSAlgModel):
    """ES256 or ES256K in AT Protocol's form."""

    key_type = "EC"
    algorithm_security = 256

    def __init__(self, curve: Curve) -> None:
        self.name = curve.algorithm
        self.description = f"ECDSA with SHA-256 on {curve.value}, low-S"
        self._curve = curve

    # joserfc's interface says `key: Any`; the two asserted types are the only ones ever handed in.
    def sign(self, msg: bytes, key: Any) -> bytes:
        if not isinstance(key, SigningKey) or key.private.curve is not self._curve:
            raise TypeError("not a signing key of this curve")
        return key.private.sign(msg)

    def verify(self, msg: bytes, sig: bytes, key: Any) -> bool:
        # the binding of algorithm and curve: a K-256 key never answers for ES256
        if not isinstance(key, VerificationKey) or key.public.curve is not self._curve:
            return False
        return key.public.verify(msg, sig)


_MODELS = {curve: _LowS(curve) for curve in Curve}


class _Registry(JWSRegistry):
    """Two algorithms and no way to a third: lookups never leave this table."""

    algorithms: dict[str, JWSAlgModel] = {curve.algorithm: model for curve, model in _MODELS.items()}  # noqa: RUF012  # as in the base
    max_header_length = MAX_TOKEN_BYTES


_REGISTRY = _Registry(algorithms=[curve.algorithm for curve in Curve], strict_check_header=False)
