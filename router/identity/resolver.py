"""From a DID to its document: one interface, the resolver for accounts that live here, and who asks whom.

The resolver that goes out (did:plc, did:web of others) is in `outside.py`, behind the same interface; the
brake on forced refreshes is its own, since only it has somebody to spare.
"""

from collections import OrderedDict
from typing import Protocol

from protocol import AccountDid
from router.identity.document import DidDocument
from router.identity.errors import ResolutionError, UnknownDidError
from router.identity.service import Accounts, ServiceIdentity


class Resolver(Protocol):
    """Where documents come from."""

    async def resolve(self, did: AccountDid, /, *, refresh: bool = False) -> DidDocument:
        """The document of a DID, from a cache unless `refresh` is asked for and granted.

        Raises `UnknownDidError` for a DID this resolver never answers for, `DirectoryAwayError` when the
        world is at fault, and another `ResolutionError` when there is no document now.
        """


class HomeFirst:
    """Accounts of this router from its own store, never over the network; all others from `outside`."""

    def __init__(self, service: ServiceIdentity, home: Resolver, outside: Resolver) -> None:
        self._service = service
        self._home = home
        self._outside = outside

    async def resolve(self, did: AccountDid, /, *, refresh: bool = False) -> DidDocument:
        """The document of a DID, from where it lives."""
        own = did == self._service.did or self._service.name_of(did) is not None
        return await (self._home if own else self._outside).resolve(did, refresh=refresh)


class LocalResolver:
    """Documents of this router's accounts, made from the store's records and kept, `capacity` at most.

    Whoever changes an account's key calls `forget`; absent accounts are not remembered.
    """

    def __init__(self, service: ServiceIdentity, accounts: Accounts, *, capacity: int = 4096) -> None:
        self._service = service
        self._accounts = accounts
        self._capacity = capacity
        self._documents: OrderedDict[AccountDid, DidDocument] = OrderedDict()
        self._changes = 0

    async def resolve(self, did: AccountDid, /, *, refresh: bool = False) -> DidDocument:
        """The document of an account of this router; a refresh reads the store again."""
        if self._service.name_of(did) is None:
            raise UnknownDidError("not an account of this router")
        document = self._documents.get(did)
        if document is not None and not refresh:
            self._documents.move_to_end(did)
            return document
        changes = self._changes
        record = await self._accounts.account(did)
        if record is None:
            raise ResolutionError("no such account")
        document = self._service.account_document(record)
        # A key that changed while the store was read must not be covered by the older answer.
        if changes == self._changes:
            self._documents[did] = document
            self._documents.move_to_end(did)
            if len(self._documents) > self._capacity:
                self._documents.popitem(last=False)
        return document

    def forget(self, did: AccountDid) -> None:
        """The account was changed or removed: the next look reads the store."""
        self._changes += 1
        self._documents.pop(did, None)

    def statistics(self) -> dict[str, int]:
        """`items` held now and `capacity`."""
        return {"items": len(self._documents), "capacity": self._capacity}
