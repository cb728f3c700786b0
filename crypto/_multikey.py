"""Keys as text: Multikey (`zQ3sh...`), `did:key:...`, and the two older forms found in DID documents.

A Multikey is `z`, then base58btc of a multicodec prefix and the compressed point: e7 01 for
secp256k1, 80 24 for P-256. Private keys use 81 26 and 86 26 with the 32-byte scalar. Each key has one
text; every other text is refused. The parsed key is worth keeping: parsing costs up to 45 us.

Sources: W3C Controlled Identifiers («Multikey»), the multicodec table, atproto.com/specs/cryptography.
"""

from crypto._base58 import base58_decode, base58_encode
from crypto._ecdsa import (
    Curve,
    PrivateKey,
    PublicKey,
    private_key,
    public_key,
    public_key_from_uncompressed,
)
from crypto._errors import CryptoError, InvalidKeyError

DID_KEY_PREFIX = "did:key:"
_MAX_TEXT = 128  # an uncompressed point takes 90 characters; base58 is quadratic, so the bound comes first
_PUBLIC_PREFIX = {Curve.K256: b"\xe7\x01", Curve.P256: b"\x80\x24"}
_PRIVATE_PREFIX = {Curve.K256: b"\x81\x26", Curve.P256: b"\x86\x26"}


def parse_multikey(text: str) -> PublicKey:
    """The public key of a Multikey text; `InvalidKeyError` for anything else."""
    data = _decode(text)
    for curve, prefix in _PUBLIC_PREFIX.items():
        if data.startswith(prefix):
            return public_key(curve, data[2:])
    raise InvalidKeyError("not a Multikey of a supported curve")


def format_multikey(key: PublicKey) -> str:
    """The Multikey text of a public key: what `parse_multikey` reads back."""
    return "z" + base58_encode(_PUBLIC_PREFIX[key.curve] + key.point)


def parse_did_key(did: str) -> PublicKey:
    """The public key that a `did:key` is; `InvalidKeyError` for anything else."""
    if not did.startswith(DID_KEY_PREFIX):
        raise InvalidKeyError("not a did:key")
    return parse_multikey(did.removeprefix(DID_KEY_PREFIX))


def format_did_key(key: PublicKey) -> str:
    """The `did:key` of a public key."""
    return DID_KEY_PREFIX + format_multikey(key)


def parse_bare_multibase(curve: Curve, text: str) -> PublicKey:
    """The key of an older DID document entry, whose `type` names the curve and whose text has no prefix.

    `EcdsaSecp256k1VerificationKey2019` and `...r1...` entries hold a point alone, uncompressed in most
    documents and compressed in some. Raises `InvalidKeyError`.
    """
    point = _decode(text)
    if len(point) == 65:
        return public_key_from_uncompressed(curve, point)
    return public_key(curve, point)


def parse_private_multikey(text: str) -> PrivateKey:
    """The private key of its multibase text; `InvalidKeyError` (without the text) for anything else."""
    data = _decode(text)
    for curve, prefix in _PRIVATE_PREFIX.items():
        if data.startswith(prefix):
            return private_key(curve, data[2:])
    raise InvalidKeyError("not a private key of a supported curve")


def format_private_multikey(key: PrivateKey) -> str:
    """The multibase text of a private key: a secret, for a key file of mode 0600 and nothing else."""
    return "z" + base58_encode(_PRIVATE_PREFIX[key.curve] + key.secret)


def _decode(text: str) -> bytes:
    if not text.startswith("z") or len(text) > _MAX_TEXT:
        raise InvalidKeyError("not base58btc multibase")
    try:
        return base58_decode(text[1:])
    except CryptoError:
        raise InvalidKeyError("not base58btc multibase") from None
