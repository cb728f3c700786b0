"""Strict reading of a compact JWS: one text, one reading. Nothing here is believed yet.

A verifier that takes the last of two `alg` members, ignores stray bits of base64 or reads `true` as 1
agrees with nobody else about what a token says. So: at most 8 KiB, three parts, base64url without
padding or stray bits, UTF-8 JSON objects without duplicate members, without NaN, of bounded depth.
"""

import base64
import binascii
from collections.abc import Mapping

import attrs

from router.identity.errors import AuthError, TokenFault
from router.identity.jws import MAX_TOKEN_BYTES
from router.identity.strict_json import BadJsonError, read_json

_MAX_BRACKETS = 32


@attrs.frozen
class CompactToken:
    """The parts of a token, decoded and unverified."""

    text: str
    header: Mapping[str, object]
    claims: Mapping[str, object]
    signature: bytes


def read_compact(text: str, *, max_bytes: int = MAX_TOKEN_BYTES) -> CompactToken:
    """The parts of a compact JWS; `AuthError` (BadJwt) for any other text."""
    if len(text) > max_bytes:
        raise AuthError(TokenFault.BAD_JWT)
    parts = text.split(".")
    if len(parts) != 3:
        raise AuthError(TokenFault.BAD_JWT)
    header, claims, signature = (decode_part(part) for part in parts)
    return CompactToken(text, _object(header), _object(claims), signature)


def decode_part(part: str) -> bytes:
    """Base64url, in the one spelling that encoding the result gives back (RFC 7515 section 2)."""
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise AuthError(TokenFault.BAD_JWT) from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise AuthError(TokenFault.BAD_JWT)
    return data


def encode_part(data: bytes) -> str:
    """Base64url without padding, as `decode_part` reads it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _object(data: bytes) -> Mapping[str, object]:
    # Brackets bound the depth whatever the text is, without a parser of our own; real tokens have one.
    if data.count(b"{") + data.count(b"[") > _MAX_BRACKETS:
        raise AuthError(TokenFault.BAD_JWT)
    try:
        value = read_json(data)
    except BadJsonError:
        raise AuthError(TokenFault.BAD_JWT) from None
    if not isinstance(value, dict):
        raise AuthError(TokenFault.BAD_JWT)
    return value
