"""Tokens that nobody was given: each is a good one but for one thing, and each is refused by its name.

At the door of a real process, with documents from a real directory. Every case has an account of its own, so
that the lock-out, which would end most of these sooner, does not answer for the check that is meant.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from nacl.signing import SigningKey

from crypto import Curve, PrivateKey, format_did_key
from router.identity.compact import encode_part
from router.identity.keys import AccountKey
from router.testing import PlcAccount
from tests.attacks.stage import QUERY, WRITE, Labeler, Phone, Stage, open_stage, with_label

pytestmark = pytest.mark.system

Sign = Callable[[bytes], bytes]


@attrs.frozen
class Victim:
    """An account of elsewhere with a second key in its document, its device, and a stranger beside it."""

    stage: Stage
    account: Labeler
    phone: Phone
    mallory: PlcAccount

    @property
    def key(self) -> PrivateKey:
        return self.account.key.private

    def token(self, sign: Sign | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token for a query, good but for what is given; None leaves something out."""
        now = int(self.stage.now)
        heads = {"typ": "JWT", "alg": self.key.curve.algorithm, **(header or {})}
        good = {
            "iss": self.account.did,
            "aud": self.stage.audience,
            "lxm": QUERY,
            "iat": now,
            "exp": now + 60,
            "jti": "n0nce",
        }
        parts = [
            encode_part(json.dumps({k: v for k, v in part.items() if v is not None}).encode())
            for part in (heads, good | claims)
        ]
        signed = ".".join(parts)
        return f"{signed}.{encode_part((sign or self.key.sign)(signed.encode()))}"

    def device_token(
        self, sign: Sign | None = None, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """The same of the account's device."""
        heads = {"alg": "EdDSA", "kid": f"#{self.phone.id}", **(header or {})}
        return self.token(sign or _ed(self.phone.signing), heads, **claims)


def _ed(key: SigningKey) -> Sign:
    return lambda text: key.sign(text).signature


def _mac(secret: bytes) -> Sign:
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def _high_s(key: PrivateKey) -> Sign:
    """The other signature that fits: (r, n - s)."""

    def sign(text: bytes) -> bytes:
        made = key.sign(text)
        return made[:32] + (key.curve.order - int.from_bytes(made[32:], "big")).to_bytes(32, "big")

    return sign


def _der(key: PrivateKey) -> Sign:
    def sign(text: bytes) -> bytes:
        made = key.sign(text)
        return encode_dss_signature(int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big"))

    return sign


def _jwk(key: AccountKey) -> dict[str, str]:
    numbers = key.signing.public_key.public_numbers()
    x, y = (encode_part(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "secp256k1", "x": x, "y": y}


ATTACKS: dict[str, tuple[str, Callable[[Victim], str]]] = {
    # the second signature of each good one
    "high-S": ("BadJwtSignature", lambda v: v.token(_high_s(v.key))),
    "a signature in DER": ("BadJwtSignature", lambda v: v.token(_der(v.key))),
    "a signature with a byte more": ("BadJwtSignature", lambda v: v.token(lambda t: v.key.sign(t) + b"\0")),
    "a signature of noughts": ("BadJwtSignature", lambda v: v.token(lambda _: bytes(64))),
    "no signature": ("BadJwtSignature", lambda v: v.token(lambda _: b"")),
    # alg confusion
    "alg none": ("BadJwt", lambda v: v.token(lambda _: b"", {"alg": "none"})),
    "alg None": ("BadJwt", lambda v: v.token(lambda _: b"", {"alg": "NoNe"})),
    "no alg": ("BadJwt", lambda v: v.token(None, {"alg": None})),
    "a list of algs": ("BadJwt", lambda v: v.token(None, {"alg": ["ES256K", "none"]})),
    "HS256 with the public key as it is published": (
        "BadJwt",
        lambda v: v.token(_mac(v.account.key.verification_key.encode()), {"alg": "HS256"}),
    ),
    "HS256 with the public point": ("BadJwt", lambda v: v.token(_mac(v.key.public.point), {"alg": "HS256"})),
    "HS256 called ES256K": ("BadJwtSignature", lambda v: v.token(lambda t: _mac(v.key.public.point)(t) * 2)),
    "ES256 for a key of ES256K": ("BadJwtSignature", lambda v: v.token(None, {"alg": "ES256"})),
    "EdDSA for a key of ES256K": ("BadJwt", lambda v: v.token(None, {"alg": "EdDSA"})),
    "EdDSA of a device for the account": (
        "BadJwt",
        lambda v: v.token(_ed(v.phone.signing), {"alg": "EdDSA", "kid": "#atproto"}),
    ),
    # kid that points at another key
    "kid of the labeler's key": (
        "BadJwt",
        lambda v: v.token(_label(v).private.sign, {"kid": "#atproto_label"}),
    ),
    "kid of the labeler's key as a whole": (
        "BadJwt",
        lambda v: v.token(_label(v).private.sign, {"kid": f"{v.account.did}#atproto_label"}),
    ),
    "the labeler's key without a kid": ("BadJwtSignature", lambda v: v.token(_label(v).private.sign)),
    "kid in another account's document": (
        "BadJwt",
        lambda v: v.token(v.mallory.key.private.sign, {"kid": f"{v.mallory.did}#atproto"}),
    ),
    "kid that is a key": (
        "BadJwt",
        lambda v: v.token(v.mallory.key.private.sign, {"kid": format_did_key(v.mallory.key.private.public)}),
    ),
    "kid that is a path": ("BadJwt", lambda v: v.token(None, {"kid": "../../../dev/null"})),
    "a key in the header": (
        "BadJwtSignature",
        lambda v: v.token(v.mallory.key.private.sign, {"jwk": _jwk(v.mallory.key)}),
    ),
    "a key elsewhere": (
        "BadJwtSignature",
        lambda v: v.token(
            v.mallory.key.private.sign, {"jku": f"{v.stage.directory.url}/{v.mallory.did}", "x5u": "http://x"}
        ),
    ),
    # the device's kid
    "a device of nobody": (
        "UntrustedIss",
        lambda v: v.device_token(None, {"kid": "#00000000-0000-4000-8000-000000000000"}),
    ),
    "the victim's device, another's key": ("BadJwtSignature", lambda v: v.device_token(_ed(_stranger()))),
    "another account's device": ("UntrustedIss", lambda v: v.device_token(None, iss=v.mallory.did)),
    # somebody else
    "signed by a stranger": ("BadJwtSignature", lambda v: v.token(v.mallory.key.private.sign)),
    "a service of the account": (
        "BadJwtIss",
        lambda v: v.token(_label(v).private.sign, iss=f"{v.account.did}#atproto_label"),
    ),
    "an issuer that is its key": (
        "BadJwtIss",
        lambda v: v.token(iss=format_did_key(v.key.public)),
    ),
    # a token of another endpoint, service, type
    "another method": ("BadJwtLexiconMethod", lambda v: v.token(lxm=WRITE)),
    "the method of the other family": (
        "BadJwtLexiconMethod",
        lambda v: v.token(lxm="blue.catbird.mls.getConvos"),
    ),
    "no method": ("BadJwtLexiconMethod", lambda v: v.token(lxm=None)),
    "any method": ("BadJwtLexiconMethod", lambda v: v.token(lxm="*")),
    "several methods": ("BadJwt", lambda v: v.token(lxm=[QUERY, WRITE])),
    "a method with a tail": ("BadJwtLexiconMethod", lambda v: v.token(lxm=f"{QUERY}?x")),
    "a device's, of another method": ("BadJwtLexiconMethod", lambda v: v.device_token(lxm=WRITE)),
    "another service": ("BadJwtAudience", lambda v: v.token(aud="did:web:elsewhere.example.com#atproto_mls")),
    "another service of ours": ("BadJwtAudience", lambda v: v.token(aud=f"{v.stage.service}#atproto_pds")),
    "several services": ("BadJwt", lambda v: v.token(aud=[v.stage.audience])),
    "an access token, signed by the account": ("BadJwt", lambda v: v.token(None, {"typ": "at+jwt"})),
    "a DPoP proof": ("BadJwtType", lambda v: v.token(None, {"typ": "dpop+jwt"})),
    "an extension that must be understood": (
        "BadJwt",
        lambda v: v.token(None, {"crit": ["b64"], "b64": False}),
    ),
    # time
    "expired": ("JwtExpired", lambda v: v.token(iat=int(v.stage.now) - 61, exp=int(v.stage.now) - 1)),
    "from the future": (
        "JwtNotYetValid",
        lambda v: v.token(iat=int(v.stage.now) + 3_000, exp=int(v.stage.now) + 3_060),
    ),
    "for a year": ("JwtTooOld", lambda v: v.token(exp=int(v.stage.now) + 31_536_000)),
    "without an end": ("BadJwt", lambda v: v.token(exp=None)),
    "without a nonce": ("BadJwt", lambda v: v.token(jti=None)),
}


def _label(victim: Victim) -> AccountKey:
    assert victim.account.label is not None
    return victim.account.label


def _stranger() -> SigningKey:
    return SigningKey.generate()


async def test_each_forgery_is_refused_by_its_name_and_uses_nothing_up() -> None:
    """One process for all of them: the name of whatever is judged otherwise is in the failure."""
    wrong: dict[str, str] = {}
    async with open_stage() as stage:
        mallory = stage.account("mallory")
        for attack, (expected, forge) in ATTACKS.items():
            owner = with_label(stage.account())
            stage.directory.put(owner)
            victim = Victim(stage, owner, await stage.phone(owner), mallory)
            heard = await stage.judge(forge(victim))
            if heard != expected:
                wrong[attack] = heard or "let in"
            # the good token of the same nonce is let in: a forgery uses up nothing and locks nobody out
            assert await stage.judge(victim.token()) == "", attack
            assert await stage.judge(victim.device_token()) == "", attack
    assert wrong == {}


async def test_neither_curve_answers_for_the_other() -> None:
    async with open_stage() as stage:
        for curve in Curve:
            owner = with_label(stage.account(curve=curve))
            stage.directory.put(owner)
            victim = Victim(stage, owner, await stage.phone(owner), owner)
            assert await stage.judge(victim.token()) == ""
            (other,) = set(Curve) - {curve}
            assert await stage.judge(victim.token(None, {"alg": other.algorithm})) == "BadJwtSignature"
            assert await stage.judge(victim.token(_high_s(victim.key))) == "BadJwtSignature"


async def test_a_changed_token_is_no_second_token() -> None:
    """A used token does not come back by another spelling of it: there is only one."""
    async with open_stage() as stage:
        owner = with_label(stage.account())
        stage.directory.put(owner)
        victim = Victim(stage, owner, await stage.phone(owner), owner)
        good = victim.token(lxm=WRITE)
        assert await stage.judge(good, WRITE) == ""
        head, claims, signature = good.split(".")
        twin = encode_part(_high_s(victim.key)(f"{head}.{claims}".encode()))
        last = signature[-1]
        stray = signature[:-1] + chr(ord(last) + 1)
        for spelling, expected in {
            f"{head}.{claims}.{twin}": "BadJwtSignature",
            f"{head}.{claims}.{signature}=": "BadJwt",
            f"{head}.{claims}.{stray}": "BadJwt",
            f"{head}=.{claims}.{signature}": "BadJwt",
            f"{good}.": "BadJwt",
            good: "NonceNotUnique",
        }.items():
            assert await stage.judge(spelling, WRITE) == expected, spelling
