"""What a look at the world gave for a DID: four outcomes, and the interface of those who look."""

from typing import Protocol, TypeAlias

import attrs

from protocol import AccountDid
from router.identity.document import DidDocument, parse_did_document
from router.identity.errors import BadDocumentError
from router.identity.fetch import FetchFailed
from router.identity.strict_json import BadJsonError, read_json


@attrs.frozen
class Found:
    """There is a document; `size` is what it cost in bytes of text."""

    document: DidDocument
    size: int


@attrs.frozen
class Absent:
    """Whoever is responsible says that there is none: unknown, or a tombstone."""


@attrs.frozen
class Broken:
    """Something is there and it is not a document of this DID, or its host is one that is not asked."""

    reason: str


@attrs.frozen
class Unreachable:
    """Nobody answered."""

    reason: str
    shared: bool
    """Whether many accounts depend on who was silent (the directory, ourselves): then it is no fault of this
    account, and a caller is told to come again rather than that its identity cannot be found."""
    asked: bool = True
    """Whether anybody was asked at all: if not, asking again at once is no burden to anybody."""


Outcome: TypeAlias = Found | Absent | Broken | Unreachable


class Source(Protocol):
    """Who looks for the DIDs of one method."""

    @property
    def shared(self) -> bool:
        """Whether many accounts depend on who is asked here."""

    async def find(self, did: AccountDid, /) -> Outcome:
        """Look now. Waits as long as the caller lets it; raises only cancellation."""


def read_document(body: bytes, did: AccountDid) -> Found | Broken:
    """The document of a DID in the body of an answer."""
    try:
        return Found(parse_did_document(read_json(body), did), len(body))
    except (BadJsonError, BadDocumentError):
        return Broken("bad_document")


def outcome_of(failed: FetchFailed, *, shared: bool) -> Broken | Unreachable:
    """What a failed fetch says of the DID."""
    if failed.why.is_silence:
        return Unreachable(failed.why.value, shared)
    return Broken(failed.why.value)
