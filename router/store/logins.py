"""The part of the store that people who log in stand on: pending ceremonies, identities, grants.

*Pending*: what waits for its second half (a login at an identity provider, the choice of a name, a code
for an app, a passkey ceremony). A row is a keyed hash and sealed bytes: it names nobody, and who has the
database alone can finish nothing. Taken once, by any node.

*Identities*: who somebody is elsewhere, as a keyed hash of issuer and subject, and the account that is.

*Grants*: a grant is one login of an account on one app, kept alive by refresh tokens of which one at a
time is good. Whoever presents an older one has a copy of somebody's: the grant ends (RFC 9700 4.14).
"""

import abc
import hmac

import msgspec

from protocol import AccountDid
from router.store.values import Account, NameTaken


class Grant(msgspec.Struct, frozen=True, gc=False):
    """One login. Its end is a day; when its tokens were refreshed is kept nowhere."""

    id: str
    account: AccountDid
    current: bytes
    """32 bytes, keyed hash of the refresh token that is good."""
    retry: bytes | None
    """32 bytes, keyed hash of the token before it and of the key its refresh carried: who knows both may ask
    once more."""
    expires: int
    """Unix seconds, the end of a day: from here on it is over, however often it was refreshed."""
    ended: bool = False
    """By logout or reuse. Kept until no access token of its can live, for nodes that start meanwhile."""


class GrantRotated(msgspec.Struct, frozen=True, tag="grant-rotated", gc=False):
    """The successor is good now (or was already, when the same refresh was asked again)."""

    account: AccountDid
    expires: int


class GrantReused(msgspec.Struct, frozen=True, tag="grant-reused", gc=False):
    """A token that was good once: there are two holders, and the grant has ended."""

    account: AccountDid


class GrantUnknown(msgspec.Struct, frozen=True, tag="grant-unknown", gc=False):
    """There is no such grant, or it is over. Nothing was written."""


class IdentityLinked(msgspec.Struct, frozen=True, tag="identity-linked", gc=False):
    """This person has an account already. Nothing was written."""

    account: AccountDid


RotationOutcome = GrantRotated | GrantReused | GrantUnknown


def judge_rotation(
    grant: Grant | None, *, presented: bytes, retry: bytes | None, now: int
) -> RotationOutcome:
    """What becomes of a grant for which the token with this hash is presented. Pure; every store's rule."""
    if grant is None or grant.ended or grant.expires <= now:
        return GrantUnknown()
    if hmac.compare_digest(presented, grant.current) or is_retry(grant, retry):
        return GrantRotated(grant.account, grant.expires)
    return GrantReused(grant.account)


def is_retry(grant: Grant, retry: bytes | None) -> bool:
    """Whether this is the grant's last refresh, asked once more because its answer was lost."""
    return retry is not None and grant.retry is not None and hmac.compare_digest(retry, grant.retry)


class Logins(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods."""

    # -- pending ---------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def keep_pending(self, key: bytes, sealed: bytes, *, expires: int) -> None:
        """Keep sealed bytes under 32 bytes that nobody can guess, until `expires` (in steps of a minute).

        The exact end is the caller's to seal inside.
        """

    @abc.abstractmethod
    async def take_pending(self, key: bytes, *, now: int) -> bytes | None:
        """The sealed bytes, which nobody gets again; None if they were taken, expired, or never were."""

    # -- identities ------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def account_of_identity(self, identity: bytes) -> AccountDid | None:
        """The account of this person, if there is one."""

    @abc.abstractmethod
    async def create_account_for(
        self, identity: bytes, did: AccountDid, name: str, *, label: bytes = b"", now: int
    ) -> Account | NameTaken | IdentityLinked:
        """Make an account without a key of its own, for this person; the same call again finds it made.

        `label` is for its owner, sealed (`identities.py`).
        """

    # -- grants ----------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def begin_grant(self, grant: Grant) -> bool:
        """Keep a new grant; False if there was one of this id, which stays as it is."""

    @abc.abstractmethod
    async def rotate_grant(
        self, grant: str, *, presented: bytes, successor: bytes, retry: bytes | None, now: int
    ) -> RotationOutcome:
        """Make `successor` the good token if the presented one is (`judge_rotation`); reuse ends it all."""

    @abc.abstractmethod
    async def end_grant(self, grant: str, *, now: int) -> AccountDid | None:
        """End one login; its account, or None if it was over already."""

    @abc.abstractmethod
    async def end_grants_of(self, account: AccountDid, *, now: int) -> list[str]:
        """End all logins of an account; the ids of those that were alive."""

    @abc.abstractmethod
    async def ended_grants(self, now: int) -> list[str]:
        """Grants that ended lately: asked at start, so that their access tokens stay refused."""
