"""OpenID Connect, the decisions: what is asked of a provider, and what of its answers is believed. Pure.

Authorization code with PKCE (S256, always), `state` and `nonce`; nothing else (no implicit, no hybrid).
The checks follow OpenID Connect Core 1.0 section 3.1.3.7, RFC 9207 (`iss` beside the code) and RFC 9700.

authlib was looked at for this and left: its HTTP client reads answers of any size, and what else is here
of OAuth is two URLs and a form. Signatures are joserfc's (by the same author), in `id_token.py`.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import quote, urlencode

import msgspec

from router.config.login import is_trustworthy
from router.identity.compact import encode_part
from router.login.errors import LoginError, LoginFault
from router.login.providers import Provider

CLOCK_SKEW: Final = 60
"""Seconds a provider's clock may be ahead or behind."""

MAX_AGE: Final = 600
"""Seconds since an ID token was issued: it was made for the code we have just exchanged."""

_MAX_CODE = 4096
_MAX_SUBJECT = 255
_MAX_TIME = 2**53

Url = Annotated[str, msgspec.Meta(max_length=2048)]


class Metadata(msgspec.Struct, frozen=True):
    """What is used of a discovery document (OpenID Connect Discovery 1.0 section 3)."""

    issuer: Url
    authorization_endpoint: Url
    token_endpoint: Url
    jwks_uri: Url
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class TokenAnswer(msgspec.Struct, frozen=True):
    """What is used of a token endpoint's answer."""

    id_token: Annotated[str, msgspec.Meta(max_length=16_384)]
    access_token: str | None = None


class IdClaims(msgspec.Struct, frozen=True):
    """The claims of an ID token that are judged. Exact types: 1.0 is no time."""

    iss: str
    sub: Annotated[str, msgspec.Meta(min_length=1, max_length=_MAX_SUBJECT)]
    aud: str | tuple[str, ...]
    exp: Annotated[int, msgspec.Meta(ge=0, le=_MAX_TIME)]
    iat: Annotated[int, msgspec.Meta(ge=0, le=_MAX_TIME)]
    nonce: str | None = None
    azp: str | None = None
    at_hash: str | None = None


def discovery_url(issuer: str) -> str:
    """Where a provider describes itself."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def read_metadata(value: object, issuer: str) -> Metadata:
    """The provider's description, if it is this issuer's and leads nowhere that others could read.

    Raises `LoginError` (PROVIDER): a document of another issuer is the first half of a mix-up.
    """
    try:
        metadata = msgspec.convert(value, Metadata)
    except msgspec.ValidationError:
        raise _provider("its discovery document is out of shape") from None
    if metadata.issuer != issuer:
        raise _provider("its discovery document names another issuer")
    endpoints = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
    if not all(is_trustworthy(url) and "#" not in url for url in endpoints):
        raise _provider("an endpoint of its is not https")
    # A provider on this machine may be spoken to over http; one elsewhere may not lead here.
    if issuer.startswith("https:") and not all(url.startswith("https:") for url in endpoints):
        raise _provider("an endpoint of its is not https")
    return metadata


def s256(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return encode_part(digest)


def authorization_url(
    provider: Provider, metadata: Metadata, *, state: str, nonce: str, verifier: str
) -> str:
    """Where the browser is sent."""
    parameters = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": provider.redirect_uri,
        "scope": "openid",
        "state": state,
        "nonce": nonce,
        "code_challenge": s256(verifier),
        "code_challenge_method": "S256",
    }
    endpoint = metadata.authorization_endpoint
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters, quote_via=quote)}"


def judge_callback(parameters: Mapping[str, str], metadata: Metadata) -> str:
    """The code that a provider sent back with the browser. Raises `LoginError`.

    `iss`, where it is given or announced, must be the provider's own, before anything else is read: an
    answer of another provider would have its code sent to this one's token endpoint (mix-up).
    """
    issuer = parameters.get("iss")
    if issuer is None and metadata.authorization_response_iss_parameter_supported:
        raise LoginError(LoginFault.REFUSED, detail="the answer names no issuer, though it was announced")
    if issuer is not None and issuer != metadata.issuer:
        raise LoginError(LoginFault.REFUSED, detail="the answer is of another issuer")
    if "error" in parameters:
        raise LoginError(LoginFault.REFUSED, detail="the provider refused or the person declined")
    code = parameters.get("code", "")
    if not 0 < len(code) <= _MAX_CODE:
        raise LoginError(LoginFault.INVALID, detail="the answer has no code")
    return code


def token_request(
    provider: Provider, metadata: Metadata, *, code: str, verifier: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and form by which the code is exchanged (RFC 6749 4.1.3, 2.3.1).

    The secret goes into the header unless the provider takes it in the form only.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": provider.redirect_uri,
        "code_verifier": verifier,
    }
    methods = metadata.token_endpoint_auth_methods_supported
    if provider.client_secret is None:
        return {}, {**form, "client_id": provider.client_id}
    if "client_secret_basic" in methods or "client_secret_post" not in methods:
        # form-encoded before base64, as RFC 6749 has it: a colon in an id would move the border
        pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, form
    return {}, {**form, "client_id": provider.client_id, "client_secret": provider.client_secret}


def judge_claims(
    value: object, provider: Provider, *, nonce: str, access_token: str | None, algorithm: str, now: float
) -> str:
    """The subject of an ID token whose signature was verified. Raises `LoginError` (REFUSED).

    Several audiences are taken only where `azp` says that we are the one it was made for.
    """
    try:
        claims = msgspec.convert(value, IdClaims)
    except msgspec.ValidationError:
        raise _refused("a claim is missing or of a wrong type") from None
    audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    if claims.iss != provider.issuer:
        raise _refused("another issuer")
    if provider.client_id not in audiences:
        raise _refused("made for another client")
    if (len(audiences) > 1 or claims.azp is not None) and claims.azp != provider.client_id:
        raise _refused("made for another party")
    if now >= claims.exp + CLOCK_SKEW or claims.exp <= claims.iat:
        raise _refused("expired")
    if not now - MAX_AGE - CLOCK_SKEW <= claims.iat <= now + CLOCK_SKEW:
        raise _refused("not issued just now")
    if claims.nonce is None or not _same(claims.nonce, nonce):
        raise _refused("another nonce")
    made_with = None if access_token is None else at_hash(access_token, algorithm)
    if claims.at_hash is not None and made_with is not None and not _same(claims.at_hash, made_with):
        raise _refused("made with another access token")
    return claims.sub


def at_hash(access_token: str, algorithm: str) -> str:
    """The left half of the hash that belongs to the signature's algorithm (OpenID Connect Core 3.1.3.6)."""
    name = "sha512" if algorithm in ("EdDSA", "Ed25519") else f"sha{algorithm[2:]}"
    digest = hashlib.new(name, access_token.encode()).digest()
    return encode_part(digest[: len(digest) // 2])


def _same(one: str, other: str) -> bool:
    """Constant-time, and total on texts."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def _provider(detail: str) -> LoginError:
    return LoginError(LoginFault.PROVIDER, detail=detail)


def _refused(detail: str) -> LoginError:
    return LoginError(LoginFault.REFUSED, detail=f"ID token: {detail}")
