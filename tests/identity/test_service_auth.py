"""Service auth: who is let in, the order in which others are refused, and what a refusal tells."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from crypto import Curve
from protocol import AccountDid
from router.identity.authenticator import bearer_token
from router.identity.document import DidDocument
from router.identity.errors import (
    AuthError,
    AuthOverloadedError,
    BadDocumentError,
    ResolutionError,
    TokenFault,
)
from router.identity.jws import sign_compact
from router.identity.keys import AccountKey
from router.identity.replay import ReplayGuard
from router.identity.service_auth import TokenPolicy, check_token
from tests.identity.kit import LIST, NOW, SEND, SERVICE, World

POLICY = TokenPolicy(SERVICE)


def fault_of(call: Callable[[], object]) -> TokenFault:
    with pytest.raises(AuthError) as caught:
        call()
    return caught.value.fault


async def refusal(world: World, token: str, lxm: Any = SEND, *, single_use: bool = True) -> TokenFault:
    with pytest.raises(AuthError) as caught:
        await world.authenticator.authenticate("Bearer " + token, lxm=lxm, single_use=single_use)
    return caught.value.fault


def forge(key: AccountKey, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token signed by `key` whose claims differ from a good one's; None leaves a claim out."""
    good = {"iss": key.did, "aud": SERVICE.audience, "lxm": SEND, "iat": NOW, "exp": NOW + 60, "jti": "n0nce"}
    merged = {name: value for name, value in {**good, **claims}.items() if value is not None}
    return sign_compact(
        {"typ": "JWT"} if header is None else header, json.dumps(merged).encode(), key.signing
    )


def raw_token(header: bytes, claims: bytes, signature: bytes = b"\x01" * 64) -> str:
    return b".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims, signature)
    ).decode()


@pytest.mark.parametrize("curve", Curve)
async def test_a_token_opens_one_method_once(curve: Curve) -> None:
    world = World()
    alice = world.accounts.create("alice", curve=curve)
    token = world.mint(alice)
    caller = await world.authenticator.authenticate("Bearer " + token, lxm=SEND, single_use=True)
    assert caller.account == alice.did == "did:web:alice.chat.example.com"
    assert caller.expires == NOW + 60
    assert world.remembered == [(caller.token_id, NOW + 60)]
    assert await refusal(world, token) is TokenFault.NOT_UNIQUE
    assert await refusal(world, world.mint(alice), LIST) is TokenFault.BAD_METHOD


async def test_a_query_may_use_its_token_again_within_its_life() -> None:
    world = World()
    token = world.mint(world.accounts.create("alice"), LIST)
    for _ in range(2):
        await world.authenticator.authenticate("bearer " + token, lxm=LIST, single_use=False)
    assert world.remembered == []
    world.now += 60
    assert await refusal(world, token, LIST, single_use=False) is TokenFault.EXPIRED


def test_joserfc_alone_reads_our_tokens() -> None:
    """An independent verifier: joserfc's own algorithms, from the plain public key."""
    world = World()
    for curve in Curve:
        key = world.accounts.create("alice", curve=curve)
        plain = ECKey.import_key(key.signing.public_key)
        decoded = jwt.decode(world.mint(key), plain, algorithms=[curve.algorithm])
        assert decoded.header == {"typ": "JWT", "alg": curve.algorithm}
        assert decoded.claims["iss"] == key.did
        assert decoded.claims["exp"] - decoded.claims["iat"] == 60


async def test_a_stranger_and_an_absent_account_are_refused() -> None:
    world = World()
    mallory = AccountKey.generate(AccountDid("did:plc:ewvi7nxzyoun6zhxrhs64oiz"))
    assert await refusal(world, world.mint(mallory)) is TokenFault.UNTRUSTED_ISSUER
    nobody = AccountKey.generate(SERVICE.account_did("nobody"))
    assert await refusal(world, world.mint(nobody)) is TokenFault.NOT_RESOLVED


async def test_nobody_signs_for_another() -> None:
    world = World()
    alice, bob = world.accounts.create("alice"), world.accounts.create("bob")
    assert await refusal(world, forge(bob, iss=alice.did)) is TokenFault.BAD_SIGNATURE


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer "])
def test_a_request_without_a_token_is_told_so(header: str | None) -> None:
    assert fault_of(lambda: bearer_token(header)) is TokenFault.MISSING_JWT


@pytest.mark.parametrize("header", ["", "Basic abc", "token", "Bearer\tabc", "BearerToken"])
def test_a_header_of_another_form_is_told_the_right_one(header: str) -> None:
    """Two names, as the catalogue and the reference have them: a wrong scheme is not the same as no token."""
    assert fault_of(lambda: bearer_token(header)) is TokenFault.MISSING_BEARER


def check(token: str) -> TokenFault:
    return fault_of(lambda: check_token(token, lxm=SEND, now=NOW, policy=POLICY))


KEY = AccountKey.generate(SERVICE.account_did("alice"))


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"exp": None}, TokenFault.BAD_JWT),
        ({"exp": float(NOW + 60)}, TokenFault.BAD_JWT),
        ({"exp": str(NOW + 60)}, TokenFault.BAD_JWT),
        ({"exp": True}, TokenFault.BAD_JWT),
        ({"exp": 10**400}, TokenFault.BAD_JWT),
        ({"iat": None}, TokenFault.BAD_JWT),
        ({"iat": -1}, TokenFault.BAD_JWT),
        ({"iat": NOW + 60}, TokenFault.BAD_JWT),
        ({"nbf": "soon"}, TokenFault.BAD_JWT),
        ({"jti": None}, TokenFault.BAD_JWT),
        ({"jti": ""}, TokenFault.BAD_JWT),
        ({"jti": "x" * 257}, TokenFault.BAD_JWT),
        ({"jti": "\ud800"}, TokenFault.BAD_JWT),
        ({"jti": 7}, TokenFault.BAD_JWT),
        ({"aud": [SERVICE.audience]}, TokenFault.BAD_JWT),
        ({"iss": None}, TokenFault.BAD_JWT),
        ({"iat": NOW - 120, "exp": NOW}, TokenFault.EXPIRED),
        ({"iat": NOW + 31}, TokenFault.NOT_YET_VALID),
        ({"nbf": NOW + 31}, TokenFault.NOT_YET_VALID),
        ({"exp": NOW + 3601}, TokenFault.TOO_OLD),
        ({"aud": "did:web:other.example.com#atproto_mls"}, TokenFault.BAD_AUDIENCE),
        ({"aud": SERVICE.did + "#"}, TokenFault.BAD_AUDIENCE),
        ({"aud": SERVICE.did + "#atproto_labeler"}, TokenFault.BAD_AUDIENCE),
        ({"lxm": None}, TokenFault.BAD_METHOD),
        ({"lxm": "*"}, TokenFault.BAD_METHOD),
        ({"lxm": SEND.upper()}, TokenFault.BAD_METHOD),
        ({"lxm": 5}, TokenFault.BAD_JWT),
        ({"iss": KEY.did + "#atproto"}, TokenFault.BAD_ISSUER),
        ({"iss": "did:web:169.254.169.254"}, TokenFault.BAD_ISSUER),
    ],
)
def test_each_claim_has_its_refusal(claims: dict[str, Any], fault: TokenFault) -> None:
    assert check(forge(KEY, **claims)) is fault


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (b'{"typ":"JWT"}', TokenFault.BAD_JWT),
        (b'{"typ":"JWT","alg":"none"}', TokenFault.BAD_JWT),
        (b'{"typ":"JWT","alg":"HS256"}', TokenFault.BAD_JWT),
        (b'{"typ":"JWT","alg":["ES256K"]}', TokenFault.BAD_JWT),
        (b'{"typ":"JWT","alg":"none","alg":"ES256K"}', TokenFault.BAD_JWT),
        (b'{"typ":"JWT","alg":"ES256K","crit":["b64"],"b64":false}', TokenFault.BAD_JWT),
        (b'{"typ":"JWT","alg":"ES256K","kid":"#label"}', TokenFault.BAD_JWT),
        (b'{"typ":"JWT","alg":"ES256K","kid":7}', TokenFault.BAD_JWT),
        (b'{"typ":"at+jwt","alg":"ES256K"}', TokenFault.BAD_TYPE),
        (b'{"typ":5,"alg":"ES256K"}', TokenFault.BAD_JWT),
        (b'["ES256K"]', TokenFault.BAD_JWT),
        (b"\xff", TokenFault.BAD_JWT),
        (b"\xef\xbb\xbf{}", TokenFault.BAD_JWT),
        ("{}".encode("utf-16"), TokenFault.BAD_JWT),
        (b"[" * 6000, TokenFault.BAD_JWT),
    ],
)
def test_each_header_has_its_refusal(header: bytes, fault: TokenFault) -> None:
    assert check(raw_token(header, b"{}")) is fault


def test_a_long_token_is_refused_unread() -> None:
    assert check("e" * 8193) is TokenFault.BAD_JWT


def test_checks_come_in_their_order() -> None:
    """Each token breaks its own rule and all later ones; the first broken rule names the refusal."""
    broken: dict[str, Any] = {}
    rules: list[tuple[dict[str, Any], TokenFault]] = [
        ({"iss": "did:key:z"}, TokenFault.BAD_ISSUER),
        ({"lxm": "*"}, TokenFault.BAD_METHOD),
        ({"aud": "did:web:x.com"}, TokenFault.BAD_AUDIENCE),
        ({"iat": 0, "exp": NOW - 1}, TokenFault.EXPIRED),
        ({"exp": True}, TokenFault.BAD_JWT),
    ]
    for claims, fault in rules:
        broken |= claims
        assert check(forge(KEY, **broken)) is fault


@given(text=st.text(max_size=60) | st.text("eyJ.-_{}=", max_size=60))
def test_any_text_is_refused_by_the_one_error(text: str) -> None:
    check(text)


@given(header=st.binary(max_size=40), claims=st.binary(max_size=60), signature=st.binary(max_size=70))
def test_any_parts_are_refused_by_the_one_error(header: bytes, claims: bytes, signature: bytes) -> None:
    check(raw_token(header, claims, signature))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@given(name=st.sampled_from(["iss", "aud", "exp", "iat", "lxm", "jti", "nbf"]), value=JSON)
def test_any_json_in_a_claim_is_a_verdict(name: str, value: object) -> None:
    claims: dict[str, Any] = {name: value}
    try:
        check_token(forge(KEY, **claims), lxm=SEND, now=NOW, policy=POLICY)
    except AuthError:
        pass


@given(header=st.dictionaries(st.sampled_from(["typ", "kid", "crit", "b64", "jwk", "x5c", "jku"]), JSON))
async def test_any_json_in_the_header_is_a_verdict(header: dict[str, Any]) -> None:
    world = World()
    alice = world.accounts.create("alice")
    payload = base64.urlsafe_b64decode(world.mint(alice).split(".")[1] + "==")
    body = raw_token(json.dumps({**header, "alg": "ES256K"}).encode(), payload).rpartition(".")[0]
    signature = base64.urlsafe_b64encode(alice.private.sign(body.encode())).rstrip(b"=").decode()
    try:
        caller = await world.authenticator.authenticate(
            f"Bearer {body}.{signature}", lxm=SEND, single_use=True
        )
    except AuthError:
        return
    assert caller.account == alice.did


@given(data=st.data())
async def test_a_valid_token_changed_anywhere_is_refused(data: st.DataObject) -> None:
    """One character replaced, removed or added: nothing in a token is free, so nothing can be reused."""
    world = World()
    token = world.mint(world.accounts.create("alice"))
    position = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from("ABCxyz019-_.=+/ \n\0é"))
    removed = data.draw(st.integers(0, 1))
    changed = token[:position] + character + token[position + removed :]
    if changed == token:
        changed = token[:-1]
    await refusal(world, changed)
    assert world.remembered == []
    await world.authenticator.authenticate("Bearer " + token, lxm=SEND, single_use=True)


async def test_a_forged_token_does_not_use_up_a_nonce() -> None:
    world = World()
    alice, mallory = world.accounts.create("alice"), AccountKey.generate(SERVICE.account_did("alice"))
    assert await refusal(world, forge(mallory, jti="n")) is TokenFault.BAD_SIGNATURE
    await world.authenticator.authenticate("Bearer " + forge(alice, jti="n"), lxm=SEND, single_use=True)


async def test_one_nonce_serves_two_accounts_and_one_token_each() -> None:
    world = World()
    alice, bob = world.accounts.create("alice"), world.accounts.create("bob")
    for key in (alice, bob):
        await world.authenticator.authenticate("Bearer " + forge(key, jti="n"), lxm=SEND, single_use=True)
    again = forge(alice, jti="n", exp=NOW + 120)  # another token, the same (iss, jti)
    assert await refusal(world, again) is TokenFault.NOT_UNIQUE


async def test_a_bare_audience_is_told_and_can_be_refused() -> None:
    world = World()
    alice = world.accounts.create("alice")
    await world.authenticator.authenticate(
        "Bearer " + world.mint(alice, aud=SERVICE.did), lxm=SEND, single_use=True
    )
    await world.authenticator.authenticate("Bearer " + world.mint(alice), lxm=SEND, single_use=True)
    assert world.bare_audiences == 1
    strict = world.with_resolver(world.resolver, TokenPolicy(SERVICE, bare_audience_accepted=False))
    with pytest.raises(AuthError) as caught:
        await strict.authenticate("Bearer " + world.mint(alice, aud=SERVICE.did), lxm=SEND, single_use=True)
    assert caught.value.fault is TokenFault.BAD_AUDIENCE


async def test_clock_skew_lengthens_the_life_and_the_memory_alike() -> None:
    world = World()
    alice = world.accounts.create("alice")
    lenient = world.with_resolver(world.resolver, TokenPolicy(SERVICE, clock_skew=5))
    token = "Bearer " + world.mint(alice)
    world.now += 64
    await lenient.authenticate(token, lxm=SEND, single_use=True)
    assert world.remembered[0][1] == NOW + 65
    with pytest.raises(AuthError) as caught:
        await lenient.authenticate(token, lxm=SEND, single_use=True)
    assert caught.value.fault is TokenFault.NOT_UNIQUE


async def test_a_rotated_key_is_found_by_one_refresh() -> None:
    world = World()
    old = world.accounts.create("alice")
    await world.authenticator.authenticate("Bearer " + world.mint(old), lxm=SEND, single_use=True)
    new = world.accounts.create("alice")  # the resolver was not told
    await world.authenticator.authenticate("Bearer " + world.mint(new), lxm=SEND, single_use=True)
    assert world.accounts.reads == 2
    assert await refusal(world, world.mint(old)) is TokenFault.BAD_SIGNATURE


async def test_a_full_memory_refuses_without_using_the_token_up() -> None:
    world = World(replay=ReplayGuard(capacity=1))
    alice = world.accounts.create("alice")
    await world.authenticator.authenticate(
        "Bearer " + world.mint(alice, lifetime=10), lxm=SEND, single_use=True
    )
    token = "Bearer " + world.mint(alice)
    with pytest.raises(AuthOverloadedError) as caught:
        await world.authenticator.authenticate(token, lxm=SEND, single_use=True)
    world.now += caught.value.retry_after
    await world.authenticator.authenticate(token, lxm=SEND, single_use=True)


class SlowResolver:
    """Answers when told to; fails with what it is given."""

    def __init__(self, world: World, error: Exception | None = None) -> None:
        self._world = world
        self._error = error
        self.asked = trio.Event()
        self.go = trio.Event()

    async def resolve(self, did: AccountDid, /, *, refresh: bool = False) -> DidDocument:
        self.asked.set()
        await self.go.wait()
        if self._error is not None:
            raise self._error
        return await self._world.resolver.resolve(did, refresh=refresh)


@pytest.mark.parametrize("error", [ResolutionError("down"), BadDocumentError("broken")])
async def test_a_failed_resolution_is_named_and_says_nothing_more(error: Exception) -> None:
    world = World()
    resolver = SlowResolver(world, error)
    resolver.go.set()
    with pytest.raises(AuthError) as caught:
        await world.with_resolver(resolver).authenticate(
            "Bearer " + world.mint(world.accounts.create("alice")), lxm=SEND, single_use=True
        )
    assert caught.value.error == "DidResolutionFailed"
    assert str(error) not in caught.value.message


async def test_a_cancelled_call_has_used_nothing_up() -> None:
    world = World()
    resolver = SlowResolver(world)
    token = "Bearer " + world.mint(world.accounts.create("alice"))
    authenticator = world.with_resolver(resolver)
    async with trio.open_nursery() as nursery:

        async def call() -> None:
            await authenticator.authenticate(token, lxm=SEND, single_use=True)

        nursery.start_soon(call)
        await resolver.asked.wait()
        nursery.cancel_scope.cancel()
    assert world.remembered == []
    resolver.go.set()
    await authenticator.authenticate(token, lxm=SEND, single_use=True)


async def test_of_two_concurrent_uses_one_wins() -> None:
    world = World()
    resolver = SlowResolver(world)
    token = "Bearer " + world.mint(world.accounts.create("alice"))
    authenticator = world.with_resolver(resolver)
    verdicts: list[TokenFault | None] = []

    async def call() -> None:
        try:
            await authenticator.authenticate(token, lxm=SEND, single_use=True)
        except AuthError as error:
            verdicts.append(error.fault)
        else:
            verdicts.append(None)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(call)
        await resolver.asked.wait()
        resolver.go.set()
    assert verdicts.count(None) == 1
    assert verdicts.count(TokenFault.NOT_UNIQUE) == 4
    assert len(world.remembered) == 1


async def test_a_token_that_expires_while_its_key_is_looked_up_is_refused() -> None:
    world = World()
    resolver = SlowResolver(world)
    token = "Bearer " + world.mint(world.accounts.create("alice"))
    faults: list[TokenFault] = []

    async def call() -> None:
        with pytest.raises(AuthError) as caught:
            await world.with_resolver(resolver).authenticate(token, lxm=SEND, single_use=True)
        faults.append(caught.value.fault)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await resolver.asked.wait()
        world.now += 60
        resolver.go.set()
    assert faults == [TokenFault.EXPIRED]
    assert world.remembered == []


def test_every_refusal_has_one_sentence_and_no_name_that_logs_people_out() -> None:
    names = {fault.value for fault in TokenFault}
    assert not names & {"ExpiredToken", "InvalidToken"}
    messages = [AuthError(fault).message for fault in TokenFault]
    assert len(set(messages)) == len(names)
