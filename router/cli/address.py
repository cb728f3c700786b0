"""Where the server of an account listens: what `--url` says, else what the account's DID says.

An account is a did:web one label below its server's name, and that name holds the port
(w3c-ccg.github.io/did-method-web 3.2: `%3A` for the colon). So a key file alone leads to its server. Not
told by a name is the scheme: names of this machine speak http, all others https.
"""

import attrs

from protocol import AccountDid
from router.cli.failures import CannotDo
from router.client.errors import StateError
from router.client.home import home_service
from router.config.origin import is_loopback
from router.identity.did import WEB_PREFIX


@attrs.frozen
class Address:
    """A server's URL, and where the command has it from, in words that follow «tried URL»."""

    url: str
    origin: str

    def __str__(self) -> str:
        return f"{self.url}, {self.origin}"


def address_of(did: AccountDid, given: str | None) -> Address:
    """`given`, or the server on which the account lives. Raises `CannotDo` where the DID does not tell."""
    if given is not None:
        return Address(given, "as --url says")
    try:
        name = home_service(did).removeprefix(WEB_PREFIX)
    except StateError:
        raise CannotDo(
            f"Where the server of {did} listens cannot be told from the DID; give --url."
        ) from None
    netloc = name.replace("%3A", ":").replace("%3a", ":")
    host = netloc.rpartition(":")[0] or netloc
    scheme = "http" if is_loopback(host) else "https"
    return Address(f"{scheme}://{netloc}", f"as the account's DID says ({did})")
