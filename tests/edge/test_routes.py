"""The route table: it agrees with the lexicons, and every row of it stands every attack."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import attrs
import msgspec
import pytest
import trio

from router.edge.routes import ROUTES, ROWS, Idempotency, Route, RouteTableError, Transport, build
from schema import LEXICONS
from schema.testing import given_to, smallest
from schema.wire import METHODS
from tests.edge.harness import error_of, read_all, read_until
from tests.edge.house import MLS, ROOKERY, House, error_name, open_house, padded, sealed, signature_key

Attack = Callable[[House, Route], Awaitable[None]]

CONVO = "a" * 26
DID = "did:web:nobody.chat.example.com"
DEVICE = "00000000-0000-4000-8000-000000000001"
KEY = {
    "signaturePublicKey": signature_key(b"k"),
    "proof": {"issuedAt": 0, "nonce": sealed(bytes(16)), "signature": sealed(bytes(64))},
}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "createConvo": {"idempotencyKey": "k"},
    "getConvos": {},
    "getEpoch": {"convoId": CONVO},
    "addMembers": {"convoId": CONVO, "didList": [DID], "idempotencyKey": "k"},
    "removeMember": {"convoId": CONVO, "targetDid": DID, "idempotencyKey": "k"},
    "leaveConvo": {"convoId": CONVO, "idempotencyKey": "k"},
    "sendMessage": {"convoId": CONVO, "msgId": "m", "ciphertext": padded(b"x")},
    "getMessages": {"convoId": CONVO},
    "updateCursor": {"convoId": CONVO, "seq": 1},
    "registerDevice": {"deviceName": "d", **KEY},
    "listDevices": {},
    "deleteDevice": {"deviceId": DEVICE},
    "getSubscriptionTicket": {},
    "renameDevice": {"deviceId": DEVICE, "deviceName": "d"},
    "rotateDeviceKey": {"deviceId": DEVICE, **KEY},
    "revokeDevice": {"deviceId": DEVICE},
    "createApiKey": {
        "idempotencyKey": "k",
        "deviceId": DEVICE,
        "name": "n",
        "methods": [f"{ROOKERY}.sendMessage"],
    },
    "listApiKeys": {},
    "createPasskeyLink": {},
    "revokeApiKey": {"keyId": "a" * 16},
    "listIdentities": {},
    "linkIdentity": {"code": "c", "codeVerifier": "v" * 43, "redirectUri": "http://127.0.0.1/callback"},
    "unlinkIdentity": {"identityId": "0" * 32},
    "getTicket": {"purpose": f"{ROOKERY}.session"},
    "streamConvoEvents": {},
    "subscribeConvoEvents": {},
    "streamEvents": {},
    "subscribeEvents": {},
    "session": {},
}
_MLS_EXAMPLES: dict[str, dict[str, Any]] = {
    "createConvo": {"groupId": "00ff", "cipherSuite": "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"},
    "sendMessage": {"epoch": 0, "declaredSize": 1, "paddedSize": 512},
    "updateCursor": {"convoId": CONVO, "cursor": "1"},
    "registerDevice": {"keyPackages": [{"did": DID, "keyPackage": "AA==", "cipherSuite": "x"}]},
}


def example(route: Route) -> dict[str, Any]:
    """A well-formed input of a route: the one written down here, else the smallest its lexicon allows."""
    family, _, name = route.nsid.rpartition(".")
    if family not in (MLS, ROOKERY) or name not in _EXAMPLES:
        return dict(smallest(given_to(route.nsid), route.nsid))
    if (family, name) == (MLS, "updateCursor"):
        return dict(_MLS_EXAMPLES[name])
    more = _MLS_EXAMPLES.get(name, {}) if family == MLS else {}
    return {**_EXAMPLES[name], **more}


def those(*, calls: bool = True, kind: str = "") -> list[Route]:
    """The rows to attack."""
    return [
        route
        for route in ROUTES.values()
        if (route.transport is Transport.CALL) is calls and kind in ("", route.method.kind)
    ]


def walks(routes: list[Route]) -> Callable[[Attack], Callable[[House], Awaitable[None]]]:
    """Make a test of an attack: it walks these rows in one house and names the row that fell."""

    def decorate(attack: Attack) -> Callable[[House], Awaitable[None]]:
        async def walk(house: House) -> None:
            for route in routes:
                try:
                    await attack(house, route)
                except BaseException as error:
                    error.add_note(f"attacking {route.nsid}")
                    raise

        walk.__name__, walk.__doc__ = attack.__name__, attack.__doc__
        return walk

    return decorate


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


# -- the table itself ------------------------------------------------------------------------------------


def test_every_lexicon_of_a_method_has_a_row_and_every_row_a_lexicon() -> None:
    assert set(ROUTES) == {nsid for nsid, lexicon in LEXICONS.items() if "main" in lexicon.defs}
    assert set(ROUTES) == set(METHODS)


def test_a_method_without_a_row_is_an_error_at_start() -> None:
    with pytest.raises(RouteTableError, match=r"without a row: chat\.rookery\.session"):
        build(ROWS[:-1], METHODS)


@pytest.mark.parametrize(
    ("nsid", "change"),
    [
        (f"{ROOKERY}.nothing", {"name": "nothing"}),
        (f"{ROOKERY}.getConvos", {"idempotency": Idempotency.NATURAL}),
        (f"{ROOKERY}.updateCursor", {"idempotency": Idempotency.KEY_REQUIRED}),
        (f"{ROOKERY}.sendMessage", {"transport": Transport.SSE}),
        (f"{ROOKERY}.sendMessage", {"handler": None}),
        (f"{ROOKERY}.createConvo", {"idempotency": Idempotency.MESSAGE_ID}),
    ],
)
def test_a_row_that_contradicts_its_lexicon_is_an_error_at_start(nsid: str, change: dict[str, Any]) -> None:
    name = nsid.rpartition(".")[2] if "name" not in change else "getConvos"
    row = next(row for row in ROWS if (row.family, row.name) == (ROOKERY, name))
    others = [each for each in ROWS if each is not row]
    with pytest.raises(RouteTableError):
        build([*others, attrs.evolve(row, **change)], METHODS)


def test_what_changes_something_uses_its_token_up_and_what_reads_does_not() -> None:
    for route in ROUTES.values():
        reads = route.method.kind == "query" and route.transport is Transport.CALL
        assert route.single_use is not reads
        assert (route.idempotency is Idempotency.READ) is reads


# -- attacks on every call -------------------------------------------------------------------------------


async def attack(house: House, route: Route, **given: Any) -> str:
    """A request of the right shape but for `given`; the name of its refusal."""
    account = given.pop("account", await house.account("mallory"))
    method = given.pop("method", route.http_method)
    if "content" not in given and method == "POST":
        given["json"] = given.pop("body", example(route))
    elif method == "GET":
        given.setdefault("params", given.pop("body", example(route)))
    return error_name(await house.send(method, route.nsid, account, **given))


@walks(those())
async def test_no_token(house: House, route: Route) -> None:
    assert await attack(house, route, account=None) == "AuthenticationRequired"


@walks(those())
async def test_no_real_token(house: House, route: Route) -> None:
    for header in (b"Basic eDp5", b"Bearer", b"Bearer x.y.z", b"", b"Bearer \xff"):
        name = await attack(house, route, account=None, headers={"authorization": header})
        assert name in ("MissingJwt", "MissingBearer", "BadJwt"), header


@walks(those())
async def test_two_authorization_headers(house: House, route: Route) -> None:
    account = await house.account("mallory")
    async with await house.server.connect() as stream:
        head = f"{route.http_method} /xrpc/{route.nsid} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n"
        head += "content-type: application/json\r\n"
        for _ in range(2):
            head += f"authorization: Bearer {house.token(account, route.nsid)}\r\n"
        await stream.send_all(head.encode() + b"connection: close\r\n\r\n")
        assert error_of(await read_all(stream)) == (400, "InvalidRequest")


@walks(those())
async def test_a_token_made_for_another_method(house: House, route: Route) -> None:
    account = await house.account("mallory")
    other = next(nsid for nsid in ROUTES if nsid != route.nsid)
    headers = house.headers(account, other)
    assert await attack(house, route, account=None, headers=headers) == "BadJwtLexiconMethod"


@walks(those())
async def test_a_token_that_was_used(house: House, route: Route) -> None:
    account = await house.account("mallory")
    headers = house.headers(account, route.nsid)
    where = "json" if route.http_method == "POST" else "params"
    given: dict[str, Any] = {where: example(route)}
    await house.send(route.http_method, route.nsid, headers=headers, **given)
    again = await house.send(route.http_method, route.nsid, headers=headers, **given)
    if route.single_use:
        assert error_name(again) == "NonceNotUnique"
    else:
        assert again.status_code != 401


@walks(those())
async def test_another_http_method(house: House, route: Route) -> None:
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - {route.http_method}:
        given: dict[str, Any] = {"content": b""} if method == "POST" else {"params": {}}
        assert await attack(house, route, method=method, **given) == "MethodNotAllowed", method


NOT_JSON = (
    b"", b"{", b"nope", b"[]", b"null", b'"x"', b"1e999", b"\xff\xfe", b"[" * 50_000, b'{"a":' * 5_000,
    b"{}\x00",
)  # fmt: skip


@walks(those(kind="procedure"))
async def test_a_body_that_is_not_the_json_it_should_be(house: House, route: Route) -> None:
    for body in NOT_JSON:
        headers = {"content-type": "application/json"}
        name = await attack(house, route, content=body, headers=headers)
        assert name == "InvalidRequest", body[:20]


@walks(those(kind="procedure"))
async def test_another_content_type(house: House, route: Route) -> None:
    content = json.dumps(example(route)).encode()
    for headers in (
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": ""},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ):
        name = await attack(house, route, content=content, headers=headers)
        assert name == "UnsupportedMediaType", headers


@walks(those())
async def test_an_unknown_field(house: House, route: Route) -> None:
    assert await attack(house, route, body={**example(route), "unheardOf": "1"}) == "InvalidRequest"


@walks(those())
async def test_each_field_missing_or_of_another_type(house: House, route: Route) -> None:
    good = example(route)
    fields = () if route.given is None else msgspec.structs.fields(route.given)
    optional = {field.encode_name for field in fields if not field.required}
    for name in good:
        if name not in optional:
            rest = {other: value for other, value in good.items() if other != name}
            assert await attack(house, route, body=rest) == "InvalidRequest", name
        if route.http_method == "POST":
            wrongs: tuple[object, ...] = (None, True, {"deep": []}, [[[]]], -1.5)
            for wrong in (each for each in wrongs if type(each) is not type(good[name])):
                assert await attack(house, route, body={**good, name: wrong}) == "InvalidRequest", name


@walks(those(kind="query"))
async def test_a_query_string_that_is_none(house: House, route: Route) -> None:
    account = await house.account("mallory")
    for query in ("a=%ff", "limit=x", "=", "&&", "convoId=a&convoId=b", "limit=1&limit=2", "%"):
        headers = house.headers(account, route.nsid)
        answer = await house.http.get(f"/xrpc/{route.nsid}?{query}", headers=headers)
        assert error_name(answer) == "InvalidRequest", query


@walks(those(kind="procedure"))
async def test_parameters_where_none_belong(house: House, route: Route) -> None:
    assert await attack(house, route, params={"a": "b"}, body=example(route)) == "InvalidRequest"


@walks(those())
async def test_a_length_too_large_is_refused_before_a_byte_is_read(house: House, route: Route) -> None:
    """No byte of the body is ever sent: an answer means that nobody waited for one."""
    account = await house.account("mallory")
    async with await house.server.connect() as stream:
        head = (
            f"{route.http_method} /xrpc/{route.nsid} HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999\r\n"
            f"content-type: application/json\r\n"
            f"authorization: Bearer {house.token(account, route.nsid)}\r\n\r\n"
        )
        await stream.send_all(head.encode())
        assert error_of(await read_until(stream, b"}")) == (413, "PayloadTooLarge")


@walks(those(kind="procedure"))
async def test_a_chunked_body_is_refused_once_it_is_too_long(house: House, route: Route) -> None:
    account = await house.account("mallory")
    limit = route.max_body_bytes or house.edge.settings.server.max_body_bytes
    async with await house.server.connect() as stream:
        head = (
            f"POST /xrpc/{route.nsid} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
            f"content-type: application/json\r\n"
            f"authorization: Bearer {house.token(account, route.nsid)}\r\n\r\n"
        )
        await stream.send_all(head.encode())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send_chunks, stream, limit + 200_000)
            answer = await read_until(stream, b"}")
            nursery.cancel_scope.cancel()
        assert error_of(answer) == (413, "PayloadTooLarge")


async def _send_chunks(stream: trio.SocketStream, size: int) -> None:
    chunk = b"x" * 0x8000
    try:
        for _ in range(size // len(chunk) + 1):
            await stream.send_all(b"8000\r\n" + chunk + b"\r\n")
    except trio.BrokenResourceError:
        pass


# -- attacks on every stream -----------------------------------------------------------------------------


async def knock(house: House, route: Route, headers: dict[str, str], query: str = "") -> tuple[int, str]:
    """Ask for a stream and be refused; over a WebSocket handshake where the method is one."""
    given = dict(headers)
    if route.transport is not Transport.SSE:
        given |= {
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-protocol": "rookery.v1",
        }
    async with await house.server.connect() as stream:
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        request = f"GET /xrpc/{route.nsid}{query} HTTP/1.1\r\nhost: x\r\n{lines}\r\n"
        await stream.send_all(request.encode())
        return error_of(await read_until(stream, b"}"))


@walks(those(calls=False))
async def test_a_stream_without_a_good_token(house: House, route: Route) -> None:
    account = await house.account("mallory")
    other = next(nsid for nsid in ROUTES if nsid != route.nsid)
    assert await knock(house, route, {}) == (401, "AuthenticationRequired")
    assert await knock(house, route, {"authorization": "Bearer x"}) == (401, "BadJwt")
    assert await knock(house, route, house.headers(account, other)) == (401, "BadJwtLexiconMethod")


@walks(those(calls=False))
async def test_a_stream_for_an_account_without_devices(house: House, route: Route) -> None:
    account = await house.account("mallory")
    if route.transport is not Transport.SESSION:  # a session names its device in the hello
        assert await knock(house, route, house.headers(account, route.nsid)) == (404, "DeviceNotFound")


@walks(those(calls=False))
async def test_a_stream_opened_twice_with_one_token(house: House, route: Route) -> None:
    account = await house.account("mallory")
    headers = house.headers(account, route.nsid)
    if route.transport is Transport.SESSION:
        async with house.session(account):
            pass
    else:
        await knock(house, route, headers)
        assert await knock(house, route, headers) == (401, "NonceNotUnique")


@walks(those(calls=False))
async def test_a_stream_with_parameters_it_does_not_have(house: House, route: Route) -> None:
    account = await house.account("mallory")
    headers = house.headers(account, route.nsid)
    assert await knock(house, route, headers, "?unheardOf=1") == (400, "InvalidRequest")


@walks(those(calls=False))
async def test_a_stream_by_another_http_method(house: House, route: Route) -> None:
    account = await house.account("mallory")
    for method in ("POST", "PUT", "DELETE"):
        assert error_name(await house.send(method, route.nsid, account)) == "MethodNotAllowed"


@walks(those(calls=False))
async def test_a_websocket_method_without_an_upgrade(house: House, route: Route) -> None:
    account = await house.account("mallory")
    if route.transport is not Transport.SSE:
        answer = await house.send("GET", route.nsid, account)
        assert error_name(answer) == "UpgradeRequired"
        assert answer.headers["upgrade"] == "websocket"


@walks(those())
async def test_an_upgrade_of_what_is_no_websocket(house: House, route: Route) -> None:
    account = await house.account("mallory")
    fake = attrs.evolve(ROUTES[f"{ROOKERY}.session"], nsid=route.nsid)
    assert await knock(house, fake, house.headers(account, route.nsid)) == (400, "InvalidRequest")
