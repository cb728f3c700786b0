"""What holds of every session, whatever a client sends in whatever order and at whatever time.

The machine is the public kit's (`protocol/testing/_session_machine.py`), let loose on `Session`; beside it
two laws that need no owner.
"""

from hypothesis import given
from hypothesis import strategies as st

from protocol import Action, Close, Emit, Session, SessionState, Violation
from protocol.testing import SESSION_LIMITS as LIMITS
from protocol.testing import SessionMachine, as_cbor, as_json, strategies
from protocol.testing._session_machine import DEVICE, ODD, SENSIBLE, Encode, Frame, server_frame
from schema.wire.rookery import (
    SessionAck,
    SessionClose,
    SessionCursor,
    SessionError,
    SessionEvent,
    SessionPong,
)

ENCODERS: tuple[Encode, Encode] = (as_json, as_cbor)
formats = st.sampled_from(ENCODERS)
junk = strategies.junk_frames()

TestSessionMachine = SessionMachine.TestCase


@given(st.lists(junk | st.sampled_from(SENSIBLE).flatmap(lambda v: formats.map(lambda e: e(v))), max_size=12))
def test_the_first_wrong_frame_is_answered_once_and_nothing_after_it(frames: list[Frame]) -> None:
    session = Session(LIMITS, 0.0)
    closed_by: list[Close] = []
    for frame in frames:
        actions = session.receive(frame, 1.0)
        assert not (actions and closed_by)
        closed_by += [action for action in actions if isinstance(action, Close)]
        if session.state is SessionState.RESUMING:
            session.welcome(DEVICE, "c", 1.0)
    assert len(closed_by) == (session.state is SessionState.CLOSED)
    for close in closed_by:
        assert close.reason in {violation.reason for violation in Violation}


@given(st.lists(st.sampled_from(SENSIBLE + ODD), max_size=12))
def test_both_formats_lead_to_the_same_actions(values: list[object]) -> None:
    """Frames aside: what is asked of the owner does not depend on how the client spells."""
    histories = []
    for encode in (as_json, as_cbor):
        session = Session(LIMITS, 0.0)
        history: list[object] = []
        for value in values:
            actions = session.receive(encode(value), 1.0)
            history += [_meaning(action, binary=session.binary) for action in actions]
            if session.state is SessionState.RESUMING:
                session.welcome(DEVICE, "c", 1.0)
        histories.append(history)
    assert histories[0] == histories[1]


def _meaning(action: Action, *, binary: bool) -> object:
    if not isinstance(action, Emit):
        return action
    frame = server_frame(action.frame, binary=binary)
    if isinstance(frame, SessionError):
        return (frame.error, frame.id)  # its sentence may name the format
    assert isinstance(frame, SessionAck | SessionClose | SessionCursor | SessionEvent | SessionPong)
    return frame
