"""The part of the store that keeps passkeys: public keys of people's authenticators, by which they log in.

A passkey is for this router alone (a WebAuthn credential knows no other), so nothing here tells who somebody
is elsewhere. Its user handle is random: an authenticator that is found tells no account.

*The counter.* Many authenticators count their signatures. A count that does not rise says that there are two
of what there may be one of (WebAuthn 6.1.1): the passkey is set aside, for good, in the transaction that saw
it. Authenticators that do not count say 0 each time, as synced passkeys do.
"""

import abc
from collections.abc import Mapping, Sequence

import msgspec

from protocol import AccountDid
from router.store.credentials import AccountUnknown
from router.store.values import Account, NameTaken


class Passkey(msgspec.Struct, frozen=True, gc=False):
    """One passkey of an account that lives here."""

    id: str
    """Random, for lists, forms and the audit; opens nothing."""
    account: AccountDid
    credential: bytes
    """The credential id that its authenticator has chosen, at most 1023 bytes."""
    handle: bytes
    """32 random bytes, the user handle that its authenticator keeps and gives back."""
    public_key: bytes
    """COSE key."""
    sign_count: int
    """As the authenticator last said; 0 if it does not count."""
    synced: bool
    """Backup eligible: the authenticator may copy it to other devices of its owner. Never changes."""
    name: str
    """What its owner calls it."""
    created_day: int
    """Days since 1970-01-01."""
    used_day: int = 0
    """Days since 1970-01-01; 0 until somebody has logged in with it."""
    suspended: bool = False
    """Its counter went back: nobody logs in with it any more."""


class PasskeyKept(msgspec.Struct, frozen=True, tag="passkey-kept", gc=False):
    """The account has the passkey."""


class PasskeyTaken(msgspec.Struct, frozen=True, tag="passkey-taken", gc=False):
    """This credential is a passkey here already. Nothing was written."""


class TooManyPasskeys(msgspec.Struct, frozen=True, tag="too-many-passkeys", gc=False):
    """The account has as many passkeys as it may have. Nothing was written."""

    limit: int


class PasskeyUsed(msgspec.Struct, frozen=True, tag="passkey-used", gc=False):
    """Its owner is here; the new count stands."""

    account: AccountDid


class PasskeyCloned(msgspec.Struct, frozen=True, tag="passkey-cloned", gc=False):
    """The count did not rise: the passkey is set aside from now on."""

    account: AccountDid


class PasskeySuspended(msgspec.Struct, frozen=True, tag="passkey-suspended", gc=False):
    """It was set aside before. Nothing was written."""


class PasskeyUnknown(msgspec.Struct, frozen=True, tag="passkey-unknown", gc=False):
    """There is no such passkey, or not of this account. Nothing was written."""


class PasskeyRevoked(msgspec.Struct, frozen=True, tag="passkey-revoked", gc=False):
    """The passkey is gone."""


class LastWayIn(msgspec.Struct, frozen=True, tag="last-way-in", gc=False):
    """Without it nobody could log in to the account any more. Nothing was written."""


KeepOutcome = PasskeyKept | PasskeyTaken | TooManyPasskeys | AccountUnknown
UseOutcome = PasskeyUsed | PasskeyCloned | PasskeySuspended | PasskeyUnknown
RevokeOutcome = PasskeyRevoked | PasskeyUnknown | LastWayIn


def judge_use(passkey: Passkey | None, sign_count: int) -> UseOutcome:
    """What becomes of a passkey whose authenticator has signed with this count. Pure; every store's rule.

    WebAuthn 7.2 step 22: unless both are 0, the count has risen.
    """
    if passkey is None:
        return PasskeyUnknown()
    if passkey.suspended:
        return PasskeySuspended()
    if sign_count > passkey.sign_count or sign_count == passkey.sign_count == 0:
        return PasskeyUsed(passkey.account)
    return PasskeyCloned(passkey.account)


def judge_revocation(
    passkeys: Sequence[Passkey], passkey: str, *, another_way: bool, even_if_last: bool
) -> RevokeOutcome:
    """Whether an account may lose one of its passkeys. Pure; every store's rule.

    `another_way`: it has a key of its own, or somebody who logs in to it at an identity provider. One that
    was set aside opens nothing, so nothing is lost with it.
    """
    found = next((each for each in passkeys if each.id == passkey), None)
    if found is None:
        return PasskeyUnknown()
    others = any(each.id != passkey and not each.suspended for each in passkeys)
    if found.suspended or others or another_way or even_if_last:
        return PasskeyRevoked()
    return LastWayIn()


class Passkeys(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods."""

    @abc.abstractmethod
    async def create_account_with_passkey(
        self, passkey: Passkey, name: str, *, now: int
    ) -> Account | NameTaken | PasskeyTaken:
        """Make an account without a key of its own, and its first passkey, or neither."""

    @abc.abstractmethod
    async def keep_passkey(
        self, passkey: Passkey, *, verification_key: str, now: int, max_passkeys: int
    ) -> KeepOutcome:
        """Give an account one more passkey; `AccountUnknown` unless it lives here and has this key.

        With another key it was recovered since its owner was recognised, who may not be its owner any more.
        """

    @abc.abstractmethod
    async def passkey(self, credential: bytes) -> Passkey | None:
        """The passkey with this credential id."""

    @abc.abstractmethod
    async def passkeys_of(self, account: AccountDid) -> list[Passkey]:
        """The account's passkeys in the order in which they came."""

    @abc.abstractmethod
    async def count_passkeys(self) -> Mapping[AccountDid, int]:
        """How many each account has that has any. For operators: not bounded."""

    @abc.abstractmethod
    async def use_passkey(self, credential: bytes, sign_count: int, *, now: int) -> UseOutcome:
        """Somebody has proven to have it: judge the count (`judge_use`) and keep what follows."""

    @abc.abstractmethod
    async def rename_passkey(self, account: AccountDid, passkey: str, name: str) -> bool:
        """Call it otherwise; False when the account has no such passkey."""

    @abc.abstractmethod
    async def revoke_passkey(
        self, account: AccountDid, passkey: str, *, even_if_last: bool, now: int
    ) -> RevokeOutcome:
        """Delete it (`judge_revocation`). Logins that were begun with it go on."""
