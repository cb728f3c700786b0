"""Keys and signatures: vectors of AT Protocol and Wycheproof, and the laws of the two backends."""

import base64
import itertools
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

import crypto
from crypto import Curve, InvalidKeyError, PrivateKey, PublicKey
from tests.vectors import load_vectors

curves = st.sampled_from(Curve)
secrets = st.integers(1, min(curve.order for curve in Curve) - 1).map(lambda n: n.to_bytes(32, "big"))
BACKENDS = [
    False,
    pytest.param(True, marks=pytest.mark.skipif(not crypto.HAS_COINCURVE, reason="no coincurve")),
]


def flip_s(curve: Curve, signature: bytes) -> bytes:
    """The other valid signature: (r, n - s)."""
    s = int.from_bytes(signature[32:], "big")
    return signature[:32] + (curve.order - s).to_bytes(32, "big")


def test_a_key_signs_and_its_text_verifies() -> None:
    key = crypto.private_key(Curve.K256, b"\x01" * 32)
    signature = key.sign(b"hello")
    published = crypto.format_did_key(key.public)
    assert published.startswith("did:key:zQ3s")
    assert crypto.parse_did_key(published).verify(b"hello", signature)
    assert not crypto.parse_did_key(published).verify(b"hallo", signature)


@given(curve=curves, secret=secrets, message=st.binary(max_size=200))
def test_what_is_signed_verifies_once_and_low_s(curve: Curve, secret: bytes, message: bytes) -> None:
    key = crypto.private_key(curve, secret)
    signature = key.sign(message)
    assert key.public.verify(message, signature)
    assert key.sign(message) == signature  # deterministic
    assert not key.public.verify(message, flip_s(curve, signature))
    assert not key.public.verify(message + b"\0", signature)


@given(curve=curves, secret=secrets, message=st.binary(max_size=200))
@pytest.mark.skipif(not crypto.HAS_COINCURVE, reason="the speed extra is not installed")
def test_both_backends_sign_the_same_bytes(curve: Curve, secret: bytes, message: bytes) -> None:
    openssl = crypto.private_key(curve, secret, native=False)
    native = crypto.private_key(curve, secret)
    assert openssl == native
    assert openssl.sign(message) == native.sign(message)


@given(curve=curves, signature=st.binary(max_size=70) | st.binary(min_size=64, max_size=64))
def test_any_bytes_get_the_same_verdict_from_both_backends(curve: Curve, signature: bytes) -> None:
    point = crypto.private_key(curve, b"\x07" * 32).public.point
    verdicts = {crypto.public_key(curve, point, native=n).verify(b"m", signature) for n in (False, True)}
    assert verdicts == {False}


@given(curve=curves, point=st.binary(max_size=40) | st.binary(min_size=32, max_size=32).map(b"\x02".__add__))
def test_both_backends_agree_on_what_is_a_point(curve: Curve, point: bytes) -> None:
    def parsed(native: bool) -> PublicKey | None:
        try:
            return crypto.public_key(curve, point, native=native)
        except InvalidKeyError:
            return None

    assert parsed(False) == parsed(True)


@pytest.mark.parametrize("secret", [b"", bytes(32), b"\xff" * 32, b"\x01" * 31, b"\x01" * 33])
@pytest.mark.parametrize("curve", Curve)
def test_a_scalar_outside_the_group_is_no_key(curve: Curve, secret: bytes) -> None:
    with pytest.raises(InvalidKeyError):
        crypto.private_key(curve, secret)


def test_generating_draws_again_when_the_scalar_is_outside_the_group() -> None:
    draws = iter([bytes(32), b"\xff" * 32, b"\x02" * 32])
    assert crypto.generate_private_key(Curve.P256, lambda _count: next(draws)).secret == b"\x02" * 32


def test_without_the_speed_extra_openssl_does_both_curves() -> None:
    """In a process in which coincurve cannot be imported."""
    program = """
import sys
sys.modules["coincurve"] = None
import crypto
assert not crypto.HAS_COINCURVE
for curve in crypto.Curve:
    key = crypto.private_key(curve, b"\\x05" * 32)
    print(key.sign(b"m").hex(), key.public.verify(b"m", key.sign(b"m")))
"""
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    expected = [f"{crypto.private_key(curve, bytes([5] * 32)).sign(b'm').hex()} True" for curve in Curve]
    assert printed.splitlines() == expected


def test_no_representation_shows_a_secret() -> None:
    key = crypto.generate_private_key(Curve.K256)
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


@given(curve=curves, secret=secrets)
def test_a_key_and_its_texts_are_one_to_one(curve: Curve, secret: bytes) -> None:
    key = crypto.private_key(curve, secret)
    assert crypto.parse_multikey(crypto.format_multikey(key.public)) == key.public
    assert crypto.parse_did_key(crypto.format_did_key(key.public)) == key.public
    assert crypto.parse_private_multikey(crypto.format_private_multikey(key)) == key


@given(text=st.text(max_size=60) | st.text("z123456789ABCabc", max_size=60).map("z".__add__))
def test_any_text_is_a_key_or_the_one_error(text: str) -> None:
    for parse in (crypto.parse_multikey, crypto.parse_did_key, crypto.parse_private_multikey):
        with pytest.raises(InvalidKeyError):
            parse(text)


def test_a_long_text_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(InvalidKeyError):
        crypto.parse_multikey("z" + "2" * 10_000_000)


def test_a_point_in_another_form_is_refused() -> None:
    point = crypto.private_key(Curve.P256, b"\x01" * 32).public.point
    for bad in (b"", point[1:], b"\x04" + point[1:], b"\x00" * 33):
        with pytest.raises(InvalidKeyError):
            crypto.public_key(Curve.P256, bad)
    for bad in (b"", point, b"\x04" + b"\x01" * 64):
        with pytest.raises(InvalidKeyError):
            crypto.public_key_from_uncompressed(Curve.P256, bad)


@given(data=st.binary(max_size=64))
def test_base58_is_one_to_one(data: bytes) -> None:
    assert crypto.base58_decode(crypto.base58_encode(data)) == data


@pytest.mark.parametrize("native", BACKENDS)
def test_at_protocol_signature_fixtures(native: bool) -> None:
    for case in load_vectors("atproto/crypto/signature-fixtures.json"):
        curve = Curve.K256 if case["algorithm"] == "ES256K" else Curve.P256
        listed = crypto.parse_did_key(case["publicKeyDid"])
        assert crypto.parse_bare_multibase(curve, case["publicKeyMultibase"]) == listed
        key = crypto.public_key(curve, listed.point, native=native)
        message, signature = (
            base64.b64decode(case[name] + "==") for name in ("messageBase64", "signatureBase64")
        )
        assert key.verify(message, signature) is case["validSignature"], case["comment"]


def test_w3c_did_key_vectors() -> None:
    for case in load_vectors("atproto/crypto/w3c_didkey_K256.json"):
        key = crypto.private_key(Curve.K256, bytes.fromhex(case["privateKeyBytesHex"]))
        assert crypto.format_did_key(key.public) == case["publicDidKey"]
    for case in load_vectors("atproto/crypto/w3c_didkey_P256.json"):
        key = crypto.private_key(Curve.P256, crypto.base58_decode(case["privateKeyBytesBase58"]))
        assert crypto.format_did_key(key.public) == case["publicDidKey"]


@pytest.mark.parametrize("native", BACKENDS)
@pytest.mark.parametrize(
    ("curve", "name"),
    [(Curve.K256, "ecdsa_secp256k1_sha256_p1363_test"), (Curve.P256, "ecdsa_secp256r1_sha256_p1363_test")],
)
def test_wycheproof_raw_signatures(curve: Curve, name: str, native: bool) -> None:
    """These vectors accept high-S; the low-S rule refuses exactly those of the valid ones."""
    verdicts = {True: 0, False: 0}
    for group in load_vectors(f"crypto/wycheproof/{name}.json")["testGroups"]:
        listed = crypto.public_key_from_uncompressed(curve, bytes.fromhex(group["publicKey"]["uncompressed"]))
        key = crypto.public_key(curve, listed.point, native=native)
        for case in group["tests"]:
            signature = bytes.fromhex(case["sig"])
            low = int.from_bytes(signature[32:], "big") <= curve.order // 2
            expected = case["result"] == "valid" and low
            assert key.verify(bytes.fromhex(case["msg"]), signature) is expected, case
            verdicts[expected] += 1
    assert all(verdicts.values())


@pytest.mark.parametrize("native", BACKENDS)
def test_wycheproof_bitcoin_is_the_oracle_of_low_s(native: bool) -> None:
    """Its signatures are DER; each one that is well-formed DER is judged as its 64 bytes."""
    judged = 0
    for group in load_vectors("crypto/wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json")["testGroups"]:
        point = crypto.public_key_from_uncompressed(
            Curve.K256, bytes.fromhex(group["publicKey"]["uncompressed"])
        ).point
        key = crypto.public_key(Curve.K256, point, native=native)
        for case in group["tests"]:
            try:
                r, s = decode_dss_signature(bytes.fromhex(case["sig"]))
                signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
            except (ValueError, OverflowError):
                assert case["result"] == "invalid"  # not DER, or too large for 64 bytes
                continue
            assert key.verify(bytes.fromhex(case["msg"]), signature) is (case["result"] == "valid"), case
            judged += 1
    assert judged > 100


def test_a_signature_holds_for_one_key_one_message_and_one_curve() -> None:
    keys: list[PrivateKey] = [crypto.private_key(c, s * 32) for c in Curve for s in (b"\x03", b"\x04")]
    signatures = [(key, message, key.sign(message)) for key in keys for message in (b"a", b"b")]
    for (key, message, _), (other, text, signature) in itertools.product(signatures, signatures):
        assert key.public.verify(message, signature) is (key is other and message == text)
