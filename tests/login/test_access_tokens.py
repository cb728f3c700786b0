"""Access tokens: who they prove, and every way in which one may be wrong."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from protocol import AccountDid, InvalidId, Nsid
from router.identity.authenticator import Authenticator, Look, look_of
from router.identity.errors import AuthError, TokenFault
from router.identity.replay import ReplayGuard
from router.identity.revocations import Revocations
from router.identity.service import ServiceIdentity
from router.login.keyring import KeyRing, TokenKey
from router.login.tokens import (
    MAX_LIFETIME,
    AccessTokens,
    check_access_token,
    mint_access_token,
    parse_methods,
)

NOW = 1_780_000_000
SERVICE = ServiceIdentity("did:web:chat.example.com", "https://chat.example.com")
ANN = AccountDid("did:web:ann.chat.example.com")
SEND, LIST = Nsid("chat.rookery.sendMessage"), Nsid("chat.rookery.getConvos")
Change = dict[str, Any]


class Desk:
    """A key ring, an authenticator that knows access tokens alone, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.now = float(NOW)
        self.ring = KeyRing(folder, lambda: self.now)
        self.revocations = Revocations(lambda: self.now)
        self.remembered: list[bytes] = []
        kind = AccessTokens(
            SERVICE, self.ring, clock=lambda: self.now, token_hash=lambda iss, jti: f"{iss}{jti}".encode()
        )
        self.authenticator = Authenticator(
            {Look.ACCESS: kind, Look.SERVICE: kind},
            clock=lambda: self.now,
            replay=ReplayGuard(),
            remember=lambda token, _: self.remembered.append(token),
            revocations=self.revocations,
        )

    def token(
        self, *, methods: frozenset[Nsid] | None = None, lifetime: int = 600, grant: str = "login-1"
    ) -> str:
        return mint_access_token(
            self.ring.signing, SERVICE, ANN, grant=grant, methods=methods, now=self.now, lifetime=lifetime
        )

    async def fault(self, token: str, lxm: Nsid = LIST) -> TokenFault:
        with pytest.raises(AuthError) as refused:
            await self.authenticator.authenticate(f"Bearer {token}", lxm=lxm, single_use=True)
        return refused.value.fault

    def forged(self, header: Change | None = None, claims: Change | None = None) -> str:
        """A token that differs in some members, None for absent, and is signed by the ring all the same."""
        token = self.token()
        changed = [
            {name: value for name, value in {**_decoded(part), **(change or {})}.items() if value is not None}
            for part, change in zip(token.split(".")[:2], (header, claims), strict=True)
        ]
        signed = b".".join(_encoded(json.dumps(part).encode()) for part in changed)
        return (signed + b"." + _encoded(self.ring.signing.sign(signed))).decode()


def _decoded(part: str) -> Change:
    value: Change = json.loads(base64.urlsafe_b64decode(part + "==="))
    return value


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_an_access_token_speaks_for_its_account_until_it_expires(desk: Desk) -> None:
    token = desk.token()
    assert look_of(token) is Look.ACCESS
    for method in (SEND, LIST, SEND):
        principal = await desk.authenticator.authenticate(f"Bearer {token}", lxm=method, single_use=True)
        assert (principal.account, principal.kind, principal.grant) == (ANN, "access", "login-1")
        assert (principal.device, principal.methods, principal.expires) == (None, None, NOW + 600)
    assert desk.remembered == [], "a bearer token is not used up"
    desk.now += 600
    assert await desk.fault(token) is TokenFault.EXPIRED


async def test_a_token_for_some_methods_is_good_for_no_other(desk: Desk) -> None:
    one, two = desk.token(methods=frozenset((LIST,))), desk.token(methods=frozenset((LIST, SEND)))
    assert "lxm" in _decoded(one.split(".")[1])
    assert _decoded(two.split(".")[1])["scope"] == f"{LIST} {SEND}"
    await desk.authenticator.authenticate(f"Bearer {one}", lxm=LIST, single_use=False)
    await desk.authenticator.authenticate(f"Bearer {two}", lxm=SEND, single_use=True)
    assert await desk.fault(one, SEND) is TokenFault.BAD_METHOD
    assert await desk.fault(two, Nsid("chat.rookery.leaveConvo")) is TokenFault.BAD_METHOD


async def test_after_logout_its_tokens_are_refused_at_once(desk: Desk) -> None:
    token, other = desk.token(grant="login-1"), desk.token(grant="login-2")
    desk.revocations.revoke(grant="login-1")
    assert await desk.fault(token) is TokenFault.ACCESS_REVOKED
    await desk.authenticator.authenticate(f"Bearer {other}", lxm=LIST, single_use=False)


FORGERIES: dict[str, tuple[Change, Change, TokenFault]] = {
    "another type, as an ID token has it": ({"typ": "JWT"}, {}, TokenFault.BAD_TYPE),
    "an unknown critical extension": ({"crit": ["b64"]}, {}, TokenFault.BAD_JWT),
    "no kid": ({"kid": None}, {}, TokenFault.BAD_JWT),
    "a kid that is not ours": ({"kid": "elsewhere"}, {}, TokenFault.BAD_SIGNATURE),
    "a kid that is a path": ({"kid": "../server-secret"}, {}, TokenFault.BAD_SIGNATURE),
    "alg none": ({"alg": "none"}, {}, TokenFault.BAD_JWT),
    "alg HS256": ({"alg": "HS256"}, {}, TokenFault.BAD_JWT),
    "alg ES256": ({"alg": "ES256"}, {}, TokenFault.BAD_JWT),
    "another issuer": ({}, {"iss": "did:web:evil.example.com"}, TokenFault.BAD_ISSUER),
    "an account of another router": ({}, {"sub": "did:web:ann.example.com"}, TokenFault.BAD_ISSUER),
    "the router itself as the account": ({}, {"sub": "did:web:chat.example.com"}, TokenFault.BAD_ISSUER),
    "another audience": ({}, {"aud": "did:web:evil.example.com#atproto_mls"}, TokenFault.BAD_AUDIENCE),
    "an audience without its fragment": ({}, {"aud": "did:web:chat.example.com"}, TokenFault.BAD_AUDIENCE),
    "a list of audiences": ({}, {"aud": [SERVICE.audience]}, TokenFault.BAD_JWT),
    "expired": ({}, {"iat": NOW - 700, "exp": NOW - 100}, TokenFault.EXPIRED),
    "from the future": ({}, {"iat": NOW + 60, "exp": NOW + 660}, TokenFault.NOT_YET_VALID),
    "a life beyond all memory": ({}, {"exp": NOW + MAX_LIFETIME + 1}, TokenFault.TOO_OLD),
    "an end before its beginning": ({}, {"iat": NOW + 10, "exp": NOW + 5}, TokenFault.BAD_JWT),
    "an expiry that is true": ({}, {"exp": True}, TokenFault.BAD_JWT),
    "an expiry with a fraction": ({}, {"exp": NOW + 60.5}, TokenFault.BAD_JWT),
    "no expiry": ({}, {"exp": None}, TokenFault.BAD_JWT),
    "no id": ({}, {"jti": None}, TokenFault.BAD_JWT),
    "no login": ({}, {"sid": None}, TokenFault.BAD_JWT),
    "no scope": ({}, {"scope": None}, TokenFault.BAD_JWT),
    "an empty scope": ({}, {"scope": ""}, TokenFault.BAD_JWT),
    "lxm and scope": ({}, {"lxm": str(LIST)}, TokenFault.BAD_JWT),
    "a scope of words": ({}, {"scope": "openid email"}, TokenFault.BAD_JWT),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_token_that_is_wrong_in_one_thing_is_refused(desk: Desk, forgery: str) -> None:
    header, claims, fault = FORGERIES[forgery]
    assert await desk.fault(desk.forged(header, claims)) is fault


async def test_members_that_nobody_asked_for_do_not_matter(desk: Desk) -> None:
    token = desk.forged({"x5t": "later"}, {"amr": ["hwk"]})
    await desk.authenticator.authenticate(f"Bearer {token}", lxm=LIST, single_use=False)


async def test_alg_confusion_the_public_key_is_no_secret(desk: Desk) -> None:
    """HS256 over the published key, as bytes, as text, as its whole JWK; `none` without a signature."""
    key = desk.ring.signing.to_jwk()
    secrets: list[Callable[[], bytes]] = [
        lambda: base64.urlsafe_b64decode(key["x"] + "="),
        lambda: key["x"].encode(),
        lambda: json.dumps(key).encode(),
    ]
    for secret in secrets:
        signed = desk.forged({"alg": "HS256"}).rpartition(".")[0]
        mac = hmac.new(secret(), signed.encode(), hashlib.sha256).digest()
        assert await desk.fault(f"{signed}.{_encoded(mac).decode()}") is TokenFault.BAD_JWT
    unsigned = desk.forged({"alg": "none"}).rpartition(".")[0]
    assert await desk.fault(f"{unsigned}.") is TokenFault.BAD_JWT


async def test_a_key_of_the_forgers_own_is_not_asked(desk: Desk) -> None:
    """Neither `jwk` nor `jku` in a header leads anywhere: the ring is the only place to look."""
    forger = SigningKey(b"f" * 32)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": _encoded(bytes(forger.verify_key)).decode()}
    signed = desk.forged({"jwk": jwk, "jku": "https://evil.example.com/jwks"}).rpartition(".")[0].encode()
    signature = _encoded(forger.sign(signed).signature)
    assert await desk.fault(f"{signed.decode()}.{signature.decode()}") is TokenFault.BAD_SIGNATURE


async def test_tokens_outlive_a_rotation_and_not_a_compromise(desk: Desk) -> None:
    before = desk.token()
    desk.ring.rotate()
    after = desk.token()
    for token in (before, after):
        await desk.authenticator.authenticate(f"Bearer {token}", lxm=LIST, single_use=False)
    desk.ring.rotate(at_once=True)
    for token in (before, after):
        assert await desk.fault(token) is TokenFault.BAD_SIGNATURE


@given(st.data())
def test_one_changed_character_is_another_token(data: st.DataObject) -> None:
    key = TokenKey.of(1, NOW, b"k" * 32)
    token = mint_access_token(key, SERVICE, ANN, grant="g", methods=None, now=NOW, lifetime=600)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != token[place]))
    changed = token[:place] + other + token[place + 1 :]
    for text, good in ((token, True), (changed, False)):
        try:
            check_access_token(
                text, now=NOW, service=SERVICE, find_key={key.kid: key}.get, token_hash=lambda *_: b""
            )
        except AuthError:
            assert not good
        else:
            assert good


@given(methods=st.none() | st.frozensets(st.sampled_from([SEND, LIST, Nsid("a.b.c")]), min_size=1))
def test_a_scope_reads_back_as_it_was_written(methods: frozenset[Nsid] | None) -> None:
    assert parse_methods("*" if methods is None else " ".join(sorted(methods))) == methods


@given(st.text(max_size=40))
def test_a_scope_is_methods_or_nothing(text: str) -> None:
    try:
        methods = parse_methods(text)
    except InvalidId:
        return
    assert methods is None or all(word.count(".") >= 2 for word in methods)
