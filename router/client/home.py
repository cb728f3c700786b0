"""Where an account of a Rookery server lives: read off its DID, never asked for.

A server that could name another as its audience would get tokens and proofs that are good there.
"""

from protocol import AccountDid
from router.client.errors import StateError
from router.identity.did import WEB_PREFIX


def home_service(did: AccountDid) -> str:
    """The DID of the server on which a did:web account lives: its name with the first label taken off.

    Raises `StateError` for an account whose home cannot be read off its DID.
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
