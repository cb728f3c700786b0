"""Cursors: every value has one encoding, and every other text of bytes is refused by one error."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import Cursor, DeviceId, InvalidCursor, decode_cursor, encode_cursor

device_ids = st.uuids(version=4).map(lambda u: DeviceId(str(u)))
cursors = st.builds(Cursor, st.binary(min_size=8, max_size=8), device_ids, st.integers(0, 2**63 - 1))
GOOD = Cursor(b"logid-08", DeviceId("00000000-0000-4000-8000-000000000001"), 7)


def test_a_cursor_is_33_bytes_version_log_device_position() -> None:
    raw = encode_cursor(GOOD)
    assert raw == b"\x01" + b"logid-08" + uuid.UUID(GOOD.device).bytes + bytes(7) + b"\x07"


@given(cursors)
def test_a_cursor_survives_its_encoding(cursor: Cursor) -> None:
    assert decode_cursor(encode_cursor(cursor)) == cursor


@given(st.binary(max_size=40) | st.binary(min_size=33, max_size=33).map(lambda raw: b"\x01" + raw[1:]))
def test_any_bytes_are_a_cursor_with_one_encoding_or_invalid(raw: bytes) -> None:
    try:
        cursor = decode_cursor(raw)
    except InvalidCursor:
        return
    assert encode_cursor(cursor) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        encode_cursor(GOOD)[:-1],
        encode_cursor(GOOD) + b"\0",
        b"\x02" + encode_cursor(GOOD)[1:],
        encode_cursor(GOOD)[:25] + b"\x80" + bytes(7),
        encode_cursor(GOOD)[:9] + bytes(16) + bytes(8),
    ],
    ids=["empty", "short", "long", "version", "position", "device"],
)
def test_a_cursor_of_another_make_is_invalid(raw: bytes) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(raw)


@pytest.mark.parametrize(("log_id", "position"), [(b"short", 1), (b"logid-08", -1), (b"logid-08", 2**63)])
def test_a_value_no_log_could_hold_is_not_encoded(log_id: bytes, position: int) -> None:
    with pytest.raises(InvalidCursor):
        encode_cursor(Cursor(log_id, GOOD.device, position))


@given(cursors, st.integers(0, 2**63 - 1))
def test_cursors_of_one_device_and_log_are_ordered_as_their_positions(cursor: Cursor, position: int) -> None:
    other = Cursor(cursor.log_id, cursor.device, position)
    assert (encode_cursor(cursor) < encode_cursor(other)) is (cursor.position < position)
