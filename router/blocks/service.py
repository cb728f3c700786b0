"""`Blocks`: what stands between accounts, on behalf of whoever has to know.

A look is a task of this service's own, one for each account at a time, its result for all who wait: a caller
that goes away costs the others nothing, and a hostile one cannot begin looks and break them off. Looks end
within `look_seconds`, waiting included, so whoever asks is answered in that time; what has no answer by then
is unknown. It does not exit when the world fails.

Accounts that live on this router have no repository elsewhere and nobody is asked about them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeAlias

import attrs
import trio

from protocol import AccountDid
from router.blocks.cache import BlockCache
from router.blocks.pds import Reading, Unread, by_subject
from router.blocks.records import rkey_of
from router.blocks.relation import Block, Findings, Records, between
from router.identity.service import ServiceIdentity

_BUSY: Final = Reading((), complete=False, result="busy", asked=False)
_FAULT: Final = Reading((), complete=False, result="fault")
_NONE: Final[Mapping[AccountDid, Block]] = {}

Report = Callable[[str, BaseException | None], None]


class BlockSource(Protocol):
    """Who reads an account's blocks where it keeps them."""

    async def blocks_of(self, account: AccountDid, /, *, seconds: float) -> Reading:
        """All of them, as far as `seconds` allow; raises only cancellation."""

    async def record(self, account: AccountDid, rkey: str, /, *, seconds: float) -> Block | None:
        """The block under a key, None if there is none; raises `Unread`."""

    def statistics(self) -> Mapping[str, int]:
        """Hosts that are remembered: `items` and `capacity`."""


@attrs.frozen
class Confirmed:
    """It is as claimed, by the account's own records."""


@attrs.frozen
class Denied:
    """The account's own records say otherwise."""


@attrs.frozen
class Unconfirmed:
    """Nobody can tell now; ask again after so many seconds."""

    retry_after: float
    braked: bool = False
    """The same was claimed a moment ago."""


Confirmation: TypeAlias = Confirmed | Denied | Unconfirmed


@attrs.define
class _Look:
    """A look under way. What it gave is None until `done`, and for good if the service stopped."""

    done: trio.Event = attrs.field(factory=trio.Event)
    reading: Reading | None = None
    records: Records | None = None


class Blocks:
    """Finds out who blocks whom. It answers while `run` runs."""

    def __init__(
        self,
        service: ServiceIdentity,
        source: BlockSource,
        cache: BlockCache,
        *,
        now: Callable[[], float],
        clock: Callable[[], float] = trio.current_time,
        look_seconds: float = 10.0,
        max_looks: int = 4_096,
        retry_after: float = 30.0,
        report: Report = lambda _what, _error: None,
    ) -> None:
        """`now` gives Unix seconds, `clock` is monotonic; `retry_after` is for who met the unknown."""
        self._service = service
        self._source = source
        self._cache = cache
        self._now = now
        self._clock = clock
        self._look_seconds = look_seconds
        self._max_looks = max_looks
        self._report = report
        self._looks: dict[AccountDid, _Look] = {}
        self._under_way = 0
        self._nursery: trio.Nursery | None = None
        self._results: dict[tuple[str, str], int] = {}
        self.retry_after = retry_after

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look for others until cancelled; looks under way end with it, and who waits is told."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None

    async def between(self, present: Iterable[AccountDid], coming: Iterable[AccountDid]) -> Findings:
        """What stands between those who come and everybody else (`relation.between`)."""
        old, new = tuple(present), tuple(coming)
        return between(old, new, await self._records((*old, *new)))

    async def confirm(
        self, blocker: AccountDid, blocked: AccountDid, *, exists: bool, uri: str | None, own: bool
    ) -> Confirmation:
        """Whether a block stands (or, unless `exists`, stands no more), by the blocker's records of now.

        `uri` names the record that makes it, as the claim has it; `own` says that the blocker claims it.
        What is remembered of the blocker is out of date from here on, whatever comes of it.
        """
        rkey = None if uri is None else rkey_of(uri, blocker)
        if uri is not None and rkey is None:
            return Denied()  # no record of the blocker's
        if self._lives_here(blocker):
            return Denied() if exists else Confirmed()
        wait = self._cache.may_confirm(blocker, self._clock(), own=own)
        if wait:
            return Unconfirmed(wait, braked=True)
        self._forget(blocker)
        look = self._begin(blocker, None if not exists else rkey)
        await look.done.wait()
        reading = _BUSY if look.reading is None else look.reading
        if any(block.blocked == blocked for block in reading.blocks):
            return Confirmed() if exists else Denied()
        if reading.complete:
            return Denied() if exists else Confirmed()
        return Unconfirmed(self.retry_after)

    def statistics(self) -> dict[str, int]:
        """`looks` under way and their bound, hosts remembered, besides what the cache says."""
        hosts = self._source.statistics()
        return {
            **self._cache.statistics(),
            "looks": self._under_way,
            "max_looks": self._max_looks,
            "hosts": hosts["items"],
            "max_hosts": hosts["capacity"],
        }

    def results(self) -> Mapping[tuple[str, str], int]:
        """How looks ended: (`list` or `record`, result) -> how often. Few-valued both, for a metric."""
        return self._results

    # -- looks ---------------------------------------------------------------------------------------

    async def _records(self, accounts: Iterable[AccountDid]) -> dict[AccountDid, Records]:
        """The records of these accounts, looked up side by side where they are not remembered.

        An account that is left out could not be looked up now.
        """
        found: dict[AccountDid, Records] = {}
        looks: dict[AccountDid, _Look] = {}
        for account in dict.fromkeys(accounts):
            if self._lives_here(account):
                found[account] = Records(_NONE, complete=True, looked=self._now())
            elif (held := self._cache.look(account, self._clock())) is not None:
                found[account] = held
            else:
                looks[account] = self._begin(account)
        for account, look in looks.items():
            await look.done.wait()
            if look.records is not None:
                found[account] = look.records
        return found

    def _lives_here(self, account: AccountDid) -> bool:
        return account == self._service.did or self._service.name_of(account) is not None

    def _forget(self, account: AccountDid) -> None:
        """The next look is a new one: what is under way may have passed the change already."""
        self._cache.forget(account)
        self._looks.pop(account, None)

    def _begin(self, account: AccountDid, rkey: str | None = None) -> _Look:
        """A look at all blocks of the account, or at the record of that key; the one under way, if it is for
        all. No await: one look for each account."""
        look = self._looks.get(account) if rkey is None else None
        if look is not None:
            return look
        look = _Look()
        if self._nursery is None or self._under_way >= self._max_looks:
            self._count("list" if rkey is None else "record", _BUSY)
            look.done.set()
            return look
        self._under_way += 1
        if rkey is None:
            self._looks[account] = look
        self._nursery.start_soon(self._run_look, account, rkey, look)
        return look

    async def _run_look(self, account: AccountDid, rkey: str | None, look: _Look) -> None:
        try:
            look.reading = await self._read(account, rkey)
            if rkey is None:
                look.records = self._end(account, look, look.reading)
        finally:
            self._under_way -= 1
            if self._looks.get(account) is look:
                del self._looks[account]
            look.done.set()

    async def _read(self, account: AccountDid, rkey: str | None) -> Reading:
        try:
            if rkey is None:
                reading = await self._source.blocks_of(account, seconds=self._look_seconds)
            else:
                block = await self._source.record(account, rkey, seconds=self._look_seconds)
                reading = Reading((block,) if block else (), complete=True, result="read")
        except Unread as unread:
            reading = Reading((), complete=False, result=unread.reason, asked=unread.asked)
        except Exception as error:  # noqa: BLE001 - a stranger's answer must not end the service
            self._report("block look-up", error)
            reading = _FAULT
        self._count("list" if rkey is None else "record", reading)
        return reading

    def _end(self, account: AccountDid, look: _Look, reading: Reading) -> Records:
        """What the look gave, and remembered unless the account's blocks have changed meanwhile."""
        if self._looks.get(account) is look:
            return self._cache.note(account, reading, self._clock(), at=self._now())
        return Records(by_subject(reading.blocks), reading.complete, self._now())

    def _count(self, what: str, reading: Reading) -> None:
        key = (what, reading.result)
        self._results[key] = self._results.get(key, 0) + 1
