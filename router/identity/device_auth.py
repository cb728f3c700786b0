"""Device-signed tokens: a device of an account speaks with its own Ed25519 key.

The token is a service-auth token in everything but who signs it: the same claims, the same order of
checks, the same life and single use. What differs is in the header:

    {"alg": "EdDSA", "kid": "#<device id>", "typ": "JWT"}        iss stays the account's DID

and where the key comes from: the device's row here, not a DID document. The device named by `kid` must be
registered to the account that `iss` names; a device nobody has, one of another account and one that was
revoked are one refusal. The row is read anew for each token (a short read in the loop), so revocation and
rotation count from the commit on.

libsodium verifies: S below the group order, R and the public key canonical and not of small order
(`crypto_sign_verify_detached`; RFC 8032 5.1.7 with the checks of «Taming the many EdDSAs»). A key of small
order, under which one signature fits every text, is also refused at registration.

One `principal`: 160 us (35 strict reading and claims, 25 the row, 100 the signature).
"""

import json
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from crypto import Entropy, system_entropy
from protocol import AccountDid, DeviceId, InvalidId, Nsid, parse_device_id
from router.identity.compact import encode_part, read_compact
from router.identity.errors import AuthError, TokenFault
from router.identity.principal import Principal
from router.identity.service_auth import CheckedClaims, TokenPolicy, check_claims

ALGORITHM = "EdDSA"
KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_JTI_BYTES = 16


class DeviceRecord(Protocol):
    """What identity needs of a device as the store holds it."""

    @property
    def account(self) -> AccountDid:
        """Whose it is."""

    @property
    def signature_key(self) -> bytes:
        """Its Ed25519 public key."""


class DeviceRecords(Protocol):
    """Where devices are looked up: the store's directory."""

    async def device(self, device: DeviceId, /) -> DeviceRecord | None:
        """The device, or None."""


@attrs.frozen
class CheckedDeviceToken:
    """A token that passed every check that needs no key. Still unverified."""

    signed: bytes
    signature: bytes
    device: DeviceId
    claims: CheckedClaims


def is_signature_key(key: bytes) -> bool:
    """Whether the bytes are a key that can sign: canonical, on the curve, in the group of prime order."""
    return len(key) == KEY_BYTES and crypto_core_ed25519_is_valid_point(key)


def check_device_token(text: str, *, lxm: Nsid, now: float, policy: TokenPolicy) -> CheckedDeviceToken:
    """Everything that can be judged from the token alone. Raises `AuthError`; total on texts."""
    token = read_compact(text)
    device = _check_header(token.header)
    claims = check_claims(token.claims, lxm=lxm, now=now, policy=policy)
    if len(token.signature) != _SIGNATURE_BYTES:
        raise AuthError(TokenFault.BAD_SIGNATURE)
    return CheckedDeviceToken(text.rpartition(".")[0].encode(), token.signature, device, claims)


class DeviceTokens:
    """The thin shell around `check_device_token`: reads the device's row and verifies."""

    used_up = True

    def __init__(
        self,
        *,
        policy: TokenPolicy,
        devices: DeviceRecords,
        clock: Callable[[], float],
        token_hash: Callable[[str, str], bytes],
    ) -> None:
        """`clock` gives Unix seconds, `token_hash` the keyed hash of (issuer, jti)."""
        self._policy = policy
        self._devices = devices
        self._clock = clock
        self._token_hash = token_hash

    async def principal(self, text: str, /, *, lxm: Nsid) -> Principal:
        """The device whose key made the token. Raises `AuthError` and what the store raises."""
        token = check_device_token(text, lxm=lxm, now=self._clock(), policy=self._policy)
        account = token.claims.issuer
        record = await self._devices.device(token.device)
        if record is None or record.account != account:
            raise AuthError(TokenFault.UNTRUSTED_ISSUER)
        if not verifies(token.signed, token.signature, record.signature_key):
            raise AuthError(TokenFault.BAD_SIGNATURE)
        return Principal(
            account=account,
            device=token.device,
            kind="device",
            expires=token.claims.expires,
            # A name of its own: the account and its devices number their tokens without asking each other.
            token_id=self._token_hash(f"{account}#{token.device}", token.claims.jti),
            methods=None,
            grant=None,
        )


def verifies(signed: bytes, signature: bytes, key: bytes) -> bool:
    """Whether the key made the signature over these bytes. Total on 64 and 32 bytes."""
    try:
        VerifyKey(key).verify(signed, signature)
    except BadSignatureError:
        return False
    return True


def mint_device_token(
    key: SigningKey,
    account: AccountDid,
    device: DeviceId,
    aud: str,
    lxm: Nsid,
    now: float,
    lifetime: int = 60,
    *,
    entropy: Entropy = system_entropy,
) -> str:
    """A token by which the device calls the method `lxm` of `aud` once, within `lifetime` seconds."""
    issued = int(now)
    header = {"alg": ALGORITHM, "kid": f"#{device}", "typ": "JWT"}
    claims = {
        "iss": account,
        "aud": aud,
        "lxm": lxm,
        "iat": issued,
        "exp": issued + lifetime,
        "jti": entropy(_JTI_BYTES).hex(),
    }
    signed = ".".join(
        encode_part(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)
    )
    return f"{signed}.{encode_part(key.sign(signed.encode()).signature)}"


def _check_header(header: Mapping[str, object]) -> DeviceId:
    """The device that `kid` names, if algorithm, type and extensions are those of a device-signed token."""
    kid, kind = header.get("kid"), header.get("typ", "JWT")
    if header.get("alg") != ALGORITHM or not isinstance(kind, str) or "crit" in header:
        raise AuthError(TokenFault.BAD_JWT)
    if kind.upper() != "JWT":
        raise AuthError(TokenFault.BAD_TYPE)
    if not isinstance(kid, str) or not kid.startswith("#"):
        raise AuthError(TokenFault.BAD_JWT)
    try:
        return parse_device_id(kid[1:])
    except InvalidId:
        raise AuthError(TokenFault.BAD_JWT) from None
