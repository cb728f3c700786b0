"""Logs into a string, metrics into a dict: what the tests of this room look at."""

import io

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from router.config import Logging
from router.observe import Logs, Metrics, make_logs

NOW = 1_770_000_001.75


class Captured:
    """A stream whose lines are parsed as JSON."""

    def __init__(self, settings: Logging | None = None, *, bucket_seconds: int = 2) -> None:
        self.stream = io.StringIO()
        self.logs: Logs = make_logs(
            settings or Logging(),
            bucket_seconds=bucket_seconds,
            stream=self.stream,
            clock=lambda: NOW,
        )

    def text(self) -> str:
        """Everything that was written."""
        return self.stream.getvalue()

    def lines(self) -> list[dict[str, object]]:
        """Every line, without the time all of them have."""
        lines = [msgspec.json.decode(line, type=dict[str, object]) for line in self.text().splitlines()]
        for line in lines:
            assert line.pop("time") == "2026-02-02T02:40:00Z"
        return lines


def samples(metrics: Metrics) -> dict[str, float]:
    """Every exported series that begins with our name: `name{label="value",...}` to its value."""
    found = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found
