"""Whatever a client calls with gets a named error: never a traceback, a bare status, or silence.

One table of requests, over real sockets against one running server. What the server is afterwards is
judged by the fixture: alive, its database unchanged, no fault in its log.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from protocol import AccountDid
from tests.system.raw import request
from tests.system.town import (
    ABSENT,
    CHAT,
    MLS,
    Make,
    Town,
    a_send,
    an_mls_send,
    exchange,
    get,
    lex,
    post,
    text,
)

pytestmark = pytest.mark.system


def send(town: Town, **changes: Any) -> bytes:
    """A sendMessage that is good but for these changes."""
    return post(town, "sendMessage", text(a_send(town, **changes)))


def send_mls(town: Town, *, epoch: int, framed: int) -> bytes:
    """An MLS message of one epoch outside and another inside."""
    return post(town, "sendMessage", text(an_mls_send(town, epoch=epoch, framed=framed)), MLS)


def with_token(town: Town, token: str) -> bytes:
    """A getConvos with this token."""
    return request("GET", f"/xrpc/{CHAT}.getConvos", {"authorization": f"Bearer {token}"})


KIB = 1024

CALLS: Mapping[str, tuple[Make, int, str]] = {
    "not JSON": (lambda t: post(t, "sendMessage", b"{not json"), 400, "InvalidRequest"),
    "not UTF-8": (lambda t: post(t, "sendMessage", b'{"convoId": "\xff"}'), 400, "InvalidRequest"),
    "nothing": (lambda t: post(t, "sendMessage", b""), 400, "InvalidRequest"),
    "a list": (lambda t: post(t, "sendMessage", b"[]"), 400, "InvalidRequest"),
    "nested": (lambda t: post(t, "sendMessage", b"[" * 60_000), 400, "InvalidRequest"),
    "a missing field": (lambda t: send(t, msgId=None), 400, "InvalidRequest"),
    "an unknown field": (lambda t: send(t, sender="x"), 400, "InvalidRequest"),
    "a wrong type": (lambda t: send(t, msgId=7), 400, "InvalidRequest"),
    "no base64": (lambda t: send(t, ciphertext={"$bytes": "*"}), 400, "InvalidRequest"),
    "a msgId of 65": (lambda t: send(t, msgId="m" * 65), 400, "InvalidRequest"),
    "a msgId with a space": (lambda t: send(t, msgId="a b"), 400, "InvalidRequest"),
    "a wrong size": (lambda t: send(t, ciphertext=lex(bytes(513))), 400, "InvalidAsset"),
    "an empty ciphertext": (lambda t: send(t, ciphertext=lex(b"")), 400, "InvalidRequest"),
    "other bytes under a used msgId": (lambda t: send(t, msgId="taken"), 409, "IdempotencyConflict"),
    "an unknown conversation": (lambda t: send(t, convoId=ABSENT), 404, "ConvoNotFound"),
    "a conversation that is none": (lambda t: send(t, convoId="../../etc"), 404, "ConvoNotFound"),
    "a foreign device": (lambda t: send(t, deviceId=t.foreign_device), 403, "NotMember"),
    "an unknown member": (
        lambda t: post(
            t,
            "addMembers",
            text({"convoId": t.convo, "idempotencyKey": "k", "didList": ["did:web:nobody.example"]}),
        ),
        404,
        "MemberNotFound",
    ),
    "a DID that is none": (
        lambda t: post(
            t, "addMembers", text({"convoId": t.convo, "idempotencyKey": "k", "didList": ["alice"]})
        ),
        400,
        "InvalidRequest",
    ),
    "an MLS epoch that is to come": (lambda t: send_mls(t, epoch=9, framed=9), 409, "EpochMismatch"),
    "an MLS epoch other than in the framing": (lambda t: send_mls(t, epoch=0, framed=9), 400, "InvalidAsset"),
    "a sealed message in an MLS conversation": (lambda t: send(t, convoId=t.group), 400, "InvalidAsset"),
    "a body that says it is too long": (
        lambda t: post(t, "sendMessage", b"", content_length=str(64 * KIB * KIB)), 413, "PayloadTooLarge",
    ),
    "a body longer than its method takes": (
        lambda t: post(t, "createConvo", bytes(65 * KIB)), 413, "PayloadTooLarge",
    ),
    "text": (lambda t: post(t, "sendMessage", b"x", content_type="text/plain"), 415, "UnsupportedMediaType"),
    "a compressed body": (
        lambda t: post(t, "sendMessage", b"x", content_encoding="gzip"), 415, "UnsupportedMediaType",
    ),
    "a GET of a procedure": (lambda t: get(t, "sendMessage"), 405, "MethodNotAllowed"),
    "a POST of a query": (lambda t: post(t, "getConvos", b"{}"), 405, "MethodNotAllowed"),
    "an unknown method": (lambda t: get(t, "inventThings"), 501, "MethodNotImplemented"),
    "no method": (lambda _: request("GET", "/"), 404, "XRPCNotSupported"),
    "a parameter that is no number": (lambda t: get(t, "getConvos", "?limit=x"), 400, "InvalidRequest"),
    "a parameter out of bounds": (lambda t: get(t, "getConvos", "?limit=1000"), 400, "InvalidRequest"),
    "a parameter twice": (lambda t: get(t, "getConvos", "?limit=1&limit=2"), 400, "InvalidRequest"),
    "an unknown parameter": (lambda t: get(t, "getConvos", "?sender=x"), 400, "InvalidRequest"),
    "a missing parameter": (lambda t: get(t, "getMessages"), 400, "InvalidRequest"),
    "a made-up cursor": (lambda t: get(t, "getConvos", "?cursor=made-up"), 400, "InvalidCursor"),
    "no token": (lambda _: request("GET", f"/xrpc/{CHAT}.getConvos"), 401, "AuthenticationRequired"),
    "a token that is none": (lambda t: with_token(t, "x.y.z"), 401, "BadJwt"),
    "another scheme": (
        lambda _: request("GET", f"/xrpc/{CHAT}.getConvos", {"authorization": "Basic YTpi"}),
        401,
        "MissingBearer",
    ),
    "a token for another method": (
        lambda t: with_token(t, t.token(f"{CHAT}.sendMessage")), 401, "BadJwtLexiconMethod",
    ),
    "a token for another service": (
        lambda t: with_token(t, t.token(f"{CHAT}.getConvos", aud="did:web:elsewhere.example#atproto_mls")),
        401,
        "BadJwtAudience",
    ),
    "a token that has expired": (
        lambda t: with_token(t, t.token(f"{CHAT}.getConvos", age=3600)), 401, "JwtExpired",
    ),
    "a token for years": (
        lambda t: with_token(t, t.token(f"{CHAT}.getConvos", lifetime=10**8)), 401, "JwtTooOld",
    ),
    "a token signed by another account": (
        lambda t: with_token(t, t.token(f"{CHAT}.getConvos", key=t.mallory, iss=t.alice.did)),
        401,
        "BadJwtSignature",
    ),
    "a token of nobody here": (
        lambda t: with_token(t, t.token(f"{CHAT}.getConvos", iss=AccountDid("did:web:evil.example"))),
        401,
        "BadJwtIss",
    ),
    "two Host headers": (lambda _: b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400, "InvalidRequest"),
    "a head that is too long": (lambda _: request("GET", "/", {"x": "y" * 20_000}), 431, "InvalidRequest"),
    "no HTTP": (lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "InvalidRequest"),
    "a session without an upgrade": (lambda t: get(t, "session"), 426, "UpgradeRequired"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
async def test_a_bad_call_is_refused_by_name(town: Town, name: str) -> None:
    make, status, error = CALLS[name]
    answer = await exchange(town.router, make(town))
    assert (answer.status, answer.error) == (status, error)


async def test_an_epoch_outside_the_window_is_told_the_current_one(town: Town) -> None:
    answer = await exchange(town.router, send_mls(town, epoch=9, framed=9))
    assert "0" in json.loads(answer.body)["message"]


async def test_a_token_is_good_for_one_change(town: Town) -> None:
    """Also when what it was used for was refused: the refusal came after it."""
    nsid = f"{CHAT}.sendMessage"
    data = request("POST", f"/xrpc/{nsid}", town.bearer(nsid), text(a_send(town, convoId=ABSENT)))
    assert (await exchange(town.router, data)).error == "ConvoNotFound"
    assert (await exchange(town.router, data)).error == "NonceNotUnique"


async def test_a_body_without_end_is_refused_before_it_is_read(town: Town) -> None:
    """Chunked, so its length is not declared: 413 as soon as it is too long, not when it ends."""
    nsid = f"{CHAT}.createConvo"
    chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
    head = request(
        "POST",
        f"/xrpc/{nsid}",
        {**town.bearer(nsid), "transfer-encoding": "chunked", "content-type": "application/json"},
    )
    answer = await exchange(town.router, head + chunk + chunk)
    assert (answer.status, answer.error) == (413, "PayloadTooLarge")
