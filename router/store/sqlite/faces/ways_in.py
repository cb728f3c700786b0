"""The store's face for the ways in besides an account's key: passkeys and identities elsewhere."""

from collections.abc import Mapping

from protocol import AccountDid
from router.store import rules
from router.store.credentials import AccountUnknown
from router.store.identities import (
    Identity,
    IdentityKept,
    IdentityUnknown,
    IdentityUnlinked,
    LinkOutcome,
    TooManyIdentities,
    UnlinkOutcome,
)
from router.store.logins import IdentityLinked
from router.store.passkeys import (
    KeepOutcome,
    LastWayIn,
    Passkey,
    PasskeyCloned,
    PasskeyKept,
    PasskeyRevoked,
    PasskeySuspended,
    PasskeyTaken,
    PasskeyUnknown,
    PasskeyUsed,
    RevokeOutcome,
    TooManyPasskeys,
    UseOutcome,
)
from router.store.sqlite.parts import SqliteParts
from router.store.sqlite.reader import Reader
from router.store.sqlite.requests import (
    AccountMade,
    Changed,
    CreateAccountFor,
    CreateAccountWithPasskey,
    KeepPasskey,
    LinkIdentity,
    RenamePasskey,
    RevokePasskey,
    UnlinkIdentity,
    UsePasskey,
)
from router.store.values import Account, NameTaken


class WaysInFace(SqliteParts):
    """See `Store`."""

    # -- identities ------------------------------------------------------------------------------------

    async def account_of_identity(self, identity: bytes) -> AccountDid | None:
        return await self._short(lambda reader: reader.account_of_identity(identity))

    async def create_account_for(
        self, identity: bytes, did: AccountDid, name: str, *, label: bytes = b"", now: int
    ) -> Account | NameTaken | IdentityLinked:
        request = CreateAccountFor(identity, Account(did, name, "", rules.day_of(now)), label, now)
        outcome = await self._parts.writer.submit(request)
        match outcome:
            case AccountMade(account=made):
                return made
            case NameTaken() | IdentityLinked():
                return outcome
            case _:
                raise TypeError(f"an account was answered with {type(outcome).__name__}")

    async def link_identity(
        self, identity: bytes, account: AccountDid, *, label: bytes, verification_key: str, now: int
    ) -> LinkOutcome:
        request = LinkIdentity(identity, account, label, verification_key, now)
        outcome = await self._parts.writer.submit(request)
        if isinstance(outcome, IdentityKept | IdentityLinked | TooManyIdentities | AccountUnknown):
            return outcome
        raise TypeError(f"an identity was answered with {type(outcome).__name__}")

    async def identities_of(self, account: AccountDid) -> list[Identity]:
        return await self._short(lambda reader: reader.identities_of(account))

    async def unlink_identity(self, account: AccountDid, identity: bytes, *, now: int) -> UnlinkOutcome:
        outcome = await self._parts.writer.submit(UnlinkIdentity(account, identity, now))
        if isinstance(outcome, IdentityUnlinked | IdentityUnknown | LastWayIn):
            return outcome
        raise TypeError(f"an unlinking was answered with {type(outcome).__name__}")

    # -- passkeys --------------------------------------------------------------------------------------

    async def create_account_with_passkey(
        self, passkey: Passkey, name: str, *, now: int
    ) -> Account | NameTaken | PasskeyTaken:
        account = Account(passkey.account, name, "", rules.day_of(now))
        request = CreateAccountWithPasskey(account, passkey, now)
        outcome = await self._write(request, AccountMade, NameTaken, PasskeyTaken)
        return outcome.account if isinstance(outcome, AccountMade) else outcome

    async def keep_passkey(
        self, passkey: Passkey, *, verification_key: str, now: int, max_passkeys: int
    ) -> KeepOutcome:
        request = KeepPasskey(passkey, verification_key, now, max_passkeys)
        outcome = await self._parts.writer.submit(request)
        if isinstance(outcome, PasskeyKept | PasskeyTaken | TooManyPasskeys | AccountUnknown):
            return outcome
        raise TypeError(f"a passkey was answered with {type(outcome).__name__}")

    async def passkey(self, credential: bytes) -> Passkey | None:
        return await self._short(lambda reader: reader.passkey(credential))

    async def passkeys_of(self, account: AccountDid) -> list[Passkey]:
        return await self._short(lambda reader: reader.passkeys_of(account))

    async def count_passkeys(self) -> Mapping[AccountDid, int]:
        return await self._long(Reader.count_passkeys)

    async def use_passkey(self, credential: bytes, sign_count: int, *, now: int) -> UseOutcome:
        outcome = await self._parts.writer.submit(UsePasskey(credential, sign_count, now))
        if isinstance(outcome, PasskeyUsed | PasskeyCloned | PasskeySuspended | PasskeyUnknown):
            return outcome
        raise TypeError(f"a passkey's use was answered with {type(outcome).__name__}")

    async def rename_passkey(self, account: AccountDid, passkey: str, name: str) -> bool:
        return (await self._write(RenamePasskey(account, passkey, name), Changed)).changed

    async def revoke_passkey(
        self, account: AccountDid, passkey: str, *, even_if_last: bool, now: int
    ) -> RevokeOutcome:
        request = RevokePasskey(account, passkey, even_if_last, now)
        return await self._write(request, PasskeyRevoked, PasskeyUnknown, LastWayIn)
