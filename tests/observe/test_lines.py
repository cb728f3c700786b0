"""The canonical line and the log: everything that helps, nobody who is meant."""

import io
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from router.config import Logging
from router.observe import (
    FIELDS,
    Metrics,
    Observer,
    RequestLine,
    Vocabulary,
    actor_label,
    make_logs,
    request_id,
    set_up_logging,
)
from tests.observe.helpers import Captured, samples

SEND = "blue.catbird.mls.sendMessage"
WORDS = Vocabulary(methods=[SEND], errors=["NotMember"])


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """Gives the process its logging back."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    disabled = {name: logging.getLogger(name).disabled for name in ("hypercorn.access", "httpx", "httpcore")}
    yield
    root.handlers[:], level = before
    root.setLevel(level)
    for name, value in disabled.items():
        logging.getLogger(name).disabled = value
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_a_request_is_one_line_and_its_counters() -> None:
    captured, metrics = Captured(), Metrics(version="1")
    observer = Observer(captured.logs, metrics, WORDS)

    observer.request(
        RequestLine(
            request="00ff", method=SEND, status=403, duration=0.01234, bytes_in=700, bytes_out=64,
            error="NotMember",
        )
    )  # fmt: skip

    assert captured.lines() == [
        {
            "event": "request", "level": "info", "request": "00ff", "method": SEND, "transport": "http",
            "status": 403, "error": "NotMember", "duration_ms": 12.34, "bytes_in": 700, "bytes_out": 64,
        }
    ]  # fmt: skip
    counted = samples(metrics)
    assert counted[f'rookery_requests_total{{method="{SEND}",status="403"}}'] == 1
    assert counted[f'rookery_request_seconds_count{{method="{SEND}"}}'] == 1
    assert counted['rookery_refusals_total{error="NotMember"}'] == 1


@given(method=st.text(), error=st.text(), transport=st.text())
def test_words_a_caller_made_up_reach_neither_line_nor_label(method: str, error: str, transport: str) -> None:
    captured, metrics = Captured(), Metrics(version="1")

    Observer(captured.logs, metrics, WORDS).request(
        RequestLine(request="1", method=method, status=404, duration=0, error=error, transport=transport)
    )

    (line,) = captured.lines()
    assert line["method"] in {"unknown", SEND}
    assert line["error"] in {"unknown", "NotMember"}
    assert line["transport"] in {"unknown", *WORDS.transports}


def test_open_connections_are_counted_while_they_are_open_also_when_they_fail() -> None:
    metrics = Metrics(version="1")
    observer = Observer(Captured().logs, metrics, WORDS)

    def serve() -> None:
        with observer.connection("sse"):
            observer.delivered("sse", 3)
            assert samples(metrics)['rookery_connections{transport="sse"}'] == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serve()

    assert samples(metrics)['rookery_connections{transport="sse"}'] == 0
    assert samples(metrics)['rookery_deliveries_total{transport="sse"}'] == 3


def test_request_ids_are_random_and_short() -> None:
    assert len({request_id() for _ in range(100)}) == 100
    assert len(request_id()) == 16


@given(fields=st.dictionaries(st.text(min_size=1), st.text() | st.binary() | st.integers()))
def test_a_field_nobody_allowed_is_withheld_and_its_name_told(fields: dict[str, object]) -> None:
    fields = {key: value for key, value in fields.items() if key not in FIELDS | {"exc_info", "self"}}
    captured = Captured()

    captured.logs.events.warning("odd", **fields, count=1)

    (line,) = captured.lines()
    assert len(line.pop("withheld", [])) == len(fields)  # type: ignore[arg-type]  # a list, by the line above it
    assert line == {"event": "odd", "level": "warning", "count": 1}


def test_a_line_break_or_an_escape_sequence_in_a_value_is_written_out() -> None:
    captured = Captured(Logging(format="pretty"))

    captured.logs.events.warning("odd", detail="a\n2026-01-01 forged\x1b[2J\u2028")

    assert captured.text().removesuffix("\n").isprintable()
    assert "forged" in captured.text()


def test_a_value_that_is_not_plain_is_told_by_its_type() -> None:
    captured = Captured()

    captured.logs.events.warning("odd", detail=b"secret", knobs={"a": object()}, name="x" * 400)

    (line,) = captured.lines()
    assert (line["detail"], line["knobs"]) == ("bytes", {"a": "object"})
    assert line["name"] == "x" * 300 + "…"


def test_times_are_rounded_down_to_the_bucket() -> None:
    captured = Captured(bucket_seconds=3_600)

    captured.logs.lines.info("exit")

    assert '"time":"2026-02-02T02:00:00Z"' in captured.text()


def test_an_exception_is_told_by_type_and_place_and_its_words_only_when_asked() -> None:
    quiet, talkative = Captured(), Captured(Logging(exception_messages=True))
    for captured in (quiet, talkative):
        nobody: dict[str, str] = {}
        try:
            nobody["did:plc:somebody"]
        except KeyError:
            captured.logs.events.exception("broke")

    (line,) = quiet.lines()
    assert line["error"] == "KeyError"
    assert str(line["where"]).startswith("tests.observe.test_lines:test_an_exception_is_told")
    assert "somebody" not in quiet.text()
    assert talkative.lines()[0]["text"] == "'did:plc:somebody'"


def test_the_level_holds_for_events_and_not_for_canonical_lines() -> None:
    captured = Captured(Logging(level="error"))

    captured.logs.events.warning("hidden")
    captured.logs.events.error("shown")
    captured.logs.lines.info("request")

    assert [line["event"] for line in captured.lines()] == ["shown", "request"]


def test_on_a_terminal_people_get_something_to_read() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    make_logs(Logging(), bucket_seconds=2, stream=terminal).events.warning("disk_full", queue="store")
    pretty = io.StringIO()
    make_logs(Logging(format="pretty"), bucket_seconds=2, stream=pretty).events.warning(
        "disk_full", queue="store"
    )

    assert "\x1b[" in terminal.getvalue()  # coloured
    assert "\x1b[" not in pretty.getvalue()
    for text in (terminal.getvalue(), pretty.getvalue()):
        assert "disk_full" in text
        assert not text.startswith("{")


def test_a_log_that_cannot_be_written_disturbs_nobody_and_is_counted() -> None:
    captured = Captured()
    captured.stream.close()

    captured.logs.lines.info("request")
    captured.logs.events.error("broke")

    assert captured.logs.writer.lost == 2


@pytest.mark.usefixtures("untouched_logging")
def test_other_libraries_are_heard_from_warning_on_without_their_arguments() -> None:
    stream = io.StringIO()
    old = logging.getLogger("hypercorn.error")
    old.addHandler(logging.StreamHandler(stream))
    old.propagate = False
    set_up_logging(Logging(format="json"), bucket_seconds=2, stream=stream)

    old.info("GET /xrpc/secret")
    old.warning("Error in %s", "did:plc:somebody")
    try:
        int("did:plc:somebody")
    except ValueError:
        logging.getLogger("quart.app").exception("Exception on request %s", "/did:plc:somebody")
    logging.getLogger("hypercorn.access").error("did:plc:somebody")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old thing", stacklevel=1)
    structlog.get_logger().warning("ours")

    lines = stream.getvalue().splitlines()
    assert [('"logger":"' + name) in line for name, line in zip(
        ("hypercorn.error", "quart.app", "py.warnings"), lines, strict=False)] == [True] * 3  # fmt: skip
    assert '"event":"Error in %s"' in lines[0]
    assert '"error":"ValueError"' in lines[1]
    assert '"event":"ours"' in lines[3]
    assert len(lines) == 4
    assert "somebody" not in stream.getvalue()


def test_only_static_children_are_named_below_the_root() -> None:
    known = {"rookery", "conversations", "store"}

    assert actor_label("rookery/store", known) == "rookery/store"
    assert actor_label("rookery/conversations/abcdefgh", known) == "rookery/conversations/*"
    assert actor_label("rookery/forgotten/abcdefgh", known) == "rookery/*/*"
