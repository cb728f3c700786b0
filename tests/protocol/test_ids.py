"""Identifiers and time: one spelling each, none finer than it may be."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import (
    InvalidId,
    bucket,
    bucket_text,
    conversation_id_bytes,
    conversation_id_from_bytes,
    parse_account_did,
    parse_conversation_id,
    parse_device_id,
    parse_msg_id,
    parse_nsid,
)
from tests.vectors import vector_lines

Parser = Callable[[str], str]


def _accepts(parse: Parser, text: str) -> bool:
    try:
        return parse(text) == text
    except InvalidId:
        return False


@pytest.mark.parametrize(("parse", "name"), [(parse_account_did, "did"), (parse_nsid, "nsid")])
def test_the_syntax_vectors_of_at_protocol_hold(parse: Parser, name: str) -> None:
    for text in vector_lines(f"atproto/syntax/{name}_syntax_valid.txt"):
        assert _accepts(parse, text), text
    for text in vector_lines(f"atproto/syntax/{name}_syntax_invalid.txt"):
        assert not _accepts(parse, text), text


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_account_did, "did:web:alice.example#device"),
        (parse_account_did, "did:web:" + "a" * 2048),
        (parse_nsid, "chat." + "a" * 320 + ".x"),
        (parse_device_id, "0E6B1F0C-6B7B-4C39-8B2E-1D2B2B0F1A11"),
        (parse_device_id, "0e6b1f0c6b7b4c398b2e1d2b2b0f1a11"),
        (parse_device_id, "0e6b1f0c-6b7b-1c39-8b2e-1d2b2b0f1a11"),
        (parse_device_id, "0e6b1f0c-6b7b-4c39-0b2e-1d2b2b0f1a11"),
        (parse_conversation_id, "a" * 25),
        (parse_conversation_id, "A" * 26),
        (parse_conversation_id, "a" * 25 + "b"),
        (parse_msg_id, ""),
        (parse_msg_id, "x" * 65),
        (parse_msg_id, "no spaces"),
        (parse_msg_id, "new\n"),
    ],
)
def test_a_text_that_is_no_such_identifier_is_refused(parse: Parser, text: str) -> None:
    with pytest.raises(InvalidId) as caught:
        parse(text)
    assert caught.value.kind in str(caught.value)
    assert caught.value.reason in str(caught.value)


@given(st.uuids(version=4))
def test_a_random_uuid_is_a_device_id(value: object) -> None:
    assert parse_device_id(str(value)) == str(value)


@given(st.binary(min_size=16, max_size=16))
def test_sixteen_bytes_and_a_conversation_id_are_the_same_thing(raw: bytes) -> None:
    text = conversation_id_from_bytes(raw)
    assert parse_conversation_id(text) == text
    assert len(text) == 26
    assert conversation_id_bytes(text) == raw


def test_a_conversation_id_has_sixteen_bytes() -> None:
    with pytest.raises(InvalidId):
        conversation_id_from_bytes(bytes(15))


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26))
def test_a_conversation_has_one_spelling(text: str) -> None:
    """Two spare bits in the last character would give each conversation four names."""
    if _accepts(parse_conversation_id, text):
        parsed = parse_conversation_id(text)
        assert conversation_id_from_bytes(conversation_id_bytes(parsed)) == text


@given(st.from_regex(r"[A-Za-z0-9_.:~-]{1,64}", fullmatch=True))
def test_what_the_alphabet_spells_is_a_message_id(text: str) -> None:
    assert parse_msg_id(text) == text


# -- time ------------------------------------------------------------------------------------------------


@given(st.floats(0, 4e9), st.integers(1, 86_400))
def test_a_bucket_is_the_last_multiple_of_its_width(now: float, width: int) -> None:
    start = bucket(now, width)
    assert start % width == 0
    assert start <= now < start + width


def test_a_bucket_is_at_least_a_second_wide() -> None:
    with pytest.raises(ValueError, match="at least one second"):
        bucket(1.0, 0)


def test_a_bucket_is_shown_in_utc_to_the_second() -> None:
    assert bucket_text(bucket(1_700_000_001.9, 2)) == "2023-11-14T22:13:20Z"
