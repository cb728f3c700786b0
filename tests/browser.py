"""A real Chromium for tests, driven over the DevTools protocol: no driver package, one WebSocket.

    Chromium                  one process with a profile of its own, kept for the whole test session
      └─ open_browser         one connection to it, for one test
           └─ Browser.person  a browser context: cookies and storage of its own, like another browser
                └─ Page       a tab: go, fill, click, evaluate, `call` for whatever else the protocol has

Why not Playwright: its driver is a Node process and 40 MB beside the browser, runs on asyncio, and hides
what a test here wants to see (cookies with their flags, every URL that was asked for, the virtual
authenticator). What is needed of the protocol is small; trio-websocket is a dependency anyway.

Waiting is on events of the browser, never on time; every wait has a deadline (`PATIENCE`).

    async with open_browser(chromium) as browser:
        page = await browser.person()
        await page.go("http://127.0.0.1:8080/")
        async with page.loading():
            await page.click("button")
        assert await page.evaluate("document.title") == "Done"

A passkey ceremony: `await page.authenticator()` gives the tab a virtual one (resident keys, user verified).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

PATIENCE = 20.0
"""Seconds that anything in the browser may take."""

_START_SECONDS = 30.0
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_INSTALLER = Path(__file__).parents[1] / ".ci" / "debian"
_FLAGS = (
    "--headless",
    "--no-sandbox",  # the sandbox wants privileges that containers do not have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-features=Translate,MediaRouter,OptimizationHints",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-proxy-server",
    "--password-store=basic",
    "--remote-debugging-port=0",
)

Event = Mapping[str, Any]


class BrowserError(Exception):
    """The browser refused a command, or the page threw."""


@cache
def chromium_path() -> str | None:
    """The browser of this machine, installed now where we may; None where there is none."""
    for attempt in range(2):
        for name in _NAMES:
            path = shutil.which(name)
            if path is not None:
                return path
        if attempt == 0:
            installed = subprocess.run([_INSTALLER, "chromium"], capture_output=True, check=False)
            if installed.returncode:
                return None
    return None


@attrs.frozen
class Chromium:
    """A running browser process; `url` is where its DevTools listen."""

    url: str


@contextmanager
def running_chromium(path: str) -> Iterator[Chromium]:
    """A browser on an empty profile, gone with the block."""
    with tempfile.TemporaryDirectory(prefix="rookery-chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [path, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Chromium(_devtools(process, Path(profile) / "DevToolsActivePort"))
        finally:
            process.kill()
            process.wait()


def _devtools(process: subprocess.Popen[bytes], announcement: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        lines = announcement.read_text().split("\n") if announcement.exists() else []
        if len(lines) == 2:  # the port and the path; the second line is written last
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.02)
    raise BrowserError(f"Chromium did not start (exit code {process.poll()})")


@asynccontextmanager
async def open_browser(chromium: Chromium) -> AsyncIterator[Browser]:
    """A connection to the browser; every person made through it is forgotten with the block."""
    async with (
        open_websocket_url(chromium.url, max_message_size=64 << 20) as socket,
        trio.open_nursery() as nursery,
    ):
        browser = Browser(socket)
        nursery.start_soon(browser.read)
        try:
            yield browser
        finally:
            with trio.move_on_after(PATIENCE, shield=True):
                await browser.forget_people()
            nursery.cancel_scope.cancel()


class Browser:
    """Commands to the browser, and its answers and events back to who waits for them."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self._socket = socket
        self._last = 0
        self._answers: dict[int, _Answer] = {}
        self._listeners: dict[str, list[Callable[[str, Event], None]]] = {}
        self._contexts: list[str] = []

    async def read(self) -> None:
        """Route what the browser says, until the connection ends."""
        try:
            while True:
                message = json.loads(await self._socket.get_message())
                answer = self._answers.pop(message.get("id", 0), None)
                if answer is not None:
                    answer.set(message)
                    continue
                for listener in tuple(self._listeners.get(message.get("sessionId", ""), ())):
                    listener(message.get("method", ""), message.get("params", {}))
        except ConnectionClosed:
            for answer in self._answers.values():
                answer.set({"error": {"message": "the browser is gone"}})

    async def call(self, method: str, *, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Run a command of the DevTools protocol; its result. Raises `BrowserError`."""
        self._last += 1
        number, answer = self._last, _Answer()
        self._answers[number] = answer
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        try:
            with trio.fail_after(PATIENCE):
                await self._socket.send_message(json.dumps(message))
                return await answer.wait(method)
        finally:
            self._answers.pop(number, None)

    async def person(self) -> Page:
        """A tab in a context of its own: it shares no cookie and no storage with any other person."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        self._contexts.append(context)
        return await self._tab(context)

    async def tab_of(self, page: Page) -> Page:
        """Another tab of the same person."""
        return await self._tab(page.context)

    async def _tab(self, context: str) -> Page:
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, attached["sessionId"], context)
        for domain in ("Page", "Runtime", "Network"):
            await page.call(f"{domain}.enable")
        return page

    async def forget_people(self) -> None:
        """Close every context that this connection made."""
        for context in self._contexts:
            try:
                await self.call("Target.disposeBrowserContext", browserContextId=context)
            except BrowserError:
                pass  # it went with the browser
        self._contexts.clear()

    def listen(self, session: str, listener: Callable[[str, Event], None]) -> Callable[[], None]:
        """Call `listener` with each event of a tab; returns what ends that."""
        listeners = self._listeners.setdefault(session, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self.context = context
        self.asked: list[str] = []
        """Every URL that the tab asked for, redirects among them, in order."""
        browser.listen(session, self._note)

    def _note(self, method: str, event: Event) -> None:
        if method == "Network.requestWillBeSent":
            self.asked.append(event["request"]["url"])

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Run a command in this tab."""
        return await self._browser.call(method, session=self._session, **params)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise. Raises `BrowserError`."""
        answer = await self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    @asynccontextmanager
    async def event(
        self, method: str, matching: Callable[[Event], bool] = lambda _: True
    ) -> AsyncIterator[Happened]:
        """The block does something, its end waits for an event that follows from it."""
        happened = Happened()

        def hear(name: str, event: Event) -> None:
            if name == method and not happened.heard.is_set() and matching(event):
                happened.params = event
                happened.heard.set()

        end = self._browser.listen(self._session, hear)
        try:
            yield happened
            with trio.fail_after(PATIENCE):
                await happened.heard.wait()
        finally:
            end()

    @asynccontextmanager
    async def loading(self) -> AsyncIterator[None]:
        """The block begins a navigation, its end waits until the page that came of it has loaded."""
        async with self.event("Page.loadEventFired"):
            yield

    async def go(self, url: str) -> None:
        """Navigate and wait for the page. Raises `BrowserError` when nothing answers there."""
        async with self.loading():
            answer = await self.call("Page.navigate", url=url)
            if answer.get("errorText"):
                raise BrowserError(f"{url}: {answer['errorText']}")

    async def url(self) -> str:
        """Where the tab is."""
        return str(await self.evaluate("location.href"))

    async def text(self) -> str:
        """What a person reads on the page."""
        return str(await self.evaluate("document.body.innerText"))

    async def fill(self, selector: str, text: str) -> None:
        """Type into a field, as a person does: focus, then text."""
        await self.evaluate(f"{_element(selector)}.focus()")
        await self.evaluate(f"{_element(selector)}.select()")
        await self.call("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """Click on an element."""
        await self.evaluate(f"{_element(selector)}.click()")

    async def cookies(self) -> list[dict[str, Any]]:
        """The cookies of this person with all their flags, HttpOnly ones among them."""
        answer = await self._browser.call("Storage.getCookies", browserContextId=self.context)
        return list(answer["cookies"])

    async def authenticator(self, **options: Any) -> str:
        """Give the tab a virtual authenticator (CTAP 2, resident keys, the user verified); its id.

        `options` are those of WebAuthn.VirtualAuthenticatorOptions. Credentials are listed and taken away
        with `call("WebAuthn.getCredentials", authenticatorId=…)` and its like.
        """
        await self.call("WebAuthn.enable")
        chosen = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **options,
        }
        answer = await self.call("WebAuthn.addVirtualAuthenticator", options=chosen)
        return str(answer["authenticatorId"])


@attrs.define
class Happened:
    """What an awaited event said, once the block that waited for it has ended."""

    heard: trio.Event = attrs.field(factory=trio.Event)
    params: Event = attrs.field(factory=dict)


class _Answer:
    def __init__(self) -> None:
        self._arrived = trio.Event()
        self._message: dict[str, Any] = {}

    def set(self, message: dict[str, Any]) -> None:
        self._message = message
        self._arrived.set()

    async def wait(self, method: str) -> dict[str, Any]:
        await self._arrived.wait()
        if "error" in self._message:
            raise BrowserError(f"{method}: {self._message['error'].get('message')}")
        result: dict[str, Any] = self._message.get("result", {})
        return result


def _element(selector: str) -> str:
    """JavaScript for the one element; a selector that finds none throws with its name."""
    found = f"document.querySelector({json.dumps(selector)})"
    return f"({found} ?? (() => {{ throw new Error('nothing is at ' + {json.dumps(selector)}) }})())"
