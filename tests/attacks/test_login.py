"""Attacks on a login: a real router, two providers on sockets of their own, browsers with their cookies.

What each claim of an ID token decides is in `tests/login/test_flow.py`; here are the attacks as a browser, an
app and a network would see them.
"""

import httpx
import pytest

from router.login.pending import CODE_SECONDS, LOGIN_SECONDS
from tests.attacks.providers import open_site
from tests.login.kit import CALLBACK, App, query_of

pytestmark = pytest.mark.system


def told(answer: httpx.Response) -> str:
    """What the app hears of a login that failed, or the name of the router's own refusal."""
    if answer.status_code != 303:
        return str(answer.json()["error"])
    assert answer.headers["location"].startswith(CALLBACK), answer.headers["location"]
    said = query_of(answer.headers["location"])
    assert "code" not in said
    return said["error"]


async def test_mix_up() -> None:
    """The person chose one provider and the attacker has another's answer delivered, so that the code goes to
    the wrong one: by the way back, by RFC 9207's `iss`, and by leaving that out where it was announced."""
    async with open_site() as site:
        browser, app = site.browser(), App()
        for callback, changes in (
            (site.beta, {}),
            (site.beta, {"iss": site.beta.issuer}),
            (site.alpha, {"iss": site.beta.issuer}),
            (site.alpha, {"iss": None}),
            (site.alpha, {"iss": ""}),
        ):
            answer = site.alpha.authorize(await browser.begin(site.alpha, app))
            assert told(await browser.callback(callback, {**answer, **changes})) == "access_denied"
        assert site.token_requests() == 0, "no code was brought to anybody"
        site.beta.announces_iss = False  # what is not announced is not missed
        answer = site.beta.authorize(await browser.begin(site.beta, app))
        assert (await browser.callback(site.beta, answer)).headers["location"] == "/login/name"


async def test_a_wrong_nonce_ends_the_login() -> None:
    """An ID token of another login, of another person, put into this one."""
    async with open_site() as site:
        browser = site.browser()
        for nonce in ("another", None, ""):
            site.alpha.claims = {"nonce": nonce}
            answer = site.alpha.authorize(await browser.begin(site.alpha, App()))
            assert told(await browser.callback(site.alpha, answer)) == "access_denied"


async def test_login_csrf() -> None:
    """The attacker logs in and has the victim's browser finish it: what the victim then writes, the attacker
    reads. The state belongs to the browser that began."""
    async with open_site() as site:
        attacker, victim, app = site.browser(), site.browser(), App()
        answer = site.alpha.authorize(await attacker.begin(site.alpha, app), "attacker")
        assert told(await victim.callback(site.alpha, answer)) == "LoginExpired", "no cookie at all"
        await victim.begin(site.alpha, App())
        assert told(await victim.callback(site.alpha, answer)) == "LoginExpired", "a cookie of its own"
        finished = await attacker.callback(site.alpha, answer)
        assert finished.headers["location"] == "/login/name", "the one who began may finish"
        for refused in (
            await victim.http.get("/login/name"),
            await victim.http.post("/login/name", json={"name": "mine", "check": "x"}),
        ):
            assert refused.json()["error"] == "LoginExpired"


async def test_an_expired_and_a_made_up_state() -> None:
    async with open_site() as site:
        browser = site.browser()
        answers = [site.alpha.authorize(await browser.begin(site.alpha, App()), f"p{n}") for n in range(2)]
        in_time, late = answers
        for state in ("", "made up", late["state"][:-1], late["state"] + "A"):
            assert told(await browser.callback(site.alpha, {**late, "state": state})) == "LoginExpired"
        site.set_clock(LOGIN_SECONDS - 30)
        assert (await browser.callback(site.alpha, in_time)).headers["location"] == "/login/name"
        site.set_clock(LOGIN_SECONDS + 1)
        assert told(await browser.callback(site.alpha, late)) == "LoginExpired"


async def test_an_answer_of_the_provider_is_used_once_also_after_a_restart() -> None:
    async with open_site() as site:
        browser = site.browser()
        answer = site.alpha.authorize(await browser.begin(site.alpha, App()))
        assert (await browser.callback(site.alpha, answer)).headers["location"] == "/login/name"
        assert told(await browser.callback(site.alpha, answer)) == "LoginExpired"
        site.stage.router.kill(everything=True)
        await site.stage.router.start()
        assert told(await browser.callback(site.alpha, answer)) == "LoginExpired"


async def test_code_reuse_ends_the_login_that_the_first_use_began() -> None:
    """Two who hold one code: nobody can say which of them is the thief (RFC 6819 4.4.1.1)."""
    async with open_site() as site:
        app = App()
        code = await site.code(app, "ann")
        tokens = (await site.redeem(code, app)).json()
        assert await site.stage.judge(tokens["accessToken"]) == ""
        assert (await site.redeem(code, app)).json()["error"] == "LoginExpired"
        assert await site.stage.judge(tokens["accessToken"]) == "AccessRevoked"
        refreshed = await site.stage.http.post(
            "/login/refresh", json={"refreshToken": tokens["refreshToken"]}
        )
        assert refreshed.status_code == 401, refreshed.text


async def test_a_stolen_code_is_of_no_use_and_is_spent_by_trying() -> None:
    async with open_site() as site:
        for number, changes in enumerate(
            ({"codeVerifier": App().verifier}, {"redirectUri": CALLBACK + "/x"})
        ):
            app = App()
            code = await site.code(app, f"ann{number}")
            assert (await site.redeem(code, app, **changes)).status_code >= 400
            assert (await site.redeem(code, app)).status_code >= 400
        app = App()
        code = await site.code(app, "late")
        site.set_clock(CODE_SECONDS + 1)
        assert (await site.redeem(code, app)).json()["error"] == "LoginExpired"


async def test_a_refresh_token_used_twice_ends_the_login_for_thief_and_owner() -> None:
    async with open_site() as site:
        app = App()
        tokens = (await site.redeem(await site.code(app, "ann"), app)).json()
        newer = (await site.refresh(tokens)).json()
        assert await site.stage.judge(newer["accessToken"]) == ""
        assert (await site.refresh(tokens)).status_code == 401
        assert (await site.refresh(newer)).status_code == 401
        assert await site.stage.judge(newer["accessToken"]) == "AccessRevoked"


async def test_an_access_token_for_one_method_and_tokens_that_are_none() -> None:
    async with open_site() as site:
        app = App()
        tokens = (await site.redeem(await site.code(app, "ann"), app)).json()
        asked = {"refreshToken": tokens["refreshToken"], "methods": ["chat.rookery.getMessages"]}
        narrow = (await site.stage.http.post("/login/refresh", json=asked)).json()["accessToken"]
        assert await site.stage.judge(narrow) == "BadJwtLexiconMethod"
        assert await site.stage.judge(tokens["refreshToken"]) == "BadJwt"
        assert (
            await site.stage.judge(site.alpha.id_token({"iss": site.alpha.issuer, "sub": "ann"})) == "BadJwt"
        )
