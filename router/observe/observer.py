"""One place to tell what happened: the line, the counters and the gauges of it agree by construction."""

from collections.abc import Iterator
from contextlib import contextmanager

from router.observe import metrics
from router.observe.lines import RequestLine, Vocabulary
from router.observe.logs import Logs
from router.observe.metrics import Metrics


class Observer:
    """Tells log and metrics of requests, connections and deliveries. Its methods never raise or wait."""

    def __init__(self, logs: Logs, recorded: Metrics, vocabulary: Vocabulary) -> None:
        self._lines = logs.lines
        self._metrics = recorded
        self._words = vocabulary

    def request(self, line: RequestLine) -> None:
        """One request was answered, or one stream or session ended."""
        method, transport = self._words.method(line.method), self._words.transport(line.transport)
        error = None if line.error is None else self._words.error(line.error)
        self._metrics.count(metrics.REQUESTS, method, str(line.status))
        if transport == "http":
            self._metrics.observe(metrics.REQUEST_SECONDS, line.duration, method)
        fields: dict[str, object] = {
            "request": line.request,
            "method": method,
            "transport": transport,
            "status": line.status,
            "duration_ms": round(line.duration * 1_000, 2),
            "bytes_in": line.bytes_in,
            "bytes_out": line.bytes_out,
        }
        if error is not None:
            self._metrics.count(metrics.REFUSALS, error)
            fields["error"] = error
        self._lines.info("request", **fields)

    @contextmanager
    def connection(self, transport: str) -> Iterator[None]:
        """Counts a stream or session as open while the block runs."""
        label = self._words.transport(transport)
        self._metrics.move(metrics.CONNECTIONS, 1, label)
        try:
            yield
        finally:
            self._metrics.move(metrics.CONNECTIONS, -1, label)

    def delivered(self, transport: str, events: int) -> None:
        """Events were handed to one connection's socket."""
        self._metrics.count(metrics.DELIVERIES, self._words.transport(transport), by=events)

    def bare_audience(self) -> None:
        """A token without a service fragment in `aud` was accepted because the setting allows it."""
        self._metrics.count(metrics.BARE_AUDIENCE)
