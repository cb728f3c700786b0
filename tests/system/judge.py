"""What must be true after a run, whoever was killed in it: compares the crowd with the database."""

import datetime as dt
from collections.abc import Sequence

from protocol import ConversationId
from protocol.testing import Acknowledged as Promise
from protocol.testing import Heard, check_acknowledged, check_heard
from tests.system.checker import Checked
from tests.system.crowd import Acknowledged, Crowd, Listener, say
from tests.system.people import eventually


def seconds_of(text: str) -> int:
    """Unix seconds of a time on the wire."""
    return int(dt.datetime.fromisoformat(text).timestamp())


def no_promise_is_broken(acknowledged: Sequence[Acknowledged], log: Checked) -> None:
    """Every acknowledged message is in the log, once, where and when and as what the answer said."""
    check_acknowledged(
        log.history,
        [
            Promise(each.convo, each.msg_id, each.seq, seconds_of(each.received_at), each.body)
            for each in acknowledged
        ],
    )


async def everybody_hears(crowd: Crowd, log: Checked) -> None:
    """Wait until each device has as many events as are its part."""
    for listener in crowd.listeners:
        due = len(log.part_of(listener.device))
        await eventually(
            lambda listener=listener, due=due: len(listener.places) >= due,  # type: ignore[misc] # bound now
            f"{listener.name} has heard {due} events",
        )


def heard_exactly_its_part(listener: Listener, log: Checked) -> None:
    """In the order of the log, without a gap, without a repeat, and nothing of anybody else's."""
    bodies = listener.bodies
    heard = [
        Heard(ConversationId(convo), seq, bodies.get((convo, seq))) for convo, seq in listener.places
    ]  # fmt: skip
    check_heard(log.history, listener.device, heard)
    assert listener.repeats == 0, f"{listener.name} was sent {listener.repeats} events a second time"


async def retries_get_the_first_answer(crowd: Crowd, acknowledged: Sequence[Acknowledged]) -> None:
    """The same bytes again, over the other way than before or the same: the first seq, the first time."""
    for number, each in enumerate(acknowledged):
        own = [listener for listener in crowd.listeners if listener.person is each.person]
        # a session is the cheaper way, so HTTP gets every tenth
        listener = own[1] if number % 10 == 0 else own[0]
        answer = await say(listener, each.convo, each.msg_id, each.body)
        assert answer == (each.seq, each.received_at), f"a retry of {each.msg_id} got another answer"
