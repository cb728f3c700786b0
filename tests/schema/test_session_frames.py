"""The frames of `rookery.v1` as the lexicon has them, in JSON and in DAG-CBOR data."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import schema
from schema import wire
from schema.testing import breakages, from_lexicon, meddled
from schema.wire import rookery

SESSION = "chat.rookery.session"
CLIENT = ["hello", "send", "credit", "ping"]
SERVER = ["welcome", "ack", "error", "event", "cursor", "pong", "close"]


def test_a_send_is_told_from_a_hello_by_its_type() -> None:
    hello = wire.decode_client_frame('{"type":"hello","credit":10,"seen":[{"convoId":"c","seq":3}]}')
    assert hello == rookery.SessionHello(credit=10, seen=(rookery.SessionSeenMark(convo_id="c", seq=3),))
    send = wire.decode_client_frame(
        '{"type":"send","id":1,"convoId":"c","msgId":"m","ciphertext":{"$bytes":"AA"}}'
    )
    assert isinstance(send, rookery.SessionSend)
    assert (send.ciphertext, send.epoch) == (b"\x00", 0)


@pytest.mark.parametrize("frame", ['{"type":"typing"}', "{}", '{"type":1}', "[]", '{"type":"welcome"}', ""])
def test_a_frame_of_no_known_type_is_refused(frame: str) -> None:
    with pytest.raises(wire.InvalidWire):
        wire.decode_client_frame(frame)


def _accepts(name: str, data: Any, *, strict: bool) -> bool:
    try:
        schema.VALIDATOR.definition(f"#{name}", data, base=SESSION, strict=strict)
    except schema.InvalidData:
        return False
    return True


def _frame(name: str) -> st.SearchStrategy[Any]:
    return from_lexicon(schema.lexicon(SESSION).definition(name), SESSION)


@given(st.sampled_from(CLIENT).flatmap(lambda n: st.tuples(st.just(n), meddled(_frame(n)))))
def test_the_client_frames_the_lexicon_accepts_are_those_that_are_decoded(case: tuple[str, Any]) -> None:
    name, data = case
    try:
        frame = wire.decode_client_frame(json.dumps(data))
        tag = frame.__struct_config__.tag
    except wire.InvalidWire:
        tag = None
    assert (tag == name) == _accepts(name, data, strict=True)


@given(st.sampled_from(SERVER).flatmap(lambda n: st.tuples(st.just(n), _frame(n))))
def test_a_server_frame_comes_back_as_it_was_in_both_forms(case: tuple[str, Any]) -> None:
    _, data = case
    frame = wire.decode_server_frame(json.dumps(data))
    assert wire.decode_server_frame(wire.encode(frame)) == frame
    assert (
        wire.convert_server_frame(msgspec.to_builtins(frame, builtin_types=(bytes,), enc_hook=bytes)) == frame
    )


@given(st.sampled_from(CLIENT).flatmap(lambda n: st.tuples(st.just(n), _frame(n))), st.data())
def test_a_client_frame_broken_by_one_rule_is_refused(case: tuple[str, Any], data: st.DataObject) -> None:
    name, valid = case
    ways = list(breakages(schema.lexicon(SESSION).definition(name), valid, SESSION, strict=True))
    rule, broken = data.draw(st.sampled_from(ways))
    assert not _accepts(name, broken, strict=True), rule
    with pytest.raises(wire.InvalidWire):
        wire.decode_client_frame(json.dumps(broken))


def test_the_same_frame_comes_as_data_with_bytes_as_bytes_and_not_as_base64() -> None:
    frame: dict[str, Any] = {"type": "send", "id": 1, "convoId": "c", "msgId": "m", "ciphertext": b"\x00"}
    assert isinstance(wire.convert_client_frame(frame), rookery.SessionSend)
    with pytest.raises(wire.InvalidWire):
        wire.convert_client_frame({**frame, "ciphertext": {"$bytes": "AA"}})
