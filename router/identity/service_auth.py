"""Service-auth tokens of AT Protocol: an account speaks with its own key. Verified in one fixed order.

    length -> three parts -> base64url -> JSON -> alg, typ, crit, kid -> types of claims
    -> exp, iat, lifetime -> aud -> lxm -> iss -> form of the signature          pure: `check_token`
    -> key from the document -> verify -> on failure one refresh of the document  `ServiceTokens`
    -> replay, last                                                               `Authenticator`

Cheap and certain checks come first; the costly one (a signature, 50 to 500 us) comes when nothing else
can refuse; the replay check is last so that a forged token cannot use up the nonce of a real one.

No switch turns a check off. `aud` without a fragment is accepted by policy and told, since the
reference PDS still sends it that way when it proxies.

What one `authenticate` costs beside its signature, with the document cached, `make bench` measures.

Source: atproto.com/specs/xrpc «inter-service authentication» as of 2026; RFC 7519 for the claims.
"""

from collections.abc import Callable, Mapping

import attrs

from crypto import Curve, is_signature
from protocol import AccountDid, InvalidId, Nsid
from router.identity.compact import read_compact
from router.identity.did import parse_issuer
from router.identity.document import ATPROTO_KEY, KeyCache
from router.identity.errors import (
    AuthError,
    BadDocumentError,
    DirectoryAwayError,
    ResolutionError,
    TokenFault,
    UnknownDidError,
)
from router.identity.jws import VerificationKey, verifies
from router.identity.principal import Principal
from router.identity.resolver import Resolver
from router.identity.service import ServiceIdentity

_CURVES = {curve.algorithm: curve for curve in Curve}
_MAX_JTI = 256
_MAX_TIME = 2**53  # what JSON carries exactly; also far from what arithmetic on floats would round


@attrs.frozen
class TokenPolicy:
    """What tokens of this service must be. Times in seconds."""

    service: ServiceIdentity
    max_lifetime: int = 3600  # the most a PDS grants with `lxm`
    clock_skew: int = 0  # how long after `exp` a token is still taken
    issue_skew: int = 30  # how far in the future `iat` may lie
    bare_audience_accepted: bool = True
    loopback_hosts: frozenset[str] = frozenset()  # a developer's: see `did.web_origin`


@attrs.frozen
class CheckedToken:
    """A token that passed every check that needs no key. Still unverified."""

    signed: bytes
    """What the signature is over: header and claims as they were sent."""
    signature: bytes
    issuer: AccountDid
    jti: str
    curve: Curve
    expires: int  # the first second at which the token is not taken any more, skew included
    bare_audience: bool


@attrs.frozen
class CheckedClaims:
    """Claims that this service may act on once the signature over them is known to be good."""

    issuer: AccountDid
    jti: str
    expires: int  # as in `CheckedToken`
    bare_audience: bool


def check_token(text: str, *, lxm: Nsid, now: float, policy: TokenPolicy) -> CheckedToken:
    """Everything that can be judged from the token alone. Raises `AuthError`; total on texts."""
    token = read_compact(text)
    curve = _check_header(token.header)
    claims = check_claims(token.claims, lxm=lxm, now=now, policy=policy)
    if not is_signature(curve, token.signature):
        raise AuthError(TokenFault.BAD_SIGNATURE)
    return CheckedToken(
        text.rpartition(".")[0].encode(),
        token.signature,
        claims.issuer,
        claims.jti,
        curve,
        claims.expires,
        claims.bare_audience,
    )


def check_claims(
    claims: Mapping[str, object], *, lxm: Nsid, now: float, policy: TokenPolicy
) -> CheckedClaims:
    """The claims of a token by which an account, or one of its devices, calls one method of this service."""
    issuer, audience = _text(claims, "iss"), _text(claims, "aud")
    method, jti = claims.get("lxm"), _text(claims, "jti")
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    not_before = _seconds(claims, "nbf") if "nbf" in claims else issued
    if method is not None and not isinstance(method, str):
        raise AuthError(TokenFault.BAD_JWT)
    if not 1 <= len(jti) <= _MAX_JTI or not _encodes(jti) or expires <= issued:
        raise AuthError(TokenFault.BAD_JWT)
    if now >= expires + policy.clock_skew:
        raise AuthError(TokenFault.EXPIRED)
    if max(issued, not_before) > now + policy.issue_skew:
        raise AuthError(TokenFault.NOT_YET_VALID)
    if expires - issued > policy.max_lifetime:
        raise AuthError(TokenFault.TOO_OLD)
    bare = audience == policy.service.did
    if audience != policy.service.audience and not (bare and policy.bare_audience_accepted):
        raise AuthError(TokenFault.BAD_AUDIENCE)
    if method != lxm:
        raise AuthError(TokenFault.BAD_METHOD)
    try:
        account = parse_issuer(issuer, own=policy.service.web_name, loopback_hosts=policy.loopback_hosts)
    except InvalidId:
        raise AuthError(TokenFault.BAD_ISSUER) from None
    return CheckedClaims(account, jti, expires + policy.clock_skew, bare)


class ServiceTokens:
    """The thin shell around `check_token`: looks the account's key up and verifies."""

    used_up = True

    def __init__(
        self,
        *,
        policy: TokenPolicy,
        resolver: Resolver,
        clock: Callable[[], float],
        token_hash: Callable[[str, str], bytes],
        keys: KeyCache | None = None,
        on_bare_audience: Callable[[], None] = lambda: None,
    ) -> None:
        """`clock` gives Unix seconds, `token_hash` the keyed hash of (issuer, jti).

        `on_bare_audience` hears of each token that was verified though its `aud` had no fragment.
        """
        self._policy = policy
        self._resolver = resolver
        self._clock = clock
        self._token_hash = token_hash
        self._keys = KeyCache() if keys is None else keys
        self._on_bare_audience = on_bare_audience

    async def principal(self, text: str, *, lxm: Nsid) -> Principal:
        """The account whose `#atproto` key made the token. Raises `AuthError`, or `DirectoryAwayError`."""
        token = check_token(text, lxm=lxm, now=self._clock(), policy=self._policy)
        await self._verify(token)
        if token.bare_audience:
            self._on_bare_audience()
        return Principal(
            account=token.issuer,
            device=None,
            kind="service",
            expires=token.expires,
            token_id=self._token_hash(token.issuer, token.jti),
            methods=None,
            grant=None,
        )

    async def _verify(self, token: CheckedToken) -> None:
        """Returns if the issuer's key made the token. The key may have been rotated: one refresh."""
        fault = TokenFault.NOT_RESOLVED
        judged: VerificationKey | None = None
        for refresh in (False, True):
            key = await self._key_of(token.issuer, refresh=refresh)
            if key is None:
                continue
            if key is not judged and verifies(token.curve, token.signed, token.signature, key):
                return
            judged = key  # the same key, found again, is not asked twice
            fault = TokenFault.BAD_SIGNATURE
        raise AuthError(fault)

    async def _key_of(self, issuer: AccountDid, *, refresh: bool) -> VerificationKey | None:
        try:
            return self._keys.key_of(await self._resolver.resolve(issuer, refresh=refresh))
        except UnknownDidError:
            raise AuthError(TokenFault.UNTRUSTED_ISSUER) from None
        except BadDocumentError:
            return None  # a refresh may bring a better one
        except DirectoryAwayError:
            raise  # says nothing of the token, so it is not answered as if it did
        except ResolutionError:
            raise AuthError(TokenFault.NOT_RESOLVED) from None


def _check_header(header: Mapping[str, object]) -> Curve:
    """The curve that `alg` names, if type, key id and extensions are those of a service-auth token."""
    algorithm, kind = header.get("alg"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or not isinstance(kind, str) or "crit" in header:
        raise AuthError(TokenFault.BAD_JWT)
    curve = _CURVES.get(algorithm)
    if curve is None:
        raise AuthError(TokenFault.BAD_JWT)
    # RFC 7519 5.1: media types compare without case. An absent one is let pass, as the reference does.
    if kind.upper() != "JWT":
        raise AuthError(TokenFault.BAD_TYPE)
    # Only the account's own key signs for it: another kid would let a labeler's key speak.
    if header.get("kid", ATPROTO_KEY) != ATPROTO_KEY:
        raise AuthError(TokenFault.BAD_JWT)
    return curve


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise AuthError(TokenFault.BAD_JWT)
    return value


def _seconds(claims: Mapping[str, object], name: str) -> int:
    """An integer of seconds. `type` and not `isinstance`: True is an int, and 1e9 is a float."""
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= _MAX_TIME:
        raise AuthError(TokenFault.BAD_JWT)
    return value


def _encodes(text: str) -> bool:
    """Whether the text has a UTF-8 form: JSON can spell lone surrogates, which have none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
