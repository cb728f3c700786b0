"""From a handle to its DID, for people who type: `alice.example.com` → `did:plc:...`.

A handle is claimed in two ways: a TXT record `_atproto.<handle>` with `did=<DID>`, or that DID as text at
`https://<handle>/.well-known/atproto-did`. The record goes first, as for the reference; two records that
disagree claim nothing. Either is a claim by whoever owns the name: it holds only if the DID's document names
the handle too (`names_handle`). Nothing in the server decides by handles.

Source: atproto.com/specs/handle.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from protocol import AccountDid, InvalidId
from router.config.origin import Origin
from router.identity.did import is_handle, is_public_hostname, parse_issuer
from router.identity.document import DidDocument
from router.identity.fetch import Fetcher, FetchFailed

HANDLE_PATH: Final = "/.well-known/atproto-did"
_MAX_BYTES: Final = 2_048
_CLAIM: Final = "did="
_SECONDS: Final = 3.0

TxtRecords = Callable[[str], Awaitable[Sequence[str]]]
"""The TXT records of a name; empty when it has none or nobody answers."""


class HandleError(Exception):
    """The handle leads to no DID; the text says how far it led."""


async def did_of_handle(handle: str, *, txt: TxtRecords, fetcher: Fetcher) -> AccountDid:
    """The DID that a handle claims, `HandleError` if it claims none clearly. Waits as long as it may."""
    name = handle.removeprefix("@").lower()
    if not is_handle(name) or not is_public_hostname(name):
        raise HandleError(f"{handle} is not a handle that anybody can have")
    claimed = {_did(text) for text in await txt(f"_atproto.{name}") if text.startswith(_CLAIM)}
    if len(claimed) > 1:
        raise HandleError(f"the TXT records of _atproto.{name} name more than one DID")
    if claimed:
        return claimed.pop()
    try:
        body = await fetcher.get(Origin("https", name, None), HANDLE_PATH, max_bytes=_MAX_BYTES, accept="*/*")
    except FetchFailed as failed:
        raise HandleError(
            f"_atproto.{name} has no TXT record with a DID, and https://{name}{HANDLE_PATH} "
            f"gave none ({failed.why.value})"
        ) from None
    if body is None:
        raise HandleError(f"neither a TXT record of _atproto.{name} nor https://{name} names a DID")
    return _did(_CLAIM + body.decode("ascii", "replace").strip())


def names_handle(document: DidDocument, handle: str) -> bool:
    """Whether the account itself claims the handle: its first at:// name is this one."""
    first = next((name for name in document.also_known_as if name.startswith("at://")), "")
    return first.lower() == f"at://{handle.removeprefix('@').lower()}"


class DnsTxt:
    """TXT records by the system's name servers, or by those of the resolver given."""

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._resolver = resolver

    async def __call__(self, name: str) -> Sequence[str]:
        """The records of a name, each whole (one record may come in several strings)."""
        try:
            resolver = dns.asyncresolver.Resolver() if self._resolver is None else self._resolver
            answer = await resolver.resolve(
                name, dns.rdatatype.TXT, lifetime=_SECONDS, raise_on_no_answer=False, search=False
            )
        except dns.exception.DNSException:  # no such name, nobody answers, no name server at all
            return ()
        return [b"".join(record.strings).decode("ascii", "replace") for record in answer.rrset or ()]


def _did(claim: str) -> AccountDid:
    try:
        return parse_issuer(claim.removeprefix(_CLAIM), own="")
    except InvalidId:
        raise HandleError("the handle names something that is no account's DID") from None
