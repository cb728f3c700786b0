"""The two fields of a request that brings a device's key, as the wire has them: for hand-made clients."""

import base64
from typing import Any

from nacl.signing import SigningKey

from protocol import AccountDid, DeviceId
from router.identity.key_proof import Claim, prove_key


def new_key(
    key: SigningKey, service: str, account: str, now: float, device: str | None = None
) -> dict[str, Any]:
    """`signaturePublicKey` with a fresh `proof` of it; `device` is the one whose key it replaces."""
    public = bytes(key.verify_key)
    claim = Claim(service, AccountDid(account), public, None if device is None else DeviceId(device))
    proof = prove_key(key, claim, now)
    return {
        "signaturePublicKey": _octets(public),
        "proof": {
            "issuedAt": proof.issued,
            "nonce": _octets(proof.nonce),
            "signature": _octets(proof.signature),
        },
    }


def _octets(data: bytes) -> dict[str, str]:
    return {"$bytes": base64.b64encode(data).decode()}
