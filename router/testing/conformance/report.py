"""What a run is told as: lines and a table for people, one JSON value for programs."""

import json
from collections import Counter
from collections.abc import Sequence

import attrs
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from router.testing.conformance.registry import Check
from router.testing.conformance.verdicts import Result, Verdict

MARKS: dict[Result, str] = {
    "passed": "[green]✓[/]",
    "failed": "[bold red]✗[/]",
    "skipped": "[yellow]–[/]",
    "error": "[bold magenta]![/]",
}


def exit_code(verdicts: Sequence[Verdict], *, strict: bool = False) -> int:
    """0: the server conforms. 1: it does not. 3: a check could not be made, or (`strict`) was skipped."""
    found = Counter(each.result for each in verdicts)
    if found["failed"]:
        return 1
    return 3 if found["error"] or (strict and found["skipped"]) or not found["passed"] else 0


def show_line(console: Console, verdict: Verdict) -> None:
    """One check, as it ends."""
    console.print(
        f"{MARKS[verdict.result]} [dim]{verdict.area:14}[/] {escape(verdict.name)}"
        f" [dim]{verdict.seconds:.2f} s[/]"
    )
    if verdict.result == "skipped":
        console.print(f"  [yellow]{escape(verdict.detail)}[/]")


def show_summary(console: Console, verdicts: Sequence[Verdict]) -> None:
    """A panel for each check that failed, and a table of areas."""
    for each in verdicts:
        if each.result in ("failed", "error"):
            text = escape(each.detail) + "".join(f"\n\n[dim]{escape(line)}[/]" for line in each.exchanges)
            console.print(Panel(text, title=f"{MARKS[each.result]} {escape(each.name)}", title_align="left"))
    table = Table(box=None)
    for heading in ("area", "passed", "failed", "skipped", "error"):
        table.add_column(heading, justify="left" if heading == "area" else "right")
    for area in dict.fromkeys(each.area for each in verdicts):
        found = Counter(each.result for each in verdicts if each.area == area)
        table.add_row(area, *(str(found[name] or "") for name in ("passed", "failed", "skipped", "error")))
    console.print(table)


def show_list(console: Console, checks: Sequence[Check]) -> None:
    """Every check with its reason."""
    for each in checks:
        console.print(f"[bold]{each.area}[/]: {escape(each.name)}\n  [dim]{escape(each.why)}[/]")


def as_json(base_url: str, verdicts: Sequence[Verdict], code: int) -> str:
    """The whole run as one value: `{server, exitCode, counts, checks: [{area, name, result, …}]}`."""
    counts = Counter(each.result for each in verdicts)
    checks = [attrs.asdict(each) for each in verdicts]
    return json.dumps({"server": base_url, "exitCode": code, "counts": counts, "checks": checks}, indent=2)
