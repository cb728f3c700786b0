"""A session over a real session machine: what the application sees, whatever the network does."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from protocol import CloseReason, MsgId, Rejected, SessionLimits
from router.client.errors import OutcomeUnknown, Refused, SessionEnded, Unavailable
from router.client.events import Event, MessageEvent
from router.client.session import Session, SessionOptions, open_session_on
from router.client.state import DeviceState
from router.client.xrpc import Dice
from tests.client.session_server import CONVO, DEVICE, OTHER, SessionServer

DICE = Dice(jitter=lambda: 0.0)


@asynccontextmanager
async def session_on(
    server: SessionServer,
    *,
    state: DeviceState | None = None,
    options: SessionOptions = SessionOptions(),  # noqa: B008 - frozen
    save: Callable[[DeviceState], None] | None = None,
) -> AsyncIterator[Session]:
    async with open_session_on(
        server.connect, state or DeviceState(DEVICE), options=options, dice=DICE, save=save
    ) as session:
        yield session


def body(number: int) -> bytes:
    return b"%d" % number


async def received(session: Session, count: int) -> list[bytes]:
    events = [await session.receive() for _ in range(count)]
    return [event.ciphertext for event in events if isinstance(event, MessageEvent)]


async def test_sends_are_pipelined_and_receipts_come_later(autojump_clock: trio.testing.MockClock) -> None:
    server = SessionServer()
    async with session_on(server) as session:
        receipts = [await session.send(CONVO, body(n)) for n in range(5)]
        assert [(await receipt.wait()).seq for receipt in receipts] == [1, 2, 3, 4, 5]
        assert await received(session, 5) == [body(n) for n in range(5)]
        assert session.connected


async def test_unanswered_sends_are_repeated_after_a_reconnect(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The first connection dies with the acks: the log has the sends, the client does not know."""
    server = SessionServer(budgets=[5])  # hello, welcome, send, ack, send
    async with session_on(server) as session:
        receipts = [await session.send(CONVO, body(n)) for n in range(3)]
        assert [(await receipt.wait()).seq for receipt in receipts] == [1, 2, 3]
        await session.drain()
        assert session.statistics.connections == 2
        assert session.statistics.repeated > 0
    assert len(server.log) == 3


async def test_memory_is_bounded_when_the_application_does_not_receive(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = SessionServer()
    async with session_on(server, options=SessionOptions(window=4)) as session:
        receipts = [await session.send(CONVO, body(n)) for n in range(50)]
        for receipt in receipts:
            await receipt.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert len(session._inbox) <= 4
        assert await received(session, 50) == [body(n) for n in range(50)]


async def test_send_waits_while_too_many_are_unanswered(autojump_clock: trio.testing.MockClock) -> None:
    server = SessionServer()
    server.turned_away = [Unavailable("NotEnoughResources", "starting", retry_after=5.0)]
    async with session_on(server, options=SessionOptions(max_unanswered=2)) as session:
        for n in range(2):
            await session.send(CONVO, body(n))
        with trio.move_on_after(1) as waiting:
            await session.send(CONVO, body(2))
        assert waiting.cancelled_caught
        await session.drain()
    assert len(server.log) == 2  # the cancelled call sent nothing


async def test_a_wait_the_server_asks_for_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    server = SessionServer()
    server.turned_away = [Unavailable("NotEnoughResources", "starting", retry_after=7.0)]
    began = trio.current_time()
    async with session_on(server) as session:
        await session.wait_connected()
    assert trio.current_time() - began >= 7.0


async def test_a_temporary_refusal_of_a_send_is_repeated(autojump_clock: trio.testing.MockClock) -> None:
    server = SessionServer()
    server.refusals = [Rejected("NotEnoughResources", "the disk is full", retry_after=2)]
    async with session_on(server) as session:
        began = trio.current_time()
        sent = await (await session.send(CONVO, body(1), msg_id=MsgId("m"))).wait()
        assert sent.seq == 1
        assert trio.current_time() - began >= 2.0
    assert server.submitted == ["m", "m"]


async def test_a_final_refusal_fails_its_receipt_alone(autojump_clock: trio.testing.MockClock) -> None:
    server = SessionServer()
    server.refusals = [Rejected("NotMember", "you were removed")]
    async with session_on(server) as session:
        refused, taken = await session.send(CONVO, body(1)), await session.send(CONVO, body(2))
        with pytest.raises(Refused, match="NotMember"):
            await refused.wait()
        assert (await taken.wait()).seq == 1


async def test_a_drained_server_is_left_and_found_again(autojump_clock: trio.testing.MockClock) -> None:
    server = SessionServer()
    async with session_on(server) as session:
        await (await session.send(CONVO, body(1))).wait()
        began = trio.current_time()
        server.close_all(CloseReason.DRAINING, reconnect_after=3)
        await (await session.send(CONVO, body(2))).wait()
        assert trio.current_time() - began >= 3.0
        assert await received(session, 2) == [body(1), body(2)]


async def test_a_final_close_is_told_to_everybody_who_waits(autojump_clock: trio.testing.MockClock) -> None:
    server = SessionServer()
    server.greeting_refused = Rejected("FutureCursor", "this log was restored")
    async with session_on(server) as session:
        receipt = await session.send(CONVO, body(1))
        with pytest.raises(Refused, match="FutureCursor"):
            await session.receive()
        with pytest.raises(OutcomeUnknown):
            await receipt.wait()
        with pytest.raises(Refused, match="FutureCursor"):
            await session.send(CONVO, body(2))


async def test_a_server_that_falls_silent_is_left(autojump_clock: trio.testing.MockClock) -> None:
    """No close, no data, no pong: only the clock can tell, and it must."""
    server = SessionServer(limits=SessionLimits(heartbeat=10))
    async with session_on(server) as session:
        await (await session.send(CONVO, body(1))).wait()
        server.connections[0].muted = True
        await (await session.send(CONVO, body(2))).wait()
        assert session.statistics.connections == 2


async def test_a_quiet_session_stays_open_by_pings(autojump_clock: trio.testing.MockClock) -> None:
    server = SessionServer(limits=SessionLimits(heartbeat=10))
    async with session_on(server) as session:
        await session.wait_connected()
        await trio.sleep(1_000)
        assert session.statistics.connections == 1


async def test_a_closed_session_says_so(autojump_clock: trio.testing.MockClock) -> None:
    async with session_on(SessionServer()) as session:
        await session.wait_connected()
    with pytest.raises(SessionEnded):
        await session.send(CONVO, body(1))


async def test_a_cancelled_receive_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    server = SessionServer()
    async with session_on(server) as session:
        with trio.move_on_after(1):
            await session.receive()
        await (await session.send(CONVO, body(1))).wait()
        assert await received(session, 1) == [body(1)]


async def test_a_saved_state_goes_on_where_it_ended(autojump_clock: trio.testing.MockClock) -> None:
    """The next run of a device repeats its unanswered sends and sees no event twice."""
    server, saved = SessionServer(cursor_every=1), list[DeviceState]()
    async with session_on(server, save=saved.append) as session:
        for n in range(3):
            await (await session.send(CONVO, body(n))).wait()
        assert await received(session, 2) == [body(0), body(1)]
        server.away = True  # and not for a time: the clock jumps while a thread saves
        server.cut_all()
        await session.send(CONVO, body(3), msg_id=MsgId("last"))
    assert [each.msg_id for each in saved[-1].pending] == ["last"]
    server.away = False
    async with session_on(server, state=saved[-1]) as session:
        assert await received(session, 2) == [body(2), body(3)]
    assert len(server.log) == 4


@given(
    sends=st.lists(st.sampled_from([CONVO, OTHER]), min_size=1, max_size=12),
    budgets=st.lists(st.integers(0, 12), max_size=8),
    window=st.integers(1, 4),
    cursor_every=st.integers(1, 4),
)
def test_whatever_the_network_does_every_send_is_in_the_log_once_and_seen_once(
    sends: list[str], budgets: list[int], window: int, cursor_every: int
) -> None:
    """Connections that die at any frame cost time and nothing else."""
    server = SessionServer(budgets=budgets, cursor_every=cursor_every)
    targets = [CONVO if each == CONVO else OTHER for each in sends]
    seen: list[Event] = []
    seqs: list[int] = []

    async def scenario() -> None:
        async with session_on(server, options=SessionOptions(window=window)) as session:
            receipts = [await session.send(convo, body(n)) for n, convo in enumerate(targets)]
            seqs.extend([(await receipt.wait()).seq for receipt in receipts])
            while len(seen) < len(targets):
                seen.append(await session.receive())
            with trio.move_on_after(60):
                seen.append(await session.receive())

    trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))
    for convo in (CONVO, OTHER):
        sent = [body(n) for n, target in enumerate(targets) if target == convo]
        log = [entry for entry in server.log if entry.conversation == convo]
        assert [entry.body for entry in log] == sent
        assert [entry.seq for entry in log] == list(range(1, len(sent) + 1))
        assert [
            event.ciphertext for event in seen if isinstance(event, MessageEvent) and event.convo == convo
        ] == sent
        assert [seq for seq, target in zip(seqs, targets, strict=True) if target == convo] == [
            e.seq for e in log
        ]
