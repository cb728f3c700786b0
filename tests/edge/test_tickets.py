"""Tickets over real sockets: what they open, once; where they are not taken; that nobody writes them down."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from protocol import SUBPROTOCOL
from router.edge.routes import ROUTES, Transport
from tests.edge.harness import WebSocket
from tests.edge.house import MLS, ROOKERY, House, error_name, open_house
from tests.edge.principals import bearer, refused, signed, ticket
from tests.edge.test_routes import example, knock, those
from tests.edge.test_session import Client
from tests.edge.test_sse import Events, take

SESSION, SSE, AT = (f"{ROOKERY}.{name}" for name in ("session", "streamEvents", "subscribeEvents"))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


def session(house: House, text: str) -> WebSocket:
    """A session opened as a browser does: no header but the subprotocol."""
    return WebSocket(house.server, f"/xrpc/{SESSION}?ticket={text}", subprotocols=[SUBPROTOCOL])


async def test_an_example_of_a_browser_that_opens_a_session(house: House) -> None:
    convo = await house.group("ann", "ben")
    ann = await house.account("ann")
    made = await house.post(ann, f"{ROOKERY}.getTicket", {"purpose": SESSION})
    assert made["endpoint"] == f"ws://localhost:3000/xrpc/{SESSION}"
    assert made["expiresAt"] == "2026-05-28T20:27:11Z"
    async with session(house, made["ticket"]) as socket:
        client = Client(socket)
        assert (await client.open())["deviceId"] == await house.device(ann)
        await client.send(1, convo, "m1")
        assert (await client.hear())["type"] in ("event", "ack")
    query = f"?ticket={made['ticket']}"
    assert await knock(house, ROUTES[SESSION], {}, query) == (401, "NonceNotUnique")
    assert made["ticket"] not in house.log.getvalue()


async def test_an_event_source_opens_its_stream_and_resumes_with_a_new_ticket(house: House) -> None:
    convo = await house.group("ann", "ben")
    ann = await house.account("ann")
    async with await house.server.connect() as socket:
        events = Events(socket)
        await events.open(f"/xrpc/{SSE}?ticket={await ticket(house, ann, SSE)}", {})
        first = (await take(events, 1))[0]
    await house.say(ann, convo, "m1")
    async with await house.server.connect() as socket:
        events = Events(socket)
        target = f"/xrpc/{SSE}?ticket={await ticket(house, ann, SSE)}&cursor={first.id}"
        await events.open(target, {})
        assert (await take(events, 1))[0].event["message"]["id"] == "m1"


async def test_the_seed_s_ticket_opens_the_seed_s_stream(house: House) -> None:
    ann = await house.account("ann")
    await house.device(ann)
    made = await house.post(ann, f"{MLS}.getSubscriptionTicket", {})
    assert made["endpoint"].endswith(f"/xrpc/{MLS}.subscribeConvoEvents")
    target = f"/xrpc/{MLS}.subscribeConvoEvents?ticket={made['ticket']}"
    async with WebSocket(house.server, target):
        pass


async def test_a_ticket_is_for_its_stream_its_device_and_its_conversation(house: House) -> None:
    convo, other = await house.group("ann", "ben"), await house.group("ann", "cat", key="2")
    ann = await house.account("ann")
    phone, watch = await house.device(ann, 1), await house.device(ann, 2)

    async def knock_with(nsid: str, more: str = "", **given: str) -> tuple[int, str]:
        text = await ticket(house, ann, AT, deviceId=phone, **given)
        return await knock(house, ROUTES[nsid], {}, f"?ticket={text}{more}")

    assert await knock_with(SSE) == (401, "BadJwtLexiconMethod")
    assert await knock_with(AT, f"&deviceId={watch}") == (404, "DeviceNotFound")
    assert await knock_with(AT, f"&convoId={other}", convoId=convo) == (400, "InvalidRequest")
    text = await ticket(house, ann, AT, deviceId=phone, convoId=convo)
    async with WebSocket(house.server, f"/xrpc/{AT}?ticket={text}&cursor=0") as socket:
        await house.say(ann, other, "m1")
        await house.say(ann, convo, "m2")
        kinds = [(await socket.receive())[1] for _ in range(2)]
        assert b"m2" in kinds[1]


async def test_a_session_opened_by_a_ticket_is_its_device_s(house: House) -> None:
    ann = await house.account("ann")
    phone, watch = await house.device(ann, 1), await house.device(ann, 2)
    async with session(house, await ticket(house, ann, SESSION, deviceId=phone)) as socket:
        client = Client(socket)
        await client.say("hello", credit=1, deviceId=watch)
        assert (await client.hear())["error"] == "DeviceNotFound"
    async with session(house, await ticket(house, ann, SESSION, deviceId=watch)) as socket:
        assert (await Client(socket).open())["deviceId"] == watch


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"purpose": f"{ROOKERY}.sendMessage"}, "InvalidRequest"),
        ({"purpose": f"{ROOKERY}.nothing"}, "InvalidRequest"),
        ({"purpose": SESSION, "convoId": "a" * 26}, "InvalidRequest"),
        ({"purpose": AT, "convoId": "a" * 26}, "ConvoNotFound"),
        ({"purpose": AT, "deviceId": "x"}, "DeviceNotFound"),
    ],
)
async def test_who_could_not_open_the_stream_gets_no_ticket(
    house: House, body: dict[str, str], error: str
) -> None:
    ann = await house.account("ann")
    await house.device(ann)
    assert error_name(await house.send("POST", f"{ROOKERY}.getTicket", ann, json=body)) == error


async def test_a_ticket_is_taken_by_streams_alone(house: House) -> None:
    """Walks the table: a call with a ticket is a call without a token, and a parameter it does not have."""
    ann = await house.account("ann")
    await house.device(ann)
    for route in those():
        text = await ticket(house, ann, SSE)
        body = example(route) if route.http_method == "POST" else None
        answer = await house.http.request(route.http_method, f"/xrpc/{route.nsid}?ticket={text}", json=body)
        assert answer.json()["error"] == "AuthenticationRequired", route.nsid
        with_token = await house.http.get(
            f"/xrpc/{route.nsid}?ticket={text}", headers=house.headers(ann, route.nsid)
        )
        assert with_token.status_code in (400, 405), route.nsid


async def test_what_is_no_ticket_is_refused_by_every_stream(house: House) -> None:
    ann = await house.account("ann")
    await house.device(ann)
    for route in those(calls=False):
        for query in ("?ticket=", "?ticket=x", "?ticket=%C3%A9"):
            assert await knock(house, route, {}, query) == (401, "BadTicket"), query
        text = await ticket(house, ann, route.nsid)
        both = await knock(house, route, house.headers(ann, route.nsid), f"?ticket={text}")
        assert both == (400, "InvalidRequest")
        twice = await knock(house, route, {}, f"?ticket={text}&ticket={text}")
        assert twice == (400, "InvalidRequest")
        house.now += 31
        assert await knock(house, route, {}, f"?ticket={text}") == (401, "JwtExpired")


async def test_of_two_that_open_with_one_ticket_at_once_one_wins(house: House) -> None:
    ann = await house.account("ann")
    await house.device(ann)
    query = f"?ticket={await ticket(house, ann, SSE)}"
    answers: list[bytes] = []
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            async with await house.server.connect() as stream:
                await stream.send_all(f"GET /xrpc/{SSE}{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
                answers.append(await stream.receive_some(12))

        for _ in range(8):
            nursery.start_soon(ask)
    assert sorted(answers) == [b"HTTP/1.1 200"] + [b"HTTP/1.1 401"] * 7


async def test_a_key_gets_tickets_for_its_own_streams_only(house: House) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann)
    nsid = f"{ROOKERY}.getTicket"
    body = {
        "idempotencyKey": "k", "deviceId": phone, "name": "n", "methods": [nsid, SSE],
    }  # fmt: skip
    key = await house.post(ann, f"{ROOKERY}.createApiKey", body)
    assert await refused(house, nsid, bearer(key["apiKey"]), {"purpose": AT}) == "Forbidden"
    made = await house.http.post(f"/xrpc/{nsid}", json={"purpose": SSE}, headers=bearer(key["apiKey"]))
    assert made.is_success


async def test_a_device_gets_a_ticket_for_itself(house: House) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann, 1)
    await house.device(ann, 2)
    nsid = f"{ROOKERY}.getTicket"
    made = await house.http.post(
        f"/xrpc/{nsid}", json={"purpose": SESSION}, headers=signed(house, ann, phone, nsid)
    )
    async with session(house, made.json()["ticket"]) as socket:
        assert (await Client(socket).open())["deviceId"] == phone


def test_streams_are_what_tickets_are_for() -> None:
    taken = {
        route.nsid
        for route in ROUTES.values()
        if route.given is not None and "ticket" in route.given.__struct_fields__
    }
    assert taken == {route.nsid for route in ROUTES.values() if route.transport is not Transport.CALL}
