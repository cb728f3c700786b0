"""The asker's end without a wait: for a task that waits for many replies at once."""

import pytest
import trio
import trio.testing

from actors import AskFailed, Mailbox


async def test_an_answer_is_read_without_a_wait_once_it_is_there() -> None:
    mailbox = Mailbox[int]("box")
    answered, refused, failed = (mailbox.post_nowait(n) for n in range(3))
    with pytest.raises(trio.WouldBlock):
        answered.result_nowait()
    first, second, third = await mailbox.take()
    first.reply("yes")
    second.refuse(LookupError("no"))
    third.fail(None)

    assert answered.result_nowait() == "yes"
    assert await answered.wait() == "yes"  # as often as anyone likes, either way
    with pytest.raises(LookupError):
        refused.result_nowait()
    with pytest.raises(AskFailed):
        failed.result_nowait()


async def test_the_one_who_asked_to_be_called_is_called_once_in_the_step_that_answers() -> None:
    mailbox = Mailbox[int]("box")
    reply = mailbox.post_nowait(0)
    calls: list[object] = []
    reply.call_when_done(lambda: calls.append(reply.result_nowait()))
    (envelope,) = await mailbox.take()
    assert calls == []
    envelope.reply("first")
    envelope.reply("second")
    assert calls == ["first"]

    reply.call_when_done(lambda: calls.append("at once"))
    assert calls == ["first", "at once"]


async def test_who_waits_and_who_is_called_hear_the_same_answer() -> None:
    mailbox = Mailbox[int]("box")
    reply = mailbox.post_nowait(0)
    heard: list[object] = []

    async def wait() -> None:
        heard.append(await reply.wait())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        reply.call_when_done(lambda: heard.append(reply.result_nowait()))
        (envelope,) = await mailbox.take()
        envelope.reply(7)
    assert heard == [7, 7]
