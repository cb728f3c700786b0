"""The doctor at the bed: a server that runs well, one that is not there, and one that is ill."""

import json
import os
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from router.cli import cli
from router.config import load
from router.doctor import Diagnosis, State, examine
from router.store.sqlite.folder import database_path
from tests.client.live_router import live_router
from tests.system.process import running_router

NOWHERE = {"identity.plc_url": "http://127.0.0.1:1"}  # tests ask nobody outside this machine
PLAIN = {"server.port": "0", "admin.port": "0", **NOWHERE}


async def found(folder: Path, **settings: str) -> dict[str, Diagnosis]:
    given = {name.replace("__", "."): value for name, value in settings.items()}
    loaded = load(environ={}, overrides={**PLAIN, "store.path": str(folder), **given})
    return {each.check: each async for each in examine(loaded, {})}


def states(diagnoses: dict[str, Diagnosis]) -> set[str]:
    return {name for name, each in diagnoses.items() if each.state is State.MEND}


async def test_of_a_server_that_runs_well_there_is_nothing_to_mend(tmp_path: Path) -> None:
    async with live_router(tmp_path) as router:
        diagnoses = await found(router.data)
    assert states(diagnoses) == set(), diagnoses
    assert diagnoses["server"].found.startswith(f"process {os.getpid()} serves")
    assert {"health store", "health bus", "version", "database", "disk", "clock"} <= diagnoses.keys()


async def test_before_the_first_start_it_says_whether_there_could_be_one(tmp_path: Path) -> None:
    diagnoses = await found(tmp_path / "new")
    assert states(diagnoses) == set()
    assert "none yet" in diagnoses["database"].found
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        diagnoses = await found(tmp_path / "new", server__port=port)
    assert states(diagnoses) == {"server port"}
    assert "server.port" in (diagnoses["server port"].mend or "")
    assert not (tmp_path / "new").exists(), "a doctor changes nothing"


async def test_what_is_ill_is_found(tmp_path: Path) -> None:
    async with live_router(tmp_path) as router:
        data = router.data
    (data / "copy.json").write_text("secret")
    (data / "copy.json").chmod(0o644)
    future = time.time() + 3_600
    os.utime(data / "copy.json", (future, future))
    with (data / "rookery.sqlite3-wal").open("wb") as wal:
        wal.truncate(300 * 1_048_576)
    diagnoses = await found(data, server__host="0.0.0.0")  # noqa: S104 - refused
    assert states(diagnoses) == {"settings", "files", "clock", "write-ahead log"}
    (data / "rookery.sqlite3-wal").unlink()
    database_path(data).write_bytes(b"this is no database" * 1_000)
    assert "database" in states(await found(data))


async def test_a_database_of_a_newer_program_is_told(tmp_path: Path) -> None:
    async with live_router(tmp_path) as router:
        data = router.data
    with closing(sqlite3.connect(database_path(data))) as database, database:
        database.execute("UPDATE store SET schema_version = 999, compatible_version = 999")
    diagnoses = await found(data)
    assert states(diagnoses) == {"database"}
    assert "newer Rookery" in (diagnoses["database"].mend or "")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments])


def test_the_command_ends_with_one_when_something_must_be_mended(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path / "data")]
    data += [word for name, value in PLAIN.items() for word in ("--set", f"{name}={value}")]
    well = invoke(*data)
    assert well.exit_code == 0, well.output
    assert "ok  settings: nothing to remark" in well.output
    ill = invoke(*data, "--set", "admin.host=0.0.0.0")
    assert ill.exit_code == 1
    assert "admin.token" in ill.output
    assert "1 thing must be mended." in ill.output
    shown = invoke(*data, "--set", "admin.host=0.0.0.0", "--json")
    told = [json.loads(line) for line in shown.stdout.splitlines() if line.startswith("{")]
    assert [each["check"] for each in told if each["state"] == "mend"] == ["settings"]


@pytest.mark.system
async def test_a_real_process_and_its_files_and_ports_are_looked_at() -> None:
    async with running_router() as router:
        told = [
            json.loads(line)
            for line in router.rookery(
                "doctor", "--json", "--set", "identity.plc_url=http://127.0.0.1:1"
            ).splitlines()
        ]
        diagnoses = {each["check"]: each for each in told}
        assert {each["state"] for each in told} <= {"ok", "advice"}, told
        for name in ("server port", "admin port", "DID document (the server)", "file descriptors"):
            assert diagnoses[name]["state"] == "ok", diagnoses[name]
        assert "are" in diagnoses["file descriptors"]["found"]
