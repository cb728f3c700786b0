"""A device's key comes with a proof that its holder brings it; a proof has one effect, whoever repeats it.

That it was used is kept in the transaction of its effect, as the result of an idempotent request is: shared
by all processes, durable with the effect, and gone with it where the effect is refused. A repeat of the very
same request is told what it did; any other use of the proof is refused, after a revocation or another
rotation too.
"""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

from protocol import DeviceId
from router.edge.errors import Refusal
from router.edge.services import Call, Edge
from router.identity.key_proof import Claim, KeyProof, judge_proof, name_of
from router.store.values import Device, StoredResult
from schema.wire import encode

_KEPT_SECONDS: Final = 86_400
"""Longer than any proof lives, by whatever a clock may step back."""
_USED: Final = Refusal("InvalidKeyProof", "This proof was used already: make a new one.")


class WireProof(Protocol):
    """The proof as both families write it."""

    @property
    def issued_at(self) -> int: ...
    @property
    def nonce(self) -> bytes: ...
    @property
    def signature(self) -> bytes: ...


def proven(
    edge: Edge, call: Call, key: bytes, given: WireProof, *, now: int, device: DeviceId | None = None
) -> StoredResult:
    """What is to be kept with the effect of a proof that holds. Raises `Refusal` where it does not.

    `now` is the bucket in which the effect happens; `device` the one that gets the key, None for a new one.
    """
    claim = Claim(edge.login.service.did, call.account, key, device)
    proof = KeyProof(given.issued_at, given.nonce, given.signature)
    fault = judge_proof(proof, claim, edge.now())
    if fault is not None:
        raise Refusal("InvalidKeyProof", fault.value)
    # longer than any idempotency key of a client, so that no client can write one that is a proof's name
    scope = edge.secrets.idempotency_scope(
        call.account, call.route.nsid, f"key proof {name_of(proof, claim)}"
    )
    fingerprint = hashlib.blake2b(encode(call.given), digest_size=32).digest()
    return StoredResult(scope, fingerprint, 200, b"", now + _KEPT_SECONDS)


async def repeated(edge: Edge, call: Call, key: bytes, wanted: StoredResult, stored: StoredResult) -> Device:
    """The device as a used proof left it, for a repeat of the same request; anything else is refused."""
    if stored.fingerprint == wanted.fingerprint:
        for device in await edge.store.devices_of(call.account):
            if device.signature_key == key:
                return device
    raise _USED
