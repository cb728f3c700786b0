"""Access tokens of this router: who has logged in speaks with these, ten minutes at a time.

A JWT after RFC 9068: `typ` at+jwt, `alg` EdDSA, `kid` one of the key ring's; `iss` the router, `sub` the
account, `aud` the router's service, `sid` the login it came from (what logout ends), `jti`, and either
`lxm`, one method, or `scope`, methods with spaces between or `*` for all. A token with neither, or both,
is good for nothing. There is no `client_id`: apps are not registered here.

Not used up: it is sent with every request for ten minutes, as bearer tokens are; what must not happen
twice is protected by idempotency keys. Who wants a token for one call asks for one with `lxm`.

Verified without a look into the store: strict reading 20 us, signature 90. Logout is seen by
`Revocations`, which the authenticator asks after this.
"""

import json
from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from crypto import Entropy, system_entropy
from protocol import AccountDid, InvalidId, Nsid, parse_nsid
from router.identity.compact import encode_part, read_compact
from router.identity.errors import AuthError, TokenFault
from router.identity.principal import Principal
from router.identity.revocations import MEMORY_SECONDS
from router.identity.service import ServiceIdentity
from router.login.keyring import KeyRing, TokenKey

MAX_LIFETIME: Final = MEMORY_SECONDS
"""Seconds. Nothing may live longer that is verified without a look into the store."""

ANY_METHOD: Final = "*"

_TYPE = "at+jwt"
_ALGORITHM = "EdDSA"
_ISSUE_SKEW = 30  # between nodes of one deployment
_JTI_BYTES = 16
_MAX_TIME = 2**53
_MAX_METHODS = 64

_Time = Annotated[int, msgspec.Meta(ge=0, le=_MAX_TIME)]
_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class _Header(msgspec.Struct, frozen=True):
    """Members that are read; others may be there, but `crit` may not."""

    alg: str
    typ: str
    kid: _Short
    crit: object | msgspec.UnsetType = msgspec.UNSET


class _Claims(msgspec.Struct, frozen=True):
    """Exact types: `true` is no number and 1.0 no integer."""

    iss: str
    sub: str
    aud: str
    iat: _Time
    exp: _Time
    jti: _Short
    sid: _Short
    lxm: str | msgspec.UnsetType = msgspec.UNSET
    scope: str | msgspec.UnsetType = msgspec.UNSET


def mint_access_token(
    key: TokenKey,
    service: ServiceIdentity,
    account: AccountDid,
    *,
    grant: str,
    methods: frozenset[Nsid] | None,
    now: float,
    lifetime: int,
    entropy: Entropy = system_entropy,
) -> str:
    """A token by which `account` may call these methods (None: any) for `lifetime` seconds from `now`."""
    issued = int(now)
    claims: dict[str, object] = {
        "iss": service.did,
        "sub": account,
        "aud": service.audience,
        "iat": issued,
        "exp": issued + lifetime,
        "jti": entropy(_JTI_BYTES).hex(),
        "sid": grant,
    }
    if methods is not None and len(methods) == 1:
        (claims["lxm"],) = methods
    else:
        claims["scope"] = ANY_METHOD if methods is None else " ".join(sorted(methods))
    header = {"typ": _TYPE, "alg": _ALGORITHM, "kid": key.kid}
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    signed = ".".join(map(encode_part, parts))
    return f"{signed}.{encode_part(key.sign(signed.encode()))}"


def check_access_token(
    text: str,
    *,
    now: float,
    service: ServiceIdentity,
    find_key: Callable[[str], TokenKey | None],
    token_hash: Callable[[str, str], bytes],
) -> Principal:
    """The caller that the token proves, at `now` (Unix seconds). Raises `AuthError`; total on texts.

    Cheap checks first, the signature last; nothing of an unsigned token is told apart by its answer that
    its bearer could not read in it.
    """
    token = read_compact(text)
    try:
        header = msgspec.convert(token.header, _Header)
        claims = msgspec.convert(token.claims, _Claims)
    except msgspec.ValidationError:
        raise AuthError(TokenFault.BAD_JWT) from None
    if header.typ.lower().removeprefix("application/") != _TYPE:
        raise AuthError(TokenFault.BAD_TYPE)
    # One algorithm, whatever the token asks for: `none` and HS256 with a public key end here.
    if header.alg != _ALGORITHM or header.crit is not msgspec.UNSET or claims.exp <= claims.iat:
        raise AuthError(TokenFault.BAD_JWT)
    if now >= claims.exp:
        raise AuthError(TokenFault.EXPIRED)
    if claims.iat > now + _ISSUE_SKEW:
        raise AuthError(TokenFault.NOT_YET_VALID)
    if claims.exp - claims.iat > MAX_LIFETIME:
        raise AuthError(TokenFault.TOO_OLD)
    if claims.aud != service.audience:
        raise AuthError(TokenFault.BAD_AUDIENCE)
    if claims.iss != service.did or service.name_of(claims.sub) is None:
        raise AuthError(TokenFault.BAD_ISSUER)
    methods = _methods(claims)
    key = find_key(header.kid)
    if key is None or not key.verifies(text.rpartition(".")[0].encode(), token.signature):
        raise AuthError(TokenFault.BAD_SIGNATURE)
    return Principal(
        account=AccountDid(claims.sub),
        device=None,
        kind="access",
        expires=claims.exp,
        token_id=token_hash(claims.iss, claims.jti),
        methods=methods,
        grant=claims.sid,
    )


class AccessTokens:
    """The authenticator's row for access tokens of this router."""

    used_up = False

    def __init__(
        self,
        service: ServiceIdentity,
        ring: KeyRing,
        *,
        clock: Callable[[], float],
        token_hash: Callable[[str, str], bytes],
    ) -> None:
        """`clock` gives Unix seconds, `token_hash` the keyed hash of (issuer, jti)."""
        self._service = service
        self._ring = ring
        self._clock = clock
        self._token_hash = token_hash

    async def principal(self, token: str, /, *, lxm: Nsid) -> Principal:  # noqa: ARG002 - judged by the caller
        """The account that logged in. Raises `AuthError`. Awaits nothing."""
        return check_access_token(
            token,
            now=self._clock(),
            service=self._service,
            find_key=self._ring.find,
            token_hash=self._token_hash,
        )


def parse_methods(text: str) -> frozenset[Nsid] | None:
    """The methods of a scope, None for all. Raises `InvalidId`: no scope means no method."""
    if text == ANY_METHOD:
        return None
    words = text.split(" ")
    if len(words) > _MAX_METHODS:
        raise InvalidId("NSID", f"at most {_MAX_METHODS} methods in one scope")
    return frozenset(parse_nsid(word) for word in words)


def _methods(claims: _Claims) -> frozenset[Nsid] | None:
    try:
        match claims.lxm, claims.scope:
            case (str(method), msgspec.UNSET):
                return frozenset((parse_nsid(method),))
            case (msgspec.UNSET, str(scope)):
                return parse_methods(scope)
            case _:
                raise AuthError(TokenFault.BAD_JWT)
    except InvalidId:
        raise AuthError(TokenFault.BAD_JWT) from None
