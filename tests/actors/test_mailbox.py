"""Mailboxes: bounds, order, fairness, the poison rule, replies. Nothing accepted is ever silently lost."""

import math

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from actors import (
    AskFailed,
    ChildSpec,
    Envelope,
    Fate,
    Mailbox,
    MailboxClosed,
    MailboxFull,
    MessageTooHeavy,
    Request,
    Supervisor,
)
from actors.testing import Recorder, cancel_each_checkpoint

settle = trio.testing.wait_all_tasks_blocked


def messages(batch: list[Envelope[int]]) -> list[int]:
    return [envelope.message for envelope in batch]


async def test_what_was_told_is_taken_in_order_as_one_batch() -> None:
    mailbox = Mailbox[int]("box")
    for n in range(3):
        await mailbox.tell(n)

    assert messages(await mailbox.take()) == [0, 1, 2]
    assert len(mailbox) == 0


async def test_ask_returns_the_answer_and_post_separates_order_from_waiting() -> None:
    mailbox = Mailbox[int]("box")
    replies = [mailbox.post_nowait(n) for n in range(3)]
    assert not replies[0].done
    for envelope in await mailbox.take():
        assert envelope.expects_reply
        envelope.reply(envelope.message * 10)
        envelope.reply("too late")  # the first answer counts

    assert [await reply.wait() for reply in replies] == [0, 10, 20]
    assert await replies[0].wait() == 0  # any number of times


async def test_the_reply_of_a_request_has_its_type() -> None:
    class Length(Request[int]):
        def __init__(self, text: str) -> None:
            self.text = text

    mailbox = Mailbox[Length]("box")
    async with trio.open_nursery() as nursery:

        async def actor() -> None:
            for envelope in await mailbox.take():
                envelope.reply(len(envelope.message.text))

        nursery.start_soon(actor)
        length: int = await mailbox.ask(Length("four"))

    assert length == 4


async def test_a_refusal_is_raised_where_the_asker_waits_and_a_reply_to_a_tell_is_nothing() -> None:
    mailbox = Mailbox[int]("box")
    reply = await mailbox.post(1)
    await mailbox.tell(2)
    asked, told = await mailbox.take()
    asked.refuse(LookupError("no"))
    told.reply("ignored")
    told.refuse(LookupError("ignored"))

    assert not told.expects_reply
    with pytest.raises(LookupError):
        await reply.wait()


async def test_a_full_mailbox_refuses_nowait_and_lets_tell_wait_in_order() -> None:
    mailbox = Mailbox[int]("box", capacity=2)
    mailbox.tell_nowait(0)
    mailbox.tell_nowait(1)
    with pytest.raises(MailboxFull) as caught:
        mailbox.tell_nowait(9)
    assert (caught.value.waiting, caught.value.name) == (2, "box")
    with pytest.raises(MailboxFull):
        mailbox.post_nowait(9)

    async with trio.open_nursery() as nursery:
        for n in (2, 3, 4):
            nursery.start_soon(mailbox.tell, n)
            await settle()
        assert mailbox.statistics().senders_waiting == 3
        assert messages(await mailbox.take(max_items=1)) == [0]
        with pytest.raises(MailboxFull):
            mailbox.tell_nowait(9)  # nobody overtakes those who wait
        assert messages(await mailbox.take()) == [1, 2]
        assert messages(await mailbox.take()) == [3, 4]


async def test_a_mailbox_is_bounded_in_weight_too_and_a_message_that_can_never_fit_says_so() -> None:
    mailbox = Mailbox[bytes]("box", max_weight=10, weigh=len)
    mailbox.tell_nowait(b"x" * 8)
    with pytest.raises(MailboxFull):
        mailbox.tell_nowait(b"xxx")
    with pytest.raises(MessageTooHeavy):
        mailbox.tell_nowait(b"x" * 11)
    with pytest.raises(MessageTooHeavy):
        await mailbox.tell(b"x" * 11)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.tell, b"xxx")
        await settle()
        assert mailbox.statistics().weight == 8
        await mailbox.take()
    assert mailbox.statistics().weight == 3


async def test_a_take_is_bounded_in_items_and_weight_but_takes_at_least_one() -> None:
    mailbox = Mailbox[bytes]("box", weigh=len)
    for size in (5, 1, 1, 1, 9):
        mailbox.tell_nowait(b"x" * size)

    sizes = [[e.weight for e in await mailbox.take(max_items=3, max_weight=3)] for _ in range(3)]
    assert sizes == [[5], [1, 1, 1], [9]]
    with pytest.raises(ValueError, match="less than nothing"):
        Mailbox[int]("box", weigh=lambda n: n).tell_nowait(-1)


async def test_a_cancelled_tell_put_nothing_in_and_lets_a_lighter_one_pass() -> None:
    mailbox = Mailbox[bytes]("box", max_weight=10, weigh=len)
    mailbox.tell_nowait(b"x" * 8)
    async with trio.open_nursery() as nursery:
        heavy = trio.CancelScope()

        async def tell_heavy() -> None:
            with heavy:
                await mailbox.tell(b"x" * 9)

        nursery.start_soon(tell_heavy)
        await settle()
        nursery.start_soon(mailbox.tell, b"xx")
        await settle()
        assert len(mailbox) == 1
        heavy.cancel()
    assert [e.weight for e in await mailbox.take()] == [8, 2]


async def test_a_cancelled_take_took_nothing(autojump_clock: trio.testing.MockClock) -> None:
    mailbox = Mailbox[int]("box")
    with trio.move_on_after(1):
        await mailbox.take()
    mailbox.tell_nowait(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.take()

    assert messages(await mailbox.take()) == [1]


async def test_a_message_that_arrives_in_the_moment_of_the_cancel_is_not_lost() -> None:
    mailbox = Mailbox[int]("box")
    taken: list[int] = []

    async def actor(scope: trio.CancelScope) -> None:
        with scope:
            taken.extend(messages(await mailbox.take()))

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(actor, scope)
        await settle()
        mailbox.tell_nowait(1)
        scope.cancel()

    assert taken == [1]


async def test_two_takers_at_once_are_a_mistake() -> None:
    mailbox = Mailbox[int]("box")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.take)
        await settle()
        with pytest.raises(trio.BusyResourceError):
            await mailbox.take()
        mailbox.tell_nowait(1)


async def test_an_asker_that_gave_up_leaves_the_message_and_its_late_answer_is_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A time-out means that the outcome is unknown."""
    mailbox = Mailbox[int]("box")
    with trio.move_on_after(1):
        await mailbox.ask(1)

    (envelope,) = await mailbox.take()
    envelope.reply("late")


async def test_several_tasks_may_wait_for_one_reply() -> None:
    mailbox = Mailbox[int]("box")
    reply = mailbox.post_nowait(1)
    answers: list[object] = []

    async def wait() -> None:
        answers.append(await reply.wait())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await settle()
        (envelope,) = await mailbox.take()
        envelope.reply("a")
    assert answers == ["a", "a"]


async def test_a_crash_fails_what_was_in_hand_and_keeps_what_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The poison rule: the message in hand is not retried; the mailbox survives."""
    mailbox, recorder = Mailbox[str]("box"), Recorder()

    async def actor(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            for envelope in await mailbox.take(max_items=2):
                if envelope.message == "poison":
                    raise ValueError("poison")
                envelope.reply(envelope.message.upper())

    supervisor = Supervisor("root", [ChildSpec("actor", actor)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        replies = [mailbox.post_nowait(word) for word in ("a", "poison", "b")]

        assert await replies[0].wait() == "A"
        with pytest.raises(AskFailed) as caught:
            await replies[1].wait()
        assert isinstance(caught.value.cause, ValueError)
        assert await replies[2].wait() == "B"
        nursery.cancel_scope.cancel()

    (letter,) = recorder.dead_letters
    assert (letter.address, letter.message, letter.fate) == ("box", "poison", Fate.POISON)
    assert recorder.exits[0].in_hand == 1
    statistics = mailbox.statistics()
    assert (statistics.accepted, statistics.handled, statistics.lost) == (3, 2, 1)


async def test_taking_again_says_that_what_was_told_is_handled_but_asks_stay_in_hand(
    autojump_clock: trio.testing.MockClock,
) -> None:
    mailbox, recorder = Mailbox[str]("box"), Recorder()

    async def actor(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await mailbox.take()
        await mailbox.take()

    supervisor = Supervisor("root", [ChildSpec("actor", actor)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        mailbox.tell_nowait("told")
        reply = mailbox.post_nowait("asked")
        await settle()
        assert mailbox.statistics().in_hand == 1
        mailbox.tell_nowait("last")
        with pytest.raises(AskFailed) as caught:
            await reply.wait()
        assert caught.value.cause is None
        nursery.cancel_scope.cancel()

    assert [(x.message, x.fate) for x in recorder.dead_letters] == [("asked", Fate.UNANSWERED)]
    assert mailbox.statistics().handled == 2


async def test_two_actors_that_take_turns_each_answer_for_what_they_have_in_hand(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Not how it is meant to be used, but nothing may pile up or get lost by it."""
    mailbox = Mailbox[int]("box")

    async def actor(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            try:
                await mailbox.take()
            except trio.BusyResourceError:
                await trio.sleep(0.1)

    supervisor = Supervisor("root", [ChildSpec("a", actor), ChildSpec("b", actor)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        for n in range(20):
            await mailbox.tell(n)
            await trio.sleep(0.25)
        claims = [len(child.life.mailboxes) for child in supervisor.children() if child.life]
        assert max(claims) <= 1
        nursery.cancel_scope.cancel()
    assert mailbox.statistics().accepted == 20
    assert mailbox.statistics().in_hand == 0


async def test_what_a_stopped_actor_had_in_hand_is_a_dead_letter(
    autojump_clock: trio.testing.MockClock,
) -> None:
    mailbox, recorder = Mailbox[str]("box"), Recorder()

    async def actor(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await mailbox.take()
        await trio.sleep_forever()

    supervisor = Supervisor("root", [ChildSpec("actor", actor)], instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        reply = mailbox.post_nowait("asked")
        await settle()
        nursery.cancel_scope.cancel()

    with pytest.raises(AskFailed):
        await reply.wait()
    assert [x.fate for x in recorder.dead_letters] == [Fate.INTERRUPTED]


async def test_a_closed_mailbox_refuses_senders_and_gives_out_what_waits() -> None:
    mailbox = Mailbox[int]("box", capacity=1)
    mailbox.tell_nowait(1)
    refused: list[str] = []

    async def sender() -> None:
        try:
            await mailbox.tell(2)
        except MailboxClosed as error:
            refused.append(error.name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender)
        await settle()
        mailbox.close()
    assert refused == ["box"]
    assert mailbox.closed
    with pytest.raises(MailboxClosed):
        mailbox.tell_nowait(3)
    with pytest.raises(MailboxClosed):
        await mailbox.tell(3)
    assert messages(await mailbox.take()) == [1]
    with pytest.raises(MailboxClosed):
        await mailbox.take()


async def test_closing_wakes_a_waiting_taker() -> None:
    mailbox = Mailbox[int]("box")
    async with trio.open_nursery() as nursery:

        async def actor() -> None:
            with pytest.raises(MailboxClosed):
                await mailbox.take()

        nursery.start_soon(actor)
        await settle()
        mailbox.close()


async def test_drain_returns_when_the_actor_has_finished_what_waited(
    autojump_clock: trio.testing.MockClock,
) -> None:
    mailbox = Mailbox[int]("box")
    done: list[int] = []

    async def actor() -> None:
        try:
            while True:
                for envelope in await mailbox.take(max_items=1):
                    await trio.sleep(1)
                    done.append(envelope.message)
        except MailboxClosed:
            pass

    async with trio.open_nursery() as nursery:
        for n in range(3):
            mailbox.tell_nowait(n)
        nursery.start_soon(actor)
        await mailbox.drain()
        assert done == [0, 1, 2]
    await mailbox.drain()
    await Mailbox[int]("unused").drain()


async def test_what_is_discarded_is_a_dead_letter_and_its_asker_learns_it() -> None:
    recorder = Recorder()
    mailbox = Mailbox[int]("box", instruments=[recorder])
    mailbox.tell_nowait(1)
    reply = mailbox.post_nowait(2)

    assert mailbox.discard() == 2
    with pytest.raises(MailboxClosed):
        await reply.wait()
    assert [x.fate for x in recorder.dead_letters] == [Fate.CLOSED, Fate.CLOSED]
    assert mailbox.statistics().dropped == 2


async def test_bounds_changed_while_it_runs_let_senders_in_or_turn_them_away() -> None:
    mailbox = Mailbox[bytes]("box", capacity=1, max_weight=10, weigh=len)
    mailbox.tell_nowait(b"x")
    outcomes: list[str] = []

    async def send(size: int) -> None:
        try:
            await mailbox.tell(b"x" * size)
            outcomes.append(f"{size} in")
        except MessageTooHeavy:
            outcomes.append(f"{size} too heavy")

    async with trio.open_nursery() as nursery:
        for size in (8, 2, 3):
            nursery.start_soon(send, size)
            await settle()
        mailbox.terms.bound(3, 5)
        mailbox.bounds_changed()
        await settle()
        assert sorted(outcomes) == ["2 in", "8 too heavy"]
        await mailbox.take()
    assert outcomes[2] == "3 in"


def test_bounds_that_bound_nothing_are_refused() -> None:
    for capacity, weight in ((0, None), (-1, None), (math.nan, None), (1, 0)):
        with pytest.raises(ValueError):
            Mailbox[int]("box", capacity, weight)
    assert "1 waiting" in _repr_of_a_waiting_mailbox()


def _repr_of_a_waiting_mailbox() -> str:
    mailbox = Mailbox[int]("box", math.inf)
    mailbox.tell_nowait(1)
    mailbox.close()
    return repr(mailbox)


async def test_statistics_and_hooks_tell_what_happened() -> None:
    recorder = Recorder(messages=True)
    mailbox = Mailbox[int]("box", capacity=2, instruments=[recorder])
    mailbox.tell_nowait(1)
    mailbox.tell_nowait(2)
    with pytest.raises(MailboxFull):
        mailbox.tell_nowait(3)
    await mailbox.take(max_items=1)
    statistics = mailbox.statistics()

    assert (statistics.waiting, statistics.high_water, statistics.refused) == (1, 2, 1)
    assert (statistics.accepted, statistics.taken, statistics.in_hand) == (2, 1, 1)
    assert [event.hook for event in recorder.events] == [
        "message_accepted",
        "message_accepted",
        "mailbox_full",
        "messages_taken",
    ]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.integers(0, 6)),
        st.tuples(st.just("take"), st.tuples(st.integers(1, 4), st.integers(0, 12))),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 6), st.integers(6, 20))
def test_any_mix_of_tells_and_takes_keeps_order_bounds_and_every_message(
    steps: list[tuple[str, object]], capacity: int, max_weight: int
) -> None:
    """The two lists inside are one queue, whatever parts are taken in between."""

    async def main() -> None:
        mailbox = Mailbox[tuple[int, int]]("box", capacity, max_weight, weigh=lambda m: m[1])
        model: list[tuple[int, int]] = []
        for number, (step, value) in enumerate(steps):
            if step == "tell":
                assert isinstance(value, int)
                fits = len(model) < capacity and sum(w for _, w in model) + value <= max_weight
                try:
                    mailbox.tell_nowait((number, value))
                    assert fits
                    model.append((number, value))
                except MailboxFull:
                    assert not fits
            elif model:
                assert isinstance(value, tuple)
                items, weight = value
                batch = [e.message for e in await mailbox.take(items, weight)]
                assert batch == model[: len(batch)]
                assert 1 <= len(batch) <= items
                assert len(batch) == 1 or sum(w for _, w in batch) <= weight
                following = model[len(batch) : len(batch) + 1]
                assert not following or len(batch) == items or sum(w for _, w in batch + following) > weight
                del model[: len(batch)]
            assert len(mailbox) == len(model)
            assert mailbox.statistics().weight == sum(w for _, w in model)

    trio.run(main)


def test_a_cancel_at_any_checkpoint_of_an_ask_neither_loses_nor_doubles_the_message() -> None:
    async def attempt(operate):  # type: ignore[no-untyped-def]  # the signature is cancel_each_checkpoint's
        mailbox = Mailbox[int]("box", capacity=1)
        mailbox.tell_nowait(0)
        handled: list[int] = []

        async def actor() -> None:
            while True:
                for envelope in await mailbox.take():
                    await trio.sleep(1)
                    handled.append(envelope.message)
                    envelope.reply(envelope.message)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(actor)
            finished = await operate(lambda: mailbox.ask(1))
            await trio.sleep(10)
            assert handled in ([0], [0, 1])
            assert not finished or handled == [0, 1]
            assert mailbox.statistics().senders_waiting == 0
            nursery.cancel_scope.cancel()

    async def main() -> int:
        return await cancel_each_checkpoint(attempt)

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) >= 2
