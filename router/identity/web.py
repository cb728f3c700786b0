"""did:web: a document at a host of the account's own choosing.

`did:web:alice.example.com` is `https://alice.example.com/.well-known/did.json`. AT Protocol leaves out paths
and, but for localhost in development, ports. Which names are asked at all is `did.parse_issuer`'s to say;
where they may lead is `address_guard`'s.
"""

from protocol import AccountDid
from router.identity.did import WEB_PREFIX, web_origin
from router.identity.fetch import Fetcher, FetchFailed
from router.identity.lookup import Absent, Broken, Outcome, outcome_of, read_document

DOCUMENT_PATH = "/.well-known/did.json"
_MEDIA_TYPES = "application/did+ld+json, application/did+json, application/json"


class WebHosts:
    """Looks for did:web documents at the hosts they name. A host is nobody's but the account's."""

    shared = False

    def __init__(self, fetcher: Fetcher, loopback_hosts: frozenset[str] = frozenset()) -> None:
        """`loopback_hosts`: names that a developer has declared to be on this machine."""
        self._fetcher = fetcher
        self._loopback_hosts = loopback_hosts

    async def find(self, did: AccountDid, /) -> Outcome:
        """The document at the DID's host."""
        origin = web_origin(did.removeprefix(WEB_PREFIX), self._loopback_hosts)
        if origin is None:
            return Broken("not_a_host")
        try:
            body = await self._fetcher.get(origin, DOCUMENT_PATH, accept=_MEDIA_TYPES)
        except FetchFailed as failed:
            return outcome_of(failed, shared=self.shared)
        return Absent() if body is None else read_document(body, did)
