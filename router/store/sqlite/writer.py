"""Group commit: many callers, one queue, one transaction for whatever waits in it.

    submit ─▶ queue (bounded in items and bytes) ─▶ batch ─▶ engine: one transaction ─▶ answers, listeners
                                                              │ the disk fails        │ the engine dies
                                                              ▼                       ▼
                                     refuse all, red, probe until it works    outcome unknown, start it again
                                                              an engine that hangs is killed, and has died

*Where the engine runs*, measured (`python -m tests.benchmarks.writer_bench`; SQLite 3.40, CPython 3.11, two
cores shared with others, an SSD whose fdatasync takes 50 µs; 1 KiB bodies, synchronous=FULL). Medians:

    raw group commit, batches of 32                  23 µs CPU a row     the floor
    the ledger alone, batches of 32                  27
    submit to answer, 32 callers      inline         40                  p50 1.6 ms
                                      thread         50                  p50 1.9
                                      process        52                  p50 1.9

    5,000 sends/s offered to 50 actors    answer p50 / p99 ms    loop stalls p50 / p99 ms
      idle loop                inline        2.4 / 50                 0.6 / 3.4
                               thread        2.9 / 70                 0.6 / 5.3
                               process       3.0 / 78                 0.5 / 1.8
      a loop that never sleeps inline        3.4 / 60                 0.9 / 2.3
                               thread        100 … 5,000 / 23,000     0.4 / 13
                               process       5 … 22 / 70              0.5 / 12
      the same two with        inline        19 / 35, 25 / 159        6.9 / 11, 8.8 / 19
      an fdatasync of 5 ms     thread        18 / 215, 1,338 / 2,538  0.3 / 3.0, 0.4 / 8.4
                               process       18 / 192, 33 / 141       0.3 / 3.4, 0.4 / 8.6

The default is *process*. Inline is cheaper by a quarter where fsync is nearly free, but on an ordinary disk
the whole loop, every connection in it, stands still for 7 ms at each commit. *Inline* is right for tests and
small machines. *Thread*, an engine that was measured and then removed, has the same latency on an idle loop
and starves on a busy one: each return from SQLite waits for the GIL. Above the floor (17 µs inline) a Trio
park and wake costs 5 µs, queue and answers 5; a process adds encoding, decoding and two socket calls a batch.

The queue is first in, first out, and nothing overtakes: a token that was remembered before an append is
committed with it or before it. While one batch is committed the next one gathers, so batches are as large
as the load makes them and nobody waits for a timer.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import attrs
import outcome
import trio

from protocol import Entry
from router.store import rules
from router.store.errors import DurabilityLost, OutcomeUnknown, Overloaded, PoisonRequest, StoreUnavailable
from router.store.sqlite.engines import Engine, EngineDied
from router.store.sqlite.requests import (
    Outcome,
    Placed,
    Poisoned,
    Probe,
    RememberToken,
    Request,
    Unavailable,
    size_of,
)
from router.store.values import Appended, AppendRequest, StaleTerm


@attrs.frozen
class Bounds:
    """How much may wait, how much goes into one transaction, and how long to wait after trouble."""

    max_batch_items: int = 256
    max_batch_bytes: int = 4 * 1024 * 1024
    queue_items: int = 10_000
    queue_bytes: int = 64 * 1024 * 1024
    retry_after: float = 1.0
    """Seconds: between probes of a disk that failed, and what refused callers are told."""
    restart_delay: float = 0.1
    """Seconds before an engine that died is started again; doubles up to `restart_limit`."""
    restart_limit: float = 5.0
    batch_slow: float = 5.0
    """Seconds a batch may be in hand before the store says that it is not well."""
    batch_limit: float = 15.0
    """Seconds before an engine that does not answer is killed. A commit on a bad disk may take some, and the
    write lock alone may be waited for 5 (`database.py`)."""


@attrs.define(eq=False)
class _Waiting:
    """One request in the queue, and who waits for it (nobody: a token, or a caller that was cancelled)."""

    request: Request
    size: int
    task: trio.lowlevel.Task | None = None

    def give_up(self, _: object) -> trio.lowlevel.Abort:
        """The caller was cancelled."""
        self.task = None
        return trio.lowlevel.Abort.SUCCEEDED


@attrs.define
class WriterCounters:
    """Since the writer was made."""

    commits: int = 0
    entries: int = 0
    refused: int = 0
    unavailable: int = 0
    restarts: int = 0


class Writer:
    """The queue in front of an engine. `committed` is called with the entries of each commit."""

    def __init__(
        self,
        engine: Engine,
        bounds: Bounds,
        committed: Callable[[Sequence[Entry]], None],
    ) -> None:
        self._engine = engine
        self._bounds = bounds
        self._committed = committed
        self._queue: deque[_Waiting] = deque()
        self._items = 0
        self._bytes = 0
        self._work = trio.Event()
        self._trouble: str | None = "not started"
        self._begun: float | None = None
        self.counters = WriterCounters()

    # -- for callers -----------------------------------------------------------------------------------

    @property
    def trouble(self) -> str | None:
        """Why nothing is written just now; None when all is well."""
        if self._trouble is None and (age := self.batch_age) > self._bounds.batch_slow:
            return f"a batch has been in hand for {age:.1f} s"
        return self._trouble

    @property
    def batch_age(self) -> float:
        """Seconds since the batch in hand was begun; 0 when there is none."""
        return 0.0 if self._begun is None else trio.current_time() - self._begun

    @property
    def queued(self) -> tuple[int, int]:
        """Items and bytes that wait or are being committed."""
        return self._items, self._bytes

    async def submit(self, request: Request) -> Outcome | Appended:
        """Queue the request at once and wait for its outcome.

        Raises `Overloaded`, `StoreUnavailable`, `OutcomeUnknown`, `PoisonRequest`. Cancelled while it still
        waits in the queue, it is taken out; cancelled later, it is committed all the same.
        """
        waiting = self._enqueue(request)
        waiting.task = trio.lowlevel.current_task()
        result: Outcome | Appended = await trio.lowlevel.wait_task_rescheduled(waiting.give_up)
        return result

    def submit_nowait(self, request: RememberToken) -> None:
        """Queue a request that nobody waits for; it is kept over trouble. Raises `Overloaded`."""
        self._enqueue(request)

    def _enqueue(self, request: Request) -> _Waiting:
        if self._trouble is not None and not isinstance(request, RememberToken):
            raise StoreUnavailable(self._bounds.retry_after, self._trouble)
        size = size_of(request)
        items, total = self._items, self._bytes + size
        # A request larger than the whole bound is let in alone: it could never be written otherwise.
        if items and (items >= self._bounds.queue_items or total > self._bounds.queue_bytes):
            self.counters.refused += 1
            raise Overloaded(self._bounds.retry_after)
        waiting = _Waiting(request, size)
        self._queue.append(waiting)
        self._items, self._bytes = items + 1, total
        self._wake()
        return waiting

    # -- the task --------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the engine, then commit until cancelled; whatever still waits then is refused.

        Survives a failing disk and a dying engine. Raises what kept the engine from its first start, and
        `DurabilityLost`.
        """
        try:
            async with trio.open_nursery() as nursery:
                await self._engine.start(nursery, self._wake)
                self._trouble = None
                task_status.started()
                while True:
                    await self._wait_for_work()
                    if not self._engine.alive:
                        self._fail_all("the writer ended")
                    else:
                        await self._commit_batch()
                    if self.trouble is not None:
                        await self._recover(nursery)
        finally:
            self._fail_all("the store is stopping")
            await self._engine.aclose()

    def _wake(self) -> None:
        """Something to do. An event serves one wait, so it is looked up when it is set."""
        self._work.set()

    async def _wait_for_work(self) -> None:
        if self._queue or not self._engine.alive:
            await trio.lowlevel.checkpoint()
            return
        self._work = trio.Event()
        await self._work.wait()

    async def _commit_batch(self) -> None:
        batch = self._take()
        if not batch:
            return
        try:
            outcomes = await self._run([waiting.request for waiting in batch])
        except EngineDied as error:
            self._fail(batch, str(error), OutcomeUnknown)
            self._fail_all(str(error))
            return
        except BaseException:
            # Cancelled (or a bug): the engine may finish this batch, but nobody will hear of it here.
            self._fail(batch, "the store is stopping", OutcomeUnknown)
            raise
        failed = next((one for one in outcomes if isinstance(one, Unavailable)), None)
        if failed is not None and failed.fatal:
            self._fail(batch, failed.detail, OutcomeUnknown)
            raise DurabilityLost(failed.detail)
        self._deliver(batch, outcomes)
        if failed is not None:
            self._keep_tokens(
                waiting
                for waiting, result in zip(batch, outcomes, strict=True)
                if isinstance(result, Unavailable)
            )
            self._fail_all(failed.detail)

    async def _run(self, requests: Sequence[Request]) -> list[Outcome]:
        """One batch through the engine. Raises EngineDied, also for one that hangs: it is killed."""
        self._begun = trio.current_time()
        try:
            with trio.fail_after(self._bounds.batch_limit):
                return await self._engine.commit(requests)
        except trio.TooSlowError as error:
            self._engine.kill()
            limit = self._bounds.batch_limit
            raise EngineDied(f"the writer did not answer for {limit:g} s and was killed") from error
        finally:
            self._begun = None

    def _take(self) -> list[_Waiting]:
        """The next batch, at least one request if there is one; requests nobody waits for any more go."""
        bounds = self._bounds
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < bounds.max_batch_items:
            waiting = self._queue[0]
            if batch and size + waiting.size > bounds.max_batch_bytes:
                break
            self._queue.popleft()
            if waiting.task is None and not isinstance(waiting.request, RememberToken):
                self._forget(waiting)
                continue
            size += waiting.size
            batch.append(waiting)
        return batch

    def _deliver(self, batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
        """Listeners first, then the askers, all before anything else runs."""
        committed: list[Entry] = []
        answers: list[outcome.Outcome[Outcome | Appended]] = []
        for waiting, result in zip(batch, outcomes, strict=True):
            if type(result) is Placed and type(waiting.request) is AppendRequest:
                entries = rules.placed(waiting.request.entries, result.first)
                committed += entries
                answers.append(outcome.Value(Appended(entries)))
            else:
                answers.append(self._answer(waiting, result))
        self.counters.commits += 1
        self.counters.entries += len(committed)
        if committed:
            self._committed(committed)
        for waiting, answer in zip(batch, answers, strict=True):
            self._items -= 1
            self._bytes -= waiting.size
            if waiting.task is not None:
                trio.lowlevel.reschedule(waiting.task, answer)

    def _answer(self, waiting: _Waiting, result: Outcome) -> outcome.Outcome[Outcome | Appended]:
        """An outcome as its asker is told, unless it is a commit."""
        match result:
            case Unavailable(detail=detail):
                return outcome.Error(self._unavailable(detail))
            case StaleTerm() if not isinstance(waiting.request, AppendRequest):
                return outcome.Error(self._unavailable("another owner has the log"))
            case Poisoned(detail=detail):
                return outcome.Error(PoisonRequest(detail))
            case _:
                return outcome.Value(result)

    # -- trouble ---------------------------------------------------------------------------------------

    async def _recover(self, nursery: trio.Nursery) -> None:
        """Try until the engine runs and the disk takes a write; callers are refused meanwhile."""
        delay = self._bounds.restart_delay
        while self._trouble is not None:
            if self._engine.alive:
                await trio.sleep(self._bounds.retry_after)
            else:
                await trio.sleep(delay)
                delay = min(delay * 2, self._bounds.restart_limit)
            self._trouble = await self._attempt(nursery)

    async def _attempt(self, nursery: trio.Nursery) -> str | None:
        """One try; None when it worked, else what is wrong now."""
        try:
            if not self._engine.alive:
                await self._engine.start(nursery, self._wake)
                self.counters.restarts += 1
            (result,) = await self._run([Probe()])
        except (EngineDied, OSError) as error:
            return str(error)
        match result:
            case Unavailable(detail=detail, fatal=True):
                raise DurabilityLost(detail)
            case Unavailable(detail=detail) | Poisoned(detail=detail):
                return detail
            case StaleTerm():
                return "another owner has the log"
            case _:
                return None

    def _fail_all(self, detail: str) -> None:
        """Red from here on. Nothing that waits has been begun, so it fails cleanly."""
        self._trouble = detail
        batch, self._queue = tuple(self._queue), deque()
        self._fail(batch, detail, StoreUnavailable)

    def _fail(self, batch: Sequence[_Waiting], detail: str, kind: type[StoreUnavailable]) -> None:
        """Tell everybody who asked."""
        for waiting in batch:
            self._forget(waiting)
            if waiting.task is not None:
                self.counters.unavailable += 1
                error = kind(self._bounds.retry_after, detail)
                trio.lowlevel.reschedule(waiting.task, outcome.Error(error))
        self._keep_tokens(batch)

    def _keep_tokens(self, batch: Iterable[_Waiting]) -> None:
        """Nobody waits for a token, and nobody would send it again: back to the front of the queue."""
        tokens = [waiting for waiting in batch if isinstance(waiting.request, RememberToken)]
        self._queue.extendleft(reversed(tokens))
        self._items += len(tokens)
        self._bytes += sum(waiting.size for waiting in tokens)

    def _unavailable(self, detail: str) -> StoreUnavailable:
        self.counters.unavailable += 1
        return StoreUnavailable(self._bounds.retry_after, detail)

    def _forget(self, waiting: _Waiting) -> None:
        self._items -= 1
        self._bytes -= waiting.size
