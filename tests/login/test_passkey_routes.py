"""The routes of passkeys: cookies and their flags, forms that only our page can send, what pages may do."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from router.edge.errors import Reply
from router.login.passkey.ceremony import AssertionAnswer, CreationAnswer
from tests.login.authenticator import text
from tests.login.kit import query_of
from tests.login.passkey_kit import PasskeyDesk, Someone, another_key
from tests.login.test_pages import HTML, Site, error_of, location

SESSION = "__Host-rookery-passkeys"
FORM = {"content-type": "application/x-www-form-urlencoded", **HTML}


class PasskeySite(Site):
    """The routes with passkeys, and one person's browser."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.people = PasskeyDesk(folder)
        self.login = attrs.evolve(
            self.login,
            flow=self.people.flow,
            grants=self.people.grants,
            pending=self.people.pending,
            secrets=self.people.secrets,
            passkeys=self.people.passkeys,
        )

    async def json(
        self, path: str, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """A call of our own script, with the cookies of the jar."""
        given = {"content-type": "application/json", "sec-fetch-site": "same-origin", **(headers or {})}
        reply = await self.ask("POST", path, headers=given, body=json.dumps(value).encode())
        assert reply.status == status, reply.body
        answer: dict[str, Any] = json.loads(reply.body)
        return answer

    async def form(self, path: str, fields: Mapping[str, str], **headers: str) -> Reply:
        """A form of our own page, as a browser sends it."""
        body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
        return await self.ask("POST", path, headers={**FORM, **headers}, body=body)

    async def open(self) -> None:
        """The page that everything begins with: it makes the browser known."""
        await self.ask("GET", "/login/passkeys", headers=HTML)

    async def sign_in(self, person: Someone) -> None:
        """With a passkey, to look after them."""
        await self.open()
        options = await self.json("/login/passkey/login", {})
        await self.json("/login/passkey/login/finish", said(person.key.get(options)))
        assert SESSION in self.jar

    async def form_check(self) -> str:
        """What forms of the page carry."""
        page = await self.ask("GET", "/login/passkeys", headers=HTML)
        found = re.search(rb'name="check" value="([0-9a-f]+)"', page.body)
        assert found is not None
        return found[1].decode()


def said(answer: AssertionAnswer) -> dict[str, str]:
    """An assertion as our script sends it."""
    return {
        "credential": text(answer.credential),
        "clientData": text(answer.client_data),
        "authenticatorData": text(answer.authenticator_data),
        "signature": text(answer.signature),
        "userHandle": text(answer.handle),
    }


def made(answer: CreationAnswer, label: str = "") -> dict[str, str]:
    """A creation as our script sends it."""
    return {"clientData": text(answer.client_data), "attestation": text(answer.attestation), "label": label}


def headers_of(reply: Reply, name: bytes) -> list[str]:
    return [value.decode() for found, value in reply.headers if found == name]


@pytest.fixture
def site(tmp_path: Path) -> PasskeySite:
    return PasskeySite(tmp_path)


async def test_an_app_gets_its_code_by_our_page(site: PasskeySite) -> None:
    ann = site.people.someone("ann")
    page = await site.ask("GET", "/login/passkey", ann.app.wish, headers=HTML)
    assert page.status == 200
    options = await site.json("/login/passkey/create", {"app": ann.app.wish, "name": " Ann "})
    done = await site.json("/login/passkey/create/finish", made(ann.key.create(options), "Blue"))
    assert "code" in query_of(done["redirect"])
    assert SESSION not in site.jar, "an app was logged in to, not this browser"

    options = await site.json("/login/passkey/login", {"app": ann.app.wish, "name": "ANN"})
    done = await site.json("/login/passkey/login/finish", said(ann.key.get(options)))
    code = query_of(done["redirect"])["code"]
    tokens = await site.call(
        "/login/token", code=code, codeVerifier=ann.app.verifier, redirectUri=ann.app.redirect_uri
    )
    assert json.loads(tokens.body)["account"] == ann.account
    assert site.visitor.counted.count("login") == 2


async def test_one_looks_after_ones_passkeys_with_forms(site: PasskeySite) -> None:
    ann = await site.people.member("ann")
    await site.sign_in(ann)
    options = await site.json("/login/passkeys/add", {})
    answer = await site.json(
        "/login/passkeys/add/finish", made(another_key().create(options), "<b>Blue</b> key")
    )
    assert answer == {"redirect": "/login/passkeys"}
    page = await site.ask("GET", "/login/passkeys", headers=HTML)
    assert b"&lt;b&gt;Blue&lt;/b&gt; key" in page.body
    assert b"<b>Blue" not in page.body, "what was typed is text"
    shown = json.loads((await site.ask("GET", "/login/passkeys")).body)
    assert shown["account"] == ann.account
    first, second = shown["passkeys"]
    assert (first["name"], second["name"], second["usedDay"]) == ("Passkey", "<b>Blue</b> key", None)

    check = await site.form_check()
    assert check == shown["check"]
    done = await site.form(
        "/login/passkeys/rename", {"check": check, "passkey": second["id"], "label": "Red+key"}
    )
    assert location(done) == "/login/passkeys"
    assert location(await site.form("/login/passkeys/revoke", {"check": check, "passkey": second["id"]}))
    last = await site.form("/login/passkeys/revoke", {"check": check, "passkey": first["id"]})
    assert (last.status, last.error) == (409, "LastPasskey")
    assert b'name="evenIfLast"' in last.body
    left = await site.form("/login/passkeys/leave", {"check": check})
    assert location(left) == "/login/passkeys"
    assert site.jar[SESSION] == ""
    assert error_of(await site.ask("GET", "/login/passkeys")) == "LoginExpired"


async def test_the_last_one_goes_where_that_is_said_and_the_browser_is_out(site: PasskeySite) -> None:
    ann = await site.people.member("ann")
    await site.sign_in(ann)
    passkey = json.loads((await site.ask("GET", "/login/passkeys")).body)["passkeys"][0]["id"]
    fields = {"check": await site.form_check(), "passkey": passkey, "evenIfLast": "yes", "endLogins": "yes"}
    assert location(await site.form("/login/passkeys/revoke", fields)) == "/login/passkeys"
    page = await site.ask("GET", "/login/passkeys", headers=HTML)
    assert b"You have been signed out here" in page.body


async def test_a_link_of_an_app_opens_after_one_click_on_our_page(site: PasskeySite) -> None:
    """A page of others that has a link of its owner's cannot make a visitor look after that account."""
    ann = await site.people.member("ann")
    url, _ = await site.people.passkeys.link(ann.caller(), still=lambda: None)
    link = query_of(url)["link"]
    page = await site.ask("GET", "/login/passkeys/open", {"link": link}, headers=HTML)
    found = re.search(rb'name="check" value="([0-9a-f]+)"', page.body)
    assert found is not None
    check = found[1].decode()
    for fields, headers in (
        ({"link": link}, {}),
        ({"link": link, "check": "x"}, {}),
        ({"link": link, "check": check}, {"sec-fetch-site": "cross-site"}),
        ({"link": link, "check": check}, {"sec-fetch-site": "same-site"}),
    ):
        refused = await site.form("/login/passkeys/open", fields, **headers)
        assert (refused.status, refused.error) == (400, "LoginExpired")
    good = {"link": link, "check": check}
    assert location(await site.form("/login/passkeys/open", good)) == "/login/passkeys"
    assert b"ann.chat.example.com" in (await site.ask("GET", "/login/passkeys", headers=HTML)).body
    assert (await site.form("/login/passkeys/open", good)).status == 400


async def test_the_session_is_a_cookie_of_this_host_alone(site: PasskeySite) -> None:
    ann = await site.people.member("ann")
    await site.open()
    options = await site.json("/login/passkey/login", {})
    reply = await site.ask(
        "POST",
        "/login/passkey/login/finish",
        headers={"content-type": "application/json"},
        body=json.dumps(said(ann.key.get(options))).encode(),
    )
    session, browser = headers_of(reply, b"set-cookie")
    assert session.startswith(f"{SESSION}=")
    assert session.endswith("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure")
    assert browser.startswith("__Host-rookery-login=")
    assert "ann" not in session


async def test_a_session_is_of_use_in_its_own_browser_only(site: PasskeySite) -> None:
    await site.sign_in(await site.people.member("ann"))
    stolen = site.jar[SESSION]
    site.jar.clear()
    await site.open()
    site.jar[SESSION] = stolen
    assert error_of(await site.ask("GET", "/login/passkeys")) == "LoginExpired"


async def test_forms_and_calls_of_other_pages_are_not_taken(site: PasskeySite) -> None:
    ann = await site.people.member("ann")
    await site.sign_in(ann)
    passkey = json.loads((await site.ask("GET", "/login/passkeys")).body)["passkeys"][0]["id"]
    good = {"check": await site.form_check(), "passkey": passkey, "evenIfLast": "yes", "label": "x"}
    for path in ("/login/passkeys/revoke", "/login/passkeys/rename", "/login/passkeys/leave"):
        for changed, headers in (
            ({"check": ""}, {}),
            ({"check": "0" * 32}, {}),
            ({}, {"sec-fetch-site": "cross-site"}),
            ({}, {"sec-fetch-site": "same-site"}),
        ):
            refused = await site.form(path, {**good, **changed}, **headers)
            assert (refused.status, refused.error) == (400, "LoginExpired"), path
    for path in ("/login/passkey/login", "/login/passkey/create", "/login/passkeys/add"):
        await site.json(path, {"name": "ben"}, status=400, headers={"sec-fetch-site": "same-site"})
        plain = {"content-type": "text/plain", "sec-fetch-site": "same-origin"}
        assert error_of(await site.ask("POST", path, headers=plain, body=b"{}")) == "UnsupportedMediaType"
    assert len(await site.people.store.passkeys_of(ann.account)) == 1


async def test_nothing_is_begun_without_our_page(site: PasskeySite) -> None:
    answer = await site.json("/login/passkey/login", {}, status=400)
    assert answer["error"] == "LoginExpired"
    assert site.visitor.counted == ["enter", "login", "LoginExpired"], "and it counts"


async def test_wrong_passkeys_are_counted_against_the_address(site: PasskeySite) -> None:
    ann = await site.people.member("ann")
    await site.open()
    options = await site.json("/login/passkey/login", {})
    forged = {**said(ann.key.get(options)), "signature": text(b"x" * 70)}
    answer = await site.json("/login/passkey/login/finish", forged, status=403)
    assert answer["error"] == site.visitor.counted[-1] == "LoginRefused"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/login/passkey/login", {"more": 1}),
        ("/login/passkey/login", {"app": {"redirect_uri": 7}}),
        ("/login/passkey/login", {"app": {"redirect_uri": "https://evil.example.com/"}}),
        ("/login/passkey/create", {}),
        ("/login/passkey/create", {"name": "x" * 600}),
        ("/login/passkey/login/finish", {"credential": "", "clientData": "", "authenticatorData": "",
                                         "signature": "", "userHandle": "+"}),
        ("/login/passkey/login/finish", {"credential": "AA"}),
        ("/login/passkey/create/finish", {"clientData": "AA==", "attestation": "AA"}),
    ],
)  # fmt: skip
async def test_calls_that_are_not_of_their_form(site: PasskeySite, path: str, body: dict[str, Any]) -> None:
    await site.open()
    assert (await site.json(path, body, status=400))["error"] == "InvalidRequest"


async def test_pages_run_our_script_and_no_other_and_stand_in_no_frame(site: PasskeySite) -> None:
    ann = await site.people.member("ann")
    pages = [await site.ask("GET", "/login/passkey", ann.app.wish, headers=HTML)]
    await site.sign_in(ann)
    pages += [await site.ask("GET", "/login/passkeys", headers=HTML)]
    pages += [await site.ask("GET", "/login/passkeys/open", {"link": '"><script>'}, headers=HTML)]
    for page in pages:
        (policy,) = headers_of(page, b"content-security-policy")
        rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
        assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
        assert rules["script-src"] == rules["connect-src"] == rules["form-action"] == "'self'"
        assert headers_of(page, b"cross-origin-opener-policy") == ["same-origin"]
        assert page.body.count(b"<script") == 1
        assert b" on" not in re.sub(rb">[^<]*<", b"><", page.body), "no handler in an attribute"
        assert b"style=" not in page.body
    script = await site.ask("GET", "/login/passkey.js")
    assert script.content_type == b"text/javascript; charset=utf-8"
    assert (await site.ask("GET", "/login/style.css")).content_type == b"text/css; charset=utf-8"


async def test_an_apps_wish_that_will_not_do_is_told_on_a_page(site: PasskeySite) -> None:
    for wish in ({}, {**site.people.someone("x").app.wish, "redirect_uri": "https://evil.example.com/"}):
        page = await site.ask("GET", "/login/passkey", wish, headers=HTML)
        assert page.status == 400
        assert not headers_of(page, b"location")


async def test_strangers_see_how_to_join_where_they_may(site: PasskeySite) -> None:
    assert b"Create an account" in (await site.ask("GET", "/login/passkeys", headers=HTML)).body
    site.people.settings = attrs.evolve(site.people.settings, registration=False)
    site.login = attrs.evolve(site.login, passkeys=site.people.at_node())
    assert b"Create an account" not in (await site.ask("GET", "/login/passkeys", headers=HTML)).body


async def test_apps_find_it_in_the_list_of_providers(site: PasskeySite) -> None:
    listed = json.loads((await site.ask("GET", "/login/providers")).body)["providers"]
    assert listed[-1] == {"id": "passkey", "name": "Passkey"}


async def test_a_passkey_that_was_set_aside_is_shown_as_such(site: PasskeySite) -> None:
    ann, blue = await site.people.member("ann"), another_key()
    await ann.add(await ann.at_home(), blue, "Blue key")
    await site.people.store.use_passkey(ann.key.credential, 0, now=int(site.people.clock()))
    await site.sign_in(attrs.evolve(ann, key=blue))
    page = await site.ask("GET", "/login/passkeys", headers=HTML)
    assert page.body.count(b"set aside") == 1
