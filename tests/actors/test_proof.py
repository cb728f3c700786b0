"""What is promised about the code itself: complete public types, every branch of the pure modules tested."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio

ROOT = Path(__file__).parents[2]
PURE = ("_policy", "_knobs", "_quarantine", "_tree", "_options", "_errors", "_events")


@pytest.mark.nightly
def test_the_public_types_are_complete(tmp_path: Path) -> None:
    """pyright judges them as a user's checker would: from a package with `py.typed`, beside Trio."""
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed")
    shutil.copytree(ROOT / "actors", tmp_path / "packages" / "actors")
    beside = Path(trio.__file__).parents[1]
    (tmp_path / "empty").mkdir()
    command = ["-m", "pyright", "--pythonpath", sys.executable, "--verifytypes", "actors", "--ignoreexternal"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path / "empty",
        env=os.environ | {"PYTHONPATH": f"{tmp_path / 'packages'}:{beside}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Type completeness score: 100%" in done.stdout, done.stdout


@pytest.mark.nightly
def test_every_branch_of_the_pure_modules_is_taken(tmp_path: Path) -> None:
    files = [
        f"tests/actors/test_{name}.py" for name in ("policy", "tuning", "quarantine", "tree", "registry")
    ]
    measured = ",".join(f"actors/{name}.py" for name in PURE)
    coverage = [sys.executable, "-m", "coverage"]

    def measure(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*coverage, *arguments],
            cwd=ROOT,
            env=os.environ | {"COVERAGE_FILE": str(tmp_path / "coverage")},
            capture_output=True,
            text=True,
            check=False,
        )

    # coverage begins before pytest: Hypothesis's entry point imports the library with its plugin
    ran = measure(
        *("run", "--branch", f"--include={measured}", "-m", "pytest", "-q", *files),
        "tests/actors/test_supervisor.py",
    )
    assert ran.returncode == 0, ran.stdout
    done = measure("report", "--show-missing", "--fail-under=100")

    assert done.returncode == 0, done.stdout
