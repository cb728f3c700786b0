"""Logging: structlog in front, the standard library's loggers behind it, one line per event on one stream.

Every line passes `_only_allowed`: fields not on the list are left out and only their names are told. Times
are rounded down to the bucket of the log (`log.received_bucket_seconds`), since a line about a send would
otherwise hold the time the message row does not. Loggers of other libraries are heard from `warning` on,
by their message's template without its arguments, which may quote a request.

Words: `logger.warning("disk_full", queue="store")`. The event is a fixed name, facts are fields.
"""

import datetime as dt
import logging
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, TextIO, cast

import attrs
import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from router.config import Logging
from router.observe.faults import fault_of

FIELDS: frozenset[str] = frozenset(
    {
        # of every line
        "event", "level", "time", "logger", "withheld",
        # of a request
        "request", "method", "transport", "status", "error", "duration_ms", "bytes_in", "bytes_out",
        # of an exit and of a fault
        "actor", "kind", "incarnation", "uptime_s", "in_hand", "where", "trace", "causes", "leaves", "text",
        "restart_in_s", "fate", "knobs",
        # of the process and its parts
        "version", "address", "url", "path", "check", "detail", "queue", "items", "bytes", "seconds",
        "count", "limit", "name", "reason", "setting", "command", "schema", "writer", "signal", "quota",
        # of whom: a pseudonym of the day, never an identifier
        "who",
    }
)  # fmt: skip
"""What a line may hold. `path` is a file of the operator's, `address` and `url` are ours, never a peer's."""

_LONGEST = 300
_QUIET = ("hypercorn.access", "quart.serving", "httpx", "httpcore")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class LineWriter:
    """Writes lines to a stream; a stream that fails loses lines, counted, and disturbs nobody."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0

    def write(self, line: str) -> None:
        """Write one line and flush it. Called in the event loop: the stream's reader must keep up."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # a closed pipe, a full disk, a closed file
            self.lost += 1

    msg = debug = info = warning = error = critical = write


@attrs.frozen
class Logs:
    """The two loggers: `events` obeys the level, `lines` (one per request and exit) always speaks."""

    events: FilteringBoundLogger
    lines: FilteringBoundLogger
    writer: LineWriter


def make_logs(
    settings: Logging,
    *,
    bucket_seconds: int,
    stream: TextIO,
    clock: Callable[[], float] = time.time,
) -> Logs:
    """Loggers that write to `stream`; touches nothing global, so that a test can have its own."""
    writer = LineWriter(stream)
    processors = _processors(settings, bucket_seconds, stream, clock)

    def logger(level: int) -> FilteringBoundLogger:
        made = structlog.wrap_logger(
            cast("WrappedLogger", writer),
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger(level),
        )
        return cast("FilteringBoundLogger", made.bind())

    return Logs(events=logger(_LEVELS[settings.level]), lines=logger(0), writer=writer)


def set_up_logging(settings: Logging, *, bucket_seconds: int, stream: TextIO | None = None) -> Logs:
    """Make the process log this way: `structlog.get_logger()` and the standard library's loggers too.

    For the wiring, once. `stream` is standard output when None.
    """
    stream = stream or sys.stdout
    logs = make_logs(settings, bucket_seconds=bucket_seconds, stream=stream)
    structlog.configure(
        processors=_processors(settings, bucket_seconds, stream, time.time),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=lambda *_: logs.writer,
        cache_logger_on_first_use=True,
    )
    bridge_standard_library(logs.events)
    return logs


def bridge_standard_library(events: FilteringBoundLogger) -> None:
    """Send the standard library's loggers, from `warning` on, to ours; access logs are turned off."""
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(events)]
    root.setLevel(logging.WARNING)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _QUIET:
        logging.getLogger(name).disabled = True
    logging.captureWarnings(False)  # else a second call would not take warnings back from whoever has them
    logging.captureWarnings(True)


class _Bridge(logging.Handler):
    def __init__(self, events: FilteringBoundLogger) -> None:
        super().__init__(level=logging.WARNING)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        # the template only: its arguments are the part that may name somebody
        event = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        error = record.exc_info[1] if record.exc_info else None
        tell = self._events.error if record.levelno >= logging.ERROR else self._events.warning
        tell(event, logger=record.name, exc_info=error)


def _processors(
    settings: Logging, bucket_seconds: int, stream: TextIO, clock: Callable[[], float]
) -> list[structlog.typing.Processor]:
    def stamp(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {"time": _written(int(clock()) // bucket_seconds * bucket_seconds), **event}

    def explain(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        error = event.pop("exc_info", None)
        if error is True:
            error = sys.exc_info()[1]
        if isinstance(error, BaseException):
            event.update(fault_fields(error, with_text=settings.exception_messages))
        return event

    pretty = settings.format == "pretty" or (settings.format == "auto" and stream.isatty())
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), timestamp_key="time") if pretty else _as_json
    )
    return [structlog.processors.add_log_level, explain, _only_allowed, stamp, render]


@lru_cache(maxsize=1)  # every line of a bucket has the same
def _written(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fault_fields(error: BaseException, *, with_text: bool) -> dict[str, object]:
    """The fields of a line that tell of an exception; its words only where the operator wants them."""
    fault = fault_of(error)
    fields: dict[str, object] = {"error": fault.error, "where": fault.where, "trace": fault.trace}
    if fault.causes:
        fields["causes"] = fault.causes
    if fault.leaves > 1:
        fields["leaves"] = fault.leaves
    if with_text:
        fields["text"] = fault.text
    return fields


def _only_allowed(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    kept: dict[str, Any] = {key: _plain(value) for key, value in event.items() if key in FIELDS}
    withheld = sorted(event.keys() - FIELDS)
    if withheld:
        kept["withheld"] = _plain(withheld)
    return kept


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            cut = value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
            # a line break could forge a line, an escape sequence the reader's terminal
            return cut if cut.isprintable() else cut.encode("unicode_escape").decode("ascii")
        case list() | tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case _:
            # the text of an unknown object may quote anything
            return type(value).__name__


def _as_json(_: WrappedLogger, __: str, event: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(event).decode()
