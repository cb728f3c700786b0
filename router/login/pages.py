"""The routes of a login with an identity provider: cookies and forms for browsers, JSON for programs.

Two cookies: one that is the browser, one that is the form for a name.

Forms of other pages are kept out three times: SameSite, `Sec-Fetch-Site`, and a check in the form that
only our own page knows. The JSON calls read no cookie, so there is nothing to ride on.
"""

from __future__ import annotations

import hmac
import html
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Final

import attrs
import msgspec

from protocol import AccountDid, parse_nsid
from router.edge.errors import Refusal, Reply, refuse
from router.edge.xrpc import Incoming
from router.login.choose import choose, ways_in
from router.login.errors import LoginError, LoginFault
from router.login.flow import NameNeeded, ToApp
from router.login.grants import Tokens
from router.login.passkey.routes import passkey_routes
from router.login.pending import LOGIN_SECONDS
from router.login.service import Login
from router.login.web import (
    BROWSER,
    HTML,
    Cookies,
    JsonCall,
    Route,
    document,
    is_form,
    json_reply,
    page_headers,
    page_reply,
    paragraph,
    parameters,
    read_form,
    read_json,
    redirect,
    refuse_other_sites,
    serving,
    wants_html,
)

FORM: Final = "rookery-name"

_STYLE: Final = files("router.login").joinpath("assets/style.css").read_bytes()

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class RedeemInput(JsonCall, frozen=True):
    """A code for tokens."""

    code: Token
    code_verifier: Token
    redirect_uri: Token


class RefreshInput(JsonCall, frozen=True):
    """A refresh token for tokens; `methods` (NSIDs) narrows the access token."""

    refresh_token: Token
    idempotency_key: Token | None = None
    methods: Annotated[tuple[Token, ...], msgspec.Meta(min_length=1, max_length=64)] | None = None


class LogoutInput(JsonCall, frozen=True):
    """End this login, or all of the account's."""

    refresh_token: Token
    everywhere: bool = False


class NameInput(JsonCall, frozen=True):
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


def login_routes(login: Login) -> tuple[Route, ...]:
    """The routes, fixed paths before variable ones."""
    pages = _Pages(login)
    passkeys: tuple[Route, ...] = ()
    if login.passkeys is not None:
        passkeys = passkey_routes(
            login.passkeys, login.secrets, login.service.web_name.replace("%3A", ":"), secure=login.secure
        )
    return passkeys + tuple(
        Route(method, path, serving(page))
        for method, path, page in (
            ("GET", "/.well-known/jwks.json", pages.keys),
            ("GET", "/login/style.css", pages.style),
            ("GET", "/login", pages.choose),
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


class _Pages:
    def __init__(self, login: Login) -> None:
        self._login = login
        self._cookies = Cookies(secure=login.secure)

    async def keys(self, _: Incoming, __: Mapping[str, str]) -> Reply:
        return json_reply(self._login.ring.jwks())

    async def style(self, _: Incoming, __: Mapping[str, str]) -> Reply:
        return Reply(200, _STYLE, content_type=b"text/css; charset=utf-8")

    async def providers(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        """What an app may open as `/login/<id>`: a passkey is asked for in the same way."""
        found = ways_in(self._login)
        if wants_html(incoming):
            names = ", ".join(found.values()) or "none"
            return page_reply("Login", paragraph(f"Apps can log in here with: {names}."))
        return json_reply({"providers": [{"id": each, "name": name} for each, name in found.items()]})

    async def choose(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        return choose(self._login, incoming)

    async def begin(self, incoming: Incoming, path: Mapping[str, str]) -> Reply:
        incoming.visitor.begin_login()
        # The browser keeps its secret over logins in several tabs; a login of its own has its own state.
        browser = self._cookies.read(incoming, BROWSER) or self._login.flow.secret()
        url = await self._login.flow.begin(path["provider"], parameters(incoming), browser)
        return redirect(url, self._cookies.set(BROWSER, browser, LOGIN_SECONDS))

    async def callback(self, incoming: Incoming, path: Mapping[str, str]) -> Reply:
        browser = self._cookies.read(incoming, BROWSER)
        match await self._login.flow.callback(path["provider"], parameters(incoming), browser):
            case ToApp(url=url):
                return redirect(url)
            case NameNeeded(form=form):
                return redirect("/login/name", self._cookies.set(FORM, form, LOGIN_SECONDS))

    async def ask_name(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        form = self._cookies.read(incoming, FORM)
        if form is None:
            raise LoginError(LoginFault.EXPIRED)
        check = self._login.secrets.form_check(form)
        if wants_html(incoming):
            return page_reply("Choose a name", self._form(check))
        return json_reply({"check": check, "domain": self._login.service.web_name})

    async def choose_name(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        form, browser = self._cookies.read(incoming, FORM), self._cookies.read(incoming, BROWSER)
        from_page = is_form(incoming)
        chosen = await (_form_input if from_page else _name_input)(incoming)
        refuse_other_sites(incoming)
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
            body = document("Choose a name", self._form(check, error.message, chosen.name))
            headers = (*refused.headers, *page_headers())
            return attrs.evolve(refused, body=body, headers=headers, content_type=HTML)
        gone = self._cookies.set(FORM, "", 0)
        return redirect(done.url, gone) if from_page else json_reply({"redirect": done.url}, gone)

    async def redeem(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        asked = await read_json(incoming, RedeemInput)
        return _tokens(
            await self._login.flow.redeem(
                asked.code, verifier=asked.code_verifier, redirect_uri=asked.redirect_uri
            )
        )

    async def refresh(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        asked = await read_json(incoming, RefreshInput)
        methods = None if asked.methods is None else frozenset(map(parse_nsid, asked.methods))
        return _tokens(
            await self._login.grants.refresh(
                asked.refresh_token, idempotency_key=asked.idempotency_key, methods=methods
            )
        )

    async def logout(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        asked = await read_json(incoming, LogoutInput)
        await self._login.grants.logout(asked.refresh_token, everywhere=asked.everywhere)
        return json_reply({})

    # -- the form ---------------------------------------------------------------------------------------

    def _form(self, check: str, problem: str = "", name: str = "") -> str:
        domain = self._login.service.web_name.replace("%3A", ":")
        note = f'<p class="note" role="alert">{html.escape(problem)}</p>' if problem else ""
        return (
            f'{note}<form method="post" action="/login/name">'
            f'<input type="hidden" name="check" value="{html.escape(check)}">'
            '<label for="name">Your name here <small>for good: others find you by it</small></label>'
            f'<div class="field"><input id="name" name="name" value="{html.escape(name)}" autofocus required '
            'maxlength="63" autocapitalize="none" autocomplete="username" spellcheck="false">'
            f"<span>.{html.escape(domain)}</span></div>"
            '<button class="main" type="submit">Take this name</button></form>'
        )


async def _name_input(incoming: Incoming) -> NameInput:
    return await read_json(incoming, NameInput)


async def _form_input(incoming: Incoming) -> NameInput:
    fields = await read_form(incoming)
    return NameInput(fields.get("name", ""), fields.get("check", ""))


def _tokens(tokens: Tokens) -> Reply:
    return json_reply(
        TokensOutput(
            tokens.account,
            tokens.access_token,
            tokens.expires_in,
            tokens.refresh_token,
            tokens.login_expires,
        )
    )
