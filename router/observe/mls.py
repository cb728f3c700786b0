"""What is counted of MLS groups: sums over everybody, and never of whom."""

import attrs

from router.observe import metrics
from router.observe.metrics import Metrics


@attrs.frozen(kw_only=True)
class MlsStock:
    """What lies in the store at one moment."""

    packages_available: int
    packages_claimed: int
    """Handed out, and no commit has used them yet."""
    welcomes_pending: int
    oldest_welcome_age: int
    """Seconds; 0 where none is pending."""
    reports_pending: int
    requests_pending: int
    evidence: int


def record_mls_stock(recorded: Metrics, stock: MlsStock) -> None:
    """Set the gauges."""
    recorded.set(metrics.KEY_PACKAGES, stock.packages_available, "available")
    recorded.set(metrics.KEY_PACKAGES, stock.packages_claimed, "claimed")
    recorded.set(metrics.WELCOMES_PENDING, stock.welcomes_pending)
    recorded.set(metrics.OLDEST_WELCOME, stock.oldest_welcome_age)
    recorded.set(metrics.MLS_WAITING, stock.reports_pending, "reports")
    recorded.set(metrics.MLS_WAITING, stock.requests_pending, "requests")
    recorded.set(metrics.EVIDENCE, stock.evidence)
