"""The whole of it: a real router, the certified identity provider, a person in a real Chromium, an app."""

import base64
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import msgspec
import pytest
import trio
from nacl.signing import SigningKey

from router.login.oidc import s256
from tests.browser import Chromium, Page, open_browser
from tests.client.live_router import LiveRouter, live_router
from tests.login.kit import query_of
from tests.login.oidc_provider import CLIENT, SECRET, OidcProvider, oidc_provider
from tests.proofs import new_key
from tests.system.process import free_port

pytestmark = pytest.mark.system


class App:
    """A program on the person's machine that waits for its code on a loopback port (RFC 8252)."""

    def __init__(self, router: str) -> None:
        self.router = router
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(8)
        self.redirect_uri = ""
        self._answers, self.answers = trio.open_memory_channel[dict[str, str]](8)

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.redirect_uri = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/callback"
        task_status.started()
        await trio.serve_listeners(self._answer, [listener])

    async def _answer(self, stream: trio.SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = await stream.receive_some()
                if not chunk:
                    return
                head += chunk
            path = head.split(b" ")[1].decode()
            if path.startswith("/callback"):
                await self._answers.send(query_of(path))
            body = b"<title>App</title>back in the app"
            await stream.send_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n" % len(body) + body
            )

    @property
    def url(self) -> str:
        """What it opens in the browser."""
        return self.url_of("/oidc")

    def url_of(self, way: str, **more: str) -> str:
        """The same for another way in; the choice among all of them for none."""
        wish = {
            "redirect_uri": self.redirect_uri,
            "code_challenge": s256(self.verifier),
            "code_challenge_method": "S256",
            "state": self.state,
            **more,
        }
        return str(httpx.URL(f"{self.router}/login{way}", params=wish))

    async def tokens(self) -> dict[str, Any]:
        """Waits for the code and fetches the tokens."""
        return await self.post("token", await self.code())

    async def code(self) -> dict[str, str]:
        """Waits for the code; with what shows that it is this app's."""
        with trio.fail_after(20):
            answer = await self.answers.receive()
        assert answer["state"] == self.state
        return {"code": answer["code"], "codeVerifier": self.verifier, "redirectUri": self.redirect_uri}

    async def xrpc(self, access_token: str, name: str, body: dict[str, Any] | None = None) -> Any:
        """A query, or with a body a procedure, that succeeds."""
        url, headers = f"{self.router}/xrpc/chat.rookery.{name}", {"authorization": f"Bearer {access_token}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            answer = await (client.get(url) if body is None else client.post(url, json=body))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, name: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        """A JSON call of the login."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.router}/login/{name}", json=body)
        assert answer.status_code == status, answer.text
        value: dict[str, Any] = answer.json()
        return value

    @asynccontextmanager
    async def stream(self, access_token: str) -> AsyncIterator[AsyncIterator[str]]:
        """An open event stream of a device of the account."""
        headers = {"authorization": f"Bearer {access_token}"}
        xrpc = f"{self.router}/xrpc/chat.rookery"
        claims = msgspec.json.decode(base64.urlsafe_b64decode(access_token.split(".")[1] + "=="))
        key = new_key(SigningKey.generate(), claims["iss"], claims["sub"], time.time())
        device = {"deviceName": "phone", **key}
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=20) as client:
            made = await client.post(f"{xrpc}.registerDevice", json=device)
            assert made.status_code == 200, made.text
            wish = {"deviceId": made.json()["deviceId"]}
            async with client.stream("GET", f"{xrpc}.streamEvents", params=wish) as answer:
                assert answer.status_code == 200
                yield answer.aiter_text()

    async def call(self, access_token: str) -> int:
        """The status of a query with this token."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(
                f"{self.router}/xrpc/chat.rookery.getConvos",
                headers={"authorization": f"Bearer {access_token}"},
            )
        return answer.status_code


@attrs.frozen
class Scene:
    """Everything that runs."""

    router: LiveRouter
    provider: OidcProvider
    app: App


@asynccontextmanager
async def scene(folder: Path, alg: str = "RS256") -> AsyncIterator[Scene]:
    """A router with one provider, and an app."""
    port = free_port()
    public = f"http://localhost:{port}"
    async with (
        oidc_provider(f"{public}/login/oidc/callback", alg=alg) as provider,
        live_router(
            folder,
            server__port=str(port),
            login_oidc__client_id=CLIENT,
            login_oidc__client_secret=SECRET,
            login_oidc__issuer_url=provider.issuer,
        ) as router,
        trio.open_nursery() as nursery,
    ):
        app = App(public)
        await nursery.start(app.serve)
        yield Scene(router, provider, app)
        nursery.cancel_scope.cancel()


async def sign_in(page: Page, person: str) -> None:
    """At the provider: name and password, then consent."""
    await page.fill("input[name=login]", person)
    await page.fill("input[name=password]", "any will do")
    for _ in range(2):
        async with page.loading():
            await page.click("button[type=submit]")


async def test_a_person_logs_in_takes_a_name_and_comes_back(chromium: Chromium, tmp_path: Path) -> None:
    async with scene(tmp_path) as stage, open_browser(chromium) as browser:
        page, app = await browser.person(), stage.app
        await page.go(app.url)
        await sign_in(page, "ann@example.com")

        assert (await page.url()).endswith("/login/name")
        await page.fill("#name", "no good")
        async with page.loading():
            await page.click("button")
        assert "This is no name for an account" in await page.text()
        assert await page.evaluate("document.querySelector('#name').value") == "no good"
        await page.fill("#name", "ann")
        async with page.loading():
            await page.click("button")
        assert await page.text() == "back in the app"

        tokens = await app.tokens()
        assert tokens["account"] == stage.router.service.account_did("ann")
        assert await app.call(tokens["accessToken"]) == 200
        for url in page.asked:
            assert not any(str(tokens[name]) in url for name in ("accessToken", "refreshToken"))
        (cookie,) = [each for each in await page.cookies() if each["name"] == "rookery-login"]
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")

        # Again, with the provider's own session: no password, no name, straight back.
        await page.go(app.url)
        assert await page.text() == "back in the app"
        again = await app.tokens()
        assert again["account"] == tokens["account"]

        fresh = await app.post("refresh", {"refreshToken": tokens["refreshToken"]})
        assert await app.call(fresh["accessToken"]) == 200
        async with app.stream(fresh["accessToken"]) as lines:
            assert await app.post("logout", {"refreshToken": fresh["refreshToken"]}) == {}
            said = "".join([line async for line in lines])
        assert "AccessRevoked" in said, "logout ends what is open, and says so"
        assert await app.call(fresh["accessToken"]) == 401
        assert await app.call(again["accessToken"]) == 200
        refused = await app.post("refresh", {"refreshToken": fresh["refreshToken"]}, status=401)
        assert refused["error"] == "LoginEnded"


async def test_a_second_provider_is_linked_by_the_app_and_then_opens_the_same_account(
    chromium: Chromium, tmp_path: Path
) -> None:
    port = free_port()
    public = f"http://localhost:{port}"
    async with (
        oidc_provider(f"{public}/login/oidc/callback") as staff,
        oidc_provider(f"{public}/login/oidc_partners/callback", alg="ES256") as partners,
        live_router(
            tmp_path,
            server__port=str(port),
            login_oidc__client_id=CLIENT,
            login_oidc__client_secret=SECRET,
            login_oidc__issuer_url=staff.issuer,
            login_oidc__name="Staff",
            login_oidc_partners__client_id=CLIENT,
            login_oidc_partners__client_secret=SECRET,
            login_oidc_partners__issuer_url=partners.issuer,
            login_oidc_partners__name="Partners",
        ) as router,
        open_browser(chromium) as browser,
        trio.open_nursery() as nursery,
    ):
        app, page = App(public), await browser.person()
        await nursery.start(app.serve)

        await page.go(app.url_of(""))
        assert "Staff" in await page.text()
        async with page.loading():
            await page.click("a[href^='/login/oidc?']")
        await sign_in(page, "ann@example.com")
        await page.fill("#name", "ann")
        async with page.loading():
            await page.click("button")
        tokens = await app.tokens()
        access = tokens["accessToken"]
        assert tokens["account"] == router.service.account_did("ann")

        # The same address at the other provider: it is somebody new, until the app has them linked.
        await page.go(app.url_of("/oidc_partners", intent="link"))
        await sign_in(page, "ann@example.com")
        linked = (await app.xrpc(access, "linkIdentity", await app.code()))["identity"]
        assert linked["providerName"] == "Partners"
        await page.go(app.url_of("/oidc_partners"))
        assert await page.text() == "back in the app"
        assert (await app.tokens())["account"] == tokens["account"]

        shown = (await app.xrpc(access, "listIdentities"))["identities"]
        assert {each["providerName"] for each in shown} == {"Staff", "Partners"}
        (first,) = [each["identityId"] for each in shown if each["providerName"] == "Staff"]
        assert await app.xrpc(access, "unlinkIdentity", {"identityId": first}) == {"unlinked": True}
        await page.go(app.url)
        await sign_in(page, "ann@example.com")
        assert (await page.url()).endswith("/login/name"), "who was unlinked is somebody new"
        nursery.cancel_scope.cancel()


async def test_login_csrf_in_real_browsers(chromium: Chromium, tmp_path: Path) -> None:
    """The attacker logs in as himself, stops before the end, and makes the victim's browser do the rest."""
    async with scene(tmp_path, alg="ES256") as stage, open_browser(chromium) as browser:
        attacker, victim = await browser.person(), await browser.person()
        await victim.go(stage.app.url)  # it has a cookie of its own, and a login of its own begun

        pattern = {"urlPattern": "*/login/oidc/callback*"}
        await attacker.call("Fetch.enable", patterns=[pattern])
        await attacker.go(stage.app.url)
        await attacker.fill("input[name=login]", "mallory")
        await attacker.fill("input[name=password]", "any will do")
        async with attacker.loading():
            await attacker.click("button[type=submit]")
        async with attacker.event("Fetch.requestPaused") as paused:
            await attacker.click("button[type=submit]")
        stolen = str(paused.params["request"]["url"])
        assert "code=" in stolen

        await victim.go(stolen)
        assert "begun in another browser" in await victim.text()
        assert not [url for url in victim.asked if url.startswith(stage.app.redirect_uri)]

        # It has used nothing up: the attacker's own login is his to finish.
        async with attacker.loading():
            await attacker.call("Fetch.continueRequest", requestId=paused.params["requestId"])
        assert (await attacker.url()).endswith("/login/name")


async def test_a_person_who_declines_at_the_provider_is_told_in_the_app(
    chromium: Chromium, tmp_path: Path
) -> None:
    async with scene(tmp_path) as stage, open_browser(chromium) as browser:
        page = await browser.person()
        await page.go(stage.app.url)
        async with page.loading():
            await page.evaluate("document.querySelector('a[href$=abort]').click()")
        with trio.fail_after(20):
            answer = await stage.app.answers.receive()
        assert answer == {
            "error": "access_denied",
            "state": stage.app.state,
            "iss": stage.router.service.did,
        }
