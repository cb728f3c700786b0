"""Every endpoint keeps its lexicon, shown by real calls: the cases are made from the JSON, not by hand.

What the lexicon allows reaches the handler and its answer is one the lexicon has; what breaks one rule of it
is refused with `InvalidRequest` before any handler sees it. Tokens, media types and damaged bodies are in
`test_routes.py`, keys that are missing in `test_idempotency.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from router.config import Rates, Settings
from router.config.sections import Server
from router.edge.mls.unbuilt import unbuilt
from router.edge.routes import ROUTES, Idempotency, Route, Transport
from router.limits import classes
from router.limits.classes import Whose
from schema import error_names
from schema._lexicon import Boolean, Integer
from schema.testing import breakages, complete, given_to, query_string, smallest
from tests.edge.house import House, check_answer, error_name, open_house
from tests.edge.test_routes import those, walks

CALLS = [route for route in ROUTES.values() if route.transport is Transport.CALL]
JSON = {"content-type": "application/json"}


@pytest.fixture
async def house() -> Any:
    async with open_house() as running:
        yield running


# -- what the lexicon allows ------------------------------------------------------------------------------


async def send(house: House, route: Route, given: dict[str, Any]) -> Any:
    """One call of an account of the house; `check_answer` has held its answer against the lexicon."""
    account = await house.account("mallory")
    if route.http_method == "POST":
        return await house.send("POST", route.nsid, account, content=json.dumps(given), headers=JSON)
    url = f"/xrpc/{route.nsid}?{query_string(given)}"
    answer = await house.http.get(url, headers=house.headers(account, route.nsid))
    check_answer(route.nsid, answer)
    return answer


def with_key(route: Route, given: dict[str, Any]) -> dict[str, Any]:
    """With the key that the lexicon calls optional and this server asks for."""
    return {"idempotencyKey": "k", **given} if route.idempotency is Idempotency.KEY_REQUIRED else given


@walks(CALLS)
async def test_what_the_lexicon_allows_is_answered_with_what_the_lexicon_has(
    house: House, route: Route
) -> None:
    """The least and the most a client may send; no answer is a fault of ours or a name nobody declared."""
    node = given_to(route.nsid)
    for given in (smallest(node, route.nsid), complete(node, route.nsid)):
        answer = await send(house, route, with_key(route, given))
        if not answer.is_success:
            assert error_name(answer) not in ("InternalServerError", "UpstreamTimeout")


def bodiless(route: Route) -> bool:
    return route.http_method == "POST" and not given_to(route.nsid).required


@walks([route for route in CALLS if bodiless(route)])
async def test_where_nothing_is_required_nothing_need_be_sent(house: House, route: Route) -> None:
    """Clients of the older contracts send no body at all where their lexicon had no input (`optOut`)."""
    account = await house.account("mallory")
    bare = await house.send("POST", route.nsid, account)
    empty = await house.send("POST", route.nsid, account, json={})
    assert bare.status_code == empty.status_code
    assert bare.is_success or error_name(bare) not in ("InvalidRequest", "UnsupportedMediaType")


@walks([route for route in those(kind="procedure") if not bodiless(route)])
async def test_where_something_is_required_a_bare_call_is_refused(house: House, route: Route) -> None:
    answer = await house.send("POST", route.nsid, await house.account("mallory"))
    assert error_name(answer) == "UnsupportedMediaType"


@walks([route for route in CALLS if bodiless(route)])
async def test_a_body_that_says_not_what_it_is_is_refused_even_there(house: House, route: Route) -> None:
    answer = await house.send("POST", route.nsid, await house.account("mallory"), content=b"{}")
    assert error_name(answer) == "UnsupportedMediaType"


# -- what breaks one rule ---------------------------------------------------------------------------------


@walks(those(kind="procedure"))
async def test_an_input_that_breaks_one_rule_is_refused(house: House, route: Route) -> None:
    """Each rule of each field: missing, of another type, too long, too short, too many, not of the enum."""
    node = given_to(route.nsid)
    limit = route.max_body_bytes or house.edge.settings.server.max_body_bytes
    account = await house.account("mallory")
    for rule, broken in breakages(node, complete(node, route.nsid), route.nsid, strict=True):
        body = json.dumps(broken).encode()
        answer = await house.send("POST", route.nsid, account, content=body, headers=JSON)
        expected = "InvalidRequest" if len(body) <= limit else "PayloadTooLarge"
        assert error_name(answer) == expected, (rule, body[:200])


def broken_queries(route: Route) -> Iterator[tuple[str, str]]:
    """(which rule, query string): the rules of parameters, as far as text can break them."""
    node = given_to(route.nsid)
    good = complete(node, route.nsid)
    for rule, broken in breakages(node, good, route.nsid, strict=True):
        if rule in ("required", "unknown-field", "minimum", "maximum", "maxLength", "format", "enum"):
            yield rule, query_string(broken)
        if rule == "minLength" and broken and all(value != [] for value in broken.values()):
            yield rule, query_string(broken)
    for name, field in node.properties.items():
        if isinstance(field, Integer | Boolean):
            for wrong in ("", "x", "1.0", "True", "null"):
                yield "type", query_string({**good, name: wrong})
    yield "repeated", "&".join([query_string(good)] * 2) if scalar(good) else "a=1"


def scalar(params: dict[str, Any]) -> bool:
    return any(not isinstance(value, list) for value in params.values())


@walks(those(kind="query"))
async def test_parameters_that_break_one_rule_are_refused(house: House, route: Route) -> None:
    account = await house.account("mallory")
    for rule, query in broken_queries(route):
        headers = house.headers(account, route.nsid)
        answer = await house.http.get(f"/xrpc/{route.nsid}?{query}", headers=headers)
        overfull = rule == "maxLength" and "TooManyDids" in error_names(route.nsid) and "&dids=" in query
        assert error_name(answer) == ("TooManyDids" if overfull else "InvalidRequest"), (rule, query[:200])


def test_the_cases_reach_every_kind_of_rule() -> None:
    """Against a walk that has become empty: each keyword of the lexicon language is broken somewhere."""
    rules = {
        rule
        for route in those(kind="procedure")
        for rule, _ in breakages(
            given_to(route.nsid), complete(given_to(route.nsid), route.nsid), route.nsid, strict=True
        )
    }
    assert rules >= {
        "required", "type", "unknown-field", "minLength", "maxLength", "minimum", "maximum", "format",
        "enum", "const", "base64",
    }  # fmt: skip
    asked = {rule for route in those(kind="query") for rule, _ in broken_queries(route)}
    assert asked >= {"required", "type", "unknown-field", "minimum", "maximum", "maxLength", "format", "enum"}


# -- what is counted --------------------------------------------------------------------------------------


def unequal_rates() -> Rates:
    """A rate of its own for each class, so that an answer tells in which one it was counted."""
    names = [field.name for field in attrs.fields(Rates) if field.name != "max_keys"]
    return Rates(**{name: 1_000 + number for number, name in enumerate(names)})


async def test_every_row_is_counted_in_its_own_class() -> None:
    """`publishKeyPackage` must not live off the budget of reads, nor a commit off that of everything else."""
    settings = Settings(server=Server(body_timeout=5.0), rate=unequal_rates())
    quotas = classes(settings.rate)
    async with open_house(settings=settings) as house:
        for route in CALLS:
            assert quotas[route.quota].whose is Whose.ACCOUNT, route.nsid
            given = with_key(route, smallest(given_to(route.nsid), route.nsid))
            answer = await send(house, route, given)
            counted = answer.headers["ratelimit-limit"]
            assert counted == str(quotas[route.quota].rate.quota), route.nsid


async def test_what_is_not_built_says_so_to_callers_only(house: House) -> None:
    """A stranger is not told what this server can: the token is judged first."""
    for route in (route for route in CALLS if route.handler is unbuilt):
        given = smallest(given_to(route.nsid), route.nsid)
        assert error_name(await send(house, route, given)) == "MethodNotImplemented", route.nsid
        stranger = await house.http.request(route.http_method, f"/xrpc/{route.nsid}", headers=JSON)
        assert error_name(stranger) == "AuthenticationRequired", route.nsid
