"""The memory store's ways in besides an account's key: passkeys and identities elsewhere."""

from collections import Counter
from collections.abc import Mapping

import trio
from msgspec.structs import replace

from protocol import AccountDid
from router.store import rules
from router.store.audit import AuditFact
from router.store.credentials import AccountUnknown
from router.store.identities import (
    Identity,
    IdentityKept,
    IdentityUnlinked,
    LinkOutcome,
    UnlinkOutcome,
    judge_linking,
    judge_unlinking,
)
from router.store.logins import IdentityLinked
from router.store.memory.base import Base
from router.store.passkeys import (
    KeepOutcome,
    Passkey,
    PasskeyCloned,
    PasskeyKept,
    PasskeyRevoked,
    PasskeyTaken,
    PasskeyUsed,
    RevokeOutcome,
    TooManyPasskeys,
    UseOutcome,
    judge_revocation,
    judge_use,
)
from router.store.values import Account, NameTaken


class MemoryWaysIn(Base):
    """See `Store`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._identities: dict[bytes, AccountDid] = {}
        self._labels: dict[bytes, bytes] = {}
        self._passkeys: dict[bytes, Passkey] = {}

    # -- identities ------------------------------------------------------------------------------------

    async def account_of_identity(self, identity: bytes) -> AccountDid | None:
        await trio.lowlevel.checkpoint()
        return self._identities.get(identity)

    async def create_account_for(
        self, identity: bytes, did: AccountDid, name: str, *, label: bytes = b"", now: int
    ) -> Account | NameTaken | IdentityLinked:
        await trio.lowlevel.checkpoint()
        linked = self._identities.get(identity)
        if linked is not None:
            return self._accounts[did] if linked == did else IdentityLinked(linked)
        if any(known.did == did or known.name == name for known in self._accounts.values()):
            return NameTaken(name)
        made = self._accounts[did] = Account(did, name, "", rules.day_of(now))
        self._identities[identity], self._labels[identity] = did, label
        self._record((AuditFact("account.created", subject=did),), now)
        return made

    async def link_identity(
        self, identity: bytes, account: AccountDid, *, label: bytes, verification_key: str, now: int
    ) -> LinkOutcome:
        await trio.lowlevel.checkpoint()
        known = self._accounts.get(account)
        if known is None or known.verification_key != verification_key:
            return AccountUnknown()
        linked = self._identities.get(identity)
        outcome = judge_linking(linked, account, len(self._identities_of(account)))
        if isinstance(outcome, IdentityKept) and linked is None:
            self._identities[identity], self._labels[identity] = account, label
            self._record((AuditFact("account.linked", subject=account),), now)
        return outcome

    async def identities_of(self, account: AccountDid) -> list[Identity]:
        await trio.lowlevel.checkpoint()
        return [Identity(each, self._labels[each]) for each in self._identities_of(account)]

    async def unlink_identity(self, account: AccountDid, identity: bytes, *, now: int) -> UnlinkOutcome:
        await trio.lowlevel.checkpoint()
        known = self._accounts.get(account)
        has_key = known is not None and known.verification_key != ""
        has_passkey = any(not each.suspended for each in self._all_passkeys(account))
        outcome = judge_unlinking(self._identities_of(account), identity, another_way=has_key or has_passkey)
        if isinstance(outcome, IdentityUnlinked):
            del self._identities[identity]
            self._record((AuditFact("account.unlinked", subject=account),), now)
        return outcome

    def _identities_of(self, account: AccountDid) -> list[bytes]:
        return sorted(each for each, owner in self._identities.items() if owner == account)

    # -- passkeys --------------------------------------------------------------------------------------

    def _all_passkeys(self, account: AccountDid) -> list[Passkey]:
        return [passkey for passkey in self._passkeys.values() if passkey.account == account]

    def _insert_passkey(self, passkey: Passkey, now: int) -> None:
        self._passkeys[passkey.credential] = passkey
        self._record((AuditFact("passkey.registered", passkey.account, detail=passkey.id),), now)

    async def create_account_with_passkey(
        self, passkey: Passkey, name: str, *, now: int
    ) -> Account | NameTaken | PasskeyTaken:
        await trio.lowlevel.checkpoint()
        did = passkey.account
        if any(known.did == did or known.name == name for known in self._accounts.values()):
            return NameTaken(name)
        if passkey.credential in self._passkeys:
            return PasskeyTaken()
        made = self._accounts[did] = Account(did, name, "", rules.day_of(now))
        self._record((AuditFact("account.created", subject=did),), now)
        self._insert_passkey(passkey, now)
        return made

    async def keep_passkey(
        self, passkey: Passkey, *, verification_key: str, now: int, max_passkeys: int
    ) -> KeepOutcome:
        await trio.lowlevel.checkpoint()
        known = self._accounts.get(passkey.account)
        if known is None or known.verification_key != verification_key:
            return AccountUnknown()
        if passkey.credential in self._passkeys:
            return PasskeyTaken()
        if len(self._all_passkeys(passkey.account)) >= max_passkeys:
            return TooManyPasskeys(max_passkeys)
        self._insert_passkey(passkey, now)
        return PasskeyKept()

    async def passkey(self, credential: bytes) -> Passkey | None:
        await trio.lowlevel.checkpoint()
        return self._passkeys.get(credential)

    async def passkeys_of(self, account: AccountDid) -> list[Passkey]:
        await trio.lowlevel.checkpoint()
        return self._all_passkeys(account)

    async def count_passkeys(self) -> Mapping[AccountDid, int]:
        await trio.lowlevel.checkpoint()
        return Counter(passkey.account for passkey in self._passkeys.values())

    async def use_passkey(self, credential: bytes, sign_count: int, *, now: int) -> UseOutcome:
        await trio.lowlevel.checkpoint()
        known = self._passkeys.get(credential)
        outcome = judge_use(known, sign_count)
        if known is None:
            return outcome
        match outcome:
            case PasskeyUsed():
                today = rules.day_of(now)
                self._passkeys[credential] = replace(known, sign_count=sign_count, used_day=today)
            case PasskeyCloned(account=account):
                self._passkeys[credential] = replace(known, suspended=True)
                self._record((AuditFact("passkey.suspended", subject=account, detail=known.id),), now)
            case _:
                pass
        return outcome

    async def rename_passkey(self, account: AccountDid, passkey: str, name: str) -> bool:
        await trio.lowlevel.checkpoint()
        found = next((each for each in self._all_passkeys(account) if each.id == passkey), None)
        if found is None:
            return False
        self._passkeys[found.credential] = replace(found, name=name)
        return True

    async def revoke_passkey(
        self, account: AccountDid, passkey: str, *, even_if_last: bool, now: int
    ) -> RevokeOutcome:
        await trio.lowlevel.checkpoint()
        mine = self._all_passkeys(account)
        known = self._accounts.get(account)
        has_key = known is not None and known.verification_key != ""
        another_way = has_key or account in self._identities.values()
        outcome = judge_revocation(mine, passkey, another_way=another_way, even_if_last=even_if_last)
        if isinstance(outcome, PasskeyRevoked):
            self._passkeys = {key: each for key, each in self._passkeys.items() if each.id != passkey}
            self._record((AuditFact("passkey.revoked", account, detail=passkey),), now)
        return outcome

    def _forget_ways_in(self, account: AccountDid, now: int) -> None:
        """A recovery: whoever could log in to the account before it cannot any more."""
        for passkey in sorted(self._all_passkeys(account), key=lambda each: each.id):
            del self._passkeys[passkey.credential]
            self._record((AuditFact("passkey.revoked", subject=account, detail=passkey.id),), now)
        for identity in (mine := self._identities_of(account)):
            del self._identities[identity]
        if mine:
            self._record((AuditFact("account.unlinked", subject=account),), now)
