"""Two identity providers on real sockets, as hostile as a test wants, and browsers that are not."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import attrs
import httpx

from router.login.errors import LoginError
from router.login.providers import Provider
from tests.attacks.stage import Stage, open_stage
from tests.edge.harness import running
from tests.login.kit import App, Clock, Idp, Query, query_of

_REALM = "/realms/attacks"


@attrs.define
class WebIdp(Idp):
    """The provider of the login's own tests, with an address."""

    url: str = ""
    way: str = ""
    """Where the router awaits its answers."""

    @property
    def issuer(self) -> str:
        return self.url

    @property
    def provider(self) -> Provider:
        """Who the router is to it."""
        return Provider(
            self.name, self.name, self.issuer, f"rookery-at-{self.name}", self.client_secret, self.way
        )

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        """Its endpoints as an ASGI application; what it refuses it refuses with 400."""
        body = b""
        while (event := await receive())["type"] == "http.request":
            body += event["body"]
            if not event["more_body"]:
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        origin = self.url.removesuffix(_REALM)
        try:
            said = await self.json(
                origin + scope["path"], headers=headers, form=dict(parse_qsl(body.decode()))
            )
            status = 200
        except LoginError:
            status, said = 400, {"error": "invalid_grant"}
        answer = httpx.Response(status, json=said)
        head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer.content))]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": answer.content, "more_body": False})


class Browser:
    """One person's browser: its cookies, and no more than it would do by itself."""

    def __init__(self, stage: Stage) -> None:
        self.http = httpx.AsyncClient(base_url=stage.router.url, trust_env=False, timeout=30)

    async def begin(self, idp: WebIdp, app: App) -> str:
        """To where the router sends it: the provider's page."""
        answer = await self.http.get(f"/login/{idp.name}", params=app.wish)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def callback(self, idp: WebIdp, answer: Mapping[str, str | None]) -> httpx.Response:
        """Back from the provider, with what it (or somebody) says."""
        said = {name: value for name, value in answer.items() if value is not None}
        return await self.http.get(f"/login/{idp.name}/callback", params=said)

    async def take_name(self, name: str) -> Query:
        """Somebody new chooses a name; what the app then hears."""
        form = (await self.http.get("/login/name")).json()
        done = await self.http.post("/login/name", json={"name": name, "check": form["check"]})
        return query_of(done.json()["redirect"])


@attrs.define
class Site:
    """A router with two providers, and the clock of all three."""

    stage: Stage
    clock: Clock
    alpha: WebIdp
    beta: WebIdp
    stack: AsyncExitStack

    def set_clock(self, ahead: float) -> None:
        """For the router and the providers alike."""
        self.stage.set_clock(ahead)

    def browser(self) -> Browser:
        """A browser without cookies."""
        browser = Browser(self.stage)
        self.stack.push_async_callback(browser.http.aclose)
        return browser

    async def code(self, app: App, name: str, browser: Browser | None = None) -> str:
        """A whole login at alpha of somebody new, up to the app's code."""
        browser = browser or self.browser()
        answer = self.alpha.authorize(await browser.begin(self.alpha, app), name)
        done = await browser.callback(self.alpha, answer)
        assert done.headers["location"] == "/login/name", done.text
        return (await browser.take_name(name))["code"]

    async def redeem(self, code: str, app: App, **changes: str) -> httpx.Response:
        """The app fetches its tokens."""
        asked = {"code": code, "codeVerifier": app.verifier, "redirectUri": app.redirect_uri, **changes}
        return await self.stage.http.post("/login/token", json=asked)

    async def refresh(self, tokens: Mapping[str, Any], **more: Any) -> httpx.Response:
        """The app, or whoever has its refresh token, asks for the next ones."""
        asked = {"refreshToken": tokens["refreshToken"], **more}
        return await self.stage.http.post("/login/refresh", json=asked)

    def token_requests(self) -> int:
        """How often a code was brought to a provider."""
        return len([url for url in self.alpha.asked + self.beta.asked if url.endswith("/token")])


class _StageClock(Clock):
    """The router's clock, once there is one."""

    stage: Stage | None = None

    def __call__(self) -> float:
        return self.now if self.stage is None else self.stage.now


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """Both providers and the router, for the block."""
    clock = _StageClock()
    alpha, beta = WebIdp("keycloak", clock), WebIdp("oidc", clock)
    async with running(alpha.serve) as first, running(beta.serve) as second:
        alpha.url, beta.url = first.url + _REALM, second.url
        settings = {
            "ROOKERY_LOGIN_KEYCLOAK__URL": first.url,
            "ROOKERY_LOGIN_KEYCLOAK__REALM": _REALM.rpartition("/")[2],
            "ROOKERY_LOGIN_OIDC__ISSUER_URL": second.url,
        }
        for idp in (alpha, beta):
            prefix = f"ROOKERY_LOGIN_{idp.name.upper()}__CLIENT"
            settings |= {f"{prefix}_ID": f"rookery-at-{idp.name}", f"{prefix}_SECRET": str(idp.client_secret)}
        async with open_stage(settings) as stage:
            clock.stage = stage
            for idp in (alpha, beta):
                idp.way = f"{stage.router.url}/login/{idp.name}/callback"
            async with AsyncExitStack() as stack:
                yield Site(stage, clock, alpha, beta, stack)
