"""A login with an identity provider, and every known attack on one, by name."""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from actors.testing import cancel_each_checkpoint
from protocol import Nsid
from router.identity.errors import AuthError, TokenFault
from router.login.discovery import FRESH_SECONDS, REFRESH_SECONDS, STALE_SECONDS
from router.login.errors import LoginError, LoginFault
from router.login.flow import NameNeeded, ToApp
from router.login.id_token import read_keys
from router.login.pending import CODE_SECONDS, LOGIN_SECONDS
from router.login.tokens import check_access_token
from tests.login.kit import CALLBACK, NOW, SERVICE, App, Desk, Key, query_of, text


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def fault(step: Awaitable[object]) -> LoginFault:
    with pytest.raises(LoginError) as refused:
        await step
    return refused.value.fault


async def declined(desk: Desk, **changes: str | None) -> str:
    """The word that the app hears of a login at alpha that failed after the provider's answer."""
    done = await desk.callback(desk.alpha, App(), desk.browser(), changes=changes)
    assert isinstance(done, ToApp)
    answer = query_of(done.url)
    assert "code" not in answer
    assert done.url.startswith(CALLBACK)
    return answer["error"]


class TestALogin:
    """What it is when all goes well."""

    async def test_somebody_new_takes_a_name_and_is_known_from_then_on(self, desk: Desk) -> None:
        app, browser = App(), desk.browser()
        asked = await desk.callback(desk.alpha, app, browser)
        assert isinstance(asked, NameNeeded)
        done = await desk.flow.choose_name(asked.form, "ann", browser)
        answer = query_of(done.url)
        assert done.url.startswith(CALLBACK)
        assert set(answer) == {"code", "state", "iss"}, "no token is in a URL"

        tokens = await desk.flow.redeem(answer["code"], verifier=app.verifier, redirect_uri=CALLBACK)
        assert tokens.account == "did:web:ann.chat.example.com"
        principal = check_access_token(
            tokens.access_token, now=NOW, service=SERVICE, find_key=desk.ring.find, token_hash=lambda *_: b""
        )
        assert (principal.account, principal.expires) == (tokens.account, NOW + 600)

        again = await desk.login()
        assert again.account == tokens.account
        assert again.refresh_token != tokens.refresh_token

    async def test_any_node_can_go_on_with_what_another_began(self, desk: Desk) -> None:
        app, browser = App(), desk.browser()
        url = await desk.node().begin("alpha", app.wish, browser)
        asked = await desk.node().callback("alpha", desk.alpha.authorize(url), browser)
        assert isinstance(asked, NameNeeded)
        done = await desk.node().choose_name(asked.form, "ann", browser)
        code = query_of(done.url)["code"]
        assert (await desk.node().redeem(code, verifier=app.verifier, redirect_uri=CALLBACK)).account

    async def test_the_same_subject_at_two_issuers_is_two_people(self, desk: Desk) -> None:
        """And no claim links them: whatever e-mail address a provider adds, it is not looked at."""
        for idp in (desk.alpha, desk.beta):
            idp.claims = {"email": "ann@example.com", "email_verified": True, "preferred_username": "ann"}
        first = await desk.login(desk.alpha, "ann", "ann")
        second = await desk.login(desk.beta, "ann", "ann2")
        assert first.account != second.account
        assert (await desk.login(desk.beta, "ann")).account == second.account

    async def test_a_name_that_is_taken_or_is_none_may_be_chosen_again(self, desk: Desk) -> None:
        await desk.login(desk.alpha, "ann", "ann")
        browser = desk.browser()
        asked = await desk.callback(desk.beta, App(), browser)
        assert isinstance(asked, NameNeeded)
        assert await fault(desk.flow.choose_name(asked.form, "Ann Smith", browser)) is LoginFault.INVALID
        assert await fault(desk.flow.choose_name(asked.form, "admin", browser)) is LoginFault.INVALID
        assert await fault(desk.flow.choose_name(asked.form, "ann", browser)) is LoginFault.NAME_TAKEN
        assert isinstance(await desk.flow.choose_name(asked.form, "bea", browser), ToApp)
        assert await fault(desk.flow.choose_name(asked.form, "cat", browser)) is LoginFault.EXPIRED

    async def test_who_chooses_two_names_in_two_tabs_gets_one_account(self, desk: Desk) -> None:
        browser, forms = desk.browser(), []
        for _ in range(2):
            asked = await desk.callback(desk.alpha, App(), browser)
            assert isinstance(asked, NameNeeded)
            forms.append(asked.form)
        app = App()
        for form, name in zip(forms, ("ann", "bea"), strict=True):
            assert isinstance(await desk.flow.choose_name(form, name, browser), ToApp)
        assert await desk.store.account_by_name("bea") is None
        assert (await desk.flow.redeem(
            await desk.code(desk.alpha, app), verifier=app.verifier, redirect_uri=CALLBACK
        )).account == "did:web:ann.chat.example.com"  # fmt: skip

    @pytest.mark.parametrize("secret", ["s3cret: %&", None])
    async def test_confidential_and_public_clients(self, desk: Desk, secret: str | None) -> None:
        desk.alpha.client_secret = secret
        desk.flow = desk.node()
        assert (await desk.login()).account

    @pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
    async def test_the_signatures_that_providers_make(self, desk: Desk, alg: str) -> None:
        makers: dict[str, Callable[[], Key]] = {
            "R": lambda: RSAKey.generate_key(2048),
            "P": lambda: RSAKey.generate_key(2048),
            "ES256": lambda: ECKey.generate_key("P-256"),
            "ES384": lambda: ECKey.generate_key("P-384"),
            "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
        }
        desk.alpha.key = (makers.get(alg) or makers[alg[0]])()
        desk.alpha.alg = alg
        assert (await desk.login()).account

    async def test_nothing_in_the_store_names_who_somebody_is_elsewhere(self, desk: Desk) -> None:
        await desk.login(desk.alpha, "ann-at-alpha", "nym")
        kept = repr(vars(desk.store))
        assert "nym" in kept
        assert "ann-at-alpha" not in kept
        assert "alpha.example.com" not in kept
        assert CALLBACK not in kept


class TestTheBrowser:
    """`state` belongs to the browser that began."""

    async def test_wrong_state(self, desk: Desk) -> None:
        browser = desk.browser()
        url = await desk.flow.begin("alpha", App().wish, browser)
        answer = desk.alpha.authorize(url)
        for state in ("", "made up", answer["state"][:-1], answer["state"] + "A"):
            wrong = {**answer, "state": state}
            assert await fault(desk.flow.callback("alpha", wrong, browser)) is LoginFault.EXPIRED
        del answer["state"]
        assert await fault(desk.flow.callback("alpha", answer, browser)) is LoginFault.EXPIRED

    async def test_login_csrf_another_browsers_state(self, desk: Desk) -> None:
        """The attacker logs in, keeps the answer, and has the victim's browser finish: the victim would
        write into the attacker's account. It also uses nothing up: the one who began may finish."""
        attacker, victim = desk.browser(), desk.browser()
        url = await desk.flow.begin("alpha", App().wish, attacker)
        answer = desk.alpha.authorize(url, "attacker")
        assert await fault(desk.flow.callback("alpha", answer, victim)) is LoginFault.EXPIRED
        assert await fault(desk.flow.callback("alpha", answer, None)) is LoginFault.EXPIRED
        assert isinstance(await desk.flow.callback("alpha", answer, attacker), NameNeeded)

    async def test_another_browser_cannot_choose_the_name(self, desk: Desk) -> None:
        browser = desk.browser()
        asked = await desk.callback(desk.alpha, App(), browser)
        assert isinstance(asked, NameNeeded)
        theirs = desk.flow.choose_name(asked.form, "mine", desk.browser())
        assert await fault(theirs) is LoginFault.EXPIRED
        assert isinstance(await desk.flow.choose_name(asked.form, "ann", browser), ToApp)

    async def test_a_replayed_answer(self, desk: Desk) -> None:
        browser = desk.browser()
        url = await desk.flow.begin("alpha", App().wish, browser)
        answer = desk.alpha.authorize(url)
        await desk.flow.callback("alpha", answer, browser)
        assert await fault(desk.flow.callback("alpha", answer, browser)) is LoginFault.EXPIRED

    async def test_a_login_that_took_too_long(self, desk: Desk) -> None:
        browser = desk.browser()
        urls = [await desk.flow.begin("alpha", App().wish, browser) for _ in range(2)]
        in_time, late = (desk.alpha.authorize(url) for url in urls)
        desk.clock.now += LOGIN_SECONDS - 1
        asked = await desk.flow.callback("alpha", in_time, browser)
        assert isinstance(asked, NameNeeded)
        desk.clock.now += 1
        assert await fault(desk.flow.callback("alpha", late, browser)) is LoginFault.EXPIRED
        desk.clock.now += LOGIN_SECONDS
        assert await fault(desk.flow.choose_name(asked.form, "ann", browser)) is LoginFault.EXPIRED

    async def test_logins_that_nobody_finishes_are_bounded(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, capacity=10)
        for _ in range(10):
            await desk.flow.begin("alpha", App().wish, desk.browser())
        with pytest.raises(LoginError) as refused:
            await desk.flow.begin("alpha", App().wish, desk.browser())
        assert refused.value.fault is LoginFault.BUSY
        assert refused.value.retry_after == LOGIN_SECONDS
        assert desk.pending.statistics() == {"items": 10, "capacity": 10}
        desk.clock.now += LOGIN_SECONDS
        await desk.flow.begin("alpha", App().wish, desk.browser())


WRONG: dict[str, dict[str, Any]] = {
    "wrong nonce": {"nonce": "another"},
    "a nonce that has no UTF-8": {"nonce": "\ud800"},
    "no nonce": {"nonce": None},
    "wrong issuer": {"iss": "https://beta.example.com"},
    "an issuer with a slash more": {"iss": "https://alpha.example.com/"},
    "wrong audience": {"aud": "rookery-at-beta"},
    "no audience": {"aud": None},
    "an empty list of audiences": {"aud": []},
    "two audiences and no azp": {"aud": ["rookery-at-alpha", "rookery-at-beta"]},
    "azp of another": {"aud": ["rookery-at-alpha", "x"], "azp": "x"},
    "azp of another beside one audience": {"azp": "rookery-at-beta"},
    "expired": {"iat": NOW - 400, "exp": NOW - 100},
    "without an end": {"exp": None},
    "an end that is true": {"exp": True},
    "issued long ago": {"iat": NOW - 3_600},
    "from the future": {"iat": NOW + 300, "exp": NOW + 600},
    "ended before it began": {"iat": NOW, "exp": NOW - 1},
    "of another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a long subject": {"sub": "x" * 256},
    "a subject that is a number": {"sub": 7},
}


class TestTheProvider:
    """What of its answers is believed."""

    async def test_mix_up_an_answer_on_the_way_of_another_provider(self, desk: Desk) -> None:
        """The person chose beta; the attacker, in between, sent the browser to alpha, and has alpha's code
        delivered where beta's is awaited: the code would be sent to beta's token endpoint."""
        app, browser = App(), desk.browser()
        url = await desk.flow.begin("alpha", app.wish, browser)
        answer = desk.alpha.authorize(url)
        done = await desk.flow.callback("beta", answer, browser)
        assert isinstance(done, ToApp)
        assert query_of(done.url)["error"] == "access_denied"
        assert not [url for url in desk.beta.asked + desk.alpha.asked if url.endswith("/token")]

    async def test_mix_up_an_answer_of_another_issuer(self, desk: Desk) -> None:
        """RFC 9207: the answer says whose it is."""
        assert await declined(desk, iss="https://beta.example.com") == "access_denied"
        assert not [url for url in desk.alpha.asked if url.endswith("/token")]

    async def test_mix_up_an_announced_issuer_that_is_missing(self, desk: Desk) -> None:
        assert await declined(desk, iss=None) == "access_denied"
        desk.alpha.announces_iss = False
        desk.flow = desk.node()
        assert isinstance(await desk.callback(desk.alpha, App(), desk.browser()), NameNeeded)

    async def test_mix_up_a_description_of_another_issuer(self, desk: Desk) -> None:
        desk.alpha.metadata = {"issuer": "https://beta.example.com"}
        assert await fault(desk.flow.begin("alpha", App().wish, desk.browser())) is LoginFault.PROVIDER

    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://alpha.example.com/x",
            "http://127.0.0.1/x",
            "https://alpha.example.com/x#y",
            "javascript:x",
            "",
        ],
    )
    async def test_endpoints_that_others_could_read(self, desk: Desk, endpoint: str) -> None:
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            desk.alpha.metadata = {name: endpoint}
            begun = desk.node().begin("alpha", App().wish, desk.browser())
            assert await fault(begun) is LoginFault.PROVIDER

    async def test_a_person_who_declines(self, desk: Desk) -> None:
        assert await declined(desk, code=None, error="access_denied") == "access_denied"
        assert desk.reports == ["login failed: the provider refused or the person declined"]

    async def test_a_provider_that_is_down_halfway(self, desk: Desk) -> None:
        browser = desk.browser()
        url = await desk.flow.begin("alpha", App().wish, browser)
        desk.alpha.down = True
        done = await desk.flow.callback("alpha", desk.alpha.authorize(url), browser)
        assert isinstance(done, ToApp)
        assert query_of(done.url)["error"] == "temporarily_unavailable"

    @pytest.mark.parametrize("wrong", WRONG)
    async def test_an_id_token_that_is_wrong_in_one_claim(self, desk: Desk, wrong: str) -> None:
        desk.alpha.claims = WRONG[wrong]
        assert await declined(desk) == "access_denied"

    async def test_several_audiences_with_our_name_on_it(self, desk: Desk) -> None:
        ours = desk.alpha.provider.client_id
        desk.alpha.claims = {"aud": [ours, "other"], "azp": ours, "at_hash": None}
        assert (await desk.login()).account

    async def test_alg_confusion_none(self, desk: Desk) -> None:
        for alg in ("none", "None", ""):
            header, claims = json.dumps({"alg": alg, "kid": "k1"}), json.dumps({"sub": "ann"})
            desk.alpha.raw_token = f"{text(header.encode())}.{text(claims.encode())}."
            assert await declined(desk) == "access_denied"

    async def test_alg_confusion_hs256_with_the_public_key(self, desk: Desk) -> None:
        """Also with the client's secret, which is how HS256 would be meant: it is not in the list."""
        url = await desk.flow.begin("alpha", App().wish, desk.browser())
        claims = {
            "iss": desk.alpha.issuer,
            "sub": "victim",
            "aud": desk.alpha.provider.client_id,
            "iat": NOW,
            "exp": NOW + 60,
            "nonce": query_of(url)["nonce"],
        }
        public = desk.alpha.key.as_pem(private=False) if isinstance(desk.alpha.key, ECKey) else b""
        for secret in (public, json.dumps(desk.alpha.key.as_dict(private=False)).encode(), b"s3cret: %&"):
            header = json.dumps({"alg": "HS256", "kid": "k1"}).encode()
            signed = f"{text(header)}.{text(json.dumps(claims).encode())}"
            mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            desk.alpha.raw_token = f"{signed}.{text(mac)}"
            assert await declined(desk) == "access_denied"

    async def test_a_key_of_the_attackers(self, desk: Desk) -> None:
        """Signed by another key under the provider's `kid`, or with its own key in the header."""
        desk.alpha.signer = ECKey.generate_key("P-256", {"kid": "k1"})
        assert await declined(desk) == "access_denied"
        desk.alpha.header = {"jwk": desk.alpha.signer.as_dict(private=False), "kid": "mine"}
        assert await declined(desk) == "access_denied"

    async def test_keys_that_are_not_for_signatures_or_too_weak_are_not_used(self, desk: Desk) -> None:
        mine = desk.alpha.key.as_dict(private=False)
        weak = {"kty": "RSA", "kid": "k1", "e": "AQAB", "n": "w" * 171}  # 1024 bits
        assert read_keys({"keys": [weak]}) == ()
        sets: list[list[Any]] = [
            [{**mine, "use": "enc"}],
            [{**mine, "alg": "RS256"}],
            [{**mine, "kid": "k2"}],
            [mine, mine],
            [{"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}],
            [weak],
            ["k1", {"kty": "EC"}, {}],
        ]
        for published in sets:
            desk.alpha.published = published
            desk.flow = desk.node()
            assert await declined(desk) == "access_denied"

    async def test_jwks_rotation_the_new_key_is_looked_up_once_a_minute(self, desk: Desk) -> None:
        await desk.login()

        def looks() -> int:
            return len([url for url in desk.alpha.asked if url.endswith("/jwks")])

        assert looks() == 1
        desk.alpha.key = ECKey.generate_key("P-256", {"kid": "k2"})
        assert await declined(desk) == "access_denied", "the keys are fresher than a forger may make us look"
        desk.clock.now += REFRESH_SECONDS
        assert (await desk.login()).account
        assert looks() == 2
        desk.alpha.signer = ECKey.generate_key("P-256")
        for _ in range(5):
            assert await declined(desk) == "access_denied"
        assert looks() == 2

    async def test_the_description_outlives_a_silence_of_the_provider(self, desk: Desk) -> None:
        await desk.flow.begin("alpha", App().wish, desk.browser())
        desk.alpha.down = True
        desk.clock.now += FRESH_SECONDS
        await desk.flow.begin("alpha", App().wish, desk.browser())
        desk.clock.now += STALE_SECONDS
        assert await fault(desk.flow.begin("alpha", App().wish, desk.browser())) is LoginFault.PROVIDER

    async def test_a_provider_that_is_not_there(self, desk: Desk) -> None:
        assert await fault(desk.flow.begin("gamma", App().wish, "b")) is LoginFault.UNKNOWN
        assert await fault(desk.flow.callback("gamma", {}, "b")) is LoginFault.UNKNOWN


class TestTheApp:
    """The code, and where it goes."""

    @pytest.mark.parametrize(
        "uri",
        [
            "https://evil.example.com/callback",
            "http://127.0.0.1:4711/elsewhere",
            "http://127.0.0.1.evil.example.com/callback",
            "http://127.0.0.1:4711@evil.example.com/callback",
            "http://localhost:4711/callback",
            "com.example.app:/done#x",
            "com.example.app:/done/../x",
            "javascript:alert(1)",
            "//evil.example.com",
            "",
        ],
    )
    async def test_open_redirect(self, desk: Desk, uri: str) -> None:
        """Refused here and never by a redirect."""
        wish = {**App().wish, "redirect_uri": uri}
        assert await fault(desk.flow.begin("alpha", wish, desk.browser())) is LoginFault.INVALID

    async def test_an_app_without_pkce(self, desk: Desk) -> None:
        for change in (
            {"code_challenge": ""},
            {"code_challenge": "short"},
            {"code_challenge_method": "plain"},
            {"state": "x" * 513},
            {"state": "line\nbreak"},
        ):
            wish = {**App().wish, **change}
            assert await fault(desk.flow.begin("alpha", wish, desk.browser())) is LoginFault.INVALID

    async def test_a_code_is_of_no_use_without_the_verifier_and_is_spent_by_trying(self, desk: Desk) -> None:
        app = App()
        for verifier, uri in ((App().verifier, CALLBACK), ("", CALLBACK), (app.verifier, CALLBACK + "/x")):
            code = await desk.code(desk.alpha, app)
            wrong = desk.flow.redeem(code, verifier=verifier, redirect_uri=uri)
            assert await fault(wrong) is LoginFault.EXPIRED
            right = desk.flow.redeem(code, verifier=app.verifier, redirect_uri=CALLBACK)
            assert await fault(right) is LoginFault.EXPIRED

    async def test_a_replayed_code_ends_the_login_it_began(self, desk: Desk) -> None:
        """RFC 6749 4.1.2: of two who have the code one stole it, and nobody knows which was first."""
        app = App()
        code = await desk.code(desk.alpha, app)
        tokens = await desk.flow.redeem(code, verifier=app.verifier, redirect_uri=CALLBACK)
        again = desk.flow.redeem(code, verifier=app.verifier, redirect_uri=CALLBACK)
        assert await fault(again) is LoginFault.EXPIRED
        assert await fault(desk.grants.refresh(tokens.refresh_token)) is LoginFault.ENDED

    async def test_a_code_that_nobody_fetched_in_time(self, desk: Desk) -> None:
        app = App()
        code = await desk.code(desk.alpha, app)
        desk.clock.now += CODE_SECONDS
        late = desk.flow.redeem(code, verifier=app.verifier, redirect_uri=CALLBACK)
        assert await fault(late) is LoginFault.EXPIRED

    async def test_a_code_is_no_state_and_a_form_no_code(self, desk: Desk) -> None:
        """One table holds all that waits; each kind is found as itself only."""
        app, browser = App(), desk.browser()
        asked = await desk.callback(desk.alpha, app, browser)
        assert isinstance(asked, NameNeeded)
        redeemed = desk.flow.redeem(asked.form, verifier=app.verifier, redirect_uri=CALLBACK)
        assert await fault(redeemed) is LoginFault.EXPIRED
        called = desk.flow.callback("alpha", {"state": asked.form, "code": "x"}, browser)
        assert await fault(called) is LoginFault.EXPIRED


class TestGrants:
    """Refresh, reuse, logout."""

    async def test_refresh_brings_new_tokens_and_spends_the_old_one(self, desk: Desk) -> None:
        first = await desk.login()
        second = await desk.grants.refresh(first.refresh_token)
        third = await desk.grants.refresh(second.refresh_token)
        assert len({each.refresh_token for each in (first, second, third)}) == 3
        assert len({each.access_token for each in (first, second, third)}) == 3
        assert first.login_expires == third.login_expires

    async def test_a_refresh_token_used_twice_ends_the_login_for_thief_and_owner(self, desk: Desk) -> None:
        stolen = await desk.login()
        current = await desk.grants.refresh(stolen.refresh_token)
        assert await fault(desk.grants.refresh(stolen.refresh_token)) is LoginFault.ENDED
        assert await fault(desk.grants.refresh(current.refresh_token)) is LoginFault.ENDED
        principal = self.principal(desk, current.access_token)
        with pytest.raises(AuthError) as refused:
            desk.revocations.check(principal)
        assert refused.value.fault is TokenFault.ACCESS_REVOKED

    async def test_an_answer_that_was_lost_is_asked_again_with_its_key(self, desk: Desk) -> None:
        first = await desk.login()
        key = "a-key-of-this-refresh"
        second = await desk.grants.refresh(first.refresh_token, idempotency_key=key)
        again = await desk.grants.refresh(first.refresh_token, idempotency_key=key)
        assert again.refresh_token == second.refresh_token
        await desk.grants.refresh(second.refresh_token)
        late = desk.grants.refresh(first.refresh_token, idempotency_key=key)
        assert await fault(late) is LoginFault.ENDED

    async def test_a_refresh_that_is_cancelled_anywhere_may_be_asked_again(self, tmp_path: Path) -> None:
        async def attempt(operate: Callable[[Callable[[], Awaitable[object]]], Awaitable[bool]]) -> None:
            desk = Desk(tmp_path)
            tokens = await desk.login()
            refresh = partial(
                desk.grants.refresh, tokens.refresh_token, idempotency_key="a-key-of-this-refresh"
            )
            await operate(refresh)
            again = await refresh()
            assert (await desk.grants.refresh(again.refresh_token)).account == tokens.account

        assert await cancel_each_checkpoint(attempt) >= 1

    async def test_a_code_that_is_cancelled_anywhere_begins_one_login_or_none(self, tmp_path: Path) -> None:
        async def attempt(operate: Callable[[Callable[[], Awaitable[object]]], Awaitable[bool]]) -> None:
            desk, app = Desk(tmp_path), App()
            code = await desk.code(desk.alpha, app)
            redeem = partial(desk.flow.redeem, code, verifier=app.verifier, redirect_uri=CALLBACK)
            if not await operate(redeem):
                with contextlib.suppress(LoginError):  # spent, if it got so far
                    await redeem()
            alive = [grant for grant in desk.store._grants.values() if not grant.ended]
            assert len(alive) <= 1

        assert await cancel_each_checkpoint(attempt) >= 2

    async def test_a_thief_without_the_key_is_found_out(self, desk: Desk) -> None:
        first = await desk.login()
        await desk.grants.refresh(first.refresh_token, idempotency_key="a-key-of-this-refresh")
        for key in ("another-key-of-a-thief", None):
            stolen = desk.grants.refresh(first.refresh_token, idempotency_key=key)
            assert await fault(stolen) is LoginFault.ENDED

    @pytest.mark.parametrize("key", ["short", "x" * 129, "with blanks in between", "\u00e4" * 20])
    async def test_keys_that_are_none(self, desk: Desk, key: str) -> None:
        tokens = await desk.login()
        asked = desk.grants.refresh(tokens.refresh_token, idempotency_key=key)
        assert await fault(asked) is LoginFault.INVALID
        await desk.grants.refresh(tokens.refresh_token)

    async def test_an_access_token_may_be_narrowed(self, desk: Desk) -> None:
        tokens = await desk.login()
        methods = frozenset((Nsid("chat.rookery.getConvos"),))
        narrow = await desk.grants.refresh(tokens.refresh_token, methods=methods)
        assert self.principal(desk, narrow.access_token).methods == methods

    async def test_logout_ends_one_login_and_its_access_tokens_at_once(self, desk: Desk) -> None:
        phone, laptop = await desk.login(), await desk.login()
        with desk.revocations.watch(self.principal(desk, phone.access_token)) as open_session:
            await desk.grants.logout(phone.refresh_token)
            assert open_session.ended is not None
        assert await fault(desk.grants.refresh(phone.refresh_token)) is LoginFault.ENDED
        await desk.grants.logout(phone.refresh_token)
        assert (await desk.grants.refresh(laptop.refresh_token)).account == laptop.account

    async def test_logout_everywhere(self, desk: Desk) -> None:
        phone, laptop = await desk.login(), await desk.login()
        other = await desk.login(desk.beta, "ben")
        await desk.grants.logout(phone.refresh_token, everywhere=True)
        for tokens in (phone, laptop):
            assert await fault(desk.grants.refresh(tokens.refresh_token)) is LoginFault.ENDED
            with pytest.raises(AuthError):
                desk.revocations.check(self.principal(desk, tokens.access_token))
        await desk.grants.refresh(other.refresh_token)

    async def test_an_old_token_ends_its_own_login_but_not_all(self, desk: Desk) -> None:
        old = await desk.login()
        other = await desk.login()
        await desk.grants.refresh(old.refresh_token)
        everywhere = desk.grants.logout(old.refresh_token, everywhere=True)
        assert await fault(everywhere) is LoginFault.ENDED
        assert (await desk.grants.refresh(other.refresh_token)).account

    async def test_a_login_ends_on_its_day_however_often_it_is_refreshed(self, desk: Desk) -> None:
        tokens = await desk.login()
        for _ in range(30):
            desk.clock.now += 86_400
            tokens = await desk.grants.refresh(tokens.refresh_token)
        desk.clock.now = tokens.login_expires
        assert await fault(desk.grants.refresh(tokens.refresh_token)) is LoginFault.ENDED

    async def test_after_a_restart_access_tokens_of_ended_logins_stay_refused(self, desk: Desk) -> None:
        tokens = await desk.login()
        await desk.grants.logout(tokens.refresh_token)
        desk.revocations._revoked.clear()  # what a restart forgets
        principal = self.principal(desk, tokens.access_token)
        desk.revocations.check(principal)
        await desk.grants.load()
        with pytest.raises(AuthError):
            desk.revocations.check(principal)

    async def test_a_disabled_account_neither_logs_in_nor_refreshes(self, desk: Desk) -> None:
        tokens = await desk.login()
        app = App()
        code = await desk.code(desk.alpha, app)
        desk.revocations.suspend(tokens.account)
        for step in (
            desk.grants.refresh(tokens.refresh_token),
            desk.flow.redeem(code, verifier=app.verifier, redirect_uri=CALLBACK),
        ):
            with pytest.raises(AuthError) as refused:
                await step
            assert refused.value.fault is TokenFault.ACCOUNT_DISABLED

    @staticmethod
    def principal(desk: Desk, token: str) -> Any:
        return check_access_token(
            token,
            now=desk.clock(),
            service=SERVICE,
            find_key=desk.ring.find,
            token_hash=lambda *parts: "".join(parts).encode(),
        )
