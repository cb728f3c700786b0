"""A token says who, to whom, for which method; to whom is never learnt from the server itself."""

import base64
import json

import pytest

from protocol import AccountDid, Nsid
from router.client.credentials import account_token_source
from router.client.errors import StateError
from router.client.home import home_service, neighbour
from router.identity.keys import AccountKey

ALICE = AccountDid("did:web:alice.localhost%3A3000")


def test_an_account_knows_its_home() -> None:
    assert home_service(ALICE) == "did:web:localhost%3A3000"
    assert home_service(AccountDid("did:web:bob.chat.example.com")) == "did:web:chat.example.com"


@pytest.mark.parametrize("did", ["did:plc:abcdefghijklmnopqrstuvwx", "did:web:localhost"])
def test_a_did_without_a_home_in_it_wants_one_named(did: str) -> None:
    with pytest.raises(StateError, match="name the server's DID"):
        home_service(AccountDid(did))


def test_a_neighbour_is_named_by_label_or_did() -> None:
    assert neighbour(ALICE, "bob") == "did:web:bob.localhost%3A3000"
    assert neighbour(ALICE, "did:plc:abcdefghijklmnopqrstuvwx") == "did:plc:abcdefghijklmnopqrstuvwx"


def test_each_request_gets_a_token_of_its_own() -> None:
    mint = account_token_source(AccountKey.generate(ALICE), wall=lambda: 1_000.0, lifetime=30)
    tokens = [mint(Nsid("chat.rookery.getConvos")) for _ in range(2)]
    claims = [json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")) for token in tokens]
    assert claims[0]["jti"] != claims[1]["jti"]
    assert claims[0] | {"jti": ""} == {
        "iss": ALICE,
        "aud": "did:web:localhost%3A3000#atproto_mls",
        "lxm": "chat.rookery.getConvos",
        "iat": 1000,
        "exp": 1030,
        "jti": "",
    }
