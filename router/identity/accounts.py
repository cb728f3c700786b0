"""Making an account on this router: the name it may have, and the DID and record that follow from it."""

import attrs

from crypto import Curve, Entropy, system_entropy
from protocol import AccountDid
from router.identity.did import is_label
from router.identity.errors import BadNameError
from router.identity.keys import AccountKey
from router.identity.service import ServiceIdentity

# Labels that other parts of the world give a meaning to below a domain.
_RESERVED = {
    "admin",
    "api",
    "autoconfig",
    "autodiscover",
    "ftp",
    "imap",
    "localhost",
    "mail",
    "mta-sts",
    "mx",
}
_RESERVED |= {"ns", "pop", "postmaster", "root", "smtp", "support", "webmail", "wpad", "www"}
_MAX_HOST = 253


@attrs.frozen
class NewAccount:
    """An account about to be created: its record for the store, its key for its owner."""

    did: AccountDid
    name: str
    verification_key: str
    key: AccountKey


def check_name(name: str, service: ServiceIdentity) -> str:
    """The name, if an account of this router can have it; `BadNameError` says why not.

    A name is one DNS label in lower case. Labels with `--` in the third and fourth place are left out:
    they are punycode (`xn--`), by which one name can be made to look like another.
    """
    if not is_label(name):
        raise BadNameError(
            "a name has 1 to 63 of the letters a-z, digits and hyphens, with no hyphen at either end"
        )
    if name[2:4] == "--":
        raise BadNameError("a name has no two hyphens in its third and fourth place")
    if name in _RESERVED:
        raise BadNameError(f"the name {name} is reserved")
    host = f"{name}.{service.web_name.partition('%')[0]}"
    if len(host) > _MAX_HOST:
        raise BadNameError(f"with the name of this server it is longer than the {_MAX_HOST} DNS allows")
    return name


def new_account(
    name: str, service: ServiceIdentity, *, curve: Curve = Curve.K256, entropy: Entropy = system_entropy
) -> NewAccount:
    """A new account with a new key. Nothing is stored; `BadNameError` if the name will not do."""
    did = service.account_did(check_name(name, service))
    key = AccountKey.generate(did, curve, entropy)
    return NewAccount(did, name, key.verification_key, key)
