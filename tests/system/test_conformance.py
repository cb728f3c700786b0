"""The public conformance suite against our own server, as a stranger would run it: from another process."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from router.identity.keys import write_account_key
from tests.system.people import new_key
from tests.system.process import RouterProcess, free_port, running_router

pytestmark = pytest.mark.system


def suite(router: RouterProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m router.testing.conformance --json` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "router.testing.conformance", "--base-url", router.url, "--json", *arguments],
        env=router.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


async def test_our_server_conforms_with_accounts_of_the_suites_directory() -> None:
    """Every check, with new accounts of did:plc for each, and blocks read at the suite's PDS."""
    plc = free_port()
    settings = {
        "ROOKERY_IDENTITY__PLC_URL": f"http://127.0.0.1:{plc}",
        "ROOKERY_IDENTITY__LOOPBACK_HOSTS": "127.0.0.1",
    }
    async with running_router(settings) as router:
        done = suite(router, "--plc", str(plc))
        assert done.stderr == ""
        told = json.loads(done.stdout)
        wrong = [each for each in told["checks"] if each["result"] in ("failed", "error")]
        assert wrong == []
        assert done.returncode == 0
        skipped = {each["name"] for each in told["checks"] if each["result"] == "skipped"}
        assert skipped == {"who asks too often is told when to come back, and nobody else is slowed down"}
        assert len(told["checks"]) > 40


async def test_limits_are_tried_where_the_server_has_some() -> None:
    """The one check that limits nobody meets would skip."""
    plc = free_port()
    settings = {
        "ROOKERY_IDENTITY__PLC_URL": f"http://127.0.0.1:{plc}",
        "ROOKERY_IDENTITY__LOOPBACK_HOSTS": "127.0.0.1",
        "ROOKERY_RATE__READ": "30",
    }
    async with running_router(settings) as router:
        done = suite(router, "--plc", str(plc), "limits", "asks too often")
        told = json.loads(done.stdout)
        assert [each["result"] for each in told["checks"]] == ["passed"], told


async def test_accounts_that_the_server_has_do_as_well() -> None:
    """For a server that looks nobody up: three key files, shared by all checks, which leave no device."""
    async with running_router() as router:
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for name in ("ann", "ben", "cat"):
                path = Path(folder) / f"{name}.key.json"
                write_account_key(path, await new_key(router, name))
                files += ["--account", str(path)]
            done = suite(router, *files, "membership")
        told = json.loads(done.stdout)
        assert {each["result"] for each in told["checks"]} == {"passed"}, told
        assert done.returncode == 0


def test_a_server_that_is_not_there_is_no_verdict() -> None:
    """Neither 0 nor 1: nothing was found out."""
    done = subprocess.run(
        [
            sys.executable, "-m", "router.testing.conformance", "--base-url", f"http://127.0.0.1:{free_port()}",
            "--plc", str(free_port()),
        ],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("Error: http://127.0.0.1:")
    assert "Traceback" not in done.stderr
