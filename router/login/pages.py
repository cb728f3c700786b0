"""The routes of the login: cookies and forms for browsers, JSON for programs. Framework-free, as `xrpc` is.

Two cookies, both HttpOnly, SameSite=Lax (a provider's answer is a navigation from elsewhere, to which a
Strict one would not come), Secure and with the `__Host-` prefix wherever there is TLS, so that no account's
subdomain can set them: one that is the browser, one that is the form for a name.

Forms of other pages are kept out three times: SameSite, `Sec-Fetch-Site`, and a check in the form that
only our own page knows. The JSON calls read no cookie, so there is nothing to ride on.
"""

from __future__ import annotations

import hmac
import html
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Final, TypeVar
from urllib.parse import parse_qsl

import attrs
import msgspec

from protocol import AccountDid, parse_nsid
from router.edge.errors import Headers, Refusal, Reply, refusal_of, refuse, reply_of
from router.edge.xrpc import Incoming, check_media_type, read_body
from router.login.errors import LoginError, LoginFault
from router.login.flow import NameNeeded, ToApp
from router.login.grants import Tokens
from router.login.pending import LOGIN_SECONDS
from router.login.service import Login

Page = Callable[[Incoming, Mapping[str, str]], Awaitable[Reply]]
"""Answers a request; the mapping holds the variable parts of its path."""

BROWSER: Final = "rookery-login"
FORM: Final = "rookery-name"

_MAX_BODY: Final = 16 * 1024
_BODY_SECONDS: Final = 10.0
_MAX_QUERY: Final = 12 * 1024  # a provider's code may be long
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_HTML: Final = b"text/html; charset=utf-8"
_GUESSES: Final = (LoginFault.EXPIRED, LoginFault.ENDED)
"""What somebody meets who tries states, codes or tokens: counted against the address, as bad tokens are."""

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class _Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A JSON call: what is not known is refused."""


class RedeemInput(_Call, frozen=True):
    """A code for tokens."""

    code: Token
    code_verifier: Token
    redirect_uri: Token


class RefreshInput(_Call, frozen=True):
    """A refresh token for tokens; `methods` (NSIDs) narrows the access token."""

    refresh_token: Token
    idempotency_key: Token | None = None
    methods: Annotated[tuple[Token, ...], msgspec.Meta(min_length=1, max_length=64)] | None = None


class LogoutInput(_Call, frozen=True):
    """End this login, or all of the account's."""

    refresh_token: Token
    everywhere: bool = False


class NameInput(_Call, frozen=True):
    """The name that somebody new has chosen."""

    name: Token
    check: Token


class TokensOutput(msgspec.Struct, frozen=True, rename="camel"):
    """What an app keeps; `loginExpires` is Unix seconds."""

    account: AccountDid
    access_token: str
    expires_in: int
    refresh_token: str
    login_expires: int
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's word for it


I = TypeVar("I", bound=_Call)  # noqa: E741 - input


@attrs.frozen
class Route:
    """One path, one HTTP method."""

    method: str
    path: str
    page: Page


def login_routes(login: Login) -> tuple[Route, ...]:
    """The routes, fixed paths before variable ones."""
    pages = _Pages(login)
    return tuple(
        Route(method, path, partial(_serve, page))
        for method, path, page in (
            ("GET", "/.well-known/jwks.json", pages.keys),
            ("GET", "/login/providers", pages.providers),
            ("POST", "/login/token", pages.redeem),
            ("POST", "/login/refresh", pages.refresh),
            ("POST", "/login/logout", pages.logout),
            ("GET", "/login/name", pages.ask_name),
            ("POST", "/login/name", pages.choose_name),
            ("GET", "/login/<provider>", pages.begin),
            ("GET", "/login/<provider>/callback", pages.callback),
        )
    )


async def _serve(page: Page, incoming: Incoming, path: Mapping[str, str]) -> Reply:
    """Every answer, errors included: JSON, or a plain page for who asks for one."""
    try:
        incoming.visitor.enter()
        return await page(incoming, path)
    except Exception as error:  # noqa: BLE001 - translated once, here; what is ours is reported by name
        refusal = refusal_of(error)
        if isinstance(error, LoginError) and error.fault in _GUESSES:
            incoming.visitor.failed(error.error)
        reply = reply_of(error)
        if not _wants_html(incoming):
            return reply
        said = "The server has a fault." if refusal is None else refusal.sentence
        return attrs.evolve(reply, body=_document("Login", _paragraph(said)), content_type=_HTML)


class _Pages:
    def __init__(self, login: Login) -> None:
        self._login = login

    async def keys(self, _: Incoming, __: Mapping[str, str]) -> Reply:
        return _json(self._login.ring.jwks())

    async def providers(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        found = self._login.providers.values()
        if _wants_html(incoming):
            names = ", ".join(provider.name for provider in found) or "none"
            return _page("Login", _paragraph(f"Apps can log in here with: {names}."))
        return _json({"providers": [{"id": each.id, "name": each.name} for each in found]})

    async def begin(self, incoming: Incoming, path: Mapping[str, str]) -> Reply:
        incoming.visitor.begin_login()
        # The browser keeps its secret over logins in several tabs; a login of its own has its own state.
        browser = self._cookie(incoming, BROWSER) or self._login.flow.secret()
        url = await self._login.flow.begin(path["provider"], _parameters(incoming), browser)
        return _redirect(url, self._set_cookie(BROWSER, browser, LOGIN_SECONDS))

    async def callback(self, incoming: Incoming, path: Mapping[str, str]) -> Reply:
        browser = self._cookie(incoming, BROWSER)
        match await self._login.flow.callback(path["provider"], _parameters(incoming), browser):
            case ToApp(url=url):
                return _redirect(url)
            case NameNeeded(form=form):
                return _redirect("/login/name", self._set_cookie(FORM, form, LOGIN_SECONDS))

    async def ask_name(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        form = self._cookie(incoming, FORM)
        if form is None:
            raise LoginError(LoginFault.EXPIRED)
        check = self._login.secrets.form_check(form)
        if _wants_html(incoming):
            return _page("Choose a name", self._form(check))
        return _json({"check": check, "domain": self._login.service.web_name})

    async def choose_name(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        form, browser = self._cookie(incoming, FORM), self._cookie(incoming, BROWSER)
        from_page = (incoming.headers.one(b"content-type") or "").startswith(
            "application/x-www-form-urlencoded"
        )
        chosen = await (_form_input if from_page else _name_input)(incoming)
        _refuse_other_sites(incoming)
        if form is None or browser is None:
            raise LoginError(LoginFault.EXPIRED)
        check = self._login.secrets.form_check(form)
        if not hmac.compare_digest(check.encode(), chosen.check.encode("utf-8", "surrogatepass")):
            raise LoginError(LoginFault.EXPIRED, detail="a form of another page")
        try:
            done = await self._login.flow.choose_name(form, chosen.name.strip().lower(), browser)
        except LoginError as error:
            if not from_page or error.fault not in (LoginFault.INVALID, LoginFault.NAME_TAKEN):
                raise
            refused = refuse(Refusal(error.error, error.message))
            body = _document("Choose a name", self._form(check, error.message, chosen.name))
            return attrs.evolve(refused, body=body, content_type=_HTML)
        gone = self._set_cookie(FORM, "", 0)
        return _redirect(done.url, gone) if from_page else _json({"redirect": done.url}, gone)

    async def redeem(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        asked = await _input(incoming, RedeemInput)
        return _tokens(
            await self._login.flow.redeem(
                asked.code, verifier=asked.code_verifier, redirect_uri=asked.redirect_uri
            )
        )

    async def refresh(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        asked = await _input(incoming, RefreshInput)
        methods = None if asked.methods is None else frozenset(map(parse_nsid, asked.methods))
        return _tokens(
            await self._login.grants.refresh(
                asked.refresh_token, idempotency_key=asked.idempotency_key, methods=methods
            )
        )

    async def logout(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        asked = await _input(incoming, LogoutInput)
        await self._login.grants.logout(asked.refresh_token, everywhere=asked.everywhere)
        return _json({})

    # -- cookies and forms -----------------------------------------------------------------------------

    def _cookie(self, incoming: Incoming, name: str) -> str | None:
        """The value of a cookie of ours; None if there is none, or two, or another's."""
        wanted = self._cookie_name(name)
        pairs = (pair.strip().partition("=") for pair in (incoming.headers.one(b"cookie") or "").split(";"))
        values = [value for found, _, value in pairs if found == wanted]
        return values[0] if len(values) == 1 and _SECRET.fullmatch(values[0]) else None

    def _set_cookie(self, name: str, value: str, max_age: int) -> Headers:
        secure = "; Secure" if self._login.secure else ""
        cookie = (
            f"{self._cookie_name(name)}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
        )
        return ((b"set-cookie", cookie.encode()),)

    def _cookie_name(self, name: str) -> str:
        return f"__Host-{name}" if self._login.secure else name

    def _form(self, check: str, problem: str = "", name: str = "") -> str:
        domain = self._login.service.web_name.replace("%3A", ":")
        return (
            f"{_paragraph(problem) if problem else ''}"
            '<form method="post" action="/login/name">'
            f'<input type="hidden" name="check" value="{html.escape(check)}">'
            '<p><label for="name">Your name on this server, for good. Others find you by it.</label></p>'
            f'<p><input id="name" name="name" value="{html.escape(name)}" autofocus required maxlength="63" '
            f'autocapitalize="none" autocomplete="username" spellcheck="false">.{html.escape(domain)}</p>'
            '<p><button type="submit">Take this name</button></p></form>'
        )


# -- reading -------------------------------------------------------------------------------------------


def _wants_html(incoming: Incoming) -> bool:
    """Whether a person's browser asks: a page, and not a program's call."""
    return "text/html" in (incoming.headers.one(b"accept") or "").lower()


def _parameters(incoming: Incoming) -> dict[str, str]:
    """The query, each name at most once: of two values one reader takes the first, another the last."""
    if len(incoming.query) > _MAX_QUERY:
        raise LoginError(LoginFault.INVALID, "The query is too long.")
    return _once(incoming.query)


def _once(data: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError:
        raise LoginError(LoginFault.INVALID, "The parameters cannot be read.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LoginError(LoginFault.INVALID, "A parameter is given twice.")
    return found


async def _input(incoming: Incoming, kind: type[I]) -> I:
    check_media_type(incoming.headers)
    body = await read_body(incoming, _MAX_BODY, _BODY_SECONDS)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("InvalidRequest", f"The body is not what this call takes: {error}") from None


async def _name_input(incoming: Incoming) -> NameInput:
    return await _input(incoming, NameInput)


async def _form_input(incoming: Incoming) -> NameInput:
    fields = _once(await read_body(incoming, _MAX_BODY, _BODY_SECONDS))
    return NameInput(fields.get("name", ""), fields.get("check", ""))


def _refuse_other_sites(incoming: Incoming) -> None:
    """A browser says where a form came from (Fetch Metadata); what is no browser says nothing."""
    if (incoming.headers.one(b"sec-fetch-site") or "same-origin") not in ("same-origin", "none"):
        raise LoginError(LoginFault.EXPIRED, detail="a form of another site")


# -- writing -------------------------------------------------------------------------------------------


def _json(value: object, headers: Headers = ()) -> Reply:
    return Reply(200, msgspec.json.encode(value), headers)


def _tokens(tokens: Tokens) -> Reply:
    return _json(
        TokensOutput(
            tokens.account,
            tokens.access_token,
            tokens.expires_in,
            tokens.refresh_token,
            tokens.login_expires,
        )
    )


def _redirect(url: str, headers: Headers = ()) -> Reply:
    """303: whatever the method was, what follows is a GET."""
    return Reply(303, b"", ((b"location", url.encode("ascii")), *headers), content_type=_HTML)


def _page(title: str, content: str) -> Reply:
    return Reply(200, _document(title, content), content_type=_HTML)


def _document(title: str, content: str) -> bytes:
    """No script, no style, nothing from elsewhere: the content security policy allows none."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title></head><body><h1>{html.escape(title)}</h1>{content}</body></html>"
    ).encode()


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"
