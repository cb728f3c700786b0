"""SIGTERM: readiness red, streams told to come back, begun requests answered, and an end in time.

The deadline holds although a client has stopped reading its socket while more was sent to it than the
kernel takes. A second SIGTERM does not wait.
"""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from protocol import decode_frame
from tests.system.people import CHAT, Person, new_convo, open_people, sealed
from tests.system.process import RouterProcess, running_router
from tests.system.raw import Closed, RawClient, raw_client, request
from tests.system.town import lex, text

pytestmark = pytest.mark.system

GRACE = 4.0
SLACK = 8.0
"""For what comes after the drain: the last commit, the writer's end, a busy machine."""
LARGE = 1024 * 1024


@asynccontextmanager
async def stream(router: RouterProcess, person: Person, query: str = "") -> AsyncIterator[RawClient]:
    """An SSE stream whose head was read."""
    async with raw_client(router) as client:
        headers = {"authorization": person.bearer("streamEvents")}
        status, _ = await client.head(request("GET", f"/xrpc/{CHAT}.streamEvents{query}", headers))
        assert status == 200
        yield client


@asynccontextmanager
async def begun_send(
    router: RouterProcess, person: Person, convo: str
) -> AsyncIterator[tuple[RawClient, bytes]]:
    """A sendMessage of which the server has all but the last bytes; yields them too."""
    body = text({"convoId": convo, "msgId": "begun", "ciphertext": lex(sealed("begun"))})
    headers = {"authorization": person.bearer("sendMessage")}
    data = request("POST", f"/xrpc/{CHAT}.sendMessage", headers, body)
    async with raw_client(router) as client:
        await client.stream.send_all(data[:-10])
        yield client, data[-10:]


async def is_ready(router: RouterProcess) -> bool:
    """What the admin listener says to a load balancer."""
    status, _ = await router.admin("/health/ready")
    return status == 200


async def until_not_ready(router: RouterProcess) -> None:
    """Wait until readiness is red while the process lives."""
    with trio.fail_after(2.0):
        while await is_ready(router):  # noqa: ASYNC110 -- another process sets no event
            await trio.sleep(0.02)


async def test_sigterm_ends_the_server_in_time_although_a_client_reads_nothing() -> None:
    settings = {"ROOKERY_SERVER__GRACEFUL_TIMEOUT": str(GRACE), "ROOKERY_SERVER__SEND_TIMEOUT": "60"}
    async with running_router(settings) as router, open_people(router, "alice", "bob") as (alice, bob):
        await alice.device("phone")
        await bob.device("phone")
        convo = await new_convo(alice, bob)
        nsid = f"{CHAT}.session"
        async with (
            raw_client(router, receive_buffer=4096) as deaf,
            raw_client(router, receive_buffer=4096) as deaf_too,
        ):
            headers = {"authorization": bob.bearer("session"), "sec-websocket-protocol": "rookery.v1"}
            assert await deaf.open_websocket(f"/xrpc/{nsid}", headers) is None
            await deaf.say({"type": "hello", "credit": 10_000})
            token = {"authorization": bob.bearer("streamEvents")}
            await deaf_too.stream.send_all(request("GET", f"/xrpc/{CHAT}.streamEvents", token))
            for number in range(8):
                await alice.client.chat.send_message(convo, sealed(f"large {number}", LARGE))
            # more than two sockets' buffers take, so that a write of the server waits for each
            assert (await router.numbers()).connections == 2
            began = trio.current_time()
            assert await router.terminate(GRACE + SLACK) == 0, router.last_words()
            print(f"ended after {trio.current_time() - began:.2f} s of {GRACE:g} s")


async def test_streams_are_told_to_come_back() -> None:
    async with running_router() as router, open_people(router, "alice") as (alice,):
        await alice.device("phone")
        await new_convo(alice)
        async with (
            stream(router, alice) as events,
            raw_client(router) as session,
            raw_client(router) as frames,
        ):
            headers = {"authorization": alice.bearer("session"), "sec-websocket-protocol": "rookery.v1"}
            assert await session.open_websocket(f"/xrpc/{CHAT}.session", headers) is None
            await session.say({"type": "hello", "credit": 100})
            await session.hear_type("welcome")
            token = {"authorization": alice.bearer("subscribeEvents")}
            assert await frames.open_websocket(f"/xrpc/{CHAT}.subscribeEvents?cursor=0", token) is None
            await frames.hear()
            router.signal(signal.SIGTERM)

            told = (await events.read_to_end()).decode()
            assert "retry: " in told
            assert "event: infoEvent" in told
            assert "draining" in told

            goodbye = await session.hear_type("close")
            assert goodbye["reason"] == "ServerDraining"
            assert goodbye["reconnectAfter"] > 0
            assert (await session.hear_close()) == Closed(1012, "ServerDraining")

            last = b""
            while not isinstance(heard := await frames.hear(), Closed):
                assert isinstance(heard, bytes)
                decode_frame(heard)
                last = heard
            assert b"ServerDraining" in last
            assert heard.code == 1012
        # nothing was left to wait for
        assert await router.wait(SLACK) == 0


async def test_a_request_that_was_begun_is_answered() -> None:
    async with running_router() as router, open_people(router, "alice") as (alice,):
        await alice.device("phone")
        convo = await new_convo(alice)
        async with begun_send(router, alice, convo) as (client, rest):
            router.signal(signal.SIGTERM)
            await until_not_ready(router)
            with pytest.raises(OSError, match="refused"):
                async with raw_client(router):
                    pass
            await client.stream.send_all(rest)
            assert (await client.answer()).status == 200
            assert await client.read_to_end() == b""
        assert await router.wait(SLACK) == 0
        await router.start()
        page = await alice.client.chat.get_messages(convo)
        assert [message.id for message in page.messages] == ["begun"]


async def test_a_second_sigterm_does_not_wait() -> None:
    settings = {"ROOKERY_SERVER__GRACEFUL_TIMEOUT": "600"}
    async with running_router(settings) as router, open_people(router, "alice") as (alice,):
        await alice.device("phone")
        convo = await new_convo(alice)
        async with begun_send(router, alice, convo) as (client, _):
            router.signal(signal.SIGTERM)
            await until_not_ready(router)
            assert router.alive
            assert await router.terminate(SLACK) == 0, router.last_words()
            assert await client.read_to_end() == b""


async def test_an_idle_connection_is_not_waited_for() -> None:
    settings = {"ROOKERY_SERVER__GRACEFUL_TIMEOUT": "600"}
    async with running_router(settings) as router, raw_client(router) as idle:
        assert await router.terminate(SLACK) == 0
        assert await idle.read_to_end() == b""
        assert "restart" not in router.log.read_text(), "a part that has ended was about to begin again"
