"""Service-auth tokens of `@atproto/xrpc-server` and `@atproto/crypto` at the door of a running server.

Whoever is behind a PDS speaks with such tokens: the PDS makes them with exactly this code. What is wrong in
each refused one is one thing, and the refusal has that thing's name.
"""

import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from crypto import Curve
from router.identity.compact import decode_part, encode_part
from router.testing import Status
from tests.system.people import sealed
from tests.third_parties.atproto import TheirError
from tests.third_parties.stage import Person, Stage, from_lex, lex_bytes, their_key

pytestmark = pytest.mark.system

CONVOS = "chat.rookery.getConvos"
CREATE = "chat.rookery.createConvo"
NO_ACCOUNT = "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"
_numbers = itertools.count(1)


@pytest.fixture
def anna(stage: Stage) -> Person:
    """An account that no other test has, so that nobody's wrong tokens count against anybody else's."""
    return stage.person(f"anna-{next(_numbers)}.example.com")


def create(person: Person) -> dict[str, Any]:
    """The input of createConvo."""
    return {"data": {"idempotencyKey": f"key-{next(_numbers)}"}}


@pytest.mark.parametrize("curve", Curve)
def test_a_stranger_with_an_account_elsewhere_talks_by_their_tokens_alone(stage: Stage, curve: Curve) -> None:
    """From nothing but a did:plc to a message sent and read, each call with a token for it."""
    person = stage.person(f"{curve.value}.example.com", curve)
    assert person.device("phone")
    convo = person.call(CREATE, **create(person))
    assert convo["creator"] == person.did
    message = {"convoId": convo["id"], "msgId": "first", "ciphertext": lex_bytes(sealed("first"))}
    person.call("chat.rookery.sendMessage", data=message)
    page = person.call("chat.rookery.getMessages", params={"convoId": convo["id"]})
    assert [from_lex(each["ciphertext"]) for each in page["messages"]] == [sealed("first")]
    assert [each["id"] for each in person.call(CONVOS)["conversations"]] == [convo["id"]]


def test_the_header_that_their_helper_makes_is_a_header_here(stage: Stage, anna: Person) -> None:
    key = their_key(anna.account.key.private)
    header = stage.ask("authorization", key=key, **anna.claims(CONVOS))
    assert stage.call(CONVOS, header)["data"] == {"conversations": []}


def test_the_audience_may_lack_its_fragment_as_a_proxying_pds_sends_it(anna: Person) -> None:
    assert anna.stage.call(CONVOS, anna.token(CONVOS, aud=anna.stage.service.did))


def _claims(**changed: Any) -> Callable[[Person], str]:
    return lambda person: person.token(CONVOS, **changed)


def _audience(change: Callable[[str], str]) -> Callable[[Person], str]:
    return lambda person: person.token(CONVOS, aud=change(person.stage.service.audience))


def _aged(seconds: int, *, lifetime: int = 60) -> Callable[[Person], str]:
    def make(person: Person) -> str:
        issued = int(time.time()) - seconds
        return person.token(CONVOS, iat=issued, exp=issued + lifetime)

    return make


def _without(*names: str, **header: object) -> Callable[[Person], str]:
    """A token signed by their key whose claims lack something that the library always puts in."""

    def make(person: Person) -> str:
        now = int(time.time())
        claims = {**person.claims(CONVOS), "iat": now, "exp": now + 60, "jti": "a nonce"}
        kept = {name: value for name, value in claims.items() if name not in names}
        key = their_key(person.account.key.private)
        return f"Bearer {person.stage.ask('tokenOf', key=key, header=header, claims=kept)}"

    return make


def _another_curve(person: Person) -> str:
    stranger = person.stage.person(f"stranger-{next(_numbers)}.example.com", Curve.P256)
    return person.token(CONVOS, key=stranger.account.key)


def _another_key(person: Person) -> str:
    stranger = person.stage.person(f"stranger-{next(_numbers)}.example.com")
    return person.token(CONVOS, key=stranger.account.key)


def _fragment(person: Person) -> str:
    """As it was allowed until 2026, when `kid` came in its place."""
    return person.token(CONVOS, iss=person.did + "#atproto")


ORDER = {
    Curve.K256: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    Curve.P256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
}


def high_s(token: str, curve: Curve = Curve.K256) -> str:
    """The other signature that the same key would verify: s becomes n - s."""
    signed, _, signature = token.rpartition(".")
    raw = decode_part(signature)
    s = ORDER[curve] - int.from_bytes(raw[32:], "big")
    return f"{signed}.{encode_part(raw[:32] + s.to_bytes(32, 'big'))}"


REFUSED = {
    "another service": (_audience(lambda _: "did:web:other.example#atproto_mls"), "BadJwtAudience"),
    "another service of this server": (_audience(lambda aud: aud[:-3] + "pds"), "BadJwtAudience"),
    "a service whose name begins alike": (_audience(lambda aud: aud + "x"), "BadJwtAudience"),
    "no service's name": (_audience(lambda aud: aud.partition("#")[0] + "#"), "BadJwtAudience"),
    "no method": (_claims(lxm=None), "BadJwtLexiconMethod"),
    "another method": (_claims(lxm=CREATE), "BadJwtLexiconMethod"),
    "the method of the other family": (_claims(lxm="blue.catbird.mls.getConvos"), "BadJwtLexiconMethod"),
    "over": (_aged(61), "JwtExpired"),
    "of tomorrow": (_aged(-86_400), "JwtNotYetValid"),
    "for two hours": (_aged(0, lifetime=7_200), "JwtTooOld"),
    "no nonce": (_without("jti"), "BadJwt"),
    "no end": (_without("exp"), "BadJwt"),
    "no time": (_without("iat"), "BadJwt"),
    "no issuer": (_without("iss"), "BadJwt"),
    "a proof of a key": (_without(typ="dpop+jwt"), "BadJwtType"),
    "a token to refresh with": (_without(typ="refresh+jwt"), "BadJwtType"),
    "one that looks like this router's own": (_without(typ="at+jwt"), "BadJwt"),
    "a labeler's key": (_without(kid="#atproto_label"), "BadJwt"),
    "an issuer that is no account": (_claims(iss=NO_ACCOUNT), "BadJwtIss"),
    "an issuer with a fragment": (_fragment, "BadJwtIss"),
    "an issuer nobody knows": (_claims(iss="did:plc:" + "a" * 24), "DidResolutionFailed"),
    "another's key": (_another_key, "BadJwtSignature"),
    "another's key of the other curve": (_another_curve, "BadJwtSignature"),
    "a high S": (lambda person: high_s(person.token(CONVOS)), "BadJwtSignature"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "name"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_by_its_name(anna: Person, make: Callable[[Person], str], name: str) -> None:
    """The very same token, but for one thing, is let in: see above."""
    refused = anna.refused(CONVOS, make(anna))
    assert (refused.name, refused.status) == (name, 401)
    assert refused.headers["www-authenticate"] == f'Bearer error="{name}"'


def test_their_own_verifier_lets_in_what_a_strict_one_must_not(anna: Person) -> None:
    """Why the high S above matters: the reference takes it, so a nonce alone would not stop a second use."""
    token = high_s(anna.token(CONVOS)).removeprefix("Bearer ")
    key = anna.stage.ask("didKey", key=their_key(anna.account.key.private))
    asked = {"token": token, "audience": anna.stage.service.audience, "lxm": CONVOS, "didKey": key}
    assert anna.stage.ask("verifyToken", **asked, strict=False)["iss"] == anna.did


def test_no_header_another_scheme_and_no_token_have_names_of_their_own(anna: Person) -> None:
    assert anna.refused(CONVOS, "Basic eDp5").name == "MissingBearer"
    assert anna.refused(CONVOS, "Bearer ").name == "MissingJwt"
    with pytest.raises(TheirError) as caught:
        anna.stage.call(CONVOS, None)
    assert caught.value.name == "AuthenticationRequired"


def test_a_token_for_a_procedure_is_used_up_and_one_for_a_query_is_not(anna: Person) -> None:
    """Clients that fetch tokens from their PDS keep them for reading; what changes something happens once."""
    stage = anna.stage
    anna.device()
    once, often = anna.token(CREATE), anna.token(CONVOS)
    stage.call(CREATE, once, **create(anna))
    assert anna.refused(CREATE, once, **create(anna)).name == "NonceNotUnique"
    for _ in range(3):
        assert len(stage.call(CONVOS, often)["data"]["conversations"]) == 1


def test_a_refused_call_has_used_its_token_up_but_a_refused_token_has_not(anna: Person) -> None:
    """A forger who saw a token's claims cannot burn its nonce; who sent a bad body mints a fresh token."""
    anna.device()
    token = anna.token(CREATE)
    assert anna.refused(CREATE, high_s(token), **create(anna)).name == "BadJwtSignature"
    assert anna.refused(CREATE, token, data={}, unchecked=True).name == "InvalidRequest"
    assert anna.refused(CREATE, token, **create(anna)).name == "NonceNotUnique"


def test_a_key_rotated_at_the_directory_is_taken_at_once_and_the_old_one_is_not(familiar: Person) -> None:
    """To the other curve, as a move from one PDS to another may do."""
    directory = familiar.stage.directory
    asked = directory.asked.count(familiar.did)
    old = familiar.account.rotate(now=time.time(), curve=Curve.P256)
    _settle(familiar)
    assert familiar.refused(CONVOS, familiar.token(CONVOS, key=old)).name == "BadJwtSignature"
    familiar.call(CONVOS)
    assert directory.asked.count(familiar.did) == asked + 1, "whoever has the old key costs no further look"


def _settle(person: Person) -> object:
    """Call until a key that was rotated a moment after an ordinary look is known.

    A document that is not two seconds old is not fetched again; when all tests run it is older by now.
    """
    for _ in range(4):  # one fewer than brings the lock-out
        with suppress(TheirError):
            return person.call(CONVOS)
        time.sleep(0.7)
    return person.call(CONVOS)


def test_a_directory_that_is_away_is_no_fault_of_the_token(anna: Person) -> None:
    """503 and not 401: a client that were told «bad token» would throw its session away."""
    anna.stage.directory.faults[anna.did] = Status(503)
    refused = anna.refused(CONVOS)
    assert (refused.name, refused.status) == ("NotEnoughResources", 503)
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.message.endswith("s."), "the wait is said: a PDS in between drops most headers"


def test_an_account_that_ended_is_refused(anna: Person) -> None:
    anna.account.tombstone(now=time.time())
    assert anna.refused(CONVOS).name == "DidResolutionFailed"
