"""The server alone, with raw sockets: what it promises to a client, and what no client can do to it."""

from __future__ import annotations

import datetime as dt
import json
import socket
import ssl
import stat
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import httpx
import pytest
import trio
import trio.testing
import wsproto
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router.edge.http11 import SEND_MANY
from router.edge.server import Limits, TcpAddress, UnixAddress, listen
from tests.edge.harness import Running, WebSocket, error_of, hello, read_all, read_until, running

COSTLY = settings(max_examples=max(20, settings().max_examples // 2))
"""Each example starts a server."""

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
)


async def still_serves(server: Running) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(server.url)).text == "hello"
    assert not server.ended.is_set()
    assert server.crashes == []


async def test_a_connection_serves_one_request_after_another() -> None:
    async with running(hello) as server, await server.connect() as stream:
        for _ in range(3):
            await stream.send_all(GET)
            assert (await read_until(stream, b"hello")).startswith(b"HTTP/1.1 200")


# -- no client can end or stall the process ------------------------------------------------------------


async def answer_to(server: Running, data: bytes) -> bytes:
    async with await server.connect() as stream:
        await stream.send_all(data)
        return await read_all(stream)


async def test_an_http2_request_whose_path_is_not_ascii_harms_nobody() -> None:
    """It ends hypercorn 0.18 on Trio: a decode error leaves through the nursery."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    client.initiate_connection()
    headers = [(b":method", b"GET"), (b":path", b"/\xff\xfe"), (b":scheme", b"http"), (b":authority", b"x")]
    client.send_headers(1, headers, end_stream=True)
    async with running(hello) as server:
        assert error_of(await answer_to(server, client.data_to_send())) == (505, "InvalidRequest")
        await still_serves(server)


async def test_http2_data_on_a_closed_stream_harms_nobody() -> None:
    client = h2.connection.H2Connection()
    client.initiate_connection()
    headers = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "x")]
    client.send_headers(1, headers, end_stream=False)
    head = client.data_to_send()
    late_data = b"\x00\x00\x04\x00\x00\x00\x00\x00\x01late" * 2
    async with running(hello) as server:
        async with await server.connect() as stream:
            await stream.send_all(head)
            assert error_of(await read_until(stream, b"}")) == (505, "InvalidRequest")
            await stream.send_all(late_data)
            await read_all(stream)
        await still_serves(server)


async def test_an_upgrade_to_http2_is_not_taken_up() -> None:
    async with running(hello) as server, await server.connect() as stream:
        await stream.send_all(
            b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
            b"http2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
        )
        assert (await read_until(stream, b"hello")).startswith(b"HTTP/1.1 200")


async def test_websocket_data_sent_with_the_upgrade_request_is_refused() -> None:
    """RFC 6455 4.1: the client waits for the answer first. Unguarded, this one request ends the process."""
    async with running(hello) as server:
        frame = b"\x81\x85\x00\x00\x00\x00early"
        assert error_of(await answer_to(server, UPGRADE + b"\r\n" + frame)) == (400, "InvalidRequest")
        await still_serves(server)


async def test_websocket_data_before_the_answer_ends_the_application_too() -> None:
    seen: list[str] = []
    ended = trio.Event()

    async def slow_to_accept(scope: Any, receive: Any, send: Any) -> None:
        while "disconnect" not in (event := (await receive())["type"]):
            seen.append(event)
        ended.set()

    async with running(slow_to_accept) as server, await server.connect() as stream:
        await stream.send_all(UPGRADE + b"\r\n")
        await trio.testing.wait_all_tasks_blocked()
        await stream.send_all(b"\x81\x85\x00\x00\x00\x00early")
        assert error_of(await read_all(stream)) == (400, "InvalidRequest")
        await ended.wait()
    assert seen == ["websocket.connect"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/3.0\r\nhost: x\r\n\r\n", 505),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431),
        (UPGRADE.replace(b": 13", b": 8") + b"\r\n", 400),
        (UPGRADE.replace(b"sec-websocket-key", b"x-key") + b"\r\n", 400),
    ],
)
async def test_what_is_not_http_is_answered_by_a_named_error(data: bytes, status: int) -> None:
    async with running(hello) as server:
        assert error_of(await answer_to(server, data)) == (status, "InvalidRequest")
        await still_serves(server)


@COSTLY
@example(b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n\x00")
@example(UPGRADE + b"\r\n\xff\xff\xff\xff")
@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(st.sampled_from([GET, UPGRADE, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]), st.binary()).map(
            b"".join
        ),
        st.tuples(st.binary(), st.integers(0, len(GET))).map(lambda t: GET[: t[1]] + t[0] + GET[t[1] :]),
    )
)
def test_no_bytes_end_the_process(data: bytes) -> None:
    async def main() -> None:
        async with running(hello) as server:
            async with await server.connect() as stream:
                try:
                    await stream.send_all(data)
                    await stream.send_eof()
                except trio.BrokenResourceError:
                    pass
                await read_all(stream)
            await still_serves(server)

    trio.run(main)


@COSTLY
@given(st.binary(max_size=200))
def test_no_frames_end_the_process(data: bytes) -> None:
    async def main() -> None:
        async with running(hello) as server:
            async with await server.connect() as stream:
                await stream.send_all(UPGRADE + b"\r\n")
                await read_until(stream, b"\r\n\r\n")
                try:
                    await stream.send_all(data)
                    await stream.send_eof()
                except trio.BrokenResourceError:
                    pass
                await read_all(stream)
            await still_serves(server)

    trio.run(main)


# -- the application's faults ----------------------------------------------------------------------------


async def test_an_application_that_crashes_or_says_nothing_gets_its_client_a_named_error() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/crash":
            raise ValueError("secret")

    async with running(broken) as server, httpx.AsyncClient(base_url=server.url) as client:
        for path in ("/crash", "/silence"):
            answer = await client.get(path)
            assert answer.status_code == 500
            assert answer.json() == {"error": "InternalServerError", "message": "internal error"}
    assert server.reports == ["application_crashed"]


async def test_an_application_that_crashes_in_a_websocket_closes_it_with_1011() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise ValueError("secret")

    async with running(broken) as server, WebSocket(server) as client:
        assert await client.receive() == ("close", 1011)


# -- deadlines -------------------------------------------------------------------------------------------


async def test_a_head_that_never_ends_is_answered_408(autojump_clock: trio.testing.MockClock) -> None:
    """One byte now and then does not move the deadline."""
    autojump_clock.autojump_threshold = 0.02
    async with running(hello, Limits(header_timeout=10)) as server, await server.connect() as stream:
        start = trio.current_time()
        with trio.move_on_after(9):
            for byte in GET[:-1]:
                await stream.send_all(bytes((byte,)))
                await trio.sleep(1)
        assert error_of(await read_all(stream)) == (408, "RequestTimeout")
        assert trio.current_time() - start == pytest.approx(10, abs=0.5)


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await trio.sleep(1_000)
        await hello(scope, receive, send)

    async with running(slow, Limits(keep_alive_timeout=60)) as server, await server.connect() as stream:
        await stream.send_all(GET)
        await read_until(stream, b"hello")
        answered = trio.current_time()
        assert await read_all(stream) == b""
        assert trio.current_time() - answered == pytest.approx(60, abs=1)


async def test_a_reader_that_stalls_is_cut_after_the_send_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.05
    told = trio.Event()

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async with trio.open_nursery() as nursery:

            async def produce() -> None:
                while True:
                    await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
                    await trio.lowlevel.checkpoint()

            nursery.start_soon(produce)
            while (event := await receive())["type"] != "http.disconnect":
                pass
            assert event["reason"] == "ConsumerTooSlow"
            told.set()
            nursery.cancel_scope.cancel()

    async with running(flood, Limits(send_timeout=7)) as server, await server.connect() as stream:
        await stream.send_all(GET)
        await told.wait()
    assert server.reports == ["stalled_reader"]
    assert trio.current_time() >= 7


async def test_a_reader_that_is_slow_and_does_not_stall_gets_all_of_something_large(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """One message of 10 MiB over a thin line takes longer than one deadline; cut, it would never arrive."""
    autojump_clock.autojump_threshold = 0.02
    size = 12 * 1024 * 1024

    async def large(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})

    async with running(large, Limits(send_timeout=7)) as server, await server.connect() as stream:
        await stream.send_all(GET)
        taken = len(await read_until(stream, b"\r\n\r\n"))
        while taken < size:
            await trio.sleep(5)
            for _ in range(min(16, -(-(size - taken) // 65_536))):
                data = await stream.receive_some(65_536)
                assert data, f"cut after {taken} bytes"
                taken += len(data)
        assert trio.current_time() > 14
    assert server.reports == []


async def test_a_silent_websocket_is_pinged_then_closed_and_an_answering_one_lives(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with running(hello, Limits(ping_interval=30)) as server:
        async with WebSocket(server) as answering:
            with trio.move_on_after(300):
                await answering.receive()
            await answering.send("alive")
            assert await answering.receive() == ("text", "alive")
        async with WebSocket(server, answer_pings=False) as silent:
            assert await silent.receive() == ("close", 1001)
    assert server.reports == ["websocket_silent"]


# -- the farewell ----------------------------------------------------------------------------------------


async def refuse_unread(scope: Any, receive: Any, send: Any) -> None:
    body = b'{"error":"PayloadTooLarge","message":"at most 1 byte"}'
    length = b"%d" % len(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", length), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def test_an_answer_before_the_body_was_read_reaches_the_client() -> None:
    """Closing at once would reset the connection, and the reset would overtake the answer."""
    size = 8 * 1024 * 1024
    async with running(refuse_unread) as server, await server.connect() as stream:
        await stream.send_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size)
        await stream.send_all(b"x" * size)
        answer = await read_all(stream)
    assert error_of(answer) == (413, "PayloadTooLarge")


async def test_a_drain_ends_idle_connections_at_once_and_busy_ones_after_their_answer() -> None:
    gate = trio.Event()

    async def gated(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await hello(scope, receive, send)

    async with running(gated) as server:
        idle, busy = await server.connect(), await server.connect()
        await busy.send_all(GET)
        await trio.testing.wait_all_tasks_blocked(0.01)
        server.drain.set()
        assert await read_all(idle) == b""
        gate.set()
        assert (await read_all(busy)).endswith(b"hello")
        await idle.aclose()
        await busy.aclose()
        await server.ended.wait()
        with pytest.raises(OSError):
            await server.connect()


async def test_a_request_pipelined_behind_the_last_answer_holds_nothing_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """hypercorn's reader waits for ever for the turn of a request that will never have one."""
    autojump_clock.autojump_threshold = 0.02
    length = b"content-length: %d\r\n\r\n"
    async with running(refuse_unread, Limits(linger_timeout=2, graceful_timeout=500)) as server:
        stream = await server.connect()
        await stream.send_all(b"POST / HTTP/1.1\r\nhost: x\r\n" + length % 2 + b"xx" + GET * 3)
        assert (await read_until(stream, b"}")).startswith(b"HTTP/1.1 413")
        start = trio.current_time()
        server.drain.set()
        await server.ended.wait()
        assert trio.current_time() - start <= 3
        await stream.aclose()


async def test_a_client_that_does_not_read_cannot_hold_a_drain_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """hypercorn shields its writes without a deadline and waits for such a client for ever."""
    autojump_clock.autojump_threshold = 0.05

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})

    limits = Limits(graceful_timeout=20, send_timeout=3_600)
    async with running(flood, limits) as server, await server.connect() as stream:
        await stream.send_all(GET)
        await trio.testing.wait_all_tasks_blocked(0.05)
        start = trio.current_time()
        server.drain.set()
        await server.ended.wait()
        assert trio.current_time() - start == pytest.approx(20, abs=1)


async def test_a_cancel_closes_everything_at_once() -> None:
    async with running(hello) as server:
        stream = await server.connect()
        await stream.send_all(GET)
        await read_until(stream, b"hello")
    assert await read_all(stream) == b""
    await stream.aclose()


async def test_one_connection_too_many_is_told_so() -> None:
    async def held(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await trio.sleep_forever()

    begun = trio.Event()
    async with running(held, Limits(max_connections=1)) as server:
        first = await server.connect()
        await first.send_all(GET)
        await begun.wait()
        second = await server.connect()
        assert error_of(await read_all(second)) == (503, "NotEnoughResources")
        await first.aclose()
        await second.aclose()


async def test_when_all_places_are_taken_the_oldest_that_is_idle_gives_way() -> None:
    """Connections that are opened and not used crowd out one another, and nobody who asks for something."""
    async with running(hello, Limits(max_connections=3)) as server:
        opened = [await server.connect()]
        await opened[0].send_all(GET)
        await read_until(opened[0], b"hello")  # so that it is the oldest, and known as such
        for _ in range(2):
            opened.append(await server.connect())
            await opened[-1].send_all(b"GET / HT")
        async with await server.connect() as client:
            await client.send_all(GET)
            await read_until(client, b"hello")
            assert await read_all(opened[0]) == b""
            assert "too_many_connections" not in server.reports
        for stream in opened:
            await stream.aclose()


# -- WebSockets ------------------------------------------------------------------------------------------


async def test_a_websocket_echoes_text_and_bytes() -> None:
    async with running(hello) as server, WebSocket(server) as client:
        await client.send("grüezi")
        assert await client.receive() == ("text", "grüezi")
        await client.send(b"\x00\xff")
        assert await client.receive() == ("bytes", b"\x00\xff")


async def test_compression_is_never_negotiated() -> None:
    deflate = wsproto.extensions.PerMessageDeflate()
    async with running(hello) as server, WebSocket(server, extensions=[deflate]) as client:
        assert client.accepted.extensions == []


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\x83\x80\x00\x00\x00\x00", 1002),  # reserved opcode
        (b"\xc1\x80\x00\x00\x00\x00", 1002),  # compressed, which nobody agreed on
        (b"\x81\x05hello", 1002),  # not masked
        (b"\x81\x82\x00\x00\x00\x00\xff\xff", 1007),  # text that is not UTF-8
        (b"\x82\xff\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00" + b"x" * 5_000, 1009),
        (b"\x80\x81\x00\x00\x00\x00x", 1002),  # continuation of nothing
    ],
)
async def test_a_broken_frame_is_answered_by_a_close_frame(frames: bytes, code: int) -> None:
    async with running(hello, Limits(max_message_bytes=4_096)) as server, WebSocket(server) as client:
        await client.send_raw(frames)
        assert await client.receive() == ("close", code)
    assert server.crashes == []


async def test_send_many_writes_frames_of_every_size_in_order() -> None:
    messages = [b"a", b"b" * 125, b"c" * 126, b"d" * 65_535, b"e" * 65_536, b"", "grüezi".encode()]

    async def burst(scope: Any, receive: Any, send: Any) -> None:
        assert SEND_MANY in scope["extensions"]
        await send({"type": "websocket.accept"})
        await send({"type": SEND_MANY, "messages": messages, "text": False})
        await send({"type": SEND_MANY, "messages": messages, "text": True})
        await send({"type": "websocket.close", "code": 1000})

    async with running(burst) as server, WebSocket(server) as client:
        received = []
        while (message := await client.receive())[0] != "close":
            received.append(message[1])
        assert received == [*messages, *(message.decode() for message in messages)]


async def test_a_websocket_may_be_refused_with_a_body() -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps({"error": "MissingJwt", "message": "no token"}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})

    async with running(refuse) as server:
        assert error_of(await answer_to(server, UPGRADE + b"\r\n")) == (401, "MissingJwt")


async def test_an_application_that_stops_reading_slows_its_client_and_frees_what_it_left() -> None:
    """More body than the queue holds and an application that answers without reading: nobody waits."""
    async with running(refuse_unread) as server:
        for _ in range(3):
            async with await server.connect() as stream:
                await stream.send_all(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
                for _ in range(40):
                    await stream.send_all(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
                assert (await read_until(stream, b"}")).startswith(b"HTTP/1.1 413")


# -- addresses -------------------------------------------------------------------------------------------


async def test_a_unix_socket_belongs_to_its_owner_alone_and_replaces_a_stale_one(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    async with running(hello, address=UnixAddress(path)) as server:
        assert server.addresses == [UnixAddress(path)]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        stream = await trio.open_unix_socket(str(path))
        await stream.send_all(GET)
        assert (await read_until(stream, b"hello")).startswith(b"HTTP/1.1 200")
        await stream.aclose()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the option exists on Linux only")
async def test_a_peer_that_acknowledges_nothing_is_given_up_by_the_kernel() -> None:
    """The option is set on the listening socket; what it accepts inherits it."""
    (listener,) = await listen([TcpAddress("127.0.0.1", 0)], Limits(send_timeout=7))
    async with listener:
        client = await trio.open_tcp_stream(*listener.socket.getsockname())
        async with await listener.accept() as accepted, client:
            milliseconds = accepted.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert milliseconds == 7_000


async def test_tls_may_end_here_and_speaks_http11_only(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(self_signed())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    trust = ssl.create_default_context(cafile=str(certificate))
    async with running(hello, Limits(linger_timeout=0.1), tls=tls) as server:
        async with httpx.AsyncClient(verify=trust) as client:
            for _ in range(2):
                answer = await client.get(f"https://localhost:{server.port}/")
                assert (answer.text, answer.http_version) == ("hello", "HTTP/1.1")
        async with await server.connect() as stream:  # no TLS at all: nothing to say, nobody harmed
            await stream.send_all(GET)
            await read_all(stream)
        assert server.crashes == []
        server.drain.set()
        await server.ended.wait()


def self_signed() -> bytes:
    """A key and a certificate for localhost, as one PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
