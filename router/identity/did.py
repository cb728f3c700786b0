"""Syntax of account DIDs, handles and host names. Pure; nothing is looked up.

The general DID and NSID syntax is `protocol`'s. Here is what AT Protocol adds for accounts: two
methods, and for did:web the rules of host names, since a did:web of a stranger becomes an address
that a resolver would connect to.
"""

import re

from protocol import AccountDid, InvalidId, parse_account_did
from router.config.origin import Origin

PLC_PREFIX = "did:plc:"
WEB_PREFIX = "did:web:"

_PLC = re.compile(r"did:plc:[a-z2-7]{24}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TOP = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOSTNAME = re.compile(rf"(?:{_LABEL}\.)+{_TOP}")
_MAX_HOSTNAME = 253
_LOCALHOST = "localhost"
_PORT = re.compile(r"[1-9][0-9]{0,4}")

# Names that never lead to a public server (RFC 2606, 6761, 6762, 7686, 9476, ICANN's .internal).
_RESERVED_TOP = frozenset(
    ("alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test")
)


def is_handle(text: str) -> bool:
    """Whether the text has the form of a handle (atproto.com/specs/handle): a host name in either case."""
    return len(text) <= _MAX_HOSTNAME and _HOSTNAME.fullmatch(text.lower()) is not None and text.isascii()


def is_public_hostname(text: str) -> bool:
    """Whether a stranger's server could have this name: lower case, no address, no reserved top level.

    A last label that begins with a digit is refused, so no spelling of an IPv4 address gets through.
    """
    if len(text) > _MAX_HOSTNAME or _HOSTNAME.fullmatch(text) is None:
        return False
    return text.rpartition(".")[2] not in _RESERVED_TOP


def web_origin(name: str, loopback_hosts: frozenset[str] = frozenset()) -> Origin | None:
    """Where the document of `did:web:<name>` is served, or None for a name that nobody is asked at.

    A public host, over https on its usual port. For a developer, who names them in `loopback_hosts`, also
    hosts that are public to nobody, and `localhost` over http and with a port (`localhost%3A3000`).
    """
    host, escaped, port = name.partition("%3A")
    if not escaped and (is_public_hostname(name) or (name in loopback_hosts and name != _LOCALHOST)):
        return Origin("https", name, None)
    if host != _LOCALHOST or host not in loopback_hosts:
        return None
    if not escaped:
        return Origin("http", host, None)
    return Origin("http", host, int(port)) if _PORT.fullmatch(port) and int(port) < 65_536 else None


def parse_issuer(text: str, *, own: str, loopback_hosts: frozenset[str] = frozenset()) -> AccountDid:
    """The DID of an account that may speak: did:plc, did:web of a public host, or an account of this router.

    `own` is the did:web name of this router (`chat.example.com`, `localhost%3A3000`). It and the names
    one label below it are accepted though they have a port or a local name, because they are never
    connected to. Everything else about did:web is strict: no path, no port, lower case, but for what a
    developer allows (`web_origin`). Raises `InvalidId`.
    """
    did = parse_account_did(text)
    if did.startswith(PLC_PREFIX):
        if _PLC.fullmatch(did) is not None:
            return did
    elif did.startswith(WEB_PREFIX):
        name = did.removeprefix(WEB_PREFIX)
        if name == own or is_account_of(name, own) or web_origin(name, loopback_hosts) is not None:
            return did
    raise InvalidId("DID", "wants a did:plc or the did:web of a public host")


def is_account_of(name: str, own: str) -> bool:
    """Whether a did:web name is exactly one DNS label below `own`."""
    label, dot, rest = name.partition(".")
    return bool(dot) and rest == own and is_label(label)


def is_label(text: str) -> bool:
    """Whether the text is one DNS label in lower case: letters, digits, inner hyphens, at most 63."""
    return _ONE_LABEL.fullmatch(text) is not None


_ONE_LABEL = re.compile(_LABEL)
