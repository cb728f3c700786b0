"""Documents of accounts that live elsewhere: one look at a time for each DID, its answer for all who wait.

A look is a task of this resolver's own, not of the request that asked for it first. So a caller that goes
away costs the others nothing, and a hostile one cannot begin a forced look and break it off, to use up
the DID's brake without an answer. Looks are bounded in number (`max_looks`, waiting ones included), those
under way for each method (`max_at_once`: hosts that strangers chose cannot slow the directory down) and
each in time (`look_seconds`).

It does not exit when the world fails: it answers what it holds, or says who was silent.
"""

from collections.abc import Callable, Mapping
from typing import Final

import attrs
import trio

from protocol import AccountDid
from router.identity.did_cache import DidCache
from router.identity.document import DidDocument
from router.identity.errors import (
    AbsentDidError,
    BadDocumentError,
    DirectoryAwayError,
    ResolutionError,
    UnsupportedDidError,
)
from router.identity.lookup import Absent, Broken, Found, Outcome, Source, Unreachable

_RETRY_AFTER: Final = 5.0
_BUSY: Final = Unreachable("busy", shared=True, asked=False)

Report = Callable[[str, BaseException | None], None]


@attrs.define
class _Look:
    """A look under way; `outcome` is None until `done`, and for good if the resolver stopped."""

    done: trio.Event = attrs.field(factory=trio.Event)
    outcome: Outcome | None = None


class OutsideResolver:
    """A `Resolver` for the methods it has sources for. It answers while `run` runs."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        cache: DidCache,
        *,
        clock: Callable[[], float] = trio.current_time,
        look_seconds: float = 3.0,
        max_at_once: int = 32,
        max_looks: int = 512,
        report: Report = lambda _what, _error: None,
    ) -> None:
        """`sources` by DID method (`plc`, `web`), a monotonic `clock`; `report` is told of faults of ours."""
        self._sources = {
            method: (source, trio.CapacityLimiter(max_at_once)) for method, source in sources.items()
        }
        self._cache = cache
        self._clock = clock
        self._look_seconds = look_seconds
        self._max_looks = max_looks
        self._report = report
        self._looks: dict[AccountDid, _Look] = {}
        self._nursery: trio.Nursery | None = None
        self._answers: dict[tuple[str, str], int] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look for others until cancelled; looks under way end with it, and who waits is told."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None

    async def resolve(self, did: AccountDid, /, *, refresh: bool = False) -> DidDocument:
        """The document of a DID that lives elsewhere; a refresh is granted within the cache's brakes.

        Raises `UnsupportedDidError` for a method without a source, `AbsentDidError` when there is no such
        DID, `BadDocumentError`, `DirectoryAwayError` (the world's fault or ours: come again) and another
        `ResolutionError` when the account's own host was silent. A refresh that is refused or meets silence
        gives the document that is held.
        """
        method = did.split(":", 2)[1]
        if method not in self._sources:
            raise UnsupportedDidError("no source for this method")
        now = self._clock()
        outcome = self._cache.look(did, now)
        look = self._looks.get(did)
        if outcome is None or (refresh and (look is not None or self._cache.may_force(did, now))):
            outcome = await self._wait(self._begin(did, method) if look is None else look)
        return _document(outcome)

    def statistics(self) -> dict[str, int]:
        """`looks` under way and their bound, besides what the cache says."""
        return {**self._cache.statistics(), "looks": len(self._looks), "max_looks": self._max_looks}

    def answers(self) -> Mapping[tuple[str, str], int]:
        """How looks ended: (method, result) -> how often. Few-valued both, for a metric."""
        return self._answers

    def _begin(self, did: AccountDid, method: str) -> _Look:
        """A look for this DID; one that cannot be begun has ended. No await: one look for each DID."""
        look = _Look()
        if self._nursery is None or len(self._looks) >= self._max_looks:
            self._end(did, method, look, _BUSY)
            return look
        self._looks[did] = look
        self._nursery.start_soon(self._run_look, did, method, look)
        return look

    async def _run_look(self, did: AccountDid, method: str, look: _Look) -> None:
        try:
            self._end(did, method, look, await self._find(did, method))
        finally:
            del self._looks[did]
            look.done.set()

    async def _find(self, did: AccountDid, method: str) -> Outcome:
        source, at_once = self._sources[method]
        outcome: Outcome = _BUSY  # what it is if its turn never comes
        with trio.move_on_after(self._look_seconds):
            async with at_once:
                outcome = Unreachable("timeout", shared=source.shared)
                try:
                    outcome = await source.find(did)
                except Exception as error:  # noqa: BLE001 - a stranger's document must not end the resolver
                    self._report("did look-up", error)
                    outcome = Broken("fault")
        return outcome

    def _end(self, did: AccountDid, method: str, look: _Look, outcome: Outcome) -> None:
        result = type(outcome).__name__.lower() if isinstance(outcome, Found | Absent) else outcome.reason
        self._answers[method, result] = self._answers.get((method, result), 0) + 1
        look.outcome = self._cache.note(did, outcome, self._clock())
        look.done.set()

    async def _wait(self, look: _Look) -> Outcome:
        await look.done.wait()
        return _BUSY if look.outcome is None else look.outcome


def _document(outcome: Outcome) -> DidDocument:
    match outcome:
        case Found():
            return outcome.document
        case Absent():
            raise AbsentDidError("no such DID")
        case Broken():
            raise BadDocumentError(outcome.reason)
        case Unreachable(shared=True):
            raise DirectoryAwayError(outcome.reason, retry_after=_RETRY_AFTER)
        case Unreachable():
            raise ResolutionError(outcome.reason)
