"""Where the router's time goes: a sampling profile of its process while it works (py-spy).

py-spy looks at the process from outside, so the code under it runs as it always does. It is not a
dependency of anything: `pip install py-spy`.
"""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import attrs
from rich.console import Console
from rich.table import Table

_RATE = 250
_AT_REST = re.compile(r"(WorkerThread\._work|_work|wait_readable|epoll_wait|get_events) \([^;]*\)$")
"""Threads of Trio's cache that wait for work look busy from outside."""
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^()]+):(?P<line>\d+)\)$")


class NoProfiler(Exception):
    """py-spy is not installed."""


@attrs.frozen
class Profile:
    """Samples by function: while it ran itself, while it or what it called ran; and by line."""

    total: int
    own: Counter[str]
    within: Counter[str]
    lines: Counter[str]


def profiler() -> str:
    """Where py-spy is."""
    found = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin")
    if found is None:
        raise NoProfiler("--profile needs py-spy: .venv/bin/pip install py-spy")
    return found


def record(pid: int, seconds: float, output: Path) -> None:
    """Sample a process; `output` gets one line for each stack."""
    subprocess.run(
        [profiler(), "record", "--pid", str(pid), "--duration", str(max(1, round(seconds))),
         "--rate", str(_RATE), "--format", "raw", "--full-filenames", "--output", str(output)],
        check=True,
        capture_output=True,
    )  # fmt: skip


def read(output: Path) -> Profile:
    """Add the stacks up."""
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    total = 0
    for stack in output.read_text().splitlines():
        frames, _, samples = stack.rpartition(" ")
        count = int(samples)
        if _AT_REST.search(frames):
            continue
        names = [_name(frame) for frame in frames.split(";")]
        total += count
        own[names[-1][0]] += count
        lines[names[-1][1]] += count
        for function in {function for function, _ in names}:
            within[function] += count
    return Profile(total, own, within, lines)


def _name(frame: str) -> tuple[str, str]:
    """A frame as (function, line), with the path cut to what a reader knows it by."""
    match = _FRAME.match(frame)
    if match is None:
        return frame, frame
    file = match["file"]
    for root in ("site-packages/", "python3.11/", f"{Path.cwd()}/"):
        file = file.rpartition(root)[2]
    return f"{match['function']} ({file})", f"{file}:{match['line']} {match['function']}"


def show(profile: Profile, console: Console, *, rows: int = 40) -> None:
    """The hottest functions, by their own time and by all time spent below them."""
    for title, counts in (
        ("Own time", profile.own),
        ("Own time by line", profile.lines),
        ("Time within, callees included", profile.within),
    ):
        table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
        table.add_column(justify="right")
        table.add_column(overflow="fold")
        for name, count in counts.most_common(rows):
            table.add_row(f"{count / max(profile.total, 1):.1%}", name)
        console.print(table)
