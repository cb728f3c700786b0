"""Frames a session cannot take: a fatal one gets an error frame and a close with a code and a reason, a bad
send is answered by its id and the session goes on. Bytes that are no frames at all get a close frame too.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from tests.system.raw import Closed, RawClient, raw_client
from tests.system.town import ABSENT, CHAT, Town, a_send, lex

pytestmark = pytest.mark.system

HELLO: dict[str, Any] = {"type": "hello", "credit": 10}
Say = Callable[[Town], Mapping[str, Any] | str | bytes]


@asynccontextmanager
async def open_session(town: Town, *, greet: bool = True) -> AsyncIterator[RawClient]:
    nsid = f"{CHAT}.session"
    async with raw_client(town.router) as client:
        refusal = await client.open_websocket(
            f"/xrpc/{nsid}", {**town.bearer(nsid), "sec-websocket-protocol": "rookery.v1"}
        )
        assert refusal is None, refusal
        if greet:
            await client.say(HELLO)
            await client.hear_type("welcome")
        yield client


def frame_send(town: Town, **changes: Any) -> dict[str, Any]:
    return {"type": "send", "id": 1, **a_send(town), **changes}


FATAL: Mapping[str, tuple[bool, Say, str, int]] = {
    # after hello?, the frame, the error frame's name, the close code
    "a send before hello": (False, frame_send, "InvalidRequest", 1008),
    "no JSON": (False, lambda _: "{no", "InvalidRequest", 1008),
    "a list": (True, lambda _: "[]", "InvalidRequest", 1008),
    "an object without a type": (True, lambda _: "{}", "InvalidRequest", 1008),
    "a hello without credit": (False, lambda _: {"type": "hello"}, "InvalidRequest", 1008),
    "too much credit": (False, lambda _: {**HELLO, "credit": 10**6}, "InvalidRequest", 1008),
    "an unknown field": (False, lambda _: {**HELLO, "sender": "x"}, "InvalidRequest", 1008),
    "hello twice": (True, lambda _: HELLO, "InvalidRequest", 1008),
    "binary after text": (True, lambda _: b"\xa1dtypedping", "UnsupportedMediaType", 1003),
    "credit without end": (True, lambda _: {"type": "credit", "n": 10_000}, "RateLimitExceeded", 1008),
    "a made-up cursor": (False, lambda _: {**HELLO, "cursor": "made-up"}, "InvalidCursor", 1008),
    "a foreign device": (False, lambda t: {**HELLO, "deviceId": t.foreign_device}, "DeviceNotFound", 1008),
    "a broken binary hello": (False, lambda _: b"\xff\xff", "InvalidRequest", 1008),
}  # fmt: skip


@pytest.mark.parametrize("name", FATAL)
async def test_a_bad_frame_ends_the_session_by_name(town: Town, name: str) -> None:
    greet, make, error, code = FATAL[name]
    async with open_session(town, greet=greet) as client:
        await client.say(make(town))
        heard = await client.hear()
        while isinstance(heard, str) and json.loads(heard)["type"] in ("event", "cursor"):
            heard = await client.hear()
        assert heard_error(heard) == error
        closed = await client.hear_close()
        assert closed.code == code
        assert closed.reason


def heard_error(heard: str | bytes | Closed) -> str:
    """The name in an error frame, which may be binary where the client's first frame was."""
    assert not isinstance(heard, Closed), heard
    if isinstance(heard, bytes):
        assert b"eerror" in heard
        return next(name for name in ("InvalidRequest", "UnsupportedMediaType") if name.encode() in heard)
    value = json.loads(heard)
    assert value["type"] == "error"
    assert value["message"]
    return str(value["error"])


BY_ID: Mapping[str, tuple[Say, str]] = {
    "a wrong size": (lambda t: frame_send(t, ciphertext=lex(bytes(700))), "InvalidAsset"),
    "an unknown conversation": (lambda t: frame_send(t, convoId=ABSENT), "ConvoNotFound"),
    "a used msgId": (lambda t: frame_send(t, msgId="taken"), "IdempotencyConflict"),
    "a bad msgId": (lambda t: frame_send(t, msgId="a b"), "InvalidRequest"),
    "no ciphertext": (lambda t: {**frame_send(t), "ciphertext": 7}, "InvalidRequest"),
    "typing, which is not built yet": (
        lambda t: {"type": "typing", "id": 1, "convoId": t.convo}, "MethodNotImplemented",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_ID)
async def test_a_bad_send_is_answered_by_its_id_and_the_session_goes_on(town: Town, name: str) -> None:
    make, error = BY_ID[name]
    async with open_session(town) as client:
        await client.say(make(town))
        heard = await client.hear_type("error")
        assert (heard["id"], heard["error"]) == (1, error)
        await client.say({"type": "ping", "id": 7})
        assert (await client.hear_type("pong"))["id"] == 7


BROKEN: Mapping[str, tuple[bytes, int]] = {
    "a frame without a mask": (b"\x81\x02hi", 1002),
    "a reserved opcode": (b"\x83\x80\x00\x00\x00\x00", 1002),
    "text that is not UTF-8": (b"\x81\x82\x00\x00\x00\x00\xff\xff", 1007),
    "a continuation of nothing": (b"\x80\x80\x00\x00\x00\x00", 1002),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_websocket_frame_gets_a_close_frame_with_a_reason(town: Town, name: str) -> None:
    data, code = BROKEN[name]
    async with open_session(town) as client:
        await client.stream.send_all(data)
        closed = await client.hear_close()
        assert closed.code == code
        assert closed.reason


async def test_a_websocket_message_that_is_too_long_is_closed_with_1009(town: Town) -> None:
    """Refused by the length it announces or as soon as it is too long, with a reason."""
    async with open_session(town) as client:
        async with trio.open_nursery() as nursery:

            async def flood() -> None:
                try:
                    await client.say("x" * (16 * 1024 * 1024))
                except trio.BrokenResourceError:
                    pass

            nursery.start_soon(flood)
            closed = await client.hear_close()
            nursery.cancel_scope.cancel()
        assert closed.code == 1009
        assert closed.reason
