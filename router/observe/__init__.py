"""What the server tells about itself: lines, metrics, health. Aggregates and facts, never people.

`set_up_logging` and `Metrics` are made once by the wiring; the edge tells an `Observer` of its requests, the
root supervisor has an `ActorInstrument`, `watch_loop` is a child of the tree, `Health` serves the health
pages.
"""

from router.observe.faults import Fault, fault_of
from router.observe.health import CallCheck, Check, Health, Report, Verdict
from router.observe.instrument import ActorInstrument
from router.observe.lines import UNKNOWN, RequestLine, Vocabulary, actor_label, request_id
from router.observe.logs import FIELDS, LineWriter, Logs, fault_fields, make_logs, set_up_logging
from router.observe.loop import watch_loop
from router.observe.metrics import TABLE, Metric, Metrics, Sample, Source
from router.observe.mls import MlsStock, record_mls_stock
from router.observe.observer import Observer
from router.observe.pages import Page, health_page, live_page, ready_page
from router.observe.pseudonyms import Aliases
from router.observe.sources import QueueState

__all__ = [
    "FIELDS",
    "TABLE",
    "UNKNOWN",
    "ActorInstrument",
    "Aliases",
    "CallCheck",
    "Check",
    "Fault",
    "Health",
    "LineWriter",
    "Logs",
    "Metric",
    "Metrics",
    "MlsStock",
    "Observer",
    "Page",
    "QueueState",
    "Report",
    "RequestLine",
    "Sample",
    "Source",
    "Verdict",
    "Vocabulary",
    "actor_label",
    "fault_fields",
    "fault_of",
    "health_page",
    "live_page",
    "make_logs",
    "ready_page",
    "record_mls_stock",
    "request_id",
    "set_up_logging",
    "watch_loop",
]
