"""One place to tell what happened: the line, the counters and the gauges of it agree by construction."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from router.observe import metrics
from router.observe.lines import RequestLine, Vocabulary
from router.observe.logs import Logs
from router.observe.metrics import Metrics
from router.observe.pseudonyms import Aliases, Kind


class Observer:
    """Tells log and metrics of requests, connections and deliveries. Its methods never raise or wait."""

    def __init__(
        self, logs: Logs, recorded: Metrics, vocabulary: Vocabulary, aliases: Aliases | None = None
    ) -> None:
        self._lines = logs.lines
        self._events = logs.events
        self._debugs = logs.events.is_enabled_for(logging.DEBUG)
        self._aliases = Aliases(time.time) if aliases is None else aliases
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

    def rate_limited(self, quota: str, kind: Kind | None = None, who: str = "") -> None:
        """A request was refused because there were too many of its class; `who` is told as a pseudonym."""
        self._metrics.count(metrics.RATE_LIMITED, quota)
        if self._debugs:
            told = {} if kind is None else {"who": self._aliases.of(kind, who)}
            self._events.debug("rate_limited", quota=quota, **told)

    def refused_token(self, error: str, address: str) -> None:
        """A token was refused; the address it came from is told as a pseudonym."""
        if self._debugs:
            who = self._aliases.of("address", address)
            self._events.debug("token_refused", error=self._words.error(error), who=who)

    def commit(self, outcome: str) -> None:
        """A commit of an MLS group ended: `taken`, `resent`, or refused under a name of the catalogue."""
        known = outcome in ("taken", "resent")
        self._metrics.count(metrics.COMMITS, outcome if known else self._words.error(outcome))

    def bare_audience(self) -> None:
        """A token without a service fragment in `aud` was accepted because the setting allows it."""
        self._metrics.count(metrics.BARE_AUDIENCE)
