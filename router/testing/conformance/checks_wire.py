"""Tokens, media types, and every method's lexicon: what is true before any method does anything."""

import json
from functools import partial
from typing import Any

from router.identity.keys import AccountKey
from router.testing.conformance.bench import MLS, Bench, judged
from router.testing.conformance.registry import check
from router.testing.conformance.verdicts import demand, demand_equal
from schema.testing import breakages, complete, given_to, smallest
from schema.wire import METHODS

CALLS = [
    nsid for nsid, method in METHODS.items() if method.kind != "subscription" and not method.streams
]  # fmt: skip
READ = f"{MLS}.getConvos"
WRITE = f"{MLS}.optIn"
NOT_AUTHENTIC = (401, 403)


@check("wire", "nobody is answered without a token")
async def no_token(bench: Bench) -> None:
    """A method that forgets to look is found in the table of methods, not by an attacker."""
    for nsid in CALLS:
        verb = "POST" if METHODS[nsid].kind == "procedure" else "GET"
        answer = await bench.knock(verb, nsid, headers={"content-type": "application/json"})
        if answer.status_code not in (404, 501):
            demand_equal(answer.status_code, 401, f"{nsid} without a token")


@check("wire", "a token is good for its method, its audience, its time and its issuer's key only")
async def wrong_tokens(bench: Bench) -> None:
    """Service-auth tokens of AT Protocol: `lxm`, `aud`, `exp`, and a signature by the account's key."""
    (alice, bob) = bench.take("alice", "bob")
    forged = AccountKey(alice.did, bob.private)
    now = bench.now()
    for what, token in {
        "for another method": bench.token(alice, f"{MLS}.getEpoch"),
        "for another audience": bench.token(alice, READ, aud="did:web:elsewhere.example#atproto_mls"),
        "that has ended": bench.token(alice, READ, now=now - 7_200),
        "of a time to come": bench.token(alice, READ, now=now + 7_200),
        "signed by somebody else": bench.token(forged, READ),
        "without a signature": bench.token(alice, READ).rpartition(".")[0] + ".",
        "that is none": "x",
    }.items():
        answer = judged(READ, await bench.knock("GET", READ, partial(str, token), what=what))
        demand(answer.status in NOT_AUTHENTIC, f"a token {what} was answered with {answer.status}")
    (await bench.ask(alice, READ)).ok()


@check("wire", "a token changes something once")
async def token_twice(bench: Bench) -> None:
    """Whoever reads a token in a log must not be able to act with it."""
    (alice,) = bench.take("alice")
    token = bench.token(alice, WRITE)
    (await bench.ask(alice, WRITE, {}, token=token)).ok()
    again = judged(WRITE, await bench.raw("POST", WRITE, token=token, json={}))
    demand(again.status in NOT_AUTHENTIC, f"the same token again was answered with {again.status}")


@check("wire", "what the lexicon allows is answered with what the lexicon has")
async def smallest_inputs(bench: Bench) -> None:
    """The least and the most a client may send, to every method: never a fault of the server, and never an
    error or an answer that clients were not told of."""
    (alice,) = bench.take("alice")
    for nsid in CALLS:
        if nsid in _NOT_TRIED:
            continue
        node = given_to(nsid)
        for given in (smallest(node, nsid), complete(node, nsid)):
            answer = await _try(bench, alice, nsid, given)
            demand(answer is None or answer < 500, f"{nsid} answered valid input with {answer}")


@check("wire", "an input that breaks one rule of the lexicon is refused as InvalidRequest")
async def broken_inputs(bench: Bench) -> None:
    """For each procedure one case of each rule: missing, of another type, too long, too short, not of the
    enum. What is refused here cannot do harm further in."""
    for nsid in CALLS:
        if METHODS[nsid].kind != "procedure":
            continue
        (alice,) = bench.take("alice")  # a new one for each, where there are new ones: limits are per account
        node, tried = given_to(nsid), set()
        for rule, broken in breakages(node, complete(node, nsid), nsid, strict=False):
            if rule in tried or len(json.dumps(broken)) > _MOST_BYTES:
                continue
            tried.add(rule)
            answer = await bench.knock(
                "POST", nsid, partial(bench.token, alice, nsid), what=rule,
                content=json.dumps(broken), headers={"content-type": "application/json"},
            )  # fmt: skip
            if answer.status_code in (404, 501):
                break
            name = judged(nsid, answer).error
            demand(name in ("InvalidRequest", "InvalidDid"), f"{nsid} ({rule} broken) answered {name}")


@check("wire", "a procedure is a POST of JSON, and a query is a GET")
async def verbs(bench: Bench) -> None:
    """XRPC: the wrong verb or media type is the client's mistake, and named as one."""
    (alice,) = bench.take("alice")
    wrong = await bench.raw("GET", WRITE, token=bench.token(alice, WRITE))
    demand(400 <= wrong.status_code < 500, f"a procedure by GET was answered with {wrong.status_code}")
    wrong = await bench.raw("POST", READ, token=bench.token(alice, READ), json={})
    demand(400 <= wrong.status_code < 500, f"a query by POST was answered with {wrong.status_code}")
    nsid = f"{MLS}.getKeyPackages"
    for media, body in {"text/plain": b"{}", "application/json": b"{"}.items():
        put = f"{MLS}.createConvo"
        headers = {"content-type": media}
        answer = await bench.raw("POST", put, token=bench.token(alice, put), content=body, headers=headers)
        judged(put, answer)
        demand(400 <= answer.status_code < 500, f"{media} {body!r} was answered with {answer.status_code}")
    answer = await bench.raw("GET", nsid, token=bench.token(alice, nsid))
    judged(nsid, answer).refused("InvalidRequest")


@check("wire", "a method that nobody has is answered with MethodNotImplemented")
async def unknown_method(bench: Bench) -> None:
    """By it a client of several contracts finds out what a server can."""
    (alice,) = bench.take("alice")
    nsid = f"{MLS}.conformanceNobodyHasThis"
    answer = await bench.raw("GET", nsid, token=bench.token(alice, nsid))
    demand(answer.status_code in (404, 501), f"it was answered with {answer.status_code}")
    body: Any = answer.json()
    demand_equal(body.get("error"), "MethodNotImplemented", "the error of an unknown method")


_MOST_BYTES = 60_000
_NOT_TRIED = frozenset({"chat.rookery.createApiKey"})
"""Makes a key that stays."""


async def _try(bench: Bench, key: AccountKey, nsid: str, given: dict[str, Any]) -> int | None:
    """The status of one call whose answer has the shape it should; None where there is no such method."""
    from router.testing.conformance.verdicts import Skipped

    try:
        return (await bench.ask(key, nsid, given, patient=False)).status
    except Skipped:
        return None
