"""Who a client is: tokens from an account's key or a device's, for the server that its DID belongs to."""

import time
from collections.abc import Callable

from nacl.signing import SigningKey

from protocol import AccountDid, Nsid
from router.client.device import Device
from router.client.home import home_service
from router.client.xrpc import TokenSource
from router.identity.device_auth import mint_device_token
from router.identity.keys import AccountKey
from router.identity.service import SERVICE_FRAGMENT
from router.identity.tokens import DEFAULT_LIFETIME, mint_token


def account_token_source(
    key: AccountKey,
    *,
    service: str | None = None,
    wall: Callable[[], float] = time.time,
    lifetime: int = DEFAULT_LIFETIME,
) -> TokenSource:
    """Mints a fresh token for each request, good for `lifetime` seconds at `service` (default: home)."""
    home = service or home_service(key.did)
    audience = home if "#" in home else home + SERVICE_FRAGMENT

    def mint(lxm: Nsid) -> str:
        return mint_token(key, key.did, audience, lxm, wall(), lifetime)

    return mint


def device_token_source(
    device: Device,
    account: AccountDid,
    *,
    service: str | None = None,
    wall: Callable[[], float] = time.time,
    lifetime: int = DEFAULT_LIFETIME,
) -> TokenSource:
    """The same, signed by a device of the account with its own key: nobody needs the account's for it."""
    home = service or home_service(account)
    audience = home if "#" in home else home + SERVICE_FRAGMENT
    key = SigningKey(device.seed)

    def mint(lxm: Nsid) -> str:
        return mint_device_token(key, account, device.id, audience, lxm, wall(), lifetime)

    return mint
