"""Logs, metrics and the observer of requests: made first, since every other part may report a fault."""

import attrs

from router.config import Settings
from router.edge.routes import route_names
from router.observe import Logs, Metrics, Observer, Vocabulary, fault_fields, set_up_logging
from schema import ERRORS


@attrs.frozen(kw_only=True)
class Observation:
    """What the node tells about itself."""

    logs: Logs
    metrics: Metrics
    observer: Observer
    exception_messages: bool

    def report(self, what: str, error: BaseException | None) -> None:
        """A fault of ours that ended one connection or command and nothing else."""
        if error is None:
            self.logs.events.info(what)
        else:
            self.logs.events.error(what, **fault_fields(error, with_text=self.exception_messages))


def make_observation(settings: Settings, version: str) -> Observation:
    """Set up logging for the process, and the metrics beside it."""
    logs = set_up_logging(settings.logging, bucket_seconds=settings.log.received_bucket_seconds)
    metrics = Metrics(version=version)
    return Observation(
        logs=logs,
        metrics=metrics,
        observer=Observer(logs, metrics, Vocabulary(route_names(), ERRORS)),
        exception_messages=settings.logging.exception_messages,
    )
