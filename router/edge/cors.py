"""CORS: which web pages of other origins may call, and what they may read (fetch.spec.whatwg.org).

Nothing is allowed until `cors.origins` names it. Credentials are never allowed: a caller proves itself by a
header of its own, so a page can do nothing here that its script could not do from anywhere, and no cookie
that a browser sends by itself counts for a method.
"""

from __future__ import annotations

from typing import Final

import attrs
from hypercorn.typing import HTTPScope

from router.config import EVERYBODY, BadUrlError, Cors, parse_origin, parse_origins
from router.edge.asgi import HeaderFields
from router.edge.errors import Headers, Refusal, Reply

_ALLOWED_HEADERS: Final = (
    b"authorization, content-type, last-event-id, atproto-accept-labelers, atproto-proxy"
)
"""What a call may carry; the last two are sent by AT Protocol libraries whatever they call."""

_EXPOSED_HEADERS: Final = (
    b"ratelimit-limit, ratelimit-remaining, ratelimit-reset, ratelimit-policy, retry-after, "
    b"www-authenticate, x-request-id"
)
_ALLOWED_METHODS: Final = b"GET, POST"


@attrs.frozen
class CorsRules:
    """What the settings allow."""

    origins: frozenset[str] = frozenset()
    max_age: int = 0

    @classmethod
    def of(cls, settings: Cors) -> CorsRules:
        """As the settings say; they have been checked."""
        return cls(parse_origins(settings.origins or ""), settings.max_age)

    def headers(self, origin: str | None) -> Headers:
        """What an answer to a page of this origin carries; nothing lets the browser keep it from the page."""
        if not self.origins:
            return ()
        if EVERYBODY in self.origins:
            return ((b"access-control-allow-origin", b"*"), _EXPOSE)
        if origin is None or not self._allows(origin):
            return (_VARY,)
        return ((b"access-control-allow-origin", origin.encode("latin-1")), _EXPOSE, _VARY)

    def preflight(self, headers: HeaderFields) -> Reply:
        """The answer to a preflight. Raises `Refusal` for an origin that may not call."""
        if not self._allows(headers.one(b"origin") or ""):
            raise Refusal("Forbidden", "Pages of this origin may not call here (cors.origins).")
        return Reply(
            204,
            b"",
            (
                (b"access-control-allow-methods", _ALLOWED_METHODS),
                (b"access-control-allow-headers", _ALLOWED_HEADERS),
                (b"access-control-max-age", b"%d" % self.max_age),
            ),
        )

    def _allows(self, origin: str) -> bool:
        if EVERYBODY in self.origins:
            return True
        try:
            return str(parse_origin(origin)) in self.origins
        except BadUrlError:
            return False


_EXPOSE: Final = (b"access-control-expose-headers", _EXPOSED_HEADERS)
_VARY: Final = (b"vary", b"origin")


def is_preflight(scope: HTTPScope) -> bool:
    """Whether a browser asks if a page may call, rather than somebody for a method named OPTIONS."""
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])
