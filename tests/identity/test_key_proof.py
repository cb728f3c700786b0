"""Proof of possession: whoever brings a device's key holds it. See `router/identity/key_proof.py`."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from protocol import AccountDid, DeviceId
from router.identity.key_proof import (
    CONTEXT,
    LIFETIME_SECONDS,
    NONCE_BYTES,
    SKEW_SECONDS,
    Claim,
    KeyProof,
    ProofFault,
    judge_proof,
    name_of,
    prove_key,
)

NOW = 1_780_000_000
KEY, OTHER = SigningKey(b"k" * 32), SigningKey(b"o" * 32)
ANN, BEN = AccountDid("did:web:ann.chat.example.com"), AccountDid("did:web:ben.chat.example.com")
DEVICE = DeviceId("00000000-0000-4000-8000-000000000001")
CLAIM = Claim("did:web:chat.example.com", ANN, bytes(KEY.verify_key))

TEXTS = st.text(min_size=1, max_size=40)
CLAIMS = st.builds(
    Claim,
    TEXTS,
    TEXTS.map(AccountDid),
    st.just(bytes(KEY.verify_key)),
    st.none() | TEXTS.map(DeviceId),
)


def proof(claim: Claim = CLAIM, now: float = NOW, key: SigningKey = KEY) -> KeyProof:
    return prove_key(key, claim, now, entropy=lambda size: b"n" * size)


def test_an_example_with_the_bytes_that_are_signed() -> None:
    """What another client has to sign, written down by hand: a change here is a change of the protocol."""
    text = (
        b"rookery device key proof 1\x00"
        b"\x00\x18did:web:chat.example.com"
        b"\x00\x1cdid:web:ann.chat.example.com"
        b"\x00\x24" + DEVICE.encode() + bytes(KEY.verify_key) + NOW.to_bytes(8, "big") + b"n" * 16
    )
    claim = attrs.evolve(CLAIM, device=DEVICE)
    by_hand = KeyProof(NOW, b"n" * 16, KEY.sign(text).signature)
    assert proof(claim) == by_hand
    assert judge_proof(by_hand, claim, NOW) is None
    assert text.startswith(CONTEXT)


@pytest.mark.parametrize(
    "other",
    [
        attrs.evolve(CLAIM, service="did:web:evil.example.com"),
        attrs.evolve(CLAIM, account=BEN),
        attrs.evolve(CLAIM, key=bytes(OTHER.verify_key)),
        attrs.evolve(CLAIM, device=DEVICE),
    ],
    ids=["another server", "another account", "another key", "a rotation"],
)
def test_a_proof_is_for_one_server_account_key_and_device(other: Claim) -> None:
    """Another server that was shown a proof must not be able to use it here, nor for another account."""
    assert judge_proof(proof(), CLAIM, NOW) is None
    assert judge_proof(proof(), other, NOW) is ProofFault.BAD_SIGNATURE


def test_the_old_key_proves_nothing_about_the_new_one() -> None:
    with pytest.raises(ValueError, match="another"):
        proof(key=OTHER)
    signed_by_other = attrs.evolve(proof(), signature=OTHER.sign(b"x").signature)
    assert judge_proof(signed_by_other, CLAIM, NOW) is ProofFault.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("later", "fault"),
    [
        (LIFETIME_SECONDS - 1, None),
        (LIFETIME_SECONDS, ProofFault.STALE),
        (-SKEW_SECONDS, None),
        (-SKEW_SECONDS - 1, ProofFault.STALE),
    ],
)
def test_a_proof_lives_five_minutes_and_may_be_a_minute_ahead(later: int, fault: ProofFault | None) -> None:
    assert judge_proof(proof(), CLAIM, NOW + later) is fault


def test_a_key_under_which_one_signature_fits_every_text_proves_nothing() -> None:
    """The neutral element as key and R, with S = 0, satisfies the bare equation for any text."""
    neutral = (1).to_bytes(32, "little")
    claim = attrs.evolve(CLAIM, key=neutral)
    forged = KeyProof(NOW, b"n" * NONCE_BYTES, neutral + bytes(32))
    assert judge_proof(forged, claim, NOW) is ProofFault.BAD_SIGNATURE


@given(CLAIMS, CLAIMS)
def test_a_proof_holds_for_its_claim_and_no_other(one: Claim, two: Claim) -> None:
    """No two claims are the same bytes, whatever texts a server could be made to put into them."""
    made = proof(one)
    assert judge_proof(made, one, NOW) is None
    assert (judge_proof(made, two, NOW) is None) == (one == two)
    assert (name_of(made, one) == name_of(made, two)) == (one == two)


@given(
    st.builds(KeyProof, st.integers(0, 2**53), st.binary(max_size=80), st.binary(max_size=80)),
    st.binary(max_size=40),
)
def test_no_bytes_are_a_surprise(made_up: KeyProof, key: bytes) -> None:
    assert judge_proof(made_up, attrs.evolve(CLAIM, key=key), NOW) is not None
