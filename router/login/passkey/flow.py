"""What people do with passkeys, as steps that any node can take.

    begin_*    a question with a challenge ─▶ Waiting (challenge + browser) ─▶ to the authenticator
    finish_*   its answer ─▶ taken, judged ─┬─ for an app ─▶ CodeIssued ─▶ to the app
                                            └─ otherwise ─▶ a session in this browser (`session.py`)

What waits is found by the challenge in the answer together with the browser's cookie, taken once, and gone
in minutes: an answer that comes twice, late, from another browser or to another kind of question finds
nothing. Whatever else is asked of an answer is `ceremony.py`'s.

An account may be made by anybody where the operator wants that. Otherwise a passkey is added by who is
recognised already: by another passkey, or by a link that an app gets with its credentials (`link`).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs

from crypto import Entropy, system_entropy
from protocol import AccountDid
from router.config.passkey import LoginPasskey
from router.identity.accounts import check_name
from router.identity.compact import decode_part, encode_part
from router.identity.errors import AuthError, BadNameError, TokenFault
from router.identity.principal import Principal
from router.identity.revocations import Revocations
from router.identity.service import ServiceIdentity
from router.login.errors import LoginError, LoginFault
from router.login.flow import LINK, LoginFlow, ToApp, intent_of
from router.login.grants import Grants
from router.login.passkey.ceremony import (
    HANDLE_BYTES,
    AssertionAnswer,
    CreationAnswer,
    NewCredential,
    RelyingParty,
    challenge_of,
    creation_options,
    judge_assertion,
    judge_creation,
    request_options,
)
from router.login.passkey.session import Session, judge_session
from router.login.pending import AppRequest, Pending, W, Waiting, key_mark
from router.store.credentials import AccountUnknown
from router.store.interface import Store
from router.store.passkeys import (
    LastWayIn,
    Passkey,
    PasskeyCloned,
    PasskeyKept,
    PasskeyRevoked,
    PasskeySuspended,
    PasskeyTaken,
    PasskeyUnknown,
    PasskeyUsed,
    TooManyPasskeys,
)
from router.store.values import Account, NameTaken

LINK_SECONDS: Final = 120
"""An app opens its link at once."""

MAX_NAME: Final = 64

_T = TypeVar("_T")

_DAY = 86_400
_CHALLENGE_BYTES = 32
_ID_BYTES = 16
_DEFAULT_NAME = "Passkey"
_IN_USE = "This passkey is in use here already."
_ASIDE = (
    "This passkey was set aside, since a copy of it seems to be in use. Use another one, or ask the operator "
    "of this server."
)


class LoginAsked(Waiting, frozen=True, tag=True):
    """Somebody logs in. Bound to the challenge and the browser, as all of these."""

    app: AppRequest | None
    """None: to look after their passkeys."""
    account: AccountDid | None
    """Who they say to be, where they say it."""


class AccountAsked(Waiting, frozen=True, tag=True):
    """Somebody new makes an account."""

    app: AppRequest | None
    name: str
    handle: bytes


class PasskeyAsked(Waiting, frozen=True, tag=True):
    """Somebody who is recognised adds a passkey."""

    account: AccountDid
    handle: bytes


class LinkGiven(Waiting, frozen=True, tag=True):
    """An app has asked for a page where its person looks after the passkeys. Bound to the link."""

    account: AccountDid
    key_mark: bytes
    grant: str | None


@attrs.frozen
class Holder:
    """Who is recognised in this browser, and all their passkeys."""

    session: Session
    row: Account
    passkeys: tuple[Passkey, ...]

    @property
    def account(self) -> AccountDid:
        """Whose they are."""
        return self.row.did


class PasskeyFlow:
    """The steps. `clock` gives Unix seconds, `bucket` the time as the audit may know it."""

    def __init__(
        self,
        settings: LoginPasskey,
        party: RelyingParty,
        pending: Pending,
        store: Store,
        grants: Grants,
        logins: LoginFlow,
        service: ServiceIdentity,
        revocations: Revocations,
        *,
        clock: Callable[[], float] = time.time,
        bucket: Callable[[], int],
        report: Callable[[str, BaseException | None], None],
        entropy: Entropy = system_entropy,
    ) -> None:
        self._settings = settings
        self._party = party
        self._pending = pending
        self._store = store
        self._grants = grants
        self._logins = logins
        self._service = service
        self._revocations = revocations
        self._clock = clock
        self._bucket = bucket
        self._report = report
        self._entropy = entropy

    @property
    def open_to_strangers(self) -> bool:
        """Whether anybody may make an account."""
        return self._settings.registration

    @property
    def session_seconds(self) -> int:
        """How long somebody stays recognised."""
        return self._settings.session_seconds

    def secret(self) -> str:
        """Something nobody can guess, for cookies. 43 characters."""
        return self._logins.secret()

    def check_wish(self, wish: Mapping[str, str]) -> None:
        """Raise `LoginError` (INVALID) unless an app may ask for this."""
        self._wish(wish)

    # -- logging in ------------------------------------------------------------------------------------

    async def begin_login(
        self, wish: Mapping[str, str] | None, name: str | None, browser: str
    ) -> dict[str, Any]:
        """What to ask an authenticator: the same for every name. Raises `LoginError`.

        `wish`: what an app asked for (`LoginFlow.app_request`); None to look after one's passkeys.
        """
        app = None if wish is None else self._wish(wish)
        account = None if name is None else self._service.account_did(name)
        challenge = self._entropy(_CHALLENGE_BYTES)
        await self._ask(LoginAsked(self._until_answer(), app, account), challenge, browser)
        return request_options(self._party, challenge=challenge, seconds=self._settings.ceremony_seconds)

    async def finish_login(self, answer: AssertionAnswer, browser: str) -> ToApp | Session:
        """To the app, or recognised here. Raises `LoginError`, and `AuthError` for a disabled account."""
        asked, challenge = await self._answered(LoginAsked, answer.client_data, browser)
        passkey = await self._store.passkey(answer.credential)
        count = self._judge(
            lambda: judge_assertion(
                answer, passkey, challenge=challenge, party=self._party, account=asked.account
            )
        )
        match await self._store.use_passkey(answer.credential, count, now=self._bucket()):
            case PasskeyUsed(account=account) if passkey is not None:
                return await self._welcome(account, asked.app, passkey.id)
            case PasskeyCloned():
                self._report("login failed: a passkey's counter went back; it is set aside", None)
                raise LoginError(LoginFault.REFUSED, _ASIDE)
            case PasskeySuspended():
                raise LoginError(LoginFault.REFUSED, _ASIDE)
            case _:  # revoked while it was used
                raise LoginError(LoginFault.REFUSED, "This passkey opens no account here.")

    async def _welcome(self, account: AccountDid, app: AppRequest | None, passkey: str) -> ToApp | Session:
        if self._revocations.is_suspended(account):
            raise AuthError(TokenFault.ACCOUNT_DISABLED)
        if app is not None:
            return await self._logins.deliver(account, app)
        row = await self._store.account(account)
        if row is None:
            raise LoginError(LoginFault.EXPIRED)
        return Session(self._session_end(), account, key_mark(row), passkey=passkey)

    # -- somebody new ----------------------------------------------------------------------------------

    async def begin_registration(
        self, wish: Mapping[str, str] | None, name: str, browser: str
    ) -> dict[str, Any]:
        """What to ask an authenticator of somebody new who wants this name. Raises `LoginError`."""
        if not self._settings.registration:
            raise LoginError(LoginFault.REFUSED, "This server makes no accounts for strangers.")
        app = None if wish is None else self._wish(wish)
        try:
            check_name(name, self._service)
        except BadNameError as bad:
            raise LoginError(LoginFault.INVALID, f"This is no name for an account: {bad}.") from None
        # Names are public (each has a DID document), so nothing is given away; looked at now, since a
        # passkey that was made for nothing stays on somebody's device.
        if await self._store.account(self._service.account_did(name)) is not None:
            raise LoginError(LoginFault.NAME_TAKEN)
        challenge, handle = self._entropy(_CHALLENGE_BYTES), self._entropy(HANDLE_BYTES)
        await self._ask(AccountAsked(self._until_answer(), app, name, handle), challenge, browser)
        return self._creation_options(challenge, handle, self._service.account_did(name), ())

    async def finish_registration(self, answer: CreationAnswer, label: str, browser: str) -> ToApp | Session:
        """An account with its first passkey. Raises `LoginError`: NAME_TAKEN if somebody was faster."""
        asked, challenge = await self._answered(AccountAsked, answer.client_data, browser)
        new = self._judge(lambda: judge_creation(answer, challenge=challenge, party=self._party))
        account = self._service.account_did(asked.name)
        passkey = self._passkey(account, asked.handle, new, label)
        match await self._store.create_account_with_passkey(passkey, asked.name, now=self._bucket()):
            case NameTaken():
                raise LoginError(LoginFault.NAME_TAKEN)
            case PasskeyTaken():
                raise LoginError(LoginFault.REFUSED, _IN_USE)
            case _:
                return await self._welcome(account, asked.app, passkey.id)

    # -- one's own passkeys ----------------------------------------------------------------------------

    async def link(self, caller: Principal, *, still: Callable[[], None]) -> tuple[str, int]:
        """A URL where the person behind an app looks after their passkeys, once, and when it ends.

        `still` raises when the caller's credential was revoked; it is asked after the account was read, so
        that no link for a new key follows from the old one. Raises `LoginError` (REFUSED) for an account that
        does not live here.
        """
        row = await self._store.account(caller.account)
        still()
        if row is None:
            raise LoginError(LoginFault.REFUSED, "Passkeys are for accounts that live on this server.")
        secret, expires = self._logins.secret(), int(self._clock()) + LINK_SECONDS
        await self._pending.keep(LinkGiven(expires, row.did, key_mark(row), caller.grant), secret)
        return f"{self._party.origin}/login/passkeys/open?link={secret}", expires

    async def open_link(self, link: str) -> Session:
        """Recognised by the app's link. Raises `LoginError` (EXPIRED)."""
        given = await self._pending.take(LinkGiven, link)
        if given is None:
            raise LoginError(LoginFault.EXPIRED, "This link was used or is too old: ask the app for another.")
        session = Session(self._session_end(), given.account, given.key_mark, grant=given.grant)
        return (await self.holder(session)).session

    async def holder(self, session: Session) -> Holder:
        """Who is recognised. Raises `LoginError` (EXPIRED), and `AuthError` for who may no longer speak."""
        account = await self._store.account(session.account)
        passkeys = await self._store.passkeys_of(session.account)
        # no await from here on: what is revoked after this look is revoked for the next one
        self._revocations.check(session.principal)
        row = judge_session(session, account, passkeys, self._clock())
        return Holder(session, row, tuple(passkeys))

    async def begin_adding(self, holder: Holder, browser: str) -> dict[str, Any]:
        """What to ask an authenticator for one more passkey. Raises `LoginError`."""
        if len(holder.passkeys) >= self._settings.max_per_account:
            raise _too_many(self._settings.max_per_account)
        challenge = self._entropy(_CHALLENGE_BYTES)
        # one handle for all of an account's: an authenticator shows them as one person
        handle = holder.passkeys[0].handle if holder.passkeys else self._entropy(HANDLE_BYTES)
        await self._ask(PasskeyAsked(self._until_answer(), holder.account, handle), challenge, browser)
        known = tuple(each.credential for each in holder.passkeys)
        return self._creation_options(challenge, handle, holder.account, known)

    async def finish_adding(
        self, holder: Holder, answer: CreationAnswer, label: str, browser: str
    ) -> Passkey:
        """One more passkey. Raises `LoginError`."""
        asked, challenge = await self._answered(PasskeyAsked, answer.client_data, browser)
        if asked.account != holder.account:
            raise LoginError(LoginFault.EXPIRED, detail="begun for another account")
        new = self._judge(lambda: judge_creation(answer, challenge=challenge, party=self._party))
        passkey = self._passkey(asked.account, asked.handle, new, label)
        kept = await self._store.keep_passkey(
            passkey,
            verification_key=holder.row.verification_key,
            now=self._bucket(),
            max_passkeys=self._settings.max_per_account,
        )
        match kept:
            case PasskeyKept():
                return passkey
            case TooManyPasskeys(limit=limit):
                raise _too_many(limit)
            case PasskeyTaken():
                raise LoginError(LoginFault.REFUSED, _IN_USE)
            case AccountUnknown():
                raise LoginError(LoginFault.EXPIRED, detail="the account was recovered meanwhile")

    async def rename(self, holder: Holder, passkey: str, label: str) -> None:
        """Call it otherwise. Raises `LoginError`."""
        if not await self._store.rename_passkey(holder.account, passkey, _label(label)):
            raise LoginError(LoginFault.NO_PASSKEY)

    async def revoke(
        self, holder: Holder, passkey: str, *, even_if_last: bool = False, end_logins: bool = False
    ) -> None:
        """Delete it. What was begun with it goes on, unless `end_logins`. Raises `LoginError`: LAST_PASSKEY
        where nobody could log in to the account any more, unless `even_if_last`."""
        outcome = await self._store.revoke_passkey(
            holder.account, passkey, even_if_last=even_if_last, now=self._bucket()
        )
        match outcome:
            case PasskeyRevoked():
                if end_logins:
                    await self._grants.end_account(holder.account)
            case PasskeyUnknown():
                raise LoginError(LoginFault.NO_PASSKEY)
            case LastWayIn():
                raise LoginError(LoginFault.LAST_PASSKEY)

    # -- within ----------------------------------------------------------------------------------------

    def _wish(self, wish: Mapping[str, str]) -> AppRequest:
        if intent_of(wish) == LINK:
            raise LoginError(
                LoginFault.INVALID, "A passkey is not linked: add one on the page of createPasskeyLink."
            )
        return self._logins.app_request(wish)

    async def _ask(self, waiting: Waiting, challenge: bytes, browser: str) -> None:
        await self._pending.keep(waiting, encode_part(challenge), browser)

    async def _answered(self, kind: type[W], client_data: bytes, browser: str) -> tuple[W, bytes]:
        """What the answer is to, which is spent."""
        said = challenge_of(client_data)
        asked = None if said is None else await self._pending.take(kind, said, browser)
        if asked is None or said is None:
            raise LoginError(LoginFault.EXPIRED)
        return asked, decode_part(said)  # it was found, so it is one of ours and can be read

    def _judge(self, judge: Callable[[], _T]) -> _T:
        try:
            return judge()
        except LoginError as refused:
            self._report(f"login failed: {refused.detail}", None)
            raise

    def _session_end(self) -> int:
        return int(self._clock()) + self._settings.session_seconds

    def _passkey(self, account: AccountDid, handle: bytes, new: NewCredential, label: str) -> Passkey:
        return Passkey(
            id=encode_part(self._entropy(_ID_BYTES)),
            account=account,
            credential=new.credential,
            handle=handle,
            public_key=new.public_key,
            sign_count=new.sign_count,
            synced=new.synced,
            name=_label(label),
            created_day=self._bucket() // _DAY,
        )

    def _creation_options(
        self, challenge: bytes, handle: bytes, account: AccountDid, known: tuple[bytes, ...]
    ) -> dict[str, Any]:
        return creation_options(
            self._party,
            challenge=challenge,
            handle=handle,
            name=display_name(account),
            known=known,
            seconds=self._settings.ceremony_seconds,
        )

    def _until_answer(self) -> int:
        return int(self._clock()) + self._settings.ceremony_seconds


def display_name(account: AccountDid) -> str:
    """An account as its owner reads it: the DID without what all have in common."""
    return account.removeprefix("did:web:").replace("%3A", ":")


def _label(text: str) -> str:
    """What a passkey is called. Raises `LoginError` (INVALID)."""
    label = " ".join(text.split()) or _DEFAULT_NAME
    if len(label) > MAX_NAME or not label.isprintable():
        raise LoginError(LoginFault.INVALID, f"A passkey's name has at most {MAX_NAME} printable characters.")
    return label


def _too_many(limit: int) -> LoginError:
    return LoginError(LoginFault.TOO_MANY_PASSKEYS, f"An account has at most {limit} passkeys here.")
