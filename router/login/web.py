"""What all pages of the login have in common: how they are asked, their cookies, how they answer.

Cookies are HttpOnly, SameSite=Lax (a provider's answer is a navigation from elsewhere, to which a Strict one
would not come), Secure and with the `__Host-` prefix wherever there is TLS, so that no account's subdomain
can set them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import attrs
import msgspec

from router.edge.errors import Headers, Refusal, Reply, refusal_of, reply_of
from router.edge.xrpc import Incoming, check_media_type, read_body
from router.login.errors import LoginError, LoginFault

Page = Callable[[Incoming, Mapping[str, str]], Awaitable[Reply]]
"""Answers a request; the mapping holds the variable parts of its path."""

BROWSER: Final = "rookery-login"
"""The cookie that is a browser: what is begun in one can be finished in no other."""

HTML: Final = b"text/html; charset=utf-8"

_GUESSES: Final = (LoginFault.EXPIRED, LoginFault.ENDED, LoginFault.REFUSED)
"""What somebody meets who tries states, codes, tokens, passkeys: counted against the address."""

_MAX_BODY: Final = 16 * 1024
_BODY_SECONDS: Final = 10.0
_MAX_QUERY: Final = 12 * 1024  # a provider's code may be long
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@attrs.frozen
class Route:
    """One path, one HTTP method."""

    method: str
    path: str
    page: Page


def serving(page: Page) -> Page:
    """The page with an answer to everything, errors included: JSON, or a plain page for who asks for one."""

    async def serve(incoming: Incoming, path: Mapping[str, str]) -> Reply:
        try:
            incoming.visitor.enter()
            return await page(incoming, path)
        except Exception as error:  # noqa: BLE001 - translated once, here; what is ours is reported by name
            refusal = refusal_of(error)
            if isinstance(error, LoginError) and error.fault in _GUESSES:
                incoming.visitor.failed(error.error)
            reply = reply_of(error)
            if not wants_html(incoming):
                return reply
            said = "The server has a fault." if refusal is None else refusal.sentence
            return attrs.evolve(
                reply,
                body=document("Login", paragraph(said)),
                headers=(*reply.headers, *page_headers()),
                content_type=HTML,
            )

    return serve


class JsonCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A JSON call: what is not known is refused."""


I = TypeVar("I", bound=JsonCall)  # noqa: E741 - input


# -- cookies -------------------------------------------------------------------------------------------


@attrs.frozen
class Cookies:
    """The cookies of this host. `secure`: browsers reach it over TLS."""

    secure: bool

    def read(self, incoming: Incoming, name: str, shape: re.Pattern[str] = _SECRET) -> str | None:
        """The value of a cookie of ours; None if there is none, or two, or another's."""
        wanted = self._name(name)
        pairs = (pair.strip().partition("=") for pair in (incoming.headers.one(b"cookie") or "").split(";"))
        values = [value for found, _, value in pairs if found == wanted]
        return values[0] if len(values) == 1 and shape.fullmatch(values[0]) else None

    def set(self, name: str, value: str, max_age: int) -> Headers:
        """The header that sets it for `max_age` seconds; 0 takes it away."""
        secure = "; Secure" if self.secure else ""
        cookie = f"{self._name(name)}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
        return ((b"set-cookie", cookie.encode()),)

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name


# -- reading -------------------------------------------------------------------------------------------


def wants_html(incoming: Incoming) -> bool:
    """Whether a person's browser asks: a page, and not a program's call."""
    return "text/html" in (incoming.headers.one(b"accept") or "").lower()


def is_form(incoming: Incoming) -> bool:
    """Whether the body is what an HTML form sends."""
    return (incoming.headers.one(b"content-type") or "").startswith("application/x-www-form-urlencoded")


def parameters(incoming: Incoming) -> dict[str, str]:
    """The query, each name at most once: of two values one reader takes the first, another the last."""
    if len(incoming.query) > _MAX_QUERY:
        raise LoginError(LoginFault.INVALID, "The query is too long.")
    return _once(incoming.query)


async def read_form(incoming: Incoming) -> dict[str, str]:
    """The fields of an HTML form, each at most once."""
    return _once(await _body_of(incoming))


async def read_json(incoming: Incoming, kind: type[I]) -> I:
    """The body of a JSON call."""
    check_media_type(incoming.headers)
    body = await _body_of(incoming)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("InvalidRequest", f"The body is not what this call takes: {error}") from None


async def _body_of(incoming: Incoming) -> bytes:
    with incoming.visitor.body():
        return await read_body(incoming, _MAX_BODY, _BODY_SECONDS)


def refuse_other_sites(incoming: Incoming) -> None:
    """A browser says where a form came from (Fetch Metadata); what is no browser says nothing."""
    if (incoming.headers.one(b"sec-fetch-site") or "same-origin") not in ("same-origin", "none"):
        raise LoginError(LoginFault.EXPIRED, detail="a form of another site")


def _once(data: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError:
        raise LoginError(LoginFault.INVALID, "The parameters cannot be read.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LoginError(LoginFault.INVALID, "A parameter is given twice.")
    return found


# -- writing -------------------------------------------------------------------------------------------


def json_reply(value: object, headers: Headers = ()) -> Reply:
    """An answer for programs."""
    return Reply(200, msgspec.json.encode(value), headers)


def redirect(url: str, headers: Headers = ()) -> Reply:
    """303: whatever the method was, what follows is a GET."""
    return Reply(303, b"", ((b"location", url.encode("ascii")), *headers), content_type=HTML)


def page_reply(title: str, content: str) -> Reply:
    """An answer for people."""
    return Reply(200, document(title, content), page_headers(), content_type=HTML)


def page_headers(*, script: bool = False) -> Headers:
    """What a page may do: with its style, and the `script` of ours, and nothing from elsewhere; no frame.

    Without a script forms may lead to apps: `form-action` would judge where a form is redirected to.
    """
    policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    if script:
        policy += "; script-src 'self'; connect-src 'self'; form-action 'self'"
    return (
        (b"content-security-policy", policy.encode()),
        (b"cross-origin-opener-policy", b"same-origin"),
    )


def document(
    title: str, content: str, *, script: bool = False, heading: bool = True, wide: bool = False
) -> bytes:
    """A whole page, to go with `page_headers`."""
    shown = html.escape(title)
    head = '<script src="/login/passkey.js" defer></script>' if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{shown}</title><link rel="stylesheet" href="/login/style.css">{head}</head>'
        f"<body><main{' class=wide' if wide else ''}>{f'<h1>{shown}</h1>' if heading else ''}{content}"
        "</main></body></html>"
    ).encode()


def paragraph(text: str) -> str:
    """A text as a paragraph."""
    return f"<p>{html.escape(text)}</p>"
