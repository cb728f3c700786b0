"""Ten thousand connections that are opened and never used, against a real process: others are served."""

import errno
import resource
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.system.process import RouterProcess, running_router

pytestmark = pytest.mark.system

COUNT = 10_000
SPARE = 512
AT_ONCE = 500
PLACES = COUNT // 2
SETTINGS = {"ROOKERY_SERVER__MAX_CONNECTIONS": str(PLACES), "ROOKERY_SERVER__HEADER_TIMEOUT": "60"}
BEGINNINGS = (b"", b"GET /xrpc/_health HTTP/1.1\r\nhost: x\r\nx-slow: ", b"P", b"\x16\x03\x01")
"""Silence, a head that never ends, one byte, and a TLS greeting to a server that ends none."""


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """This process may open so many files for the block; skips where the system forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"this system lets a process open {hard} files, the test needs {count}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_and_leave(port: int, count: int) -> list[socket.socket]:
    """So many connections, each with a different beginning of nothing."""
    opened = []
    for number in range(count):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        sock.setblocking(False)
        sock.send(BEGINNINGS[number % len(BEGINNINGS)])
        opened.append(sock)
    return opened


def still_open(sockets: list[socket.socket]) -> int:
    """How many of them the server has not ended."""
    poll = select.poll()
    for sock in sockets:
        poll.register(sock, select.POLLIN | select.POLLHUP)
    return len(sockets) - len(poll.poll(0))


async def is_served(router: RouterProcess) -> None:
    """A new client has its answer, on a connection of its own."""
    async with httpx.AsyncClient(trust_env=False, timeout=20.0) as client:
        answer = await client.get(f"{router.url}/xrpc/_health")
    assert answer.status_code == 200, answer.text


async def test_ten_thousand_half_open_connections_shut_nobody_out() -> None:
    with many_files(COUNT + SPARE):
        async with running_router(SETTINGS) as router:
            before = router.memory_bytes()
            sockets: list[socket.socket] = []
            try:
                for _ in range(COUNT // AT_ONCE):  # fewer than the kernel queues: none has to knock twice
                    sockets += open_and_leave(router.port, AT_ONCE)
                    await is_served(router)
                held = still_open(sockets)
                # of those who wait the oldest went, as many as others needed room; a quarter of those who
                # made them go spoke TLS, was refused, and left its room behind
                assert PLACES * 3 // 4 - 50 <= held <= PLACES
                grown = router.memory_bytes() - before
                assert grown < PLACES * 40_000, f"{grown / PLACES:.0f} bytes a connection"
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    pytest.skip("this machine has no ports left")
                raise
            finally:
                for sock in sockets:
                    sock.close()
            await is_served(router)
            assert "crashed" not in router.log.read_text()
            assert await router.terminate() == 0
