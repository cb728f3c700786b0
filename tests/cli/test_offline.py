"""Commands that need no server, run for real on a folder of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from protocol import AccountDid
from router.admin import ControlRefused
from router.cli import cli
from router.cli.address import address_of
from router.cli.failures import CannotDo
from router.client import directory
from router.client.home import home_service
from router.demo.process import free_port
from router.identity.keys import load_account_key


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ROOKERY_"):
            monkeypatch.delenv(name)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(arguments), input=stdin)


def test_an_account_is_made_without_a_server() -> None:
    result = run("account", "create", "alice")
    assert result.exit_code == 0
    assert result.stdout == "did:web:alice.localhost%3A3000\n"
    key = load_account_key(Path("alice.key.json"))
    assert key.did == "did:web:alice.localhost%3A3000"
    assert Path("alice.key.json").stat().st_mode & 0o777 == 0o600
    listed = run("account", "list", "--json")
    assert json.loads(listed.stdout) == {
        "did": key.did,
        "name": "alice",
        "verificationKey": key.verification_key,
        "status": "active",
        "passkeys": 0,
    }
    assert key.did in run("account", "show", "alice").stdout


PLC = "did:plc:abcdefghijklmnopqrstuvwx"


def listed() -> dict[str, str]:
    """Status by DID, as an operator is shown."""
    lines = run("account", "list", "--json").stdout.splitlines()
    return {row["did"]: row["status"] for row in map(json.loads, lines)}


def test_an_account_is_disabled_and_enabled_without_a_server() -> None:
    run("account", "create", "alice")
    did = load_account_key(Path("alice.key.json")).did
    first = run("account", "disable", "alice")
    assert first.stdout == f"{did} is disabled.\n"
    assert run("account", "disable", did).stdout == f"{did} is disabled, as it was before.\n"
    assert json.loads(run("account", "disable", PLC, "--json").stdout) == {"did": PLC, "changed": True}
    assert listed() == {did: "disabled", PLC: "disabled"}
    assert "disabled" in run("account", "show", "alice").stdout
    for account in (did, PLC):
        assert run("account", "enable", account).exit_code == 0
    assert listed() == {did: "active"}


@pytest.mark.parametrize("account", ["nobody", "did:web:nobody.localhost%3A3000", "did:", "A.b", "did:plc:"])
@pytest.mark.parametrize("command", ["disable", "enable"])
def test_an_account_that_is_not_there_is_told_in_a_sentence(command: str, account: str) -> None:
    result = run("account", command, account)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) == 1


def test_a_lost_account_gets_a_new_key_and_the_old_one_is_void() -> None:
    run("account", "create", "alice")
    old = load_account_key(Path("alice.key.json"))
    clash = run("account", "recover", "alice")
    assert clash.exit_code == 1
    assert "--out" in clash.stderr
    done = run("account", "recover", "alice", "--out", "new.key.json", "--curve", "p256")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{old.did}\n"
    new = load_account_key(Path("new.key.json"))
    assert (new.did, new.verification_key != old.verification_key) == (old.did, True)
    shown = json.loads(run("account", "show", "alice", "--json").stdout)
    assert shown["verificationKey"] == new.verification_key
    kept = run("account", "recover", old.did, "--out", "third.key.json", "--keep-devices", "--json")
    assert json.loads(kept.stdout)["devices"] == 0


def test_a_recovery_that_fails_leaves_no_key_file() -> None:
    for account in ("nobody", PLC):
        result = run("account", "recover", account, "--out", "x.key.json")
        assert result.exit_code == 1
        assert not Path("x.key.json").exists()
        assert "Traceback" not in result.output


def test_the_did_follows_the_servers_settings() -> None:
    result = run("account", "create", "bob", "--set", "server.public_url=https://chat.example.com")
    assert result.stdout == "did:web:bob.chat.example.com\n"


def test_a_name_that_is_taken_leaves_no_key_file() -> None:
    run("account", "create", "alice")
    result = run("account", "create", "alice", "--out", "second.key.json")
    assert result.exit_code == 1
    assert "another name" in result.stderr
    assert not Path("second.key.json").exists()


@pytest.mark.parametrize(("error", "kept"), [("OutcomeUnknown", True), ("NotEnoughResources", False)])
def test_a_key_stays_where_its_account_may_have_been_made(
    error: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def create(_self: object, _name: str, _key: str) -> None:
        raise ControlRefused(error, "the store is in trouble")

    monkeypatch.setattr(directory._Folder, "create", create)
    assert run("account", "create", "alice").exit_code == 1
    assert Path("alice.key.json").exists() is kept


def test_a_key_file_is_never_overwritten() -> None:
    run("account", "create", "alice")
    before = Path("alice.key.json").read_bytes()
    result = run("account", "create", "alice")
    assert (result.exit_code, Path("alice.key.json").read_bytes()) == (1, before)
    assert "--out" in result.stderr


@pytest.mark.parametrize("name", ["admin", "Alice", "a.b", "", "-x", "xn--abc"])
def test_a_name_that_will_not_do_is_told_why(name: str) -> None:
    result = run("account", "create", "--", name)
    assert result.exit_code == 1
    assert "name" in result.stderr
    assert "Traceback" not in result.output


def test_a_free_port_is_no_name_for_accounts() -> None:
    result = run("account", "create", "alice", "--set", "server.port=0")
    assert result.exit_code == 1
    assert "server.public_url" in result.stderr


def test_a_token_is_one_line_or_a_value() -> None:
    run("account", "create", "alice")
    key = load_account_key(Path("alice.key.json"))
    line = run("token", "--key", "alice.key.json", "--lxm", "chat.rookery.getConvos").stdout
    assert line.count(".") == 2
    value = json.loads(
        run("token", "--key", "alice.key.json", "--lxm", "chat.rookery.getConvos", "--json").stdout
    )
    assert value["aud"] == home_service(key.did) + "#atproto_mls"
    assert value["iss"] == key.did


def test_a_token_for_no_method_is_refused_with_a_guess() -> None:
    run("account", "create", "alice")
    result = run("token", "--key", "alice.key.json", "--lxm", "chat.bsky.getConvos")
    assert result.exit_code == 2
    assert "chat.rookery.getConvos" in result.output


def test_a_missing_key_file_says_how_to_make_one() -> None:
    result = run("token", "--key", "carol.key.json", "--lxm", "chat.rookery.getConvos")
    assert result.exit_code == 1
    assert "rookery account create carol" in result.stderr


def test_a_key_file_open_to_others_says_how_to_mend_it() -> None:
    run("account", "create", "alice")
    Path("alice.key.json").chmod(0o644)
    result = run("token", "--key", "alice.key.json", "--lxm", "chat.rookery.getConvos")
    assert result.exit_code == 1
    assert "chmod 600" in result.stderr


def test_migrate_says_what_the_database_is() -> None:
    first = json.loads(run("migrate", "--json").stdout)
    assert first["version"] == first["known"]
    assert run("migrate").exit_code == 0


def test_settings_are_shown_checked_and_explained() -> None:
    assert "port = 3001  # command line" in run("config", "show", "--set", "server.port=3001").stdout
    shown = json.loads(run("config", "show", "--json").stdout)
    assert shown["server.port"] == {"value": 3000, "from": "default"}
    assert run("config", "check").exit_code == 0
    assert "| `port` |" in run("config", "doc").stdout


def test_settings_that_cannot_be_run_with_are_exit_code_one() -> None:
    result = run("config", "check", "--set", "server.host=0.0.0.0")
    assert result.exit_code == 1
    assert "TLS" in result.output
    assert (
        json.loads(run("config", "check", "--json", "--set", "server.host=0.0.0.0").stdout)[0]["severity"]
        == "refuse"
    )


def test_a_wrong_setting_is_told_with_the_right_name() -> None:
    result = run("config", "show", "--set", "server.prot=1")
    assert result.exit_code == 1
    assert "server.port" in result.stderr
    assert run("config", "show", "--set", "nonsense").exit_code == 2


def test_no_server_is_said_in_a_sentence() -> None:
    result = run("tree")
    assert result.exit_code == 1
    assert "rookery serve" in result.stderr
    run("account", "create", "alice")
    result = run("convo", "list", "--key", "alice.key.json", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "Is the server running" in result.stderr
    assert "tried http://127.0.0.1:9, as --url says" in result.stderr


def test_without_a_url_the_server_of_the_keys_did_is_tried_and_named() -> None:
    port = free_port()  # nobody listens there
    run("account", "create", "alice", "--set", f"server.port={port}")
    result = run("convo", "list", "--key", "alice.key.json")
    assert result.exit_code == 1
    assert f"tried http://localhost:{port}, as the account's DID says" in result.stderr
    assert f"did:web:alice.localhost%3A{port}" in result.stderr


@pytest.mark.parametrize(
    ("did", "url"),
    [
        ("did:web:alice.localhost%3A3001", "http://localhost:3001"),
        ("did:web:alice.localhost%3a3001", "http://localhost:3001"),
        ("did:web:alice.localhost", "http://localhost"),
        ("did:web:alice.127.0.0.1%3A3001", "http://127.0.0.1:3001"),
        ("did:web:alice.chat.example.com", "https://chat.example.com"),
        ("did:web:alice.chat.example.com%3A8443", "https://chat.example.com:8443"),
    ],
)
def test_a_did_leads_to_its_server_unless_a_url_is_given(did: str, url: str) -> None:
    assert address_of(AccountDid(did), None).url == url
    assert address_of(AccountDid(did), "http://10.0.0.1:9").url == "http://10.0.0.1:9"


def test_a_did_that_leads_nowhere_asks_for_the_url() -> None:
    with pytest.raises(CannotDo, match="give --url"):
        address_of(AccountDid("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"), None)


def test_debug_shows_the_traceback_instead() -> None:
    result = run("--debug", "tree")
    assert result.exception is not None
    assert not isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "--key", "k", "text"],
        ["send", "--key", "k", "--raw", "--group-key", "g"],
        ["send", "--key", "k", "--raw", "--convo", "c", "text"],
        ["send", "--key", "k", "--group-key", "g", "--lines", "text"],
    ],
)
def test_send_wants_one_way_of_sealing(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_raw_bytes_of_no_padded_size_are_told_the_right_one() -> None:
    run("account", "create", "alice")
    result = run("send", "--key", "alice.key.json", "--raw", "--convo", "c", stdin="x" * 600)
    assert result.exit_code == 2
    assert "1024" in result.output


@pytest.mark.system
def test_a_reader_that_goes_away_is_no_failure() -> None:
    command = f"{sys.executable} -m router config doc; echo $? >&2"
    done = subprocess.run(["sh", "-c", f"({command}) | true"], capture_output=True, check=True, text=True)
    assert done.stderr.strip() == "0"


@pytest.mark.system
def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "router", "--version"], capture_output=True, check=True)
    assert done.stdout.startswith(b"rookery, version ")
