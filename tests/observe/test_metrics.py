"""The table of metrics and what is recorded in it."""

import ast
import re
from pathlib import Path

import pytest

from router.observe import TABLE, Metrics, QueueState, Sample
from router.observe import metrics as table
from router.observe.logs import LineWriter
from router.observe.metrics import MOST_LABEL_SETS, Kind, Metric
from router.observe.sources import log_writer, process, queues, store
from router.store.values import StoreStatistics
from tests.observe.helpers import Captured, samples

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_names_follow_the_rules_and_helps_are_sentences(metric: Metric) -> None:
    assert re.fullmatch(r"rookery(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind in (Kind.COUNTER, Kind.READ_COUNTER))
    assert metric.help.endswith(".")
    assert bool(metric.buckets) is (metric.kind is Kind.HISTOGRAM)
    forbidden = {"account", "device", "conversation", "did", "convo", "user", "ip", "token"}
    assert not forbidden & set(metric.labels)


def test_no_two_metrics_share_a_name() -> None:
    assert len({metric.name for metric in TABLE}) == len(TABLE)


def test_every_metric_of_the_table_is_recorded_somewhere() -> None:
    """A metric that nothing moves is a dashboard that lies."""
    sources = "\n".join(
        path.read_text() for path in (ROOT / "router").rglob("*.py") if path.name != "metrics.py"
    )
    own = (ROOT / "router/observe/metrics.py").read_text()
    body = own[own.index("class Metrics") :]

    names = {name for name, value in vars(table).items() if isinstance(value, Metric)}

    assert {name for name in names if not re.search(rf"\b{name}\b", sources + body)} == set()


def test_what_records_a_metric_is_wired_by_the_rest_of_the_router() -> None:
    """A method of the observer that nobody calls records nothing, though its metric has a recorder."""
    observe = ROOT / "router/observe"
    recorders: dict[str, set[str]] = {}  # metric -> what must be reached for it to move
    for path in observe.glob("*.py"):
        module = ast.parse(path.read_text())
        for part in module.body:
            for name, node in _parts(part):
                for used in ast.walk(node):
                    if isinstance(used, ast.Attribute) and isinstance(vars(table).get(used.attr), Metric):
                        recorders.setdefault(used.attr, set()).add(name)
    reached = set()
    for path in (ROOT / "router").rglob("*.py"):
        if path.parent != observe:
            for used in ast.walk(ast.parse(path.read_text())):
                if isinstance(used, ast.Attribute) and ast.unparse(used.value).endswith("observer"):
                    reached.add(f".{used.attr}")
                elif isinstance(used, ast.ImportFrom) and (used.module or "").startswith("router.observe"):
                    reached |= {alias.name for alias in used.names}

    own = {"BUILD", "SOURCE_FAILURES"}  # the registry's own
    for name in {name for name, value in vars(table).items() if isinstance(value, Metric)} - own:
        assert recorders.get(name, set()) & reached, f"nothing in router/ reaches what records {name}"


def _parts(part: ast.stmt) -> list[tuple[str, ast.AST]]:
    """A definition under the name by which others reach it: the observer's are reached by method."""
    if isinstance(part, ast.ClassDef) and part.name == "Observer":
        return [(f".{each.name}", each) for each in part.body if isinstance(each, ast.FunctionDef)]
    if isinstance(part, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [(part.name, part)]
    return []


def test_counters_gauges_and_histograms_are_exported() -> None:
    metrics = Metrics(version="9")

    metrics.count(table.REFUSALS, "NotMember")
    metrics.count(table.REFUSALS, "NotMember", by=2)
    metrics.move(table.CONNECTIONS, 5, "sse")
    metrics.move(table.CONNECTIONS, -2, "sse")
    metrics.set(table.HEALTH, 1, "store")
    metrics.observe(table.LOOP_DELAY, 0.003)

    found = samples(metrics)
    assert found['rookery_refusals_total{error="NotMember"}'] == 3
    assert found['rookery_connections{transport="sse"}'] == 3
    assert found['rookery_health{check="store"}'] == 1
    assert found['rookery_loop_delay_seconds_bucket{le="0.0025"}'] == 0
    assert found['rookery_loop_delay_seconds_bucket{le="0.005"}'] == 1


def test_no_series_holds_the_moment_something_happened() -> None:
    metrics = Metrics(version="9")
    metrics.count(table.REFUSALS, "NotMember")
    metrics.add_source(process)

    found = samples(metrics)

    assert not [name for name in found if "created" in name or "time" in name]
    assert not [name for name, value in found.items() if 1.6e9 < value < 2.5e9 and "bytes" not in name]


def test_a_label_that_runs_wild_is_folded_into_other() -> None:
    metrics = Metrics(version="9")

    for number in range(MOST_LABEL_SETS + 100):
        metrics.count(table.REFUSALS, f"Error{number}")
    metrics.count(table.REFUSALS, "Error0")

    found = {name: value for name, value in samples(metrics).items() if name.startswith("rookery_refusals")}
    assert len(found) == MOST_LABEL_SETS + 1
    assert found['rookery_refusals_total{error="other"}'] == 100
    assert found['rookery_refusals_total{error="Error0"}'] == 2


def test_sources_are_asked_at_each_scrape() -> None:
    metrics = Metrics(version="9")
    writer = LineWriter(Captured().stream)
    writer.lost = 3
    metrics.add_source(store(lambda: StoreStatistics("process", 1, 20, 5, 50, 2, 4, 3, 9)))
    metrics.add_source(
        queues(
            lambda: [
                QueueState(queue="tail ring", bytes=7, max_bytes=70),
                QueueState(queue="conversations", items=3, max_items=30),
            ]
        )
    )
    metrics.add_source(log_writer(writer))
    metrics.add_source(process)

    found = samples(metrics)

    assert found["rookery_store_commits_total"] == 5
    assert found["rookery_store_entries_total"] == 50
    assert found["rookery_store_refused_total"] == 2
    assert found["rookery_store_unavailable_total"] == 4
    assert found["rookery_store_writer_restarts_total"] == 3
    assert found["rookery_store_wal_pages"] == 9
    assert found['rookery_queue_max_bytes{queue="tail ring"}'] == 70
    assert found['rookery_queue_max_items{queue="conversations"}'] == 30
    assert 'rookery_queue_items{queue="tail ring"}' not in found
    assert found["rookery_log_lines_lost_total"] == 3
    assert found["rookery_process_cpu_seconds_total"] > 0
    assert found["rookery_process_resident_bytes"] > 1_000_000
    assert found["rookery_metric_source_failures_total"] == 0


def test_a_source_that_breaks_is_counted_and_hides_no_other() -> None:
    metrics = Metrics(version="9")

    def broken() -> list[Sample]:
        raise ZeroDivisionError

    metrics.add_source(broken)
    metrics.add_source(lambda: [Sample(table.STORE_COMMITS, 1)])

    assert samples(metrics)["rookery_store_commits_total"] == 1
    assert samples(metrics)["rookery_metric_source_failures_total"] == 2
