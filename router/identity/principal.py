"""Who is calling, once it is proven: what the rest of the router may know of a credential."""

from typing import Literal

import attrs

from protocol import AccountDid, DeviceId, Nsid

PrincipalKind = Literal["service", "device", "access", "key", "ticket"]
"""By what the caller proved itself.

service  a service-auth token, signed with the account's own key
device   the same token, signed with the key of one of the account's devices
access   an access token of this router, after a login
key      an API key of a simple device
ticket   a short-lived pass to one stream, given to a caller who had proven itself otherwise
"""


@attrs.frozen
class Principal:
    """A verified caller. Made by the classes of `Authenticator`'s table and by nothing else."""

    account: AccountDid
    device: DeviceId | None
    """The device that the credential belongs to: no other may be acted for. None: any of the account's."""
    kind: PrincipalKind
    expires: int
    """Unix seconds: the first one at which the credential is not taken any more."""
    token_id: bytes
    """Keyed hash: names the credential and says nothing of it."""
    methods: frozenset[Nsid] | None
    """What may be called with it; None: any method (of a token made for one method, that one)."""
    grant: str | None
    """What revocation ends beside account and device: a login, an API key. A ticket carries its maker's."""
