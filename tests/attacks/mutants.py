"""Every defence, taken away: `python -m tests.attacks.mutants [ATTACK …]`, part of `make nightly`.

Each removal of `defences.py` is made in a copy of the tree, and the tests of its attack run there. A removal
after which all of them pass, and a test that fails for no removal, prove nothing: then it exits with 1.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.attacks.defences import ATTACKS, Attack, Removal
from tests.vectors import VECTORS

ROOT = Path(__file__).parents[2]
SECONDS = 300
_PACKAGES = ("router", "actors", "crypto", "protocol", "schema", "tests")
_FAILED = re.compile(r"^(?:FAILED|ERROR) tests/(\S+)", re.MULTILINE)


def failing(attack: Attack, removal: Removal) -> set[str]:
    """The tests of an attack that fail without this defence; all of them when they hang."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for package in _PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", folder)
        path = folder / removal.file
        path.write_text(path.read_text().replace(removal.old, removal.new))
        nodes = [f"tests/{test}" for test in attack.tests]
        environment = os.environ | {
            "PYTHONPATH": name,
            "HYPOTHESIS_PROFILE": "dev",
            "ROOKERY_VECTORS": str(VECTORS),
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", *nodes],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return set(attack.tests)
    failed = _FAILED.findall(done.stdout)
    return {test for test in attack.tests if any(f"{node}[".startswith(f"{test}[") for node in failed)}


def main() -> int:
    """Take away the defences of the attacks named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="so many at once")
    parser.add_argument("names", nargs="*", help="parts of names; without any, all")
    arguments = parser.parse_args()
    chosen = [a for a in ATTACKS if not arguments.names or any(part in a.name for part in arguments.names)]
    pairs = [(attack, removal) for attack in chosen for removal in attack.removals]
    toothless = {(attack.name, test) for attack in chosen for test in attack.tests}
    survivors = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for (attack, removal), failed in zip(
            pairs, pool.map(failing, *zip(*pairs, strict=True)), strict=True
        ):
            survivors += not failed
            toothless -= {(attack.name, test) for test in failed}
            verdict = f"caught by {len(failed)} of {len(attack.tests)}" if failed else "SURVIVED"
            print(f"{verdict:16}  {attack.name}: {removal.file}: {removal.old.strip()[:80]!r}", flush=True)
    for attack_name, test in sorted(toothless):
        print(f"TOOTHLESS         {attack_name}: {test}")
    print(f"{len(pairs) - survivors} of {len(pairs)} removals caught, {len(toothless)} tests prove nothing")
    return 1 if survivors or toothless else 0


if __name__ == "__main__":
    sys.exit(main())
