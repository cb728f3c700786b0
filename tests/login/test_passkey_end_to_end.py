"""Passkeys whole: a router process, people with Chromium's virtual authenticators, an app, an operator."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import attrs
import httpx
import msgspec
import pytest
import trio

from protocol import Nsid
from router.client.credentials import account_token_source
from router.identity.keys import load_account_key
from router.login.oidc import s256
from router.store.audit import AuditRecord
from tests.browser import Chromium, Page, open_browser
from tests.login.test_end_to_end import App as OidcApp
from tests.system.checker import DATABASE
from tests.system.process import RouterProcess, running_router

pytestmark = pytest.mark.system

OFFERED = {
    "ROOKERY_LOGIN_PASSKEY__ENABLED": "true",
    "ROOKERY_LOGIN_PASSKEY__REGISTRATION": "true",
    "ROOKERY_LOGGING__LEVEL": "debug",
    "ROOKERY_LOGGING__FORMAT": "json",
}
LINK = Nsid("chat.rookery.createPasskeyLink")
NOT_HERE = "This passkey opens no account here."


class App(OidcApp):
    """The same app, whose person logs in with a passkey."""

    @property
    def url(self) -> str:
        wish = {
            "redirect_uri": self.redirect_uri,
            "code_challenge": s256(self.verifier),
            "code_challenge_method": "S256",
            "state": self.state,
        }
        return str(httpx.URL(f"{self.router}/login/passkey", params=wish))


@attrs.frozen
class Scene:
    """Everything that runs."""

    router: RouterProcess
    app: App

    @property
    def home(self) -> str:
        return f"{self.router.url}/login/passkeys"


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """A router that offers passkeys to everybody, and an app."""
    async with running_router(OFFERED) as router, trio.open_nursery() as nursery:
        app = App(router.url)
        await nursery.start(app.serve)
        yield Scene(router, app)
        nursery.cancel_scope.cancel()


async def press(page: Page, selector: str) -> None:
    """A button whose ceremony leads to another page."""
    async with page.loading():
        await page.click(selector)


async def told(page: Page, selector: str) -> str:
    """What the page says went wrong after a button was pressed."""
    return str(
        await page.evaluate(
            f"""new Promise((done) => {{
                const said = document.querySelector("#said");
                new MutationObserver(() => said.role === "alert" && done(said.textContent))
                    .observe(said, {{ attributes: true, childList: true }});
                document.querySelector({json.dumps(selector)}).click();
            }})"""
        )
    )


async def passkeys(page: Page, authenticator: str) -> list[dict[str, Any]]:
    """What an authenticator holds, private keys among it."""
    held = await page.call("WebAuthn.getCredentials", authenticatorId=authenticator)
    return list(held["credentials"])


SECRETS = ("credentialId", "privateKey", "userHandle")
LOGIN = "form[data-act=login] button"
CREATE = "form[data-act=create] button"
ADD = "form[data-act=add] button"


async def test_a_person_joins_comes_back_and_looks_after_their_passkeys(
    chromium: Chromium, tmp_path: Path
) -> None:
    async with scene() as stage, open_browser(chromium) as browser:
        page, app = await browser.person(), stage.app
        first = await page.authenticator()
        await page.go(app.url)
        await page.fill("#new", "Ann")
        await press(page, CREATE)
        assert await page.text() == "back in the app"
        joined = await app.tokens()
        assert joined["account"] == f"did:web:ann.localhost%3A{stage.router.port}"
        assert await app.call(joined["accessToken"]) == 200

        await page.go(app.url)  # without a name: the authenticator knows it
        await press(page, LOGIN)
        assert (await app.tokens())["account"] == joined["account"]
        await page.go(app.url)  # with the name, and with another one
        await page.click("summary")
        await page.fill("#who", "nobody")
        assert await told(page, LOGIN) == NOT_HERE
        await page.fill("#who", "ann")
        await press(page, LOGIN)
        tokens = await app.tokens()
        assert tokens["account"] == joined["account"]

        await page.go(stage.home)
        await press(page, LOGIN)
        assert "Your passkeys" in await page.text()
        assert "already" in await told(page, ADD), "the same authenticator makes no second one"
        (mine,) = await passkeys(page, first)
        await page.call("WebAuthn.removeVirtualAuthenticator", authenticatorId=first)
        second = await page.authenticator(transport="usb")
        await page.fill("#label", "Blue <key>")
        await press(page, ADD)
        names = "[...document.querySelectorAll('li h2')].map((each) => each.textContent)"
        assert await page.evaluate(names) == ["Passkey", "Blue <key>"]
        (blue,) = await passkeys(page, second)
        assert blue["userHandle"] == mine["userHandle"]
        assert "ann" not in blue["userHandle"]
        assert "2" in stage.router.rookery("account", "list").split("active")[1]

        await page.click("li summary")
        await page.fill("li input[name=label]", "Old")
        await press(page, "li form[action$=rename] button")
        assert await page.evaluate(names) == ["Old", "Blue <key>"]
        await press(page, "li form[action$=revoke] button")
        # it was what this browser had signed in with
        assert "You have been signed out here" in await page.text()
        await press(page, LOGIN)
        assert await page.evaluate(names) == ["Blue <key>"]
        assert await app.call(tokens["accessToken"]) == 200, "logins go on"
        await press(page, "li form[action$=revoke] button")
        assert "nobody could log in" in await page.text()
        await press(page, "form[action$=leave] button")

        await page.call("WebAuthn.removeVirtualAuthenticator", authenticatorId=second)
        again = await page.authenticator()
        await page.call("WebAuthn.addCredential", authenticatorId=again, credential=mine)
        await page.go(stage.home)
        assert await told(page, LOGIN) == NOT_HERE, "revoked"

        log = stage.router.log.read_text()
        assert "/login/passkey/create/finish" in log
        for secret in ("ann", "nobody", *(each[part] for each in (mine, blue) for part in SECRETS)):
            assert secret not in log
        for url in page.asked:
            assert not any(str(tokens[name]) in url for name in ("accessToken", "refreshToken"))
        cookies = {each["name"]: each for each in await page.cookies()}
        assert "rookery-passkeys" not in cookies, "signed out"
        browser_cookie = cookies["rookery-login"]
        assert (browser_cookie["httpOnly"], browser_cookie["sameSite"]) == (True, "Lax")


async def test_a_copied_passkey_is_noticed_and_set_aside(chromium: Chromium, tmp_path: Path) -> None:
    async with scene() as stage, open_browser(chromium) as browser:
        ann, thief = await browser.person(), await browser.person()
        hers, his = await ann.authenticator(), await thief.authenticator()
        await ann.go(stage.app.url)
        await ann.fill("#new", "ann")
        await press(ann, CREATE)
        await stage.app.tokens()
        (mine,) = await passkeys(ann, hers)
        await thief.call("WebAuthn.addCredential", authenticatorId=his, credential=mine)

        await ann.go(stage.app.url)
        await press(ann, LOGIN)
        await stage.app.tokens()
        await thief.go(stage.app.url)
        assert "set aside" in await told(thief, LOGIN), "his counter lags behind hers"
        await ann.go(stage.app.url)
        assert "set aside" in await told(ann, LOGIN), "nobody can tell which of them it was"
        assert acts(stage.router)[-1] == "passkey.suspended"

        recovered = stage.router.rookery("account", "recover", "ann", "--out", str(tmp_path / "ann.json"))
        assert "did:web:ann" in recovered
        await ann.go(stage.home)
        assert await told(ann, LOGIN) == NOT_HERE
        await by_link(stage, ann, key_path=tmp_path / "ann.json")
        await ann.call("WebAuthn.clearCredentials", authenticatorId=hers)
        await press(ann, ADD)
        await ann.go(stage.app.url)
        await press(ann, LOGIN)
        assert (await stage.app.tokens())["account"] in recovered


async def by_link(stage: Scene, page: Page, *, key_path: Path) -> None:
    """An app of the account asks for a page, and the person opens it and goes on."""
    token = account_token_source(load_account_key(key_path))
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{stage.router.url}/xrpc/{LINK}",
            headers={"authorization": f"Bearer {token(LINK)}"},
            json={},
        )
    assert answer.status_code == 200, answer.text
    await page.go(answer.json()["url"])
    await press(page, "form[action$=open] button")
    assert "Your passkeys" in await page.text()


def acts(router: RouterProcess) -> list[str]:
    """What the audit says was done, in order."""
    with closing(sqlite3.connect(f"file:{router.data / DATABASE}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT record FROM audit ORDER BY number").fetchall()
    return [msgspec.json.decode(record, type=AuditRecord).action for (record,) in rows]


async def test_pages_in_a_real_browser_run_nothing_but_our_script(chromium: Chromium, tmp_path: Path) -> None:
    """What a mistake in a page of ours could bring in does not run; another name of this host has nothing."""
    async with scene() as stage, open_browser(chromium) as browser:
        page = await browser.person()
        await page.authenticator()
        await page.go(stage.home)
        violated = await page.evaluate(
            """new Promise((done) => {
                addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective));
                const script = document.createElement("script");
                script.textContent = "document.title = 'mine now'";
                document.head.append(script);
            })"""
        )
        assert violated == "script-src-elem"
        assert await page.evaluate("document.title") == f"Sign in to localhost:{stage.router.port}"
        assert await page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "432px"

        await page.go(stage.home.replace("localhost", "127.0.0.1"))
        assert "This address cannot use" in await told(page, LOGIN)
