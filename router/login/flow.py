"""A login from its first click to the tokens, as steps that any node can take.

    begin      app's wish ─▶ LoginBegun (state + browser) ─▶ to the provider
    callback   the provider's answer ─▶ who it is ─┬─ known ─▶ CodeIssued ─▶ to the app
                                                   ├─ new ──▶ NameWanted (form + browser)
                                                   └─ to be linked ─▶ IdentityProven ─▶ to the app
    choose     a name ─▶ account ─▶ CodeIssued ─▶ to the app
    redeem     code + PKCE verifier ─▶ a login (`Grants`)

Every arrow's left end is taken from the store and gone before anything follows from it, so no step can be
taken twice. `browser` is the value of a cookie: whoever has only a URL of somebody's login (or makes
somebody follow one of their own) has nothing that fits it: that is the defence against login CSRF.

No token is ever in a URL. The app gets a code there, which is of no use without the verifier that never
left it, once, for a minute.

Who logs in is (issuer, subject) and nothing else. E-mail addresses are not asked for, so no address can
link one person's account to another's login; who wants that says so (`identities.py`).
"""

import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from crypto import Entropy, system_entropy
from protocol import AccountDid
from router.config.redirects import Redirects, with_parameters
from router.identity.accounts import check_name
from router.identity.compact import encode_part
from router.identity.errors import BadNameError
from router.identity.service import ServiceIdentity
from router.login import oidc
from router.login.discovery import ProviderClient
from router.login.errors import LoginError, LoginFault
from router.login.grants import Grants, Tokens
from router.login.labels import seal_label
from router.login.pending import (
    CODE_SECONDS,
    LOGIN_SECONDS,
    AppRequest,
    CodeIssued,
    IdentityProven,
    LoginBegun,
    NameWanted,
    Pending,
    key_mark,
)
from router.login.secrets import LoginSecrets
from router.store.interface import Store
from router.store.logins import IdentityLinked
from router.store.values import NameTaken

MAX_STATE = 512
LOGIN: Final = "login"
LINK: Final = "link"
"""What an app may be about (`intent`): to have somebody log in, or to link somebody to an account."""

_SECRET_BYTES = 32
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_STATE = re.compile(r"[ -~]{0,512}")


@attrs.frozen
class ToApp:
    """The browser goes on to the app."""

    url: str = attrs.field(repr=False)


@attrs.frozen
class NameNeeded:
    """Somebody new: the browser is shown a form, and brings this back with it."""

    form: str = attrs.field(repr=False)


class LoginFlow:
    """The steps. `clock` gives Unix seconds, `bucket` the time as the audit may know it."""

    def __init__(
        self,
        providers: Mapping[str, ProviderClient],
        redirects: Redirects,
        pending: Pending,
        store: Store,
        grants: Grants,
        service: ServiceIdentity,
        secrets: LoginSecrets,
        *,
        clock: Callable[[], float] = time.time,
        bucket: Callable[[], int],
        report: Callable[[str, BaseException | None], None],
        entropy: Entropy = system_entropy,
    ) -> None:
        self._providers = providers
        self._redirects = redirects
        self._pending = pending
        self._store = store
        self._grants = grants
        self._service = service
        self._secrets = secrets
        self._clock = clock
        self._bucket = bucket
        self._report = report
        self._entropy = entropy

    def secret(self) -> str:
        """Something nobody can guess: for cookies, states, codes. 43 characters."""
        return encode_part(self._entropy(_SECRET_BYTES))

    async def begin(self, provider: str, wish: Mapping[str, str], browser: str) -> str:
        """Where the browser is sent. Raises `LoginError`.

        `wish` is what the app asked for, by the names of OAuth: redirect_uri, code_challenge,
        code_challenge_method (S256), state. `intent=link` is ours: a code for `LinkedIdentities.link`.
        """
        client = self._client(provider)
        app = self.app_request(wish)
        link = intent_of(wish) == LINK
        metadata = await client.metadata()
        state, nonce, verifier = self.secret(), self.secret(), self.secret()
        begun = LoginBegun(self._until(LOGIN_SECONDS), provider, nonce, verifier, app, link)
        await self._pending.keep(begun, state, browser)
        return oidc.authorization_url(client.provider, metadata, state=state, nonce=nonce, verifier=verifier)

    async def callback(
        self, provider: str, answer: Mapping[str, str], browser: str | None
    ) -> ToApp | NameNeeded:
        """What follows from a provider's answer. Raises `LoginError` where it belongs to no login of this
        browser's; a login that fails later is told to its app."""
        client = self._client(provider)
        state = answer.get("state")
        begun = None
        if state and browser is not None:
            begun = await self._pending.take(LoginBegun, state, browser)
        if begun is None:
            raise LoginError(LoginFault.EXPIRED)
        try:
            identity = await self._identify(client, begun, answer)
        except LoginError as error:
            self._report(f"login failed: {error.detail or error.error}", None)
            return self._decline(begun.app, error)
        if begun.link:
            code = self.secret()
            proven = IdentityProven(self._until(CODE_SECONDS), identity, provider, begun.app)
            await self._pending.keep(proven, code)
            return self._to_app(begun.app, code)
        account = await self._store.account_of_identity(identity)
        if account is not None:
            return await self.deliver(account, begun.app)
        form = self.secret()
        wanted = NameWanted(self._until(LOGIN_SECONDS), identity, begun.app, provider)
        await self._pending.keep(wanted, form, browser or "")
        return NameNeeded(form)

    async def _identify(self, client: ProviderClient, begun: LoginBegun, answer: Mapping[str, str]) -> bytes:
        # Mix-up: each provider has its own way back, and an answer counts only on the way of the provider
        # that was asked. Together with `iss` (RFC 9207) no code reaches another provider's token endpoint.
        if begun.provider != client.provider.id:
            raise LoginError(LoginFault.REFUSED, detail="the answer came on another provider's way")
        code = oidc.judge_callback(answer, await client.metadata())
        subject = await client.subject(code, verifier=begun.verifier, nonce=begun.nonce, now=self._clock())
        return self._secrets.identity(client.provider.issuer, subject)

    async def choose_name(self, form: str, name: str, browser: str) -> ToApp:
        """Make the account of somebody new. Raises `LoginError`: after INVALID and NAME_TAKEN the same form
        may be sent again, with another name."""
        try:
            check_name(name, self._service)
        except BadNameError as bad:
            raise LoginError(LoginFault.INVALID, f"This is no name for an account: {bad}.") from None
        wanted = await self._pending.take(NameWanted, form, browser)
        if wanted is None:
            raise LoginError(LoginFault.EXPIRED)
        did = self._service.account_did(name)
        now = self._bucket()
        label = seal_label(wanted.identity, wanted.provider, now, self._secrets, entropy=self._entropy)
        outcome = await self._store.create_account_for(wanted.identity, did, name, label=label, now=now)
        match outcome:
            case NameTaken():
                await self._pending.keep(wanted, form, browser)
                raise LoginError(LoginFault.NAME_TAKEN)
            case IdentityLinked(account=account):
                return await self.deliver(account, wanted.app)  # chosen meanwhile, in another tab
            case _:
                return await self.deliver(outcome.did, wanted.app)

    async def redeem(self, code: str, *, verifier: str, redirect_uri: str) -> Tokens:
        """The tokens of a login. Raises `LoginError` (EXPIRED) where something does not fit; it is spent."""
        issued = await self._pending.take(CodeIssued, code)
        if issued is None:
            await self._grants.end_of_code(code)
            raise LoginError(LoginFault.EXPIRED, detail="no such code")
        if not is_of_app(issued.app, verifier=verifier, redirect_uri=redirect_uri):
            raise LoginError(LoginFault.EXPIRED, detail="another verifier or redirect_uri")
        tokens = await self._grants.begin(issued.account, grant=self._secrets.grant_of_code(code))
        # After the beginning: a recovery that was committed by now is seen here, a later one ends the login.
        row = await self._store.account(issued.account)
        if row is None or key_mark(row) != issued.key_mark:
            await self._grants.end_of_code(code)
            raise LoginError(LoginFault.EXPIRED, detail="the account was recovered meanwhile")
        return tokens

    # -- shared with other ways to log in --------------------------------------------------------------

    def app_request(self, wish: Mapping[str, str]) -> AppRequest:
        """What the app asks for, by the names of OAuth. Raises `LoginError` (INVALID)."""
        redirect_uri, state = wish.get("redirect_uri", ""), wish.get("state")
        if not self._redirects.allow(redirect_uri):
            # never answered with a redirect: that would be the open one
            raise LoginError(LoginFault.INVALID, "This server does not know where that app waits.")
        if wish.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(
            wish.get("code_challenge", "")
        ):
            raise LoginError(LoginFault.INVALID, "The app must send a PKCE code_challenge of method S256.")
        if state is not None and _STATE.fullmatch(state) is None:
            raise LoginError(LoginFault.INVALID, f"The app's state has at most {MAX_STATE} ASCII characters.")
        return AppRequest(redirect_uri, wish["code_challenge"], state)

    async def deliver(self, account: AccountDid, app: AppRequest) -> ToApp:
        """Who it is, is known: a code for the app, by which it begins the login."""
        row = await self._store.account(account)
        if row is None:
            raise LoginError(LoginFault.EXPIRED, detail="no such account")
        code = self.secret()
        await self._pending.keep(CodeIssued(self._until(CODE_SECONDS), account, key_mark(row), app), code)
        return self._to_app(app, code)

    # -- within ----------------------------------------------------------------------------------------

    def _client(self, provider: str) -> ProviderClient:
        client = self._providers.get(provider)
        if client is None:
            raise LoginError(LoginFault.UNKNOWN)
        return client

    def _to_app(self, app: AppRequest, code: str) -> ToApp:
        return ToApp(with_parameters(app.redirect_uri, {"code": code, **self._signed(app)}))

    def _decline(self, app: AppRequest, error: LoginError) -> ToApp:
        """OAuth's words for it (RFC 6749 4.1.2.1). The address is on the list: this is no open redirect."""
        later = error.fault in (LoginFault.PROVIDER, LoginFault.PROVIDER_SLOW, LoginFault.BUSY)
        word = "temporarily_unavailable" if later else "access_denied"
        return ToApp(with_parameters(app.redirect_uri, {"error": word, **self._signed(app)}))

    def _signed(self, app: AppRequest) -> dict[str, str]:
        """What every answer to an app carries: its state, and who answers (RFC 9207)."""
        return {**({} if app.state is None else {"state": app.state}), "iss": self._service.did}

    def _until(self, seconds: int) -> int:
        return int(self._clock()) + seconds


def intent_of(wish: Mapping[str, str]) -> str:
    """What the app is about. Raises `LoginError` (INVALID)."""
    intent = wish.get("intent", LOGIN)
    if intent not in (LOGIN, LINK):
        raise LoginError(LoginFault.INVALID, f"An intent is {LOGIN} or {LINK}.")
    return intent


def is_of_app(app: AppRequest, *, verifier: str, redirect_uri: str) -> bool:
    """Whether a code comes back from the app that asked for it: only that one knows the PKCE verifier."""
    return (
        redirect_uri == app.redirect_uri
        and _VERIFIER.fullmatch(verifier) is not None
        and hmac.compare_digest(oidc.s256(verifier), app.challenge)
    )
