"""The session machine, move by move: what each frame leads to in each state, in both formats."""

import json
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from protocol import (
    TRANSITIONS,
    Action,
    Close,
    CloseReason,
    CursorDue,
    DeviceId,
    Emit,
    EncodedEvent,
    Entry,
    EntryKind,
    Granted,
    MsgId,
    Rejected,
    Resume,
    Sent,
    Session,
    SessionLimits,
    SessionMisuse,
    SessionState,
    Submit,
    Violation,
    decode_dagcbor,
)
from protocol.testing import as_cbor, as_json
from protocol.testing._session_machine import DEVICE, Encode, Frame, send_frame
from schema import ERRORS
from tests.protocol.worlds import CONVO, ciphertext

LIMITS = SessionLimits(max_in_flight=2, max_frame_bytes=4096, max_credit=10)


both = pytest.mark.parametrize("encode", [as_json, as_cbor])


def read(frame: bytes) -> dict[str, object]:
    """A server's frame as data, whichever format it is in."""
    value: object = json.loads(frame) if frame.startswith(b"{") else decode_dagcbor(frame)
    assert isinstance(value, dict)
    return value


def emitted(actions: Sequence[Action]) -> list[dict[str, object]]:
    return [read(action.frame) for action in actions if isinstance(action, Emit)]


def open_session(encode: Encode = as_json, *, credit: int = 3, limits: SessionLimits = LIMITS) -> Session:
    session = Session(limits, now=100.0)
    session.receive(encode({"type": "hello", "credit": credit}), now=100.0)
    session.welcome(DEVICE, "start", now=100.0)
    return session


def event(seq: int = 2) -> EncodedEvent:
    return EncodedEvent(
        Entry(CONVO, seq, EntryKind.MESSAGE, 0, MsgId(f"m{seq}"), b"x", b"", 1, 1_000_000, seq)
    )


@both
def test_a_session_from_hello_to_close(encode: Encode) -> None:
    """The example to read first: each frame, each answer, in the order of a real conversation."""
    session = Session(LIMITS, now=100.0)
    seen = [{"convoId": CONVO, "seq": 4}, {"convoId": CONVO, "seq": 2}]  # of two marks the higher counts
    hello = {"type": "hello", "deviceId": DEVICE, "credit": 2, "seen": seen}
    assert session.receive(encode(hello), now=100.5) == [Resume(DEVICE, None, {CONVO: 4})]

    assert emitted(session.welcome(DEVICE, "c-start", now=100.6)) == [
        {
            "type": "welcome",
            "deviceId": DEVICE,
            "cursor": "c-start",
            "heartbeat": 30,
            "maxInFlight": 2,
            "maxFrameBytes": 4096,
        }
    ]
    assert session.binary is (encode is as_cbor)

    assert session.receive(encode(send_frame(7, "m")), now=101.0) == [
        Submit(7, CONVO, MsgId("m"), 0, ciphertext())
    ]
    ack = session.acked(7, Sent(MsgId("m"), seq=5, epoch=0, received=1_000_000))
    assert emitted(ack) == [
        {
            "type": "ack",
            "id": 7,
            "messageId": "m",
            "seq": 5,
            "epoch": 0,
            "receivedAt": "1970-01-12T13:46:40Z",
        }
    ]

    assert [frame["type"] for frame in emitted(session.offer([event(5), event(6)]))] == ["event", "event"]
    assert session.credit == 0
    assert session.receive(encode({"type": "credit", "n": 4}), now=102.0) == [Granted(4)]

    assert session.riding_cursor(now=102.0) == [CursorDue()]
    assert emitted(session.cursor_at("c-6", now=102.0)) == [{"type": "cursor", "cursor": "c-6"}]

    last = session.close(CloseReason.DRAINING, "Restarting.", cursor="c-6", reconnect_after=1.2)
    assert emitted(last) == [
        {"type": "cursor", "cursor": "c-6"},
        {"type": "close", "reason": "ServerDraining", "message": "Restarting.", "reconnectAfter": 2},
    ]
    assert last[-1] == Close(1012, "ServerDraining")
    assert session.state is SessionState.CLOSED


def test_the_table_covers_every_frame_in_every_state_that_reads() -> None:
    reading = {SessionState.EXPECTING, SessionState.OPEN}
    assert set(TRANSITIONS) == reading
    frames = {frozenset(row) for row in TRANSITIONS.values()}
    assert len(frames) == 1
    assert len(next(iter(frames))) == 5


def test_every_violation_and_close_reason_has_a_name_a_code_and_an_error_of_the_catalogue() -> None:
    for violation in Violation:
        assert violation.error in ERRORS
        assert violation.code in (1003, 1008, 1009)
        assert len(violation.reason) <= 123  # RFC 6455 section 5.5: a control frame has at most 125 bytes
        assert violation.message
    for reason in CloseReason:
        assert reason.reason in ERRORS or reason is CloseReason.DRAINING
        assert reason.code in (1008, 1011, 1012, 1013)
    assert len({v.reason for v in Violation}) == len(Violation)


# -- violations ------------------------------------------------------------------------------------------


def assert_violates(session: Session, frame: Frame, violation: Violation) -> str:
    """One error frame with a catalogued name, one close, and silence afterwards; returns the message."""
    actions = session.receive(frame, now=101.0)
    (error,) = emitted(actions)
    assert error["type"] == "error"
    assert error["error"] == violation.error
    assert "id" not in error
    assert actions[-1] == Close(violation.code, violation.reason)
    assert session.state is SessionState.CLOSED
    assert session.receive(frame, now=102.0) == []
    assert session.deadline() is None
    return str(error["message"])


@both
@pytest.mark.parametrize(
    "frame", [send_frame(), {"type": "credit", "n": 1}, {"type": "ping"}], ids=lambda f: f["type"]
)
def test_the_first_frame_is_hello(encode: Encode, frame: dict[str, object]) -> None:
    assert_violates(Session(LIMITS, 100.0), encode(frame), Violation.HELLO_EXPECTED)


@both
def test_a_second_hello_is_a_violation(encode: Encode) -> None:
    assert_violates(open_session(encode), encode({"type": "hello", "credit": 1}), Violation.HELLO_REPEATED)


@both
def test_a_format_is_kept(encode: Encode) -> None:
    other = as_cbor if encode is as_json else as_json
    assert_violates(open_session(encode), other({"type": "ping"}), Violation.FORMAT_CHANGED)


@both
def test_a_frame_has_a_largest_size(encode: Encode) -> None:
    frame = encode(send_frame(ciphertext=bytes(4096)))
    assert_violates(open_session(encode), frame, Violation.FRAME_TOO_LARGE)


@both
def test_sends_under_way_are_bounded(encode: Encode) -> None:
    session = open_session(encode)
    for request in (1, 2):
        assert session.receive(encode(send_frame(request, f"m{request}")), now=100.0)
    assert session.in_flight == 2
    assert_violates(session, encode(send_frame(3, "m3")), Violation.TOO_MANY_IN_FLIGHT)


@both
def test_an_id_is_used_again_only_after_its_answer(encode: Encode) -> None:
    session = open_session(encode)
    session.receive(encode(send_frame(1, "a")), now=100.0)
    session.refused(1, Rejected("NotMember", "gone"))
    session.receive(encode(send_frame(1, "b")), now=100.0)
    assert_violates(session, encode(send_frame(1, "c")), Violation.ID_IN_USE)


@both
def test_a_malformed_send_with_an_id_under_way_cannot_be_answered_by_id(encode: Encode) -> None:
    session = open_session(encode)
    session.receive(encode(send_frame(1, "a")), now=100.0)
    assert_violates(session, encode(send_frame(1, "not an id")), Violation.ID_IN_USE)


@both
def test_credit_has_a_largest_sum(encode: Encode) -> None:
    assert_violates(
        Session(LIMITS, 100.0), encode({"type": "hello", "credit": 11}), Violation.CREDIT_EXCEEDED
    )
    session = open_session(encode, credit=5)
    assert session.receive(encode({"type": "credit", "n": 5}), now=100.0) == [Granted(10)]
    assert_violates(session, encode({"type": "credit", "n": 1}), Violation.CREDIT_EXCEEDED)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        "null",
        '{"type": 1}',
        '{"type":"hello"}',
        '{"type":"hello","credit":0}',
        '{"type":"hello","credit":10001}',
        '{"type":"hello","credit":1,"extra":1}',
        '{"type":"hello","credit":1,"deviceId":"not-a-device"}',
        '{"type":"hello","credit":1,"seen":[{"convoId":"x","seq":1}]}',
        '{"type":"hello","credit":true}',
        '{"type":"hello","credit":1,"cursor":null}',
        "[" * 50_000,
        '{"a":' * 50_000,
        "\ud800",
        b"",
        b"\xff",
        b"\xa0",
        b"\xa1dtypedping\x00",
        as_cbor({"type": 7}),
        as_cbor({"type": "credit"}),
        as_cbor({"type": "credit", "n": "1"}),
        b"\x81" * 50_000,
    ],
    ids=lambda frame: repr(frame[:40]),
)
def test_a_frame_that_is_none_ends_the_session_with_a_sentence(frame: Frame) -> None:
    roomy = replace(LIMITS, max_frame_bytes=1 << 20)
    assert assert_violates(Session(roomy, 100.0), frame, Violation.INVALID_FRAME)
    if not (isinstance(frame, str) and '"hello"' in frame):
        opened = open_session(as_json if isinstance(frame, str) else as_cbor, limits=roomy)
        assert assert_violates(opened, frame, Violation.INVALID_FRAME)


# -- what is forgiven ------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "changes",
    [
        {"convoId": "nowhere"},
        {"msgId": ""},
        {"msgId": "with space"},
        {"ciphertext": "not bytes"},
        {"ciphertext": 7},
        {"epoch": -1},
        {"epoch": 2**53},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_malformed_send_is_answered_by_its_id_and_the_session_stays(
    encode: Encode, changes: dict[str, object]
) -> None:
    session = open_session(encode)
    (error,) = emitted(session.receive(encode(send_frame(5) | changes), now=101.0))
    assert (error["type"], error["id"], error["error"]) == ("error", 5, "InvalidRequest")
    assert session.state is SessionState.OPEN
    assert session.in_flight == 0


@pytest.mark.parametrize("request_id", ["x", -1, 2**53, 2**70, 1.5, True, None])
def test_a_malformed_send_without_a_usable_id_ends_the_session(request_id: object) -> None:
    frame = send_frame(id=request_id, msgId="with space")
    assert_violates(open_session(), as_json(frame), Violation.INVALID_FRAME)


def test_base64_is_read_with_and_without_padding() -> None:
    for text in ("AAE=", "AAE"):
        frame = send_frame(ciphertext={"$bytes": text})
        (submit,) = open_session().receive(as_json(frame), now=101.0)
        assert isinstance(submit, Submit)
        assert submit.body == b"\x00\x01"


@both
@pytest.mark.parametrize("kind", ["typing", "presence", "receipt", "subscribe"])
def test_a_frame_that_is_not_built_yet_is_refused_by_name_and_the_session_stays(
    encode: Encode, kind: str
) -> None:
    session = open_session(encode)
    (error,) = emitted(session.receive(encode({"type": kind, "convoId": CONVO, "id": 3}), now=101.0))
    assert (error["type"], error["error"], error["id"]) == ("error", "MethodNotImplemented", 3)
    (error,) = emitted(session.receive(encode({"type": kind}), now=101.0))
    assert "id" not in error
    assert session.state is SessionState.OPEN


@both
def test_a_ping_gets_a_pong_with_its_id(encode: Encode) -> None:
    session = open_session(encode)
    assert emitted(session.receive(encode({"type": "ping", "id": 9}), now=101.0)) == [
        {"type": "pong", "id": 9}
    ]
    assert emitted(session.receive(encode({"type": "ping"}), now=101.0)) == [{"type": "pong"}]


# -- the owner's side ------------------------------------------------------------------------------------


@both
def test_a_refusal_carries_what_a_client_needs_to_go_on(encode: Encode) -> None:
    session = open_session(encode)
    session.receive(encode(send_frame(1)), now=100.0)
    session.receive(encode(send_frame(2, "n")), now=100.0)
    assert emitted(session.refused(1, Rejected("EpochMismatch", "The current epoch is 4.", epoch=4))) == [
        {"type": "error", "id": 1, "error": "EpochMismatch", "message": "The current epoch is 4.", "epoch": 4}
    ]
    assert emitted(session.refused(2, Rejected("NotEnoughResources", "Later.", retry_after=0.3))) == [
        {"type": "error", "id": 2, "error": "NotEnoughResources", "message": "Later.", "retryAfter": 1}
    ]


def test_a_hello_that_is_turned_away_hears_why() -> None:
    session = Session(LIMITS, 100.0)
    session.receive(as_json({"type": "hello", "credit": 1, "cursor": "c"}), now=100.0)
    actions = session.turn_away(Rejected("FutureCursor", "Of another log."))
    assert emitted(actions) == [{"type": "error", "error": "FutureCursor", "message": "Of another log."}]
    assert actions[-1] == Close(1008, "FutureCursor")
    assert session.state is SessionState.CLOSED


def test_nothing_is_read_between_hello_and_welcome() -> None:
    session = Session(LIMITS, 100.0)
    session.receive(as_json({"type": "hello", "credit": 1}), now=100.0)
    assert session.deadline() is None
    assert session.credit == 0
    with pytest.raises(SessionMisuse):
        session.receive(as_json({"type": "ping"}), now=100.0)


def test_the_owner_is_told_when_it_misuses_a_session() -> None:
    fresh = Session(LIMITS, 100.0)
    calls: list[Callable[[], object]] = [
        lambda: fresh.welcome(DEVICE, "c", 100.0),
        lambda: fresh.turn_away(Rejected("Forbidden", "no")),
        lambda: fresh.offer([]),
        lambda: fresh.cursor_at("c", 100.0),
        lambda: fresh.acked(1, Sent(MsgId("m"), 2, 0, 0)),
        lambda: open_session().refused(1, Rejected("NotMember", "")),
        lambda: open_session(credit=1).offer([event(2), event(3)]),
    ]
    for call in calls:
        with pytest.raises(SessionMisuse):
            call()


def test_events_are_the_same_bytes_for_every_session_of_a_format() -> None:
    shared = event()
    (one,) = open_session().offer([shared])
    (two,) = open_session().offer([shared])
    assert isinstance(one, Emit)
    assert isinstance(two, Emit)
    assert one.frame is two.frame


def test_answers_and_events_that_come_after_the_end_are_dropped() -> None:
    session = open_session()
    session.receive(as_json(send_frame(1)), now=100.0)
    session.disconnected()
    session.disconnected()
    assert session.acked(1, Sent(MsgId("m"), 2, 0, 0)) == []
    assert session.offer([event()]) == []
    assert session.cursor_at("c", 101.0) == []
    assert session.close(CloseReason.FAILED, "late") == []
    assert session.tick(1e9) == []
    assert session.credit == 0
    assert repr(session) == "<Session closed credit=3 in_flight=0>"


def test_a_session_that_has_not_begun_closes_in_json_without_a_cursor() -> None:
    session = Session(LIMITS, 100.0)
    actions = session.close(CloseReason.OVERLOADED, "Full.", cursor="c")
    assert emitted(actions) == [{"type": "close", "reason": "NotEnoughResources", "message": "Full."}]
    assert not session.binary


# -- time ------------------------------------------------------------------------------------------------


def test_a_client_that_says_nothing_is_given_up_at_the_deadline_and_not_before() -> None:
    session = Session(LIMITS, 100.0)
    assert session.deadline() == 110.0
    assert session.tick(109.9) == []
    actions = session.tick(110.0)
    assert emitted(actions)[0]["error"] == "RequestTimeout"
    assert actions[-1] == Close(1008, "HelloTimeout")


def test_a_client_that_falls_silent_is_given_up_after_two_heartbeats() -> None:
    session = open_session()
    assert session.deadline() == 160.0
    session.receive(as_json({"type": "ping"}), now=130.0)
    assert session.deadline() == 190.0
    assert session.tick(189.9) == []
    assert session.tick(190.0)[-1] == Close(1008, "IdleTimeout")


def test_a_cursor_is_due_once_an_interval_while_events_flow_and_never_without_them() -> None:
    session = open_session()
    assert session.offer([]) == []
    assert session.deadline() == 160.0
    session.offer([event(2)])
    assert session.deadline() == 102.0
    assert session.tick(101.9) == []
    assert session.tick(102.5) == [CursorDue()]
    assert session.tick(102.6) == []
    session.cursor_at("c-2", 102.6)
    assert session.deadline() == 160.0
    session.offer([event(3)])
    assert session.deadline() == 104.6


def test_a_cursor_rides_with_events_that_leave_after_an_interval() -> None:
    session = open_session()
    assert session.riding_cursor(150.0) == []  # nothing moved, nothing to tell
    session.offer([event(2)])
    assert session.riding_cursor(100.9) == []
    assert session.riding_cursor(101.0) == [CursorDue()]
    assert session.riding_cursor(101.9) == []  # asked once an interval
    session.disconnected()
    assert session.riding_cursor(200.0) == []


def test_a_device_is_known_once_welcomed() -> None:
    assert Session(LIMITS, 100.0).device is None
    assert open_session().device == DeviceId(DEVICE)
