"""The outbox's law: every send is repeated until answered, in order, never more than the limit at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import ConversationId, MsgId
from router.client.errors import BadAnswer
from router.client.outbox import Outbox, Outgoing

ROOK = ConversationId("rook")


def outgoing(number: int) -> Outgoing:
    return Outgoing(ROOK, MsgId(f"m{number}"), b"%d" % number)


def test_sends_are_pipelined_up_to_the_limit_of_the_server() -> None:
    outbox = Outbox(max_unanswered=8)
    outbox.connected(limit=2)
    ids = [outbox.add(outgoing(n)) for n in range(3)]
    assert [frame_id for frame_id, _ in outbox.next_frames(0)] == ids[:2]
    assert outbox.next_frames(0) == []
    outbox.answered(ids[0])
    assert [frame_id for frame_id, _ in outbox.next_frames(0)] == ids[2:]


def test_a_new_connection_repeats_what_is_unanswered_with_the_same_bytes() -> None:
    outbox = Outbox()
    outbox.connected()
    first, second = outbox.add(outgoing(1)), outbox.add(outgoing(2))
    outbox.next_frames(0)
    outbox.answered(first)
    outbox.connected()
    assert outbox.next_frames(0) == [(second, outgoing(2))]
    assert outbox.attempts(second) == 2


def test_after_a_temporary_refusal_nothing_goes_out_before_its_time() -> None:
    outbox = Outbox()
    outbox.connected()
    frame_id = outbox.add(outgoing(1))
    outbox.next_frames(0)
    outbox.put_back(frame_id, not_before=5.0)
    outbox.add(outgoing(2))
    assert outbox.next_frames(4.9) == []
    assert outbox.held_until(4.9) == 5.0
    assert [each for _, each in outbox.next_frames(5.0)] == [outgoing(1), outgoing(2)]


def test_an_answer_to_nothing_is_the_servers_fault() -> None:
    outbox = Outbox()
    outbox.connected()
    waiting = outbox.add(outgoing(1))
    for frame_id in (99, waiting):
        with pytest.raises(BadAnswer):
            outbox.answered(frame_id)
        with pytest.raises(BadAnswer):
            outbox.put_back(frame_id, not_before=0)


def test_one_msg_id_under_way_means_one_content() -> None:
    outbox = Outbox()
    outbox.add(Outgoing(ROOK, MsgId("m"), b"one"))
    outbox.add(Outgoing(ROOK, MsgId("m"), b"one"))  # a repeat is harmless: the server answers both alike
    with pytest.raises(ValueError, match="other content"):
        outbox.add(Outgoing(ROOK, MsgId("m"), b"two"))


def test_a_full_outbox_says_so() -> None:
    outbox = Outbox(max_unanswered=1)
    outbox.add(outgoing(1))
    assert outbox.full
    with pytest.raises(ValueError, match="full"):
        outbox.add(outgoing(2))


@given(
    limit=st.integers(1, 4),
    acts=st.lists(st.sampled_from(["add", "pump", "answer", "lose", "busy"]), max_size=100),
)
def test_every_send_is_answered_once_and_first_seen_in_order(limit: int, acts: list[str]) -> None:
    """A server that dedupes by msgId ends with the sends in the order added, if none was put back."""
    outbox = Outbox(max_unanswered=16)
    outbox.connected(limit=limit)
    added, answered, log, wire = 0, list[Outgoing](), list[Outgoing](), list[tuple[int, Outgoing]]()
    put_back = False

    def pump() -> None:
        frames = outbox.next_frames(0.0)
        wire.extend(frames)
        log.extend(each for _, each in frames if each not in log)
        assert len(wire) <= limit

    for name in acts:
        match name:
            case "add" if not outbox.full:
                outbox.add(outgoing(added))
                added += 1
            case "pump":
                pump()
            case "answer" if wire:
                answered.append(outbox.answered(wire.pop(0)[0]))
            case "busy" if wire:
                put_back = True
                refused, each = wire.pop(0)
                log.remove(each)
                outbox.put_back(refused, not_before=0.0)
            case "lose":
                wire.clear()
                outbox.connected(limit=limit)
            case _:
                pass
    while len(outbox):
        pump()
        while wire:
            answered.append(outbox.answered(wire.pop(0)[0]))
    assert sorted(answered, key=lambda each: int(each.ciphertext)) == [outgoing(n) for n in range(added)]
    assert len(log) == added
    if not put_back:
        assert log == [outgoing(n) for n in range(added)]
