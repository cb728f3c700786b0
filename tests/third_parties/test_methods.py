"""Every method that answers once, called by `@atproto/xrpc`, which judges inputs, answers and errors."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from schema import ERRORS
from schema.wire import METHODS
from tests.node.mls.clients import MlsClients
from tests.third_parties.atproto import TheirError
from tests.third_parties.mls_walk import MLS_FAMILIES, walk_mls
from tests.third_parties.stage import LEXICONS, STREAM_QUOTA, Stage, lex_bytes, their_key
from tests.third_parties.walk import MLS, ROOKERY, Walk, key, walk_rookery

pytestmark = pytest.mark.system

FAMILIES = (ROOKERY, MLS)


AT_HOME = {
    f"{ROOKERY}.{name}" for name in ("createPasskeyLink", "linkIdentity", "listIdentities", "unlinkIdentity")
}
"""For accounts that live on the server, as those of these libraries do not; tests/login asks them."""


@pytest.fixture(scope="module")
def walks(stage: Stage, clients: MlsClients) -> dict[str, Walk]:
    """Both walks, done."""
    return {ROOKERY: walk_rookery(stage), MLS: walk_mls(stage, clients)}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_method_answers_as_its_lexicon_says(walks: dict[str, Walk], family: str) -> None:
    """Their client throws at an answer that the lexicon does not allow: the walk is the test. Methods of
    MLS are called by clients of groups, and then judged by the same validators."""
    kinds = MLS_FAMILIES if family == MLS else (family,)
    methods = {
        nsid
        for nsid, method in METHODS.items()
        if nsid.rpartition(".")[0] in kinds and method.kind != "subscription" and not method.streams
    }
    assert walks[family].steps.keys() == methods - AT_HOME


# -- what must not be taken --------------------------------------------------------------------------------


def spoiled(nsid: str, given: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The input, each time with one thing wrong that the lexicon can tell: (what, input)."""
    main = json.loads((LEXICONS / (nsid.replace(".", "/") + ".json")).read_bytes())["defs"]["main"]
    (part,) = given
    shape = main["input"]["schema"] if part == "data" else main.get("parameters", {})
    for name in shape.get("required", ()):
        yield f"no {name}", {part: {key: value for key, value in given[part].items() if key != name}}
    if part == "data":  # in a URL there are only words
        for name, about in shape.get("properties", {}).items():
            for value in wrong_values(about):
                yield f"{name} = {str(value)[:40]}", {part: {**given[part], name: value}}


def wrong_values(about: dict[str, Any]) -> Iterator[Any]:
    """Values that a property of this form does not allow."""
    yield None
    match about["type"]:
        case "string":
            yield 7
            if "maxLength" in about:  # in bytes, not in characters
                yield "é" * (about["maxLength"] // 2 + 1)
            if "minLength" in about:
                yield ""
            if "format" in about:
                yield "of no form"
        case "integer":
            yield from ("7", 1.5, True)
            if "minimum" in about:
                yield about["minimum"] - 1
            if "maximum" in about:
                yield about["maximum"] + 1
        case "array":
            yield from ("text", {"0": "text"}, [None])
            if about.get("maxLength", 1_000) < 1_000:
                yield ["did:web:many.example"] * (about["maxLength"] + 1)
        case "bytes":
            yield from ("AAAA", [0, 1])
            if about.get("maxLength", 1_000) < 1_000:
                yield lex_bytes(bytes(about["maxLength"] + 1))
        case "boolean":
            yield from (0, "true")
        case "ref":
            yield "text"


@pytest.mark.parametrize("family", FAMILIES)
def test_what_their_validator_refuses_the_server_refuses(walks: dict[str, Walk], family: str) -> None:
    """One thing wrong in an input that was answered: a lexicon means the same to both, or clients break."""
    judged = 0
    for nsid, step in walks[family].steps.items():
        cases = list(spoiled(nsid, step.given))
        verdicts = step.person.stage.ask(
            "judge",
            service=step.person.stage.router.url,
            nsid=nsid,
            inputs=[given for _, given in cases],
            key=their_key(step.person.account.key.private),
            iss=step.person.did,
            aud=step.person.stage.service.audience,
        )
        for (what, _), verdict in zip(cases, verdicts, strict=True):
            assert not verdict["valid"], f"{nsid}, {what}: this case spoils nothing"
            assert verdict["refused"] == "InvalidRequest", f"{nsid}, {what}: {verdict['refused']}"
            judged += 1
    assert judged > 100


# -- errors ------------------------------------------------------------------------------------------------


NAMED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a conversation of others": (f"{ROOKERY}.getMessages", {}, "ConvoNotFound"),
    "one that there is not": (f"{ROOKERY}.updateCursor", {"convoId": "a" * 26}, "ConvoNotFound"),
    "a member nobody knows": (
        f"{ROOKERY}.createConvo", {"initialMembers": ["did:web:ghost.example"]}, "MemberNotFound",
    ),
    "a device of others": (f"{ROOKERY}.renameDevice", {}, "DeviceNotFound"),
    "a made-up cursor": (f"{ROOKERY}.getConvos", {"cursor": "made-up"}, "InvalidCursor"),
    "a suite that there is not": (f"{MLS}.createConvo", {"cipherSuite": "ROT13"}, "InvalidCipherSuite"),
    "an account without a device here": (
        f"{MLS}.sendChatRequest", {"recipientDid": "did:web:ghost.example"}, "RecipientNotFound",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("nsid", "changed", "name"), NAMED.values(), ids=NAMED)
def test_a_refusal_has_its_name_status_and_sentence(
    walks: dict[str, Walk], nsid: str, changed: dict[str, Any], name: str
) -> None:
    """A call of the walk made by a stranger. Apps switch on the name: their client knows few statuses."""
    walk = walks[nsid.rpartition(".")[0]]
    ((part, given),) = walk.steps[nsid].given.items()
    spoilt: dict[str, Any] = {part: {**given, **changed}}
    refused = walk.person("stranger").refused(nsid, **spoilt)
    assert (refused.name, refused.status) == (name, ERRORS[name].status)
    assert refused.message[-1] == ".", "a sentence, for whoever reads the log"
    assert refused.headers["content-type"] == "application/json"


def test_the_same_key_with_another_body_is_a_conflict(stage: Stage) -> None:
    person = stage.person("twice.example.com")
    person.device()
    again = {"idempotencyKey": key()}
    first = person.call(f"{ROOKERY}.createConvo", data=again)
    assert person.call(f"{ROOKERY}.createConvo", data=again) == first
    refused = person.refused(f"{ROOKERY}.createConvo", data={**again, "metadata": {"name": "other"}})
    assert refused.name == "IdempotencyConflict"
    assert refused.status == 400, "their client knows no 409; the name says it"


def test_a_method_that_is_not_built_is_told_so_by_name(stage: Stage) -> None:
    """A client of a newer server finds out what this one lacks."""
    nsid = "chat.rookery.notBuilt"
    schema = {"type": "params", "properties": {}}
    main = {"type": "query", "parameters": schema, "output": {"encoding": "application/json"}}
    document = {"lexicon": 1, "id": nsid, "defs": {"main": main}}
    person = stage.person("early.example.com")
    refused = stage.ask("callOnce", document=document, service=stage.router.url, nsid=nsid)
    assert (refused["name"], refused["status"]) == ("MethodNotImplemented", 501)
    assert person.call(f"{ROOKERY}.getConvos") == {"conversations": []}


def test_limits_are_told_in_headers_that_their_client_hands_on(stage: Stage) -> None:
    """How many are left before the last one, and how long to wait after it: a client need not guess."""
    person = stage.person("eager.example.com")
    device = person.device()
    nsid = f"{ROOKERY}.getTicket"
    wish: dict[str, Any] = {"data": {"purpose": f"{ROOKERY}.subscribeEvents", "deviceId": device}}
    left = []

    def spend() -> None:
        for _ in range(10 * STREAM_QUOTA):  # on a slow day some come back meanwhile
            headers = stage.call(nsid, person.token(nsid), **wish)["headers"]
            assert int(headers["ratelimit-limit"]) == STREAM_QUOTA
            left.append(int(headers["ratelimit-remaining"]))

    with pytest.raises(TheirError) as caught:
        spend()
    assert (left[0], left[-1]) == (STREAM_QUOTA - 1, 0)
    assert len(left) >= STREAM_QUOTA

    refused = caught.value
    assert (refused.name, refused.status) == ("RateLimitExceeded", 429)
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 60
    assert f"{wait} s" in refused.message, "a PDS in between passes no headers on"
    assert int(refused.headers["ratelimit-remaining"]) == 0
    assert refused.headers["ratelimit-policy"] == f"{STREAM_QUOTA};w=60"
    assert time.time() - 1 < int(refused.headers["ratelimit-reset"]) <= time.time() + 61
    assert person.call(f"{ROOKERY}.getConvos") == {"conversations": []}, "other classes are not touched"
