"""The bench runs, a fraction of a second for a case of each kind. What it measures is not judged here."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.benchmarks import hotspots
from tests.benchmarks.__main__ import CASES, VERIFICATION, measure
from tests.benchmarks.jobs import percentile
from tests.benchmarks.messages import EVENT, age, send_frame
from tests.benchmarks.scale import SMOKE
from tests.benchmarks.table import Row, show, write_json

pytestmark = pytest.mark.system
KINDS = ["http", "session-pipelined", "room-stalled", "idle-streams"]


async def _measured(names: list[str]) -> list[Row]:
    rows = await measure(SMOKE, names, lambda _: None)
    assert [row.note for row in rows if row.note] == []
    measured = [row for row in rows if row.table != "floors"]
    assert len(measured) == len(names)
    assert all(row.floor is not None and row.ours is not None for row in measured)
    return rows


async def test_a_case_of_each_kind_measures_and_prints(tmp_path: Path) -> None:
    rows = await _measured(KINDS)
    console = Console(record=True, width=200, quiet=True)
    show(rows, {"processor": "any"}, console)
    write_json(rows, {"processor": "any"}, tmp_path / "bench.json")
    assert {"ours", "floor", "ratio", "met"} <= json.loads((tmp_path / "bench.json").read_text())["rows"][
        0
    ].keys()


@pytest.mark.nightly
async def test_every_case_measures() -> None:
    await _measured([name for name in CASES if name not in (*KINDS, *VERIFICATION)])


async def test_verification_is_measured_without_a_router() -> None:
    rows = await measure(SMOKE, list(VERIFICATION), lambda _: None)
    assert {row.table for row in rows} == set(VERIFICATION)
    for row in rows:
        assert row.ours is not None
        if row.table != "mls":  # has rows of both kinds
            assert (row.ratio is not None) is (row.table == "tokens")
            assert (row.met is not None) is (row.table == "edge")
    printed = io.StringIO()
    show(rows, {"processor": "any"}, Console(file=printed, width=200))
    assert "a procedure of 1 KiB" in printed.getvalue()


def test_a_row_meets_its_aim_up_to_it_and_not_beyond() -> None:
    assert Row("messages", "at", 1.3, 1.0, aim=1.3).met is True
    assert Row("messages", "beyond", 1.31, 1.0, aim=1.3).met is False
    assert Row("messages", "no aim", 9.0, 1.0).met is None
    assert Row("messages", "no floor", 9.0, None, aim=1.3).met is None
    assert Row("edge", "at", 150.0, None, at_most=150.0).met is True
    assert Row("edge", "beyond", 150.1, None, at_most=150.0).met is False


def test_a_stamped_message_tells_its_age_and_a_warming_one_does_not() -> None:
    assert (age(send_frame(1, "c", "m")) or -1) >= 0
    assert age(send_frame(1, "c", "m", stamped=False)) is None
    assert age(EVENT + b"}") is None


def test_percentiles_of_few_values_are_values() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([1.0], 0.99) == 1.0


def test_a_profile_adds_stacks_up_and_leaves_idle_threads_out(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    stacks.write_text(
        "run (/x/site-packages/trio/_core/_run.py:1);send (/y/router/edge/a.py:7) 3\n"
        "run (/x/site-packages/trio/_core/_run.py:2) 1\n"
        "run (threading.py:1);WorkerThread._work (/x/site-packages/trio/_core/_thread_cache.py:211) 99\n"
    )
    profile = hotspots.read(stacks)
    assert profile.total == 4
    assert profile.own.most_common(1) == [("send (/y/router/edge/a.py)", 3)]
    assert profile.within["run (trio/_core/_run.py)"] == 4
