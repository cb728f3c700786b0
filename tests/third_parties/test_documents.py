"""What the router, its client library and its test kit say about keys, read by others' code."""

import time
from typing import Any

import pytest
import trio

from crypto import Curve, format_did_key, generate_private_key
from protocol import Nsid
from router.identity.keys import AccountKey
from router.identity.service import SERVICE_FRAGMENT
from router.identity.tokens import mint_token
from router.login.keyring import KeyRing
from router.login.tokens import mint_access_token
from tests.system.people import new_key
from tests.third_parties.atproto import TheirError
from tests.third_parties.stage import Stage, lex_bytes, their_key
from tests.third_parties.test_tokens import high_s

pytestmark = pytest.mark.system

CONVOS = Nsid("chat.rookery.getConvos")


def resolve(stage: Stage, did: str, **given: Any) -> Any:
    """A DID as `@atproto/identity` sees it."""
    return stage.ask("resolve", did=did, plcUrl=stage.directory.url, **given)


def home_account(stage: Stage, name: str) -> AccountKey:
    """An account that lives on the router."""
    return trio.run(new_key, stage.router, name)


# -- documents ---------------------------------------------------------------------------------------------


def test_a_pds_finds_where_to_forward_what_is_for_this_service(stage: Stage) -> None:
    """`atproto-proxy: did:web:…#atproto_mls` needs just this entry of this document."""
    found = resolve(stage, stage.service.did, service=SERVICE_FRAGMENT)
    assert found["endpoint"] == stage.service.endpoint
    assert found["didKey"] is None, "the router signs nothing as a DID"


def test_an_account_of_this_router_has_a_key_for_everybody(stage: Stage) -> None:
    key = home_account(stage, "home")
    found = resolve(stage, key.did)
    assert found["didKey"] == format_did_key(key.private.public)
    message = b"said by the account"
    signed = {"message": lex_bytes(message), "signature": lex_bytes(key.private.sign(message))}
    asked = {"did": key.did, "plcUrl": stage.directory.url}
    assert stage.ask("signedBy", **asked, **signed)
    signed["message"] = lex_bytes(b"something else")
    assert not stage.ask("signedBy", **asked, **signed)


def test_a_name_that_nobody_has_is_not_found(stage: Stage) -> None:
    with pytest.raises(TheirError) as caught:
        resolve(stage, stage.service.account_did("nobody"))
    assert caught.value.type == "DidNotFoundError"


@pytest.mark.parametrize("curve", Curve)
def test_the_directory_of_the_test_kit_speaks_as_the_real_one(stage: Stage, curve: Curve) -> None:
    """Whatever is tested against it would otherwise be tested against our own idea of a directory."""
    account = stage.person(f"kit-{curve.value}.example.com", curve).account
    found = resolve(stage, account.did)
    assert found["didKey"] == format_did_key(account.key.private.public)
    assert found["document"]["alsoKnownAs"] == [f"at://{account.handle}"]


# -- keys and signatures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", Curve)
def test_our_signatures_are_good_by_their_strict_verifier(stage: Stage, curve: Curve) -> None:
    """`verifySignature` refuses a high S, which an honest coin would bring in half of them."""
    key = generate_private_key(curve)
    did_key = format_did_key(key.public)
    assert stage.ask("didKey", key=their_key(key)) == did_key
    messages = [f"message {number}".encode() for number in range(64)]
    signed = [{"message": lex_bytes(each), "signature": lex_bytes(key.sign(each))} for each in messages]
    assert stage.ask("verifySignatures", didKey=did_key, signed=signed) == [True] * len(signed)
    signed[0]["message"] = lex_bytes(b"another")
    assert stage.ask("verifySignatures", didKey=did_key, signed=signed[:2]) == [False, True]


@pytest.mark.parametrize("curve", Curve)
def test_tokens_of_our_client_library_are_good_elsewhere(stage: Stage, curve: Curve) -> None:
    key = stage.person(f"client-{curve.value}.example.com", curve).account.key
    token = mint_token(key, key.did, "did:web:other.example#service", CONVOS, time.time())
    asked: dict[str, Any] = {
        "token": token,
        "audience": "did:web:other.example#service",
        "lxm": CONVOS,
        "didKey": format_did_key(key.private.public),
        "strict": True,
    }
    claims = stage.ask("verifyToken", **asked)
    assert (claims["iss"], claims["lxm"], claims["exp"] - claims["iat"]) == (key.did, CONVOS, 60)

    for changed, name in (
        ({"audience": "did:web:other.example"}, "BadJwtAudience"),
        ({"lxm": "chat.rookery.sendMessage"}, "BadJwtLexiconMethod"),
        ({"didKey": format_did_key(generate_private_key(curve).public)}, "BadJwtSignature"),
        ({"token": high_s(token, curve)}, "BadJwtSignature"),
    ):
        with pytest.raises(TheirError) as caught:
            stage.ask("verifyToken", **{**asked, **changed})
        assert caught.value.name == name


# -- access tokens -----------------------------------------------------------------------------------------


def test_any_jose_library_verifies_our_access_tokens_from_the_published_keys(stage: Stage) -> None:
    """Also those of the key before: a rotation in between logs nobody out."""
    account = home_account(stage, "logged-in").did
    asked = {
        "jwks": f"{stage.router.url}/.well-known/jwks.json",
        "issuer": stage.service.did,
        "audience": stage.service.audience,
    }
    tokens = []
    for _ in range(2):
        key = KeyRing(stage.router.data, time.time).signing
        methods = frozenset((CONVOS,))
        tokens.append(
            mint_access_token(
                key, stage.service, account, grant="a login", methods=methods, now=time.time(), lifetime=60
            )
        )
        stage.router.rookery("keys", "rotate", "access")
    headers = []
    for token in tokens:
        found = stage.ask("verifyAccessToken", token=token, **asked)
        assert (found["payload"]["sub"], found["payload"]["lxm"]) == (account, CONVOS)
        headers.append(found["header"])
    assert {header["alg"] for header in headers} == {"EdDSA"}
    assert len({header["kid"] for header in headers}) == 2

    with pytest.raises(TheirError) as caught:
        stage.ask("verifyAccessToken", token=tokens[0], **{**asked, "audience": "did:web:other.example"})
    assert caught.value.name == "ERR_JWT_CLAIM_VALIDATION_FAILED"
    head, claims, signature = tokens[0].split(".")
    with pytest.raises(TheirError) as caught:
        stage.ask("verifyAccessToken", token=f"{head}.{claims}.{signature[::-1]}", **asked)
    assert caught.value.name == "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
