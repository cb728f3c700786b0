"""What is measured: one table of metrics, and the registry that holds them.

A metric is a constant of this module; code counts with `metrics.count(REQUESTS, method, status)`, so a
metric that nothing records shows up as an unused name (and a test looks for that). Labels take few values:
methods, error names, kinds. Should a label run wild all the same, its excess is counted as `other`.

READ metrics are not recorded but asked for at each scrape, from sources such as the store's statistics.
"""

import enum
from collections.abc import Callable, Iterable
from typing import Final

import attrs
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
MOST_LABEL_SETS = 500
OTHER = "other"


class Kind(enum.Enum):
    """How a metric behaves and who moves it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    READ_COUNTER = "counter read at each scrape"
    READ_GAUGE = "gauge read at each scrape"


@attrs.frozen
class Metric:
    """One metric: units are in its name, counters end in `_total`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Metric(
    "rookery_requests_total", Kind.COUNTER, "Requests answered and streams ended.", ("method", "status")
)
REQUEST_SECONDS = Metric(
    "rookery_request_seconds", Kind.HISTOGRAM, "Time to the answer, streams left out.", ("method",), _FAST
)
REFUSALS = Metric("rookery_refusals_total", Kind.COUNTER, "Errors answered, by name.", ("error",))
CONNECTIONS = Metric("rookery_connections", Kind.GAUGE, "Open streams and sessions.", ("transport",))
DELIVERIES = Metric("rookery_deliveries_total", Kind.COUNTER, "Events handed to connections.", ("transport",))
BARE_AUDIENCE = Metric(
    "rookery_bare_audience_total", Kind.COUNTER, "Tokens whose `aud` had no #fragment, accepted by setting."
)
RATE_LIMITED = Metric(
    "rookery_rate_limited_total", Kind.COUNTER, "Requests refused by a rate limit, by class.", ("quota",)
)
RATE_FORGOTTEN = Metric(
    "rookery_rate_forgotten_total",
    Kind.READ_COUNTER,
    "Callers whose count was dropped because rate.max_keys was reached.",
    ("whose",),
)
DID_LOOKS = Metric(
    "rookery_did_looks_total",
    Kind.READ_COUNTER,
    "Looks for DID documents of elsewhere, by how they ended.",
    ("source", "result"),
)
DID_BRAKED = Metric(
    "rookery_did_braked_total",
    Kind.READ_COUNTER,
    "Looks that a failed signature asked for and the brakes refused.",
)
BLOCK_LOOKS = Metric(
    "rookery_block_looks_total",
    Kind.READ_COUNTER,
    "Looks for the blocks of accounts of elsewhere, by what was read and how it ended.",
    ("what", "result"),
)
BLOCK_BRAKED = Metric(
    "rookery_block_braked_total",
    Kind.READ_COUNTER,
    "Told changes of blocks that the brakes left unexamined.",
)
COMMITS = Metric(
    "rookery_mls_commits_total",
    Kind.COUNTER,
    "Commits of MLS groups: taken, resent, or the name under which one was refused.",
    ("outcome",),
)
KEY_PACKAGES = Metric(
    "rookery_mls_key_packages",
    Kind.GAUGE,
    "Key packages in stock, and those that were handed out and are in no commit; last resorts left out.",
    ("state",),
)
WELCOMES_PENDING = Metric(
    "rookery_mls_welcomes_pending", Kind.GAUGE, "Welcomes that their device has not settled."
)
OLDEST_WELCOME = Metric(
    "rookery_mls_oldest_welcome_seconds", Kind.GAUGE, "Age of the oldest of them; 0 without one."
)
MLS_WAITING = Metric(
    "rookery_mls_waiting", Kind.GAUGE, "Reports that nobody resolved, chat requests not answered.", ("what",)
)
EVIDENCE = Metric("rookery_mls_evidence", Kind.GAUGE, "Refused commits whose bytes are kept for a report.")
LOOP_DELAY = Metric(
    "rookery_loop_delay_seconds", Kind.HISTOGRAM, "How late the event loop wakes a sleeper.", (), _FAST
)
LOOP_STALLS = Metric("rookery_loop_stalls_total", Kind.COUNTER, "Delays above observe.loop_stall_threshold.")
EXITS = Metric("rookery_actor_exits_total", Kind.COUNTER, "Actors that ended.", ("actor", "kind"))
RESTARTS = Metric("rookery_actor_restarts_total", Kind.COUNTER, "Restarts planned.", ("actor",))
ESCALATIONS = Metric("rookery_actor_escalations_total", Kind.COUNTER, "Supervisors that gave up.", ("actor",))
STUCK = Metric(
    "rookery_actor_stuck_total", Kind.COUNTER, "Actors that ignore their cancellation.", ("actor",)
)
DEAD_LETTERS = Metric(
    "rookery_dead_letters_total", Kind.COUNTER, "Accepted messages never handled.", ("actor", "fate")
)
MAILBOX_FULL = Metric(
    "rookery_mailbox_full_total", Kind.COUNTER, "Senders refused or made to wait.", ("actor",)
)
ACTIVATIONS = Metric("rookery_actor_activations_total", Kind.COUNTER, "Addressed actors started.", ("actor",))
PASSIVATIONS = Metric("rookery_actor_passivations_total", Kind.COUNTER, "Idle actors parked.", ("actor",))
EVICTIONS = Metric("rookery_actor_evictions_total", Kind.COUNTER, "Idle actors sent away early.", ("actor",))
QUARANTINES = Metric("rookery_actor_quarantines_total", Kind.COUNTER, "Keys set aside.", ("actor",))
SLOW_STEPS = Metric("rookery_actor_slow_steps_total", Kind.COUNTER, "Steps that held the thread.", ("actor",))
HEALTH = Metric("rookery_health", Kind.GAUGE, "1 while the check is green, 0 while it is red.", ("check",))
BUILD = Metric("rookery_build_info", Kind.GAUGE, "Always 1.", ("version",))

QUEUE_ITEMS = Metric("rookery_queue_items", Kind.READ_GAUGE, "What waits, in items.", ("queue",))
QUEUE_BYTES = Metric("rookery_queue_bytes", Kind.READ_GAUGE, "What waits, in bytes.", ("queue",))
QUEUE_MAX_ITEMS = Metric("rookery_queue_max_items", Kind.READ_GAUGE, "The bound of it, in items.", ("queue",))
QUEUE_MAX_BYTES = Metric("rookery_queue_max_bytes", Kind.READ_GAUGE, "The bound of it, in bytes.", ("queue",))
STORE_COMMITS = Metric("rookery_store_commits_total", Kind.READ_COUNTER, "Transactions committed.")
STORE_ENTRIES = Metric("rookery_store_entries_total", Kind.READ_COUNTER, "Log entries committed.")
STORE_REFUSED = Metric("rookery_store_refused_total", Kind.READ_COUNTER, "Appends refused, queue full.")
STORE_UNAVAILABLE = Metric(
    "rookery_store_unavailable_total", Kind.READ_COUNTER, "Appends that failed for the disk or the writer."
)
STORE_WRITER_RESTARTS = Metric(
    "rookery_store_writer_restarts_total", Kind.READ_COUNTER, "Times the writer was started anew."
)
STORE_WAL_PAGES = Metric(
    "rookery_store_wal_pages", Kind.READ_GAUGE, "Pages in the write-ahead log at the last checkpoint."
)
TAIL_DELIVERED = Metric(
    "rookery_tail_delivered_total", Kind.READ_COUNTER, "Entries offered to feeds, once for each feed."
)
TAIL_FELL_BEHIND = Metric(
    "rookery_tail_fell_behind_total", Kind.READ_COUNTER, "Feeds that became cursors, their clients slow."
)
TAIL_READS = Metric("rookery_tail_reads_total", Kind.READ_COUNTER, "Times the tail read the log back.")
TAIL_FAILED_READS = Metric("rookery_tail_failed_reads_total", Kind.READ_COUNTER, "Those that failed.")
BUS_FAILURES = Metric("rookery_bus_failures_total", Kind.READ_COUNTER, "Hints that a listener failed over.")
LINES_LOST = Metric("rookery_log_lines_lost_total", Kind.READ_COUNTER, "Log lines that could not be written.")
MEMORY = Metric("rookery_process_resident_bytes", Kind.READ_GAUGE, "Memory of this process.")
CPU = Metric("rookery_process_cpu_seconds_total", Kind.READ_COUNTER, "CPU time of this process.")
OPEN_FILES = Metric("rookery_process_open_files", Kind.READ_GAUGE, "File descriptors in use.")
SOURCE_FAILURES = Metric(
    "rookery_metric_source_failures_total", Kind.READ_COUNTER, "Sources that failed during a scrape."
)

TABLE: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""Every metric of the server, in the order above."""


@attrs.frozen
class Sample:
    """One value of a READ metric."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


Source = Callable[[], Iterable[Sample]]


class Metrics:
    """The metrics of one server, on a registry of their own."""

    def __init__(self, *, version: str) -> None:
        # the series `_created` would hold the exact moment a thing happened first; the switch is global
        disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated upstream
        self._registry = CollectorRegistry()
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        self._children: dict[tuple[str, tuple[str, ...]], Counter | Gauge | Histogram] = {}
        self._label_sets: dict[str, int] = {}
        for metric in TABLE:
            if metric.kind in _MAKERS:
                self._made[metric.name] = _MAKERS[metric.kind](metric, self._registry)
        self._reader = _Reader()
        self._registry.register(self._reader)
        self.set(BUILD, 1, version)

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Raise a COUNTER."""
        child = self._child(metric, labels)
        assert isinstance(child, Counter)  # noqa: S101 - a fault of the caller's source, found by its first test
        child.inc(by)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Put a value into a HISTOGRAM."""
        child = self._child(metric, labels)
        assert isinstance(child, Histogram)  # noqa: S101 - as above
        child.observe(value)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a GAUGE."""
        child = self._child(metric, labels)
        assert isinstance(child, Gauge)  # noqa: S101 - as above
        child.set(value)

    def move(self, metric: Metric, by: float, *labels: str) -> None:
        """Raise or lower a GAUGE."""
        child = self._child(metric, labels)
        assert isinstance(child, Gauge)  # noqa: S101 - as above
        child.inc(by)

    def add_source(self, source: Source) -> None:
        """Ask `source` for samples of READ metrics at each scrape; it must be quick and not wait."""
        self._reader.sources.append(source)

    def text(self) -> bytes:
        """The exposition, of the content type `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Counter | Gauge | Histogram:
        found = self._children.get((metric.name, labels))
        if found is not None:
            return found
        made = self._made[metric.name]
        if not metric.labels:
            self._children[(metric.name, labels)] = made
            return made
        if self._label_sets.get(metric.name, 0) >= MOST_LABEL_SETS:
            labels = (OTHER,) * len(metric.labels)
        child = self._children.get((metric.name, labels))
        if child is None:
            child = self._children[(metric.name, labels)] = made.labels(*labels)
            self._label_sets[metric.name] = self._label_sets.get(metric.name, 0) + 1
        return child


class _Reader(Collector):
    def __init__(self) -> None:
        self.sources: list[Source] = []
        self._failures = 0

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for source in self.sources:
            try:
                samples = list(source())
            except Exception:  # noqa: BLE001 - one broken source must not hide all other metrics
                self._failures += 1
                continue
            for sample in samples:
                self._family(families, sample.metric).add_metric(sample.labels, sample.value)
        self._family(families, SOURCE_FAILURES).add_metric((), self._failures)
        return families.values()

    @staticmethod
    def _family(
        families: dict[str, CounterMetricFamily | GaugeMetricFamily], metric: Metric
    ) -> CounterMetricFamily | GaugeMetricFamily:
        if metric.name not in families:
            make = CounterMetricFamily if metric.kind is Kind.READ_COUNTER else GaugeMetricFamily
            families[metric.name] = make(metric.name, metric.help, labels=metric.labels)
        return families[metric.name]


def _counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def _gauge(metric: Metric, registry: CollectorRegistry) -> Gauge:
    return Gauge(metric.name, metric.help, metric.labels, registry=registry)


def _histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry)


_MAKERS: dict[Kind, Callable[[Metric, CollectorRegistry], Counter | Gauge | Histogram]] = {
    Kind.COUNTER: _counter,
    Kind.GAUGE: _gauge,
    Kind.HISTOGRAM: _histogram,
}
