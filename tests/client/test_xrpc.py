"""Calls over a real HTTP client whose network is a function: repeats, waits, tokens and named errors."""

import gc
from contextlib import AbstractAsyncContextManager

import httpx
import msgspec
import pytest
import trio
import trio.testing

from protocol import AccountDid, ConversationId, MsgId
from router.client.client import RookeryClient, open_client
from router.client.errors import BadAnswer, OutcomeUnknown, Refused, Unavailable
from router.client.retry import DEFAULT_POLICY, RetryPolicy
from router.client.xrpc import Dice, retry_after_seconds

CONVO = ConversationId("aaaaaaaaaaaaaaaaaaaaaaaaaa")
SENT = {"messageId": "m", "seq": 7, "epoch": 0, "receivedAt": "2026-01-01T00:00:00Z", "newField": 1}


class Network:
    """Answers requests from a list, in order, and remembers them."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(trio.current_time())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def error(status: int, name: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": name, "message": "why"}, headers=headers)


def opened(
    network: Network, policy: RetryPolicy = DEFAULT_POLICY
) -> AbstractAsyncContextManager[RookeryClient]:
    counter = iter(range(1_000))
    return open_client(
        "http://router.test",
        AccountDid("did:web:alice.router.test"),
        lambda lxm: f"token-{next(counter)}-for-{lxm}",
        policy=policy,
        dice=Dice(jitter=lambda: 0.0, wall=lambda: 0.0),
        transport=httpx.MockTransport(network),
    )


async def send(network: Network, policy: RetryPolicy = DEFAULT_POLICY) -> int:
    async with opened(network, policy) as client:
        return (await client.chat.send_message(CONVO, b"sealed", msg_id=MsgId("m"))).seq


async def test_a_call_is_one_request_with_a_token_for_its_method() -> None:
    network = Network(httpx.Response(200, json=SENT))
    assert await send(network) == 7
    (request,) = network.requests
    assert request.url.path == "/xrpc/chat.rookery.sendMessage"
    assert request.headers["authorization"] == "Bearer token-0-for-chat.rookery.sendMessage"
    assert msgspec.json.decode(request.content) == {
        "convoId": CONVO,
        "msgId": "m",
        "ciphertext": {"$bytes": "c2VhbGVk"},
    }


async def test_an_answer_that_never_came_is_asked_for_with_the_same_bytes_and_a_new_token(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = Network(
        httpx.ReadError("reset"), error(500, "InternalServerError"), httpx.Response(200, json=SENT)
    )
    assert await send(network) == 7
    assert len({request.content for request in network.requests}) == 1
    assert len({request.headers["authorization"] for request in network.requests}) == 3


async def test_an_idempotency_key_is_made_once_a_call(autojump_clock: trio.testing.MockClock) -> None:
    view = {"id": CONVO, "creator": "x", "members": [], "epoch": 0, "createdAt": "now"}
    network = Network(
        httpx.ConnectError("no"), httpx.Response(200, json=view), httpx.Response(200, json=view)
    )
    async with opened(network) as client:
        await client.chat.create_convo([])
        await client.chat.create_convo([])
    keys = [msgspec.json.decode(request.content)["idempotencyKey"] for request in network.requests]
    assert keys[0] == keys[1] != keys[2]


async def test_a_wait_in_retry_after_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    network = Network(
        error(503, "NotEnoughResources", **{"retry-after": "4"}), httpx.Response(200, json=SENT)
    )
    await send(network)
    assert network.times[1] - network.times[0] >= 4.0


async def test_a_wait_that_is_too_long_is_the_callers(autojump_clock: trio.testing.MockClock) -> None:
    network = Network(error(429, "RateLimitExceeded", **{"retry-after": "3600"}))
    with pytest.raises(Unavailable) as caught:
        await send(network)
    assert (caught.value.retry_after, caught.value.status) == (3600.0, 429)


async def test_a_refusal_comes_once_with_its_name() -> None:
    network = Network(error(404, "ConvoNotFound"))
    with pytest.raises(Refused) as caught:
        await send(network)
    assert (caught.value.error, caught.value.message, caught.value.status) == ("ConvoNotFound", "why", 404)


async def test_in_the_end_an_unknown_outcome_is_said(autojump_clock: trio.testing.MockClock) -> None:
    network = Network(*[httpx.ConnectError("refused") for _ in range(3)])
    with pytest.raises(OutcomeUnknown):
        await send(network, RetryPolicy(max_attempts=3))
    assert len(network.requests) == 3


@pytest.mark.parametrize("content", [b"", b"<html>", b"{}", b'{"messageId":1}'])
async def test_a_success_of_another_shape_is_no_success(content: bytes) -> None:
    with pytest.raises(BadAnswer):
        await send(Network(httpx.Response(200, content=content)))


async def test_an_error_of_a_proxy_has_no_name_and_still_a_kind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = Network(httpx.Response(502, content=b"<html>bad gateway"), httpx.Response(200, json=SENT))
    assert await send(network) == 7
    with pytest.raises(Refused, match="Http404"):
        await send(Network(httpx.Response(404, content=b"nothing here")))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_of_its_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, now=10.0) == seconds


async def test_params_that_are_not_given_are_not_sent() -> None:
    network = Network(httpx.Response(200, json={"conversations": []}))
    async with opened(network) as client:
        await client.chat.get_convos(limit=5)
    assert dict(network.requests[0].url.params) == {"limit": "5"}


class BreaksWhileSending(httpx.AsyncBaseTransport):
    """Takes the first piece of a body and then loses the connection."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for _ in request.stream:
            raise httpx.WriteError("broken pipe")
        raise AssertionError("a body has a piece")


async def test_a_connection_that_breaks_while_a_body_is_sent_leaves_nothing_to_the_collector() -> None:
    """An async generator left in the middle is reported when it is collected; warnings are errors here."""
    client = open_client(
        "http://router.test",
        AccountDid("did:web:alice.router.test"),
        str,
        policy=RetryPolicy(max_attempts=1),
        transport=BreaksWhileSending(),
    )
    async with client as opened_client:
        with pytest.raises(OutcomeUnknown):
            await opened_client.chat.send_message(CONVO, b"sealed")
    gc.collect()
