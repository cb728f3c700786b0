"""Who may log in to an account, over real sockets: for accounts only, and as the lexicons have it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from router.login.oidc import s256
from router.login.pending import AppRequest, IdentityProven
from tests.edge.house import NOW, ROOKERY, SERVICE, Account, House, error_name, open_house
from tests.edge.principals import bearer, call, refused, signed

LINK, LIST, UNLINK = (f"{ROOKERY}.{name}" for name in ("linkIdentity", "listIdentities", "unlinkIdentity"))
VERIFIER, WAITS = "v" * 43, "http://127.0.0.1/callback"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


async def code_of(house: House, person: int) -> dict[str, str]:
    """What an app brings from a person's login at a provider that is offered no more."""
    app = AppRequest(WAITS, s256(VERIFIER), None)
    code = house.edge.login.flow.secret()
    proven = IdentityProven(int(house.now) + 60, bytes((person,)) * 32, "staff", app)
    await house.edge.login.pending.keep(proven, code)
    return {"code": code, "codeVerifier": VERIFIER, "redirectUri": WAITS}


async def refusal(house: House, who: Account, nsid: str, body: dict[str, Any]) -> str:
    return error_name(await house.send("POST", nsid, who, json=body))


async def test_an_example_from_linking_to_unlinking(house: House) -> None:
    """An account with a key of its own: it is linked, shown, and parted again, with the last one too."""
    ann = await house.account("ann")
    linked = (await house.post(ann, LINK, await code_of(house, 1)))["identity"]
    assert linked == {
        "identityId": linked["identityId"],
        "provider": "staff",
        "linkedAt": "2026-05-28T00:00:00Z",
    }
    assert await house.get(ann, LIST) == {"identities": [linked]}
    ben = await house.account("ben")
    assert await house.post(ben, UNLINK, {"identityId": linked["identityId"]}) == {"unlinked": False}
    assert await refusal(house, ben, LINK, await code_of(house, 1)) == "IdentityTaken"
    assert await house.post(ann, UNLINK, {"identityId": linked["identityId"]}) == {"unlinked": True}
    assert await house.get(ann, LIST) == {"identities": []}


async def test_the_last_way_in_stays(house: House) -> None:
    """Of an account without a key of its own, as one has who came in by a provider."""
    did = SERVICE.account_did("pat")
    await house.store.create_account_for(b"p" * 32, did, "pat", now=int(NOW))
    tokens = await house.edge.login.grants.begin(did, grant=b"g" * 16)
    headers = bearer(tokens.access_token)
    (shown,) = (await call(house, LIST, headers, {}, "GET")).json()["identities"]
    assert shown.keys() == {"identityId"}, "linked before labels were kept"
    assert await refused(house, UNLINK, headers, shown) == "LastWayIn"
    assert (await call(house, LINK, headers, await code_of(house, 1))).is_success
    assert (await call(house, UNLINK, headers, shown)).json() == {"unlinked": True}


async def test_a_code_is_spent_by_whoever_brings_it(house: House) -> None:
    ann = await house.account("ann")
    body = await code_of(house, 1)
    await house.post(ann, LINK, body)
    assert await refusal(house, ann, LINK, body) == "LoginExpired"
    wrong = {**await code_of(house, 2), "codeVerifier": "w" * 43}
    assert await refusal(house, ann, LINK, wrong) == "LoginExpired"


async def test_no_device_decides_who_its_account_opens_to(house: House) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann)
    for nsid, body in ((LINK, await code_of(house, 1)), (UNLINK, {"identityId": "0" * 32})):
        assert await refused(house, nsid, signed(house, ann, phone, nsid), body) == "Forbidden"
    assert await refused(house, LIST, signed(house, ann, phone, LIST), {}, "GET") == "Forbidden"
