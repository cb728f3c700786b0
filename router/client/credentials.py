"""Who a client is: tokens from an account's key or a device's, and the server an account's DID belongs to."""

import time
from collections.abc import Callable

from nacl.signing import SigningKey

from protocol import AccountDid, Nsid
from router.client.device import Device
from router.client.errors import StateError
from router.client.xrpc import TokenSource
from router.identity.device_auth import mint_device_token
from router.identity.did import WEB_PREFIX
from router.identity.keys import AccountKey
from router.identity.service import SERVICE_FRAGMENT
from router.identity.tokens import DEFAULT_LIFETIME, mint_token


def home_service(did: AccountDid) -> str:
    """The DID of the server on which a did:web account lives: its name with the first label taken off.

    Derived and never asked for: a server that could name another as its audience would get tokens
    that are good there. Raises `StateError` for an account whose home cannot be read off its DID.
    """
    label, dot, host = did.removeprefix(WEB_PREFIX).partition(".")
    if not did.startswith(WEB_PREFIX) or not label or not dot or not host:
        raise StateError(f"the server of {did} cannot be told from its DID; name the server's DID")
    return WEB_PREFIX + host


def neighbour(did: AccountDid, name: str) -> AccountDid:
    """The DID of the account called `name` on the same server; a DID is left as it is."""
    if name.startswith("did:"):
        return AccountDid(name)
    return AccountDid(f"{WEB_PREFIX}{name}.{home_service(did).removeprefix(WEB_PREFIX)}")


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
