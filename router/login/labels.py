"""What the owner of an account reads of who may log in to it: sealed in the store, where it tells nobody."""

import msgspec

from crypto import Entropy, SealError, system_entropy
from router.login.secrets import LoginSecrets
from router.store.identities import Identity

_DAY = 86_400


class Label(msgspec.Struct, frozen=True):
    """At which provider, and since when."""

    provider: str
    """Its id here."""
    day: int
    """Days since 1970-01-01."""


def seal_label(
    identity: bytes, provider: str, now: int, secrets: LoginSecrets, *, entropy: Entropy = system_entropy
) -> bytes:
    """The label of an identity that is linked at `now` (Unix seconds), as the store keeps it."""
    return secrets.seal(msgspec.msgpack.encode(Label(provider, now // _DAY)), identity, entropy=entropy)


def open_label(identity: Identity, secrets: LoginSecrets) -> Label | None:
    """What was sealed; None for an identity from before there were labels, or for another's label."""
    try:
        return msgspec.msgpack.decode(secrets.open(identity.label, identity.identity), type=Label)
    except (SealError, msgspec.DecodeError):
        return None
