"""DIDs, handles, NSIDs and names: the interop files and the rules for who may be an issuer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import InvalidId, parse_account_did, parse_nsid
from router.identity.accounts import check_name
from router.identity.did import is_handle, is_public_hostname, parse_issuer, web_origin
from router.identity.errors import BadNameError
from router.identity.service import ServiceIdentity
from tests.identity.kit import SERVICE
from tests.vectors import vector_lines

OWN = "chat.example.com"


def accepts_did(text: str) -> bool:
    try:
        parse_account_did(text)
    except InvalidId:
        return False
    return True


def accepts_nsid(text: str) -> bool:
    try:
        parse_nsid(text)
    except InvalidId:
        return False
    return True


def accepts_at_identifier(text: str) -> bool:
    """What names an account: one or the other, told apart by how it begins (`rookery resolve`)."""
    return accepts_did(text) if text.startswith("did:") else is_handle(text)


@pytest.mark.parametrize(
    ("name", "accepts"),
    [
        ("did", accepts_did),
        ("nsid", accepts_nsid),
        ("handle", is_handle),
        ("atidentifier", accepts_at_identifier),
    ],
)
def test_interop_syntax_files(name: str, accepts: object) -> None:
    assert callable(accepts)
    for line in vector_lines(f"atproto/syntax/{name}_syntax_valid.txt"):
        assert accepts(line), line
    for line in vector_lines(f"atproto/syntax/{name}_syntax_invalid.txt"):
        assert not accepts(line), line


@pytest.mark.parametrize(
    "did",
    [
        "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
        "did:web:bob.example.com",
        "did:web:chat.example.com",
        "did:web:alice.chat.example.com",
    ],
)
def test_accounts_of_both_methods_may_speak(did: str) -> None:
    assert parse_issuer(did, own=OWN) == did


@pytest.mark.parametrize(
    "did",
    [
        "",
        "alice.example.com",
        "did:key:zQ3shg3iyLN4AdmxXnNaxGSqtRAe22FvWFFft1eGzGMRVm9RM",
        "did:plc:ewvi7nxzyoun6zhxrhs64oi1",
        "did:plc:ewvi7nxzyoun6zhxrhs64oizz",
        "did:plc:EWVI7NXZYOUN6ZHXRHS64OIZ",
        "did:plc:ewvi7nxzyoun6zhxrhs64oiz#device",
        "did:plc:ewvi7nxzyoun6zhxrhs64oiz\n",
        "did:web:example",
        "did:web:example.com:path",
        "did:web:example.com%3A8443",
        "did:web:Example.com",
        "did:web:127.0.0.1",
        "did:web:169.254.169.254",
        "did:web:0x7f.1",
        "did:web:%5B%3A%3A1%5D",
        "did:web:localhost",
        "did:web:localhost%3A3000",
        "did:web:printer.local",
        "did:web:db.internal",
        "did:web:hidden.onion",
        "did:web:1.0.0.127.in-addr.arpa",
        "did:web:a..com",
        "did:web:-a.com",
        "did:web:" + "a." * 130 + "com",
    ],
)
def test_nobody_else_may_speak(did: str) -> None:
    with pytest.raises(InvalidId):
        parse_issuer(did, own=OWN)


def test_a_router_on_localhost_accepts_its_own_accounts_and_no_neighbour() -> None:
    own = "localhost%3A3000"
    assert parse_issuer("did:web:alice.localhost%3A3000", own=own)
    for did in (
        "did:web:alice.localhost%3A3001",
        "did:web:a.b.localhost%3A3000",
        "did:web:.localhost%3A3000",
    ):
        with pytest.raises(InvalidId):
            parse_issuer(did, own=own)


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("bob.example.com", "https://bob.example.com"),
        ("pds.test", "https://pds.test"),
        ("localhost", "http://localhost"),
        ("localhost%3A3000", "http://localhost:3000"),
        ("localhost%3A0", None),
        ("localhost%3A65536", None),
        ("localhost%3A03000", None),
        ("localhost%3A3000%3A1", None),
        ("localhost:3000", None),
        ("pds.test%3A3000", None),
        ("bob.example.com%3A443", None),
        ("other.test", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_a_developer_may_name_hosts_that_are_public_to_nobody(name: str, origin: str | None) -> None:
    named = frozenset({"localhost", "pds.test"})
    found = web_origin(name, named)
    assert (None if found is None else str(found)) == origin
    if found is None:
        with pytest.raises(InvalidId):
            parse_issuer(f"did:web:{name}", own=OWN, loopback_hosts=named)
    else:
        assert parse_issuer(f"did:web:{name}", own=OWN, loopback_hosts=named)


@given(text=st.text(max_size=80) | st.from_regex(r"did:(web|plc):[a-z0-9.%:-]{0,40}", fullmatch=True))
def test_any_text_is_an_issuer_or_the_one_error(text: str) -> None:
    try:
        assert parse_issuer(text, own=OWN) == text
    except InvalidId:
        pass


@given(address=st.ip_addresses().map(str))
def test_no_address_is_a_public_name(address: str) -> None:
    assert not is_public_hostname(address)


@pytest.mark.parametrize("name", ["alice", "a", "a-b", "7even", "x" * 63])
def test_a_name_is_one_label(name: str) -> None:
    assert check_name(name, SERVICE) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Alice",
        "a.b",
        "-a",
        "a-",
        "a_b",
        "älice",
        "x" * 64,
        "xn--80ak6aa92e",
        "www",
        "localhost",
        "a\n",
        "a%3A",
    ],
)
def test_other_names_are_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(BadNameError, match="name"):
        check_name(name, SERVICE)


def test_a_name_that_makes_the_host_too_long_is_refused() -> None:
    host = ".".join(["a" * 60] * 4)
    with pytest.raises(BadNameError, match="longer"):
        check_name("x" * 20, ServiceIdentity("did:web:" + host, "https://" + host))
