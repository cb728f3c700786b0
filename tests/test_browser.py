"""The browser that other tests drive does what its helper says: an example of each thing it can do."""

from collections.abc import AsyncIterator

import pytest
import trio

from tests.browser import BrowserError, Chromium, Page, open_browser

_PAGE = (
    """<!doctype html><title>First</title><form action=/second><input name=word><button>Go</button></form>"""
)


class Site:
    """Two pages on the loopback: a form, and the cookies that came back."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[str] = []

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        # localhost is a secure context, and a relying party that a passkey may name
        self.url = f"http://localhost:{listener.socket.getsockname()[1]}"
        task_status.started()
        await trio.serve_listeners(self._answer, [listener])

    async def _answer(self, stream: trio.SocketStream) -> None:
        async with stream:
            head = b""
            async for data in stream:
                head += data
                if b"\r\n\r\n" in head:
                    break
            if not head:
                return
            line, *fields = head.decode().split("\r\n")
            if "favicon" not in line:  # asked for when the browser likes to
                self.heard += [field.lower() for field in fields if field.lower().startswith("cookie")]
            body = _PAGE.encode() if " / " in line else b"<title>Second</title>hello"
            await stream.send_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n"
                b"set-cookie: seen=1; HttpOnly; SameSite=Lax\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with trio.open_nursery() as nursery:
        await nursery.start(site.serve)
        yield site
        nursery.cancel_scope.cancel()


@pytest.fixture
async def page(chromium: Chromium) -> AsyncIterator[Page]:
    async with open_browser(chromium) as browser:
        yield await browser.person()


async def test_a_person_fills_a_form_and_reads_the_answer(page: Page, site: Site) -> None:
    await page.go(site.url)
    await page.fill("input", "Zürich & Bern")
    async with page.loading():
        await page.click("button")
    assert await page.evaluate("document.title") == "Second"
    assert await page.text() == "hello"
    assert "word=Z%C3%BCrich+%26+Bern" in await page.url()
    assert await page.url() in page.asked
    (cookie,) = await page.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("seen", True, "Lax")


async def test_two_people_share_no_cookie(chromium: Chromium, site: Site) -> None:
    async with open_browser(chromium) as browser:
        first, second = await browser.person(), await browser.person()
        await first.go(site.url)
        await second.go(site.url)
        assert not site.heard
        await (await browser.tab_of(first)).go(site.url)
        assert "cookie: seen=1" in site.heard


async def test_what_goes_wrong_in_the_page_or_the_browser_is_an_error(page: Page) -> None:
    with pytest.raises(BrowserError, match="no such luck"):
        await page.evaluate("Promise.reject(new Error('no such luck'))")
    with pytest.raises(BrowserError, match="nothing is at #missing"):
        await page.click("#missing")
    with pytest.raises(BrowserError, match="ERR_"):
        await page.go("http://rookery.test/")


async def test_a_virtual_authenticator_makes_a_passkey(page: Page, site: Site) -> None:
    await page.go(site.url)
    authenticator = await page.authenticator()
    made = await page.evaluate(
        """navigator.credentials.create({publicKey: {
            challenge: new Uint8Array(32), rp: {name: 'Rookery'},
            user: {id: new Uint8Array(16), name: 'ann', displayName: 'Ann'},
            pubKeyCredParams: [{type: 'public-key', alg: -7}],
            authenticatorSelection: {residentKey: 'required', userVerification: 'required'},
        }}).then(credential => credential.type)"""
    )
    assert made == "public-key"
    kept = await page.call("WebAuthn.getCredentials", authenticatorId=authenticator)
    assert [credential["rpId"] for credential in kept["credentials"]] == ["localhost"]
