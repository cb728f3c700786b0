"""What is served to anybody: health, DID documents, and names for what is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio
import trio.testing

from router.observe import Verdict
from tests.edge.harness import error_of, read_until
from tests.edge.house import ROOKERY, House, error_name, frames_of, open_house


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


async def test_health_is_green_red_and_leaving(house: House) -> None:
    paths = ("/health", "/health/ready", "/xrpc/_health", "/health/live")
    assert [(await house.http.get(path)).status_code for path in paths] == [200, 200, 200, 200]
    house.verdict[0] = Verdict(ok=False, detail="/var/lib/secret is full")
    answers = [await house.http.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [503, 503, 503, 200]
    assert "secret" not in "".join(answer.text for answer in answers)
    assert answers[2].json()["error"] == "NotEnoughResources"
    house.verdict[0] = Verdict(ok=True)
    house.edge.health.begin_drain()
    assert [(await house.http.get(path)).status_code for path in paths] == [200, 503, 200, 200]


async def test_did_documents_are_served_by_host(house: House) -> None:
    alice = await house.account("alice")

    async def document(host: str) -> httpx.Response:
        return await house.http.get("/.well-known/did.json", headers={"host": host})

    service = (await document("chat.example.com")).json()
    assert service["id"] == "did:web:chat.example.com"
    assert service["service"][0]["id"].endswith("#atproto_mls")
    mine = (await document("alice.chat.example.com:443")).json()
    assert mine["id"] == alice.did
    assert mine["verificationMethod"][0]["publicKeyMultibase"]
    for host in ("bob.chat.example.com", "example.com", "a.b.chat.example.com", "\u00e4", ""):
        answer = await house.http.get("/.well-known/did.json", headers={b"host": host.encode()})
        assert error_name(answer) == "XRPCNotSupported"


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("GET", "/", "XRPCNotSupported"),
        ("GET", "/nothing", "XRPCNotSupported"),
        ("POST", "/nothing", "XRPCNotSupported"),
        ("GET", "/xrpc", "XRPCNotSupported"),
        ("GET", "/xrpc/", "XRPCNotSupported"),
        ("GET", "/xrpc/a/b", "XRPCNotSupported"),
        ("GET", "/xrpc/com.example.unheardOf", "MethodNotImplemented"),
        ("POST", "/xrpc/blue.catbird.mls.neverHeardOf", "MethodNotImplemented"),
        ("POST", "/xrpc/not-an-nsid", "MethodNotImplemented"),
        ("POST", "/health", "MethodNotAllowed"),
        ("DELETE", "/.well-known/did.json", "MethodNotAllowed"),
        ("OPTIONS", "/health", "MethodNotAllowed"),
        ("BREW", "/health", "MethodNotAllowed"),
        ("GET", "/%ff%fe", "XRPCNotSupported"),
        ("GET", "/xrpc/%00", "MethodNotImplemented"),
        ("GET", f"/xrpc/{ROOKERY}.getConvos/", "XRPCNotSupported"),
        ("GET", f"/xrpc//{ROOKERY}.getConvos", "XRPCNotSupported"),
    ],
)
async def test_what_is_not_there_has_a_name(house: House, method: str, path: str, error: str) -> None:
    async with await house.server.connect() as stream:
        await stream.send_all(f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode())
        assert error_of(await read_until(stream, b"}"))[1] == error
    assert house.faults == []


async def test_answers_carry_a_request_id_and_guards_against_browsers(house: House) -> None:
    for path in ("/health", "/nothing", f"/xrpc/{ROOKERY}.getConvos", f"/xrpc/{ROOKERY}.sendMessage"):
        headers = (await house.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert len(headers["x-request-id"]) == 16
        assert "server" not in headers


async def test_each_request_has_one_line_with_the_words_of_the_table_only(house: House) -> None:
    await house.http.get("/health/live")
    await house.http.get("/made/up/by/somebody")
    await house.http.get("/xrpc/com.example.madeUp")
    await house.http.get(f"/xrpc/{ROOKERY}.getConvos")
    await trio.testing.wait_all_tasks_blocked(0.01)  # the line follows the answer
    lines = frames_of(house.log.getvalue())
    assert [(line["method"], line["status"], line.get("error")) for line in lines] == [
        ("/health/live", 200, None),
        ("unknown", 404, "XRPCNotSupported"),
        ("unknown", 501, "MethodNotImplemented"),
        (f"{ROOKERY}.getConvos", 401, "AuthenticationRequired"),
    ]


async def test_an_upgrade_of_a_page_is_refused(house: House) -> None:
    async with await house.server.connect() as stream:
        await stream.send_all(
            b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert error_of(await read_until(stream, b"}")) == (404, "XRPCNotSupported")
