"""The suite finds faults: between it and a good server stands somebody who makes one, and the check that is
about it must fail. A suite that passes everybody proves nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import httpx
import pytest

from router.testing.conformance import CHECKS, Bench, KeyFiles, Manners, Service, Verdict, chosen
from router.testing.conformance.runner import run_one
from tests.edge.house import MLS, SERVICE, House, open_house

Fault = Callable[[str, Any, int, Any], tuple[int, Any]]
"""Method, what was asked, status and body as the good server answers; status and body as they arrive."""
NAMES = ("alice", "bob", "carol")


@attrs.define
class Meddler(httpx.AsyncBaseTransport):
    """Passes requests on, and answers as the fault wants."""

    inner: httpx.AsyncHTTPTransport
    fault: Fault

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = await request.aread()
        answer = await self.inner.handle_async_request(request)
        body = await answer.aread()
        await answer.aclose()
        nsid = request.url.path.removeprefix("/xrpc/").removeprefix(f"{MLS}.")
        given = json.loads(asked) if asked[:1] == b"{" else dict(request.url.params)
        status, told = self.fault(nsid, given, answer.status_code, json.loads(body))
        headers = [(name, value) for name, value in answer.headers.items() if name != "content-length"]
        return httpx.Response(status, headers=headers, content=json.dumps(told).encode(), request=request)

    async def aclose(self) -> None:
        await self.inner.aclose()


def honest(_nsid: str, _given: Any, status: int, body: Any) -> tuple[int, Any]:
    """No fault at all."""
    return status, body


def error(status: int, name: str) -> tuple[int, Any]:
    return status, {"error": name, "message": "No."}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        for name in NAMES:
            await running.account(name)
        yield running


async def tried(house: House, name: str, fault: Fault) -> Verdict:
    """The verdict of the one check of this name."""
    (found,) = chosen([name])
    keys = KeyFiles(tuple(house.accounts[name].key for name in NAMES))
    inner = httpx.AsyncHTTPTransport()
    async with httpx.AsyncClient(transport=Meddler(inner, fault), timeout=30) as http:
        bench = Bench(Service(house.server.url, SERVICE.audience), http, keys, Manners())
        bench.clock = lambda: house.now
        return await run_one(bench, found)


# -- the faults -------------------------------------------------------------------------------------------


def shows_senders(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    if nsid == "getMessages" and status == 200:
        for view in body["messages"]:
            view["senderDid"] = SENDER
    return status, body


SENDER = "did:web:alice.chat.example.com"


def fine_times(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    if nsid == "sendMessage" and status == 200:
        body["receivedAt"] = body["receivedAt"][:-1] + ".123Z"
    return status, body


def odd_seconds(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    if nsid == "sendMessage" and status == 200:
        body["receivedAt"] = "2026-05-28T20:26:41Z"
    return status, body


def loses_a_message(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    if nsid == "getMessages" and status == 200:
        body["messages"] = body["messages"][:2] + body["messages"][3:]
    return status, body


@attrs.define
class Counting:
    """A fault that needs to remember."""

    seen: int = 0
    first: Any = None

    def two_orders(self, nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
        if nsid == "getMessages" and status == 200:
            self.seen += 1
            if self.seen % 2:
                body["messages"].reverse()
        return status, body

    def other_answer_to_a_resend(self, nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
        if nsid == "sendMessage" and status == 200:
            self.seen += 1
            body["seq"] += self.seen
        return status, body

    def forgets_the_welcome(self, nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
        if nsid == "getWelcome":
            self.seen += 1
            return (status, body) if self.seen == 1 else error(404, "WelcomeNotFound")
        return status, body

    def one_package_for_all(self, nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
        if nsid == "getKeyPackages" and status == 200:
            self.first = self.first or body
            return status, self.first
        return status, body


def both_win(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    if nsid.endswith("submitCommit") and status == 409:
        return 200, {"newEpoch": 2, "seq": 2, "messageId": "commit!0"}
    return status, body


def takes_forged_commits(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    if nsid.endswith("submitCommit") and status == 400:
        return 200, {"newEpoch": 2, "seq": 2, "messageId": "commit!0"}
    return status, body


def tells_strangers(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    if body.get("error") == "ConvoNotFound":
        return status, {**body, "message": f"No {given.get('convoId')}."}
    return status, body


def knows_the_removed(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    if nsid == "sendMessage" and body.get("error") == "NotMember":
        return 200, {"messageId": given["msgId"], "receivedAt": "2026-05-28T20:26:40Z"}
    return status, body


def invents_errors(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    return (status, {**body, "error": "Oops"}) if status >= 400 else (status, body)


def forgets_a_field(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    if nsid == "createConvo" and status == 200:
        del body["cipherSuite"]
    return status, body


def takes_any_token(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    return (200, {"conversations": []}) if nsid == "getConvos" and status == 401 else (status, body)


def lets_everybody_remove(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    return (200, {"ok": True, "epochHint": 1}) if body.get("error") == "NotAdmin" else (status, body)


def breaks(nsid: str, given: Any, status: int, body: Any) -> tuple[int, Any]:
    return error(500, "InternalServerError") if nsid == "optIn" else (status, body)


FAULTS: dict[str, tuple[str, Callable[[], Fault]]] = {
    "the sender stands beside the message": ("names its sender", lambda: shows_senders),
    "times have milliseconds": ("finer than", lambda: fine_times),
    "times are of the second": ("finer than", lambda: odd_seconds),
    "a message is lost": ("same messages in the same order", lambda: loses_a_message),
    "two members see two orders": ("same messages in the same order", lambda: Counting().two_orders),
    "a resend gets another answer": (
        "first answer and are there once", lambda: Counting().other_answer_to_a_resend,
    ),
    "a Welcome is given once": ("until it is confirmed", lambda: Counting().forgets_the_welcome),
    "a key package is given twice": ("handed out once", lambda: Counting().one_package_for_all),
    "two commits win": ("of two commits of one epoch", lambda: both_win),
    "a forged commit is taken": ("public parts do not verify", lambda: takes_forged_commits),
    "a stranger is told": ("a stranger cannot tell", lambda: tells_strangers),
    "who was removed may write": ("neither reads nor writes", lambda: knows_the_removed),
    "errors have names of their own": ("a stranger cannot tell", lambda: invents_errors),
    "a field is missing": ("created at the epoch", lambda: forgets_a_field),
    "any token will do": ("a token is good for its method", lambda: takes_any_token),
    "any member may remove": ("an admin puts out others", lambda: lets_everybody_remove),
    "valid input breaks the server": ("what the lexicon allows", lambda: breaks),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
async def test_a_fault_is_found_by_the_check_that_is_about_it(house: House, what: str) -> None:
    name, fault = FAULTS[what]
    verdict = await tried(house, name, fault())
    assert verdict.result == "failed", verdict
    assert verdict.detail
    assert verdict.exchanges, "a person wants to see what was asked and answered"


@pytest.mark.parametrize("name", sorted({name for name, _ in FAULTS.values()}))
async def test_the_same_checks_pass_without_the_fault(house: House, name: str) -> None:
    verdict = await tried(house, name, honest)
    if verdict.result == "skipped":
        assert "accounts" in verdict.detail
    else:
        assert verdict.result == "passed", verdict.detail


def test_every_check_says_why_it_matters_and_has_a_name_of_its_own() -> None:
    assert len({each.name for each in CHECKS}) == len(CHECKS)
    for each in CHECKS:
        assert len(each.why) > 40, each.name


async def test_a_token_never_stands_in_the_record_of_a_failure(house: House) -> None:
    """What is shown of a failed check is pasted into bug reports."""
    verdict = await tried(house, "names its sender", shows_senders)
    assert "eyJ" not in "".join(verdict.exchanges)
