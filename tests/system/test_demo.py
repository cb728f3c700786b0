"""The demonstration that the README begins with: it runs, it holds, and it leaves nothing behind."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.system


def demo(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `rookery demo` with `folder` for temporary files."""
    return subprocess.run(
        [sys.executable, "-m", "router", "demo", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": "200"},
    )


def test_the_demo_holds_and_tidies_up() -> None:
    with tempfile.TemporaryDirectory(prefix="rookery-") as folder:
        done = demo(folder=Path(folder))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "It held" in done.stdout
        assert "kill -9" in done.stdout
        assert list(Path(folder).iterdir()) == []


def test_the_demo_tells_programs_what_it_found() -> None:
    with tempfile.TemporaryDirectory(prefix="rookery-") as folder:
        done = demo("--json", "--messages", "12", folder=Path(folder))
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["held"] is True
