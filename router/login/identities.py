"""Who else may log in to an account: linked and unlinked by the account, never because two seem to be one.

    app ──▶ /login/<id>?intent=link ──▶ provider ──▶ callback ──▶ IdentityProven (code) ──▶ app
    app ──▶ chat.rookery.linkIdentity(code, verifier), with the account's own credential ──▶ linked

Two proofs meet at the end, in one request of the app: of the account (its token) and of the person at the
provider (the code, with the verifier of the app that began). So nobody is linked by opening somebody else's
URL: the code goes to where the app waits, on the machine of whoever opened it, and is of no use without the
verifier, which is on the machine of whoever began. No address of e-mail or name plays a part.
"""

from collections.abc import Callable, Mapping

import attrs

from crypto import Entropy, system_entropy
from protocol import AccountDid
from router.login.errors import LoginError, LoginFault
from router.login.flow import is_of_app
from router.login.labels import open_label, seal_label
from router.login.pending import IdentityProven, Pending
from router.login.providers import Provider
from router.login.secrets import LoginSecrets
from router.store.credentials import AccountUnknown
from router.store.identities import (
    MAX_IDENTITIES,
    Identity,
    IdentityKept,
    IdentityUnlinked,
    TooManyIdentities,
)
from router.store.interface import Store
from router.store.logins import IdentityLinked
from router.store.passkeys import LastWayIn


@attrs.frozen
class Shown:
    """An identity as its account sees it."""

    id: str
    """Names it to its account and says nothing."""
    provider: str | None
    """Id of the provider; None where it is not known (any more)."""
    provider_name: str | None
    """What people read; None for a provider that is not offered any more."""
    day: int | None


class LinkedIdentities:
    """The acts. `bucket` gives the time as the audit may know it, in Unix seconds."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        pending: Pending,
        store: Store,
        secrets: LoginSecrets,
        *,
        bucket: Callable[[], int],
        entropy: Entropy = system_entropy,
    ) -> None:
        self._providers = providers
        self._pending = pending
        self._store = store
        self._secrets = secrets
        self._bucket = bucket
        self._entropy = entropy

    async def link(
        self,
        account: AccountDid,
        code: str,
        *,
        verifier: str,
        redirect_uri: str,
        still: Callable[[], None],
    ) -> Shown:
        """Let the person behind a code log in to the account. Raises `LoginError`; the code is spent.

        `still` raises when the account's credential was revoked; it is asked after the account was read, so
        that what follows from an old key never comes after a recovery.
        """
        proven = await self._pending.take(IdentityProven, code)
        if proven is None:
            raise LoginError(LoginFault.EXPIRED, detail="no such code")
        if not is_of_app(proven.app, verifier=verifier, redirect_uri=redirect_uri):
            raise LoginError(LoginFault.EXPIRED, detail="another verifier or redirect_uri")
        row = await self._store.account(account)
        still()
        if row is None:
            raise LoginError(LoginFault.REFUSED, "Only accounts that live on this server have identities.")
        now = self._bucket()
        sealed = seal_label(proven.identity, proven.provider, now, self._secrets, entropy=self._entropy)
        match await self._store.link_identity(
            proven.identity, account, label=sealed, verification_key=row.verification_key, now=now
        ):
            case IdentityKept():
                return self._shown(Identity(proven.identity, sealed))
            case IdentityLinked():
                raise LoginError(LoginFault.IDENTITY_TAKEN)
            case TooManyIdentities():
                message = f"At most {MAX_IDENTITIES} may log in to one account."
                raise LoginError(LoginFault.TOO_MANY_IDENTITIES, message)
            case AccountUnknown():
                raise LoginError(LoginFault.EXPIRED, detail="the account was recovered meanwhile")

    async def list(self, account: AccountDid) -> list[Shown]:
        """Who may log in to the account at a provider."""
        return [self._shown(each) for each in await self._store.identities_of(account)]

    async def unlink(self, account: AccountDid, shown: str) -> bool:
        """Let the one of this id log in no more; False where there is none. Raises `LoginError` for the last.

        Logins that were begun go on, as after the loss of a passkey: logging out everywhere ends them.
        """
        for each in await self._store.identities_of(account):
            if self._secrets.identity_id(each.identity) == shown:
                outcome = await self._store.unlink_identity(account, each.identity, now=self._bucket())
                if isinstance(outcome, LastWayIn):
                    raise LoginError(LoginFault.LAST_WAY_IN)
                return isinstance(outcome, IdentityUnlinked)
        return False

    def _shown(self, identity: Identity) -> Shown:
        name = self._secrets.identity_id(identity.identity)
        label = open_label(identity, self._secrets)
        if label is None:
            return Shown(name, None, None, None)
        offered = self._providers.get(label.provider)
        return Shown(name, label.provider, None if offered is None else offered.name, label.day)
