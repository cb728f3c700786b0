"""An account's own PDS: found in its DID document, asked for the account's blocks.

The document names it in the service entry `#atproto_pds`, as a https origin of a public host. The fetches
are those of `router/identity/fetch.py`: the address that is judged is the one that is spoken to, no
redirect, bounded bodies. A listing is bounded in records, bytes and time; what was read before a bound or a
fault is kept, because a block that was found is one, however much is missing behind it.

Nothing here is remembered but the hosts' brakes; that is for `service.py`.

Source: atproto.com/specs/did (representation of the PDS), lexicons com.atproto.repo.{listRecords,getRecord}.
"""

from collections.abc import Iterable
from typing import Final

import attrs
import trio

from protocol import AccountDid
from router.blocks.hosts import Hosts
from router.blocks.records import (
    BadRecordsError,
    list_path,
    read_page,
    read_record,
    record_path,
    says_absent,
)
from router.blocks.relation import Block
from router.config.origin import BadUrlError, Origin, parse_origin
from router.identity.did import is_public_hostname
from router.identity.document import DidDocument
from router.identity.errors import (
    AbsentDidError,
    BadDocumentError,
    DirectoryAwayError,
    ResolutionError,
    UnknownDidError,
)
from router.identity.fetch import Answer, Fetcher, FetchFailed
from router.identity.resolver import Resolver

PDS_ENTRY: Final = "#atproto_pds"
PDS_TYPE: Final = "AtprotoPersonalDataServer"

_MAX_PAGE_BYTES: Final = 256 * 1024
_MAX_RECORD_BYTES: Final = 16 * 1024
_REFUSALS: Final = (400, 401, 403, 404)
"""What a PDS says of a repository or record that it has not, or does not show."""


class Unread(Exception):
    """The account's records could not be read; `reason` is one of few words, for a metric."""

    def __init__(self, reason: str, *, asked: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.asked = asked
        """Whether anybody was troubled: if not, to ask again soon is no burden."""


@attrs.frozen
class Reading:
    """What a listing gave."""

    blocks: tuple[Block, ...]
    complete: bool
    result: str
    """`read`, `no_pds`, `too_many`, or why it broke off: few words, for a metric."""
    asked: bool = True
    """Whether anybody was troubled."""

    @property
    def lasts(self) -> bool:
        """Whether another look soon would give the same: the account has what it has."""
        return self.complete or self.result == "too_many"


def pds_of(document: DidDocument, loopback_hosts: frozenset[str] = frozenset()) -> Origin | None:
    """Where the account's records are; None when its document names no PDS.

    `Unread` when it names one that nobody is asked at: another type, no https origin of a public host. For a
    developer also http on a host of `loopback_hosts`. The first entry of the name decides.
    """
    for entry in document.services:
        if entry.id in (PDS_ENTRY, document.id + PDS_ENTRY):
            break
    else:
        return None
    try:
        origin = parse_origin(entry.endpoint)
    except BadUrlError:
        raise Unread("bad_endpoint") from None
    own = origin.host in loopback_hosts
    secure = origin.scheme == "https" and is_public_hostname(origin.host)
    if entry.type != PDS_TYPE or not (secure or own):
        raise Unread("bad_endpoint")
    return origin


class PdsRecords:
    """Reads accounts' blocks at their PDS."""

    def __init__(
        self,
        resolver: Resolver,
        fetcher: Fetcher,
        hosts: Hosts,
        *,
        loopback_hosts: frozenset[str] = frozenset(),
        max_at_once: int = 32,
        request_seconds: float = 3.0,
        max_records: int = 5_000,
        max_bytes: int = 4 * 1024 * 1024,
    ) -> None:
        """`max_at_once` requests over all hosts; `max_records`, `max_bytes` of answers for one account."""
        self._resolver = resolver
        self._fetcher = fetcher
        self._hosts = hosts
        self._loopback_hosts = loopback_hosts
        self._turns = trio.CapacityLimiter(max_at_once)
        self._request_seconds = request_seconds
        self._max_records = max_records
        self._max_bytes = max_bytes

    async def blocks_of(self, account: AccountDid, *, seconds: float) -> Reading:
        """All blocks of the account, as far as bounds, faults and `seconds` (waiting included) allow."""
        found: list[Block] = []
        with trio.move_on_after(seconds):
            try:
                origin = await self._pds(account)
                complete = origin is None or await self._list(origin, account, found)
            except Unread as unread:
                return Reading(tuple(found), complete=False, result=unread.reason, asked=unread.asked)
            result = "no_pds" if origin is None else "read" if complete else "too_many"
            return Reading(tuple(found), complete, result)
        return Reading(tuple(found), complete=False, result="timeout")

    async def record(self, account: AccountDid, rkey: str, *, seconds: float) -> Block | None:
        """The block under this key, None when the account has none there. Raises `Unread`."""
        with trio.move_on_after(seconds):
            origin = await self._pds(account)
            if origin is None:
                return None
            answer = await self._ask(origin, record_path(account, rkey), _MAX_RECORD_BYTES)
            if answer.status != 200:
                if says_absent(answer.body):
                    return None
                raise Unread("refused")
            try:
                return read_record(answer.body, account, rkey)
            except BadRecordsError:
                raise Unread("bad_records") from None
        raise Unread("timeout")

    def statistics(self) -> dict[str, int]:
        """Hosts that are remembered: `items` and `capacity`."""
        return self._hosts.statistics()

    async def _list(self, origin: Origin, account: AccountDid, found: list[Block]) -> bool:
        """Read page after page into `found`; whether they were all."""
        cursor: str | None = None
        records, size = 0, 0
        used: set[str] = set()
        while records < self._max_records and size < self._max_bytes:
            answer = await self._ask(origin, list_path(account, cursor), _MAX_PAGE_BYTES)
            if answer.status != 200:
                raise Unread("refused")
            try:
                page = read_page(answer.body, account)
            except BadRecordsError:
                raise Unread("bad_records") from None
            found += page.blocks
            records += page.records
            size += len(answer.body)
            cursor = page.cursor
            if cursor is None:
                return True
            if cursor in used:
                raise Unread("bad_records")  # it leads in a circle
            used.add(cursor)
        return False

    async def _ask(self, origin: Origin, path: str, max_bytes: int) -> Answer:
        host = self._hosts.named(origin.netloc)
        async with host.turns, self._turns:
            refused = host.refuses(self._hosts.clock())
            if refused is not None:
                raise Unread(refused, asked=False)
            spoke = False
            try:
                with trio.fail_after(self._request_seconds):
                    answer = await self._fetcher.ask(origin, path, refusals=_REFUSALS, max_bytes=max_bytes)
                spoke = True
            except trio.TooSlowError:
                raise Unread("timeout") from None
            except FetchFailed as failed:
                spoke = not failed.why.is_silence
                raise Unread(failed.why.value) from None
            finally:  # also when the whole look is out of time: that is a silence too
                if spoke:
                    host.spoke()
                else:
                    host.was_silent(self._hosts.clock())
            return answer

    async def _pds(self, account: AccountDid) -> Origin | None:
        try:
            return pds_of(await self._resolver.resolve(account), self._loopback_hosts)
        except AbsentDidError:
            return None  # no account, so no repository
        except DirectoryAwayError:
            raise Unread("directory") from None
        except UnknownDidError:
            raise Unread("unsupported", asked=False) from None
        except BadDocumentError:
            raise Unread("bad_document") from None
        except ResolutionError:
            raise Unread("unresolved") from None


def by_subject(blocks: Iterable[Block]) -> dict[AccountDid, Block]:
    """One block for each account that is blocked: the newest record, which listings give first."""
    found: dict[AccountDid, Block] = {}
    for block in blocks:
        found.setdefault(block.blocked, block)
    return found
