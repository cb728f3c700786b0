"""Pages a listener may serve, as plain values: health for the public, health in detail for operators."""

import attrs
import msgspec

from router.observe.health import Report

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@attrs.frozen
class Page:
    """What to answer: nothing here knows HTTP beyond a status and a content type."""

    status: int
    content_type: str
    body: bytes


def live_page() -> Page:
    """`/health/live`: that this is answered at all is the message."""
    return Page(200, TEXT, b"OK\n")


def ready_page(report: Report, *, detailed: bool) -> Page:
    """`/health/ready`: 200 while traffic is welcome, 503 while a check is red or the server drains."""
    return _page(report.ready, {"ready": report.ready, **_checks(report, detailed=detailed)})


def health_page(report: Report, *, version: str, detailed: bool) -> Page:
    """`/health`: every check; 503 while one is red. `detailed` is for operators: versions and reasons."""
    document: dict[str, object] = {"status": "healthy" if report.healthy else "unhealthy"}
    if detailed:
        document |= {"version": version, "draining": report.draining}
    return _page(report.healthy, document | _checks(report, detailed=detailed))


def _checks(report: Report, *, detailed: bool) -> dict[str, object]:
    if not detailed:
        return {"checks": {name: verdict.ok for name, verdict in report.verdicts.items()}}
    return {
        "checks": {
            name: {"healthy": verdict.ok, "detail": verdict.detail}
            for name, verdict in report.verdicts.items()
        }
    }


def _page(good: bool, document: dict[str, object]) -> Page:
    return Page(200 if good else 503, JSON, msgspec.json.encode(document) + b"\n")
