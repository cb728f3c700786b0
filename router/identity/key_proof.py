"""Proof of possession: whoever brings a public key for a device shows that it holds the private one.

Without it an account could register a key that it only knows: the owner of the key would then be refused
(`DuplicatePublicKey`), and what that device signs elsewhere would seem to come from this account.

The new key signs these bytes (integers big-endian, `text` is its length in two bytes and then UTF-8):

    "rookery device key proof 1" 00       the context: no other signature of such a key begins so
    text   DID of the server, without a fragment
    text   DID of the account
    text   the device whose key is replaced; empty for one that is registered
    32     the new Ed25519 public key
    8      Unix seconds
    16     random bytes

Neither a JWT (which begins with `eyJ`) nor an MLS structure (a length, then `MLS 1.0 `) can be read as
this text, so a device may use one key for all three. A proof is good for `LIFETIME_SECONDS` and has one
effect: `name` is what the caller of `judge_proof` remembers it by, together with the effect.
"""

import enum
import hashlib
import struct
from typing import Final

import attrs
from nacl.signing import SigningKey

from crypto import Entropy, system_entropy
from protocol import AccountDid, DeviceId
from router.identity.device_auth import KEY_BYTES, is_signature_key, verifies

CONTEXT: Final = b"rookery device key proof 1\x00"
LIFETIME_SECONDS: Final = 300
SKEW_SECONDS: Final = 60
"""How far the clock of a device may be ahead of ours."""
NONCE_BYTES: Final = 16
SIGNATURE_BYTES: Final = 64


class ProofFault(enum.Enum):
    """Why a proof does not count; each is the caller's fault."""

    STALE = "The proof is older than five minutes, or the device's clock is wrong: make a new one."
    BAD_SIGNATURE = "The key did not sign this server, account, device and time."


@attrs.frozen
class Claim:
    """What is to be proven: that the holder of `key` wants it to be a device's key, there and for them."""

    service: str
    """The server's DID, without a fragment."""
    account: AccountDid
    key: bytes
    """Ed25519, 32 bytes."""
    device: DeviceId | None = None
    """Whose key is replaced; None: a device is registered."""


@attrs.frozen
class KeyProof:
    """A signature by the key, and what is in the signed text beside the claim."""

    issued: int
    """Unix seconds."""
    nonce: bytes
    signature: bytes


def prove_key(key: SigningKey, claim: Claim, now: float, *, entropy: Entropy = system_entropy) -> KeyProof:
    """A fresh proof for one request and its repeats. `ValueError` if the claim is about another key."""
    if bytes(key.verify_key) != claim.key:
        raise ValueError("a key can prove nothing about another")
    issued, nonce = int(now), entropy(NONCE_BYTES)
    return KeyProof(issued, nonce, key.sign(_text(claim, issued, nonce)).signature)


def judge_proof(proof: KeyProof, claim: Claim, now: float) -> ProofFault | None:
    """Whether the proof holds at `now` (Unix seconds); None is yes. Total on what the wire type lets in."""
    if not now - LIFETIME_SECONDS < proof.issued <= now + SKEW_SECONDS:
        return ProofFault.STALE
    if len(proof.nonce) != NONCE_BYTES or len(proof.signature) != SIGNATURE_BYTES:
        return ProofFault.BAD_SIGNATURE
    if not is_signature_key(claim.key):
        return ProofFault.BAD_SIGNATURE
    if not verifies(_text(claim, proof.issued, proof.nonce), proof.signature, claim.key):
        return ProofFault.BAD_SIGNATURE
    return None


def name_of(proof: KeyProof, claim: Claim) -> str:
    """64 characters, the same for every signature over the same text, by which a proof is remembered."""
    return hashlib.sha256(_text(claim, proof.issued, proof.nonce)).hexdigest()


def _text(claim: Claim, issued: int, nonce: bytes) -> bytes:
    if len(claim.key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    texts = b"".join(
        struct.pack(">H", len(part)) + part
        for part in (each.encode() for each in (claim.service, claim.account, claim.device or ""))
    )
    return CONTEXT + texts + claim.key + struct.pack(">Q", issued) + nonce
