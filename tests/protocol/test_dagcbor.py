"""Strict DAG-CBOR: the interop fixtures, an independent reader (cbor2), and the laws."""

import base64
import hashlib
import math
import struct
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol._dagcbor import (
    MAX_DEPTH,
    Cid,
    InvalidDagCbor,
    decode_dagcbor,
    decode_dagcbor_prefix,
    encode_dagcbor,
    splice_dagcbor,
)
from tests.vectors import load_vectors

CIDS = st.binary(min_size=32, max_size=32).map(lambda digest: Cid(b"\x01\x71\x12\x20" + digest))
INTEGERS = st.integers(-(2**64), 2**64 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.binary(max_size=300) | st.text(max_size=300) | CIDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=20,
)


def test_a_frame_header_is_these_seven_bytes() -> None:
    # {"op": -1}: map of one, text of two, minus one
    assert encode_dagcbor({"op": -1}) == bytes.fromhex("a1 62 6f70 20")
    assert decode_dagcbor(bytes.fromhex("a1 62 6f70 20")) == {"op": -1}


def test_shorter_keys_stand_before_longer_ones_and_equal_lengths_are_bytewise() -> None:
    assert encode_dagcbor({"bb": 1, "a": 2, "aa": 3, "é": 4}) == encode_dagcbor(
        {"a": 2, "aa": 3, "bb": 1, "é": 4}
    )
    assert encode_dagcbor({"bb": 1, "a": 2}) == b"\xa2\x61a\x02\x62bb\x01"


def from_json(value: Any) -> Any:
    """The data model in its JSON form as values: `$link` and `$bytes` objects become what they stand for."""
    match value:
        case {"$link": str(text)}:
            return Cid(base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8)))
        case {"$bytes": str(text)}:
            return base64.b64decode(text + "=" * (-len(text) % 4))
        case dict():
            return {key: from_json(item) for key, item in value.items()}
        case list():
            return [from_json(item) for item in value]
    return value


def test_the_interop_fixtures_encode_to_their_bytes_and_to_their_cid() -> None:
    for case in load_vectors("atproto/data-model/data-model-fixtures.json"):
        value = from_json(case["json"])
        expected = base64.b64decode(case["cbor_base64"] + "==")
        assert encode_dagcbor(value) == expected
        assert decode_dagcbor(expected) == value
        assert from_json({"$link": case["cid"]}) == Cid(
            b"\x01\x71\x12\x20" + hashlib.sha256(expected).digest()
        )


def test_the_interop_data_that_is_valid_survives_the_way_there_and_back() -> None:
    for case in load_vectors("atproto/data-model/data-model-valid.json"):
        assert decode_dagcbor(encode_dagcbor(case["json"])) == case["json"]


def test_the_one_invalid_interop_case_that_is_about_cbor_is_refused() -> None:
    """The others are about `$type`, blobs and JSON forms, which this codec does not know."""
    cases = {
        case["note"]: case["json"] for case in load_vectors("atproto/data-model/data-model-invalid.json")
    }
    bogus = cases["link with bogus CID"]["lnk"]["$link"]
    with pytest.raises(InvalidDagCbor):
        Cid(bogus.encode())
    with pytest.raises(InvalidDagCbor):
        decode_dagcbor(b"\xd8\x2a\x42\x00.")


@given(VALUES)
def test_decoding_what_was_encoded_gives_it_back(value: Any) -> None:
    decoded = decode_dagcbor(encode_dagcbor(value))
    assert decoded == value
    assert encode_dagcbor(decoded) == encode_dagcbor(value)


@given(st.binary(max_size=80))
def test_any_bytes_decode_to_a_value_with_exactly_this_encoding_or_raise_the_one_error(data: bytes) -> None:
    try:
        value = decode_dagcbor(data)
    except InvalidDagCbor:
        return
    assert encode_dagcbor(value) == data


@given(VALUES, st.data())
def test_one_changed_byte_never_gives_a_second_encoding_of_the_same_value(
    value: Any, data: st.DataObject
) -> None:
    good = encode_dagcbor(value)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    try:
        other = decode_dagcbor(bad)
    except InvalidDagCbor:
        return
    assert (encode_dagcbor(other) == good) == (bad == good)


def without_links(value: Any) -> Any:
    match value:
        case Cid():
            return cbor2.CBORTag(42, b"\x00" + value.raw)
        case dict():
            return {key: without_links(item) for key, item in value.items()}
        case list():
            return [without_links(item) for item in value]
    return value


def with_links(value: Any) -> Any:
    match value:
        case cbor2.CBORTag(tag=42):
            return Cid(value.value[1:])
        case dict():
            return {key: with_links(item) for key, item in value.items()}
        case list() | tuple():
            return [with_links(item) for item in value]
    return value


@given(VALUES)
def test_cbor2_reads_our_bytes_as_the_same_value_and_writes_the_same_bytes(value: Any) -> None:
    ours = encode_dagcbor(value)
    assert with_links(cbor2.loads(ours)) == value
    # its canonical form sorts by the length of the encoded key first, as DAG-CBOR does
    assert cbor2.dumps(without_links(value), canonical=True) == ours


@given(st.binary(max_size=40))
def test_what_we_accept_cbor2_accepts_with_the_same_meaning(data: bytes) -> None:
    try:
        value = decode_dagcbor(data)
    except InvalidDagCbor:
        return
    assert with_links(cbor2.loads(data)) == value


@pytest.mark.parametrize(
    ("reason", "data"),
    {
        "empty": "",
        "a number not in its shortest form": "1817",
        "the same in 16 bits": "1900ff",
        "the same in 32 bits": "1a0000ffff",
        "the same in 64 bits": "1b00000000ffffffff",
        "a length not in its shortest form": "580161",
        "a text length not in its shortest form": "780161",
        "a key length not in its shortest form": "a178016101",
        "cut short": "4261",
        "a head cut short": "19ff",
        "bytes too many": "0000",
        "an indefinite list": "9f00ff",
        "indefinite bytes": "5f4161ff",
        "an indefinite map": "bfff",
        "a break alone": "ff",
        "undefined": "f7",
        "an unassigned simple value": "f0",
        "a simple value in two bytes": "f820",
        "half a float": "f93e00",
        "a float": "fa3f800000",
        "a double": "fb3ff0000000000000",
        "a reserved length": "1c",
        "a map key that is a number": "a10101",
        "a map key that is bytes": "a1416101",
        "a key twice": "a2616101616102",
        "keys out of order": "a2616201616102",
        "a longer key first": "a262616101616202",
        "a map cut before its key": "a1",
        "text that is not UTF-8": "61ff",
        "a surrogate": "63eda080",
        "a tag that is not 42": "c074323031332d30332d32315432303a30343a30305a",
        "a CID that is text": "d82a6161",
        "a CID without its prefix": "d82a450171120000",
        "a CID of version 2": "d82a45000271 1200",
        "a CID whose digest is short": "d82a4600017112 0100"[:-2],
        "a CID of nothing": "d82a4100",
        "the tag in a long form": "d9002a4100",
        "a list that promises 2^64 items": "9bffffffffffffffff",
        "a map that promises 2^64 items": "bbffffffffffffffff",
        "a text that promises 2^63 bytes": "7b7fffffffffffffff",
    }.items(),
)
def test_refuses(reason: str, data: str) -> None:
    with pytest.raises(InvalidDagCbor):
        decode_dagcbor(bytes.fromhex(data))


def test_a_value_without_an_encoding_is_refused_however_deep() -> None:
    for value in (
        1.0,
        math.nan,
        2**64,
        -(2**64) - 1,
        "\ud800",
        {"\udfff": 1},
        {1: 2},
        object(),
        {1, 2},
        bytearray(),
    ):
        for wrapped in (value, [value], {"a": {"b": [value]}}):
            with pytest.raises(InvalidDagCbor):
                encode_dagcbor(wrapped)


def test_the_depth_has_a_limit_both_ways_and_the_limit_itself_is_fine() -> None:
    deepest: Any = 1
    for _ in range(MAX_DEPTH):
        deepest = [deepest]
    assert decode_dagcbor(encode_dagcbor(deepest)) == deepest
    with pytest.raises(InvalidDagCbor, match="nested"):
        encode_dagcbor({"a": deepest})
    with pytest.raises(InvalidDagCbor, match="nested"):
        decode_dagcbor(b"\x81" * (MAX_DEPTH + 1) + b"\x01")
    with pytest.raises(InvalidDagCbor):
        decode_dagcbor(b"\x81" * 1_000_000)


def test_a_value_that_holds_itself_is_refused_not_followed_for_ever() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidDagCbor):
        encode_dagcbor(loop)


def test_both_versions_of_a_cid_are_read() -> None:
    for raw in (b"\x12\x20" + bytes(32), b"\x01\x55\x12\x20" + bytes(32), b"\x01\x71\x1e\x20" + bytes(32)):
        assert decode_dagcbor(encode_dagcbor([Cid(raw)])) == [Cid(raw)]
    for raw in (b"", b"\x01", b"\x01\x71\x12\x21" + bytes(32), b"\x01\xf1\x00\x12\x00", b"\xff" * 20):
        with pytest.raises(InvalidDagCbor):
            Cid(raw)


@given(VALUES, VALUES)
def test_values_in_a_row_are_read_one_after_the_other(first: Any, second: Any) -> None:
    data = encode_dagcbor(first) + encode_dagcbor(second)
    value, end = decode_dagcbor_prefix(data, 0)
    assert (value, end) == (first, len(encode_dagcbor(first)))
    assert decode_dagcbor_prefix(data, end) == (second, len(data))


@given(st.dictionaries(st.text(max_size=8), SCALARS, max_size=30), st.text(max_size=8), SCALARS)
def test_a_spliced_map_is_the_map_with_the_key(payload: dict[str, Any], hole: str, value: Any) -> None:
    if hole in payload:
        with pytest.raises(InvalidDagCbor):
            splice_dagcbor(payload, hole)
        return
    before, after = splice_dagcbor(payload, hole)
    assert before + encode_dagcbor(value) + after == encode_dagcbor({**payload, hole: value})


@given(st.floats())
def test_no_float_enters_or_leaves(number: float) -> None:
    with pytest.raises(InvalidDagCbor):
        decode_dagcbor(b"\xfb" + struct.pack(">d", number))
