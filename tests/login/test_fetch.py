"""HTTP to a provider on real sockets: whatever it answers ends within its bounds, as an error with a name."""

import gzip
import re
import ssl
from collections.abc import AsyncIterator

import pytest
import trio

from router.login.errors import LoginError, LoginFault
from router.login.fetch import MAX_BYTES, Fetch


class Server:
    """Answers every request with the same bytes, or with silence."""

    def __init__(self) -> None:
        self.url = ""
        self.answer = b""
        self.silent = False
        self.heard = b""

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/x"
        task_status.started()
        await trio.serve_listeners(self._talk, [listener])

    async def _talk(self, stream: trio.SocketStream) -> None:
        async with stream:
            self.heard = await stream.receive_some(65_536)
            head, _, body = self.heard.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            while length is not None and len(body) < int(
                length[1]
            ):  # a body may come in a segment of its own
                body += await stream.receive_some(65_536)
            self.heard = head + b"\r\n\r\n" + body
            if self.silent:
                await trio.sleep_forever()
            try:
                await stream.send_all(self.answer)
            except trio.BrokenResourceError:
                pass


def http(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "content-type: application/json", "connection: close", *headers]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        yield server
        nursery.cancel_scope.cancel()


async def fault(fetch: Fetch, url: str, form: dict[str, str] | None = None) -> LoginFault:
    with pytest.raises(LoginError) as refused:
        await fetch.json(url, form=form)
    return refused.value.fault


FETCH = Fetch(timeout=5.0, tls=ssl.create_default_context())


async def test_json_is_fetched_and_forms_are_sent(server: Server) -> None:
    server.answer = http("200 OK", b'{"issuer": "x"}')
    assert await FETCH.json(server.url) == {"issuer": "x"}
    assert server.heard.startswith(b"GET /x ")
    await FETCH.json(server.url, headers={"authorization": "Basic eA=="}, form={"code": "a b&c"})
    assert server.heard.startswith(b"POST /x ")
    assert b"\r\nauthorization: basic ea==\r\n" in server.heard.lower()
    assert b"code=a+b%26c" in server.heard


@pytest.mark.parametrize(
    "answer",
    [
        http("302 Found", b"{}", "location: http://127.0.0.1:1/"),
        http("404 Not Found"),
        http("500 Oops"),
        http("200 OK", b"<html>"),
        http("200 OK", b'{"a": 1, "a": 2}'),
        http("200 OK", b"\xff"),
        http("200 OK", b"[" * (MAX_BYTES - 1)),
        http("200 OK", b" " * (MAX_BYTES + 1)),
        http("200 OK", b" " * (40 * MAX_BYTES)),
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}",
        b"garbage\r\n\r\n",
        b"",
    ],
)
async def test_answers_that_will_not_do(server: Server, answer: bytes) -> None:
    server.answer = answer
    assert await fault(FETCH, server.url) is LoginFault.PROVIDER


async def test_an_answer_that_would_unfold_is_not_read(server: Server) -> None:
    server.answer = http("200 OK", gzip.compress(b" " * (50 * MAX_BYTES)), "content-encoding: gzip")
    assert await fault(FETCH, server.url) is LoginFault.PROVIDER


async def test_a_code_that_is_refused_is_the_persons_to_try_again(server: Server) -> None:
    server.answer = http("400 Bad Request", b'{"error": "invalid_grant"}')
    assert await fault(FETCH, server.url, {"code": "x"}) is LoginFault.REFUSED


async def test_a_provider_that_says_nothing(server: Server) -> None:
    server.silent = True
    quick = Fetch(timeout=0.05, tls=FETCH.tls)
    assert await fault(quick, server.url) is LoginFault.PROVIDER_SLOW


async def test_nobody_there_and_certificates_that_nobody_vouches_for(server: Server) -> None:
    assert await fault(FETCH, "http://127.0.0.1:1/x") is LoginFault.PROVIDER
    assert await fault(FETCH, server.url.replace("http:", "https:")) is LoginFault.PROVIDER
    assert await fault(FETCH, "http://[/x") is LoginFault.PROVIDER
