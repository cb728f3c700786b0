"""Clients that leave at any moment, slow clients, slow handlers: nothing is lost, repeated or left behind."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from router.config import Settings
from router.config.sections import Server
from router.edge.server import Limits
from router.store.memory import MemoryStore
from router.store.values import AppendOutcome, AppendRequest
from tests.edge.harness import error_of, read_until
from tests.edge.house import ROOKERY, Account, House, error_name, open_house, padded

SEND = f"{ROOKERY}.sendMessage"
COSTLY = settings(max_examples=max(10, settings().max_examples // 5))
"""Each example builds a whole house."""


def request(house: House, account: Account, convo: str, msg_id: str) -> bytes:
    """One send as bytes on the wire."""
    body = json.dumps({"convoId": convo, "msgId": msg_id, "ciphertext": padded(msg_id.encode())}).encode()
    head = (
        f"POST /xrpc/{SEND} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nauthorization: Bearer {house.token(account, SEND)}\r\n\r\n"
    )
    return head.encode() + body


@COSTLY
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=4))
def test_a_connection_cut_anywhere_loses_and_repeats_nothing(cuts: list[tuple[float, bool]]) -> None:
    """Three pipelined sends, cut after any byte, politely or by a reset; then the client asks again."""

    async def main() -> None:
        async with open_house() as house:
            convo = await house.group("alice")
            alice = house.accounts["alice"]
            names = [f"m{number}" for number in range(3)]
            for share, politely in cuts:
                data = b"".join(request(house, alice, convo, name) for name in names)
                stream = await house.server.connect()
                await stream.send_all(data[: int(share * len(data))])
                if politely:
                    await stream.aclose()
                else:
                    await trio.aclose_forcefully(stream)
            answers = [await house.say(alice, convo, name) for name in names]
            page = await house.get(alice, f"{ROOKERY}.getMessages", convoId=convo)
            log = {message["id"]: message["seq"] for message in page["messages"]}
            assert log == {answer["messageId"]: answer["seq"] for answer in answers}
            assert sorted(log.values()) == [2, 3, 4]
            assert house.faults == []

    trio.run(main)


@COSTLY
@given(st.lists(st.integers(0, 30), min_size=1, max_size=5))
def test_a_session_cancelled_at_any_step_leaves_nothing_behind(steps: list[int]) -> None:
    """Each connection is dropped after so many scheduler steps of the whole house."""

    async def main() -> None:
        async with open_house() as house:
            convo = await house.group("alice")
            alice = house.accounts["alice"]
            hello = json.dumps({"type": "hello", "credit": 10})
            for place, count in enumerate(steps):
                async with house.session(alice) as socket:
                    await socket.send(hello)
                    send = {"convoId": convo, "msgId": f"m{place}", "ciphertext": padded(b"x")}
                    await socket.send(json.dumps({"type": "send", "id": 1, **send}))
                    for _ in range(count):
                        await trio.lowlevel.checkpoint()
            while house.edge.devices.connections:  # noqa: ASYNC110 - a number of the house, not of the test
                await trio.sleep(0.001)
            for place in range(len(steps)):
                await house.say(alice, convo, f"m{place}", b"x")
            page = await house.get(alice, f"{ROOKERY}.getMessages", convoId=convo)
            assert [message["seq"] for message in page["messages"]] == list(range(2, 2 + len(steps)))
            assert house.faults == []

    trio.run(main)


@pytest.mark.parametrize("name", ["sendMessage", "createConvo"])
async def test_a_body_that_does_not_come_is_answered_408(
    name: str, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with open_house(settings=Settings(server=Server(body_timeout=5.0))) as house:
        alice = await house.account("alice")
        nsid = f"{ROOKERY}.{name}"
        async with await house.server.connect() as stream:
            head = (
                f"POST /xrpc/{nsid} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                f"content-length: 100\r\nauthorization: Bearer {house.token(alice, nsid)}\r\n\r\n{{"
            )
            await stream.send_all(head.encode())
            start = trio.current_time()
            assert error_of(await read_until(stream, b"}")) == (408, "RequestTimeout")
            assert trio.current_time() - start == pytest.approx(5, abs=0.5)


async def test_a_handler_that_takes_too_long_is_an_unknown_outcome(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02

    class Slow(MemoryStore):
        delay = 0.0

        async def append(self, request: AppendRequest) -> AppendOutcome:
            await trio.sleep(self.delay)
            return await super().append(request)

    store = Slow()
    async with open_house(store) as house:
        convo = await house.group("alice")
        alice = house.accounts["alice"]
        store.delay = house.edge.answer_timeout + 5
        body = {"convoId": convo, "msgId": "m", "ciphertext": padded(b"x")}
        answer = await house.send("POST", SEND, alice, json=body)
        assert error_name(answer) == "UpstreamTimeout"
        store.delay = 0.0
        await trio.sleep(30)
        assert (await house.post(alice, SEND, body))["seq"] == 2  # it had taken effect; this is its answer


async def test_a_drain_answers_what_was_asked_and_then_refuses_streams() -> None:
    gate = trio.Event()

    class Gated(MemoryStore):
        closed = False

        async def append(self, request: AppendRequest) -> AppendOutcome:
            if self.closed:
                await gate.wait()
            return await super().append(request)

    store = Gated()
    async with open_house(store, limits=Limits(linger_timeout=0.2)) as house:
        convo = await house.group("alice")
        alice = house.accounts["alice"]
        store.closed = True
        waiting, keeping = await house.server.connect(), await house.server.connect()
        await waiting.send_all(request(house, alice, convo, "m"))
        await keeping.send_all(request(house, alice, convo, "n") * 2)
        await trio.testing.wait_all_tasks_blocked(0.01)
        house.edge.drain.set()
        await trio.testing.wait_all_tasks_blocked(0.01)
        gate.set()
        for stream in (waiting, keeping):
            assert (await read_until(stream, b"}")).startswith(b"HTTP/1.1 200")
            await stream.aclose()
        await house.server.ended.wait()
