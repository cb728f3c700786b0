"""Devices and API keys as callers, over real sockets: what each may do, and for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from nacl.signing import SigningKey

from router.edge.routes import ROUTES, Auth, Transport
from tests.edge.house import (
    MLS,
    ROOKERY,
    House,
    device_key,
    error_name,
    open_house,
    padded,
    sealed,
)
from tests.edge.principals import api_key, bearer, call, refused, signed
from tests.edge.test_routes import example

DAY = "2026-05-28T00:00:00Z"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


# -- a device's life -------------------------------------------------------------------------------------


async def test_an_example_of_a_device_from_its_registration_to_its_end(house: House) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann, 1)

    renamed = await house.post(ann, f"{ROOKERY}.renameDevice", {"deviceId": phone, "deviceName": "my phone"})
    assert renamed == {"deviceId": phone, "deviceName": "my phone"}
    (shown,) = (await house.get(ann, f"{ROOKERY}.listDevices"))["devices"]
    key = shown.pop("signaturePublicKey")["$bytes"]
    assert key.rstrip("=") == sealed(bytes(device_key(ann).verify_key))["$bytes"].rstrip("=")
    assert shown == {
        "deviceId": phone,
        "deviceName": "my phone",
        "registeredAt": DAY,
        "lastSeenAt": DAY,
    }

    ended = await house.post(ann, f"{ROOKERY}.revokeDevice", {"deviceId": phone})
    assert ended == {"keyPackagesDeleted": 0, "apiKeysRevoked": 0}
    assert (await house.get(ann, f"{ROOKERY}.listDevices"))["devices"] == []
    again = await house.send("POST", f"{ROOKERY}.revokeDevice", ann, json={"deviceId": phone})
    assert error_name(again) == "DeviceNotFound"


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("renameDevice", {"deviceName": "x"}),
        ("rotateDeviceKey", {}),
        ("revokeDevice", {}),
    ],
)
async def test_a_device_of_another_account_is_as_unknown_as_none(
    house: House, method: str, more: dict[str, object]
) -> None:
    ann, ben = await house.account("ann"), await house.account("ben")
    phone = await house.device(ann, 1)
    for named in (phone, "00000000-0000-4000-8000-000000000009", "nonsense"):
        if method == "rotateDeviceKey":
            more = house.new_key(ben, SigningKey(b"n" * 32), named)
        answer = await house.send("POST", f"{ROOKERY}.{method}", ben, json={"deviceId": named, **more})
        assert error_name(answer) == "DeviceNotFound"
    assert [device.id for device in await house.store.devices_of(ann.did)] == [phone]  # type: ignore[arg-type]


@pytest.mark.parametrize("key", [bytes(32), (1).to_bytes(32, "little"), b"\xff" * 32])
async def test_a_key_that_signs_for_everybody_is_no_signature_key(house: House, key: bytes) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann, 1)
    weak = {**house.new_key(ann, SigningKey(b"n" * 32), phone), "signaturePublicKey": sealed(key)}
    for method, body in (
        ("registerDevice", {"deviceName": "d", **weak}),
        ("rotateDeviceKey", {"deviceId": phone, **weak}),
    ):
        answer = await house.send("POST", f"{ROOKERY}.{method}", ann, json=body)
        assert error_name(answer) == "InvalidRequest"


async def test_a_key_is_rotated_by_the_old_one_and_the_old_one_signs_nothing_more(house: House) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann, 1)
    nsid, new = f"{ROOKERY}.rotateDeviceKey", SigningKey(b"n" * 32)
    body = {"deviceId": phone, **house.new_key(ann, new, phone)}
    assert (await call(house, nsid, signed(house, ann, phone, nsid), body)).status_code == 200
    assert await refused(house, nsid, signed(house, ann, phone, nsid), body) == "BadJwtSignature"
    by_account = {"deviceId": phone, **house.new_key(ann, device_key(ann), phone)}
    await house.post(ann, nsid, by_account)
    assert (await call(house, nsid, signed(house, ann, phone, nsid), by_account)).status_code == 200


# -- a device as a caller --------------------------------------------------------------------------------


async def test_a_device_acts_for_itself_and_for_no_other(house: House) -> None:
    ann = await house.account("ann")
    phone, watch = await house.device(ann, 1), await house.device(ann, 2)
    for method, body in (
        ("renameDevice", {"deviceName": "x"}),
        ("rotateDeviceKey", house.new_key(ann, SigningKey(b"n" * 32), watch)),
        ("revokeDevice", {}),
    ):
        nsid = f"{ROOKERY}.{method}"
        headers = signed(house, ann, phone, nsid)
        assert await refused(house, nsid, headers, {"deviceId": watch, **body}) == "Forbidden"
    nsid = f"{MLS}.deleteDevice"
    headers = signed(house, ann, phone, nsid)
    assert await refused(house, nsid, headers, {"deviceId": watch}) == "Unauthorized"
    for purpose in ("session", "streamEvents"):
        nsid = f"{ROOKERY}.getTicket"
        body = {"purpose": f"{ROOKERY}.{purpose}", "deviceId": watch}
        assert await refused(house, nsid, signed(house, ann, phone, nsid), body) == "DeviceNotFound"
    nsid = f"{ROOKERY}.revokeDevice"
    assert (await call(house, nsid, signed(house, ann, phone, nsid), {"deviceId": phone})).is_success
    assert await refused(house, nsid, signed(house, ann, phone, nsid), {"deviceId": phone}) == "UntrustedIss"


async def test_a_device_sends_as_itself(house: House) -> None:
    convo = await house.group("ann", "ben")
    ann = await house.account("ann")
    phone, watch = await house.device(ann, 1), await house.device(ann, 2)
    nsid = f"{ROOKERY}.sendMessage"
    body = {"convoId": convo, "msgId": "m1", "ciphertext": padded(b"x")}
    sent = await call(house, nsid, signed(house, ann, phone, nsid), body)
    assert sent.json()["seq"] == 2
    other = {**body, "msgId": "m2", "deviceId": watch}
    assert await refused(house, nsid, signed(house, ann, phone, nsid), other) == "DeviceNotFound"
    outside = {**body, "msgId": "m3"}
    # The watch came after the conversation began and is not in it.
    assert await refused(house, nsid, signed(house, ann, watch, nsid, 2), outside) == "NotMember"


async def test_what_is_the_account_s_alone_no_device_and_no_key_may_do(house: House) -> None:
    """Walks the table: every row that is for accounts, or for people, holds against every other caller."""
    ann = await house.account("ann")
    phone = await house.device(ann, 1)
    key = await api_key(house, ann, phone, "sendMessage")
    for route in ROUTES.values():
        if route.transport is not Transport.CALL:
            continue
        value = example(route)
        headers = signed(house, ann, phone, route.nsid)
        if route.auth is Auth.ACCOUNT:
            assert await refused(house, route.nsid, headers, value, route.http_method) == "Forbidden"
        if route.auth is not Auth.ANY:
            row = await house.store.api_key(key["keyId"])
            assert row is not None
            # Even a row that somebody wrote into the database gives no more than the table does.
            house.memory._api_keys[row.id] = type(row)(
                row.id, row.account, row.device, row.name, (route.nsid,), row.hash, row.created_day
            )
            by_key = bearer(key["apiKey"])
            assert await refused(house, route.nsid, by_key, value, route.http_method) == "Forbidden"
    assert {route.nsid.rpartition(".")[2] for route in ROUTES.values() if route.auth is Auth.ACCOUNT} == {
        "registerDevice", "createApiKey", "listApiKeys", "revokeApiKey", "createPasskeyLink",
        "linkIdentity", "listIdentities", "unlinkIdentity",
    }  # fmt: skip


# -- API keys --------------------------------------------------------------------------------------------


async def test_an_example_of_a_simple_device_with_a_key(house: House) -> None:
    convo = await house.group("ann", "ben")
    ann = await house.account("ann")
    phone = await house.device(ann, 1)
    key = await api_key(house, ann, phone, "sendMessage", "getMessages")
    nsid = f"{ROOKERY}.sendMessage"
    for number in (1, 2):
        body = {"convoId": convo, "msgId": f"m{number}", "ciphertext": padded(b"x")}
        assert (await call(house, nsid, bearer(key["apiKey"]), body)).json()["seq"] == 1 + number
    listing = f"{ROOKERY}.getConvos"
    assert await refused(house, listing, bearer(key["apiKey"]), {}, "GET") == "BadJwtLexiconMethod"

    (shown,) = (await house.get(ann, f"{ROOKERY}.listApiKeys"))["apiKeys"]
    assert (shown["keyId"], shown["deviceId"], shown["createdAt"]) == (key["keyId"], phone, DAY)
    assert key["apiKey"] not in str(shown)
    assert key["apiKey"].split("_")[2] not in house.log.getvalue()
    revoked = await house.post(ann, f"{ROOKERY}.revokeApiKey", {"keyId": key["keyId"]})
    assert revoked == {"revoked": True}
    body = {"convoId": convo, "msgId": "m3", "ciphertext": padded(b"x")}
    assert await refused(house, nsid, bearer(key["apiKey"]), body) == "BadApiKey"
    again = await house.post(ann, f"{ROOKERY}.revokeApiKey", {"keyId": key["keyId"]})
    assert again == {"revoked": False}


async def test_a_repeated_request_gives_the_same_key_a_new_secret_and_another_one_is_a_conflict(
    house: House,
) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann, 1)
    first = await api_key(house, ann, phone, "getConvos")
    second = await api_key(house, ann, phone, "getConvos")
    assert first["keyId"] == second["keyId"]
    nsid = f"{ROOKERY}.getConvos"
    assert await refused(house, nsid, bearer(first["apiKey"]), {}, "GET") == "BadApiKey"
    assert (await call(house, nsid, bearer(second["apiKey"]), {}, "GET")).is_success
    body = {"idempotencyKey": "k", "deviceId": phone, "name": "other", "methods": [nsid]}
    answer = await house.send("POST", f"{ROOKERY}.createApiKey", ann, json=body)
    assert error_name(answer) == "IdempotencyConflict"


async def test_a_key_that_replaces_another_ends_it(house: House) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann, 1)
    first = await api_key(house, ann, phone, "getConvos")
    second = await api_key(house, ann, phone, "getConvos", request="k2", replaces=first["keyId"])
    nsid = f"{ROOKERY}.getConvos"
    assert await refused(house, nsid, bearer(first["apiKey"]), {}, "GET") == "BadApiKey"
    assert (await call(house, nsid, bearer(second["apiKey"]), {}, "GET")).is_success


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"methods": [f"{ROOKERY}.createApiKey"]}, "InvalidRequest"),
        ({"methods": [f"{ROOKERY}.revokeDevice"]}, "InvalidRequest"),
        ({"methods": [f"{ROOKERY}.nothing"]}, "InvalidRequest"),
        ({"methods": []}, "InvalidRequest"),
        ({"deviceId": "00000000-0000-4000-8000-000000000009"}, "DeviceNotFound"),
        ({"deviceId": "x"}, "DeviceNotFound"),
        ({"replaces": "a" * 16}, "ApiKeyNotFound"),
    ],
)
async def test_a_key_that_cannot_be_made_says_why(
    house: House, change: dict[str, object], error: str
) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann, 1)
    body = {
        "idempotencyKey": "k", "deviceId": phone, "name": "n", "methods": [f"{ROOKERY}.getConvos"], **change,
    }  # fmt: skip
    answer = await house.send("POST", f"{ROOKERY}.createApiKey", ann, json=body)
    assert error_name(answer) == error


async def test_a_suspended_account_is_refused_by_whatever_it_comes_with(house: House) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann, 1)
    key = await api_key(house, ann, phone, "getConvos")
    nsid = f"{ROOKERY}.getConvos"
    house.edge.revocations.suspend(ann.key.did)
    for headers in (house.headers(ann, nsid), signed(house, ann, phone, nsid), bearer(key["apiKey"])):
        assert await refused(house, nsid, headers, {}, "GET") == "AccountDisabled"
    house.edge.revocations.restore(ann.key.did)
    assert (await call(house, nsid, bearer(key["apiKey"]), {}, "GET")).is_success


async def test_wrong_tokens_in_one_name_make_it_wait(house: House) -> None:
    ann = await house.account("ann")
    nsid = f"{ROOKERY}.getConvos"
    forged = bearer(house.token(ann, nsid)[:-4] + "AAAA")
    names = [await refused(house, nsid, forged, {}, "GET") for _ in range(6)]
    assert names == ["BadJwtSignature"] * 5 + ["RateLimitExceeded"]
    answer = await call(house, nsid, house.headers(ann, nsid), {}, "GET")
    assert (error_name(answer), answer.headers["retry-after"]) == ("RateLimitExceeded", "2")
    house.now += 2
    assert (await call(house, nsid, house.headers(ann, nsid), {}, "GET")).is_success


async def test_devices_that_were_here_are_noted_by_the_day(house: House) -> None:
    ann = await house.account("ann")
    phone, watch = await house.device(ann, 1), await house.device(ann, 2)
    house.now += 86_400
    nsid = f"{ROOKERY}.listDevices"
    await call(house, nsid, signed(house, ann, phone, nsid), {}, "GET")
    await house.edge.seen.write(house.store, house.edge.devices.connected_devices())
    shown = (await house.get(ann, nsid))["devices"]
    assert {device["deviceId"]: device["lastSeenAt"] for device in shown} == {
        phone: "2026-05-29T00:00:00Z",
        watch: DAY,
    }
