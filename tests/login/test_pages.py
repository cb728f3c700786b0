"""The routes: cookies with their flags, forms that only our own page can send, JSON and plain pages."""

import html
import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import attrs
import pytest

from router.edge.admission import Visitor
from router.edge.asgi import HeaderFields
from router.edge.errors import Reply
from router.edge.xrpc import Incoming
from router.identity.service import ServiceIdentity
from router.login.pages import login_routes
from router.login.service import Login
from tests.login.kit import CALLBACK, App, Desk, query_of


class Someone:
    """A visitor, and what was counted against it."""

    def __init__(self) -> None:
        self.counted: list[str] = []

    def enter(self) -> None:
        self.counted.append("enter")

    def begin_login(self) -> None:
        self.counted.append("login")

    def failed(self, error: str) -> None:
        self.counted.append(error)

    def body(self) -> AbstractContextManager[None]:
        return nullcontext()


class Site:
    """The routes over two providers without sockets, and a browser's cookie jar for one person."""

    def __init__(self, folder: Path, endpoint: str = "https://chat.example.com") -> None:
        self.desk = Desk(folder)
        self.login = Login(
            service=ServiceIdentity("did:web:chat.example.com", endpoint),
            providers={idp.name: idp.provider for idp in (self.desk.alpha, self.desk.beta)},
            flow=self.desk.flow,
            grants=self.desk.grants,
            pending=self.desk.pending,
            ring=self.desk.ring,
            secrets=self.desk.secrets,
            identities=self.desk.identities,
        )
        self.jar: dict[str, str] = {}
        self.visitor = Someone()

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        """One request, with the cookies of the jar; what the answer sets goes into it."""
        for route in login_routes(self.login):
            parts = _match(route.path, path)
            if route.method == method and parts is not None:
                break
        else:
            raise AssertionError(f"nothing is at {method} {path}")
        fields = {k: v for k, v in (headers or {}).items() if v}
        if self.jar:
            fields.setdefault("cookie", "; ".join(f"{name}={value}" for name, value in self.jar.items()))
        chunks: list[bytes | None] = [body, None]

        async def next_chunk() -> bytes | None:
            return chunks.pop(0)

        incoming = Incoming(
            method,
            urlencode(query or {}).encode(),
            HeaderFields((name.encode(), value.encode()) for name, value in fields.items()),
            cast("Visitor", self.visitor),
            next_chunk,
        )
        reply = await route.page(incoming, parts)
        for name, value in reply.headers:
            if name == b"set-cookie":
                pair, _, _ = value.decode().partition(";")
                key, _, kept = pair.partition("=")
                self.jar[key] = kept
        return reply

    async def call(self, path: str, **body: Any) -> Reply:
        """A JSON call of a program, which has no cookies."""
        return await self.ask(
            "POST",
            path,
            headers={"content-type": "application/json", "cookie": "none=1"},
            body=json.dumps(body).encode(),
        )

    async def to_the_form(self, app: App, person: str = "ann") -> Reply:
        """A person's way until it is asked for a name."""
        begun = await self.ask("GET", "/login/alpha", app.wish, headers=HTML)
        answer = self.desk.alpha.authorize(location(begun), person)
        return await self.ask("GET", "/login/alpha/callback", answer, headers=HTML)

    async def send_form(self, fields: str, **headers: str) -> Reply:
        """The form for a name, as a browser sends it."""
        return await self.ask(
            "POST",
            "/login/name",
            headers={"content-type": "application/x-www-form-urlencoded", **HTML, **headers},
            body=fields.encode(),
        )

    @property
    def check(self) -> str:
        """What our own form carries."""
        return self.login.secrets.form_check(self.jar["__Host-rookery-name"])


def _match(pattern: str, path: str) -> dict[str, str] | None:
    parts, words = pattern.split("/"), path.split("/")
    if len(parts) != len(words):
        return None
    found = {part[1:-1]: word for part, word in zip(parts, words, strict=True) if part.startswith("<")}
    same = all(part == word for part, word in zip(parts, words, strict=True) if not part.startswith("<"))
    return found if same else None


HTML = {"accept": "text/html,application/xhtml+xml"}


def location(reply: Reply) -> str:
    assert reply.status == 303, reply.body
    return dict(reply.headers)[b"location"].decode()


def error_of(reply: Reply) -> str:
    value = json.loads(reply.body)
    assert value["message"]
    return str(value["error"])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_a_person_comes_in_by_plain_pages(site: Site) -> None:
    app = App()
    assert location(await site.to_the_form(app)) == "/login/name"
    form = await site.ask("GET", "/login/name", headers=HTML)
    assert form.content_type.startswith(b"text/html")
    assert site.check.encode() in form.body
    done = await site.send_form(f"name=Ann&check={site.check}")
    answer = query_of(location(done))
    assert location(done).startswith(CALLBACK)

    tokens = await site.call(
        "/login/token", code=answer["code"], codeVerifier=app.verifier, redirectUri=CALLBACK
    )
    value = json.loads(tokens.body)
    assert value["account"] == "did:web:ann.chat.example.com"
    assert set(value) == {
        "account", "accessToken", "expiresIn", "refreshToken", "loginExpires", "tokenType"
    }  # fmt: skip


async def test_the_same_by_a_program_with_json(site: Site) -> None:
    await site.to_the_form(App())
    asked = json.loads((await site.ask("GET", "/login/name")).body)
    assert asked == {"check": site.check, "domain": "chat.example.com"}
    body = json.dumps({"name": "ann", "check": asked["check"]}).encode()
    done = await site.ask("POST", "/login/name", headers={"content-type": "application/json"}, body=body)
    assert json.loads(done.body)["redirect"].startswith(CALLBACK)


async def test_cookies_are_of_this_host_alone_and_out_of_reach_of_scripts(site: Site) -> None:
    """`__Host-`: an account's own subdomain (or whoever has it) cannot set one over ours."""
    begun = await site.ask("GET", "/login/alpha", App().wish)
    cookie = dict(begun.headers)[b"set-cookie"].decode()
    assert cookie.startswith("__Host-rookery-login=")
    assert cookie.endswith("; Path=/; Max-Age=900; HttpOnly; SameSite=Lax; Secure")


async def test_without_tls_which_is_localhost_only_cookies_are_not_secure(tmp_path: Path) -> None:
    site = Site(tmp_path, "http://localhost:3000")
    begun = await site.ask("GET", "/login/alpha", App().wish)
    cookie = dict(begun.headers)[b"set-cookie"].decode()
    assert cookie.startswith("rookery-login=")
    assert "Secure" not in cookie


async def test_logins_in_two_tabs_do_not_spoil_each_other(site: Site) -> None:
    urls = [location(await site.ask("GET", "/login/alpha", App().wish)) for _ in range(2)]
    for url in urls:
        answer = site.desk.alpha.authorize(url)
        done = await site.ask("GET", "/login/alpha/callback", answer, headers=HTML)
        assert location(done) == "/login/name"


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "__Host-rookery-login=short",
        "rookery-login={}",
        "__Host-rookery-login={0}; __Host-rookery-login={0}",
    ],
)
async def test_a_cookie_that_is_not_the_browsers_own(site: Site, cookie: str) -> None:
    """None, made up, set without its prefix by somebody else, or twice: whose would it be?"""
    begun = await site.ask("GET", "/login/alpha", App().wish)
    mine = site.jar["__Host-rookery-login"]
    answer = site.desk.alpha.authorize(location(begun))
    site.jar.clear()
    refused = await site.ask("GET", "/login/alpha/callback", answer, headers={"cookie": cookie.format(mine)})
    assert error_of(refused) == "LoginExpired"
    assert site.visitor.counted[-1] == "LoginExpired"


async def test_a_form_of_another_site_is_not_taken(site: Site) -> None:
    """Login CSRF by the second half: naming somebody's account for them."""
    await site.to_the_form(App())
    good = f"name=ann&check={site.check}"
    for fields, headers in (
        ("name=ann", {}),
        ("name=ann&check=", {}),
        (f"name=ann&check={site.login.secrets.form_check('another form')}", {}),
        ("name=ann&check=%ED%A0%80", {}),
        (good, {"sec-fetch-site": "cross-site"}),
        (good, {"sec-fetch-site": "same-site"}),
    ):
        refused = await site.send_form(fields, **headers)
        assert refused.status == 400, fields
        assert refused.error in ("LoginExpired", "InvalidRequest")
    assert await site.desk.store.account_by_name("ann") is None
    done = await site.send_form(good, **{"sec-fetch-site": "same-origin"})
    assert location(done).startswith(CALLBACK)


async def test_a_name_that_will_not_do_is_asked_for_again_on_the_same_page(site: Site) -> None:
    await site.desk.login(site.desk.beta, "ben", "ben")
    await site.to_the_form(App())
    for name, status in (("ben", 409), ("<b>x</b>", 400), ("", 400)):
        again = await site.send_form(f"name={name}&check={site.check}")
        assert (again.status, again.content_type) == (status, b"text/html; charset=utf-8")
        assert b"<form" in again.body
        assert b"<b>x</b>" not in again.body, "what was typed is text"
    assert location(await site.send_form(f"name=ann&check={site.check}")).startswith(CALLBACK)
    assert site.jar["__Host-rookery-name"] == "", "the form is gone"


async def test_errors_are_pages_for_people_and_json_for_programs(site: Site) -> None:
    for headers, kind in ((HTML, b"text/html; charset=utf-8"), ({}, b"application/json")):
        answer = await site.ask("GET", "/login/alpha/callback", {"code": "x", "state": "y"}, headers=headers)
        assert (answer.status, answer.content_type) == (400, kind)
        answer = await site.ask("GET", "/login/gamma", App().wish, headers=headers)
        assert (answer.status, answer.content_type) == (404, kind)
        answer = await site.ask("GET", "/login/name", headers=headers)
        assert (answer.status, answer.content_type) == (400, kind)


async def test_an_open_redirect_is_answered_here_and_not_with_a_redirect(site: Site) -> None:
    wish = {**App().wish, "redirect_uri": "https://evil.example.com/callback"}
    refused = await site.ask("GET", "/login/alpha", wish, headers=HTML)
    assert refused.status == 400
    assert b"evil" not in refused.body
    assert not [name for name, _ in refused.headers if name == b"location"]


async def test_a_parameter_that_is_given_twice_is_refused(site: Site) -> None:
    async def nothing() -> None:
        return None

    route = next(route for route in login_routes(site.login) if route.path == "/login/<provider>")
    incoming = Incoming(
        "GET",
        b"redirect_uri=a&redirect_uri=b",
        HeaderFields(()),
        cast("Visitor", site.visitor),
        nothing,
    )
    for query in (
        b"redirect_uri=a&redirect_uri=b",
        b"x=\xff",
        b"x=%ff",
        b"&".join([b"a=1"] * 40),
        b"a" * 20_000,
    ):
        reply = await route.page(attrs.evolve(incoming, query=query), {"provider": "alpha"})
        assert error_of(reply) == "InvalidRequest"


async def test_providers_and_keys_are_for_anybody(site: Site) -> None:
    listed = json.loads((await site.ask("GET", "/login/providers")).body)
    assert listed == {"providers": [{"id": "alpha", "name": "alpha"}, {"id": "beta", "name": "beta"}]}
    assert b"alpha, beta" in (await site.ask("GET", "/login/providers", headers=HTML)).body
    keys = json.loads((await site.ask("GET", "/.well-known/jwks.json")).body)["keys"]
    assert [key["kid"] for key in keys] == [site.desk.ring.signing.kid]
    assert not any("d" in key for key in keys)


async def test_people_choose_among_the_providers_and_the_choice_hands_on_what_the_app_asked(
    site: Site,
) -> None:
    wish = App(state="a&b").wish
    page = await site.ask("GET", "/login", wish, headers=HTML)
    links = [html.unescape(each) for each in re.findall(r'href="(/login/[^"]+[?][^"]+)"', page.body.decode())]
    assert [link.partition("?")[0] for link in links] == ["/login/alpha", "/login/beta"]
    assert all(query_of(link) == wish for link in links)
    listed = json.loads((await site.ask("GET", "/login", wish)).body)["ways"]
    assert [(each["id"], each["url"]) for each in listed] == list(zip(("alpha", "beta"), links, strict=True))


async def test_where_there_is_one_way_nobody_is_asked(site: Site) -> None:
    del site.login.providers["beta"]  # type: ignore[attr-defined] # a dict here
    wish = App().wish
    only = await site.ask("GET", "/login", wish, headers=HTML)
    assert location(only).startswith("/login/alpha?")
    assert query_of(location(only)) == wish
    del site.login.providers["alpha"]  # type: ignore[attr-defined]
    assert (await site.ask("GET", "/login", wish, headers=HTML)).status == 404


async def test_a_choice_for_an_app_that_nobody_knows_is_not_offered(site: Site) -> None:
    for change in ({"redirect_uri": "https://evil.example"}, {"intent": "take over"}):
        refused = await site.ask("GET", "/login", {**App().wish, **change})
        assert error_of(refused) == "InvalidRequest"


async def test_refresh_and_logout_by_json(site: Site) -> None:
    tokens = await site.desk.login()
    fresh = json.loads(
        (
            await site.call(
                "/login/refresh",
                refreshToken=tokens.refresh_token,
                idempotencyKey="a-key-of-this-refresh",
                methods=["chat.rookery.getConvos"],
            )
        ).body
    )
    assert fresh["account"] == tokens.account
    assert (await site.call("/login/logout", refreshToken=fresh["refreshToken"])).status == 200
    ended = await site.call("/login/refresh", refreshToken=fresh["refreshToken"])
    assert (ended.status, error_of(ended)) == (401, "LoginEnded")
    assert (b"www-authenticate", b'Bearer error="LoginEnded"') in ended.headers
    assert site.visitor.counted[-1] == "LoginEnded"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"refreshToken": ""},
        {"refreshToken": 7},
        {"refreshToken": "x" * 513},
        {"refreshToken": "x", "more": 1},
        {"refreshToken": "x", "methods": []},
        {"refreshToken": "x", "methods": ["no nsid"]},
    ],
)
async def test_calls_that_are_not_of_their_form(site: Site, body: dict[str, Any]) -> None:
    assert error_of(await site.call("/login/refresh", **body)) == "InvalidRequest"


async def test_calls_want_json_and_are_bounded(site: Site) -> None:
    """A form of another page can be sent without asking (CORS), but not as application/json."""
    answer = await site.ask(
        "POST", "/login/refresh", headers={"content-type": "text/plain"}, body=b'{"refreshToken": "x"}'
    )
    assert error_of(answer) == "UnsupportedMediaType"
    answer = await site.call("/login/refresh", refreshToken="x" * 20_000)
    assert error_of(answer) == "PayloadTooLarge"
