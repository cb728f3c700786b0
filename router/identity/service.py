"""This router's own name, and the DID documents it serves at `/.well-known/did.json`.

The router is one did:web, `did:web:chat.example.com`, with one service entry, `#atproto_mls`. Each
account that lives on it is a did:web one label below, `did:web:alice.chat.example.com`, so a wildcard
name in DNS leads every account's document to this server, which tells them apart by the Host header.
"""

from typing import Protocol
from urllib.parse import urlsplit

import attrs

from protocol import AccountDid
from router.identity.did import WEB_PREFIX, is_account_of, is_label
from router.identity.document import ATPROTO_KEY, DidDocument, ServiceEntry, VerificationMethod

SERVICE_FRAGMENT = "#atproto_mls"
_SERVICE_TYPE = "AtprotoMlsDeliveryService"


class AccountRecord(Protocol):
    """What identity needs of an account as the store holds it."""

    @property
    def did(self) -> AccountDid:
        """Its DID."""

    @property
    def verification_key(self) -> str:
        """Its public key as Multikey text; empty where it has none and speaks with access tokens."""


class Accounts(Protocol):
    """Where accounts are looked up: the store's directory."""

    async def account(self, did: AccountDid, /) -> AccountRecord | None:
        """The account, or None."""


@attrs.frozen
class ServiceIdentity:
    """Who this router is: its DID and the URL at which clients reach it."""

    did: str
    endpoint: str  # an origin: scheme://host[:port]

    @property
    def web_name(self) -> str:
        """The did:web name accounts live below; a port is written %3A, as did:web has it."""
        if self.did.startswith(WEB_PREFIX):
            return self.did.removeprefix(WEB_PREFIX)
        return urlsplit(self.endpoint).netloc.replace(":", "%3A")

    @property
    def audience(self) -> str:
        """The `aud` of a token for this service."""
        return self.did + SERVICE_FRAGMENT

    def account_did(self, name: str) -> AccountDid:
        """The DID of the account with this name (one DNS label, see `accounts.check_name`)."""
        return AccountDid(f"{WEB_PREFIX}{name}.{self.web_name}")

    def name_of(self, did: str) -> str | None:
        """The name of an account of this router, or None for any other DID."""
        web_name = did.removeprefix(WEB_PREFIX)
        if web_name == did or not is_account_of(web_name, self.web_name):
            return None
        return web_name.partition(".")[0]

    def document(self) -> DidDocument:
        """The router's own document. It has no key: the router signs nothing as a DID."""
        entry = ServiceEntry(self.did + SERVICE_FRAGMENT, _SERVICE_TYPE, self.endpoint)
        return DidDocument(self.did, services=(entry,))

    def account_document(self, record: AccountRecord) -> DidDocument:
        """The document of an account that lives here; without a method if it has no key of its own.

        Who logs in elsewhere speaks with access tokens of this router and signs nothing as a DID.
        """
        name, key = record.did + ATPROTO_KEY, record.verification_key
        methods = (VerificationMethod(name, "Multikey", record.did, key),) if key else ()
        # a handle has no port, so an account of localhost%3A3000 has none
        web_name = record.did.removeprefix(WEB_PREFIX)
        handles = () if "%" in web_name else (f"at://{web_name}",)
        return DidDocument(record.did, verification_methods=methods, also_known_as=handles)


class ServedDocuments:
    """The documents this router serves, chosen by the Host header."""

    def __init__(self, service: ServiceIdentity, accounts: Accounts) -> None:
        self._service = service
        self._accounts = accounts

    async def did_document_for_host(self, host: str) -> DidDocument | None:
        """The document whose did:web leads to this host; None for a name that nobody has (404).

        A port in the header counts only if the router's own DID has one: a proxy in front may well
        listen elsewhere than the public.
        """
        web_name = host.strip().lower().replace(":", "%3A")
        if "%" not in self._service.web_name:
            web_name = web_name.partition("%")[0]
        if web_name == self._service.web_name:
            # A did:plc service is described by the PLC directory and not by this host.
            return self._service.document() if self._service.did.startswith(WEB_PREFIX) else None
        label, _, rest = web_name.partition(".")
        if rest != self._service.web_name or not is_label(label):
            return None
        record = await self._accounts.account(self._service.account_did(label))
        return None if record is None else self._service.account_document(record)
