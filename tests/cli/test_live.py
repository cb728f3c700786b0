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

from router.admin import ControlClient
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("first-day")
    process = ServerProcess(folder, free_port())
    trio.run(process.start)
    try:
        yield folder, process.url
    finally:
        trio.run(process.stop)


def test_a_first_day(server: tuple[Path, str]) -> None:
    folder, url = server
    for name in ("alice", "bob"):
        made = rookery(folder, "account", "create", name, "--data", "data")
        assert made.returncode == 0, made.stderr
    key, at = ("--key", "alice.key.json"), ("--url", url)
    assert rookery(folder, "convo", "list", "--key", "bob.key.json", *at).returncode == 0
    created = rookery(folder, "convo", "create", *key, *at, "--member", "bob", "--group-key", "g.group.json")
    assert created.returncode == 0, created.stderr
    sealed = ("--group-key", "g.group.json")
    assert rookery(folder, "send", *key, *at, *sealed, "Hello, \x1b[31mrooks").returncode == 0
    lines = rookery(folder, "send", *key, *at, *sealed, "--lines", "--json", stdin="one\ntwo\n")
    assert [json.loads(line)["seq"] for line in lines.stdout.splitlines()] == [3, 4]

    bob = ("--key", "bob.key.json", *at)
    heard = rookery(folder, "tail", *bob, *sealed, "--limit", "3")
    assert heard.returncode == 0, heard.stderr
    assert "alice: Hello, \N{REPLACEMENT CHARACTER}[31mrooks" in heard.stdout  # it drives no terminal
    rest = rookery(folder, "tail", *bob, *sealed, "--limit", "1", "--json")
    assert json.loads(rest.stdout)["text"] == "two"  # goes on behind what was shown
    again = rookery(folder, "tail", *bob, "--from-start", "--limit", "4", "--json")
    assert [json.loads(line)["seq"] for line in again.stdout.splitlines()] == [1, 2, 3, 4]
    assert "text" not in again.stdout  # without a key there is none

    listed = rookery(folder, "account", "list", "--data", "data", "--json")
    assert len(listed.stdout.splitlines()) == 2
    tree = rookery(folder, "tree", "--data", "data")
    assert "root" in tree.stdout
    assert "conversations" in tree.stdout


def test_what_the_server_refuses_is_a_sentence(server: tuple[Path, str]) -> None:
    folder, url = server
    rookery(folder, "account", "create", "carol", "--data", "data")
    carol = ("--key", "carol.key.json", "--url", url)
    taken = rookery(folder, "account", "create", "carol", "--data", "data", "--out", "other.key.json")
    assert taken.returncode == 1
    assert "carol already" in taken.stderr
    lonely = rookery(folder, "convo", "create", *carol, "--member", "nobody", "--group-key", "x.group.json")
    assert lonely.returncode == 1
    assert "needs a device" in lonely.stderr
    foreign = rookery(
        folder, "send", *carol, "--raw", "--convo", "aaaaaaaaaaaaaaaaaaaaaaaaaa", stdin="x" * 512
    )
    assert foreign.returncode == 1
    assert "no such conversation" in foreign.stderr
    for done in (taken, lonely, foreign):
        assert "Traceback" not in done.stderr


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


def test_the_demo_holds_and_says_so() -> None:
    done = rookery(Path.cwd(), "demo", "--messages", "24", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["held"] is True
    assert report["acknowledged"] == 24
    assert report["unansweredAtKill"] > 0
    assert [device["inOrderOnce"] for device in report["devices"]] == [True] * 6


def test_the_demo_is_plain_text_where_nobody_looks() -> None:
    done = rookery(Path.cwd(), "demo", "--messages", "12")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "kill -9" in done.stdout
    assert "It held" in done.stdout
    assert "no forward secrecy" in " ".join(done.stdout.split())
