"""Rate limits: who may do what how often. Decided in plain functions, kept in bounded memory.

    quotas = LocalQuotas(classes(settings.rate), capacity=settings.rate.max_keys, clock=trio.current_time)
    standing = quotas.spend([Ask("send", account)])         # allowed, remaining, full_in, retry_after

`rate.py` is the arithmetic, `table.py` the memory, `classes.py` the classes as data, `quotas.py` the seam.
Where in a call they apply, and what the client hears of them, is `router/edge/admission.py`.
"""

from router.limits.classes import (
    CLAIM,
    CLAIM_FROM_ONE,
    FAILED_AUTH,
    LOGIN,
    PREFLIGHT,
    REISSUE_WELCOME,
    REJOIN,
    SEND,
    QuotaClass,
    Whose,
    classes,
)
from router.limits.quotas import Ask, LocalQuotas, Quotas, QuotaStatistics
from router.limits.rate import FULL, Moment, Rate, Standing, look, moment, spend
from router.limits.table import Table

__all__ = [
    "CLAIM",
    "CLAIM_FROM_ONE",
    "FAILED_AUTH",
    "FULL",
    "LOGIN",
    "PREFLIGHT",
    "REISSUE_WELCOME",
    "REJOIN",
    "SEND",
    "Ask",
    "LocalQuotas",
    "Moment",
    "QuotaClass",
    "QuotaStatistics",
    "Quotas",
    "Rate",
    "Standing",
    "Table",
    "Whose",
    "classes",
    "look",
    "moment",
    "spend",
]
