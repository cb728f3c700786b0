"""The labelled service-auth tokens: each judged alone, with the documents it names."""

from collections.abc import Mapping
from typing import Any

import pytest

from crypto import keyed_hash
from protocol import AccountDid, parse_nsid
from router.identity.authenticator import Authenticator, Look
from router.identity.document import DidDocument, parse_did_document
from router.identity.errors import AuthError, BadDocumentError, TokenFault
from router.identity.replay import ReplayGuard
from router.identity.revocations import Revocations
from router.identity.service import ServiceIdentity
from router.identity.service_auth import ServiceTokens, TokenPolicy
from tests.vectors import load_vectors

# The vectors' class of reason -> the names this router gives it.
FAULTS = {
    "malformed": {TokenFault.BAD_JWT},
    "type": {TokenFault.BAD_TYPE},
    "alg": {TokenFault.BAD_JWT},
    "expired": {TokenFault.EXPIRED},
    "not-yet": {TokenFault.NOT_YET_VALID},
    "lifetime": {TokenFault.TOO_OLD},
    "audience": {TokenFault.BAD_AUDIENCE},
    "method": {TokenFault.BAD_METHOD},
    "issuer": {TokenFault.BAD_ISSUER},
    "replay": {TokenFault.NOT_UNIQUE},
    "signature": {TokenFault.BAD_SIGNATURE},
    # a key id that is not the account's, or a document without a usable key
    "key": {TokenFault.BAD_JWT, TokenFault.NOT_RESOLVED},
}

# The one switch of the vectors that this router does not have (no check can be turned off).
REFUSED_BY_DESIGN = {"high-s-when-tolerated": TokenFault.BAD_SIGNATURE}


class CaseResolver:
    """Answers with the documents of a case: those of the cache, then those of a refresh."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self._cached = case["documents"]
        self._refreshed = case.get("documents_after_refresh", self._cached)
        self.refreshes = 0

    async def resolve(self, did: AccountDid, /, *, refresh: bool = False) -> DidDocument:
        self.refreshes += refresh
        documents = self._refreshed if refresh else self._cached
        if did not in documents:
            raise BadDocumentError("no document")
        return parse_did_document(documents[did], did)


def hash_of(issuer: str, jti: str) -> bytes:
    return keyed_hash(b"k" * 32, "token", issuer.encode(), jti.encode(), size=16)


def cases() -> list[Any]:
    try:
        vectors = load_vectors("atproto/service-jwt.json")
    except pytest.skip.Exception:
        return [pytest.param(None, {}, marks=pytest.mark.skip(reason="test vectors are not here"))]
    return [pytest.param(case, vectors["policy"], id=case["id"]) for case in vectors["cases"]]


@pytest.mark.parametrize(("case", "policy"), cases())
async def test_labelled_token(case: dict[str, Any], policy: dict[str, Any]) -> None:
    policy = {**policy, **case.get("policy", {})}
    resolver = CaseResolver(case)
    replay = ReplayGuard()
    for seen in case.get("already_seen", ()):
        assert replay.use(hash_of(seen["iss"], seen["jti"]), until=policy["now"] + 3600, now=policy["now"])
    tokens = ServiceTokens(
        policy=TokenPolicy(
            service=ServiceIdentity(policy["service_did"], "https://ds.example.com"),
            max_lifetime=policy["max_lifetime"],
            clock_skew=policy["clock_skew"],
            issue_skew=policy["iat_skew"],
            bare_audience_accepted=policy["accept_bare_aud"],
        ),
        resolver=resolver,
        clock=lambda: policy["now"],
        token_hash=hash_of,
    )
    authenticator = Authenticator(
        {Look.SERVICE: tokens},
        clock=lambda: policy["now"],
        replay=replay,
        remember=lambda _hash, _until: None,
        revocations=Revocations(lambda: policy["now"]),
    )
    call = authenticator.authenticate(
        "Bearer " + case["token"], lxm=parse_nsid(policy["lxm"]), single_use=True
    )
    if case["expect"] == "accept" and case["id"] not in REFUSED_BY_DESIGN:
        assert (await call).account == case["did"]
    else:
        with pytest.raises(AuthError) as caught:
            await call
        if case["id"] in REFUSED_BY_DESIGN:
            assert caught.value.fault is REFUSED_BY_DESIGN[case["id"]]
        elif case["id"] == "empty":
            assert caught.value.fault is TokenFault.MISSING_JWT
        else:
            assert caught.value.fault in FAULTS[case["reason"]]
    assert resolver.refreshes == case.get("refreshes", 0)
