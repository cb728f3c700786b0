"""A desk with passkeys: the flow over a memory store on a clock of the test's, people with authenticators."""

from pathlib import Path

import attrs

from protocol import AccountDid
from router.config.passkey import LoginPasskey
from router.identity.principal import Principal
from router.identity.resolver import LocalResolver
from router.login.flow import ToApp
from router.login.grants import Tokens
from router.login.passkey.ceremony import RelyingParty
from router.login.passkey.flow import Holder, PasskeyFlow
from router.login.passkey.session import Session
from router.people import People
from tests.login.authenticator import Authenticator
from tests.login.kit import SERVICE, App, Desk, query_of

PARTY = RelyingParty("chat.example.com", "Example", SERVICE.endpoint)


class PasskeyDesk(Desk):
    """Everything in memory; `settings` may be changed by making another `at_node`."""

    def __init__(self, folder: Path, *, capacity: int = 100) -> None:
        super().__init__(folder, capacity=capacity)
        self.settings = LoginPasskey(enabled=True, registration=True, max_per_account=3)
        self.passkeys = self.at_node()
        self.people = People(
            self.store,
            self.revocations,
            LocalResolver(SERVICE, self.store),
            self.grants,
            lambda: int(self.clock()) // 2 * 2,
        )

    def at_node(self) -> PasskeyFlow:
        """Another node on the same store."""
        return PasskeyFlow(
            self.settings,
            PARTY,
            self.pending,
            self.store,
            self.grants,
            self.flow,
            SERVICE,
            self.revocations,
            clock=self.clock,
            bucket=lambda: int(self.clock()) // 2 * 2,
            report=lambda what, _: self.reports.append(what),
        )

    def someone(self, name: str) -> "Someone":
        """A person with a browser and an authenticator, not known yet."""
        return Someone(self, name, self.browser(), Authenticator(PARTY.origin))

    async def member(self, name: str) -> "Someone":
        """A person who has an account with a passkey."""
        person = self.someone(name)
        await person.join()
        return person


@attrs.define
class Someone:
    """A person: each method is a whole ceremony at `desk`."""

    desk: PasskeyDesk
    name: str
    browser: str
    key: Authenticator
    app: App = attrs.field(factory=App)

    @property
    def account(self) -> AccountDid:
        return SERVICE.account_did(self.name)

    async def join(self, label: str = "") -> ToApp | Session:
        """Make an account for the app."""
        flow = self.desk.passkeys
        options = await flow.begin_registration(self.app.wish, self.name, self.browser)
        return await flow.finish_registration(self.key.create(options), label, self.browser)

    async def come(self, *, name: str | None = None, key: Authenticator | None = None) -> ToApp | Session:
        """Log in for the app, as `name` if it is said."""
        options = await self.desk.passkeys.begin_login(self.app.wish, name, self.browser)
        return await self.desk.passkeys.finish_login((key or self.key).get(options), self.browser)

    async def tokens(self) -> Tokens:
        """Log in for the app, whole."""
        done = await self.come()
        assert isinstance(done, ToApp)
        return await self.redeem(done)

    async def redeem(self, done: ToApp) -> Tokens:
        """The app's half."""
        code = query_of(done.url)["code"]
        return await self.desk.flow.redeem(
            code, verifier=self.app.verifier, redirect_uri=self.app.redirect_uri
        )

    async def at_home(self, key: Authenticator | None = None) -> Holder:
        """Recognised by a passkey, to look after them."""
        options = await self.desk.passkeys.begin_login(None, None, self.browser)
        session = await self.desk.passkeys.finish_login((key or self.key).get(options), self.browser)
        assert isinstance(session, Session)
        return await self.desk.passkeys.holder(session)

    async def add(self, holder: Holder, key: Authenticator, label: str = "") -> str:
        """One more passkey; its id."""
        options = await self.desk.passkeys.begin_adding(holder, self.browser)
        made = await self.desk.passkeys.finish_adding(holder, key.create(options), label, self.browser)
        return made.id

    def caller(self, *, grant: str | None = None) -> Principal:
        """The account as an app of it calls: by its key, or with an access token of a login."""
        return Principal(
            self.account, None, "service" if grant is None else "access", 2**40, b"", None, grant
        )


def another_key() -> Authenticator:
    """One more authenticator of somebody's."""
    return Authenticator(PARTY.origin)
