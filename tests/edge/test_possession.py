"""Keys of devices come with a proof, over real sockets: what is refused, what a repeat gets, what is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from nacl.signing import SigningKey

from crypto.mls import STANDARD_SUITES
from crypto.mls.testing import Client
from router.identity.key_proof import LIFETIME_SECONDS
from tests.edge.house import MLS, ROOKERY, Account, House, device_key, error_name, open_house, sealed
from tests.edge.mls.stocks import device_token_key, registration
from tests.edge.principals import refused, signed

REGISTER, ROTATE = f"{ROOKERY}.registerDevice", f"{ROOKERY}.rotateDeviceKey"
FIRST, SECOND = SigningKey(b"1" * 32), SigningKey(b"2" * 32)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


async def name_of_refusal(house: House, nsid: str, who: Account, body: dict[str, Any]) -> str:
    return error_name(await house.send("POST", nsid, who, json=body))


async def test_a_key_that_one_only_knows_cannot_be_registered(house: House) -> None:
    """Else its owner would be shut out, and what its device signs would seem to be another account's."""
    ann, eve = await house.account("ann"), await house.account("eve")
    body = {"deviceName": "d", **house.new_key(ann, FIRST)}
    assert await name_of_refusal(house, REGISTER, eve, body) == "InvalidKeyProof"
    of_another = {**house.new_key(eve, SECOND), "signaturePublicKey": sealed(bytes(FIRST.verify_key))}
    assert await name_of_refusal(house, REGISTER, eve, {"deviceName": "d", **of_another}) == "InvalidKeyProof"
    del body["proof"]
    assert await name_of_refusal(house, REGISTER, eve, body) == "InvalidRequest"
    assert await house.store.devices_of(eve.key.did) == []


async def test_a_stale_proof_is_refused(house: House) -> None:
    ann = await house.account("ann")
    body = {"deviceName": "d", **house.new_key(ann, FIRST)}
    house.now += LIFETIME_SECONDS
    assert await name_of_refusal(house, REGISTER, ann, body) == "InvalidKeyProof"


async def test_a_repeat_of_the_same_request_gets_the_same_answer(house: House) -> None:
    """A client that did not hear the answer sends the same bytes again."""
    ann = await house.account("ann")
    for more in ({}, {"idempotencyKey": "1"}):
        body = {"deviceName": "d", **house.new_key(ann, FIRST), **more}
        assert await house.post(ann, REGISTER, body) == await house.post(ann, REGISTER, body)
    phone = await house.device(ann, 1)
    turn = {"deviceId": phone, **house.new_key(ann, SECOND, phone)}
    assert await house.post(ann, ROTATE, turn) == await house.post(ann, ROTATE, turn) == {"deviceId": phone}


async def test_a_proof_registers_a_device_once(house: House) -> None:
    """With the account's token and a body seen before, nobody brings back a device that was revoked."""
    ann = await house.account("ann")
    body = {"deviceName": "d", **house.new_key(ann, FIRST)}
    device = (await house.post(ann, REGISTER, body))["deviceId"]
    renamed = {**body, "deviceName": "mine now"}
    assert await name_of_refusal(house, REGISTER, ann, renamed) == "InvalidKeyProof"
    await house.post(ann, f"{ROOKERY}.revokeDevice", {"deviceId": device})
    assert await name_of_refusal(house, REGISTER, ann, body) == "InvalidKeyProof"
    fresh = {"deviceName": "d", **house.new_key(ann, FIRST)}
    assert (await house.post(ann, REGISTER, fresh))["deviceId"] != device


async def test_a_proof_turns_a_key_once(house: House) -> None:
    """A key that was turned away from stays so, whoever replays the request that brought it."""
    ann = await house.account("ann")
    phone = await house.device(ann)
    to_first = {"deviceId": phone, **house.new_key(ann, FIRST, phone)}
    await house.post(ann, ROTATE, to_first)
    await house.post(ann, ROTATE, {"deviceId": phone, **house.new_key(ann, SECOND, phone)})
    assert await name_of_refusal(house, ROTATE, ann, to_first) == "InvalidKeyProof"
    (device,) = await house.store.devices_of(ann.key.did)
    assert device.signature_key == bytes(SECOND.verify_key)


async def test_a_proof_of_registration_turns_no_key_and_the_old_key_alone_does_not_either(
    house: House,
) -> None:
    ann = await house.account("ann")
    phone, watch = await house.device(ann, 1), await house.device(ann, 2)
    for key in (house.new_key(ann, FIRST), house.new_key(ann, FIRST, watch)):
        assert await name_of_refusal(house, ROTATE, ann, {"deviceId": phone, **key}) == "InvalidKeyProof"
    # the old key's own token and its own signature, for a key that it only knows
    by_old = {
        **house.new_key(ann, device_key(ann), phone),
        "signaturePublicKey": sealed(bytes(FIRST.verify_key)),
    }
    headers = signed(house, ann, phone, ROTATE)
    assert await refused(house, ROTATE, headers, {"deviceId": phone, **by_old}) == "InvalidKeyProof"


async def test_what_is_refused_uses_no_proof_up(house: House) -> None:
    """A proof has one effect, and a refusal is none."""
    ann, ben = await house.account("ann"), await house.account("ben")
    theirs = {"deviceName": "d", **house.new_key(ben, FIRST)}
    device = (await house.post(ben, REGISTER, theirs))["deviceId"]
    body = {"deviceName": "d", **house.new_key(ann, FIRST)}
    assert await name_of_refusal(house, REGISTER, ann, body) == "DuplicatePublicKey"
    await house.post(ben, f"{ROOKERY}.revokeDevice", {"deviceId": device})
    await house.post(ann, REGISTER, body)


async def test_the_seed_contract_may_bring_a_proof_and_a_wrong_one_is_refused(house: House) -> None:
    """Its clients know no proof; there the key packages are signed with the key."""
    ann, nsid = await house.account("ann"), f"{MLS}.registerDevice"
    client = Client(STANDARD_SUITES[1], ann.did.encode(), "1")
    key = device_token_key(client)
    body = registration(ann.did, client, [client.key_package(int(house.now))])
    proven = {**body, **house.new_key(ann, key)}
    first = await house.post(ann, nsid, proven)
    assert await house.post(ann, nsid, proven) == first
    wrong = {**body, "proof": house.new_key(ann, SECOND)["proof"]}
    assert await name_of_refusal(house, nsid, ann, wrong) == "InvalidKeyProof"
    assert await house.post(ann, nsid, body) == first
