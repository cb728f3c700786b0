"""The command line with real processes: a person's first day, and the end of a server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result

from router.admin import ControlClient
from router.cli import cli
from router.client.directory import ServerStatus
from router.demo.process import ServerProcess, free_port

pytestmark = pytest.mark.system


def rookery(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ROOKERY_")}
    return subprocess.run(
        [sys.executable, "-m", "router", *arguments],
        cwd=folder,
        env=environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def here(server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """In the folder of the running server, whose address this is."""
    folder, url = server
    monkeypatch.chdir(folder)
    return url


def invoke(*arguments: str, stdin: str | None = None) -> Result:
    """The same commands without the cost of a process each."""
    return CliRunner().invoke(cli, list(arguments), input=stdin)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("first-day")
    process = ServerProcess(folder, free_port())
    trio.run(process.start)
    try:
        yield folder, process.url
    finally:
        trio.run(process.stop)


def test_a_first_day(here: str) -> None:
    for name in ("alice", "bob"):
        made = invoke("account", "create", name, "--data", "data")
        assert made.exit_code == 0, made.output
    key, at = ("--key", "alice.key.json"), ("--url", here)
    assert invoke("convo", "list", "--key", "bob.key.json", *at).exit_code == 0
    created = invoke("convo", "create", *key, *at, "--member", "bob", "--group-key", "g.group.json")
    assert created.exit_code == 0, created.output
    sealed = ("--group-key", "g.group.json")
    assert invoke("send", *key, *at, *sealed, "Hello, \x1b[31mrooks").exit_code == 0
    lines = invoke("send", *key, *at, *sealed, "--lines", "--json", stdin="one\ntwo\n")
    assert [json.loads(line)["seq"] for line in lines.stdout.splitlines()] == [3, 4]

    bob = ("--key", "bob.key.json", *at)
    heard = invoke("tail", *bob, *sealed, "--limit", "3")
    assert heard.exit_code == 0, heard.output
    assert "alice: Hello, \N{REPLACEMENT CHARACTER}[31mrooks" in heard.stdout  # it drives no terminal
    rest = invoke("tail", *bob, *sealed, "--limit", "1", "--json")
    assert json.loads(rest.stdout)["text"] == "two"  # goes on behind what was shown
    again = invoke("tail", *bob, "--from-start", "--limit", "4", "--json")
    assert [json.loads(line)["seq"] for line in again.stdout.splitlines()] == [1, 2, 3, 4]
    assert "text" not in again.stdout  # without a key there is none

    listed = invoke("account", "list", "--data", "data", "--json")
    assert len(listed.stdout.splitlines()) == 2
    tree = invoke("tree", "--data", "data")
    assert "root" in tree.stdout
    assert "conversations" in tree.stdout
    assert json.loads(invoke("tree", "--data", "data", "--json").stdout)["path"] == "root"
    convos = invoke("convo", "list", *key, *at, "--json")
    assert json.loads(convos.stdout)["id"] == created.stdout.strip()
    assert invoke("convo", "list", *key, "--json").stdout == convos.stdout  # the key alone leads there


def test_what_the_server_refuses_is_a_sentence(here: str) -> None:
    invoke("account", "create", "carol", "--data", "data")
    carol = ("--key", "carol.key.json", "--url", here)
    taken = invoke("account", "create", "carol", "--data", "data", "--out", "other.key.json")
    assert "carol already" in taken.stderr
    assert not Path("other.key.json").exists()
    lonely = invoke("convo", "create", *carol, "--member", "nobody", "--group-key", "x.group.json")
    assert "needs a device" in lonely.stderr
    foreign = invoke("send", *carol, "--raw", "--convo", "aaaaaaaaaaaaaaaaaaaaaaaaaa", stdin="x" * 512)
    assert "no such conversation" in foreign.stderr
    elsewhere = invoke("convo", "list", *carol, "--aud", "did:web:elsewhere.example")
    assert "--aud" in elsewhere.stderr
    for done in (taken, lonely, foreign, elsewhere):
        assert done.exit_code == 1
        assert "Traceback" not in done.output


def test_an_operator_disables_enables_and_recovers_an_account_of_a_running_server(here: str) -> None:
    invoke("account", "create", "dora", "--data", "data")
    dora = ("convo", "list", "--key", "dora.key.json", "--url", here)
    assert invoke(*dora).exit_code == 0
    assert invoke("account", "disable", "dora", "--data", "data").exit_code == 0
    refused = invoke(*dora)
    assert (refused.exit_code, "disabled" in refused.stderr) == (1, True)
    rows = map(json.loads, invoke("account", "list", "--data", "data", "--json").stdout.splitlines())
    assert {row["name"]: row["status"] for row in rows}["dora"] == "disabled"
    assert invoke("account", "enable", "dora", "--data", "data").exit_code == 0
    assert invoke(*dora).exit_code == 0

    done = invoke("account", "recover", "dora", "--data", "data", "--out", "dora.new.key.json")
    assert done.exit_code == 0, done.output
    assert invoke(*dora).exit_code == 1
    new = ("convo", "list", "--key", "dora.new.key.json", "--url", here)
    assert invoke(*new).exit_code == 0
    nobody = invoke("account", "recover", "nobody", "--data", "data")
    assert (nobody.exit_code, Path("nobody.key.json").exists()) == (1, False)


def test_a_second_server_on_the_folder_is_refused_in_a_sentence(server: tuple[Path, str]) -> None:
    folder, _ = server
    second = rookery(folder, "serve", "--data", "data", "--port", "0", "--set", "admin.port=0")
    assert second.returncode == 1
    assert "in use by another Rookery server" in second.stderr
    assert "Traceback" not in second.stderr


def test_sigterm_ends_a_server_with_exit_code_zero(tmp_path: Path) -> None:
    async def scenario() -> int:
        process = ServerProcess(tmp_path, free_port())
        await process.start()
        status = await ControlClient(process.data).ask("status", answer=ServerStatus)
        assert status.public_url.endswith(process.url.rpartition(":")[2])
        running = process._process
        assert running is not None
        running.send_signal(signal.SIGTERM)
        with trio.fail_after(30):
            code = await running.wait()
        await process.stop()
        return code

    assert trio.run(scenario) == 0


def test_the_demo_holds_and_says_so_in_plain_text_where_nobody_looks() -> None:
    """The main job on real processes: exit code 0 means that the judge found no fault."""
    done = rookery(Path.cwd(), "demo", "--messages", "24")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    assert "kill -9" in done.stdout
    assert "It held" in done.stdout
    assert "no forward secrecy" in " ".join(done.stdout.split())
