"""What a PDS says about blocks is read strictly: another's record is an error, a broken block is none."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import AccountDid
from router.blocks.records import (
    COLLECTION,
    NO_TIME,
    BadRecordsError,
    list_path,
    read_page,
    read_record,
    record_path,
    rkey_of,
    says_absent,
)

ALICE = AccountDid("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
BOB = AccountDid("did:web:localhost%3A3000")
CREATED = "2026-01-02T03:04:05.678Z"
URI = f"at://{ALICE}/{COLLECTION}/3kabc"


def record(uri: str = URI, **value: Any) -> dict[str, Any]:
    return {
        "uri": uri,
        "cid": "c",
        "value": {"$type": COLLECTION, "subject": BOB, "createdAt": CREATED} | value,
    }


def page(*records: Any, **more: Any) -> bytes:
    return json.dumps({"records": list(records), **more}).encode()


def test_a_page_is_read() -> None:
    """More members than the lexicon has are passed over: hosts add theirs."""
    found = read_page(page(record(), cursor="next", extra=1), ALICE)
    (block,) = found.blocks
    assert (block.blocker, block.blocked, block.created, block.uri) == (ALICE, BOB, CREATED, URI)
    assert found.cursor == "next"
    assert read_page(page(record()), ALICE).cursor is None


def test_an_empty_page_is_the_end_whatever_it_says() -> None:
    """Else a host could keep a look busy for its whole time without giving it anything."""
    assert read_page(page(cursor="more"), ALICE).cursor is None


@pytest.mark.parametrize(
    "value",
    [
        {"subject": f"{BOB}#0e6b1f0c-6b7b-4c39-8b2e-1d2b2b0f1a11"},
        {"subject": "bob.example.com"},
        {"subject": None},
        {"subject": 7},
        {"$type": "app.bsky.graph.follow"},
        {"$type": None},
    ],
)
def test_a_record_that_is_no_block_blocks_nobody(value: dict[str, Any]) -> None:
    """A device is no account (failure 11), a handle is no DID; the rest of the page counts."""
    found = read_page(page(record(**value), record()), ALICE)
    assert len(found.blocks) == 1
    assert found.records == 2


@pytest.mark.parametrize("created", [None, "yesterday", 5, "2026-01-02", "2026-01-02T03:04:05"])
def test_a_block_without_a_proper_time_still_blocks(created: object) -> None:
    """And its time can be told, because answers must have one."""
    (block,) = read_page(page(record(createdAt=created)), ALICE).blocks
    assert block.created == NO_TIME


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"records": {}}',
        b'{"records": [], "records": []}',
        page(7),
        page(record(uri=f"at://{BOB}/{COLLECTION}/3k")),
        page(record(uri=f"at://{ALICE}/app.bsky.graph.follow/3k")),
        page(record(uri=URI + "/more")),
        page({"uri": URI}),
        page({"uri": 7, "value": {}}),
        page({"uri": URI, "value": []}),
        page(record(), cursor=""),
        page(record(), cursor=7),
        page(record(), cursor="x" * 513),
        page(*[record()] * 101),
        b'{"records": NaN}',
        b"\xff",
    ],
)
def test_what_is_no_page_of_this_account_is_refused(body: bytes) -> None:
    """A host that tells of another's repository, or nonsense, is not believed in anything."""
    with pytest.raises(BadRecordsError):
        read_page(body, ALICE)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(
        lambda v: json.dumps(v).encode()
    )
)
def test_reading_raises_its_own_error_only(body: bytes) -> None:
    for read in (
        lambda: read_page(body, ALICE),
        lambda: read_record(body, ALICE, "3k"),
        lambda: says_absent(body),
    ):
        try:
            read()
        except BadRecordsError:
            pass


def test_one_record_is_read() -> None:
    block = read_record(json.dumps(record()).encode(), ALICE, "3kabc")
    assert block is not None
    assert (block.blocked, block.uri) == (BOB, URI)
    assert read_record(json.dumps(record(subject="x")).encode(), ALICE, "3kabc") is None


@pytest.mark.parametrize("uri", [URI + "x", f"at://{BOB}/{COLLECTION}/3kabc", None])
def test_a_record_of_another_name_is_not_the_one_that_was_asked_for(uri: str | None) -> None:
    with pytest.raises(BadRecordsError):
        read_record(json.dumps({**record(), "uri": uri}).encode(), ALICE, "3kabc")


def test_a_refusal_says_whether_the_record_is_absent() -> None:
    assert says_absent(b'{"error": "RecordNotFound", "message": "Could not locate record"}')
    assert not says_absent(b'{"error": "RepoNotFound"}')
    assert not says_absent(b"<html>")


@pytest.mark.parametrize(
    ("uri", "rkey"),
    [
        (URI, "3kabc"),
        (f"at://alice.example.com/{COLLECTION}/3kabc", None),
        (f"at://{BOB}/{COLLECTION}/3kabc", None),
        (f"at://{ALICE}/{COLLECTION}", None),
        (f"at://{ALICE}/{COLLECTION}/", None),
        (f"at://{ALICE}/{COLLECTION}/.", None),
        (f"at://{ALICE}/{COLLECTION}/..", None),
        (f"at://{ALICE}/{COLLECTION}/a/b", None),
        (f"at://{ALICE}/{COLLECTION}/a&repo={BOB}", None),
        (f"at://{ALICE}/{COLLECTION}/a\n", None),
        (f"at://{ALICE}/app.bsky.graph.follow/a", None),
    ],
)
def test_the_key_of_a_block_is_taken_from_its_own_uri_only(uri: str, rkey: str | None) -> None:
    """A handle may point elsewhere tomorrow, and a URI must not say what we ask for."""
    assert rkey_of(uri, ALICE) == rkey


def test_what_is_asked_for_survives_its_way() -> None:
    """A DID has characters that mean something in a query."""
    listing = urlsplit(list_path(BOB, "a&b=c"))
    assert parse_qs(listing.query) == {
        "repo": [BOB], "collection": [COLLECTION], "limit": ["100"], "cursor": ["a&b=c"]
    }  # fmt: skip
    one = urlsplit(record_path(BOB, "3k~:"))
    assert parse_qs(one.query) == {"repo": [BOB], "collection": [COLLECTION], "rkey": ["3k~:"]}
