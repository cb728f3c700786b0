"""What an operator does to an account while the server runs: committed first, then felt at once.

Each act is one transaction with its audit record; between the commit and its effect on what is open there
is no await (see `revocations.py`).
"""

from collections.abc import Callable

import attrs

from protocol import AccountDid, InvalidId, parse_account_did
from router.identity.accounts import check_name
from router.identity.api_keys import grant_of
from router.identity.resolver import LocalResolver
from router.identity.revocations import Revocations
from router.identity.service import ServiceIdentity
from router.login.grants import Grants
from router.store.credentials import AccountUnknown, Recovered
from router.store.interface import Store


class NoSuchAccountError(Exception):
    """The operator's: there is no such account here. The text says what was looked for."""


async def account_named(text: str, service: ServiceIdentity, store: Store) -> AccountDid:
    """The account of a DID, or of a name on this router. One that would live here has to exist.

    Raises `NoSuchAccountError` and `BadNameError`.
    """
    try:
        did = parse_account_did(text) if ":" in text else service.account_did(check_name(text, service))
    except InvalidId:
        raise NoSuchAccountError(f"{text} is no DID of an account") from None
    if service.name_of(did) is not None and await store.account(did) is None:
        raise NoSuchAccountError(f"there is no account {text} here")
    return did


@attrs.frozen
class People:
    """The accounts of a running server, as its operator may change them."""

    store: Store
    revocations: Revocations
    residents: LocalResolver
    logins: Grants
    now: Callable[[], int]
    """Unix seconds, rounded down to the log's bucket."""

    async def disable(self, account: AccountDid) -> bool:
        """Refuse the account, wherever it lives, and end what it has open; False if it was so already."""
        changed = await self.store.suspend(account, now=self.now())
        self.revocations.suspend(account)
        return changed

    async def enable(self, account: AccountDid) -> bool:
        """Let the account speak again; False if it might all along."""
        changed = await self.store.restore(account, now=self.now())
        self.revocations.restore(account)
        return changed

    async def recover(
        self, account: AccountDid, verification_key: str, *, keep_devices: bool
    ) -> Recovered | AccountUnknown:
        """Another key for an account that lives here: the old one is void, and so is what was opened with it.

        Whoever has a lost device has what is on it; so logins end, and devices and API keys go too, unless
        they are kept. Nobody can log in to it any more either: whoever has the old key, or took over the
        account at the identity provider, must not come back by that door. While it happens nobody speaks for
        the account, so that nothing which the old key was believed for is done to the new one.
        """
        if await self.store.account(account) is None:
            return AccountUnknown()
        with self.revocations.hold(account):
            await self.logins.end_account(account)
            try:
                outcome = await self.store.recover_account(
                    account, verification_key, keep_devices=keep_devices, now=self.now()
                )
            finally:
                self.residents.forget(account)  # also where nobody knows whether it was committed
            if isinstance(outcome, Recovered):
                for device in outcome.devices:
                    self.revocations.revoke(device=device)
                for key in outcome.api_keys:
                    self.revocations.revoke(grant=grant_of(key))
            # Again, for a login that was finished meanwhile: what began before the new key ends with it.
            await self.logins.end_account(account)
        return outcome
