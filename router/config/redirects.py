"""Where an app may have its code delivered: an exact list, so that no redirect of ours is open.

Three kinds (RFC 8252 section 7): `http://127.0.0.1/path` or `http://[::1]/path`, with any port, for
programs on the person's own machine; `com.example.app:/path`, a scheme of the app's own, which must have
a dot so that no scheme with a meaning (`javascript`, `data`, `mailto`) is one; `https://host/path`, for
web apps and claimed links. The whole URI is compared, character by character, but for a loopback port.
`localhost` is no loopback address: a name can be made to lead elsewhere (RFC 8252 8.3).
"""

import re
from urllib.parse import quote, urlsplit

MAX_BYTES = 512

_PLAIN = re.compile(r"[A-Za-z0-9:/?\[\]@!$&'()*+,;=._~%-]+")  # RFC 3986 without `#`: no blank, no backslash
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?(/.*)")
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/.*")


class BadRedirectError(ValueError):
    """The operator's: an entry that no app could use safely. The text says why."""


class Redirects:
    """The list of the settings."""

    def __init__(self, text: str) -> None:
        """From entries with blanks between; `BadRedirectError` for one that will not do."""
        self._entries = frozenset(_canonical(_checked(entry)) for entry in text.split())

    def allow(self, uri: str) -> bool:
        """Whether a code may be delivered there. Total on texts."""
        plain = len(uri) <= MAX_BYTES and _PLAIN.fullmatch(uri) is not None
        return plain and _canonical(uri) in self._entries


def with_parameters(uri: str, parameters: dict[str, str]) -> str:
    """The URI with these parameters behind whatever query it has."""
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{uri}{'&' if '?' in uri else '?'}{query}"


def _canonical(uri: str) -> str:
    """The URI, of a loopback one without its port."""
    match = _LOOPBACK.fullmatch(uri)
    if match is None or (match[2] is not None and not 0 < int(match[2]) < 65_536):
        return uri
    return f"http://{match[1]}{match[3]}"


def _checked(entry: str) -> str:
    if len(entry) > MAX_BYTES or _PLAIN.fullmatch(entry) is None:
        raise BadRedirectError(f"{entry!r} has characters that no URI here has, or more than {MAX_BYTES}")
    if _LOOPBACK.fullmatch(entry) or _OWN_SCHEME.fullmatch(entry):
        return entry
    parts = urlsplit(entry)
    if parts.scheme == "https" and parts.hostname and "@" not in parts.netloc and parts.path:
        return entry
    raise BadRedirectError(
        f"{entry!r} is neither https://host/path, nor http://127.0.0.1/path, nor of a scheme with a dot"
    )
