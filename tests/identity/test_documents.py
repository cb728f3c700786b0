"""DID documents: read strictly, one key chosen, our own served by host name; the local resolver."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import Curve
from protocol import AccountDid
from router.identity.document import DidDocument, KeyCache, atproto_method, parse_did_document
from router.identity.errors import BadDocumentError, ResolutionError, UnknownDidError
from router.identity.resolver import LocalResolver
from router.identity.service import ServedDocuments, ServiceIdentity
from tests.identity.kit import SERVICE, DictAccounts, Record

DID = "did:web:alice.chat.example.com"


def entry(**changes: Any) -> dict[str, Any]:
    key = DictAccounts().create("alice").verification_key
    values = {"id": DID + "#atproto", "type": "Multikey", "controller": DID, "publicKeyMultibase": key}
    return {**values, **changes}


def document(*entries: object) -> DidDocument:
    return parse_did_document({"id": DID, "verificationMethod": list(entries)}, DID)


async def test_what_is_served_is_what_is_read() -> None:
    accounts = DictAccounts()
    key = accounts.create("alice")
    served = await ServedDocuments(SERVICE, accounts).did_document_for_host("alice.chat.example.com")
    assert served is not None
    read = parse_did_document(served.to_json(), key.did)
    assert read == served
    assert read.also_known_as == ("at://alice.chat.example.com",)
    assert KeyCache().key_of(read).public == key.private.public


async def test_the_router_serves_its_own_document_with_its_service() -> None:
    served = await ServedDocuments(SERVICE, DictAccounts()).did_document_for_host("chat.example.com")
    assert served is not None
    json = served.to_json()
    assert json["id"] == "did:web:chat.example.com"
    assert json["service"] == [
        {
            "id": "did:web:chat.example.com#atproto_mls",
            "type": "AtprotoMlsDeliveryService",
            "serviceEndpoint": "https://chat.example.com",
        }
    ]


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("alice.chat.example.com", True),
        ("ALICE.chat.Example.com:8443", True),  # a proxy in front may listen elsewhere
        ("bob.chat.example.com", False),
        ("a.alice.chat.example.com", False),
        ("alice.example.com", False),
        ("", False),
        ("alice.chat.example.com.evil.example", False),
        ("alice.chat.example.com/..", False),
    ],
)
async def test_the_host_header_chooses_the_document(host: str, found: bool) -> None:
    accounts = DictAccounts()
    accounts.create("alice")
    assert (await ServedDocuments(SERVICE, accounts).did_document_for_host(host) is not None) is found


async def test_on_localhost_the_port_is_part_of_the_name() -> None:
    service = ServiceIdentity("did:web:localhost%3A3000", "http://localhost:3000")
    accounts = DictAccounts()
    key = accounts.create("alice", service)
    assert key.did == "did:web:alice.localhost%3A3000"
    served = ServedDocuments(service, accounts)
    found = await served.did_document_for_host("alice.localhost:3000")
    assert found is not None
    assert found.id == key.did
    assert found.also_known_as == ()  # a handle has no port
    assert await served.did_document_for_host("alice.localhost:3001") is None
    assert await served.did_document_for_host("alice.localhost") is None


async def test_a_service_with_a_plc_did_keeps_its_accounts_under_its_host() -> None:
    service = ServiceIdentity("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "https://chat.example.com")
    assert service.account_did("alice") == DID
    assert await ServedDocuments(service, DictAccounts()).did_document_for_host("chat.example.com") is None


@given(host=st.text(max_size=60))
async def test_any_host_header_gets_an_answer(host: str) -> None:
    assert await ServedDocuments(SERVICE, DictAccounts()).did_document_for_host(host) is None


@pytest.mark.parametrize("bad", [None, [], "x", {}, {"id": "did:web:other.example.com"}, {"id": [DID]}])
def test_the_document_of_another_is_refused(bad: object) -> None:
    with pytest.raises(BadDocumentError):
        parse_did_document(bad, DID)


@pytest.mark.parametrize("name", ["verificationMethod", "service", "alsoKnownAs"])
@pytest.mark.parametrize("value", [5, None, {"id": "#atproto"}, [0] * 65])
def test_a_list_is_a_short_list(name: str, value: object) -> None:
    with pytest.raises(BadDocumentError):
        parse_did_document({"id": DID, name: value}, DID)


def test_entries_that_are_not_understood_are_left_out() -> None:
    good = entry()
    read = document("text", {}, {"id": 5}, good)
    assert [method.multibase for method in read.verification_methods] == [good["publicKeyMultibase"]]


def test_an_account_key_without_its_text_is_not_replaced_by_a_later_one() -> None:
    """Another reader of the document takes the first entry of that name, and finds no key in it."""
    jwk = entry(publicKeyMultibase=None, publicKeyJwk={})
    with pytest.raises(BadDocumentError):
        KeyCache().key_of(document(jwk, entry()))


def test_the_key_is_the_first_of_its_name_and_of_no_other() -> None:
    first, second = entry(), entry()
    assert (
        atproto_method(document(entry(id=DID + "#label"), first, second)).multibase
        == (first["publicKeyMultibase"])
    )
    assert atproto_method(document(entry(id="#atproto"))).id == "#atproto"
    for methods in (
        [],
        [entry(id=DID + "#atproto_label")],
        [entry(id="did:web:bob.example.com#atproto")],
        [entry(controller="did:web:bob.example.com")],
        [entry(controller="did:web:bob.example.com"), second],  # the first one decides
    ):
        with pytest.raises(BadDocumentError):
            atproto_method(document(*methods))


@pytest.mark.parametrize("changes", [{"type": "Ed25519VerificationKey2020"}, {"publicKeyMultibase": "z111"}])
def test_an_unusable_key_is_a_bad_document(changes: dict[str, str]) -> None:
    with pytest.raises(BadDocumentError):
        KeyCache().key_of(document(entry(**changes)))


def test_parsed_keys_are_kept_up_to_the_capacity() -> None:
    cache = KeyCache(capacity=2)
    documents = [document(entry()) for _ in range(3)]
    keys = [cache.key_of(item) for item in documents[:2]]
    assert cache.key_of(documents[0]) is keys[0]
    cache.key_of(documents[2])  # drives out the least recently used, the second
    assert cache.statistics() == {"items": 2, "capacity": 2}
    assert cache.key_of(documents[0]) is keys[0]
    assert cache.key_of(documents[1]) is not keys[1]


class TestLocalResolver:
    async def test_an_account_is_read_once_and_again_when_asked_to(self) -> None:
        accounts = DictAccounts()
        did = accounts.create("alice", curve=Curve.P256).did
        resolver = LocalResolver(SERVICE, accounts)
        first = await resolver.resolve(did)
        assert await resolver.resolve(did) is first
        assert accounts.reads == 1
        assert await resolver.resolve(did, refresh=True) == first
        assert accounts.reads == 2

    async def test_a_changed_key_is_seen_after_forget(self) -> None:
        accounts = DictAccounts()
        did = accounts.create("alice").did
        resolver = LocalResolver(SERVICE, accounts)
        before = await resolver.resolve(did)
        accounts.create("alice")
        resolver.forget(did)
        assert await resolver.resolve(did) != before

    async def test_a_key_changed_during_the_look_is_not_covered_by_the_older_answer(self) -> None:
        accounts = DictAccounts()
        did = accounts.create("alice").did
        resolver = LocalResolver(SERVICE, accounts)

        def rotate() -> None:
            accounts.create("alice")
            resolver.forget(did)

        accounts.between = rotate
        stale = await resolver.resolve(did)
        accounts.between = lambda: None
        assert await resolver.resolve(did) != stale

    async def test_an_absent_account_is_not_remembered(self) -> None:
        accounts = DictAccounts()
        resolver = LocalResolver(SERVICE, accounts)
        did = SERVICE.account_did("alice")
        with pytest.raises(ResolutionError):
            await resolver.resolve(did)
        accounts.records[did] = Record(did, "z")
        assert (await resolver.resolve(did)).id == did

    @pytest.mark.parametrize(
        "did",
        ["did:plc:ewvi7nxzyoun6zhxrhs64oiz", "did:web:chat.example.com", "did:web:a.b.chat.example.com"],
    )
    async def test_others_are_not_its_to_answer_for(self, did: str) -> None:
        accounts = DictAccounts()
        with pytest.raises(UnknownDidError):
            await LocalResolver(SERVICE, accounts).resolve(AccountDid(did))
        assert accounts.reads == 0

    async def test_documents_are_kept_up_to_the_capacity(self) -> None:
        accounts = DictAccounts()
        resolver = LocalResolver(SERVICE, accounts, capacity=2)
        for name in ("alice", "bob", "carol"):
            await resolver.resolve(accounts.create(name).did)
        assert resolver.statistics() == {"items": 2, "capacity": 2}
