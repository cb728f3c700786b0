"""String formats and base64 against the interop files and an independent decoder."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema._formats import decode_base64, is_format
from tests.vectors import vector_lines


@pytest.mark.parametrize("name", ["did", "datetime", "nsid", "uri", "at-uri", "cid"])
def test_the_interop_files_agree(name: str) -> None:
    file = f"atproto/syntax/{name.replace('-', '')}_syntax"
    for text in vector_lines(f"{file}_valid.txt"):
        assert is_format(text, name), text
    for text in vector_lines(f"{file}_invalid.txt"):
        assert not is_format(text, name), text


def test_dates_that_only_look_like_dates_are_refused() -> None:
    for text in vector_lines("atproto/syntax/datetime_parse_invalid.txt"):
        assert not is_format(text, "datetime"), text


def test_a_line_break_behind_a_did_is_not_part_of_it() -> None:
    assert is_format("did:web:a.example", "did")
    assert not is_format("did:web:a.example\n", "did")


@given(st.binary(max_size=99))
def test_base64_is_read_padded_and_unpadded(raw: bytes) -> None:
    text = base64.b64encode(raw).decode()
    assert decode_base64(text) == raw
    assert decode_base64(text.rstrip("=")) == raw


@given(st.text("AQgwZ09+/=-_ \né", max_size=9))
def test_of_all_texts_only_the_canonical_ones_are_read(text: str) -> None:
    """Canonical: what the standard library writes for these bytes, with or without the padding."""
    body = text.rstrip("=")
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
        written = base64.b64encode(raw).decode()
        canonical = text in (written, written.rstrip("="))
    except ValueError:
        canonical = False
    if canonical:
        assert decode_base64(text) == raw
    else:
        with pytest.raises(ValueError, match="base64"):
            decode_base64(text)
