"""AT Protocol event-stream frames: an example, the splice law, and what a receiver does with strangers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol._atframes import (
    AtError,
    AtMessage,
    AtUnknown,
    decode_frame,
    error_frame,
    info_frame,
    message_frame,
    message_template,
)
from protocol._dagcbor import InvalidDagCbor, encode_dagcbor

FIELDS = st.dictionaries(
    st.text(max_size=9), st.integers(-9, 9) | st.text(max_size=9) | st.binary(max_size=9)
)
NAMES = st.text(min_size=1, max_size=20).map("#".__add__)


def test_one_payload_is_encoded_once_and_sent_to_two_devices_with_their_own_cursors() -> None:
    payload: dict[str, Any] = {"did": "did:web:a.example", "seq": 7, "action": "left", "convoId": "c"}
    shared = message_template("#membershipChangeEvent", payload)
    for cursor in ("cursor-of-the-phone", "cursor-of-the-laptop"):
        frame = shared.fill(cursor)
        assert frame == message_frame("#membershipChangeEvent", {**payload, "cursor": cursor})
        assert decode_frame(frame) == AtMessage("#membershipChangeEvent", {**payload, "cursor": cursor})


@given(NAMES, FIELDS, st.text(max_size=9), st.text(max_size=300))
def test_a_filled_template_is_the_frame_made_in_one_piece(
    t: str, payload: dict[str, Any], hole: str, text: str
) -> None:
    payload.pop(hole, None)
    assert message_template(t, payload, hole).fill(text) == message_frame(t, {**payload, hole: text})


def test_a_template_does_not_hide_a_field_that_is_there_already() -> None:
    with pytest.raises(InvalidDagCbor):
        message_template("#messageEvent", {"cursor": "a"})


@given(NAMES, FIELDS)
def test_a_message_frame_is_read_as_it_was_written(t: str, payload: dict[str, Any]) -> None:
    assert decode_frame(message_frame(t, payload)) == AtMessage(t, payload)


def test_an_error_frame_carries_its_name_and_perhaps_a_sentence() -> None:
    assert decode_frame(error_frame("FutureCursor", "too far")) == AtError("FutureCursor", "too far")
    assert decode_frame(error_frame("ConsumerTooSlow")) == AtError("ConsumerTooSlow", None)
    assert error_frame("X") == encode_dagcbor({"op": -1}) + encode_dagcbor({"error": "X"})


def test_an_info_frame_is_a_message_named_info() -> None:
    assert decode_frame(info_frame("OutdatedCursor")) == AtMessage("#info", {"name": "OutdatedCursor"})
    assert decode_frame(info_frame("OutdatedCursor", "oldest is 5")) == AtMessage(
        "#info", {"name": "OutdatedCursor", "message": "oldest is 5"}
    )


def test_a_frame_of_an_unknown_kind_is_told_apart_from_a_broken_one() -> None:
    assert decode_frame(encode_dagcbor({"op": 2}) + encode_dagcbor({})) == AtUnknown(2)


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({"op": 1}, {}),
        ({"op": 1, "t": ""}, {}),
        ({"op": 1, "t": 5}, {}),
        ({"op": True, "t": "#a"}, {}),
        ({"op": "1", "t": "#a"}, {}),
        ({}, {}),
        ({"op": -1}, {}),
        ({"op": -1}, {"error": 1}),
        ({"op": -1}, {"error": "A", "message": 1}),
        ([], {}),
        ({"op": 1, "t": "#a"}, []),
    ],
)
def test_a_malformed_frame_is_refused(header: object, payload: object) -> None:
    with pytest.raises(InvalidDagCbor):
        decode_frame(encode_dagcbor(header) + encode_dagcbor(payload))


def test_a_frame_ends_where_its_payload_ends() -> None:
    with pytest.raises(InvalidDagCbor):
        decode_frame(message_frame("#a", {}) + b"\x00")
    with pytest.raises(InvalidDagCbor):
        decode_frame(encode_dagcbor({"op": 1, "t": "#a"}))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_frame_or_the_one_error(data: bytes) -> None:
    try:
        decode_frame(data)
    except InvalidDagCbor:
        pass
