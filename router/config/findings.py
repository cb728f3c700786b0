"""What a judgement of settings, variables or files says: a severity, and two sentences."""

import enum
from collections.abc import Iterable

import attrs


class Severity(enum.StrEnum):
    """What a finding does to a start."""

    REFUSE = "refuse"
    WARN = "warn"


@attrs.frozen
class Finding:
    """One judgement: the settings or variables it is about, what is wrong, how to mend it."""

    severity: Severity
    about: tuple[str, ...]
    wrong: str
    mend: str

    def __str__(self) -> str:
        return f"{', '.join(self.about)}: {self.wrong} {self.mend}"


def refusals(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that must keep the server from starting."""
    return tuple(finding for finding in findings if finding.severity is Severity.REFUSE)


def refuse(*about: str, wrong: str, mend: str) -> Finding:
    """A finding that keeps the server from starting."""
    return Finding(Severity.REFUSE, about, wrong, mend)


def warn(*about: str, wrong: str, mend: str) -> Finding:
    """A finding that is shown and logged."""
    return Finding(Severity.WARN, about, wrong, mend)
