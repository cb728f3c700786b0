"""Public keys and signatures of every suite: what is a key, and what a verification takes."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, x448, x25519
from hypothesis import given
from hypothesis import strategies as st

from crypto.mls import (
    STANDARD_SUITES,
    X_WING_SUITE,
    CipherSuite,
    is_hpke_key,
    is_signature_key,
    suites,
    verify_with_label,
)
from crypto.mls.testing import SigningKey, expand, hpke_public_key

ALL = suites(*STANDARD_SUITES.values(), X_WING_SUITE)
P25519, P448 = 2**255 - 19, 2**448 - 2**224 - 1
every_suite = pytest.mark.parametrize("suite", ALL.values(), ids=lambda suite: str(suite.number))


@every_suite
def test_a_signature_holds_for_its_key_label_and_content_alone(suite: CipherSuite) -> None:
    """Ed25519, Ed448 and ECDSA on three curves."""
    key, other = SigningKey(suite, b"one"), SigningKey(suite, b"two")
    signature = key.sign(b"LeafNodeTBS", b"content")
    assert is_signature_key(suite, key.public)
    assert verify_with_label(suite, key.public, b"LeafNodeTBS", b"content", signature)
    assert not verify_with_label(suite, other.public, b"LeafNodeTBS", b"content", signature)
    assert not verify_with_label(suite, key.public, b"KeyPackageTBS", b"content", signature)
    assert not verify_with_label(suite, key.public, b"LeafNodeTBS", b"content", signature + b"\0")
    assert not verify_with_label(suite, key.public, b"LeafNodeTBS", b"content", signature[:-1])


@given(
    suite=st.sampled_from(list(ALL.values())),
    key=st.binary(max_size=140),
    signature=st.binary(max_size=150),
)
def test_verification_is_total(suite: CipherSuite, key: bytes, signature: bytes) -> None:
    """Whoever chooses key and signature gets a verdict, of the right length too."""
    good = SigningKey(suite, b"one").public
    for candidate in (key, key.ljust(len(good), b"\0")[: len(good)], good):
        assert not verify_with_label(suite, candidate, b"x", b"content", signature)
    is_signature_key(suite, key)
    is_hpke_key(suite, key)


@every_suite
def test_hpke_keys_have_their_exact_length(suite: CipherSuite) -> None:
    """X-Wing too, whose halves are both looked at."""
    key = hpke_public_key(suite, b"seed", "hpke")
    assert is_hpke_key(suite, key)
    for wrong in (b"", key[:-1], key + b"\0", bytes(len(key))):
        assert not is_hpke_key(suite, wrong)


@pytest.mark.parametrize("number", [2, 5, 7])
def test_points_are_uncompressed_and_on_their_curve(number: int) -> None:
    """RFC 9420 section 5.1.1; off the curve lie attacks on the private keys of those who use it."""
    suite = STANDARD_SUITES[number]
    key = hpke_public_key(suite, b"seed", "hpke")
    half = (len(key) - 1) // 2
    compressed = bytes([2 + (key[-1] & 1)]) + key[1 : 1 + half]
    for wrong in (compressed, key[:-1] + bytes([key[-1] ^ 1]), b"\x00", b"\x06" + key[1:]):
        assert not is_hpke_key(suite, wrong)
        assert not is_signature_key(suite, wrong)


def weak_x25519() -> list[bytes]:
    """Every encoding of a point of small order that fits 32 bytes, with and without the ignored top bit."""
    orders_of_8 = (
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
    values = [0, 1, P25519 - 1, P25519, P25519 + 1, *orders_of_8]
    return [(value | top).to_bytes(32, "little") for value in values for top in (0, 1 << 255)]


@pytest.mark.parametrize("key", weak_x25519(), ids=bytes.hex)
def test_x25519_keys_that_keep_no_secret_are_refused(key: bytes) -> None:
    """OpenSSL agrees: a shared secret with each of them is all zeros, which it refuses to give."""
    assert not is_hpke_key(STANDARD_SUITES[1], key)
    with pytest.raises(ValueError):
        x25519.X25519PrivateKey.from_private_bytes(expand(b"", "x25519", 32)).exchange(
            x25519.X25519PublicKey.from_public_bytes(key)
        )


@pytest.mark.parametrize("value", [0, 1, P448 - 1, P448, P448 + 1])
def test_x448_keys_that_keep_no_secret_are_refused(value: int) -> None:
    """The same on the larger curve."""
    key = value.to_bytes(56, "little")
    assert not is_hpke_key(STANDARD_SUITES[4], key)
    with pytest.raises(ValueError):
        x448.X448PrivateKey.from_private_bytes(expand(b"", "x448", 56)).exchange(
            x448.X448PublicKey.from_public_bytes(key)
        )


def test_an_ed25519_key_of_small_order_signs_nothing() -> None:
    """Under the neutral point, (R = neutral, s = 0) is a signature of every message for a lax verifier."""
    neutral = b"\x01" + bytes(31)
    ed25519.Ed25519PublicKey.from_public_bytes(neutral).verify(neutral + bytes(32), b"OpenSSL takes it")
    assert not verify_with_label(STANDARD_SUITES[1], neutral, b"x", b"content", neutral + bytes(32))


@pytest.mark.parametrize("y", [0, 1, P448 - 1, P448, P448 + 1])
def test_ed448_keys_of_small_order_are_none(y: int) -> None:
    """And a y coordinate has one spelling."""
    suite = STANDARD_SUITES[4]
    for sign in (0x00, 0x80):
        key = y.to_bytes(56, "little") + bytes([sign])
        assert not is_signature_key(suite, key)
        assert not verify_with_label(suite, key, b"x", b"content", b"\x01" + bytes(113))
    good = SigningKey(suite, b"one").public
    assert not is_signature_key(suite, good[:56] + bytes([good[56] | 1]))
