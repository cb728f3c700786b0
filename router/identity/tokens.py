"""Minting service-auth tokens: for the command line, the client library and tests."""

import json

from crypto import Entropy, system_entropy
from protocol import AccountDid, Nsid
from router.identity.jws import sign_compact
from router.identity.keys import AccountKey

DEFAULT_LIFETIME = 60
_JTI_BYTES = 16


def mint_token(
    key: AccountKey,
    iss: AccountDid,
    aud: str,
    lxm: Nsid,
    now: float,
    lifetime: int = DEFAULT_LIFETIME,
    *,
    entropy: Entropy = system_entropy,
) -> str:
    """A token by which `iss` calls the method `lxm` of `aud` once, within `lifetime` seconds from `now`.

    `aud` is the service's DID with its fragment (`ServiceIdentity.audience`).
    """
    issued = int(now)
    claims = {
        "iss": iss,
        "aud": aud,
        "lxm": lxm,
        "iat": issued,
        "exp": issued + lifetime,
        "jti": entropy(_JTI_BYTES).hex(),
    }
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return sign_compact({"typ": "JWT"}, payload, key.signing)
