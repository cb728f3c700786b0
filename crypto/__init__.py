"""Keys, signatures, padding, sealing and MLS framing: sans-IO, with one door for randomness.

The MLS reader is in `crypto.mls`.
"""

from crypto._base58 import base58_decode, base58_encode
from crypto._ecdsa import (
    HAS_COINCURVE,
    SIGNATURE_BYTES,
    Curve,
    PrivateKey,
    PublicKey,
    generate_private_key,
    is_signature,
    private_key,
    public_key,
    public_key_from_uncompressed,
)
from crypto._entropy import Entropy, system_entropy
from crypto._errors import CryptoError, FramingError, InvalidKeyError, PaddingError, SealError
from crypto._multikey import (
    format_did_key,
    format_multikey,
    format_private_multikey,
    parse_bare_multibase,
    parse_did_key,
    parse_multikey,
    parse_private_multikey,
)
from crypto._padding import (
    MAX_MESSAGE_BYTES,
    MAX_PADDED_BYTES,
    PaddingProfile,
    pad,
    size_class,
    unpad,
)
from crypto._pseudonym import Pseudonyms
from crypto._secretbox import KEY_BYTES, SEAL_OVERHEAD_BYTES, derive_key, keyed_hash, open_sealed, seal

__all__ = [
    "HAS_COINCURVE",
    "KEY_BYTES",
    "MAX_MESSAGE_BYTES",
    "MAX_PADDED_BYTES",
    "SEAL_OVERHEAD_BYTES",
    "SIGNATURE_BYTES",
    "CryptoError",
    "Curve",
    "Entropy",
    "FramingError",
    "InvalidKeyError",
    "PaddingError",
    "PaddingProfile",
    "PrivateKey",
    "Pseudonyms",
    "PublicKey",
    "SealError",
    "base58_decode",
    "base58_encode",
    "derive_key",
    "format_did_key",
    "format_multikey",
    "format_private_multikey",
    "generate_private_key",
    "is_signature",
    "keyed_hash",
    "open_sealed",
    "pad",
    "parse_bare_multibase",
    "parse_did_key",
    "parse_multikey",
    "parse_private_multikey",
    "private_key",
    "public_key",
    "public_key_from_uncompressed",
    "seal",
    "size_class",
    "system_entropy",
    "unpad",
]
