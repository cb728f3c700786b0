"""Callers of the house who are no account: a device that signs, a simple device with a key."""

from __future__ import annotations

from typing import Any

import httpx

from protocol import AccountDid, DeviceId, Nsid
from router.identity.device_auth import mint_device_token
from tests.edge.house import ROOKERY, SERVICE, Account, House, check_answer, device_key, error_name


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def signed(house: House, account: Account, device: str, nsid: str, number: int = 1) -> dict[str, str]:
    """The header of a call that a device of the account signs itself."""
    key = device_key(account, number)
    did = AccountDid(account.did)
    return bearer(mint_device_token(key, did, DeviceId(device), SERVICE.audience, Nsid(nsid), house.now))


async def call(
    house: House, nsid: str, headers: dict[str, str], value: dict[str, Any], method: str = "POST"
) -> httpx.Response:
    """One call with this header."""
    given: dict[str, Any] = {"json": value} if method == "POST" else {"params": value}
    answer = await house.http.request(method, f"/xrpc/{nsid}", headers=headers, **given)
    check_answer(nsid, answer)
    return answer


async def refused(
    house: House, nsid: str, headers: dict[str, str], value: dict[str, Any], method: str = "POST"
) -> str:
    """The name of a refusal."""
    return error_name(await call(house, nsid, headers, value, method))


async def api_key(
    house: House, account: Account, device: str, *methods: str, request: str = "k", **more: Any
) -> dict[str, Any]:
    """A key of the account's device for these methods of our own family."""
    body = {
        "idempotencyKey": request,
        "deviceId": device,
        "name": "sensor",
        "methods": [f"{ROOKERY}.{method}" for method in methods],
        **more,
    }
    return await house.post(account, f"{ROOKERY}.createApiKey", body)


async def ticket(house: House, account: Account, purpose: str, **more: Any) -> str:
    """A ticket of the account's for a stream."""
    made = await house.post(account, f"{ROOKERY}.getTicket", {"purpose": purpose, **more})
    return str(made["ticket"])
