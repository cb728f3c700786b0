"""Sources of READ metrics: the process, bounded queues, the store, the tail, the bus, the log writer."""

import os
import resource
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import attrs

from router.observe import metrics
from router.observe.logs import LineWriter
from router.observe.metrics import Metric, Sample, Source

_STATM = Path("/proc/self/statm")
_DESCRIPTORS = Path("/proc/self/fd")


def process() -> Iterator[Sample]:
    """CPU time of this process; where /proc is there, also its memory and open files."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield Sample(metrics.CPU, used.ru_utime + used.ru_stime)
    if _STATM.exists():
        pages = int(_STATM.read_text().split()[1])
        yield Sample(metrics.MEMORY, pages * os.sysconf("SC_PAGE_SIZE"))
    if _DESCRIPTORS.exists():
        yield Sample(metrics.OPEN_FILES, sum(1 for _ in _DESCRIPTORS.iterdir()))


@attrs.frozen(kw_only=True)
class QueueState:
    """A bounded queue now; a dimension it does not count in is None."""

    queue: str
    items: int | None = None
    max_items: int | None = None
    bytes: int | None = None
    max_bytes: int | None = None


def queues(read: Callable[[], Iterable[QueueState]]) -> Source:
    """A source for bounded queues, caches and maps: each one's fill beside its bound."""
    columns: tuple[tuple[Metric, Callable[[QueueState], int | None]], ...] = (
        (metrics.QUEUE_ITEMS, lambda state: state.items),
        (metrics.QUEUE_MAX_ITEMS, lambda state: state.max_items),
        (metrics.QUEUE_BYTES, lambda state: state.bytes),
        (metrics.QUEUE_MAX_BYTES, lambda state: state.max_bytes),
    )

    def samples() -> Iterator[Sample]:
        states = list(read())
        for metric, column in columns:
            for state in states:
                value = column(state)
                if value is not None:
                    yield Sample(metric, value, (state.queue,))

    return samples


@attrs.frozen
class Forgotten:
    """Callers of one kind whose count was dropped for want of room."""

    whose: str
    count: int


def forgotten(read: Callable[[], Iterable[Forgotten]]) -> Source:
    """A source for what the rate limits had to forget."""
    return lambda: [Sample(metrics.RATE_FORGOTTEN, each.count, (each.whose,)) for each in read()]


class StoreCounters(Protocol):
    """The part of the store's statistics that is exported (observe knows no store)."""

    @property
    def commits(self) -> int: ...
    @property
    def entries(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def unavailable(self) -> int: ...
    @property
    def writer_restarts(self) -> int: ...
    @property
    def wal_pages(self) -> int: ...


def store(read: Callable[[], StoreCounters]) -> Source:
    """A source for the store's counters."""

    def samples() -> Iterator[Sample]:
        now = read()
        yield Sample(metrics.STORE_COMMITS, now.commits)
        yield Sample(metrics.STORE_ENTRIES, now.entries)
        yield Sample(metrics.STORE_REFUSED, now.refused)
        yield Sample(metrics.STORE_UNAVAILABLE, now.unavailable)
        yield Sample(metrics.STORE_WRITER_RESTARTS, now.writer_restarts)
        yield Sample(metrics.STORE_WAL_PAGES, now.wal_pages)

    return samples


class TailCounters(Protocol):
    """The counters of the tail."""

    delivered: int
    fell_behind: int
    reads: int
    failed_reads: int


class BusCounters(Protocol):
    """The counters of the bus."""

    failures: int


def tail(tail: TailCounters, bus: BusCounters) -> Source:
    """A source for the way of an entry from the log to the feeds."""
    return lambda: (
        Sample(metrics.TAIL_DELIVERED, tail.delivered),
        Sample(metrics.TAIL_FELL_BEHIND, tail.fell_behind),
        Sample(metrics.TAIL_READS, tail.reads),
        Sample(metrics.TAIL_FAILED_READS, tail.failed_reads),
        Sample(metrics.BUS_FAILURES, bus.failures),
    )


class OutsideCounters(Protocol):
    """What is exported of the resolver for accounts of elsewhere (observe knows no identity)."""

    def answers(self) -> Mapping[tuple[str, str], int]: ...
    def statistics(self) -> Mapping[str, int]: ...


def did_looks(resolver: OutsideCounters) -> Source:
    """A source for looks at the world, and those the brakes refused."""

    def samples() -> Iterator[Sample]:
        for labels, number in resolver.answers().items():
            yield Sample(metrics.DID_LOOKS, number, labels)
        yield Sample(metrics.DID_BRAKED, resolver.statistics()["braked"])

    return samples


class BlockCounters(Protocol):
    """What is exported of the looks for blocks (observe knows no blocks)."""

    def results(self) -> Mapping[tuple[str, str], int]: ...
    def statistics(self) -> Mapping[str, int]: ...


def block_looks(blocks: BlockCounters) -> Source:
    """A source for looks at accounts' PDSs, and those the brakes refused."""

    def samples() -> Iterator[Sample]:
        for labels, number in blocks.results().items():
            yield Sample(metrics.BLOCK_LOOKS, number, labels)
        yield Sample(metrics.BLOCK_BRAKED, blocks.statistics()["braked"])

    return samples


def log_writer(writer: LineWriter) -> Source:
    """A source for the lines that could not be written."""
    return lambda: (Sample(metrics.LINES_LOST, writer.lost),)
