"""The routes of passkeys: JSON for the ceremonies, which a script must make, and plain forms for the rest.

Two cookies, as in all of the login: one that is the browser, and one that says for some minutes who is
recognised in it (`session.py`). Pages of others are kept out by SameSite, by `Sec-Fetch-Site`, by JSON that
no form can send, and in forms by a check that only our own page knows; frames by `frame-ancestors`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any, Final

import attrs
import msgspec

from router.edge.errors import Headers, Refusal, Reply, refuse
from router.edge.xrpc import Incoming
from router.identity.compact import decode_part
from router.identity.errors import AuthError
from router.login.errors import LoginError, LoginFault
from router.login.flow import ToApp
from router.login.passkey.ceremony import AssertionAnswer, CreationAnswer
from router.login.passkey.flow import Holder, PasskeyFlow
from router.login.passkey.pages import open_page, passkeys_page, sign_in_page
from router.login.passkey.session import Session, open_session, seal_session
from router.login.pending import LOGIN_SECONDS
from router.login.secrets import LoginSecrets
from router.login.web import (
    BROWSER,
    HTML,
    Cookies,
    JsonCall,
    Route,
    json_reply,
    page_headers,
    parameters,
    read_form,
    read_json,
    redirect,
    refuse_other_sites,
    serving,
    wants_html,
)

SESSION: Final = "rookery-passkeys"
HOME: Final = "/login/passkeys"

_SEALED = re.compile(r"[A-Za-z0-9_-]{1,1024}")
_SCRIPT: Final = files("router.login").joinpath("assets/passkey.js").read_bytes()

Short = Annotated[str, msgspec.Meta(max_length=512)]
Octets = Annotated[str, msgspec.Meta(max_length=12_000)]
"""Base64url; the body's own bound is what counts."""


Wish = Annotated[dict[Short, Annotated[str, msgspec.Meta(max_length=2048)]], msgspec.Meta(max_length=16)]
"""What an app asked for, as it stands in the query of the page."""


class LoginInput(JsonCall, frozen=True):
    """Somebody wants in: for an app, or to look after their passkeys."""

    app: Wish | None = None
    name: Short | None = None


class CreateInput(JsonCall, frozen=True):
    """Somebody new."""

    name: Short
    app: Wish | None = None


class AddInput(JsonCall, frozen=True):
    """One more passkey, for who is recognised."""


class AssertionInput(JsonCall, frozen=True):
    """An authenticator's answer to a login."""

    credential: Octets
    client_data: Octets
    authenticator_data: Octets
    signature: Octets
    user_handle: Octets


class CreationInput(JsonCall, frozen=True):
    """An authenticator's answer to the making of a passkey, and what to call it."""

    client_data: Octets
    attestation: Octets
    label: Short = ""


class PasskeyView(msgspec.Struct, frozen=True, rename="camel"):
    """A passkey as its owner sees it; days since 1970-01-01."""

    id: str
    name: str
    created_day: int
    used_day: int | None
    synced: bool
    suspended: bool


def passkey_routes(
    flow: PasskeyFlow, secrets: LoginSecrets, domain: str, *, secure: bool
) -> tuple[Route, ...]:
    """The routes; `domain` is what names of accounts end in, `secure` whether browsers come over TLS."""
    pages = _Pages(flow, secrets, domain, Cookies(secure=secure))
    return tuple(
        Route(method, path, serving(page))
        for method, path, page in (
            ("GET", "/login/passkey.js", pages.script),
            ("GET", "/login/passkey", pages.for_app),
            ("POST", "/login/passkey/login", pages.begin_login),
            ("POST", "/login/passkey/login/finish", pages.finish_login),
            ("POST", "/login/passkey/create", pages.begin_registration),
            ("POST", "/login/passkey/create/finish", pages.finish_registration),
            ("GET", HOME, pages.home),
            ("GET", f"{HOME}/open", pages.ask_open),
            ("POST", f"{HOME}/open", pages.open),
            ("POST", f"{HOME}/add", pages.begin_adding),
            ("POST", f"{HOME}/add/finish", pages.finish_adding),
            ("POST", f"{HOME}/rename", pages.rename),
            ("POST", f"{HOME}/revoke", pages.revoke),
            ("POST", f"{HOME}/leave", pages.leave),
        )
    )


@attrs.frozen
class _Pages:
    _flow: PasskeyFlow
    _secrets: LoginSecrets
    _domain: str
    _cookies: Cookies

    async def script(self, _: Incoming, __: Mapping[str, str]) -> Reply:
        return Reply(200, _SCRIPT, content_type=b"text/javascript; charset=utf-8")

    # -- coming in -------------------------------------------------------------------------------------

    async def for_app(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        """The page that an app opens. What it asks for is judged now, and again with each ceremony."""
        self._flow.check_wish(parameters(incoming))
        return self._sign_in(incoming, for_app=True)

    async def begin_login(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        browser = self._begins(incoming)
        asked = await read_json(incoming, LoginInput)
        return json_reply(await self._flow.begin_login(asked.app, _name(asked.name) or None, browser))

    async def finish_login(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        browser = self._browser(incoming)
        said = await read_json(incoming, AssertionInput)
        answer = AssertionAnswer(
            _octets(said.credential),
            _octets(said.client_data),
            _octets(said.authenticator_data),
            _octets(said.signature),
            _octets(said.user_handle),
        )
        return self._welcome(await self._flow.finish_login(answer, browser), browser)

    async def begin_registration(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        browser = self._begins(incoming)
        asked = await read_json(incoming, CreateInput)
        return json_reply(await self._flow.begin_registration(asked.app, _name(asked.name), browser))

    async def finish_registration(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        browser = self._browser(incoming)
        answer, label = await self._creation(incoming)
        return self._welcome(await self._flow.finish_registration(answer, label, browser), browser)

    # -- one's own -------------------------------------------------------------------------------------

    async def home(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        problem = ""
        try:
            holder, check = await self._holder(incoming)
        except LoginError as error:
            if not wants_html(incoming):
                raise
            problem = error.message if self._cookies.read(incoming, SESSION, _SEALED) else ""
        else:
            if wants_html(incoming):
                return _page(passkeys_page(holder, check))
            return json_reply({"account": holder.account, "check": check, "passkeys": _views(holder)})
        return self._sign_in(incoming, for_app=False, problem=problem)

    async def ask_open(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        link = parameters(incoming).get("link", "")
        browser = self._cookies.read(incoming, BROWSER) or self._flow.secret()
        return _page(open_page(link, self._secrets.form_check(browser)), self._keep_browser(browser))

    async def open(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        browser = self._begins(incoming)
        fields = await read_form(incoming)
        self._check(fields, self._secrets.form_check(browser))
        session = await self._flow.open_link(fields.get("link", ""))
        return redirect(HOME, self._keep(session, browser))

    async def begin_adding(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        browser = self._begins(incoming)
        await read_json(incoming, AddInput)
        holder, _check = await self._holder(incoming)
        return json_reply(await self._flow.begin_adding(holder, browser))

    async def finish_adding(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        browser = self._browser(incoming)
        answer, label = await self._creation(incoming)
        holder, _check = await self._holder(incoming)
        await self._flow.finish_adding(holder, answer, label, browser)
        return json_reply({"redirect": HOME})

    async def rename(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        holder, check, fields = await self._form(incoming)
        try:
            await self._flow.rename(holder, fields.get("passkey", ""), fields.get("label", ""))
        except LoginError as error:
            return _refused(error, passkeys_page(holder, check, problem=error.message))
        return redirect(HOME)

    async def revoke(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        holder, check, fields = await self._form(incoming)
        passkey = fields.get("passkey", "")
        try:
            await self._flow.revoke(
                holder, passkey, even_if_last="evenIfLast" in fields, end_logins="endLogins" in fields
            )
        except LoginError as error:
            last = passkey if error.fault is LoginFault.LAST_PASSKEY else None
            return _refused(error, passkeys_page(holder, check, problem=error.message, last=last))
        return redirect(HOME)

    async def leave(self, incoming: Incoming, _: Mapping[str, str]) -> Reply:
        await self._form(incoming)
        return redirect(HOME, self._cookies.set(SESSION, "", 0))

    # -- within ----------------------------------------------------------------------------------------

    def _sign_in(self, incoming: Incoming, *, for_app: bool, problem: str = "") -> Reply:
        browser = self._cookies.read(incoming, BROWSER) or self._flow.secret()
        body = sign_in_page(
            self._domain, registration=self._flow.open_to_strangers, for_app=for_app, problem=problem
        )
        return _page(body, self._keep_browser(browser))

    def _begins(self, incoming: Incoming) -> str:
        """A ceremony is begun by our own page, and counted against its address."""
        incoming.visitor.begin_login()
        return self._browser(incoming)

    def _browser(self, incoming: Incoming) -> str:
        refuse_other_sites(incoming)
        browser = self._cookies.read(incoming, BROWSER)
        if browser is None:
            raise LoginError(LoginFault.EXPIRED, detail="no cookie of a browser")
        return browser

    async def _holder(self, incoming: Incoming) -> tuple[Holder, str]:
        """Who is recognised, and what forms of theirs carry."""
        browser = self._cookies.read(incoming, BROWSER)
        sealed = self._cookies.read(incoming, SESSION, _SEALED)
        session = None if browser is None or sealed is None else open_session(sealed, browser, self._secrets)
        if session is None or sealed is None:
            raise LoginError(LoginFault.EXPIRED, "You are not signed in here.")
        return await self._flow.holder(session), self._secrets.form_check(sealed)

    async def _form(self, incoming: Incoming) -> tuple[Holder, str, dict[str, str]]:
        """A form of ours, by who is recognised."""
        refuse_other_sites(incoming)
        fields = await read_form(incoming)
        holder, check = await self._holder(incoming)
        self._check(fields, check)
        return holder, check, fields

    def _check(self, fields: Mapping[str, str], check: str) -> None:
        if not hmac.compare_digest(check.encode(), fields.get("check", "").encode("utf-8", "surrogatepass")):
            raise LoginError(LoginFault.EXPIRED, detail="a form of another page")

    async def _creation(self, incoming: Incoming) -> tuple[CreationAnswer, str]:
        said = await read_json(incoming, CreationInput)
        return CreationAnswer(_octets(said.client_data), _octets(said.attestation)), said.label

    def _welcome(self, done: ToApp | Session, browser: str) -> Reply:
        match done:
            case ToApp(url=url):
                return json_reply({"redirect": url})
            case Session():
                return json_reply({"redirect": HOME}, self._keep(done, browser))

    def _keep(self, session: Session, browser: str) -> Headers:
        sealed = seal_session(session, browser, self._secrets)
        return (
            *self._cookies.set(SESSION, sealed, self._flow.session_seconds),
            *self._keep_browser(browser),
        )

    def _keep_browser(self, browser: str) -> Headers:
        return self._cookies.set(BROWSER, browser, max(LOGIN_SECONDS, self._flow.session_seconds))


def _name(text: str | None) -> str:
    """A name as people type it."""
    return (text or "").strip().lower()


def _octets(text: str) -> bytes:
    try:
        return decode_part(text)
    except AuthError:
        raise LoginError(LoginFault.INVALID, "Bytes are sent as base64url without padding.") from None


def _views(holder: Holder) -> list[Any]:
    return [
        PasskeyView(each.id, each.name, each.created_day, each.used_day or None, each.synced, each.suspended)
        for each in holder.passkeys
    ]


def _page(body: bytes, headers: Headers = ()) -> Reply:
    return Reply(200, body, (*page_headers(script=True), *headers), content_type=HTML)


def _refused(error: LoginError, body: bytes) -> Reply:
    """The same page again, with what was wrong; for programs the error is its status and name."""
    reply = refuse(Refusal(error.error, error.message))
    return attrs.evolve(
        reply, body=body, headers=(*reply.headers, *page_headers(script=True)), content_type=HTML
    )
