"""The signature of an ID token: which algorithms, which key, once. Pure.

joserfc verifies; what it is asked is narrow. Algorithms come from a list of asymmetric ones, whatever the
token or the provider's document says, so neither `none` nor an HMAC with a public key is ever tried. Keys
come from the provider's `jwks_uri` and nowhere else: `jwk`, `jku` and `x5u` in a header lead nowhere. A
token is read strictly first (`identity.compact`): one text, one reading.
"""

from collections.abc import Mapping
from typing import Final

import attrs
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry, deserialize_compact

from router.identity.compact import read_compact
from router.identity.errors import AuthError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_KEY_TYPES = {"R": "RSA", "P": "RSA", "E": "EC"}
_MIN_MODULUS = 342  # characters of base64url: 2048 bits
_MAX_KEYS = 64
_MAX_BYTES = 16_384

Key = RSAKey | ECKey | OKPKey


class BadIdTokenError(Exception):
    """Not a token of this provider. `detail` says why, for the operator."""

    def __init__(self, detail: str, *, unknown_key: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.unknown_key = unknown_key
        """Whether newer keys may bring another verdict: the provider may have rotated."""


@attrs.frozen
class VerifiedToken:
    """Claims that the provider has signed; they still have to be judged."""

    claims: Mapping[str, object]
    algorithm: str


def read_keys(value: object) -> tuple[tuple[dict[str, object], Key], ...]:
    """The usable keys of a JWK set, each with its members: public, for signatures, RSA from 2048 bits on.

    What cannot be used is passed over, as RFC 7517 section 5 asks. Raises `ValueError` for what is no set.
    """
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or len(keys) > _MAX_KEYS:
        raise ValueError("not a JWK set")
    found = []
    for jwk in keys:
        if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or not _is_strong(jwk):
            continue
        try:
            key = import_key({name: member for name, member in jwk.items() if name in _MEMBERS})
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey):
            found.append((jwk, key))
    return tuple(found)


def _is_strong(jwk: Mapping[str, object]) -> bool:
    """Asymmetric, and an RSA modulus of 2048 bits or more: judged before anything computes with it."""
    modulus = jwk.get("n")
    if jwk.get("kty") == "RSA":
        return isinstance(modulus, str) and len(modulus) >= _MIN_MODULUS
    return jwk.get("kty") in ("EC", "OKP")


_MEMBERS = frozenset(("kty", "crv", "x", "y", "n", "e"))  # public ones: a `d` by mistake is not taken in


def verify(text: str, keys: tuple[tuple[dict[str, object], Key], ...]) -> VerifiedToken:
    """The claims of a token that one of these keys has signed. Raises `BadIdTokenError`; total on texts.

    With a `kid` in its header the key of that name decides, without one the only key that fits.
    """
    try:
        token = read_compact(text, max_bytes=_MAX_BYTES)
    except AuthError:
        raise BadIdTokenError("not a JWT") from None
    algorithm, kid = token.header.get("alg"), token.header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or "crit" in token.header:
        raise BadIdTokenError("an algorithm that is not accepted")
    fitting = [
        key
        for jwk, key in keys
        if _fits(jwk, algorithm) and (kid is None or ("kid" in jwk and jwk["kid"] == kid))
    ]
    if len(fitting) != 1:
        raise BadIdTokenError("no key, or more than one, that could have made it", unknown_key=True)
    try:
        deserialize_compact(text, fitting[0], registry=_REGISTRY)
    except (JoseError, ValueError):
        raise BadIdTokenError("the signature does not verify", unknown_key=True) from None
    return VerifiedToken(token.claims, algorithm)


def _fits(jwk: Mapping[str, object], algorithm: str) -> bool:
    """Whether a key is for this algorithm: by its type, and by its `alg` where it has one."""
    if algorithm == "EdDSA":
        return jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519"
    return jwk.get("kty") == _KEY_TYPES[algorithm[0]] and jwk.get("alg", algorithm) == algorithm


class _Registry(JWSRegistry):
    """The list and no way out of it; EdDSA means Ed25519 (RFC 9864)."""

    algorithms: dict[str, JWSAlgModel] = {  # noqa: RUF012 - as in the base
        name: JWSRegistry.algorithms["Ed25519" if name == "EdDSA" else name] for name in ALGORITHMS
    }
    max_header_length = _MAX_BYTES


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)
