"""The index of failures is true: all are there, every test it names exists, every defence is where it was."""

import re
from pathlib import Path

import pytest

from tests.attacks.test_index import TESTS, defined
from tests.edge.mls.failures import ELSEWHERE, FAILURES, RACES

NUMBERS = pytest.mark.parametrize("number", sorted(FAILURES))


def test_no_failure_is_missing() -> None:
    assert FAILURES.keys() | ELSEWHERE == set(range(1, 38))
    assert not FAILURES.keys() & ELSEWHERE


@NUMBERS
def test_a_failure_names_what_is_there(number: int) -> None:
    failure = FAILURES[number]
    assert failure.law.endswith(".")
    assert failure.tests
    for test in failure.tests:
        file, *_, name = test.split("::")
        assert Path(file).name.startswith("test_"), test
        assert name.startswith("test_"), test
        assert defined(test), test
    for removal in failure.removals:
        text = (TESTS.parent / removal.file).read_text()
        assert text.count(removal.old) == 1, f"{removal.file}: {removal.old!r}"
        assert removal.old != removal.new


def test_a_race_is_run_in_chosen_orders_and_by_real_clients() -> None:
    for number in RACES:
        files = {test.partition("::")[0] for test in FAILURES[number].tests}
        assert {"edge/mls/test_failures_schedules.py", "edge/mls/test_failures_process.py"} <= files, number


def test_a_test_that_bears_a_number_is_named_under_it() -> None:
    """Of the files that are about failures alone, none is forgotten in the index."""
    for file in ("edge", "schedules", "process"):
        path = f"edge/mls/test_failures_{file}.py"
        for found in re.finditer(r"def (test_((?:\d+_)+)\w+)", (TESTS / path).read_text()):
            for number in found[2].strip("_").split("_"):
                assert f"{path}::{found[1]}" in FAILURES[int(number)].tests, (number, found[1])
