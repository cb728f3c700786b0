"""Files that others may open keep the server from starting, with the command that mends it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli import cli
from router.config import Finding, Severity, check_files, load

TOKEN = "0123456789abcdef0123456789abcdef"


def judged(folder: Path, file: Path | None = None, **environ: str) -> tuple[Finding, ...]:
    return check_files(load(file, environ=environ, overrides={"store.path": str(folder)}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    for name in ("server-secret.json", "token-key-0001.json", "rookery.sqlite3"):
        (made / name).write_text("x")
        (made / name).chmod(0o600)
    return made


def test_what_only_the_owner_can_open_is_good(folder: Path, tmp_path: Path) -> None:
    assert judged(folder) == ()
    assert judged(tmp_path / "not there yet") == ()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
@pytest.mark.parametrize("name", ["server-secret.json", "token-key-0001.json", "rookery.sqlite3"])
def test_a_key_or_a_database_that_others_can_read_is_refused(folder: Path, name: str, mode: int) -> None:
    (folder / name).chmod(mode)
    (finding,) = judged(folder)
    assert finding.severity is Severity.REFUSE
    assert name in finding.wrong
    assert "chmod" in finding.mend


def test_a_folder_that_others_can_write_is_refused(folder: Path) -> None:
    folder.chmod(0o777)
    (finding,) = judged(folder)
    assert "may be changed by others" in finding.wrong


def test_a_settings_file_with_a_secret_is_nobody_elses(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "rookery.toml"
    file.write_text(f'[admin]\ntoken = "{TOKEN}"\n')
    file.chmod(0o644)
    (finding,) = judged(folder, file)
    assert finding.about == ("admin.token",)
    assert f"chmod 600 {file}" in finding.mend
    assert TOKEN not in str(finding)
    file.chmod(0o600)
    assert judged(folder, file) == ()
    file.write_text("[server]\nport = 3001\n")
    file.chmod(0o644)
    assert judged(folder, file) == (), "settings that are no secret may be read by all"
    assert judged(folder, None, ROOKERY_ADMIN__TOKEN=TOKEN) == ()


def test_the_command_refuses_to_serve(folder: Path) -> None:
    (folder / "server-secret.json").chmod(0o644)
    refused = CliRunner().invoke(cli, ["serve", "--data", str(folder), "--port", "0"])
    assert refused.exit_code == 1
    assert "server-secret.json" in refused.output
    assert CliRunner().invoke(cli, ["config", "check", "--data", str(folder)]).exit_code == 1
