"""Which pages of other origins may call, as a browser asks and as it reads the answer."""

from __future__ import annotations

import attrs
import pytest

from router.config import BadUrlError, Cors, Server, Settings, parse_origins
from tests.edge.house import ROOKERY, House, error_name, open_house
from tests.generous import RATES

APP, OTHER = "https://app.example", "https://evil.example"
SEND, READ = f"{ROOKERY}.sendMessage", f"{ROOKERY}.getConvos"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


def settings(origins: str | None, server: Server | None = None, preflight: int = 1_000) -> Settings:
    return Settings(
        server=server or Server(body_timeout=5.0),
        cors=Cors(origins=origins, max_age=600),
        rate=attrs.evolve(RATES, preflight=preflight),
    )


async def shown(house: House, origin: str) -> dict[str, str]:
    """The CORS part of a call's answer."""
    alice = await house.account("alice")
    answer = await house.send("GET", READ, alice, headers={"origin": origin})
    assert answer.status_code == 200
    return {name: answer.headers[name] for name in answer.headers if name.startswith(("access", "vary"))}


async def test_a_page_that_is_named_may_ask_and_read() -> None:
    async with open_house(settings=settings(f"{APP}, https://beta.example:8443")) as house:
        headers = {"origin": APP, **PREFLIGHT}
        answer = await house.http.options(f"/xrpc/{SEND}", headers=headers)
        assert answer.status_code == 204
        assert answer.content == b""
        assert answer.headers["access-control-allow-origin"] == APP
        assert answer.headers["access-control-allow-methods"] == "GET, POST"
        assert answer.headers["access-control-max-age"] == "600"
        allowed = answer.headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "content-type", "last-event-id"} <= set(allowed)
        assert "*" not in allowed
        assert "access-control-allow-credentials" not in answer.headers
        read = await shown(house, APP)
        assert read["access-control-allow-origin"] == APP
        assert read["vary"] == "origin"
        exposed = set(read["access-control-expose-headers"].split(", "))
        assert {"ratelimit-remaining", "ratelimit-reset", "retry-after", "www-authenticate"} <= exposed


async def test_a_page_that_is_not_named_may_not() -> None:
    async with open_house(settings=settings(APP)) as house:
        answer = await house.http.options(f"/xrpc/{SEND}", headers={"origin": OTHER, **PREFLIGHT})
        assert error_name(answer) == "Forbidden"
        assert "access-control-allow-origin" not in answer.headers
        assert await shown(house, OTHER) == {"vary": "origin"}
        for origin in ("null", f"{APP}.evil.example", "http://app.example", "https://app.example:444"):
            assert await shown(house, origin) == {"vary": "origin"}


async def test_nobody_may_until_somebody_is_named() -> None:
    async with open_house(settings=settings(None)) as house:
        answer = await house.http.options(f"/xrpc/{SEND}", headers={"origin": APP, **PREFLIGHT})
        assert error_name(answer) == "MethodNotAllowed"
        assert await shown(house, APP) == {}


async def test_all_pages_may_where_the_operator_says_so_still_without_credentials() -> None:
    async with open_house(settings=settings("*")) as house:
        answer = await house.http.options(f"/xrpc/{SEND}", headers={"origin": OTHER, **PREFLIGHT})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert (await shown(house, OTHER))["access-control-allow-origin"] == "*"


async def test_refusals_can_be_read_too_and_streams_carry_the_same() -> None:
    async with open_house(settings=settings(APP)) as house:
        refused = await house.send("GET", READ, headers={"origin": APP})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, APP)
        unknown = await house.http.get("/xrpc/chat.rookery.nothing", headers={"origin": APP})
        assert (unknown.status_code, unknown.headers["access-control-allow-origin"]) == (501, APP)
        await house.group("alice")
        nsid = f"{ROOKERY}.streamEvents"
        headers = {**house.headers(house.accounts["alice"], nsid), "origin": APP}
        async with house.http.stream("GET", f"/xrpc/{nsid}", headers=headers) as stream:
            assert stream.headers["access-control-allow-origin"] == APP
        page = await house.http.get("/health", headers={"origin": APP})
        assert "access-control-allow-origin" not in page.headers


async def test_preflights_are_counted_by_address() -> None:
    async with open_house(settings=settings(APP, preflight=2)) as house:
        headers = {"origin": APP, **PREFLIGHT}
        answers = [await house.http.options(f"/xrpc/{SEND}", headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [204, 204, 429]
        assert error_name(answers[-1]) == "RateLimitExceeded"


async def test_browsers_are_told_to_come_by_https_where_clients_do() -> None:
    https = Server(public_url="https://chat.example.com", body_timeout=5.0)
    async with open_house(settings=settings(None, https)) as house:
        for path in ("/health", f"/xrpc/{READ}", f"/xrpc/{SEND}"):
            answer = await house.http.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=31536000", path
    async with open_house() as house:
        assert "strict-transport-security" not in (await house.http.get("/health")).headers


def test_origins_are_read_as_browsers_write_them() -> None:
    assert parse_origins("") == frozenset()
    assert parse_origins("*") == {"*"}
    assert parse_origins("https://App.example:443, http://localhost:5173") == {
        "https://app.example",
        "http://localhost:5173",
    }
    for text in ("app.example", "https://app.example/path", "*, https://app.example"):
        with pytest.raises(BadUrlError):
            parse_origins(text)
