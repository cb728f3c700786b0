"""Linking: two proofs meet, the account's and the person's; nothing is linked in any other way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from protocol import AccountDid
from router.identity.errors import AuthError, TokenFault
from router.login.errors import LoginError, LoginFault
from router.login.flow import NameNeeded, ToApp
from router.login.identities import Shown
from router.login.pending import CODE_SECONDS
from tests.login.kit import NOW, SERVICE, App, Desk, Idp, query_of

ANN, BEN = SERVICE.account_did("ann"), SERVICE.account_did("ben")
TODAY = NOW // 86_400


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


class LinkingApp(App):
    """An app that has somebody linked."""

    @property
    def wish(self) -> dict[str, str]:
        return {**super().wish, "intent": "link"}


def stands() -> None:
    """The account's credential was not revoked."""


async def link(
    desk: Desk,
    account: AccountDid,
    idp: Idp,
    person: str,
    *,
    still: Callable[[], None] = stands,
) -> Shown:
    app = LinkingApp()
    code = await desk.code(idp, app, person)
    return await redeem(desk, account, app, code, still=still)


async def redeem(
    desk: Desk, account: AccountDid, app: App, code: str, *, still: Callable[[], None] = stands
) -> Shown:
    return await desk.identities.link(
        account, code, verifier=app.verifier, redirect_uri=app.redirect_uri, still=still
    )


async def fault(linking: object) -> LoginFault:
    with pytest.raises(LoginError) as caught:
        await linking  # type: ignore[misc] # a coroutine of either kind
    return caught.value.fault


async def test_an_example_a_second_provider_opens_the_same_account(desk: Desk) -> None:
    await desk.login(desk.alpha, "ann")
    linked = await link(desk, ANN, desk.beta, "ann-at-work")
    assert (linked.provider, linked.provider_name, linked.day) == ("beta", "beta", TODAY)
    assert (await desk.login(desk.beta, "ann-at-work")).account == ANN

    first, second = sorted(await desk.identities.list(ANN), key=lambda each: each.provider or "")
    assert (first.provider, second) == ("alpha", linked)
    assert await desk.identities.unlink(ANN, first.id)
    assert not await desk.identities.unlink(ANN, first.id)
    assert isinstance(await desk.callback(desk.alpha, App(), desk.browser(), "ann"), NameNeeded)
    assert await fault(desk.identities.unlink(ANN, second.id)) is LoginFault.LAST_WAY_IN


async def test_an_address_of_email_links_nobody(desk: Desk) -> None:
    """Another provider may let anybody write the address of anybody."""
    await desk.login(desk.alpha, "ann")
    for idp in (desk.alpha, desk.beta):
        idp.claims = {"email": "ann@example.com", "email_verified": True}
    stranger = await desk.callback(desk.beta, App(), desk.browser(), "mallory")
    assert isinstance(stranger, NameNeeded)


async def test_a_linking_makes_no_account_and_a_login_links_nobody(desk: Desk) -> None:
    """A code of one kind is nothing to the other: whoever can start a login cannot turn it into a link."""
    await desk.login(desk.alpha, "ann")
    app = LinkingApp()
    code = await desk.code(desk.beta, app, "new here")
    assert (
        await fault(desk.flow.redeem(code, verifier=app.verifier, redirect_uri=app.redirect_uri))
        is LoginFault.EXPIRED
    )
    plain = App()
    assert await fault(redeem(desk, ANN, plain, await desk.code(desk.alpha, plain, "ann"))) is (
        LoginFault.EXPIRED
    )
    assert len(await desk.identities.list(ANN)) == 1


async def test_a_code_is_good_once_in_time_and_for_the_app_that_began(desk: Desk) -> None:
    await desk.login(desk.alpha, "ann")
    app = LinkingApp()
    code = await desk.code(desk.beta, app, "p1")
    await redeem(desk, ANN, app, code)
    assert await fault(redeem(desk, ANN, app, code)) is LoginFault.EXPIRED
    stolen = await desk.code(desk.beta, app, "p2")
    assert await fault(redeem(desk, ANN, LinkingApp(), stolen)) is LoginFault.EXPIRED
    assert await fault(redeem(desk, ANN, app, stolen)) is LoginFault.EXPIRED, "it was spent"
    late = await desk.code(desk.beta, app, "p3")
    desk.clock.now += CODE_SECONDS
    assert await fault(redeem(desk, ANN, app, late)) is LoginFault.EXPIRED
    assert len(await desk.identities.list(ANN)) == 2


async def test_who_has_another_account_stays_there(desk: Desk) -> None:
    await desk.login(desk.alpha, "ann")
    await desk.login(desk.beta, "ben")
    assert await fault(link(desk, ANN, desk.beta, "ben")) is LoginFault.IDENTITY_TAKEN
    assert (await desk.login(desk.beta, "ben")).account == BEN


async def test_a_credential_that_was_revoked_meanwhile_links_nobody(desk: Desk) -> None:
    """Its owner lost it, and the operator has recovered the account while the request was under way."""
    await desk.login(desk.alpha, "ann")

    def revoked() -> None:
        raise AuthError(TokenFault.ACCESS_REVOKED)

    with pytest.raises(AuthError):
        await link(desk, ANN, desk.beta, "mallory", still=revoked)
    assert len(await desk.identities.list(ANN)) == 1


async def test_only_accounts_that_live_here_are_linked(desk: Desk) -> None:
    elsewhere = AccountDid("did:plc:ewvi7nxzyoun6zhxrhs64oiz")
    assert await fault(link(desk, elsewhere, desk.beta, "p")) is LoginFault.REFUSED


async def test_an_intent_that_nobody_knows_is_refused(desk: Desk) -> None:
    wish = {**App().wish, "intent": "take over"}
    assert await fault(desk.flow.begin("alpha", wish, desk.browser())) is LoginFault.INVALID


async def test_the_store_alone_tells_neither_provider_nor_person(desk: Desk) -> None:
    await desk.login(desk.alpha, "ann")
    await link(desk, ANN, desk.beta, "ann-at-work")
    for kept in await desk.store.identities_of(ANN):
        assert not any(word in kept.identity + kept.label for word in (b"alpha", b"beta", b"ann"))


async def test_who_was_linked_before_labels_is_shown_without_one(desk: Desk) -> None:
    identity = desk.secrets.identity(desk.alpha.issuer, "ann")
    await desk.store.create_account_for(identity, ANN, "ann", now=NOW)
    (shown,) = await desk.identities.list(ANN)
    assert (shown.provider, shown.provider_name, shown.day) == (None, None, None)


async def test_the_answer_to_the_app_is_its_own_and_says_who_answers(desk: Desk) -> None:
    app = LinkingApp()
    done = await desk.callback(desk.beta, app, desk.browser(), "p")
    assert isinstance(done, ToApp)
    assert query_of(done.url).keys() == {"code", "state", "iss"}
