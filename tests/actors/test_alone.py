"""The package alone: installed from its wheel without the rest, it serves a script in an empty folder."""

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("trio", "attr", "attrs", "outcome", "sniffio", "sortedcontainers", "idna")
"""Trio, attrs, outcome, and what Trio itself needs."""

SCRIPT = """
import sys
sys.path[:0] = sys.argv[1:]
import trio
from actors import ChildSpec, Mailbox, Supervisor
import actors.testing

box = Mailbox("box")

async def actor(*, task_status):
    task_status.started()
    while True:
        for envelope in await box.take():
            envelope.reply(envelope.message + 1)

async def main():
    async with trio.open_nursery() as nursery:
        await nursery.start(Supervisor("root", [ChildSpec("actor", actor)]).run)
        print(await box.ask(41))
        nursery.cancel_scope.cancel()

trio.run(main)
known = set(sys.stdlib_module_names) | set(%r) | {"actors", "__main__"}
print(sorted({name.partition(".")[0] for name in sys.modules} - known))
"""


def test_the_wheel_without_its_dependencies_serves_a_script_in_an_empty_folder(tmp_path: Path) -> None:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling, which builds the wheel, is not installed")
    wheels, unpacked, beside, empty = (tmp_path / name for name in ("wheels", "wheel", "beside", "empty"))
    for folder in (beside, empty):
        folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    for folder in unpacked.iterdir():
        if folder.name != "actors":
            shutil.rmtree(folder)
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        (beside / name).symlink_to(Path(spec.origin).parent)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", SCRIPT % (NEEDED,), str(unpacked), str(beside)],
        cwd=empty,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["42", "[]"]
