"""Streams that cannot be opened as asked are refused by name, before any event and before any upgrade.

SSE, AT Protocol frames and the session's handshake; and the three single requests that end hypercorn
0.18 on Trio.
"""

from collections.abc import Mapping

import h2.config
import h2.connection
import pytest

from protocol import decode_frame
from tests.system.people import open_person
from tests.system.raw import raw_client, request, upgrade
from tests.system.town import ABSENT, CHAT, Make, Town, exchange, get, post

pytestmark = pytest.mark.system

STREAMS: Mapping[str, tuple[Make, int, str]] = {
    "a made-up cursor": (lambda t: get(t, "streamEvents", "?cursor=made-up"), 400, "InvalidCursor"),
    "a made-up Last-Event-ID": (
        lambda t: get(t, "streamEvents", last_event_id="made-up"), 400, "InvalidCursor",
    ),
    "a seq of the future": (
        lambda t: get(t, "streamEvents", f"?convoId={t.convo}&cursor=999"), 400, "FutureCursor",
    ),
    "a foreign device": (
        lambda t: get(t, "streamEvents", f"?deviceId={t.foreign_device}"), 404, "DeviceNotFound",
    ),
    "a device that is none": (lambda t: get(t, "streamEvents", "?deviceId=me"), 404, "DeviceNotFound"),
    "an unknown conversation": (lambda t: get(t, "streamEvents", f"?convoId={ABSENT}"), 404, "ConvoNotFound"),
    "an unknown parameter": (lambda t: get(t, "streamEvents", "?from=now"), 400, "InvalidRequest"),
    "a POST": (lambda t: post(t, "streamEvents", b"{}"), 405, "MethodNotAllowed"),
    "no token": (lambda _: request("GET", f"/xrpc/{CHAT}.streamEvents"), 401, "AuthenticationRequired"),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
async def test_a_bad_stream_is_refused_by_name(town: Town, name: str) -> None:
    make, status, error = STREAMS[name]
    answer = await exchange(town.router, make(town))
    assert (answer.status, answer.error) == (status, error)


async def test_a_stream_s_token_opens_one_stream(town: Town) -> None:
    data = get(town, "streamEvents")
    async with raw_client(town.router) as first:
        assert (await first.head(data))[0] == 200
        assert (await exchange(town.router, data)).error == "NonceNotUnique"


OPENINGS: Mapping[str, tuple[Make, int, str]] = {
    "no token": (
        lambda _: upgrade(f"/xrpc/{CHAT}.session", {"sec-websocket-protocol": "rookery.v1"}),
        401,
        "AuthenticationRequired",
    ),
    "no subprotocol": (
        lambda t: upgrade(f"/xrpc/{CHAT}.session", t.bearer(f"{CHAT}.session")), 400, "InvalidRequest",
    ),
    "another version": (
        lambda t: upgrade(
            f"/xrpc/{CHAT}.session",
            {**t.bearer(f"{CHAT}.session"), "sec-websocket-version": "8"},
        ),
        400,
        "InvalidRequest",
    ),
    "a path without a WebSocket": (
        lambda t: upgrade(f"/xrpc/{CHAT}.getConvos", t.bearer(f"{CHAT}.getConvos")), 400, "InvalidRequest",
    ),
    "a path without anything": (lambda _: upgrade("/nowhere"), 404, "XRPCNotSupported"),
    "data sent along": (
        lambda t: upgrade(
            f"/xrpc/{CHAT}.session",
            {**t.bearer(f"{CHAT}.session"), "sec-websocket-protocol": "rookery.v1"},
        )
        + b"\x81\x85\x00\x00\x00\x00early",
        400,
        "InvalidRequest",
    ),
    "frames: a made-up cursor": (
        lambda t: upgrade(
            f"/xrpc/{CHAT}.subscribeEvents?cursor=made-up", t.bearer(f"{CHAT}.subscribeEvents")
        ),
        400,
        "InvalidCursor",
    ),
    "frames: an unknown conversation": (
        lambda t: upgrade(
            f"/xrpc/{CHAT}.subscribeEvents?convoId={ABSENT}", t.bearer(f"{CHAT}.subscribeEvents")
        ),
        404,
        "ConvoNotFound",
    ),
    "frames: a foreign device": (
        lambda t: upgrade(
            f"/xrpc/{CHAT}.subscribeEvents?deviceId={t.foreign_device}", t.bearer(f"{CHAT}.subscribeEvents")
        ),
        404,
        "DeviceNotFound",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OPENINGS)
async def test_a_bad_opening_of_a_websocket_is_refused_by_name(town: Town, name: str) -> None:
    make, status, error = OPENINGS[name]
    answer = await exchange(town.router, make(town))
    assert (answer.status, answer.error) == (status, error)


async def test_what_a_client_writes_into_an_at_protocol_stream_is_passed_over(town: Town) -> None:
    nsid = f"{CHAT}.subscribeEvents"
    async with raw_client(town.router) as client:
        assert await client.open_websocket(f"/xrpc/{nsid}?cursor=0", town.bearer(nsid)) is None
        await client.say("what?", b"\x00", {"type": "hello"})
        first = await client.hear()
        assert isinstance(first, bytes)
        decode_frame(first)


# -- what ends hypercorn -------------------------------------------------------------------------------------


def a_path_that_is_not_ascii() -> bytes:
    """An HTTP/2 request with prior knowledge: a decode error leaves hypercorn through the nursery."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    client.initiate_connection()
    fields = [(b":method", b"GET"), (b":path", b"/\xff\xfe"), (b":scheme", b"http"), (b":authority", b"x")]
    client.send_headers(1, fields, end_stream=True)
    return client.data_to_send()


def data_on_a_closed_stream() -> bytes:
    """HTTP/2 DATA for a stream that has been answered and closed."""
    client = h2.connection.H2Connection()
    client.initiate_connection()
    fields = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "x")]
    client.send_headers(1, fields, end_stream=False)
    return client.data_to_send() + b"\x00\x00\x04\x00\x00\x00\x00\x00\x01late" * 2


async def test_the_requests_that_end_hypercorn_end_nothing_here(town: Town) -> None:
    early = OPENINGS["data sent along"][0](town)
    for data in (a_path_that_is_not_ascii(), data_on_a_closed_stream(), early):
        assert (await exchange(town.router, data)).error == "InvalidRequest"
        async with open_person(town.router, town.alice) as alice:
            assert len((await alice.client.chat.get_convos()).conversations) == 1
