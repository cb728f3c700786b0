"""Addressed actors: activation, loss-free passivation, quarantine, storm, cap, stop. Fake time."""

import contextvars
import math
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from actors import (
    ActorContext,
    ActorTimeout,
    AskFailed,
    Backoff,
    ChildSpec,
    ExitKind,
    ExitShutdown,
    Fate,
    Instrument,
    Intensity,
    LeftWithoutTaking,
    Mailbox,
    MailboxClosed,
    MailboxFull,
    Quarantined,
    Registry,
    RegistryFull,
    RegistryOptions,
    Reply,
    RestartIntensityExceeded,
    Shedding,
    Supervisor,
    format_tree,
    stopping,
)
from actors.testing import Recorder, cancel_each_checkpoint, check_conservation

settle = trio.testing.wait_all_tasks_blocked
Clock = trio.testing.MockClock
Context = ActorContext[str, str]


async def echo(ctx: Context) -> None:
    """Answers with what it was asked, its key and incarnation; dies of `boom`."""
    while batch := await ctx.take(max_items=1):
        for envelope in batch:
            match envelope.message:
                case "boom":
                    raise ValueError("boom")
                case "slow boom":
                    await trio.sleep(1)
                    raise ValueError("slow boom")
                case "leave":
                    return
                case "off":
                    raise ExitShutdown
                case "hang":
                    await trio.sleep_forever()
                case message:
                    envelope.reply((ctx.key, message, ctx.incarnation))


Body = Callable[["Registry[str, str]", Recorder], Awaitable[None]]


async def with_registry(
    body: Body,
    options: RegistryOptions = RegistryOptions(),  # noqa: B008  # frozen
    behaviour: Callable[[Context], Awaitable[None]] = echo,
) -> Recorder:
    recorder = Recorder()
    registry: Registry[str, str] = Registry(
        "keys", behaviour, options, instruments=[recorder], rng=lambda: 0.0
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        await body(registry, recorder)
        nursery.cancel_scope.cancel()
    assert registry.statistics().active == 0
    check_conservation(registry)
    return recorder


async def test_the_first_message_activates_a_key_and_idleness_passivates_it(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        assert not registry.active("a")
        assert await registry.ask("a", "hello") == ("a", "hello", 1)
        assert registry.active("a")
        await trio.sleep(119)
        assert registry.active("a")
        await trio.sleep(2)
        assert not registry.active("a")
        assert await registry.ask("a", "again") == ("a", "again", 2)

    recorder = await with_registry(body)
    assert recorder.paths("passivated") == ["keys/a", "keys/a"]


async def test_only_incoming_work_keeps_an_actor_awake(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        for _ in range(5):
            await registry.tell("a", "hello")
            await registry.tell("b", "hello") if _ == 0 else None
            await trio.sleep(9)
        assert registry.active("a")
        assert not registry.active("b")

    await with_registry(body, RegistryOptions(idle_timeout=10))


async def test_a_message_that_arrives_while_the_actor_leaves_is_given_to_the_next_incarnation(
    autojump_clock: Clock,
) -> None:
    """A mutant with one await between «empty» and «forget» loses it (tell, wait, tell)."""

    async def slow_to_leave(ctx: Context) -> None:
        await echo(ctx)
        await trio.sleep(5)

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.tell("a", "hello")
        await trio.sleep(12)
        reply = registry.post_nowait("a", "while leaving")
        assert await reply.wait() == ("a", "while leaving", 2)

    await with_registry(body, RegistryOptions(idle_timeout=10), slow_to_leave)


async def test_an_actor_with_no_idle_time_leaves_as_soon_as_nothing_waits(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.ask("a", "one")
        await settle()
        assert not registry.active("a")

    await with_registry(body, RegistryOptions(idle_timeout=0))


async def test_an_actor_that_takes_again_after_the_empty_batch_stays_and_does_not_spin(
    autojump_clock: Clock,
) -> None:
    empty = 0

    async def stayer(ctx: Context) -> None:
        nonlocal empty
        while True:
            batch = await ctx.take()
            empty += not batch
            for envelope in batch:
                envelope.reply(ctx.incarnation)

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        assert await registry.ask("a", "x") == 1
        await trio.sleep(35)
        assert empty == 3
        assert await registry.ask("a", "x") == 1

    options = RegistryOptions(idle_timeout=10, passivate_timeout=3, shutdown=1)
    await with_registry(body, options, stayer)


async def test_an_actor_may_ask_to_leave_and_so_may_others_for_it(autojump_clock: Clock) -> None:
    async def once(ctx: Context) -> None:
        ctx.passivate_now()
        await echo(ctx)

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        assert not registry.passivate("a")
        await registry.ask("a", "one")
        await settle()
        assert not registry.active("a")

    await with_registry(body, behaviour=once)

    async def other(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.ask("a", "one")
        assert registry.passivate("a")
        assert await registry.ask("a", "two") == ("a", "two", 1)  # it came first, so it is handled
        await settle()
        assert not registry.active("a")

    await with_registry(other)


async def test_a_crash_fails_its_asker_and_what_waits_goes_to_the_next_incarnation(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        replies = [registry.post_nowait("a", word) for word in ("one", "boom", "two")]
        assert await replies[0].wait() == ("a", "one", 1)
        with pytest.raises(AskFailed) as caught:
            await replies[1].wait()
        assert isinstance(caught.value.cause, ValueError)
        assert await replies[2].wait() == ("a", "two", 2)

    recorder = await with_registry(body)
    assert [(x.message, x.fate) for x in recorder.dead_letters] == [("boom", Fate.POISON)]
    assert [e.kind for e in recorder.exits] == [ExitKind.CRASHED, ExitKind.RETURNED]


async def test_a_crashed_key_with_nothing_waiting_is_forgotten_unless_it_is_eager(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.tell("a", "boom")
        await settle()
        assert not registry.active("a")

    await with_registry(body)

    async def eager(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.tell("a", "boom")
        await settle()
        assert registry.active("a")

    await with_registry(eager, RegistryOptions(eager=True))


async def test_messages_wait_while_a_key_backs_off(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        first = registry.post_nowait("a", "boom")
        second = registry.post_nowait("a", "two")
        with pytest.raises(AskFailed):
            await first.wait()
        third = registry.post_nowait("a", "three")
        with pytest.raises(MailboxFull):
            registry.tell_nowait("a", "four")
        await settle()
        assert "backing off" in format_tree(registry.tree())
        began = trio.current_time()
        assert await second.wait() == ("a", "two", 2)
        assert await third.wait() == ("a", "three", 2)
        assert trio.current_time() - began == pytest.approx(4)

    await with_registry(body, RegistryOptions(capacity=2, backoff=Backoff(4, jitter=0)))


async def test_a_key_that_crashes_too_often_is_quarantined_and_the_others_are_not(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        replies = [registry.post_nowait("bad", w) for w in ("boom", "boom", "boom", "after")]
        await settle()
        with pytest.raises(Quarantined) as caught:
            await replies[3].wait()
        assert caught.value.key == "bad"
        with pytest.raises(Quarantined) as caught:
            registry.tell_nowait("bad", "x")
        assert caught.value.retry_after == pytest.approx(60)
        with pytest.raises(Quarantined):
            await registry.tell("bad", "x")
        with pytest.raises(Quarantined):
            await registry.ask("bad", "x")
        assert await registry.ask("good", "x") == ("good", "x", 4)
        assert list(registry.quarantine()) == ["bad"]
        assert "! bad [key] quarantined" in format_tree(registry.tree())
        await trio.sleep(61)
        assert await registry.ask("bad", "x") == ("bad", "x", 5)

    recorder = await with_registry(body, RegistryOptions(quarantine=Intensity(2, 60)))
    assert [x.fate for x in recorder.dead_letters] == [Fate.POISON] * 3 + [Fate.QUARANTINED]
    assert recorder.paths("quarantined") == ["keys/bad"]
    assert recorder.paths("released") == ["keys/bad"]


async def test_a_sender_that_waits_for_room_when_its_key_is_quarantined_is_told(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        refused: list[float] = []

        async def sender() -> None:
            try:
                await registry.tell("bad", "waits")
            except Quarantined as error:
                refused.append(error.retry_after)

        async with trio.open_nursery() as nursery:
            registry.tell_nowait("bad", "slow boom")
            await settle()
            registry.tell_nowait("bad", "next")
            nursery.start_soon(sender)
        assert refused == [60]

    await with_registry(body, RegistryOptions(capacity=1, quarantine=Intensity(0, 60)))


async def test_release_ends_a_quarantine(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.tell("bad", "boom")
        await settle()
        assert registry.release("bad")
        assert not registry.release("bad")
        assert await registry.ask("bad", "x") == ("bad", "x", 2)

    await with_registry(body, RegistryOptions(quarantine=Intensity(0, 60)))


async def test_crashes_spread_over_time_do_not_quarantine_a_key(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        for _ in range(6):
            await registry.tell("a", "boom")
            await trio.sleep(61)
        assert await registry.ask("a", "x") == ("a", "x", 7)

    await with_registry(body, RegistryOptions(quarantine=Intensity(1, 60)))


async def test_a_storm_of_crashes_over_many_keys_escalates(autojump_clock: Clock) -> None:
    recorder = Recorder()
    registry: Registry[str, str] = Registry(
        "keys", echo, RegistryOptions(storm=Intensity(5, 10)), instruments=[recorder]
    )
    failure: RestartIntensityExceeded | None = None

    async def storm() -> None:
        await settle()
        for n in range(6):
            registry.tell_nowait(f"k{n}", "boom")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(storm)
        try:
            await registry.run()
        except RestartIntensityExceeded as error:
            failure = error

    assert failure is not None
    assert len({exit_.id for exit_ in failure.exits}) == 6
    assert recorder.paths("escalated") == ["keys"]
    assert registry.statistics().escalations == 1


async def test_a_registry_is_restarted_by_its_supervisor_and_serves_again(
    autojump_clock: Clock,
) -> None:
    registry: Registry[str, str] = Registry("keys", echo, RegistryOptions(storm=Intensity(0, 10)))
    supervisor = Supervisor("root", [ChildSpec("conversations", registry.run)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        await registry.tell("a", "boom")
        await settle()
        assert await registry.ask("a", "x") == ("a", "x", 2)
        assert registry.path == "root/conversations"
        tree = supervisor.tree()
        assert [node.path for node in tree.walk()] == [
            "root",
            "root/conversations",
            "root/conversations/a",
        ]
        assert tree.children[0].kind == "registry"
        assert tree.children[0].restarts == 1
        nursery.cancel_scope.cancel()
    check_conservation(registry)


async def test_at_the_cap_the_longest_idle_actor_makes_room(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        for key in ("a", "b", "c"):
            await registry.ask(key, "x")
        await registry.ask("a", "x")
        await registry.ask("d", "x")
        await settle()
        assert sorted(registry.keys()) == ["a", "c", "d"]

    recorder = await with_registry(body, RegistryOptions(cap=3))
    assert recorder.paths("evicted") == ["keys/b"]


async def test_at_the_cap_with_nobody_idle_a_new_key_is_refused(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        for key in ("a", "b"):
            registry.tell_nowait(key, "hang")
        await settle()
        with pytest.raises(RegistryFull) as caught:
            registry.tell_nowait("c", "x")
        assert caught.value.cap == 2
        registry.tell_nowait("a", "y")  # an active key is not a new one

    await with_registry(body, RegistryOptions(cap=2, shutdown=1))


async def test_an_evicted_actor_that_gets_a_message_before_it_has_left_stays(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.ask("a", "x")
        await settle()
        registry.tell_nowait("b", "x")
        reply = registry.post_nowait("a", "y")
        assert await reply.wait() == ("a", "y", 1)
        assert registry.statistics().leaving == 0
        assert sorted(registry.keys()) == ["a", "b"]

    await with_registry(body, RegistryOptions(cap=1))


async def test_idle_actors_are_shed_when_memory_runs_short(autojump_clock: Clock) -> None:
    pressure = 0.5

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        nonlocal pressure
        for n in range(10):
            await registry.ask(f"k{n}", "x")
        await trio.sleep(11)
        assert registry.statistics().active == 10
        pressure = 0.9
        await trio.sleep(5)
        pressure = 0.6
        assert registry.statistics().active == 8  # ceil(10 * (1 - 0.75 / 0.9)) went
        await trio.sleep(20)
        assert registry.statistics().active == 8
        assert registry.shed(3) == 3

    options = RegistryOptions(shedding=Shedding(lambda: pressure, interval=5))
    recorder = await with_registry(body, options)
    assert recorder.paths("evicted")[:2] == ["keys/k0", "keys/k1"]


async def test_a_stopping_registry_lets_actors_finish_what_waits_and_refuses_the_new(
    autojump_clock: Clock,
) -> None:
    done: list[str] = []
    registry: Registry[str, str]

    async def worker(ctx: Context) -> None:
        while batch := await ctx.take(max_items=1):
            await trio.sleep(1)
            done.append(batch[0].message)
            if ctx.wants_out:
                with pytest.raises(MailboxClosed):
                    registry.tell_nowait("other", "x")
                with pytest.raises(MailboxClosed):
                    registry.tell_nowait("a", "x")

    registry = Registry("keys", worker)
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        for word in ("one", "two", "three"):
            registry.tell_nowait("a", word)
        await settle()
        nursery.cancel_scope.cancel()

    assert done == ["one", "two", "three"]
    check_conservation(registry)


async def test_a_hanging_actor_can_be_interrupted_and_what_waits_is_served(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        hangs, waits = (registry.post_nowait("a", word) for word in ("hang", "x"))
        await settle()
        assert registry.interrupt("a")
        with pytest.raises(AskFailed):
            await hangs.wait()
        assert await waits.wait() == ("a", "x", 2)
        assert not registry.interrupt("b")
        assert registry.statistics().crashes == 0

    recorder = await with_registry(body)
    assert [e.kind for e in recorder.exits] == [ExitKind.KILLED, ExitKind.RETURNED]


async def test_what_is_not_finished_in_time_is_cancelled_and_becomes_dead_letters(
    autojump_clock: Clock,
) -> None:
    recorder = Recorder()
    registry: Registry[str, str] = Registry("keys", echo, RegistryOptions(shutdown=2), instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        replies = [registry.post_nowait("a", word) for word in ("hang", "behind")]
        await settle()
        nursery.cancel_scope.cancel()

    assert trio.current_time() == pytest.approx(2)
    with pytest.raises(AskFailed):
        await replies[0].wait()
    with pytest.raises(MailboxClosed):
        await replies[1].wait()
    assert [x.fate for x in recorder.dead_letters] == [Fate.INTERRUPTED, Fate.CLOSED]
    assert [e.kind for e in recorder.exits] == [ExitKind.STOPPED]
    check_conservation(registry)


async def test_actors_stop_in_parallel_and_a_stuck_one_is_reported(autojump_clock: Clock) -> None:
    recorder = Recorder()

    async def stubborn(ctx: Context) -> None:
        await ctx.take()
        with trio.CancelScope(shield=True):
            await trio.sleep(50 if ctx.key == "stuck" else 1)

    registry: Registry[str, str] = Registry(
        "keys", stubborn, RegistryOptions(shutdown=2, cancel_grace=1), instruments=[recorder]
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        for key in ("x", "y", "stuck"):
            registry.tell_nowait(key, "go")
        await settle()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep(4)
            assert recorder.paths("child_stuck") == ["keys/stuck"]
            assert not registry.statistics().healthy
            assert "! stuck [key] stuck" in format_tree(registry.tree())
    assert trio.current_time() == pytest.approx(50)


async def test_a_backing_off_key_finishes_its_queue_at_once_when_the_registry_stops(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        first, second = (registry.post_nowait("a", word) for word in ("boom", "two"))
        await settle()
        assert first.done
        async with trio.open_nursery() as nursery:
            nursery.start_soon(registry.drain)
            assert await second.wait() == ("a", "two", 2)
        assert trio.current_time() == 0
        assert not registry.accepting

    await with_registry(body, RegistryOptions(backoff=Backoff(30, jitter=0)))


async def test_drain_empties_the_registry_and_keeps_it_up(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        replies = [registry.post_nowait(k, "x") for k in "abc"]
        await registry.drain()
        assert all(reply.done for reply in replies)
        assert registry.running
        assert "draining" in format_tree(registry.tree())
        with pytest.raises(MailboxClosed):
            registry.tell_nowait("a", "x")
        await registry.drain()

    await with_registry(body)


async def test_a_supervisor_drains_what_runs_below_it(autojump_clock: Clock) -> None:
    """Also through a crash on the way; an actor that ends because nothing more comes is not restarted."""
    registry: Registry[str, str] = Registry("keys", echo)
    mailbox = Mailbox[int]("box")
    done: list[int] = []

    async def actor(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            for envelope in await mailbox.take(max_items=1):
                if envelope.message == 2:
                    raise ValueError(2)
                done.append(envelope.message)

    recorder = Recorder()
    supervisor = Supervisor(
        "root", [ChildSpec("keys", registry.run), ChildSpec("actor", actor)], instruments=[recorder]
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        await settle()
        for n in (1, 2, 3):
            mailbox.tell_nowait(n)
        reply = registry.post_nowait("a", "x")
        await supervisor.drain()
        assert done == [1, 3]
        assert reply.done
        await trio.sleep(60)
        kinds = [e.kind for e in recorder.exits if e.id == "actor"]
        assert kinds == [ExitKind.CRASHED, ExitKind.SHUTDOWN]
        nursery.cancel_scope.cancel()


async def test_an_activation_that_never_takes_is_cancelled_and_counts_as_a_crash(
    autojump_clock: Clock,
) -> None:
    async def never(ctx: Context) -> None:
        await trio.sleep_forever()

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        with pytest.raises(Quarantined):
            await registry.ask("a", "x")
        assert trio.current_time() == pytest.approx(10)

    options = RegistryOptions(activate_timeout=5, quarantine=Intensity(1, 60))
    recorder = await with_registry(body, options, never)
    assert all(isinstance(e.error, ActorTimeout) for e in recorder.exits)


async def test_an_actor_that_does_not_leave_when_told_is_cancelled(autojump_clock: Clock) -> None:
    async def lingers(ctx: Context) -> None:
        await echo(ctx)
        await trio.sleep_forever()

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.tell("a", "x")
        await trio.sleep(10 + 7 + 1)
        assert not registry.active("a")
        (exit_,) = recorder.exits
        assert isinstance(exit_.error, ActorTimeout)
        assert exit_.error.phase == "passivation"

    await with_registry(body, RegistryOptions(idle_timeout=10, passivate_timeout=7), lingers)


async def test_a_hook_may_send_to_the_key_whose_passivation_it_sees(autojump_clock: Clock) -> None:
    """It runs after the key is forgotten, so that its message activates the key again."""
    replies: list[Reply[object]] = []

    class Insomnia(Instrument):
        def passivated(self, path: str, incarnation: int) -> None:
            if not replies:
                replies.append(registry.post_nowait("a", "wake up"))

    registry: Registry[str, str] = Registry("keys", echo, instruments=[Insomnia()])
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        await registry.tell("a", "x")
        await trio.sleep(121)
        assert await replies[0].wait() == ("a", "wake up", 2)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("on_purpose", [False, True])
async def test_a_behaviour_that_returns_without_taking_is_its_authors_fault_not_a_busy_loop(
    on_purpose: bool,
    autojump_clock: Clock,
) -> None:
    async def absent(ctx: Context) -> None:
        await trio.lowlevel.checkpoint()
        if on_purpose:
            raise ExitShutdown

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        with pytest.raises(Quarantined):
            await registry.ask("a", "x")

    recorder = await with_registry(body, behaviour=absent)
    assert {type(e.error) for e in recorder.exits} == {LeftWithoutTaking}
    assert len(recorder.exits) == 4


async def test_a_crash_while_leaving_is_a_crash_and_loses_nothing_that_waits(autojump_clock: Clock) -> None:
    async def cannot_save(ctx: Context) -> None:
        await echo(ctx)
        await trio.sleep(2)
        raise OSError("cannot save")

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.ask("a", "x")
        await trio.sleep(11)
        reply = registry.post_nowait("a", "while saving")
        assert await reply.wait() == ("a", "while saving", 2)
        assert registry.statistics().crashes == 1

    await with_registry(body, RegistryOptions(idle_timeout=10), cannot_save)


async def test_leaving_with_messages_waiting_is_followed_by_another_incarnation(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        words = ("leave", "off", "x")
        replies = [registry.post_nowait("a", word) for word in words]
        assert await replies[2].wait() == ("a", "x", 3)
        for reply in replies[:2]:
            with pytest.raises(AskFailed):
                await reply.wait()

    recorder = await with_registry(body)
    kinds = [e.kind for e in recorder.exits]
    assert kinds == [ExitKind.RETURNED, ExitKind.SHUTDOWN, ExitKind.RETURNED]


async def test_a_kept_mailbox_of_a_forgotten_key_is_closed(autojump_clock: Clock) -> None:
    """A message put there would wait for an actor that will never come."""
    kept: list[Mailbox[str]] = []

    async def keeper(ctx: Context) -> None:
        kept.append(ctx.mailbox)
        await echo(ctx)

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.ask("a", "x")
        await settle()
        kept[0].tell_nowait("direct")
        assert kept[0].name == "keys/a"
        registry.passivate("a")
        await settle()
        with pytest.raises(MailboxClosed):
            kept[0].tell_nowait("into the void")

    await with_registry(body, behaviour=keeper)


async def test_an_actor_does_not_inherit_the_context_of_whoever_sent_first(
    autojump_clock: Clock,
) -> None:
    sender: contextvars.ContextVar[str] = contextvars.ContextVar("sender", default="nobody")

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        sender.set("alice")
        assert await registry.ask("a", "x") == "nobody"

    async def curious(ctx: Context) -> None:
        for envelope in await ctx.take():
            envelope.reply(sender.get())

    await with_registry(body, behaviour=curious)


async def test_outside_of_run_nothing_is_accepted() -> None:
    registry: Registry[str, str] = Registry("keys", echo)
    with pytest.raises(MailboxClosed):
        registry.tell_nowait("a", "x")
    with pytest.raises(MailboxClosed):
        await registry.ask("a", "x")
    assert "down" in format_tree(registry.tree())
    assert "0 active" in repr(registry)


async def test_a_registry_runs_once_at_a_time(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        with pytest.raises(trio.BusyResourceError):
            await registry.run()

    await with_registry(body)


async def test_weights_bound_each_key(autojump_clock: Clock) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        registry.tell_nowait("a", "hang")
        await settle()
        registry.tell_nowait("a", "12345")
        with pytest.raises(MailboxFull):
            registry.tell_nowait("a", "67890")
        registry.tell_nowait("b", "67890")

    await with_registry(body, RegistryOptions(max_weight=8, weigh=len, shutdown=1))


async def test_a_polite_part_of_an_actor_hears_that_it_should_leave(autojump_clock: Clock) -> None:
    heard: list[float] = []

    async def actor(ctx: Context) -> None:
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                await stopping().wait()
                heard.append(trio.current_time())

            nursery.start_soon(listen)
            await echo(ctx)

    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        await registry.ask("a", "x")
        await settle()

    await with_registry(body, behaviour=actor)
    assert len(heard) == 1


async def test_a_keyboard_interrupt_in_an_actor_goes_through(autojump_clock: Clock) -> None:
    async def interrupted(ctx: Context) -> None:
        await ctx.take()
        raise KeyboardInterrupt

    registry: Registry[str, str] = Registry("keys", interrupted)
    rest: BaseException | None = ValueError("nothing came through")
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(registry.run)
            registry.tell_nowait("a", "x")
            registry.tell_nowait("a", "y")
    except BaseExceptionGroup as group:
        rest = group.split(KeyboardInterrupt)[1]
    assert rest is None
    assert not registry.active("a")
    check_conservation(registry)


def test_options_that_mean_nothing_are_refused() -> None:
    for bad in (
        lambda: RegistryOptions(idle_timeout=-1),
        lambda: RegistryOptions(cap=0),
        lambda: RegistryOptions(capacity=0),
        lambda: RegistryOptions(max_weight=5),
        lambda: RegistryOptions(storm=Intensity(1, -1)),
        lambda: Shedding(lambda: 0.0, high=0.5, low=0.6),
        lambda: Registry("a/b", echo),
    ):
        with pytest.raises(ValueError):
            bad()
    assert RegistryOptions(cap=math.inf, idle_timeout=math.inf).cap == math.inf


def test_a_cancel_at_any_checkpoint_of_an_ask_keeps_the_registry_whole() -> None:
    async def attempt(operate):  # type: ignore[no-untyped-def]  # the signature is cancel_each_checkpoint's
        registry: Registry[str, str] = Registry("keys", echo, RegistryOptions(idle_timeout=5))
        async with trio.open_nursery() as nursery:
            await nursery.start(registry.run)
            await operate(lambda: registry.ask("a", "x"))
            await trio.sleep(6)
            assert not registry.active("a")
            check_conservation(registry)
            assert await registry.ask("a", "y") is not None
            nursery.cancel_scope.cancel()

    async def main() -> int:
        return await cancel_each_checkpoint(attempt)

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) >= 1


async def test_a_quarantine_that_has_just_ended_is_over_also_before_anybody_swept(
    mock_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        registry.tell_nowait("bad", "boom")
        await settle()
        mock_clock.jump(60)
        registry.tell_nowait("bad", "x")
        assert recorder.paths("released") == ["keys/bad"]

    await with_registry(body, RegistryOptions(quarantine=Intensity(0, 60)))


async def test_a_key_whose_first_message_was_refused_is_not_activated(
    autojump_clock: Clock,
) -> None:
    async def body(registry: Registry[str, str], recorder: Recorder) -> None:
        with pytest.raises(MailboxFull):
            registry.tell_nowait("a", "much too heavy")
        await settle()
        assert not registry.active("a")

    recorder = await with_registry(body, RegistryOptions(max_weight=3, weigh=len))
    assert recorder.paths("activated") == []
