"""Passkeys from the first to the last step: who comes in, who does not, what ends with what."""

from pathlib import Path

import attrs
import pytest
from msgspec.structs import replace

from router.identity.errors import AuthError
from router.login.errors import LoginError, LoginFault
from router.login.flow import NameNeeded, ToApp
from router.login.passkey.flow import LINK_SECONDS
from router.login.passkey.session import Session, open_session, seal_session
from router.store.credentials import Recovered
from tests.login.authenticator import BACKED_UP, ELIGIBLE, PRESENT, VERIFIED
from tests.login.kit import SERVICE, App, query_of
from tests.login.passkey_kit import PasskeyDesk, Someone, another_key

NEW_KEY = "zNewKey"


@pytest.fixture
def desk(tmp_path: Path) -> PasskeyDesk:
    return PasskeyDesk(tmp_path)


def refused(error: pytest.ExceptionInfo[LoginError]) -> LoginFault:
    return error.value.fault


async def acts(desk: PasskeyDesk) -> list[str]:
    return [link.read().action for link in await desk.store.audit_records(0, limit=99)]


# -- coming in -------------------------------------------------------------------------------------------


async def test_an_example_of_somebody_who_joins_and_comes_back(desk: PasskeyDesk) -> None:
    ann = desk.someone("ann")
    done = await ann.join("Blue key")
    assert isinstance(done, ToApp)
    answer = query_of(done.url)
    assert (answer["state"], answer["iss"]) == (ann.app.state, SERVICE.did)
    first = await ann.redeem(done)
    assert first.account == ann.account == "did:web:ann.chat.example.com"

    second = await ann.tokens()
    assert second.account == ann.account
    named = await ann.come(name="ann")
    assert isinstance(named, ToApp)
    (kept,) = await desk.store.passkeys_of(ann.account)
    assert (kept.name, kept.sign_count, kept.used_day) == ("Blue key", 3, int(desk.clock()) // 86_400)
    assert len(kept.handle) == 32
    assert "ann" not in str(kept.handle)
    assert await acts(desk) == ["account.created", "passkey.registered"]


async def test_any_node_finishes_what_another_began(desk: PasskeyDesk) -> None:
    ann, other = await desk.member("ann"), desk.at_node()
    options = await desk.passkeys.begin_login(ann.app.wish, None, ann.browser)
    assert isinstance(await other.finish_login(ann.key.get(options), ann.browser), ToApp)


async def test_what_is_asked_is_the_same_for_a_name_that_nobody_has(desk: PasskeyDesk) -> None:
    """No list of credentials, nothing that is looked up: there is nothing to tell names apart by."""
    ann = await desk.member("ann")
    shapes = []
    for name in (None, "ann", "nobody", "no name at all"):
        options = await desk.passkeys.begin_login(ann.app.wish, name, ann.browser)
        assert len(options.pop("challenge")) == 43
        shapes.append(options)
    assert shapes == [shapes[0]] * 4
    for name in ("ben", "nobody"):
        with pytest.raises(LoginError) as error:
            await ann.come(name=name)
        assert (refused(error), error.value.message) == (
            LoginFault.REFUSED,
            "This passkey opens no account here.",
        )


async def test_a_stranger_joins_only_where_the_operator_wants_that(desk: PasskeyDesk) -> None:
    desk.settings = attrs.evolve(desk.settings, registration=False)
    desk.passkeys = desk.at_node()
    with pytest.raises(LoginError) as error:
        await desk.someone("ann").join()
    assert refused(error) is LoginFault.REFUSED
    assert await desk.store.accounts() == []


@pytest.mark.parametrize("name", ["", "Ann", "a.b", "xn--abc", "admin", "-ann", "a" * 64])
async def test_a_name_that_will_not_do_is_refused_before_a_passkey_is_made(
    desk: PasskeyDesk, name: str
) -> None:
    with pytest.raises(LoginError) as error:
        await desk.passkeys.begin_registration(None, name, desk.browser())
    assert refused(error) is LoginFault.INVALID


async def test_of_two_who_want_one_name_the_first_gets_it(desk: PasskeyDesk) -> None:
    first, second = desk.someone("ann"), desk.someone("ann")
    options = await desk.passkeys.begin_registration(None, "ann", second.browser)
    await first.join()
    with pytest.raises(LoginError) as error:
        await second.join()
    assert refused(error) is LoginFault.NAME_TAKEN
    with pytest.raises(LoginError) as error:
        await desk.passkeys.finish_registration(second.key.create(options), "", second.browser)
    assert refused(error) is LoginFault.NAME_TAKEN
    assert len(await desk.store.passkeys_of(first.account)) == 1


async def test_a_credential_id_of_somebody_elses_is_not_taken(desk: PasskeyDesk) -> None:
    """An authenticator may say any id: the passkey that has it stays whose it is."""
    ann, mallory = await desk.member("ann"), desk.someone("mallory")
    mallory.key.credential = ann.key.credential
    with pytest.raises(LoginError) as error:
        await mallory.join()
    assert refused(error) is LoginFault.REFUSED
    assert await desk.store.account_by_name("mallory") is None
    assert (await ann.tokens()).account == ann.account


async def test_an_app_that_is_not_known_gets_nobody(desk: PasskeyDesk) -> None:
    ann = await desk.member("ann")
    ann.app = App(redirect_uri="https://evil.example.com/")
    with pytest.raises(LoginError) as error:
        await ann.come()
    assert refused(error) is LoginFault.INVALID
    with pytest.raises(LoginError) as error:
        await desk.passkeys.begin_registration(ann.app.wish, "ben", ann.browser)
    assert refused(error) is LoginFault.INVALID
    with pytest.raises(LoginError) as error:
        desk.passkeys.check_wish(ann.app.wish)
    assert refused(error) is LoginFault.INVALID


async def test_an_app_that_wants_to_link_somebody_is_told_that_this_is_another_way(desk: PasskeyDesk) -> None:
    """It would give the code to a method that can do nothing with it."""
    with pytest.raises(LoginError) as error:
        desk.passkeys.check_wish({**App().wish, "intent": "link"})
    assert refused(error) is LoginFault.INVALID
    assert "createPasskeyLink" in error.value.message


# -- challenges ------------------------------------------------------------------------------------------


async def test_an_answer_is_taken_once(desk: PasskeyDesk) -> None:
    ann = await desk.member("ann")
    options = await desk.passkeys.begin_login(ann.app.wish, None, ann.browser)
    answer = ann.key.get(options)
    await desk.passkeys.finish_login(answer, ann.browser)
    with pytest.raises(LoginError) as error:
        await desk.passkeys.finish_login(answer, ann.browser)
    assert refused(error) is LoginFault.EXPIRED
    joined = desk.someone("ben")
    made = joined.key.create(await desk.passkeys.begin_registration(None, "ben", joined.browser))
    await desk.passkeys.finish_registration(made, "", joined.browser)
    with pytest.raises(LoginError) as error:
        await desk.passkeys.finish_registration(made, "", joined.browser)
    assert refused(error) is LoginFault.EXPIRED


async def test_a_wrong_answer_spends_the_challenge_too(desk: PasskeyDesk) -> None:
    """One guess for each: nothing is tried again on the same question."""
    ann = await desk.member("ann")
    answer = ann.key.get(await desk.passkeys.begin_login(ann.app.wish, None, ann.browser))
    with pytest.raises(LoginError) as error:
        await desk.passkeys.finish_login(attrs.evolve(answer, signature=b"x" * 70), ann.browser)
    assert refused(error) is LoginFault.REFUSED
    with pytest.raises(LoginError) as error:
        await desk.passkeys.finish_login(answer, ann.browser)
    assert refused(error) is LoginFault.EXPIRED


async def test_an_answer_of_another_browser_finds_nothing_and_uses_nothing_up(desk: PasskeyDesk) -> None:
    """Login CSRF: the attacker's answer in the victim's browser."""
    mallory, victim = await desk.member("mallory"), desk.someone("ann")
    answer = mallory.key.get(await desk.passkeys.begin_login(mallory.app.wish, None, mallory.browser))
    with pytest.raises(LoginError) as error:
        await desk.passkeys.finish_login(answer, victim.browser)
    assert refused(error) is LoginFault.EXPIRED
    assert isinstance(await desk.passkeys.finish_login(answer, mallory.browser), ToApp)


async def test_an_answer_comes_too_late(desk: PasskeyDesk) -> None:
    ann = await desk.member("ann")
    answer = ann.key.get(await desk.passkeys.begin_login(ann.app.wish, None, ann.browser))
    desk.clock.now += desk.settings.ceremony_seconds
    with pytest.raises(LoginError) as error:
        await desk.passkeys.finish_login(answer, ann.browser)
    assert refused(error) is LoginFault.EXPIRED


async def test_a_challenge_of_one_purpose_is_good_for_no_other(desk: PasskeyDesk) -> None:
    """A login is no registration, and adding to one's own account is not making another."""
    ann, flow = await desk.member("ann"), desk.passkeys
    holder = await ann.at_home()
    to_login = await flow.begin_login(None, None, ann.browser)
    to_add = await flow.begin_adding(holder, ann.browser)
    to_join = await flow.begin_registration(None, "ben", ann.browser)
    key = another_key()
    for options in (to_add, {**to_add, "challenge": to_login["challenge"]}):
        with pytest.raises(LoginError) as error:
            await flow.finish_registration(key.create(options), "", ann.browser)
        assert refused(error) is LoginFault.EXPIRED
    for options in (to_join, {**to_join, "challenge": to_login["challenge"]}):
        with pytest.raises(LoginError) as error:
            await flow.finish_adding(holder, key.create(options), "", ann.browser)
        assert refused(error) is LoginFault.EXPIRED
    for options in (to_add, to_join):
        with pytest.raises(LoginError) as error:
            await flow.finish_login(ann.key.get({**to_login, "challenge": options["challenge"]}), ann.browser)
        assert refused(error) is LoginFault.EXPIRED
    assert isinstance(await flow.finish_login(ann.key.get(to_login), ann.browser), Session)


async def test_a_passkey_used_on_another_origin_or_for_another_party_is_refused(desk: PasskeyDesk) -> None:
    """What a page that looks like ours can get: an answer that names that page."""
    ann = await desk.member("ann")
    for wrong in ({"origin": "https://chat.example.com.evil.net"}, {"party": "evil.net"}):
        key = attrs.evolve(ann.key)
        key.key = ann.key.key
        for name, value in wrong.items():
            setattr(key, name, value)
        with pytest.raises(LoginError) as error:
            await ann.come(key=key)
        assert refused(error) is LoginFault.REFUSED
    assert not any("evil" in line for line in desk.reports)


async def test_how_much_may_wait_is_bounded(desk: PasskeyDesk, tmp_path: Path) -> None:
    small = PasskeyDesk(tmp_path, capacity=3)
    for _ in range(3):
        await small.passkeys.begin_login(None, None, small.browser())
    with pytest.raises(LoginError) as error:
        await small.passkeys.begin_login(None, None, small.browser())
    assert refused(error) is LoginFault.BUSY
    assert error.value.retry_after is not None


# -- the counter -----------------------------------------------------------------------------------------


async def test_a_copy_is_noticed_and_neither_opens_anything_any_more(desk: PasskeyDesk) -> None:
    """Whoever uses the copy first comes in, once; the next use of the other shows that there are two."""
    ann = await desk.member("ann")
    copy = attrs.evolve(ann.key)
    copy.key = ann.key.key
    assert isinstance(await ann.come(key=copy), ToApp)
    for key in (ann.key, copy, ann.key):
        with pytest.raises(LoginError) as error:
            await ann.come(key=key)
        assert refused(error) is LoginFault.REFUSED
        assert "set aside" in error.value.message
    assert (await acts(desk)).count("passkey.suspended") == 1
    assert "login failed: a passkey's counter went back; it is set aside" in desk.reports
    assert not any(ann.account in line for line in desk.reports)


async def test_a_session_ends_with_the_passkey_that_began_it(desk: PasskeyDesk) -> None:
    ann = await desk.member("ann")
    holder = await ann.at_home()
    await desk.store.use_passkey(ann.key.credential, 0, now=int(desk.clock()))
    with pytest.raises(LoginError) as error:
        await desk.passkeys.holder(holder.session)
    assert refused(error) is LoginFault.EXPIRED


async def test_authenticators_that_do_not_count_come_in_as_often_as_they_like(desk: PasskeyDesk) -> None:
    ann = desk.someone("ann")
    ann.key.counts = False
    ann.key.flags = PRESENT | VERIFIED | ELIGIBLE | BACKED_UP
    await ann.join()
    for _ in range(3):
        await ann.come()
    (kept,) = await desk.store.passkeys_of(ann.account)
    assert (kept.sign_count, kept.synced) == (0, True)


# -- one's own passkeys ----------------------------------------------------------------------------------


async def test_an_example_of_somebody_with_two_passkeys(desk: PasskeyDesk) -> None:
    ann, blue = await desk.member("ann"), another_key()
    holder = await ann.at_home()
    added = await ann.add(holder, blue, "  Blue \t key ")
    holder = await ann.at_home(blue)
    assert [each.name for each in holder.passkeys] == ["Passkey", "Blue key"]
    assert len({each.handle for each in holder.passkeys}) == 1, "one person to the authenticator"
    await desk.passkeys.rename(holder, added, "Red key")
    first = holder.passkeys[0].id
    await desk.passkeys.revoke(holder, first)
    with pytest.raises(LoginError) as error:
        await ann.come()
    assert refused(error) is LoginFault.REFUSED
    holder = await ann.at_home(blue)
    assert [each.name for each in holder.passkeys] == ["Red key"]


async def test_an_authenticator_is_told_which_passkeys_there_are_and_no_more_than_a_few(
    desk: PasskeyDesk,
) -> None:
    ann = await desk.member("ann")
    holder = await ann.at_home()
    options = await desk.passkeys.begin_adding(holder, ann.browser)
    assert len(options["excludeCredentials"]) == 1
    late = await desk.passkeys.begin_adding(holder, ann.browser)
    for _ in range(2):
        await ann.add(await ann.at_home(), another_key())
    with pytest.raises(LoginError) as error:
        await ann.add(await ann.at_home(), another_key())
    assert refused(error) is LoginFault.TOO_MANY_PASSKEYS
    with pytest.raises(LoginError) as error:  # also for a question from before
        await desk.passkeys.finish_adding(holder, another_key().create(late), "", ann.browser)
    assert refused(error) is LoginFault.TOO_MANY_PASSKEYS


@pytest.mark.parametrize("label", ["x" * 65, "a\0b", "a\u202eb", "a\ud800"])
async def test_a_label_is_short_and_printable(desk: PasskeyDesk, label: str) -> None:
    ann = await desk.member("ann")
    holder = await ann.at_home()
    with pytest.raises(LoginError) as error:
        await desk.passkeys.rename(holder, holder.passkeys[0].id, label)
    assert refused(error) is LoginFault.INVALID


async def test_revoking_ends_the_passkey_and_logins_only_where_that_is_asked(desk: PasskeyDesk) -> None:
    ann, blue = await desk.member("ann"), another_key()
    holder = await ann.at_home()
    added = await ann.add(holder, blue)
    tokens = await ann.tokens()
    await desk.passkeys.revoke(holder, added)
    tokens = await desk.grants.refresh(tokens.refresh_token)
    again = await ann.add(holder, another_key())
    await desk.passkeys.revoke(holder, again, end_logins=True)
    with pytest.raises(LoginError) as error:
        await desk.grants.refresh(tokens.refresh_token)
    assert refused(error) is LoginFault.ENDED


async def test_the_last_way_in_is_not_given_up_by_mistake(desk: PasskeyDesk) -> None:
    ann = await desk.member("ann")
    holder = await ann.at_home()
    mine = holder.passkeys[0].id
    with pytest.raises(LoginError) as error:
        await desk.passkeys.revoke(holder, mine)
    assert refused(error) is LoginFault.LAST_PASSKEY
    await desk.passkeys.revoke(holder, mine, even_if_last=True)
    for step in (desk.passkeys.holder(holder.session), ann.at_home()):
        with pytest.raises(LoginError):
            await step


async def test_nobody_touches_anothers_passkeys(desk: PasskeyDesk) -> None:
    ann, ben = await desk.member("ann"), await desk.member("ben")
    mine, theirs = await ann.at_home(), (await ben.at_home()).passkeys[0].id
    for step in (
        desk.passkeys.rename(mine, theirs, "mine"),
        desk.passkeys.revoke(mine, theirs, even_if_last=True),
        desk.passkeys.revoke(mine, ""),
    ):
        with pytest.raises(LoginError) as error:
            await step
        assert refused(error) is LoginFault.NO_PASSKEY
    late = await desk.passkeys.begin_adding(mine, ann.browser)
    # begun by one, finished by another in the same browser
    holder = await Someone(desk, "ben", ann.browser, ben.key).at_home()
    with pytest.raises(LoginError) as error:
        await desk.passkeys.finish_adding(holder, another_key().create(late), "", ann.browser)
    assert refused(error) is LoginFault.EXPIRED


async def test_a_session_has_an_end(desk: PasskeyDesk) -> None:
    ann = await desk.member("ann")
    holder = await ann.at_home()
    desk.clock.now += desk.settings.session_seconds - 1
    await desk.passkeys.holder(holder.session)
    desk.clock.now += 1
    with pytest.raises(LoginError) as error:
        await desk.passkeys.holder(holder.session)
    assert refused(error) is LoginFault.EXPIRED


# -- by a link -------------------------------------------------------------------------------------------


async def by_provider(desk: PasskeyDesk) -> tuple[Someone, str]:
    """Somebody who logs in at an identity provider, and the id of that login."""
    tokens = await desk.login(desk.alpha, "ann")
    grants = [grant.id for grant in desk.store._grants.values() if grant.account == tokens.account]
    return desk.someone("ann"), grants[0]


async def test_who_logged_in_elsewhere_gets_a_passkey_by_a_link_of_their_app(desk: PasskeyDesk) -> None:
    ann, grant = await by_provider(desk)
    url, expires = await desk.passkeys.link(ann.caller(grant=grant), still=lambda: None)
    assert url.startswith("https://chat.example.com/login/passkeys/open?link=")
    assert expires == int(desk.clock()) + LINK_SECONDS
    link = query_of(url)["link"]
    holder = await desk.passkeys.holder(await desk.passkeys.open_link(link))
    assert (holder.account, holder.passkeys) == (ann.account, ())
    mine = await ann.add(holder, ann.key)
    assert (await ann.tokens()).account == ann.account
    await desk.passkeys.revoke(holder, mine)  # the provider is another way in
    with pytest.raises(LoginError) as error:
        await desk.passkeys.open_link(link)
    assert refused(error) is LoginFault.EXPIRED


async def test_a_link_ends_with_what_it_came_from(desk: PasskeyDesk) -> None:
    """With time, with the login of the app, with the account's key: before it is opened and after."""
    ann, grant = await by_provider(desk)
    late = query_of((await desk.passkeys.link(ann.caller(grant=grant), still=lambda: None))[0])["link"]
    desk.clock.now += LINK_SECONDS
    with pytest.raises(LoginError):
        await desk.passkeys.open_link(late)

    links = [
        query_of((await desk.passkeys.link(ann.caller(grant=grant), still=lambda: None))[0])["link"]
        for _ in range(2)
    ]
    opened = await desk.passkeys.open_link(links[0])
    await desk.grants.end(grant)
    for step in (desk.passkeys.holder(opened), desk.passkeys.open_link(links[1])):
        with pytest.raises(AuthError):
            await step

    by_key = query_of((await desk.passkeys.link(ann.caller(), still=lambda: None))[0])["link"]
    assert isinstance(await desk.people.recover(ann.account, NEW_KEY, keep_devices=True), Recovered)
    with pytest.raises(LoginError) as error:
        await desk.passkeys.open_link(by_key)
    assert refused(error) is LoginFault.EXPIRED


async def test_an_account_of_elsewhere_gets_no_link(desk: PasskeyDesk) -> None:
    with pytest.raises(LoginError) as error:
        await desk.passkeys.link(desk.someone("stranger").caller(), still=lambda: None)
    assert refused(error) is LoginFault.REFUSED


# -- the operator ----------------------------------------------------------------------------------------


async def test_a_disabled_account_comes_in_nowhere_and_has_its_passkeys_when_it_is_enabled(
    desk: PasskeyDesk,
) -> None:
    ann = await desk.member("ann")
    holder = await ann.at_home()
    await desk.people.disable(ann.account)
    with pytest.raises(AuthError):
        await ann.come()
    with pytest.raises(AuthError):
        await desk.passkeys.holder(holder.session)
    await desk.people.enable(ann.account)
    assert (await ann.tokens()).account == ann.account


async def test_recovery_ends_passkeys_sessions_and_whatever_was_half_done(desk: PasskeyDesk) -> None:
    """The operator acts because somebody else may be in: nothing that they began may be finished."""
    ann = await desk.member("ann")
    holder = await ann.at_home()
    half_login = await desk.passkeys.begin_login(ann.app.wish, None, ann.browser)
    half_adding = await desk.passkeys.begin_adding(holder, ann.browser)
    with_code = await ann.come()
    assert isinstance(with_code, ToApp)
    tokens = await ann.tokens()

    recovered = await desk.people.recover(ann.account, NEW_KEY, keep_devices=True)
    assert isinstance(recovered, Recovered)
    assert await desk.store.passkeys_of(ann.account) == []
    for step in (
        desk.passkeys.holder(holder.session),
        desk.passkeys.finish_login(ann.key.get(half_login), ann.browser),
        desk.passkeys.finish_adding(holder, another_key().create(half_adding), "", ann.browser),
        ann.redeem(with_code),
        desk.grants.refresh(tokens.refresh_token),
    ):
        with pytest.raises(LoginError):
            await step
    assert await desk.store.passkeys_of(ann.account) == []
    assert not [grant for grant in desk.store._grants.values() if not grant.ended]


async def test_a_code_of_an_identity_provider_ends_with_the_recovery_too(desk: PasskeyDesk) -> None:
    app = App()
    code = await desk.code(desk.alpha, app, "ann")
    account = SERVICE.account_did("ann")
    await desk.people.recover(account, NEW_KEY, keep_devices=True)
    with pytest.raises(LoginError) as error:
        await desk.flow.redeem(code, verifier=app.verifier, redirect_uri=app.redirect_uri)
    assert refused(error) is LoginFault.EXPIRED
    assert all(grant.ended for grant in desk.store._grants.values())
    assert isinstance(await desk.callback(desk.alpha, app, desk.browser()), NameNeeded)


def test_a_session_says_nothing_that_could_be_read_elsewhere(desk: PasskeyDesk) -> None:
    session = Session(2**40, SERVICE.account_did("ann"), b"k" * 8)
    sealed = seal_session(session, "browser", desk.secrets)
    assert open_session(sealed, "browser", desk.secrets) == session
    assert seal_session(session, "browser", desk.secrets) != sealed
    for text, browser in ((sealed, "another"), (sealed[:-1], "browser"), ("", "browser"), ("!", "browser")):
        assert open_session(text, browser, desk.secrets) is None
    other = seal_session(replace(session, expires=1), "another", desk.secrets)
    assert open_session(other, "browser", desk.secrets) is None
